//! What Discord refuses: told with its cause and its clicks, asked once, and given by itself when
//! it is mended.

use crate::bot::until;
use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::{Kind, World};
use sandbox::discord::{Effect, Fault};
use sandbox::faults::{self, FaultRule, Target};
use server::db::dirty::{self, SubjectKind};
use server::incidents;
use server::roles::GUILD_SUBJECT;
use server::sync;
use sqlx::{Any, Transaction};
use std::time::Duration;
use tokio::task::JoinHandle;

const PATRON: &str = "1100000000000000022";
const BOT_ROLE: &str = "1100000000000000025";
const LINUS: &str = "1100000000000000103";

fn role_calls(world: &World, method: &str) -> usize {
    world.sandbox.with(|w| {
        w.discord
            .calls
            .count(method, "/guilds/{guild}/members/{id}/roles/{id}")
    })
}

async fn open(world: &World, kind: &str) -> Vec<(String, String)> {
    sqlx::query_as(
        "SELECT subject, detail FROM incidents WHERE closed_at IS NULL AND kind = $1 ORDER BY subject",
    )
    .bind(kind)
    .fetch_all(world.state.db.reader())
    .await
    .unwrap()
}

async fn the_wrong_place_is_told_and_mended_by_itself(world: &World) {
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        // Above the bot's own.
        w.discord.move_role(now, PATRON, 6).unwrap();
    });
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    assert!(!world.roles_of(ADA).contains(&PATRON.to_owned()));
    let told = open(world, "role refused").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, PATRON);
    assert!(
        told[0].1.contains("drag ‘Rollcall’ above ‘Patron’")
            && told[0].1.contains("Server Settings"),
        "{told:?}"
    );
    // The next one is not asked for: it would be refused as well.
    let asked = role_calls(world, "PUT");
    world.advance(Duration::from_secs(11));
    world.settle().await;
    let mut grace = world.sign_in(GRACE).await;
    grace.subscribe("Patron").await;
    let refused: i64 = world
        .count("SELECT COUNT(*) FROM grants WHERE state = 'refused' AND code = 50013")
        .await;
    assert_eq!(refused, 2);
    assert!(role_calls(world, "PUT") <= asked + 2, "never in a loop");
    assert_eq!(
        open(world, "role refused").await.len(),
        1,
        "one for the role"
    );
    for _ in 0..3 {
        let before = role_calls(world, "PUT");
        world.advance(Duration::from_mins(10));
        world.settle().await;
        assert_eq!(role_calls(world, "PUT"), before, "nothing changed");
    }
    // Mended: nobody presses anything.
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.move_role(now, BOT_ROLE, 6).unwrap();
    });
    world.advance(Duration::from_secs(11));
    world.settle().await;
    let patron = world.plan_roles("Patron").await;
    assert!(ada.has_roles(&patron) && grace.has_roles(&patron));
    assert_eq!(open(world, "role refused").await, []);
}
on_both!(the_wrong_place_is_told_and_mended_by_itself);

/// Discord says no, and before that is heard the server is mended and read: after it nothing
/// changes any more, and when it changed nobody waited.
async fn mended_before_the_refusal_was_heard(world: &World) {
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.move_role(now, PATRON, 6).unwrap();
    });
    world.advance(Duration::from_mins(11));
    world.settle().await;
    let late = faults::Fault::Slow { ms: 1_000 };
    world.sandbox.with(|w| {
        let rule = FaultRule::always(Target::Discord, late).at("PUT", "/roles/");
        w.faults.add(rule.times(1));
    });
    let mut ada = world.sign_in(ADA).await;
    let mending = async {
        until("the role is asked for", async || {
            role_calls(world, "PUT") > 0
        })
        .await;
        world.sandbox.with(|w| {
            let now = w.clock.now_ms();
            w.discord.move_role(now, BOT_ROLE, 6).unwrap();
        });
        world.advance(Duration::from_secs(1));
        let (db, clock) = (&world.state.db, &*world.state.clock);
        let claimed = dirty::claim_one(db, clock, SubjectKind::Guild, GUILD_SUBJECT).await;
        sync::work_on(&world.state, claimed.unwrap().unwrap()).await;
    };
    tokio::join!(ada.subscribe("Patron"), mending);
    let refused = world.sandbox.with(|w| {
        let calls = w.discord.calls.iter();
        calls.filter(|call| call.status == 403).count()
    });
    assert_eq!(refused, 1, "heard after it was mended");
    for _ in 0..3 {
        world.advance(Duration::from_mins(11));
        world.settle().await;
    }
    assert!(ada.has_roles(&world.plan_roles("Patron").await));
    assert_eq!(open(world, "role refused").await, []);
}
on_both!(mended_before_the_refusal_was_heard);

