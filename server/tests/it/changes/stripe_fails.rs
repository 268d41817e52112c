//! Stripe fails while a membership is changed: what is told, what is logged, and what became of it.

use super::{
    changes, charged, confirm, dashboard, port, posts, preview, price, row, subscription_id,
};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::{Struck, World, logs::Logs};
use app::billing::{BillingError, BillingPort, PortalPage, WaitsFor};
use app::changes::{ChangeError, ChangesPort};
use app::stripe::StripeTrouble;
use reqwest::StatusCode;
use sandbox::faults::{Fault, FaultRule, Target};
use server::billing::Billing;
use server::changes::Changes;
use std::time::Duration;

fn strike(world: &World, method: &str, path: &str, fault: Fault) {
    let rule = FaultRule::always(Target::Stripe, fault).at(method, path);
    world.sandbox.with(|w| w.faults.add(rule));
}

fn mend(world: &World) {
    world.sandbox.with(|w| w.faults.clear());
}

fn status(status: u16) -> Fault {
    Fault::Answer {
        status,
        effect: false,
    }
}

async fn a_lost_answer_whose_effect_landed_is_found_by_reading(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let id = subscription_id(world).await;
    let before = charged(world, &ada).await;
    let seen = preview(world, &ada, "Patron", "month").await;
    let lost = Fault::Answer {
        status: 500,
        effect: true,
    };
    strike(world, "POST", &format!("/v1/subscriptions/{id}"), lost);
    assert_eq!(confirm(&mut ada, &seen.seen).await, "/billing?changed=1");
    mend(world);
    world.settle().await;
    assert_eq!(charged(world, &ada).await, before + seen.today.minor);
    assert_eq!(changes(world).await, [row("now", "done")]);
    // However often it was tried, it was one request.
    let keys: std::collections::HashSet<_> = world.sandbox.with(|w| {
        w.calls
            .iter()
            .filter(|call| call.method == "POST" && call.path.contains(&id))
            .map(|call| call.idempotency_key.clone())
            .collect()
    });
    assert_eq!(keys.len(), 1, "{keys:?}");
}
on_both!(a_lost_answer_whose_effect_landed_is_found_by_reading);

async fn an_answer_that_never_comes_is_told_as_unknown_and_settled_by_itself(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let id = subscription_id(world).await;
    let before = charged(world, &ada).await;
    let seen = preview(world, &ada, "Patron", "month").await;
    strike(
        world,
        "POST",
        &format!("/v1/subscriptions/{id}"),
        status(500),
    );
    let logs = Logs::capture();
    let led = confirm(&mut ada, &seen.seen).await;
    assert_eq!(led, "/billing?change=unknown");
    logs.has(&[
        "a person's request failed",
        "what=\"confirm\"",
        "problem=\"unknown\"",
        "error=the outcome is not known: Stripe is failing (status 500)",
    ]);
    let page = ada.page(&led).await;
    assert!(page.contains("we do not know yet whether the change counted"));
    assert!(page.contains("We are finding out whether your change to Patron counted."));
    let pending = dashboard(world, &ada).await.pending.unwrap();
    assert_eq!(pending.waits_for, WaitsFor::Answer);
    mend(world);
    // Meanwhile nothing else is started, nor the same again with other parameters.
    let to = price(world, "Member", "year").await;
    let refused = port(world).preview(&ada.user_id, &to).await;
    assert_eq!(refused.unwrap_err(), ChangeError::Pending);
    let tried = posts(world, &format!("/v1/subscriptions/{id}"));
    assert_eq!(
        confirm(&mut ada, &seen.seen).await,
        "/billing?change=unknown"
    );
    assert_eq!(posts(world, &format!("/v1/subscriptions/{id}")), tried);
    // Past the time it could still land, a reading settles it.
    world.settle().await;
    assert_eq!(changes(world).await, [row("now", "asked")]);
    world.advance(Duration::from_mins(2));
    world.settle().await;
    assert_eq!(changes(world).await, [row("now", "lapsed")]);
    assert_eq!(charged(world, &ada).await, before);
    let led = confirm(&mut ada, &seen.seen).await;
    assert!(led.ends_with("change=outdated"), "{led}");
    // A new one goes through, once.
    let seen = preview(world, &ada, "Patron", "month").await;
    assert_eq!(confirm(&mut ada, &seen.seen).await, "/billing?changed=1");
    world.settle().await;
    assert_eq!(charged(world, &ada).await, before + seen.today.minor);
}
on_both!(an_answer_that_never_comes_is_told_as_unknown_and_settled_by_itself);

async fn half_a_downgrade_is_no_downgrade_and_stands_in_nobodys_way(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let seen = preview(world, &ada, "Member", "month").await;
    // The schedule comes to be, its phases do not.
    strike(
        world,
        "POST",
        "/v1/subscription_schedules/sub_sched",
        status(500),
    );
    assert_eq!(
        confirm(&mut ada, &seen.seen).await,
        "/billing?change=unknown"
    );
    mend(world);
    world.advance(Duration::from_mins(2));
    world.settle().await;
    assert_eq!(changes(world).await, [row("later", "lapsed")]);
    let board = dashboard(world, &ada).await;
    assert_eq!(board.membership.unwrap().scheduled, None);
    let seen = preview(world, &ada, "Member", "month").await;
    assert_eq!(confirm(&mut ada, &seen.seen).await, "/billing?changed=1");
    world.settle().await;
    let board = dashboard(world, &ada).await;
    assert!(board.membership.unwrap().scheduled.is_some());
}
on_both!(half_a_downgrade_is_no_downgrade_and_stands_in_nobodys_way);

