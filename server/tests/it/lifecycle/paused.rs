//! Collection paused, under both policies.

use super::support::{Seen, days, seen, subscription, words};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::{Person, World};

async fn pause(world: &World, behavior: Option<&str>) {
    let id = subscription(world).await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.pause(now, &id, behavior, None).unwrap();
    });
    world.settle().await;
}

async fn paused<'a>(world: &'a World, behavior: &str) -> (Person<'a>, Seen) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    days(world, 5).await;
    pause(world, Some(behavior)).await;
    let now = seen(world, &mut ada, "Patron").await;
    (ada, now)
}

/// Stripe's periods go on while nothing is collected; the last paid one is what counts.
async fn ends_with_the_paid_period(world: &World, behavior: &str) {
    let (mut ada, now) = paused(world, behavior).await;
    let end: i64 = sqlx::query_scalar("SELECT period_end FROM subscriptions")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    assert_eq!(now.status, "active");
    assert_eq!(now.access, words("granted", "paused_paid_up"));
    assert_eq!(now.until, Some(end));
    assert!(now.roles, "{now:?}");
    assert!(now.heading.contains("aused"), "{}", now.heading);
    days(world, 20).await;
    assert!(seen(world, &mut ada, "Patron").await.roles);
    days(world, 8).await;
    let over = seen(world, &mut ada, "Patron").await;
    assert_eq!(over.status, "active");
    assert_eq!(over.access, words("denied", "paused"));
    assert!(!over.roles && over.heading.contains("aused"), "{over:?}");
    // And it stays so in the periods after.
    days(world, 31).await;
    assert_eq!(
        seen(world, &mut ada, "Patron").await.access,
        words("denied", "paused")
    );
    pause(world, None).await;
    let back = seen(world, &mut ada, "Patron").await;
    assert_eq!(back.access, words("granted", "paid"));
    assert!(back.roles);
}

async fn paused_with_void_invoices(world: &World) {
    ends_with_the_paid_period(world, "void").await;
}
on_both!(paused_with_void_invoices);

async fn paused_with_drafts(world: &World) {
    ends_with_the_paid_period(world, "keep_as_draft").await;
}
on_both!(paused_with_drafts);

async fn paused_with_uncollectible_invoices(world: &World) {
    ends_with_the_paid_period(world, "mark_uncollectible").await;
}
on_both!(paused_with_uncollectible_invoices);

async fn a_policy_that_keeps_access_keeps_it(world: &World) {
    let (mut ada, now) = paused(world, "void").await;
    assert_eq!(now.access, words("granted", "paid"));
    days(world, 40).await;
    let now = seen(world, &mut ada, "Patron").await;
    assert_eq!(now.access, words("granted", "paid"));
    assert!(now.roles);
}
on_both!(a_policy_that_keeps_access_keeps_it, "PAUSE_ACCESS" = "keep");
