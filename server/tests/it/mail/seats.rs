//! Mail to those who hold a company's seats.

use super::{empty, letters};
use crate::on_both_with_mail;
use crate::support::World;
use server::db::dirty::{self, Class, SubjectKind};
use server::sync;
use std::collections::BTreeSet;

/// More than are told in one transaction.
const MANY: i64 = 120;

async fn written(world: &World, kind: &str) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM mails WHERE kind = $1")
        .bind(kind)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap()
}

async fn mark(world: &World, kind: SubjectKind, id: &str) {
    let now = world.state.clock.policy_ms();
    let mut tx = world.state.db.begin().await.unwrap();
    dirty::mark(&mut tx, kind, id, now, Class::Event, "test")
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Works on one subject alone.
async fn work_on(world: &World, kind: SubjectKind, id: &str) {
    let (db, clock) = (&world.state.db, &*world.state.clock);
    let claimed = dirty::claim_one(db, clock, kind, id).await.unwrap();
    sync::work_on(&world.state, claimed.unwrap()).await;
}

async fn everybody_with_a_seat_is_told_of_its_end_once_and_nobody_waits_for_it(world: &World) {
    let (acme, _) = world.full_acme(MANY).await;
    empty(world);
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        let id = &acme.subscription;
        w.stripe.cancel_later(now, id, false, false).unwrap();
    });
    mark(world, SubjectKind::Payer, "pay_acme").await;
    work_on(world, SubjectKind::Payer, "pay_acme").await;
    assert_eq!(written(world, "seats_paid_until").await, 1, "the owner");
    assert_eq!(
        written(world, "seat_ending").await,
        0,
        "the transaction that others wait for writes none of them"
    );
    world.settle().await;
    assert_eq!(written(world, "seat_ending").await, MANY);
    let told: BTreeSet<Vec<String>> = letters(world)
        .into_iter()
        .filter(|mail| mail.subject.starts_with("Your seat at Acme lasts until "))
        .map(|mail| mail.recipients)
        .collect();
    let many = usize::try_from(MANY).unwrap();
    assert_eq!(told.len(), many);
    assert_eq!(letters(world).len(), many + 1);
    // Asked again, as after a crash in its midst.
    let pool = format!("{} {}", acme.id, acme.plan);
    mark(world, SubjectKind::Holders, &pool).await;
    world.settle().await;
    assert_eq!(letters(world).len(), many + 1, "nobody is told twice");
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM dirty WHERE kind = 'holders'")
            .await,
        0
    );
}
on_both_with_mail!(everybody_with_a_seat_is_told_of_its_end_once_and_nobody_waits_for_it);
