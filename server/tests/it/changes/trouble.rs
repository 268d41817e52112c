//! What goes wrong: outdated previews, archived prices, too many, other people.

use super::{
    DAY, changes, charged, confirm, port, post, post_typed, preview, price, price_at_stripe,
    stripe, subscription_id,
};
use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::{World, logs::Logs};
use app::changes::{ChangeError, ChangesPort, Undo};
use reqwest::StatusCode;
use std::time::Duration;

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
    let logs = Logs::capture();
    assert_eq!(confirm(&mut ada, &seen.seen).await, back);
    logs.has(&[
        "a person's request was refused",
        "what=\"confirm\"",
        "outdated",
    ]);
    let page = ada.page(&back).await;
    assert!(page.contains("What you were shown is not true any more."));
    assert!(page.contains("Nothing was changed and you were not charged."));
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
    let logs = Logs::capture();
    let led = confirm(&mut ada, &seen.seen).await;
    assert_eq!(led, "/billing/change?change=price-gone");
    logs.has(&["a person's request failed", "problem=\"price-gone\""]);
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

async fn more_than_a_few_changes_a_minute_are_told(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let id = subscription_id(world).await;
    let form = [("subscription", id.as_str())];
    for _ in 0..6 {
        let to = post(&mut ada, "/api/keep_membership", &form).await;
        assert_eq!(to, "/billing?change=nothing-to-undo");
    }
    let logs = Logs::capture();
    let to = post(&mut ada, "/api/keep_membership", &form).await;
    assert_eq!(to, "/billing?change=too-many");
    logs.has(&[
        "a person's request was refused",
        "what=\"undo\"",
        "too-many",
    ]);
    let page = ada.page(&to).await;
    assert!(page.contains("That was a lot of changes in a short time."));
    assert!(page.contains("you were not charged for it"));
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
