//! An upgrade counts when it is paid: cards that are declined, banks that ask, and time.

use super::{
    DAY, changes, charged, confirm, dashboard, port, preview, price, price_at_stripe, row, stripe,
    subscription,
};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::{Person, World, logs::Logs};
use app::billing::{Came, Standing, WaitsFor};
use app::changes::{ChangeError, ChangesPort};
use sandbox::stripe::CardKind;
use std::time::Duration;

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

async fn a_refused_card_changes_nothing_and_says_why(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let before = (charged(world, &ada).await, price_at_stripe(world).await);
    for (kind, waits_for, words) in [
        (
            CardKind::AttachThenFail,
            WaitsFor::OtherCard,
            "Your card was declined.",
        ),
        (
            CardKind::InsufficientFunds,
            WaitsFor::Funds,
            "too little money",
        ),
        (
            CardKind::Expired,
            WaitsFor::ExpiredCard,
            "Your card has expired.",
        ),
        (
            CardKind::AuthenticateAlways,
            WaitsFor::Bank,
            "Your bank asks you to confirm the payment.",
        ),
    ] {
        with_card(world, &ada, kind).await;
        let seen = preview(world, &ada, "Patron", "month").await;
        let logs = Logs::capture();
        assert_eq!(confirm(&mut ada, &seen.seen).await, "/billing", "{kind:?}");
        logs.has(&["a change waits for its payment", "reason="]);
        world.settle().await;
        let now = (charged(world, &ada).await, price_at_stripe(world).await);
        assert_eq!(now, before, "{kind:?}");
        let board = dashboard(world, &ada).await;
        assert_eq!(board.standing, Standing::Active);
        let pending = board.pending.unwrap();
        assert_eq!(pending.waits_for, waits_for, "{kind:?}");
        assert_eq!(pending.to.unwrap().plan_name, "Patron");
        assert!(pending.pay_url.unwrap().contains("/invoice/"));
        let page = ada.page("/billing").await;
        for text in [
            words,
            "Your change to Patron is not paid yet.",
            "you have Member and were not charged",
        ] {
            assert!(page.contains(text), "{kind:?}: {text}");
        }
        assert!(ada.has_roles(&world.plan_roles("Member").await));
        assert!(!ada.has_roles(&world.plan_roles("Patron").await));

        // While it waits nothing else is changed.
        let to = price(world, "Member", "year").await;
        let logs = Logs::capture();
        let refused = ada.browser.get(&format!("/billing/change?to={to}")).await;
        let refused = refused.text().await.unwrap();
        assert!(refused.contains("Another change is still under way."));
        assert!(refused.contains("you were not charged by this"));
        logs.has(&[
            "a person's request was refused",
            "what=\"preview\"",
            "pending",
        ]);
        assert!(!board.membership.unwrap().may.change);

        // It expires, and that is told too.
        world.advance(DAY);
        world.settle().await;
        let board = dashboard(world, &ada).await;
        assert_eq!(
            (board.pending, board.last_change.unwrap().came),
            (None, Came::Lapsed)
        );
        let page = ada.page("/billing").await;
        assert!(page.contains("Your change to Patron lapsed on"));
        world.advance(DAY / 24);
    }
    world.settle().await;
    world.settle().await;
    assert!(
        changes(world)
            .await
            .iter()
            .all(|change| *change == row("now", "lapsed"))
    );
}
on_both!(a_refused_card_changes_nothing_and_says_why);

async fn confirmed_at_the_bank_it_counts(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    with_card(world, &ada, CardKind::AuthenticateAlways).await;
    let before = charged(world, &ada).await;
    let seen = preview(world, &ada, "Patron", "month").await;
    assert_eq!(confirm(&mut ada, &seen.seen).await, "/billing");
    world.settle().await;
    // Sent again, it is the same change that waits.
    assert_eq!(confirm(&mut ada, &seen.seen).await, "/billing");
    let url = dashboard(world, &ada)
        .await
        .pending
        .unwrap()
        .pay_url
        .unwrap();
    let card = [
        ("card_number", "4242424242424242"),
        ("exp", "12/34"),
        ("cvc", "123"),
    ];
    reqwest::Client::new()
        .post(&url)
        .form(&card)
        .send()
        .await
        .unwrap();
    world.settle().await;
    assert_eq!(charged(world, &ada).await, before + seen.today.minor);
    assert_eq!(
        price_at_stripe(world).await,
        price(world, "Patron", "month").await
    );
    assert!(ada.has_roles(&world.plan_roles("Patron").await));
    assert_eq!(changes(world).await, [row("now", "done")]);
    assert_eq!(dashboard(world, &ada).await.pending, None);
}
on_both!(confirmed_at_the_bank_it_counts);

async fn it_expires_without_any_event(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    with_card(world, &ada, CardKind::AttachThenFail).await;
    let seen = preview(world, &ada, "Patron", "month").await;
    confirm(&mut ada, &seen.seen).await;
    world.settle().await;
    // Every event from here on is lost; the timer looks.
    world.advance(DAY);
    world.work().await;
    assert_eq!(changes(world).await, [row("now", "lapsed")]);
    assert!(subscription(world).await["pending_update"].is_null());
    world.settle().await;
}
on_both!(it_expires_without_any_event);

async fn past_due_refuses_every_change(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    // Shown while all was well, confirmed when it is not.
    let seen = preview(world, &ada, "Patron", "month").await;
    with_card(world, &ada, CardKind::AttachThenFail).await;
    let id = subscription(world).await["id"].as_str().unwrap().to_owned();
    world.advance(DAY * 32);
    world.settle().await;
    assert_eq!(dashboard(world, &ada).await.standing, Standing::PastDue);
    let before = charged(world, &ada).await;
    let to = price(world, "Patron", "month").await;
    let refused = port(world).preview(&ada.user_id, &to).await.unwrap_err();
    assert_eq!(refused, ChangeError::PastDue);
    let logs = Logs::capture();
    let to = confirm(&mut ada, &seen.seen).await;
    assert_eq!(to, "/billing?change=past-due");
    logs.has(&[
        "a person's request was refused",
        "what=\"confirm\"",
        "past-due",
    ]);
    let page = ada.page(&to).await;
    assert!(page.contains("A payment is missing, so the plan cannot be changed."));
    // The banner has the one button, and the invoice.
    for text in [
        "Your last payment did not go through.",
        "Update your card",
        "Pay the open invoice",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(charged(world, &ada).await, before);
    assert_eq!(changes(world).await, []);
    stripe(world, "GET", &format!("/subscriptions/{id}"), &[]).await;
}
on_both!(past_due_refuses_every_change);
