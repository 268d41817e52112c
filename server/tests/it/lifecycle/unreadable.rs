//! Stripe cannot be read, or says what we do not understand.

use super::support::{days, incidents, seen, subscription, words};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::{Person, World};
use sandbox::faults::{Fault, FaultRule, Target};
use std::time::Duration;

fn break_stripe(world: &World) {
    world.sandbox.with(|w| {
        let fault = Fault::Answer {
            status: 503,
            effect: false,
        };
        w.faults
            .add(FaultRule::always(Target::Stripe, fault).at("GET", "/v1/subscriptions"));
    });
}

/// Ada, whose renewal failed 5 days ago: two days of grace are left.
async fn in_grace(world: &World) -> Person<'_> {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let customer = ada.customer().await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        let kind = sandbox::stripe::CardKind::AttachThenFail;
        w.stripe.set_default_card(now, &customer, kind).unwrap();
        w.stripe.settings.retry_days = vec![60];
    });
    days(world, 31).await;
    days(world, 5).await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("grace", "payment_missing"));
    assert!(now.roles);
    ada
}

async fn time_alone_withdraws_only_after_a_day_without_stripe(world: &World) {
    let mut ada = in_grace(world).await;
    let until = seen(world, &mut ada, "Patron").await.until.unwrap();
    break_stripe(world);
    let left = until - world.state.clock.policy_ms();
    world.advance(Duration::from_millis(left.unsigned_abs()) + Duration::from_mins(20));
    world.work().await;
    // Its time is over, and nobody can say whether it was paid: it is held, and told.
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("grace", "payment_missing"));
    assert!(now.roles);
    assert_eq!(incidents(world).await, ["stripe_unreadable"]);
    world.advance(Duration::from_hours(23));
    world.work().await;
    assert!(seen(world, &mut ada, "Patron").await.roles);
    world.advance(Duration::from_hours(1));
    world.work().await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("denied", "grace_over"));
    assert!(!now.roles);
    let (actor, detail): (String, String) = sqlx::query_as(
        "SELECT actor, detail FROM audit WHERE event = 'entitlement' ORDER BY at DESC LIMIT 1",
    )
    .fetch_one(world.state.db.reader())
    .await
    .unwrap();
    assert_eq!(actor, "timer");
    assert!(
        detail.contains("grace_over") && detail.contains("could not be read"),
        "{detail}"
    );
    assert_eq!(incidents(world).await, ["stripe_down", "stripe_unreadable"]);
    world.sandbox.with(|w| w.faults.clear());
    world.advance(Duration::from_mins(16));
    world.settle().await;
    assert!(incidents(world).await.is_empty());
}
on_both!(time_alone_withdraws_only_after_a_day_without_stripe);

async fn paid_while_stripe_could_not_be_read_is_never_withdrawn(world: &World) {
    let mut ada = in_grace(world).await;
    let customer = ada.customer().await;
    break_stripe(world);
    days(world, 2).await;
    world.advance(Duration::from_hours(1));
    world.work().await;
    assert_eq!(incidents(world).await, ["stripe_down", "stripe_unreadable"]);
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        let kind = sandbox::stripe::CardKind::Visa;
        w.stripe.set_default_card(now, &customer, kind).unwrap();
        w.faults.clear();
    });
    pay_open_invoice(world, &customer);
    world.advance(Duration::from_mins(16));
    world.settle().await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("granted", "paid"));
    assert!(now.roles);
    assert!(incidents(world).await.is_empty());
}
on_both!(paid_while_stripe_could_not_be_read_is_never_withdrawn);

fn pay_open_invoice(world: &World, customer: &str) {
    let open = super::support::ask(
        world,
        "GET",
        "/v1/invoices",
        &format!("customer={customer}&status=open"),
    );
    let id = open["data"][0]["id"].as_str().unwrap();
    super::support::ask(world, "POST", &format!("/v1/invoices/{id}/pay"), "");
}

async fn a_status_nobody_knows_changes_nothing_and_is_told(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let id = subscription(world).await;
    world
        .sandbox
        .with(|w| w.stripe.say_of_subscription(&id, Some("suspended_by_moon")));
    days(world, 32).await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.status, "suspended_by_moon");
    assert_eq!(now.access, words("hold", "unknown_status"));
    assert!(now.roles);
    assert_eq!(now.heading, "We are checking your membership.");
    assert_eq!(incidents(world).await, ["drift"]);
    // It is asked again every day, and one day it is understood.
    world
        .sandbox
        .with(|w| w.stripe.say_of_subscription(&id, None));
    days(world, 1).await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("granted", "paid"));
    assert!(now.roles && incidents(world).await.is_empty());
}
on_both!(a_status_nobody_knows_changes_nothing_and_is_told);

/// A revoked key parks nobody whose access ends by time: that is withdrawn a day late, not never.
async fn a_revoked_key_does_not_keep_access_for_good(world: &World) {
    let mut ada = in_grace(world).await;
    world.sandbox.with(|w| {
        let fault = Fault::Answer {
            status: 401,
            effect: false,
        };
        w.faults.add(FaultRule::always(Target::Stripe, fault));
    });
    let end = seen(world, &mut ada, "Patron").await.until.unwrap();
    super::support::until(world, end + super::support::MINUTE_MS).await;
    assert!(seen(world, &mut ada, "Patron").await.roles);
    assert!(incidents(world).await.contains(&"stripe_unreadable".into()));
    days(world, 1).await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("denied", "grace_over"));
    assert!(!now.roles);
    // Started again with a key that is valid.
    world.sandbox.with(|w| w.faults.clear());
    server::sync::health::started(&world.state).await.unwrap();
    days(world, 1).await;
    assert_eq!(incidents(world).await, Vec::<String>::new());
}
on_both!(a_revoked_key_does_not_keep_access_for_good);
