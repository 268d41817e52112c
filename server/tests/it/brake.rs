//! The brake, the freeze and observing: many losses at once are held, and go on when an operator
//! says so.

use crate::login::site::{ADA, GRACE};
use crate::support::crowd::Member;
use crate::support::{Kind, World};
use crate::{on_both, on_both_with_mail};
use reqwest::StatusCode;
use std::collections::BTreeSet;
use std::time::Duration;

/// Grants by state and what holds them.
async fn grants(world: &World) -> Vec<(String, Option<String>, i64)> {
    sqlx::query_as(
        "SELECT state, held_by, COUNT(*) FROM grants GROUP BY state, held_by ORDER BY state, held_by",
    )
    .fetch_all(world.state.db.reader())
    .await
    .unwrap()
}

async fn open(world: &World) -> Vec<(String, String)> {
    sqlx::query_as("SELECT kind, subject FROM incidents WHERE closed_at IS NULL ORDER BY kind")
        .fetch_all(world.state.db.reader())
        .await
        .unwrap()
}

/// What an operator presses; answers where it leads.
async fn press(world: &World, function: &str, form: &[(&str, &str)]) -> String {
    let mut operator = world.sign_in(GRACE).await;
    let mut form = form.to_vec();
    form.push(("back", "/admin/brake"));
    let answer = operator
        .browser
        .post_form(&format!("/api/{function}"), &form)
        .await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{function}");
    answer.headers()["location"].to_str().unwrap().to_owned()
}

fn forget(world: &World, members: &[Member], forgotten: bool) {
    world.sandbox.with(|w| {
        for member in members {
            w.stripe.forget_customer(&member.customer, forgotten);
        }
    });
}

async fn customers_nobody_knows_cost_nobody_a_role(world: &World) {
    let crowd = world.crowd(20, "Member").await;
    let roles = world.plan_roles("Member").await;
    // Sixty of a hundred.
    forget(world, &crowd[..12], true);
    world.read_everybody().await;
    assert_eq!(world.holders(&crowd, &roles), 20);
    assert_eq!(open(world).await, [("brake".into(), "missing".into())]);
    for _ in 0..3 {
        world.advance(Duration::from_mins(11));
        world.settle().await;
    }
    assert_eq!(
        world.holders(&crowd, &roles),
        20,
        "ten minutes and an hour later too"
    );
    let held = grants(world).await;
    assert!(
        held.contains(&("held".into(), Some("brake missing".into()), 12)),
        "{held:?}"
    );
    // Most of them are known again: they are let go by themselves.
    forget(world, &crowd[1..12], false);
    world.advance(Duration::from_mins(61));
    world.settle().await;
    let held = grants(world).await;
    assert!(
        held.contains(&("held".into(), Some("brake missing".into()), 1)),
        "{held:?}"
    );
    // The operator lifts it: who is really gone goes.
    let led = press(world, "desk_lift", &[("cause", "missing")]).await;
    assert_eq!(led, "/admin/brake?done=lifted");
    world.settle().await;
    assert_eq!(world.holders(&crowd, &roles), 19);
    assert_eq!(open(world).await, []);
    let led = press(world, "desk_lift", &[("cause", "missing")]).await;
    assert_eq!(led, "/admin/brake?problem=changed");
}
on_both!(customers_nobody_knows_cost_nobody_a_role);

async fn one_customer_nobody_knows_is_waited_for_and_then_gone(world: &World) {
    let crowd = world.crowd(3, "Member").await;
    let roles = world.plan_roles("Member").await;
    forget(world, &crowd[..1], true);
    world.read_everybody().await;
    assert_eq!(world.holders(&crowd, &roles), 3);
    assert_eq!(open(world).await, []);
    world.advance(Duration::from_mins(10) + Duration::from_secs(1));
    world.settle().await;
    assert_eq!(world.holders(&crowd, &roles), 2);
    // Known again: nothing was taken for good.
    forget(world, &crowd[..1], false);
    world.advance(Duration::from_mins(61));
    world.settle().await;
    assert_eq!(world.holders(&crowd, &roles), 3);
}
on_both!(one_customer_nobody_knows_is_waited_for_and_then_gone);