/// Broken after our last look, and as before at the next one: no look sees a change.
async fn broken_and_mended_between_two_looks(world: &World) {
    world.advance(Duration::from_mins(11));
    world.settle().await;
    let place = |position: Option<i64>| {
        world.sandbox.with(|w| {
            let now = w.clock.now_ms();
            let roles = w.discord.guild.roles.values();
            let old = roles.filter(|role| role.id.to_string() == PATRON);
            let old = old.map(|role| role.position).next().unwrap();
            w.discord
                .move_role(now, PATRON, position.unwrap_or(6))
                .unwrap();
            old
        })
    };
    let right = place(None);
    let late = faults::Fault::Slow { ms: 1_000 };
    world.sandbox.with(|w| {
        let rule = FaultRule::always(Target::Discord, late).at("PUT", "/roles/");
        w.faults.add(rule.times(1));
    });
    let mut ada = world.sign_in(ADA).await;
    let mending = async {
        until("the role is asked for", async || {
            role_calls(world, "PUT") > 0
        })
        .await;
        place(Some(right));
    };
    tokio::join!(ada.subscribe("Patron"), mending);
    // Soon; a call nobody heard the end of is waited for.
    for _ in 0..6 {
        world.advance(Duration::from_secs(11));
        world.settle().await;
    }
    assert!(ada.has_roles(&world.plan_roles("Patron").await));
    assert_eq!(open(world, "role refused").await, []);
}
on_both!(broken_and_mended_between_two_looks);

async fn a_refused_removal_stays_open_until_discord_confirms_it(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let roles = world.plan_roles("Member").await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.set_bot_permissions(now, 1).unwrap();
    });
    ada.cancel().await;
    world.settle().await;
    assert!(ada.has_roles(&roles));
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM grants WHERE state = 'revoking' AND code = 50013")
            .await,
        1
    );
    let told = open(world, "role refused").await;
    assert!(told[0].1.contains("switch on Manage Roles"), "{told:?}");
    world.advance(Duration::from_hours(24));
    world.settle().await;
    assert!(ada.has_roles(&roles), "and it is still open");
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.set_bot_permissions(now, (1 << 28) | 1).unwrap();
    });
    world.advance(Duration::from_secs(11));
    world.settle().await;
    assert!(world.roles_of(ADA).is_empty());
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM grants WHERE state = 'gone'")
            .await,
        1
    );
}
on_both!(a_refused_removal_stays_open_until_discord_confirms_it);

async fn a_server_that_is_gone_is_nobodys_outcome_and_one_incident(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let mut grace = world.sign_in(GRACE).await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.remove_bot(now).unwrap();
    });
    ada.subscribe("Member").await;
    grace.subscribe("Member").await;
    let recorded: i64 = world
        .count("SELECT COUNT(*) FROM grants WHERE state <> 'wanted' OR answered_at IS NOT NULL")
        .await;
    assert_eq!(recorded, 0, "no outcome of anybody");
    assert_eq!(open(world, "discord_access").await.len(), 1);
    assert_eq!(open(world, "role refused").await, []);
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.restore_bot(now).unwrap();
        w.discord.set_bot_permissions(now, (1 << 28) | 1).unwrap();
    });
    let roles = world.plan_roles("Member").await;
    // The circuit opens by the machine's time, work comes by the policy's.
    for _ in 0..200 {
        world.advance(Duration::from_secs(20));
        world.settle().await;
        if ada.has_roles(&roles) && grace.has_roles(&roles) {
            break;
        }
    }
    assert!(ada.has_roles(&roles) && grace.has_roles(&roles));
    assert_eq!(open(world, "discord_access").await, []);
}
on_both!(a_server_that_is_gone_is_nobodys_outcome_and_one_incident);

