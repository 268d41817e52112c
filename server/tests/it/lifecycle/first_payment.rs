//! The first payment: through, refused, asked back by the bank, or days under way.

use super::support::{days, has_all_or_none, heading, seen, words};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::{Person, World, session_of};
use std::time::Duration;

/// Puts the form on the hosted page; where the browser is led.
async fn submit(page: &str, form: &[(&str, &str)]) -> String {
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let answer = http.post(page).form(form).send().await.unwrap();
    answer.headers()["location"].to_str().unwrap().to_owned()
}

fn card(number: &str) -> [(&str, &str); 3] {
    [("card_number", number), ("exp", "12/34"), ("cvc", "123")]
}

async fn checkout(world: &World, person: &mut Person<'_>) -> String {
    let price = world.price("Patron").await;
    person.start_checkout(&price).await
}

async fn back(world: &World, person: &mut Person<'_>, page: &str) {
    let session = session_of(page);
    person
        .browser
        .get(&format!("/billing?session_id={session}"))
        .await;
    world.settle().await;
}

async fn a_refused_first_payment_starts_nothing_and_a_better_card_does(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let page = checkout(world, &mut ada).await;
    for refused in ["4000000000000002", "4000000000009995", "4000000000000069"] {
        let to = submit(&page, &card(refused)).await;
        assert!(to.contains("/checkout/cs_"), "{to}");
    }
    world.settle().await;
    assert_eq!(ada.membership().await, None);
    assert_eq!(heading(&mut ada).await, "You have no membership yet.");
    assert!(!has_all_or_none(world, &ada, "Patron").await);
    submit(&page, &card("4242424242424242")).await;
    back(world, &mut ada, &page).await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("granted", "paid"));
    assert!(now.roles && now.heading.starts_with("You’re in. Renews on"));
}
on_both!(a_refused_first_payment_starts_nothing_and_a_better_card_does);

async fn the_banks_question_decides(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let page = checkout(world, &mut ada).await;
    let question = submit(&page, &card("4000002760003184")).await;
    assert!(question.ends_with("/authenticate"), "{question}");
    submit(&question, &[("result", "fail")]).await;
    world.settle().await;
    assert_eq!(ada.membership().await, None);
    let question = submit(&page, &card("4000002760003184")).await;
    submit(&question, &[("result", "complete")]).await;
    back(world, &mut ada, &page).await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!((now.status.as_str(), now.roles), ("active", true));
}
on_both!(the_banks_question_decides);

/// A subscription made at Stripe by hand, whose first payment fails: 23 hours, and it is over.
async fn a_first_payment_that_never_comes_expires(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let page = checkout(world, &mut ada).await;
    let customer = ada.customer().await;
    let price = world.price("Patron").await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        let kind = sandbox::stripe::CardKind::AttachThenFail;
        w.stripe.set_default_card(now, &customer, kind).unwrap();
        w.stripe.subscribe(now, &customer, &price, 1, &[]).unwrap();
    });
    world.settle().await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.status, "incomplete");
    assert_eq!(now.access, words("denied", "first_payment_missing"));
    assert_eq!(
        (now.roles, now.heading.as_str()),
        (false, "Your payment is on its way.")
    );
    // A second one must not start beside it.
    let to = checkout(world, &mut ada).await;
    assert_eq!(to, "/billing?already=member");
    world.advance(Duration::from_hours(24));
    world.settle().await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.status, "incomplete_expired");
    assert_eq!(
        (now.roles, now.heading.as_str()),
        (false, "You have no membership yet.")
    );
    // And then another may.
    assert_ne!(checkout(world, &mut ada).await, page);
}
on_both!(a_first_payment_that_never_comes_expires);

async fn debited(world: &World, person: &mut Person<'_>, iban: &str) {
    let page = checkout(world, person).await;
    let to = submit(&page, &[("email", "ada@example.org"), ("iban", iban)]).await;
    assert!(to.contains("/billing?session_id="), "{to}");
    back(world, person, &page).await;
}

async fn a_bank_debit_opens_when_the_bank_has_paid(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    debited(world, &mut ada, "DE89370400440532013000").await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.status, "incomplete");
    assert_eq!(
        (now.roles, now.heading.as_str()),
        (false, "Your payment is on its way.")
    );
    days(world, 2).await;
    assert!(!seen(world, &mut ada, "Patron").await.roles);
    days(world, 3).await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("granted", "paid"));
    assert!(now.roles && now.heading.starts_with("You’re in. Renews on"));
}
on_both!(a_bank_debit_opens_when_the_bank_has_paid);

async fn a_bank_debit_that_is_turned_down_leaves_nothing(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    debited(world, &mut ada, "DE62370400440532013001").await;
    days(world, 5).await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.status, "incomplete_expired");
    assert_eq!(now.access, words("denied", "first_payment_missing"));
    assert_eq!(
        (now.roles, now.heading.as_str()),
        (false, "You have no membership yet.")
    );
}
on_both!(a_bank_debit_that_is_turned_down_leaves_nothing);

/// Where Stripe counts a debit before the bank has answered, its failure is a missing payment.
async fn a_debit_that_counted_at_once_has_its_grace_when_it_fails(world: &World) {
    world
        .sandbox
        .with(|w| w.stripe.settings.debit_activates = true);
    let mut ada = world.sign_in(ADA).await;
    debited(world, &mut ada, "DE62370400440532013001").await;
    assert!(seen(world, &mut ada, "Patron").await.roles);
    days(world, 5).await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.status, "past_due");
    assert_eq!(now.access, words("grace", "payment_missing"));
    // Grace runs from the invoice, five days ago.
    days(world, 3).await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("denied", "grace_over"));
    assert!(!now.roles);
}
on_both!(a_debit_that_counted_at_once_has_its_grace_when_it_fails);
