//! Events that no webhook brought are found by the cursor.

use super::{answer, begin, calls, cursor, end_faults, lose_events, poll, subscription};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::World;
use sandbox::ApiRequest;
use sandbox::faults::{FaultRule, Target};
use std::time::Duration;

async fn lost_events_are_found_and_the_second_poll_does_nothing(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let before = world.count("SELECT COUNT(*) FROM inbox").await;
    begin(world).await;
    assert_eq!(
        world.count("SELECT COUNT(*) FROM inbox").await,
        before,
        "what was before the first start is not read"
    );
    lose_events(world);
    let id = subscription(world).await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_now(now, &id).unwrap();
    });
    world.settle().await;
    assert_eq!(
        ada.membership().await,
        Some(("active".into(), "granted".into())),
        "nothing told of it"
    );
    poll(world).await;
    assert_eq!(
        ada.membership().await,
        Some(("canceled".into(), "denied".into()))
    );
    assert!(world.roles_of(ADA).is_empty());

    let stored = world.count("SELECT COUNT(*) FROM inbox").await;
    let generations = "SELECT CAST(SUM(generation) AS BIGINT) FROM dirty WHERE kind <> 'events'";
    let marked = world.count(generations).await;
    let reads = calls(world, "/v1/subscriptions");
    let (seen, polled) = cursor(world).await;
    poll(world).await;
    assert_eq!(world.count("SELECT COUNT(*) FROM inbox").await, stored);
    assert_eq!(world.count(generations).await, marked);
    assert_eq!(calls(world, "/v1/subscriptions"), reads);
    let (seen_again, polled_again) = cursor(world).await;
    assert_eq!(seen_again, seen, "no clock but Stripe's moves the cursor");
    assert!(polled_again > polled);
}
on_both!(lost_events_are_found_and_the_second_poll_does_nothing);

async fn an_event_brought_by_a_webhook_does_not_mark_again(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    begin(world).await;
    ada.subscribe("Member").await;
    let reads = calls(world, "/v1/subscriptions");
    poll(world).await;
    assert_eq!(calls(world, "/v1/subscriptions"), reads);
    assert_eq!(
        calls(world, "/v1/events"),
        3,
        "one request where the cursor begins, and one for each twenty types"
    );
}
on_both!(an_event_brought_by_a_webhook_does_not_mark_again);

async fn the_overlap_catches_an_event_that_appears_late_with_an_older_time(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    begin(world).await;
    lose_events(world);
    let id = subscription(world).await;
    let hidden = world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_now(now, &id).unwrap();
        let event = w.stripe.latest_event("customer.subscription.deleted");
        let event = event.unwrap();
        w.stripe.hide_event(&event, true);
        event
    });
    // A younger one moves the cursor past it.
    world.advance(Duration::from_mins(20));
    add_products(world, 1);
    poll(world).await;
    let (seen, _) = cursor(world).await;
    assert_eq!(
        ada.membership().await,
        Some(("active".into(), "granted".into()))
    );
    world.sandbox.with(|w| w.stripe.hide_event(&hidden, false));
    poll(world).await;
    assert_eq!(
        ada.membership().await,
        Some(("canceled".into(), "denied".into()))
    );
    assert_eq!(cursor(world).await.0, seen, "an older event moves nothing");
}
on_both!(the_overlap_catches_an_event_that_appears_late_with_an_older_time);

/// Products of somebody else, each with an event.
fn add_products(world: &World, count: usize) {
    let key = world.state.config.stripe.secret_key.clone();
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        for n in 0..count {
            let bearer = format!("Bearer {}", secrecy::ExposeSecret::expose_secret(&key));
            let made = w.stripe.request(
                now,
                &ApiRequest {
                    method: "POST".into(),
                    path: "/v1/products".into(),
                    headers: vec![("authorization".into(), bearer)],
                    body: format!("name=Other+{n}").into_bytes(),
                    ..ApiRequest::default()
                },
            );
            assert_eq!(made.status, 200);
        }
    });
}

async fn a_poll_that_breaks_off_does_not_advance(world: &World) {
    begin(world).await;
    let at_first = cursor(world).await;
    let new = |world: &World| {
        let db = world.state.db.clone();
        let since = at_first.0.unwrap() * 1000;
        async move {
            sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM inbox WHERE created_at > $1")
                .bind(since)
                .fetch_one(db.reader())
                .await
                .unwrap()
        }
    };
    world.advance(Duration::from_mins(1));
    lose_events(world);
    add_products(world, 150);
    // The second page of the types the products are among: the third request.
    world.sandbox.with(|w| {
        let mut rule = FaultRule::always(Target::Stripe, answer(503)).at("GET", "/v1/events");
        rule.skip = 2;
        w.faults.add(rule);
    });
    poll(world).await;
    assert_eq!(cursor(world).await, at_first);
    assert_eq!(new(world).await, 100);
    let pages = calls(world, "/v1/events");
    world.work().await;
    assert_eq!(calls(world, "/v1/events"), pages, "it backs off");

    end_faults(world);
    poll(world).await;
    assert_eq!(new(world).await, 150);
    assert!(cursor(world).await.0 > at_first.0);
}
on_both!(a_poll_that_breaks_off_does_not_advance);
