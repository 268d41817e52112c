//! Refunds and disputes.

use super::support::{ask, days, incidents, seen, words};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::{Person, WEBHOOK_SECRET, World};
use sandbox::stripe::{DeliveryFaults, sign};

/// A member, and the charge that paid for it.
async fn patron(world: &World) -> (Person<'_>, String) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let customer = ada.customer().await;
    let charge = world
        .sandbox
        .with(|w| w.stripe.latest_charge(&customer).unwrap());
    (ada, charge)
}

fn refund(world: &World, charge: &str, amount: Option<i64>) -> String {
    world
        .sandbox
        .with(|w| w.stripe.refund_charge(charge, amount).unwrap())
}

fn dispute(world: &World, charge: &str) -> String {
    world
        .sandbox
        .with(|w| w.stripe.open_dispute(charge, "fraudulent").unwrap())
}

fn close(world: &World, dispute: &str, won: bool) {
    world
        .sandbox
        .with(|w| w.stripe.close_dispute(dispute, won).unwrap());
}

async fn a_full_refund_is_told_to_the_operator_and_access_stays(world: &World) {
    let (mut ada, charge) = patron(world).await;
    // In part first: nothing to tell.
    refund(world, &charge, Some(100));
    world.settle().await;
    assert!(incidents(world).await.is_empty());
    refund(world, &charge, None);
    world.settle().await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("granted", "paid"));
    assert!(now.roles && now.heading.starts_with("You’re in. Renews on"));
    assert_eq!(incidents(world).await, ["refund"]);
    let fate: String = sqlx::query_scalar("SELECT payment FROM subscriptions")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    assert_eq!(fate, "refunded");
    // What it paid for is over: so is the matter.
    days(world, 32).await;
    assert!(incidents(world).await.is_empty());
    assert!(seen(world, &mut ada, "Patron").await.roles);
}
on_both!(a_full_refund_is_told_to_the_operator_and_access_stays);

async fn a_dispute_denies_and_winning_it_restores(world: &World) {
    let (mut ada, charge) = patron(world).await;
    let dispute = dispute(world, &charge);
    world.settle().await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.status, "active");
    assert_eq!(now.access, words("denied", "disputed"));
    assert!(!now.roles);
    assert_eq!(
        now.heading,
        "You have no access: the payment for it was taken back."
    );
    assert_eq!(incidents(world).await, ["dispute"]);
    // Nobody tells us of the end: it is looked at every day.
    world.sandbox.with(|w| {
        w.stripe.set_delivery_faults(DeliveryFaults {
            drop: 100,
            ..DeliveryFaults::default()
        });
        w.stripe.close_dispute(&dispute, true).unwrap();
    });
    days(world, 2).await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("granted", "paid"));
    assert!(now.roles);
    assert!(incidents(world).await.is_empty());
}
on_both!(a_dispute_denies_and_winning_it_restores);

async fn a_lost_dispute_denies_its_period_and_a_renewal_pays_anew(world: &World) {
    let (mut ada, charge) = patron(world).await;
    let dispute = dispute(world, &charge);
    close(world, &dispute, false);
    world.settle().await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("denied", "disputed"));
    assert!(!now.roles);
    assert_eq!(incidents(world).await, ["dispute"]);
    days(world, 32).await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("granted", "paid"));
    assert!(now.roles);
    assert!(incidents(world).await.is_empty());
}
on_both!(a_lost_dispute_denies_its_period_and_a_renewal_pays_anew);

async fn a_dispute_heard_before_its_customer_counts_once_it_is_known(world: &World) {
    let (mut ada, charge) = patron(world).await;
    // The link is lost, as if the customer had never been known here.
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("DELETE FROM customers")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    dispute(world, &charge);
    world.settle().await;
    assert_eq!(
        seen(world, &mut ada, "Patron").await.access,
        words("denied", "disputed")
    );
    assert_eq!(incidents(world).await, ["dispute"]);
    let dispute = open_dispute_of(world, &charge);
    close(world, &dispute, true);
    world.settle().await;
    assert!(seen(world, &mut ada, "Patron").await.roles);
}
on_both!(a_dispute_heard_before_its_customer_counts_once_it_is_known);

fn open_dispute_of(world: &World, charge: &str) -> String {
    world.sandbox.with(|w| {
        let state = w.stripe.state_json();
        let disputes = state["disputes"].as_array().unwrap().clone();
        disputes
            .iter()
            .find(|dispute| dispute["charge"] == charge)
            .and_then(|dispute| dispute["id"].as_str().map(str::to_owned))
            .unwrap()
    })
}

/// The budget: what charges say comes from our rows, so a sync still costs one read of Stripe.
async fn a_sync_of_a_payer_with_a_refund_costs_one_read(world: &World) {
    let (_, charge) = patron(world).await;
    refund(world, &charge, Some(100));
    world.settle().await;
    let subscription = super::support::subscription(world).await;
    let before = world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe
            .cancel_later(now, &subscription, false, false)
            .unwrap();
        w.calls.total()
    });
    world.settle().await;
    assert_eq!(world.sandbox.with(|w| w.calls.total()), before + 1);
}
on_both!(a_sync_of_a_payer_with_a_refund_costs_one_read);

