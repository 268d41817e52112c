//! Renewals: paid, missed, recovered, given up.

use super::support::{MINUTE_MS, ask, days, seen, until, words};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::{Person, World, logs::Logs};
use sandbox::faults::{Fault, FaultRule, Target};
use sandbox::stripe::{AfterLastRetry, CardKind, DeliveryFaults};
use std::time::Duration;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

async fn patron(world: &World) -> (Person<'_>, String) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let customer = ada.customer().await;
    (ada, customer)
}

fn give_card(world: &World, customer: &str, kind: CardKind) {
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.set_default_card(now, customer, kind).unwrap();
    });
}

/// To the moment the running period ends, and a little more.
async fn past_period_end(world: &World, more: Duration) {
    let end: i64 = sqlx::query_scalar("SELECT period_end FROM subscriptions")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let left = end - world.state.clock.policy_ms();
    world.advance(Duration::from_millis(left.unsigned_abs()) + more);
    world.settle().await;
}

async fn a_renewal_keeps_everything_as_it_is(world: &World) {
    let (mut ada, _) = patron(world).await;
    let first = seen(world, &mut ada, "Patron").await;
    let calls = world.sandbox.with(|w| w.discord.calls.iter().count());
    // For about an hour the invoice is a draft: still active.
    past_period_end(world, Duration::from_mins(10)).await;
    let drafted = seen(world, &mut ada, "Patron").await;
    assert_eq!(drafted.access, words("granted", "paid"));
    past_period_end(world, Duration::from_hours(4)).await;
    let renewed = seen(world, &mut ada, "Patron").await;
    assert_eq!(renewed.access, words("granted", "paid"));
    assert!(renewed.roles);
    assert!(renewed.heading.starts_with("You’re in. Renews on"));
    assert_ne!(renewed.heading, first.heading);
    let asked = world.sandbox.with(|w| {
        let of_ada = |path: &str| path.contains(&format!("/members/{ADA}"));
        w.discord
            .calls
            .iter()
            .skip(calls)
            .filter(|call| of_ada(&call.path))
            .count()
    });
    assert_eq!(asked, 0, "nothing changed for Discord");
}
on_both!(a_renewal_keeps_everything_as_it_is);

async fn a_missed_renewal_has_its_grace_and_paying_ends_it(world: &World) {
    let (mut ada, customer) = patron(world).await;
    give_card(world, &customer, CardKind::AttachThenFail);
    past_period_end(world, Duration::from_hours(2)).await;
    let open = ask(
        world,
        "GET",
        "/v1/invoices",
        &format!("customer={customer}&status=open"),
    );
    let finalized = open["data"][0]["status_transitions"]["finalized_at"]
        .as_i64()
        .unwrap();
    let late = seen(world, &mut ada, "Patron").await;
    assert_eq!(late.status, "past_due");
    assert_eq!(late.access, words("grace", "payment_missing"));
    // From the invoice, not from when it was heard of.
    assert_eq!(late.until, Some(finalized * 1000 + 7 * DAY_MS));
    assert!(late.roles);
    assert!(
        late.heading
            .starts_with("A payment is missing. You stay in until"),
        "{}",
        late.heading
    );
    assert!(ada.page("/billing").await.contains("Update your card"));
    // A second failure does not restart it.
    days(world, 4).await;
    assert_eq!(seen(world, &mut ada, "Patron").await.until, late.until);
    give_card(world, &customer, CardKind::Visa);
    let invoice = open["data"][0]["id"].as_str().unwrap();
    ask(world, "POST", &format!("/v1/invoices/{invoice}/pay"), "");
    world.settle().await;
    let paid = seen(world, &mut ada, "Patron").await;
    assert_eq!(paid.access, words("granted", "paid"));
    assert_eq!(paid.until, None);
    assert!(paid.roles && paid.heading.starts_with("You’re in. Renews on"));
}
on_both!(a_missed_renewal_has_its_grace_and_paying_ends_it);

async fn grace_ends_by_the_timer_though_no_event_comes(world: &World) {
    let (mut ada, customer) = patron(world).await;
    give_card(world, &customer, CardKind::AttachThenFail);
    world.sandbox.with(|w| {
        w.stripe.settings.retry_days = vec![60];
        w.stripe.set_delivery_faults(DeliveryFaults {
            drop: 100,
            ..DeliveryFaults::default()
        });
        // The list of events is no help either.
        let fault = Fault::Answer {
            status: 503,
            effect: false,
        };
        w.faults
            .add(FaultRule::always(Target::Stripe, fault).at("GET", "/v1/events"));
    });
    past_period_end(world, Duration::from_hours(6)).await;
    let late = seen(world, &mut ada, "Patron").await;
    assert_eq!(late.access, words("grace", "payment_missing"));
    let end = late.until.unwrap();
    until(world, end - MINUTE_MS).await;
    assert!(seen(world, &mut ada, "Patron").await.roles);
    until(world, end + MINUTE_MS).await;
    let over = seen(world, &mut ada, "Patron").await;
    assert_eq!(over.status, "past_due");
    assert_eq!(over.access, words("denied", "grace_over"));
    assert!(!over.roles);
    // On the day access ended, not on that of a period nobody paid.
    let day = app::page::dates::day(world.state.clock.policy_ms()).unwrap();
    assert_eq!(over.heading, format!("Your membership ended on {day}."));
    world.sandbox.with(|w| w.faults.clear());
    world.advance(Duration::from_mins(16));
    world.settle().await;
}
on_both!(grace_ends_by_the_timer_though_no_event_comes);

