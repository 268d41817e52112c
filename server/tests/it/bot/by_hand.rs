//! Roles given and taken by hand: seen, read afresh, put right by policy, and told.

use super::{grants, open_incidents, start, story, worked_until};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::{Person, World};
use serde_json::json;
use std::time::Duration;

/// Somebody takes Ada's role; answers once that was worked off.
async fn take(world: &World, role: &str) {
    let changes = || world.count("SELECT COUNT(*) FROM role_changes");
    let before = changes().await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.remove_role_by_hand(now, ADA, role).unwrap();
    });
    worked_until(world, "it is seen", || async { changes().await > before }).await;
}

fn give(world: &World, role: &str) {
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.add_role_by_hand(now, ADA, role).unwrap();
    });
}

async fn member(world: &World) -> (Person<'_>, String) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let role = world.plan_roles("Member").await.remove(0);
    assert!(world.roles_of(ADA).contains(&role));
    (ada, role)
}

async fn a_role_taken_by_hand_is_put_back_and_told(world: &World) {
    let bot = start(world).await;
    let (_ada, role) = member(world).await;
    take(world, &role).await;
    assert_eq!(world.roles_of(ADA), [role]);
    assert_eq!(grants(world).await, [("granted".to_owned(), None)]);
    assert_eq!(
        story(world, "role by hand").await,
        ["taken away by somebody else; put back"]
    );
    bot.stop(world).await;
}
on_both!(a_role_taken_by_hand_is_put_back_and_told);

async fn a_third_time_within_an_hour_it_is_left_until_the_operator_says_so(world: &World) {
    let bot = start(world).await;
    let (ada, role) = member(world).await;
    for _ in 0..2 {
        take(world, &role).await;
        assert_eq!(world.roles_of(ADA), std::slice::from_ref(&role));
        world.advance(Duration::from_mins(10));
    }
    take(world, &role).await;
    assert!(world.roles_of(ADA).is_empty(), "it is left as it is");
    let open = open_incidents(world).await;
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(open[0].0, "role by hand");
    assert!(open[0].1.contains("three times"), "{open:?}");
    assert_eq!(grants(world).await, [("held".to_owned(), None)]);
    // Neither time nor another look puts it back.
    world.advance(Duration::from_hours(2));
    mark(world, &ada).await;
    world.work().await;
    assert!(world.roles_of(ADA).is_empty());
    // The operator has looked.
    super::commands::ask(
        world,
        "resync",
        &json!([{"name": "user", "type": 6, "value": ADA}]),
    )
    .await;
    worked_until(world, "it is put back", || async {
        grants(world).await == [("granted".to_owned(), None)]
    })
    .await;
    assert_eq!(world.roles_of(ADA), [role]);
    bot.stop(world).await;
}
on_both!(
    a_third_time_within_an_hour_it_is_left_until_the_operator_says_so,
    "OPERATOR_DISCORD_IDS" = "1100000000000000100"
);

async fn three_times_in_three_hours_is_no_war(world: &World) {
    let bot = start(world).await;
    let (_ada, role) = member(world).await;
    for _ in 0..3 {
        take(world, &role).await;
        assert_eq!(world.roles_of(ADA), std::slice::from_ref(&role));
        world.advance(Duration::from_mins(61));
    }
    bot.stop(world).await;
}
on_both!(three_times_in_three_hours_is_no_war);

async fn a_role_given_by_hand_is_told_and_stays(world: &World) {
    let bot = start(world).await;
    // Signed in, and without any membership.
    world.sign_in(ADA).await;
    let role = world.plan_roles("Patron").await.remove(0);
    give(world, &role);
    let told = || {
        world.count(
            "SELECT COUNT(*) FROM incidents WHERE closed_at IS NULL AND kind = 'role not ours'",
        )
    };
    worked_until(world, "it is told", || async { told().await == 1 }).await;
    assert_eq!(world.roles_of(ADA), std::slice::from_ref(&role));
    assert_eq!(
        story(world, "role by hand").await,
        ["given by somebody else; left as it is"]
    );
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.remove_role_by_hand(now, ADA, &role).unwrap();
    });
    worked_until(world, "it is closed", || async { told().await == 0 }).await;
    bot.stop(world).await;
}
on_both!(a_role_given_by_hand_is_told_and_stays);

async fn a_role_given_by_hand_is_taken_away_where_that_is_the_policy(world: &World) {
    let bot = start(world).await;
    let (_ada, own) = member(world).await;
    let patron = world.plan_roles("Patron").await;
    let role = patron.iter().find(|role| **role != own).unwrap();
    give(world, role);
    worked_until(world, "it is taken away", || async {
        world.roles_of(ADA) == [own.clone()]
    })
    .await;
    worked_until(world, "Discord's answer is recorded", || async {
        let mut states: Vec<String> = grants(world).await.into_iter().map(|g| g.0).collect();
        states.sort();
        states == ["gone", "granted"]
    })
    .await;
    assert_eq!(
        story(world, "role by hand").await,
        ["given by somebody else; taken away"]
    );
    // A role that is in no plan is nobody's business.
    let moderator = sandbox::discord::ROLE_MODERATOR.to_string();
    give(world, &moderator);
    give(world, role);
    worked_until(world, "it is taken away again", || async {
        world.roles_of(ADA) == [own.clone(), moderator.clone()]
    })
    .await;
    worked_until(world, "nothing is under way", || async {
        !grants(world)
            .await
            .iter()
            .any(|(state, _)| state == "revoking")
    })
    .await;
    bot.stop(world).await;
}
on_both!(
    a_role_given_by_hand_is_taken_away_where_that_is_the_policy,
    "HEAL" = "heal"
);

async fn what_we_change_ourselves_is_no_news(world: &World) {
    let bot = start(world).await;
    let (ada, _role) = member(world).await;
    // The server's role is renamed after our own change, so that is heard of first.
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord
            .rename_role(now, &sandbox::discord::ROLE_TEAM.to_string(), "Crew")
            .unwrap();
    });
    let renamed = || world.count("SELECT COUNT(*) FROM guild_roles WHERE name = 'Crew'");
    worked_until(world, "the name is known", || async {
        renamed().await == 1
    })
    .await;
    let trace: String =
        sqlx::query_scalar("SELECT trace FROM dirty WHERE kind = 'user' AND id = $1")
            .bind(&ada.user_id)
            .fetch_one(world.state.db.reader())
            .await
            .unwrap();
    assert!(
        !trace.starts_with("gateway_"),
        "marked by our own change: {trace}"
    );
    assert!(story(world, "role by hand").await.is_empty());
    bot.stop(world).await;
}
on_both!(what_we_change_ourselves_is_no_news);

async fn mark(world: &World, person: &Person<'_>) {
    mark_user(world, &person.user_id).await;
}

async fn mark_user(world: &World, user_id: &str) {
    use server::db::dirty::{self, Class, SubjectKind};
    let mut tx = world.state.db.begin().await.unwrap();
    let now = world.state.clock.policy_ms();
    dirty::mark(
        &mut tx,
        SubjectKind::User,
        user_id,
        now,
        Class::Event,
        "test",
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
}
