//! Ends: planned and taken back, at once, and beginning again.

use super::support::{MINUTE_MS, days, seen, subscription, until, words};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::World;
use sandbox::stripe::DeliveryFaults;

fn silence(world: &World, drop: u8) {
    world.sandbox.with(|w| {
        w.stripe.set_delivery_faults(DeliveryFaults {
            drop,
            ..DeliveryFaults::default()
        });
    });
}

async fn planned_end(world: &World, by_cancel_at: bool) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let id = subscription(world).await;
    let end: i64 = sqlx::query_scalar("SELECT period_end FROM subscriptions")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let plan = |keep: bool| {
        world.sandbox.with(|w| {
            let now = w.clock.now_ms();
            w.stripe.cancel_later(now, &id, by_cancel_at, keep).unwrap();
        });
    };
    plan(false);
    world.settle().await;
    let ending = seen(world, &mut ada, "Patron").await;
    assert_eq!(ending.status, "active");
    assert_eq!(ending.access, words("granted", "ending"));
    assert_eq!(ending.until, Some(end));
    assert!(ending.roles);
    assert!(
        ending.heading.starts_with("You’re in until")
            && ending.heading.ends_with("It does not renew."),
        "{}",
        ending.heading
    );
    // Taken back, and planned once more.
    plan(true);
    world.settle().await;
    let kept = seen(world, &mut ada, "Patron").await;
    assert_eq!(kept.access, words("granted", "paid"));
    assert_eq!(kept.until, None);
    plan(false);
    world.settle().await;
    // The end itself: nobody tells us, the timer looks.
    silence(world, 100);
    until(world, end - MINUTE_MS).await;
    assert!(seen(world, &mut ada, "Patron").await.roles);
    until(world, end + MINUTE_MS).await;
    let ended = seen(world, &mut ada, "Patron").await;
    assert_eq!(ended.status, "canceled");
    assert_eq!(ended.access, words("denied", "ended"));
    assert!(!ended.roles);
    assert!(
        ended.heading.starts_with("Your membership ended on"),
        "{}",
        ended.heading
    );
}

async fn ending_at_the_periods_end_keeps_access_until_then(world: &World) {
    planned_end(world, false).await;
}
on_both!(ending_at_the_periods_end_keeps_access_until_then);

/// As the portal plans it for flexible billing.
async fn ending_by_cancel_at_is_the_same(world: &World) {
    planned_end(world, true).await;
}
on_both!(ending_by_cancel_at_is_the_same);

async fn cancelled_at_once_and_begun_again(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let id = subscription(world).await;
    days(world, 3).await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_now(now, &id).unwrap();
    });
    world.settle().await;
    let ended = seen(world, &mut ada, "Patron").await;
    assert_eq!(ended.access, words("denied", "ended"));
    assert!(!ended.roles && ended.heading.starts_with("Your membership ended on"));
    assert!(ada.page("/billing").await.contains("Come back"));
    days(world, 3).await;
    ada.subscribe("Patron").await;
    let back = seen(world, &mut ada, "Patron").await;
    assert_eq!(back.access, words("granted", "paid"));
    assert!(back.roles && back.heading.starts_with("You’re in. Renews on"));
    assert_eq!(
        world.count("SELECT COUNT(*) FROM subscriptions").await,
        2,
        "the old one stays as it ended"
    );
    assert_eq!(world.count("SELECT COUNT(*) FROM customers").await, 1);
}
on_both!(cancelled_at_once_and_begun_again);
