//! Joining, leaving, banned.

use super::{grants, start, story, worked_until};
use crate::login::site::{ADA, consent, location};
use crate::on_both;
use crate::support::{OUTSIDE, World};

async fn in_guild(world: &World, user_id: &str) -> Option<i64> {
    sqlx::query_scalar("SELECT in_guild FROM users WHERE id = $1")
        .bind(user_id)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap()
}

/// Leaves, and everything that follows is done.
async fn leave(world: &World, discord_id: &str, user_id: &str) {
    world
        .sandbox
        .with(|w| w.discord.member_leave(discord_id).unwrap());
    worked_until(world, "leaving is seen", || async {
        in_guild(world, user_id).await == Some(0)
    })
    .await;
}

async fn who_leaves_keeps_the_membership_and_who_joins_has_roles_at_once(world: &World) {
    let bot = start(world).await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let roles = world.plan_roles("Member").await;
    leave(world, ADA, &ada.user_id).await;
    // What Discord took is not ours any more; the subscription is as it was.
    assert_eq!(grants(world).await, [("wanted".to_owned(), Some(10_007))]);
    assert_eq!(
        ada.membership().await,
        Some(("active".to_owned(), "granted".to_owned()))
    );
    let page = ada.page("/billing").await;
    assert!(page.contains("You are no longer in the Discord server."));
    assert!(page.contains("Join the server again"));

    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.member_join(now, ADA).unwrap();
    });
    worked_until(world, "the roles are back", || async {
        ada.has_roles(&roles)
    })
    .await;
    worked_until(world, "Discord's answer is recorded", || async {
        grants(world).await == [("granted".to_owned(), None)]
    })
    .await;
    assert!(!ada.page("/billing").await.contains("no longer in the"));
    assert_eq!(
        story(world, "server").await,
        [
            "no longer in the server; its roles went with it",
            "in the server again"
        ]
    );
    bot.stop(world).await;
}
on_both!(who_leaves_keeps_the_membership_and_who_joins_has_roles_at_once);

async fn the_button_brings_back_who_left(world: &World) {
    let bot = start(world).await;
    let mut person = world.sign_in(OUTSIDE).await;
    person.subscribe("Member").await;
    let roles = world.plan_roles("Member").await;
    assert!(person.has_roles(&roles));
    leave(world, OUTSIDE, &person.user_id).await;
    let page = person.page("/billing").await;
    assert!(page.contains("Join the server again"), "{page}");
    // As the button does: a new consent, whose token adds them.
    let answer = person.browser.get("/login?next=%2Fbilling&join=1").await;
    let back = consent(&world.base, &location(&answer), OUTSIDE, "authorize").await;
    person.browser.get(&back).await;
    worked_until(world, "they are back with their roles", || async {
        person.has_roles(&roles)
    })
    .await;
    assert_eq!(world.count("SELECT COUNT(*) FROM join_tokens").await, 0);
    bot.stop(world).await;
}
on_both!(the_button_brings_back_who_left);

async fn who_is_banned_is_told_so_and_comes_back_after_it(world: &World) {
    let bot = start(world).await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.ban(now, ADA, Some("spam")).unwrap();
    });
    let banned = || world.count("SELECT COUNT(*) FROM users WHERE banned = 1 AND in_guild = 0");
    worked_until(world, "the ban is seen", || async { banned().await == 1 }).await;
    let page = ada.page("/billing").await;
    assert!(page.contains("You are banned from the Discord server."));
    assert!(!page.contains("Join the server"));
    assert_eq!(
        ada.membership().await,
        Some(("active".to_owned(), "granted".to_owned()))
    );
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.unban(now, ADA).unwrap();
    });
    worked_until(world, "its end is seen", || async { banned().await == 0 }).await;
    assert!(ada.page("/billing").await.contains("Join the server again"));
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.member_join(now, ADA).unwrap();
    });
    let roles = world.plan_roles("Member").await;
    worked_until(world, "the roles are back", || async {
        ada.has_roles(&roles)
    })
    .await;
    bot.stop(world).await;
}
on_both!(who_is_banned_is_told_so_and_comes_back_after_it);
