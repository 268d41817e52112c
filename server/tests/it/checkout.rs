//! Checkout: one customer, one open session, never a second subscription, nothing half done.

mod bad_news;

use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::{World, logs::Logs, session_of};
use reqwest::StatusCode;
use sandbox::faults::{Fault, FaultRule, Target};
use std::time::Duration;
use tokio::time::Instant;

fn strike(world: &World, rule: FaultRule) {
    world.sandbox.with(|w| w.faults.add(rule));
}

fn calls(world: &World, method: &str, path: &str) -> usize {
    world.sandbox.with(|w| {
        w.calls
            .iter()
            .filter(|call| call.method == method && call.path == path)
            .count()
    })
}

async fn a_race_of_clicks_makes_one_customer_and_one_session(world: &World) {
    let ada = world.sign_in(ADA).await;
    let price = world.price("Member").await;
    let clicks = (0..5).map(|_| {
        let mut browser = ada.browser.clone();
        let price = price.clone();
        async move {
            let answer = browser
                .post_form("/api/start_checkout", &[("price_id", &price)])
                .await;
            answer.headers()["location"].to_str().unwrap().to_owned()
        }
    });
    let to = futures::future::join_all(clicks).await;
    assert!(to[0].contains("/checkout/"), "{}", to[0]);
    assert!(to.iter().all(|address| address == &to[0]), "{to:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM customers").await, 1);
    assert_eq!(world.count("SELECT COUNT(*) FROM checkouts").await, 1);
    assert_eq!(calls(world, "POST", "/v1/customers"), 1);
    assert_eq!(calls(world, "POST", "/v1/checkout/sessions"), 1);
    world.settle().await;
}
on_both!(a_race_of_clicks_makes_one_customer_and_one_session);

async fn a_member_is_led_to_the_dashboard(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let other = world.price("Patron").await;
    let logs = Logs::capture();
    let to = ada.start_checkout(&other).await;
    assert!(to.ends_with("/billing?already=member"), "{to}");
    logs.has(&["nothing is sold: there is a subscription already", &other]);
    let page = ada.page("/billing?already=member").await;
    assert!(page.contains("There is a membership of yours already."));
    assert!(page.contains("Nothing was charged by this, and no second one was started."));
    assert_eq!(calls(world, "POST", "/v1/checkout/sessions"), 1);
}
on_both!(a_member_is_led_to_the_dashboard);

async fn another_plan_ends_the_open_session_first(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let first = ada.start_checkout(&world.price("Member").await).await;
    let second = ada.start_checkout(&world.price("Patron").await).await;
    assert_ne!(session_of(&first), session_of(&second));
    let expired = reqwest::get(&first).await.unwrap().text().await.unwrap();
    assert!(
        !expired.contains("name=\"card_number\""),
        "the first session can still be paid"
    );
    // Paid in one tab, chosen again in another: no second subscription.
    ada.pay(&second, "4242424242424242").await;
    let logs = Logs::capture();
    let to = ada.start_checkout(&world.price("Member").await).await;
    assert!(to.contains("/billing?already="), "{to}");
    logs.has(&["nothing is sold"]);
    world.settle().await;
    assert_eq!(world.count("SELECT COUNT(*) FROM subscriptions").await, 1);
}
on_both!(another_plan_ends_the_open_session_first);

async fn a_lost_answer_is_asked_for_again_with_the_same_key(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let price = world.price("Member").await;
    // The session comes to be and its answer is lost, on every try of the first click.
    strike(
        world,
        FaultRule::always(
            Target::Stripe,
            Fault::Answer {
                status: 500,
                effect: true,
            },
        )
        .at("POST", "/v1/checkout/sessions"),
    );
    let first = ada.start_checkout(&price).await;
    assert!(first.ends_with("/?problem=stripe-failing"), "{first}");
    world.sandbox.with(|w| w.faults.clear());
    let second = ada.start_checkout(&price).await;
    assert!(second.contains("/checkout/"), "{second}");
    let keys: std::collections::HashSet<_> = world.sandbox.with(|w| {
        w.calls
            .iter()
            .filter(|call| call.method == "POST" && call.path == "/v1/checkout/sessions")
            .map(|call| call.idempotency_key.clone())
            .collect()
    });
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM checkouts").await, 1);
    world.settle().await;
}
on_both!(a_lost_answer_is_asked_for_again_with_the_same_key);

async fn a_silent_stripe_is_told_within_ten_seconds(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let price = world.price("Member").await;
    strike(
        world,
        FaultRule::always(Target::Stripe, Fault::Hang { effect: false }),
    );
    let begun = Instant::now();
    let to = ada.start_checkout(&price).await;
    assert!(to.ends_with("/?problem=stripe-timed-out"), "{to}");
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    let page = ada.page("/?problem=stripe-timed-out").await;
    assert!(
        page.contains("not charged"),
        "the page must say that nothing was charged"
    );
    assert_eq!(world.count("SELECT COUNT(*) FROM customers").await, 0);
    world.sandbox.with(|w| w.faults.clear());
    // Trying again is safe, and works.
    assert!(ada.start_checkout(&price).await.contains("/checkout/"));
    world.settle().await;
    assert_eq!(world.count("SELECT COUNT(*) FROM customers").await, 1);
}
on_both!(a_silent_stripe_is_told_within_ten_seconds);

