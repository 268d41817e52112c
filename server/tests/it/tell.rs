//! What operators are told by a direct message: once per matter, whatever happens in between.

use crate::support::World;
use crate::{on_both, on_both_with_mail};
use sandbox::discord::{Effect, Fault, PERSON_GRACE};
use server::db::dirty::{self, Class, SubjectKind};
use server::incidents;
use std::time::Duration;

async fn open(world: &World, kind: &str, subject: &str) {
    let now = world.state.clock.policy_ms();
    let mut tx = world.state.db.begin().await.unwrap();
    incidents::open(&mut tx, kind, subject, "Twelve people, @everyone.", now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn close(world: &World, kind: &str, subject: &str) {
    let now = world.state.clock.policy_ms();
    let mut tx = world.state.db.begin().await.unwrap();
    incidents::close(&mut tx, kind, subject, now).await.unwrap();
    tx.commit().await.unwrap();
}

/// What the bot said in direct channels, oldest first.
fn messages(world: &World) -> Vec<String> {
    world.sandbox.with(|w| {
        w.discord
            .messages()
            .iter()
            .map(|message| message.content.clone())
            .collect()
    })
}

fn asked(world: &World, path: &str) -> usize {
    world.sandbox.with(|w| w.discord.calls.count("POST", path))
}

const SAY: &str = "/channels/{channel}/messages";
const OPEN: &str = "/users/@me/channels";

async fn states(world: &World) -> Vec<String> {
    sqlx::query_scalar("SELECT state FROM messages ORDER BY created_at, operator")
        .fetch_all(world.state.db.reader())
        .await
        .unwrap()
}

async fn an_operator_is_told_once_of_a_matter_and_again_of_the_next(world: &World) {
    open(world, "brake", "missing").await;
    world.work().await;
    let said = messages(world);
    assert_eq!(said.len(), 1);
    for part in [
        "**The brake holds**, since <t:",
        "Twelve people",
        "**What to do:** Look under Brake",
        &format!("The desk: <{}/admin/incidents>", world.base),
    ] {
        assert!(said[0].contains(part), "{part}: {}", said[0]);
    }
    // It is opened again and again, and stays one matter.
    for _ in 0..3 {
        open(world, "brake", "missing").await;
        world.advance(Duration::from_hours(1));
        world.settle().await;
    }
    assert_eq!(messages(world).len(), 1);
    close(world, "brake", "missing").await;
    world.advance(Duration::from_hours(1));
    open(world, "brake", "missing").await;
    world.work().await;
    assert_eq!(
        messages(world).len(),
        2,
        "a second opening is a second matter"
    );
    assert_eq!(asked(world, OPEN), 2);
    // What is about one person is on the desk alone.
    open(world, "mail_refused", "usr_1").await;
    world.work().await;
    assert_eq!(messages(world).len(), 2);
    assert_eq!(states(world).await, ["sent", "sent"]);
    let left: i64 = world
        .count("SELECT COUNT(*) FROM messages WHERE content IS NOT NULL")
        .await;
    assert_eq!(left, 0, "nothing of its text stays");
    close(world, "brake", "missing").await;
    close(world, "mail_refused", "usr_1").await;
}
on_both!(an_operator_is_told_once_of_a_matter_and_again_of_the_next);

async fn who_takes_no_messages_is_asked_once(world: &World) {
    let grace = PERSON_GRACE.to_string();
    world
        .sandbox
        .with(|w| w.discord.set_dms_closed(&grace, true).unwrap());
    open(world, "observe", "roles").await;
    world.work().await;
    for _ in 0..3 {
        world.advance(Duration::from_hours(1));
        world.settle().await;
    }
    assert_eq!(asked(world, SAY), 1);
    assert_eq!(states(world).await, ["refused"]);
    assert_eq!(messages(world).len(), 0);
    close(world, "observe", "roles").await;
}
on_both!(who_takes_no_messages_is_asked_once);

/// As a process that stopped between Discord's yes and our commit leaves it.
async fn unheard(world: &World) {
    let now = world.state.clock.wall_ms();
    let (id, channel): (String, String) = sqlx::query_as("SELECT id, channel_id FROM messages")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let content = messages(world).remove(0);
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query(
        "UPDATE messages SET state = 'sending', settled_at = NULL, content = $1, asked_at = $2, channel_id = $3",
    )
    .bind(content)
    .bind(now)
    .bind(channel)
    .execute(&mut *tx)
    .await
    .unwrap();
    let due = world.state.clock.policy_ms();
    dirty::mark(
        &mut tx,
        SubjectKind::Message,
        &id,
        due,
        Class::Event,
        "test",
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

async fn a_crash_before_the_answer_was_recorded_sends_nothing_twice(world: &World) {
    open(world, "brake", "ended").await;
    world.work().await;
    unheard(world).await;
    world.work().await;
    assert_eq!(asked(world, SAY), 2, "asked again by the same nonce");
    assert_eq!(messages(world).len(), 1);
    // Hours later Discord has forgotten the nonce; the channel shows it.
    unheard(world).await;
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE messages SET asked_at = asked_at - 7200000")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.advance(Duration::from_hours(2));
    world.settle().await;
    assert_eq!(messages(world).len(), 1);
    assert_eq!(asked(world, SAY), 2, "it was looked up instead");
    assert_eq!(states(world).await, ["sent"]);
    // One that was handed over and is not there is sent.
    unheard(world).await;
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE messages SET asked_at = asked_at - 7200000, content = 'Never came.'")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.work().await;
    assert_eq!(messages(world).len(), 2);
    close(world, "brake", "ended").await;
}
on_both!(a_crash_before_the_answer_was_recorded_sends_nothing_twice);

async fn an_answer_that_is_lost_sends_nothing_twice(world: &World) {
    world.sandbox.with(|w| {
        w.discord.faults.add(Fault {
            method: Some("POST".into()),
            path: "/messages".into(),
            times: 1,
            effect: Effect::Status {
                status: 500,
                code: 0,
                landed: true,
            },
        });
    });
    open(world, "gateway", "Discord").await;
    world.work().await;
    assert_eq!(asked(world, SAY), 2);
    assert_eq!(messages(world).len(), 1);
    close(world, "gateway", "Discord").await;
}
on_both!(an_answer_that_is_lost_sends_nothing_twice);

async fn what_is_mended_meanwhile_is_not_told(world: &World) {
    world.sandbox.with(|w| {
        w.discord.faults.add(Fault {
            method: Some("POST".into()),
            path: "/users/@me/channels".into(),
            times: 3,
            effect: Effect::Status {
                status: 503,
                code: 0,
                landed: false,
            },
        });
    });
    open(world, "stripe_key", "STRIPE_SECRET_KEY").await;
    world.work().await;
    let attempts: i64 = world
        .count("SELECT attempts FROM dirty WHERE kind = 'message' AND parked = 0")
        .await;
    assert_eq!(attempts, 1, "it comes again");
    close(world, "stripe_key", "STRIPE_SECRET_KEY").await;
    world.advance(Duration::from_hours(1));
    world.settle().await;
    assert_eq!(messages(world).len(), 0);
    assert_eq!(states(world).await, ["dropped"]);
    let left: i64 = world
        .count("SELECT COUNT(*) FROM dirty WHERE kind = 'message'")
        .await;
    assert_eq!(left, 0);
}
on_both!(what_is_mended_meanwhile_is_not_told);

async fn every_operator_is_told_and_one_who_is_gone_stands_in_nobodys_way(world: &World) {
    open(world, "brake", "mapping").await;
    world.work().await;
    // Grace and Mary are told; Barbara is not in the server, and nobody has the last id.
    assert_eq!(messages(world).len(), 2);
    let mut ends = states(world).await;
    ends.sort_unstable();
    assert_eq!(ends, ["refused", "refused", "sent", "sent"]);
    close(world, "brake", "mapping").await;
}
on_both!(
    every_operator_is_told_and_one_who_is_gone_stands_in_nobodys_way,
    "OPERATOR_DISCORD_IDS" = "1100000000000000102,1100000000000000100,1100000000000000106,42"
);

async fn a_token_that_is_refused_does_not_loop(world: &World) {
    // That the token was refused is told as well, unless it is over by then.
    let told = |world: &World| {
        let of_brake = |said: &&String| said.contains("The brake holds");
        messages(world).iter().filter(of_brake).count()
    };
    let token = world.sandbox.with(|w| w.discord.bot_token());
    world.sandbox.with(|w| w.discord.set_token("a.new.token"));
    open(world, "brake", "missing").await;
    for _ in 0..5 {
        world.advance(Duration::from_mins(2));
        world.settle().await;
    }
    let all = asked(world, OPEN);
    assert!(all <= 5, "{all} in ten minutes");
    world
        .sandbox
        .with(|w| token.clone_into(&mut w.discord.application.bot_token));
    // The circuit opens by the machine's time, work comes by the policy's.
    for _ in 0..200 {
        world.advance(Duration::from_mins(2));
        world.settle().await;
        let open: i64 = world
            .count("SELECT COUNT(*) FROM incidents WHERE kind <> 'brake' AND closed_at IS NULL")
            .await;
        if told(world) == 1 && open == 0 {
            break;
        }
    }
    assert_eq!(told(world), 1);
    close(world, "brake", "missing").await;
}
on_both!(a_token_that_is_refused_does_not_loop);

async fn the_brake_is_told_by_mail_and_by_message(world: &World) {
    let _grace = world.sign_in(&PERSON_GRACE.to_string()).await;
    for (kind, subject) in [("brake", "ended"), ("observe", "roles")] {
        open(world, kind, subject).await;
        world.work().await;
    }
    world.settle().await;
    assert_eq!(messages(world).len(), 2);
    let mails = world.sandbox.with(|w| w.mail.messages().len());
    assert_eq!(mails, 2);
    for (kind, subject) in [("brake", "ended"), ("observe", "roles")] {
        close(world, kind, subject).await;
    }
}
on_both_with_mail!(the_brake_is_told_by_mail_and_by_message);