async fn memberships_that_end_go_until_there_are_too_many(world: &World) {
    let crowd = world.crowd(20, "Member").await;
    let roles = world.plan_roles("Member").await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        for member in &crowd[..12] {
            w.stripe.cancel_now(now, &member.subscription).unwrap();
        }
    });
    world.settle().await;
    // max(5, 10 % of 20).
    assert_eq!(world.holders(&crowd, &roles), 15);
    assert_eq!(open(world).await, [("brake".into(), "ended".into())]);
    world.advance(Duration::from_hours(2));
    world.settle().await;
    assert_eq!(
        world.holders(&crowd, &roles),
        15,
        "time alone lifts nothing"
    );
    press(world, "desk_lift", &[("cause", "ended")]).await;
    world.settle().await;
    assert_eq!(world.holders(&crowd, &roles), 8);
    let lines: i64 = world
        .count("SELECT COUNT(*) FROM audit WHERE event = 'brake' AND subject = 'ended'")
        .await;
    assert_eq!(lines, 1, "who lifted it is kept");
}
on_both!(memberships_that_end_go_until_there_are_too_many);

async fn what_one_payer_ends_counts_once(world: &World) {
    let crowd = world.crowd(40, "Member").await;
    let roles = world.plan_roles("Member").await;
    // As a company of forty seats will have it: one payer behind everybody's entitlement.
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE subscriptions SET payer_id = 'pay_crowd_0'")
        .execute(&mut *tx)
        .await
        .unwrap();
    sqlx::query("UPDATE entitlements SET state = 'denied', reason = 'ended'")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let now = world.state.clock.policy_ms();
    server::db::rearm::mark_every(&world.state.db, "user", now, "test")
        .await
        .unwrap();
    world.work().await;
    assert_eq!(world.holders(&crowd, &roles), 0, "all forty go");
    assert_eq!(open(world).await, []);
    assert_eq!(world.count("SELECT COUNT(*) FROM losses").await, 1);
}
on_both!(what_one_payer_ends_counts_once);

async fn a_role_that_leaves_a_plan_counts_everybody(world: &World) {
    let crowd = world.crowd(12, "Member").await;
    let roles = world.plan_roles("Member").await;
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("DELETE FROM plan_roles WHERE role_id = $1")
        .bind(&roles[0])
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let now = world.state.clock.policy_ms();
    server::db::rearm::mark_every(&world.state.db, "user", now, "test")
        .await
        .unwrap();
    world.work().await;
    assert_eq!(world.holders(&crowd, &roles), 7);
    assert_eq!(open(world).await, [("brake".into(), "mapping".into())]);
    press(world, "desk_lift", &[("cause", "mapping")]).await;
    world.settle().await;
    assert_eq!(world.holders(&crowd, &roles), 0);
}
on_both!(a_role_that_leaves_a_plan_counts_everybody);

async fn the_freeze_holds_every_removal_and_nothing_else(world: &World) {
    let led = press(world, "desk_freeze", &[("on", "true")]).await;
    assert_eq!(led, "/admin/brake?done=frozen");
    let led = press(world, "desk_freeze", &[("on", "true")]).await;
    assert_eq!(led, "/admin/brake?problem=changed");
    let crowd = world.crowd(3, "Member").await;
    let roles = world.plan_roles("Member").await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_now(now, &crowd[0].subscription).unwrap();
    });
    world.settle().await;
    assert_eq!(world.holders(&crowd, &roles), 3, "given, and not taken");
    let held = grants(world).await;
    assert!(
        held.contains(&("held".into(), Some("freeze".into()), 1)),
        "{held:?}"
    );
    press(world, "desk_freeze", &[("on", "false")]).await;
    world.settle().await;
    assert_eq!(world.holders(&crowd, &roles), 2);
}
on_both!(the_freeze_holds_every_removal_and_nothing_else);

