//! Trials: begun, told before they end, paid or paused at their end, and given once.

use super::support::{Seen, ask, days, heading, seen, subscription, words};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::{Person, World};
use sandbox::stripe::CardKind;

/// Gives the plan two weeks of trial, as an operator does in Stripe's product metadata.
async fn with_trial(world: &World) {
    let product: String = sqlx::query_scalar("SELECT id FROM plans WHERE name = 'Patron'")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let form = "metadata[rollcall_trial_days]=14";
    ask(world, "POST", &format!("/v1/products/{product}"), form);
    world.settle().await;
}

async fn on_trial(world: &World) -> (Person<'_>, Seen) {
    with_trial(world).await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let now = seen(world, &mut ada, "Patron").await;
    (ada, now)
}

/// Whether a checkout begun now would begin with a trial; it is left open.
async fn trial_is_due(world: &World, person: &mut Person<'_>) -> bool {
    let price = world.price("Patron").await;
    let page = person.start_checkout(&price).await;
    let session = crate::support::session_of(&page);
    sqlx::query_scalar::<_, Option<i64>>("SELECT trial_days FROM checkouts WHERE session_id = $1")
        .bind(session)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap()
        .is_some()
}

fn events(world: &World, kind: &str) -> usize {
    let state = world.sandbox.with(|w| w.stripe.state_json());
    let events = state["events"].as_array().unwrap();
    events.iter().filter(|event| event["type"] == kind).count()
}

async fn a_trial_opens_at_once_and_turns_into_a_paid_membership(world: &World) {
    let (mut ada, now) = on_trial(world).await;
    assert_eq!(now.status, "trialing");
    assert_eq!(now.access, words("granted", "trial"));
    assert!(now.roles);
    assert!(
        now.heading
            .starts_with("You’re in, on trial. First payment of 79 €"),
        "{}",
        now.heading
    );
    days(world, 12).await;
    assert_eq!(events(world, "customer.subscription.trial_will_end"), 1);
    assert_eq!(seen(world, &mut ada, "Patron").await.access.1, "trial");
    days(world, 3).await;
    let paid = seen(world, &mut ada, "Patron").await;
    assert_eq!(paid.status, "active");
    assert_eq!(paid.access, words("granted", "paid"));
    assert!(paid.roles && paid.heading.starts_with("You’re in. Renews on"));
}
on_both!(a_trial_opens_at_once_and_turns_into_a_paid_membership);

/// Not charged, not past due: paused, until there is a card.
async fn a_trial_that_ends_without_a_card_is_paused(world: &World) {
    let (mut ada, _) = on_trial(world).await;
    let customer = ada.customer().await;
    let cards = ask(
        world,
        "GET",
        "/v1/payment_methods",
        &format!("customer={customer}"),
    );
    for card in cards["data"].as_array().unwrap() {
        let id = card["id"].as_str().unwrap();
        ask(
            world,
            "POST",
            &format!("/v1/payment_methods/{id}/detach"),
            "",
        );
    }
    days(world, 15).await;
    let paused = seen(world, &mut ada, "Patron").await;
    assert_eq!(paused.status, "paused");
    assert_eq!(paused.access, words("denied", "paused"));
    assert!(!paused.roles);
    assert_eq!(paused.heading, "Your trial is over. Add a card to go on.");
    let id = subscription(world).await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe
            .set_default_card(now, &customer, CardKind::Visa)
            .unwrap();
    });
    let form = "billing_cycle_anchor[type]=now&payment_behavior=resume_on_payment_success";
    ask(
        world,
        "POST",
        &format!("/v1/subscriptions/{id}/resume"),
        form,
    );
    world.settle().await;
    let back = seen(world, &mut ada, "Patron").await;
    assert_eq!(back.access, words("granted", "paid"));
    assert!(back.roles);
}
on_both!(a_trial_that_ends_without_a_card_is_paused);

async fn a_trial_cancelled_lasts_to_its_end(world: &World) {
    let (mut ada, _) = on_trial(world).await;
    let id = subscription(world).await;
    let end: Option<i64> = sqlx::query_scalar("SELECT trial_end FROM subscriptions")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_later(now, &id, true, false).unwrap();
    });
    world.settle().await;
    let ending = seen(world, &mut ada, "Patron").await;
    assert!(ending.roles);
    assert_eq!(ending.until, end);
    days(world, 15).await;
    let over = seen(world, &mut ada, "Patron").await;
    assert_eq!(over.access, words("denied", "ended"));
    assert!(!over.roles);
}
on_both!(a_trial_cancelled_lasts_to_its_end);

/// Once per Discord account: an end, a deleted customer and a second customer change nothing.
async fn a_trial_is_given_once_per_account(world: &World) {
    let (mut ada, now) = on_trial(world).await;
    assert!(now.until.is_none() && now.roles);
    let id = subscription(world).await;
    let customer = ada.customer().await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_now(now, &id).unwrap();
    });
    world.settle().await;
    assert!(!trial_is_due(world, &mut ada).await);
    world.sandbox.with(|w| w.stripe.delete_customer(&customer));
    world.settle().await;
    assert_eq!(heading(&mut ada).await.split(' ').next(), Some("Your"));
    assert!(!trial_is_due(world, &mut ada).await);
    assert_eq!(world.count("SELECT COUNT(*) FROM customers").await, 2);
}
on_both!(a_trial_is_given_once_per_account);

/// What never began has used no trial up; what began unheard of has.
async fn only_what_never_began_leaves_the_trial_due(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let price = world.price("Patron").await;
    ada.start_checkout(&price).await;
    let customer = ada.customer().await;
    let begin = |kind: CardKind| {
        world.sandbox.with(|w| {
            let now = w.clock.now_ms();
            w.stripe.set_default_card(now, &customer, kind).unwrap();
            w.stripe.subscribe(now, &customer, &price, 1, &[]).unwrap()
        })
    };
    begin(CardKind::AttachThenFail);
    days(world, 2).await;
    with_trial(world).await;
    assert_eq!(
        seen(world, &mut ada, "Patron").await.status,
        "incomplete_expired"
    );
    assert!(trial_is_due(world, &mut ada).await);
    // Begun and over before anybody told us: Stripe knows.
    world.sandbox.with(|w| {
        w.stripe
            .set_delivery_faults(sandbox::stripe::DeliveryFaults {
                drop: 100,
                ..Default::default()
            });
    });
    let id = begin(CardKind::Visa);
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_now(now, &id).unwrap();
    });
    world.advance(std::time::Duration::from_hours(24));
    assert!(!trial_is_due(world, &mut ada).await);
    world.settle().await;
}
on_both!(only_what_never_began_leaves_the_trial_due);