async fn given_up_by_stripe(world: &World, after: AfterLastRetry) -> super::support::Seen {
    let (mut ada, customer) = patron(world).await;
    world.sandbox.with(|w| {
        w.stripe.settings.retry_days = vec![1, 1];
        w.stripe.settings.after_last_retry = after;
    });
    give_card(world, &customer, CardKind::AttachThenFail);
    past_period_end(world, Duration::from_hours(2)).await;
    assert!(seen(world, &mut ada, "Patron").await.roles);
    days(world, 3).await;
    let over = seen(world, &mut ada, "Patron").await;
    assert!(!over.roles, "{over:?}");
    over
}

async fn unpaid_denies(world: &World) {
    let over = given_up_by_stripe(world, AfterLastRetry::MarkUnpaid).await;
    assert_eq!(over.status, "unpaid");
    assert_eq!(over.access, words("denied", "unpaid"));
    assert!(
        over.heading.starts_with("Your membership ended"),
        "{}",
        over.heading
    );
}
on_both!(unpaid_denies);

async fn cancelled_after_the_last_try_denies(world: &World) {
    let over = given_up_by_stripe(world, AfterLastRetry::Cancel).await;
    assert_eq!(over.status, "canceled");
    assert_eq!(over.access, words("denied", "ended"));
}
on_both!(cancelled_after_the_last_try_denies);

/// Left past due by Stripe for good: our own grace ends it.
async fn left_past_due_ends_with_the_grace(world: &World) {
    let (mut ada, customer) = patron(world).await;
    world.sandbox.with(|w| {
        w.stripe.settings.retry_days = vec![1];
        w.stripe.settings.after_last_retry = AfterLastRetry::LeavePastDue;
    });
    give_card(world, &customer, CardKind::AttachThenFail);
    past_period_end(world, Duration::from_hours(2)).await;
    days(world, 5).await;
    assert!(seen(world, &mut ada, "Patron").await.roles);
    days(world, 3).await;
    let over = seen(world, &mut ada, "Patron").await;
    assert_eq!(over.status, "past_due");
    assert_eq!(over.access, words("denied", "grace_over"));
    // Paid after all, weeks later: back at once.
    days(world, 10).await;
    give_card(world, &customer, CardKind::Visa);
    let open = ask(
        world,
        "GET",
        "/v1/invoices",
        &format!("customer={customer}&status=open"),
    );
    let invoice = open["data"][0]["id"].as_str().unwrap();
    ask(world, "POST", &format!("/v1/invoices/{invoice}/pay"), "");
    world.settle().await;
    let back = seen(world, &mut ada, "Patron").await;
    assert_eq!(back.access, words("granted", "paid"));
    assert!(back.roles);
}
on_both!(left_past_due_ends_with_the_grace);

/// Two invoices open: the older one counts, and paying the newer alone is not enough for Stripe.
async fn the_oldest_unpaid_invoice_starts_the_grace(world: &World) {
    let (mut ada, customer) = patron(world).await;
    world.sandbox.with(|w| {
        w.stripe.settings.retry_days = vec![90];
        w.stripe.settings.after_last_retry = AfterLastRetry::LeavePastDue;
    });
    give_card(world, &customer, CardKind::AttachThenFail);
    past_period_end(world, Duration::from_hours(2)).await;
    let first = seen(world, &mut ada, "Patron").await.until;
    days(world, 32).await;
    let since: Option<i64> = sqlx::query_scalar("SELECT unpaid_since FROM subscriptions")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    assert_eq!(since.map(|since| since + 7 * DAY_MS), first);
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("denied", "grace_over"));
}
on_both!(the_oldest_unpaid_invoice_starts_the_grace);

/// Stripe cannot finish the invoice: nobody is charged and nobody loses anything; the operator is told.
async fn an_invoice_that_cannot_be_finalised_is_told_and_costs_no_access(world: &World) {
    let (mut ada, customer) = patron(world).await;
    world.sandbox.with(|w| {
        w.stripe.settings.finalization_error = Some("customer_tax_location_invalid");
    });
    let logs = Logs::capture();
    past_period_end(world, Duration::from_hours(4)).await;
    logs.has(&[
        "an invoice cannot be finalised",
        "code=customer_tax_location_invalid",
    ]);
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("granted", "paid"));
    assert!(now.roles);
    assert_eq!(super::support::incidents(world).await, ["invoice"]);
    let page = ada.page("/billing").await;
    assert!(page.contains("Your latest invoice could not be drawn up."));
    assert!(!page.contains("customer_tax_location_invalid"));
    let drafts = ask(
        world,
        "GET",
        "/v1/invoices",
        &format!("customer={customer}&status=draft"),
    );
    let invoice = drafts["data"][0]["id"].as_str().unwrap();
    ask(world, "POST", &format!("/v1/invoices/{invoice}/pay"), "");
    world.settle().await;
    assert!(super::support::incidents(world).await.is_empty());
    assert!(!ada.page("/billing").await.contains("could not be drawn up"));
}
on_both!(an_invoice_that_cannot_be_finalised_is_told_and_costs_no_access);