async fn a_stripe_nobody_reaches_is_told_and_nothing_was_changed(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let to = price(world, "Patron", "month").await;
    let beside = world.beside(Struck::Unreachable);
    let logs = Logs::capture();
    let refused = Changes(beside.clone()).preview(&ada.user_id, &to).await;
    assert_eq!(
        refused.unwrap_err(),
        ChangeError::Stripe(StripeTrouble::Unreachable)
    );
    logs.has(&[
        "a person's request failed",
        "what=\"preview\"",
        "problem=\"stripe-unreachable\"",
        "error=Stripe is unreachable",
    ]);
    let page = ada.page("/billing?change=stripe-unreachable").await;
    assert!(page.contains("Stripe cannot be reached."));
    assert!(page.contains("Nothing was changed and you were not charged."));
    let billing = Billing(beside);
    let refused = billing.portal(&ada.user_id, PortalPage::Card).await;
    assert_eq!(
        refused.unwrap_err(),
        BillingError::Stripe(StripeTrouble::Unreachable)
    );
    logs.has(&[
        "a person's request failed",
        "what=\"portal\"",
        "error=Stripe is unreachable",
    ]);
    let page = ada.page("/billing?problem=stripe-unreachable").await;
    assert!(page.contains("Stripe cannot be reached.") && page.contains("Nothing was changed."));
    assert_eq!(changes(world).await, []);
}
on_both!(a_stripe_nobody_reaches_is_told_and_nothing_was_changed);

async fn each_failure_of_stripe_has_its_own_words_before_anything_is_asked(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let to = price(world, "Patron", "month").await;
    for (code, error, words) in [
        (
            401,
            ChangeError::Stripe(StripeTrouble::KeyRefused),
            "Stripe does not let us in at the moment.",
        ),
        (
            403,
            ChangeError::Stripe(StripeTrouble::KeyLacksRight),
            "We are not allowed to do this at Stripe.",
        ),
        (
            429,
            ChangeError::Stripe(StripeTrouble::Busy),
            "Stripe is busy and asks us to wait.",
        ),
        (
            500,
            ChangeError::Stripe(StripeTrouble::Failing),
            "Stripe has trouble of its own.",
        ),
    ] {
        strike(world, "POST", "/create_preview", status(code));
        let logs = Logs::capture();
        let answer = ada.browser.get(&format!("/billing/change?to={to}")).await;
        assert_eq!(answer.status().as_u16(), error.told().status, "{code}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(words), "{code}");
        assert!(page.contains("not charged"), "{code}");
        logs.has(&[
            "a person's request failed",
            "what=\"preview\"",
            error.slug(),
        ]);
        mend(world);
    }
    strike(
        world,
        "POST",
        "/create_preview",
        Fault::Hang { effect: false },
    );
    let refused = port(world).preview(&ada.user_id, &to).await;
    assert_eq!(
        refused.unwrap_err(),
        ChangeError::Stripe(StripeTrouble::TimedOut)
    );
    mend(world);
    // Asked, and refused for certain: nothing stays open.
    let id = subscription_id(world).await;
    let seen = preview(world, &ada, "Patron", "month").await;
    strike(
        world,
        "POST",
        &format!("/v1/subscriptions/{id}"),
        status(403),
    );
    let logs = Logs::capture();
    assert_eq!(
        confirm(&mut ada, &seen.seen).await,
        "/billing?change=key-lacks-right"
    );
    logs.has(&[
        "Stripe refused a change",
        "the key lacks a right for /subscriptions/",
    ]);
    mend(world);
    assert_eq!(changes(world).await, [row("now", "refused")]);
    let seen = preview(world, &ada, "Patron", "month").await;
    assert_eq!(confirm(&mut ada, &seen.seen).await, "/billing?changed=1");
    world.settle().await;
}
on_both!(each_failure_of_stripe_has_its_own_words_before_anything_is_asked);

async fn a_key_that_was_used_for_something_else_is_told_and_a_fresh_one_works(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let seen = preview(world, &ada, "Patron", "month").await;
    // The change's own key, spent on another request.
    let id = server_side_id(world, &ada.user_id, &seen.seen);
    let http = reqwest::Client::new();
    let url = format!("{}/v1/customers", world.sandbox.base_url());
    let spent = http
        .post(url)
        .bearer_auth("sk_test_sandbox")
        .header("idempotency-key", &id)
        .form(&[("name", "Somebody")])
        .send()
        .await
        .unwrap();
    assert_eq!(spent.status(), StatusCode::OK);
    let to = price(world, "Patron", "month").await;
    let logs = Logs::capture();
    let led = confirm(&mut ada, &seen.seen).await;
    assert_eq!(led, format!("/billing/change?to={to}&change=key-reused"));
    logs.has(&[
        "Stripe refused a change",
        "error=an idempotency key was used for something else",
    ]);
    let page = ada.page(&led).await;
    assert!(page.contains("Stripe took this for another request."));
    let seen = preview(world, &ada, "Patron", "month").await;
    assert_eq!(confirm(&mut ada, &seen.seen).await, "/billing?changed=1");
    world.settle().await;
}
on_both!(a_key_that_was_used_for_something_else_is_told_and_a_fresh_one_works);

/// The id within a sealed preview.
fn server_side_id(world: &World, user_id: &str, seen: &str) -> String {
    use secrecy::ExposeSecret as _;
    let opened = world
        .state
        .seal
        .open(&format!("changes/{user_id}/seen"), seen)
        .unwrap();
    let plain: serde_json::Value = serde_json::from_str(opened.expose_secret()).unwrap();
    plain["id"].as_str().unwrap().to_owned()
}
