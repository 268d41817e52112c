//! A trial that ended without a card: the way on is a card and a yes to the first payment.

use super::{
    changes, charged, dashboard, port, post, post_typed, posts, row, stripe, subscription,
};
use crate::login::site::{ADA, Browser, GRACE};
use crate::on_both;
use crate::support::{Person, World};
use app::billing::{Came, Standing, WaitsFor};
use app::changes::{ChangeError, ChangesPort};
use reqwest::StatusCode;
use sandbox::faults::{Fault, FaultRule, Target};
use sandbox::stripe::CardKind;
use server::changes::Changes;
use std::time::Duration;

const PRICE: i64 = 7900;

fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

/// A trial of Patron whose card was taken away, and that has ended.
async fn over(world: &World) -> (Person<'_>, String) {
    let product: String = sqlx::query_scalar("SELECT id FROM plans WHERE name = 'Patron'")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let trial = [("metadata[rollcall_trial_days]", "14")];
    stripe(world, "POST", &format!("/products/{product}"), &trial).await;
    world.settle().await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let customer = ada.customer().await;
    let path = format!("/payment_methods?customer={customer}");
    let cards = stripe(world, "GET", &path, &[]).await;
    for card in cards["data"].as_array().unwrap() {
        let path = format!("/payment_methods/{}/detach", card["id"].as_str().unwrap());
        stripe(world, "POST", &path, &[]).await;
    }
    world.advance(days(15));
    world.settle().await;
    assert!(world.roles_of(ADA).is_empty());
    let id = super::subscription_id(world).await;
    (ada, id)
}

async fn with_card(world: &World, person: &Person<'_>, kind: CardKind) {
    let customer = person.customer().await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.set_default_card(now, &customer, kind).unwrap();
    });
    world.settle().await;
    // Invoices are read anew when the payer was, and that is told by the time.
    world.advance(Duration::from_secs(1));
}

fn form(id: &str) -> [(&str, &str); 2] {
    [("subscription", id), ("amount", "7900")]
}