async fn a_policy_that_only_flags_disputes_keeps_access(world: &World) {
    let (mut ada, charge) = patron(world).await;
    let dispute = dispute(world, &charge);
    world.settle().await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("granted", "paid"));
    assert!(now.roles);
    assert_eq!(incidents(world).await, ["dispute"]);
    close(world, &dispute, true);
    world.settle().await;
}
on_both!(
    a_policy_that_only_flags_disputes_keeps_access,
    "ON_DISPUTE" = "flag"
);

async fn a_policy_that_denies_refunds_denies_the_whole_one_alone(world: &World) {
    let (mut ada, charge) = patron(world).await;
    refund(world, &charge, Some(100));
    world.settle().await;
    assert!(seen(world, &mut ada, "Patron").await.roles);
    refund(world, &charge, None);
    world.settle().await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("denied", "refunded"));
    assert!(!now.roles);
    assert_eq!(
        now.heading,
        "You have no access: the payment for it was taken back."
    );
    // The next period is paid anew.
    days(world, 32).await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("granted", "paid"));
    assert!(now.roles && incidents(world).await.is_empty());
}
on_both!(
    a_policy_that_denies_refunds_denies_the_whole_one_alone,
    "ON_REFUND" = "deny"
);

/// From here on no webhook arrives by itself.
fn lose_events(world: &World) {
    let faults = DeliveryFaults {
        drop: 100,
        ..DeliveryFaults::default()
    };
    world.sandbox.with(|w| w.stripe.set_delivery_faults(faults));
}

/// Delivers the newest event of that type and no other, with everything that follows.
async fn only(world: &World, kind: &str) {
    let id = world.sandbox.with(|w| w.stripe.latest_event(kind));
    let id = id.unwrap_or_else(|| panic!("no {kind}"));
    let event = ask(world, "GET", &format!("/v1/events/{id}"), "").to_string();
    let now = sandbox::clock::Clock::wall_ms() / 1000;
    let sent = reqwest::Client::new()
        .post(format!("{}/webhooks/stripe", world.base))
        .header("stripe-signature", sign(&event, WEBHOOK_SECRET, now))
        .body(event)
        .send()
        .await
        .unwrap();
    assert!(sent.status().is_success(), "{kind}");
    world.settle().await;
}

async fn access(world: &World, person: &mut Person<'_>) -> (String, bool) {
    let now = seen(world, person, "Patron").await;
    (now.access.1, now.roles)
}

/// The bank could not place the money: it counts as never given back.
async fn a_refund_that_fails_later_gives_access_back(world: &World) {
    let (mut ada, charge) = patron(world).await;
    lose_events(world);
    for told in ["refund.failed", "refund.updated"] {
        let given = refund(world, &charge, None);
        only(world, "refund.created").await;
        assert_eq!(access(world, &mut ada).await, ("refunded".into(), false));
        assert_eq!(incidents(world).await, ["refund"]);
        world
            .sandbox
            .with(|w| w.stripe.fail_refund(&given).unwrap());
        only(world, told).await;
        assert_eq!(
            access(world, &mut ada).await,
            ("paid".into(), true),
            "{told}"
        );
        assert!(incidents(world).await.is_empty());
    }
    // Of two halves one fails: what is left is a refund in part.
    let half = refund(world, &charge, Some(1_000));
    refund(world, &charge, None);
    only(world, "refund.created").await;
    assert_eq!(access(world, &mut ada).await, ("refunded".into(), false));
    world.sandbox.with(|w| w.stripe.fail_refund(&half).unwrap());
    only(world, "refund.failed").await;
    assert_eq!(access(world, &mut ada).await, ("paid".into(), true));
}
on_both!(
    a_refund_that_fails_later_gives_access_back,
    "ON_REFUND" = "deny"
);

async fn an_inquiry_takes_nothing_until_it_becomes_a_dispute(world: &World) {
    let (mut ada, charge) = patron(world).await;
    lose_events(world);
    let inquiry = world
        .sandbox
        .with(|w| w.stripe.open_inquiry(&charge, "general").unwrap());
    only(world, "charge.dispute.created").await;
    assert_eq!(access(world, &mut ada).await, ("paid".into(), true));
    assert!(incidents(world).await.is_empty());
    world
        .sandbox
        .with(|w| w.stripe.escalate_inquiry(&inquiry).unwrap());
    only(world, "charge.dispute.updated").await;
    assert_eq!(access(world, &mut ada).await, ("disputed".into(), false));
    assert_eq!(incidents(world).await, ["dispute"]);
    close(world, &inquiry, true);
    only(world, "charge.dispute.funds_reinstated").await;
    assert_eq!(access(world, &mut ada).await, ("paid".into(), true));
    assert!(incidents(world).await.is_empty());
}
on_both!(an_inquiry_takes_nothing_until_it_becomes_a_dispute);