async fn a_return_that_stripe_cannot_confirm_says_so_and_heals_itself(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let checkout = ada.start_checkout(&world.price("Member").await).await;
    let session = ada.pay(&checkout, "4242424242424242").await;
    let failing = Fault::Answer {
        status: 500,
        effect: false,
    };
    strike(
        world,
        FaultRule::always(Target::Stripe, failing).at("GET", "/v1/subscriptions"),
    );
    ada.browser
        .get(&format!("/billing?session_id={session}"))
        .await;
    let seen = server::billing::Billing(world.state.clone());
    let dashboard = app::billing::BillingPort::dashboard(&seen, &ada.user_id)
        .await
        .unwrap();
    assert_eq!(dashboard.standing, app::billing::Standing::Activating);
    world.sandbox.with(|w| w.faults.clear());
    // No event and no person any more.
    world.work().await;
    assert_eq!(
        ada.membership().await,
        Some(("active".into(), "granted".into()))
    );
    world.settle().await;
}
on_both!(a_return_that_stripe_cannot_confirm_says_so_and_heals_itself);

async fn foreign_and_made_up_sessions_are_told_alike(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let checkout = ada.start_checkout(&world.price("Member").await).await;
    let session = ada.pay(&checkout, "4242424242424242").await;
    let mut grace = world.sign_in(GRACE).await;
    let logs = Logs::capture();
    let mut answers = Vec::new();
    for id in [session.as_str(), "cs_test_made_up", "../../v1/customers"] {
        let page = grace
            .browser
            .get(&format!("/billing?session_id={id}"))
            .await;
        let status = page.status();
        let text = page.text().await.unwrap();
        assert!(!text.contains("You’re in") && !text.contains("You're in"));
        assert!(text.contains("This checkout is not yours, or does not exist."));
        answers.push(status);
        let polled = grace
            .browser
            .post_form("/api/checkout_progress", &[("session_id", id)])
            .await;
        let location = polled
            .headers()
            .get("location")
            .map(|l| l.to_str().unwrap().to_owned());
        assert!(
            !polled.status().is_success() || location.is_some(),
            "{}",
            polled.status()
        );
    }
    assert!(
        answers
            .iter()
            .all(|status| *status == StatusCode::NOT_FOUND),
        "{answers:?}"
    );
    logs.has(&["a person's request was refused", "not-yours"]);
    assert_eq!(grace.membership().await, None);
    world.settle().await;
    assert_eq!(
        ada.membership().await,
        Some(("active".into(), "granted".into()))
    );
}
on_both!(foreign_and_made_up_sessions_are_told_alike);

async fn nobody_signed_in_gets_nowhere(world: &World) {
    let mut browser = crate::login::site::Browser::new(&world.base, &world.base);
    let price = world.price("Member").await;
    for (path, form) in [
        ("/api/start_checkout", vec![("price_id", price.as_str())]),
        ("/api/open_portal", vec![]),
        ("/api/checkout_progress", vec![("session_id", "cs_test_1")]),
    ] {
        let answer = browser.post_form(path, &form).await;
        let to = answer
            .headers()
            .get("location")
            .map(|l| l.to_str().unwrap().to_owned());
        assert!(
            answer.status() == StatusCode::UNAUTHORIZED
                || to.as_deref().is_some_and(|to| to.contains("/login")
                    || to.contains("problem")
                    || to.contains("__err")),
            "{path}: {} {to:?}",
            answer.status()
        );
    }
    let billing = browser.get("/billing").await;
    assert!(billing.status().is_redirection());
    assert!(
        billing.headers()["location"]
            .to_str()
            .unwrap()
            .contains("/login?next=")
    );
    assert_eq!(calls(world, "POST", "/v1/checkout/sessions"), 0);
}
on_both!(nobody_signed_in_gets_nowhere);

async fn prices_not_on_offer_and_company_plans_are_refused(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    assert!(
        ada.start_checkout("price_made_up")
            .await
            .ends_with("/?problem=price-gone")
    );
    let seats = world.price("Team seats").await;
    assert!(
        ada.start_checkout(&seats)
            .await
            .ends_with("/?problem=company-plan")
    );
    assert_eq!(world.count("SELECT COUNT(*) FROM checkouts").await, 0);
}
on_both!(prices_not_on_offer_and_company_plans_are_refused);

async fn a_left_checkout_leaves_nothing_behind(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let checkout = ada.start_checkout(&world.price("Member").await).await;
    let page = ada.page("/?left=1").await;
    assert!(page.contains("not charged"));
    let session = session_of(&checkout);
    let back = ada.page(&format!("/billing?session_id={session}")).await;
    assert!(back.contains("not charged"));
    world.advance(Duration::from_hours(25));
    world.settle().await;
    assert_eq!(ada.membership().await, None);
    assert!(world.roles_of(ADA).is_empty());
    // Whoever comes back to it a day later is told, and the next try has a page of its own.
    let logs = Logs::capture();
    let back = ada.page(&format!("/billing?session_id={session}")).await;
    assert!(back.contains("The time for this checkout has run out."));
    assert!(back.contains("You were not charged, and nothing has started."));
    logs.has(&["a checkout was not finished", &session, "expired"]);
    let next = ada.start_checkout(&world.price("Member").await).await;
    assert_ne!(session_of(&next), session);
    world.settle().await;
}
on_both!(a_left_checkout_leaves_nothing_behind);

async fn too_many_clicks_are_told(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let price = world.price("Member").await;
    let mut last = String::new();
    for _ in 0..8 {
        last = ada.start_checkout(&price).await;
    }
    assert!(last.ends_with("/?problem=too-many"), "{last}");
    world.settle().await;
}
on_both!(too_many_clicks_are_told);
