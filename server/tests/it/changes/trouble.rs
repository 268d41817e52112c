//! What goes wrong: outdated previews, archived prices, Stripe's failures, other people.

use super::{
    DAY, changes, charged, confirm, dashboard, port, post, post_typed, posts, preview, price,
    price_at_stripe, row, stripe, subscription_id,
};
use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::World;
use app::billing::WaitsFor;
use app::changes::{ChangeError, ChangesPort, Undo};
use reqwest::StatusCode;
use sandbox::faults::{Fault, FaultRule, Target};
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

async fn what_moved_meanwhile_is_shown_anew_and_nothing_is_charged(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let id = subscription_id(world).await;
    let path = format!("/subscriptions/{id}");
    let item = stripe(world, "GET", &path, &[]).await["items"]["data"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let to = price(world, "Patron", "month").await;
    let yearly = price(world, "Member", "year").await;
    let back = format!("/billing/change?to={to}&change=outdated");

    // Too long ago.
    let seen = preview(world, &ada, "Patron", "month").await;
    world.advance(Duration::from_mins(11));
    assert_eq!(confirm(&mut ada, &seen.seen).await, back);
    let page = ada.page(&back).await;
    assert!(page.contains("What you were shown is not true any more."));
    assert!(page.contains("Today: "), "a fresh preview stands below");

    // The quantity moved; no event has told us yet.
    let seen = preview(world, &ada, "Patron", "month").await;
    let form = [
        ("items[0][id]", item.as_str()),
        ("items[0][quantity]", "2"),
        ("proration_behavior", "none"),
    ];
    stripe(world, "POST", &path, &form).await;
    assert_eq!(confirm(&mut ada, &seen.seen).await, back);
    world.settle().await;

    // A credit came: the sum would be another one.
    let seen = preview(world, &ada, "Patron", "month").await;
    let customer = ada.customer().await;
    stripe(
        world,
        "POST",
        &format!("/customers/{customer}"),
        &[("balance", "-500")],
    )
    .await;
    assert_eq!(confirm(&mut ada, &seen.seen).await, back);

    // The price and the period moved.
    let seen = preview(world, &ada, "Patron", "month").await;
    let form = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", yearly.as_str()),
        ("items[0][quantity]", "1"),
    ];
    stripe(world, "POST", &path, &form).await;
    let before = charged(world, &ada).await;
    assert_eq!(confirm(&mut ada, &seen.seen).await, back);
    world.settle().await;
    assert_eq!(charged(world, &ada).await, before);
    assert_eq!(price_at_stripe(world).await, yearly);
    assert_eq!(changes(world).await, []);

    // Made up, or somebody else's.
    let grace = world.sign_in(GRACE).await;
    for foreign in ["", "nonsense"] {
        let refused = port(world).confirm(&ada.user_id, foreign).await;
        assert_eq!(refused.unwrap_err(), ChangeError::Outdated);
    }
    let refused = port(world).confirm(&grace.user_id, &seen.seen).await;
    assert_eq!(refused.unwrap_err(), ChangeError::Outdated);
}
on_both!(what_moved_meanwhile_is_shown_anew_and_nothing_is_charged);

async fn an_archived_price_is_told_and_changes_nothing(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let seen = preview(world, &ada, "Patron", "month").await;
    let to = price(world, "Patron", "month").await;
    // Archived at Stripe; we have not heard of it.
    stripe(
        world,
        "POST",
        &format!("/prices/{to}"),
        &[("active", "false")],
    )
    .await;
    let before = charged(world, &ada).await;
    let led = confirm(&mut ada, &seen.seen).await;
    assert_eq!(led, "/billing/change?change=price-gone");
    assert!(
        ada.page(&led)
            .await
            .contains("This price is no longer on offer.")
    );
    let refused = port(world).preview(&ada.user_id, &to).await;
    assert_eq!(refused.unwrap_err(), ChangeError::PriceGone);
    // And once we have.
    world.settle().await;
    let refused = port(world).preview(&ada.user_id, &to).await;
    assert_eq!(refused.unwrap_err(), ChangeError::PriceGone);
    assert_eq!(charged(world, &ada).await, before);
    let own = price(world, "Member", "month").await;
    let refused = port(world).preview(&ada.user_id, &own).await;
    assert_eq!(refused.unwrap_err(), ChangeError::SamePlan);
}
on_both!(an_archived_price_is_told_and_changes_nothing);

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
    let led = confirm(&mut ada, &seen.seen).await;
    assert_eq!(led, "/billing?change=unknown");
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

