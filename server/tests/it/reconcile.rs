//! The look at everybody: pages of a thousand, and only who is wrong is touched.

use crate::on_both;
use crate::support::World;
use server::reconcile;
use std::time::Duration;

async fn sweep(world: &World) {
    reconcile::soon(&world.state, "test").await.unwrap();
    world.work().await;
}

/// (members, wrong, others) of the last one.
async fn last(world: &World) -> (i64, i64, i64) {
    sqlx::query_as("SELECT members, wrong, others FROM sweeps ORDER BY began_at DESC LIMIT 1")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap()
}

fn calls(world: &World, method: &str) -> usize {
    world.sandbox.with(|w| {
        w.discord
            .calls
            .iter()
            .filter(|call| call.method == method && call.path.contains("/members/"))
            .count()
    })
}

async fn what_nobody_told_is_found_and_put_right(world: &World) {
    let crowd = world.crowd(8, "Member").await;
    let roles = world.plan_roles("Member").await;
    sweep(world).await;
    let inside = i64::try_from(world.sandbox.with(|w| w.discord.guild.members.len())).unwrap();
    assert_eq!(last(world).await, (inside, 0, 0));
    let (reads, writes) = (calls(world, "GET"), calls(world, "PUT"));
    world.advance(Duration::from_secs(1));
    sweep(world).await;
    assert_eq!(
        (calls(world, "GET"), calls(world, "PUT")),
        (reads, writes),
        "a second look touches nobody"
    );
    // Taken by hand, left, and given to a stranger; no event told of any of it.
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord
            .remove_role_by_hand(now, &crowd[0].discord_id, &roles[0])
            .unwrap();
        w.discord.member_leave(&crowd[1].discord_id).unwrap();
        w.discord
            .add_role_by_hand(now, "1100000000000000103", &roles[0])
            .unwrap();
    });
    world.advance(Duration::from_secs(1));
    sweep(world).await;
    assert_eq!(last(world).await, (inside - 1, 2, 1));
    assert_eq!(world.holders(&crowd, &roles), 7);
    assert_eq!(
        calls(world, "PUT"),
        writes + 1,
        "only who is wrong is written"
    );
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM users WHERE in_guild = 0")
            .await,
        1
    );
    assert!(
        !world.roles_of("1100000000000000103").is_empty(),
        "what we never gave is not taken"
    );
}
on_both!(what_nobody_told_is_found_and_put_right);

async fn many_who_would_lose_are_held_before_the_first_does(world: &World) {
    let crowd = world.crowd(12, "Member").await;
    let roles = world.plan_roles("Member").await;
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE entitlements SET state = 'denied', reason = 'ended'")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    sweep(world).await;
    assert_eq!(world.holders(&crowd, &roles), 12, "nobody");
    let open: Vec<(String, String)> =
        sqlx::query_as("SELECT kind, subject FROM incidents WHERE closed_at IS NULL")
            .fetch_all(world.state.db.reader())
            .await
            .unwrap();
    assert_eq!(open, [("brake".into(), "reconcile".into())]);
    world.advance(Duration::from_secs(1));
    sweep(world).await;
    assert_eq!(last(world).await.1, 0, "what is held is known");
    let mut tx = world.state.db.begin().await.unwrap();
    let cause = app::admin::LossCause::Reconcile;
    let now = world.state.clock.policy_ms();
    assert!(
        server::roles::brake::lift(&mut tx, cause, now)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    world.work().await;
    assert_eq!(world.holders(&crowd, &roles), 0);
}
on_both!(many_who_would_lose_are_held_before_the_first_does);

async fn without_the_intent_it_says_so(world: &World) {
    world
        .sandbox
        .with(|w| w.discord.application.intents.members = false);
    sweep(world).await;
    let told: String = sqlx::query_scalar(
        "SELECT detail FROM incidents WHERE kind = 'members_intent' AND closed_at IS NULL",
    )
    .fetch_one(world.state.db.reader())
    .await
    .unwrap();
    assert!(told.contains("Server Members Intent"), "{told}");
    world
        .sandbox
        .with(|w| w.discord.application.intents.members = true);
    world.advance(Duration::from_mins(61));
    world.work().await;
    let next: i64 = world
        .count("SELECT due_at FROM dirty WHERE kind = 'sweep'")
        .await;
    let hours = (next - world.state.clock.policy_ms()) / 3_600_000;
    assert!((5..=6).contains(&hours), "every RECONCILE_HOURS: {hours}");
}
on_both!(without_the_intent_it_says_so);