/// A server where a plan's role has been given by hand before we came.
async fn observing(kind: Kind) -> World {
    let world = World::prepared(kind, |sandbox| {
        sandbox.with(|w| {
            let now = w.clock.now_ms();
            let member = w.discord.demo_roles().0;
            w.discord
                .add_role_by_hand(now, "1100000000000000103", &member)
                .unwrap();
        });
    })
    .await;
    assert_eq!(open(&world).await, [("observe".into(), "roles".into())]);
    world
}

async fn holders_from_before_are_only_observed_until_somebody_says_go(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    assert!(world.roles_of(ADA).is_empty());
    assert_eq!(
        grants(world).await,
        [("held".into(), Some("observe".into()), 1)]
    );
    let mut operator = world.sign_in(GRACE).await;
    let page = operator.page("/admin/brake").await;
    assert!(
        page.contains("Observing") && page.contains("would be given"),
        "{page}"
    );
    let led = press(world, "desk_go", &[]).await;
    assert_eq!(led, "/admin/brake?done=going");
    world.settle().await;
    assert!(ada.has_roles(&world.plan_roles("Member").await));
    assert!(
        !world.roles_of("1100000000000000103").is_empty(),
        "what was given by hand stays"
    );
}

mod holders_from_before {
    use super::*;

    #[tokio::test]
    async fn sqlite() {
        let world = observing(Kind::Sqlite).await;
        holders_from_before_are_only_observed_until_somebody_says_go(&world).await;
        world.finish().await;
    }

    #[tokio::test]
    async fn postgres() {
        let world = observing(Kind::Postgres).await;
        holders_from_before_are_only_observed_until_somebody_says_go(&world).await;
        world.finish().await;
    }
}

async fn nobody_but_an_operator_switches_anything(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let mut stranger = ada.browser.clone();
    stranger.cookies.clear();
    for browser in [&mut ada.browser, &mut stranger] {
        assert_eq!(
            browser.get("/admin/brake").await.status(),
            StatusCode::NOT_FOUND
        );
        for (function, field) in [
            ("desk_freeze", ("on", "true")),
            ("desk_lift", ("cause", "ended")),
            ("desk_go", ("x", "y")),
        ] {
            let form = [field, ("back", "/admin/brake")];
            let answer = browser.post_form(&format!("/api/{function}"), &form).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{function}");
        }
    }
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM switches WHERE name = 'freeze'")
            .await,
        0
    );
}
on_both!(nobody_but_an_operator_switches_anything);

async fn the_page_says_what_is_held_and_whether_plans_are_well(world: &World) {
    let patron = "1100000000000000022";
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.move_role(now, patron, 6).unwrap();
    });
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let mut operator = world.sign_in(GRACE).await;
    let page = operator.page("/admin/brake").await;
    for words in [
        "Patron cannot be given: 1 person",
        "Discord’s code 50013",
        "drag ‘Rollcall’ above ‘Patron’",
        "Ada Lovelace",
        "Freeze removals",
        "Needs you",
        "Everybody who buys it gets its roles",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.move_role(now, patron, 2).unwrap();
    });
    world.advance(Duration::from_secs(11));
    world.settle().await;
}
on_both!(the_page_says_what_is_held_and_whether_plans_are_well);

async fn operators_get_one_mail_a_matter(world: &World) {
    world.sign_in(GRACE).await;
    let crowd = world.crowd(20, "Member").await;
    world.sandbox.with(|w| w.mail.clear());
    forget(world, &crowd[..12], true);
    world.read_everybody().await;
    let mails = || -> Vec<(BTreeSet<String>, String)> {
        world.sandbox.with(|w| {
            w.mail
                .messages()
                .iter()
                .map(|mail| (mail.recipients.iter().cloned().collect(), mail.text.clone()))
                .collect()
        })
    };
    let told = mails();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0.contains("grace@example.org"));
    assert!(told[0].1.contains("lift"), "{told:?}");
    for _ in 0..3 {
        world.advance(Duration::from_mins(61));
        world.settle().await;
    }
    assert_eq!(mails().len(), 1, "once");
    forget(world, &crowd[..12], false);
    world.advance(Duration::from_mins(61));
    world.settle().await;
    press(world, "desk_lift", &[("cause", "missing")]).await;
    world.settle().await;
}
on_both_with_mail!(operators_get_one_mail_a_matter);