async fn each_failure_of_stripe_has_its_own_words_before_anything_is_asked(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let to = price(world, "Patron", "month").await;
    for (code, error, words) in [
        (
            401,
            ChangeError::KeyRefused,
            "Stripe does not let us in at the moment.",
        ),
        (
            403,
            ChangeError::KeyLacksRight,
            "We are not allowed to do this at Stripe.",
        ),
        (
            429,
            ChangeError::StripeBusy,
            "Stripe is busy and asks us to wait.",
        ),
        (
            500,
            ChangeError::StripeFailing,
            "Stripe has trouble of its own right now.",
        ),
    ] {
        strike(world, "POST", "/create_preview", status(code));
        let answer = ada.browser.get(&format!("/billing/change?to={to}")).await;
        assert_eq!(answer.status().as_u16(), error.told().status, "{code}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(words), "{code}");
        assert!(page.contains("not charged"), "{code}");
        mend(world);
    }
    strike(
        world,
        "POST",
        "/create_preview",
        Fault::Hang { effect: false },
    );
    let refused = port(world).preview(&ada.user_id, &to).await;
    assert_eq!(refused.unwrap_err(), ChangeError::StripeUnreachable);
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
    assert_eq!(
        confirm(&mut ada, &seen.seen).await,
        "/billing?change=key-lacks-right"
    );
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
    let led = confirm(&mut ada, &seen.seen).await;
    assert_eq!(led, format!("/billing/change?to={to}&change=key-reused"));
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

async fn more_than_a_few_changes_a_minute_are_told(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let id = subscription_id(world).await;
    let form = [("subscription", id.as_str())];
    for _ in 0..6 {
        let to = post(&mut ada, "/api/keep_membership", &form).await;
        assert_eq!(to, "/billing?change=nothing-to-undo");
    }
    let to = post(&mut ada, "/api/keep_membership", &form).await;
    assert_eq!(to, "/billing?change=too-many");
    let page = ada.page(&to).await;
    assert!(page.contains("That was a lot of changes in a short time."));
    let seen = preview(world, &ada, "Patron", "month").await;
    let (status, error) =
        post_typed(&mut ada, "/api/confirm_change", &[("seen", &seen.seen)]).await;
    assert_eq!(
        (status, error),
        (StatusCode::TOO_MANY_REQUESTS, ChangeError::TooMany)
    );
    assert_eq!(changes(world).await, []);
    world.settle().await;
}
on_both!(more_than_a_few_changes_a_minute_are_told);

async fn nobody_changes_what_is_somebody_elses(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let id = subscription_id(world).await;
    let mut grace = world.sign_in(GRACE).await;
    grace.subscribe("Patron").await;
    for what in [Undo::End, Undo::Schedule, Undo::Pause] {
        let refused = port(world).undo(&grace.user_id, &id, what).await;
        assert_eq!(refused.unwrap_err(), ChangeError::NothingToUndo);
    }
    let refused = port(world).pause(&grace.user_id, &id, 1).await;
    assert_eq!(refused.unwrap_err(), ChangeError::NoMembership);
    world.advance(Duration::from_mins(2));
    let refused = port(world).cancel_at_stripe(&grace.user_id, &id).await;
    assert_eq!(refused.unwrap_err(), ChangeError::NoMembership);
    // Signed out: every function, a page and a script alike.
    let out = crate::login::site::Browser::new(&world.base, &world.base);
    for (path, field) in [
        ("/api/confirm_change", "seen"),
        ("/api/keep_membership", "subscription"),
        ("/api/stay_on_plan", "subscription"),
        ("/api/resume_membership", "subscription"),
        ("/api/pause_membership", "subscription"),
        ("/api/cancel_at_stripe", "subscription"),
    ] {
        let form = [(field, id.as_str()), ("months", "1")];
        let answer = out.clone().post_form(path, &form).await;
        let to = answer.headers()["location"].to_str().unwrap().to_owned();
        assert!(to.contains("/login?next="), "{path}: {to}");
        let answer = out.clone().post_form_as_script(path, &form).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    for path in [
        "/billing/change",
        "/billing/cancel",
        "/billing/change?to=price_x",
    ] {
        let answer = out.clone().get(path).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
    }
    world.settle().await;
    assert_eq!(changes(world).await, []);
}
on_both!(nobody_changes_what_is_somebody_elses);

async fn whoever_has_nothing_to_change_is_told_what_to_do(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    for path in ["/billing/change", "/billing/cancel"] {
        let answer = ada.browser.get(path).await;
        assert_eq!(answer.status(), StatusCode::CONFLICT, "{path}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("You have no membership to change."), "{path}");
    }
    ada.subscribe("Member").await;
    let id = subscription_id(world).await;
    let now = world.state.clock.policy_ms();
    world
        .sandbox
        .with(|w| w.stripe.cancel_later(now, &id, true, false).unwrap());
    world.settle().await;
    let answer = ada.browser.get("/billing/change").await;
    let page = answer.text().await.unwrap();
    assert!(page.contains("Your membership is set to end.") && page.contains("Keep my membership"));
    world.advance(DAY * 32);
    world.settle().await;
    let refused = port(world).choices(&ada.user_id).await;
    assert_eq!(refused.unwrap_err(), ChangeError::NoMembership);
}
on_both!(whoever_has_nothing_to_change_is_told_what_to_do);