async fn an_answer_nobody_heard_is_not_believed_before_it_can_no_longer_land(world: &World) {
    let mut linus = world.sign_in(LINUS).await;
    linus.subscribe("Member").await;
    // As a process that stopped in the midst of a call leaves it.
    let now = world.state.clock.wall_ms();
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE grants SET state = 'wanted', asked_at = $1")
        .bind(now)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let reads = || {
        world
            .sandbox
            .with(|w| w.discord.calls.count("GET", "/guilds/{guild}/members/{id}"))
    };
    let before = reads();
    linus.mark().await;
    world.work().await;
    assert_eq!(reads(), before, "nothing read now would tell");
    let due: i64 = world
        .count("SELECT due_at FROM dirty WHERE kind = 'user'")
        .await;
    assert!(due > world.state.clock.policy_ms() + 15_000);
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE grants SET asked_at = $1")
        .bind(now - 60_000)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    linus.mark().await;
    world.work().await;
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM grants WHERE state = 'granted' AND asked_at IS NULL")
            .await,
        1
    );
}
on_both!(an_answer_nobody_heard_is_not_believed_before_it_can_no_longer_land);

/// How many of this database's connections wait for a row that another one holds.
async fn waiting_for_rows(world: &World) -> i64 {
    world
        .count(
            "SELECT COUNT(*) FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .await
}

/// Works on a subject beside the test.
fn spawn_work(world: &World, kind: SubjectKind, id: &str) -> JoinHandle<()> {
    let (state, id) = (world.state.clone(), id.to_owned());
    tokio::spawn(async move {
        let claimed = dirty::claim_one(&state.db, &*state.clock, kind, &id).await;
        sync::work_on(&state, claimed.unwrap().unwrap()).await;
    })
}

/// A transaction that holds the rows such a statement names.
async fn holding(world: &World, sql: &'static str) -> Transaction<'static, Any> {
    let mut tx = world.state.db.begin().await.unwrap();
    let held = sqlx::query(sql).execute(&mut *tx).await.unwrap();
    assert!(held.rows_affected() > 0, "{sql}");
    tx
}

/// A look has counted who waits and is not committed when a refusal is written: neither transaction
/// sees the other, and whoever was refused must be asked for all the same. SQLite has one writer.
#[tokio::test]
async fn a_look_and_a_refusal_that_do_not_see_each_other() {
    let world = World::start(Kind::Postgres).await;
    world.advance(Duration::from_mins(11));
    world.settle().await;
    world.sandbox.with(|w| {
        w.discord.faults.add(Fault {
            method: Some("PUT".into()),
            path: "/roles/".into(),
            times: 1,
            effect: Effect::Status {
                status: 403,
                code: 50_013,
                landed: false,
            },
        });
        let late = FaultRule::always(Target::Discord, faults::Fault::Slow { ms: 1_500 });
        w.faults.add(late.at("PUT", "/roles/").times(1));
    });
    let mut tx = world.state.db.begin().await.unwrap();
    incidents::open(&mut tx, "plan role", PATRON, "no longer so", 0)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut ada = world.sign_in(ADA).await;
    let checkout = ada.start_checkout(&world.price("Member").await).await;
    let session = ada.pay(&checkout, "4242424242424242").await;
    let back = format!("/billing?session_id={session}");
    ada.browser.get(&back).await;

    let refused = spawn_work(&world, SubjectKind::User, &ada.user_id);
    until("the role is asked for", async || {
        role_calls(&world, "PUT") > 0
    })
    .await;
    // The refusal is heard, and stops as it is written. Then the look stops, at its last statements:
    // it closes what the test opened.
    let late_refusal = holding(&world, "UPDATE grants SET detail = detail").await;
    let late_look = holding(
        &world,
        "UPDATE incidents SET detail = detail WHERE kind = 'plan role'",
    )
    .await;
    let waits = async |many| waiting_for_rows(&world).await == many;
    until("the refusal waits", async || waits(1).await).await;
    let looks = spawn_work(&world, SubjectKind::Guild, GUILD_SUBJECT);
    until("the look waits too", async || waits(2).await).await;
    late_refusal.rollback().await.unwrap();
    until("the refusal is over, or waits for the look", async || {
        refused.is_finished() || waits(2).await
    })
    .await;
    late_look.rollback().await.unwrap();
    refused.await.unwrap();
    looks.await.unwrap();
    for _ in 0..3 {
        world.advance(Duration::from_secs(11));
        world.settle().await;
    }
    assert!(ada.has_roles(&world.plan_roles("Member").await));
    world.finish().await;
}

/// Nothing of the server's roles changes, as when Discord wants two-factor of the owner.
async fn what_no_look_explains_is_asked_anew_after_hours(world: &World) {
    world.sandbox.with(|w| {
        w.discord.faults.add(Fault {
            method: Some("PUT".into()),
            path: "/roles/".into(),
            times: 3,
            effect: Effect::Status {
                status: 403,
                code: 50_013,
                landed: false,
            },
        });
    });
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    for (hours, asked) in [(1, 2), (4, 2), (2, 3)] {
        world.advance(Duration::from_hours(hours));
        world.settle().await;
        assert_eq!(role_calls(world, "PUT"), asked, "{hours} hours later");
        assert_eq!(open(world, "role refused").await.len(), 1);
    }
    let mut grace = world.sign_in(GRACE).await;
    grace.subscribe("Member").await;
    assert_eq!(role_calls(world, "PUT"), 3, "nobody else is asked about");
    world.advance(Duration::from_hours(7));
    world.settle().await;
    let member = world.plan_roles("Member").await;
    assert!(ada.has_roles(&member) && grace.has_roles(&member));
    assert_eq!(open(world, "role refused").await, []);
}
on_both!(what_no_look_explains_is_asked_anew_after_hours);

async fn what_nobody_can_explain_is_asked_for_once_more(world: &World) {
    world.sandbox.with(|w| {
        w.discord.faults.add(Fault {
            method: Some("PUT".into()),
            path: "/roles/".into(),
            times: 2,
            effect: Effect::Status {
                status: 403,
                code: 50_013,
                landed: false,
            },
        });
    });
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    for _ in 0..6 {
        world.advance(Duration::from_mins(10));
        world.settle().await;
    }
    assert_eq!(role_calls(world, "PUT"), 2, "nothing changed");
    assert_eq!(open(world, "role refused").await.len(), 1);
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.rename_role(now, PATRON, "Patrons").unwrap();
    });
    world.advance(Duration::from_secs(11));
    world.settle().await;
    assert!(ada.has_roles(&world.plan_roles("Member").await));
    assert_eq!(open(world, "role refused").await, []);
}
on_both!(what_nobody_can_explain_is_asked_for_once_more);

async fn what_is_refused_and_no_longer_wanted_is_over(world: &World) {
    world.sandbox.with(|w| {
        w.discord.faults.add(Fault {
            method: Some("PUT".into()),
            path: "/roles/".into(),
            times: 2,
            effect: Effect::Status {
                status: 403,
                code: 50_013,
                landed: false,
            },
        });
    });
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    assert_eq!(open(world, "role refused").await.len(), 1);
    ada.cancel().await;
    world.settle().await;
    assert_eq!(open(world, "role refused").await, []);
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM grants WHERE state = 'gone'")
            .await,
        1
    );
}
on_both!(what_is_refused_and_no_longer_wanted_is_over);