async fn a_trial_without_a_card_goes_on_with_one(world: &World) {
    let (mut ada, id) = over(world).await;
    let board = dashboard(world, &ada).await;
    assert_eq!((board.standing, &board.card), (Standing::TrialOver, &None));
    assert!(!board.membership.unwrap().may.go_on);
    let page = ada.page("/billing").await;
    for text in [
        "Your trial is over.",
        "Add a card to go on.",
        "You were not charged",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(
        page.matches("Add a card").count() > 1,
        "sentence and button"
    );
    assert!(!page.contains("Go on and pay"));
    // Without a card nothing is asked of Stripe.
    let to = post(&mut ada, "/api/go_on", &form(&id)).await;
    assert_eq!(to, "/billing?change=no-card");
    assert!(ada.page(&to).await.contains("There is no card to charge."));
    assert_eq!((posts(world, "/resume"), changes(world).await), (0, vec![]));

    // The card is added on Stripe's own page for it.
    let way = [("page", "card")];
    let answer = ada.browser.post_form("/api/open_portal", &way).await;
    let portal = answer.headers()["location"].to_str().unwrap().to_owned();
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let card = [
        ("card_number", "5555555555554444"),
        ("exp", "12/34"),
        ("cvc", "123"),
    ];
    let saved = http
        .post(format!("{portal}/card"))
        .form(&card)
        .send()
        .await
        .unwrap();
    assert_eq!(
        saved.headers()["location"],
        format!("{}/billing?from=portal", world.base)
    );
    let page = ada.page("/billing?from=portal").await;
    assert!(
        page.contains("Go on for 79") && page.contains("Go on and pay 79"),
        "{page}"
    );
    assert!(!page.contains("Add a card"));
    assert_eq!(charged(world, &ada).await, 0, "a card alone buys nothing");

    let to = post(&mut ada, "/api/go_on", &form(&id)).await;
    assert_eq!(to, "/billing?changed=1");
    assert!(ada.page(&to).await.contains("Your membership goes on."));
    world.settle().await;
    assert_eq!(charged(world, &ada).await, PRICE);
    assert!(ada.has_roles(&world.plan_roles("Patron").await));
    let board = dashboard(world, &ada).await;
    assert_eq!(board.standing, Standing::Active);
    assert_eq!(board.last_change.unwrap().came, Came::WentOn);
    // Sent again: nothing more is charged, and the answer is the same.
    let to = post(&mut ada, "/api/go_on", &form(&id)).await;
    assert_eq!(to, "/billing?changed=1");
    assert_eq!(charged(world, &ada).await, PRICE);
    assert_eq!(changes(world).await, [row("go_on", "done")]);
    // And it renews like any other.
    world.advance(days(32));
    world.settle().await;
    assert_eq!(charged(world, &ada).await, 2 * PRICE);
}
on_both!(a_trial_without_a_card_goes_on_with_one);

async fn a_first_payment_that_fails_waits_and_counts_once_it_is_paid(world: &World) {
    let (mut ada, id) = over(world).await;
    with_card(world, &ada, CardKind::AttachThenFail).await;
    let to = post(&mut ada, "/api/go_on", &form(&id)).await;
    assert_eq!(to, "/billing");
    world.settle().await;
    let board = dashboard(world, &ada).await;
    assert_eq!(board.standing, Standing::TrialOver);
    let pending = board.pending.unwrap();
    assert!(pending.goes_on);
    assert_eq!(pending.waits_for, WaitsFor::OtherCard);
    let page = ada.page("/billing").await;
    for text in [
        "Your first payment is not through yet.",
        "Your card was declined. You were not charged.",
        "Pay at Stripe",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("Go on and pay"), "one way on at a time");
    assert!(world.roles_of(ADA).is_empty());
    let again = port(world).go_on(&ada.user_id, &id, PRICE).await;
    assert_eq!(again.unwrap_err(), ChangeError::Pending);
    assert_eq!(posts(world, "/resume"), 1);

    let card = [
        ("card_number", "4242424242424242"),
        ("exp", "12/34"),
        ("cvc", "123"),
    ];
    let url = pending.pay_url.unwrap();
    let http = reqwest::Client::new();
    http.post(&url).form(&card).send().await.unwrap();
    world.settle().await;
    assert_eq!(charged(world, &ada).await, PRICE);
    assert!(ada.has_roles(&world.plan_roles("Patron").await));
    assert_eq!(changes(world).await, [row("go_on", "done")]);
    assert_eq!(dashboard(world, &ada).await.pending, None);
}
on_both!(a_first_payment_that_fails_waits_and_counts_once_it_is_paid);

async fn a_first_payment_whose_invoice_is_void_can_be_asked_for_again(world: &World) {
    let (mut ada, id) = over(world).await;
    with_card(world, &ada, CardKind::AttachThenFail).await;
    post(&mut ada, "/api/go_on", &form(&id)).await;
    world.settle().await;
    let invoice = subscription(world).await["latest_invoice"]
        .as_str()
        .unwrap()
        .to_owned();
    stripe(world, "POST", &format!("/invoices/{invoice}/void"), &[]).await;
    // No event tells of it; the timer looks.
    world.sandbox.deliver_now().await;
    world.advance(Duration::from_hours(7));
    world.work().await;
    assert_eq!(changes(world).await, [row("go_on", "lapsed")]);
    assert!(dashboard(world, &ada).await.membership.unwrap().may.go_on);
    with_card(world, &ada, CardKind::Visa).await;
    let to = post(&mut ada, "/api/go_on", &form(&id)).await;
    assert_eq!(to, "/billing?changed=1");
    world.settle().await;
    assert_eq!(charged(world, &ada).await, PRICE);
}
on_both!(a_first_payment_whose_invoice_is_void_can_be_asked_for_again);

async fn a_lost_answer_is_found_out_and_charges_once(world: &World) {
    let (mut ada, id) = over(world).await;
    with_card(world, &ada, CardKind::Visa).await;
    let lost = Fault::Answer {
        status: 503,
        effect: true,
    };
    let rule = FaultRule::always(Target::Stripe, lost).at("POST", "/resume");
    world.sandbox.with(|w| w.faults.add(rule));
    let to = post(&mut ada, "/api/go_on", &form(&id)).await;
    assert_eq!(
        to, "/billing?changed=1",
        "what a reading shows is what happened"
    );
    world.sandbox.with(|w| w.faults.clear());
    world.settle().await;
    assert_eq!(charged(world, &ada).await, PRICE);
    assert_eq!(changes(world).await, [row("go_on", "done")]);
}
on_both!(a_lost_answer_is_found_out_and_charges_once);

async fn another_amount_than_the_button_said_is_not_charged(world: &World) {
    let (mut ada, id) = over(world).await;
    with_card(world, &ada, CardKind::Visa).await;
    let shown = [("subscription", id.as_str()), ("amount", "2900")];
    let to = post(&mut ada, "/api/go_on", &shown).await;
    assert_eq!(to, "/billing?change=outdated");
    assert_eq!(charged(world, &ada).await, 0);
    assert_eq!(changes(world).await, []);
}
on_both!(another_amount_than_the_button_said_is_not_charged);

async fn nobody_goes_on_for_somebody_else(world: &World) {
    let (ada, id) = over(world).await;
    with_card(world, &ada, CardKind::Visa).await;
    let mut grace = world.sign_in(GRACE).await;
    let refused = Changes(world.state.clone())
        .go_on(&grace.user_id, &id, PRICE)
        .await;
    assert_eq!(refused.unwrap_err(), ChangeError::NoMembership);
    grace.subscribe("Member").await;
    let (status, error) = post_typed(&mut grace, "/api/go_on", &form(&id)).await;
    assert_eq!(
        (status, error),
        (StatusCode::CONFLICT, ChangeError::NoMembership)
    );
    // Signed out: a page and a script alike.
    let out = Browser::new(&world.base, &world.base);
    let answer = out.clone().post_form("/api/go_on", &form(&id)).await;
    let to = answer.headers()["location"].to_str().unwrap();
    assert!(to.contains("/login?next="), "{to}");
    let answer = out
        .clone()
        .post_form_as_script("/api/go_on", &form(&id))
        .await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    world.settle().await;
    assert_eq!((posts(world, "/resume"), changes(world).await), (0, vec![]));
    assert_eq!(charged(world, &ada).await, 0);
}
on_both!(nobody_goes_on_for_somebody_else);
