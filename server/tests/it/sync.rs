//! Leases, fences, generations, and what becomes of failures.

use crate::bot::until;
use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::World;
use sandbox::faults::{Fault, FaultRule, Target};
use server::db::DbError;
use server::db::dirty::{self, Class, SubjectKind};
use server::sync;
use std::time::Duration;

const ID: &str = "pay_test";

async fn mark(world: &World, id: &str, due_at: i64, class: Class) {
    let mut tx = world.state.db.begin().await.unwrap();
    dirty::mark(&mut tx, SubjectKind::Payer, id, due_at, class, "test")
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn row(world: &World, id: &str) -> (i64, i64, i64) {
    sqlx::query_as("SELECT generation, due_at, parked FROM dirty WHERE id = $1")
        .bind(id)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap()
}

async fn marks_coalesce_and_the_sooner_counts(world: &World) {
    let now = world.state.clock.policy_ms();
    mark(world, ID, now + 5_000, Class::Event).await;
    mark(world, ID, now, Class::Bulk).await;
    mark(world, ID, now + 9_000, Class::Urgent).await;
    assert_eq!(row(world, ID).await, (3, now, 0));
    let claimed = dirty::claim(&world.state.db, &*world.state.clock, 10)
        .await
        .unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].generation, 3);
    world.state.clock.wall_ms();
    assert!(
        dirty::claim(&world.state.db, &*world.state.clock, 10)
            .await
            .unwrap()
            .is_empty()
    );
    dirty::release(&world.state.db, &claimed[0]).await.unwrap();
    world.work().await;
}
on_both!(marks_coalesce_and_the_sooner_counts);

async fn a_mark_during_the_work_brings_the_subject_back(world: &World) {
    let now = world.state.clock.policy_ms();
    mark(world, ID, now, Class::Event).await;
    let lease = dirty::claim(&world.state.db, &*world.state.clock, 1)
        .await
        .unwrap()
        .remove(0);
    // An event arrives after the read began.
    mark(world, ID, now, Class::Event).await;
    let mut tx = world.state.db.begin().await.unwrap();
    dirty::check_fence(
        &world.state.db,
        &mut tx,
        &lease,
        world.state.clock.wall_ms(),
    )
    .await
    .unwrap();
    dirty::finish(&mut tx, &lease, None, now).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(row(world, ID).await, (2, now, 0));
    let again = dirty::claim(&world.state.db, &*world.state.clock, 1)
        .await
        .unwrap()
        .remove(0);
    assert!(again.fence > lease.fence);
    let mut tx = world.state.db.begin().await.unwrap();
    dirty::finish(&mut tx, &again, Some(now + 1), now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(row(world, ID).await, (2, now + 1, 0));
}
on_both!(a_mark_during_the_work_brings_the_subject_back);

async fn a_lost_lease_writes_nothing(world: &World) {
    let now = world.state.clock.policy_ms();
    mark(world, ID, now, Class::Event).await;
    let first = dirty::claim(&world.state.db, &*world.state.clock, 1)
        .await
        .unwrap()
        .remove(0);
    // The first worker stalls; its lease is freed and another takes it.
    dirty::free_all_leases(&world.state.db).await.unwrap();
    let second = dirty::claim_one(&world.state.db, &*world.state.clock, SubjectKind::Payer, ID)
        .await
        .unwrap()
        .unwrap();
    let mut tx = world.state.db.begin().await.unwrap();
    let refused = dirty::check_fence(
        &world.state.db,
        &mut tx,
        &first,
        world.state.clock.wall_ms(),
    )
    .await;
    assert!(matches!(refused, Err(DbError::Fenced)));
    assert!(matches!(
        dirty::finish(&mut tx, &first, None, now).await,
        Err(DbError::Fenced)
    ));
    drop(tx);
    assert!(
        dirty::claim_one(&world.state.db, &*world.state.clock, SubjectKind::Payer, ID)
            .await
            .unwrap()
            .is_none()
    );
    let mut tx = world.state.db.begin().await.unwrap();
    dirty::check_fence(
        &world.state.db,
        &mut tx,
        &second,
        world.state.clock.wall_ms(),
    )
    .await
    .unwrap();
    dirty::finish(&mut tx, &second, None, now).await.unwrap();
    tx.commit().await.unwrap();
}
on_both!(a_lost_lease_writes_nothing);

async fn classes_go_first_and_none_starves(world: &World) {
    let now = world.state.clock.policy_ms();
    mark(world, "bulk_old", now - 120_000, Class::Bulk).await;
    mark(world, "bulk", now, Class::Bulk).await;
    mark(world, "event", now, Class::Event).await;
    mark(world, "urgent", now, Class::Urgent).await;
    let claimed = dirty::claim(&world.state.db, &*world.state.clock, 4)
        .await
        .unwrap();
    let mut order = Vec::new();
    for lease in &claimed {
        let rank: i64 = sqlx::query_scalar("SELECT rank_at FROM dirty WHERE id = $1")
            .bind(&lease.id)
            .fetch_one(world.state.db.reader())
            .await
            .unwrap();
        order.push((rank, lease.id.as_str()));
    }
    order.sort_unstable();
    let order: Vec<&str> = order.into_iter().map(|(_, id)| id).collect();
    assert_eq!(order, ["bulk_old", "urgent", "event", "bulk"]);
    for lease in &claimed {
        dirty::release(&world.state.db, lease).await.unwrap();
    }
    world.work().await;
}
on_both!(classes_go_first_and_none_starves);

async fn a_failing_stripe_backs_off_and_comes_again(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    world.sandbox.with(|w| {
        let rule = FaultRule::always(
            Target::Stripe,
            Fault::Answer {
                status: 503,
                effect: false,
            },
        );
        w.faults.add(rule.at("GET", "/v1/subscriptions"));
    });
    let payer: String = sqlx::query_scalar("SELECT id FROM payers")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    mark(world, &payer, world.state.clock.policy_ms(), Class::Event).await;
    world.work().await;
    let (_, due_at, parked) = row(world, &payer).await;
    assert!(due_at > world.state.clock.policy_ms() && parked == 0);
    assert_eq!(
        ada.membership().await,
        Some(("active".into(), "granted".into()))
    );
    world.sandbox.with(|w| w.faults.clear());
    world.advance(Duration::from_mins(16));
    world.settle().await;
    let attempts: i64 = sqlx::query_scalar("SELECT attempts FROM dirty WHERE id = $1")
        .bind(&payer)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    assert_eq!(attempts, 0);
}
on_both!(a_failing_stripe_backs_off_and_comes_again);

async fn an_ended_subscription_takes_the_role_and_only_ours(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let roles = world.plan_roles("Patron").await;
    assert!(ada.has_roles(&roles));
    let subscription: String = sqlx::query_scalar("SELECT id FROM subscriptions")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let kept = world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        let other = w.discord.create_role(now, "Speaker", 0).unwrap();
        w.discord.add_role_by_hand(now, ADA, &other).unwrap();
        w.stripe.cancel_now(now, &subscription).unwrap();
        other
    });
    world.settle().await;
    assert_eq!(
        ada.membership().await,
        Some(("canceled".into(), "denied".into()))
    );
    assert_eq!(world.roles_of(ADA), [kept]);
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM grants WHERE state <> 'gone'")
            .await,
        0
    );
    // Back again, from the page.
    ada.subscribe("Member").await;
    assert!(ada.has_roles(&world.plan_roles("Member").await));
}
on_both!(an_ended_subscription_takes_the_role_and_only_ours);

async fn a_missed_renewal_ends_by_the_timer_without_any_event(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let customer = ada.customer().await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe
            .set_delivery_faults(sandbox::stripe::DeliveryFaults {
                drop: 100,
                ..Default::default()
            });
        w.stripe
            .set_default_card(now, &customer, sandbox::stripe::CardKind::AttachThenFail)
            .unwrap();
    });
    world.advance(Duration::from_hours(24 * 31 + 6));
    world.settle().await;
    assert_eq!(
        ada.membership().await,
        Some(("past_due".into(), "grace".into()))
    );
    assert!(ada.has_roles(&world.plan_roles("Patron").await));
    world.advance(Duration::from_hours(24 * 8));
    world.settle().await;
    let (_, entitlement) = ada.membership().await.unwrap();
    assert_eq!(entitlement, "denied");
    assert!(world.roles_of(ADA).is_empty());
}
on_both!(a_missed_renewal_ends_by_the_timer_without_any_event);

/// A pause has a date of return, and a subscription that ends while paused keeps it.
async fn what_is_over_wakes_nobody(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let resumes = world.state.clock.policy_ms() / 1000 + 5 * 86_400;
    let customer = ada.customer().await;
    world.sandbox.with(|world| {
        let now = world.clock.now_ms();
        let id = world.stripe.state_json()["subscriptions"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        world
            .stripe
            .pause(now, &id, Some("void"), Some(resumes))
            .unwrap();
        world.stripe.cancel_now(now, &id).unwrap();
    });
    world.settle().await;
    let due: i64 = sqlx::query_scalar(
        "SELECT due_at FROM dirty JOIN customers ON customers.payer_id = dirty.id \
         WHERE dirty.kind = 'payer' AND customers.id = $1",
    )
    .bind(&customer)
    .fetch_one(world.state.db.reader())
    .await
    .unwrap();
    assert_eq!(
        due,
        dirty::NEVER,
        "a moment of something that is over is waited for"
    );
}

on_both!(what_is_over_wakes_nobody);

async fn what_a_person_waits_for_goes_before_an_older_wave(world: &World) {
    let now = world.state.clock.policy_ms();
    let mut tx = world.state.db.begin().await.unwrap();
    let mark = async |conn: &mut sqlx::AnyConnection, id: &str, due: i64, class| {
        let kind = dirty::SubjectKind::Customer;
        dirty::mark(conn, kind, id, due, class, "test")
            .await
            .unwrap();
    };
    for number in 0..20 {
        let id = format!("cus_old_{number}");
        mark(&mut tx, &id, now - 50_000, dirty::Class::Event).await;
    }
    mark(&mut tx, "cus_person", now, dirty::Class::Urgent).await;
    tx.commit().await.unwrap();
    let urgent = dirty::claim_urgent(&world.state.db, &*world.state.clock, 2)
        .await
        .unwrap();
    let ids: Vec<&str> = urgent.iter().map(|lease| lease.id.as_str()).collect();
    assert_eq!(ids, ["cus_person"], "age does not let the wave go first");
    for lease in &urgent {
        dirty::release(&world.state.db, lease).await.unwrap();
    }
    world.work().await;
    let none = dirty::claim_urgent(&world.state.db, &*world.state.clock, 2)
        .await
        .unwrap();
    assert!(none.is_empty());
}
on_both!(what_a_person_waits_for_goes_before_an_older_wave);

/// One subject stands in a line or is answered late: that is no reason to let another wait.
async fn who_is_marked_while_another_waits_is_worked_on(world: &World) {
    let ada = world.sign_in(ADA).await.user_id;
    let grace = world.sign_in(GRACE).await.user_id;
    let slow = Fault::Slow { ms: 3_000 };
    let path = format!("/members/{ADA}");
    world.sandbox.with(|w| {
        let rule = FaultRule::always(Target::Discord, slow).at("GET", &path);
        w.faults.add(rule.times(1));
        w.discord.calls.clear();
    });
    let asked = || {
        world.sandbox.with(|w| {
            let mut calls = w.discord.calls.iter();
            calls.any(|call| call.path.ends_with(&path))
        })
    };
    let due = async |user: &str| -> i64 {
        let now = world.state.clock.policy_ms();
        sqlx::query_scalar("SELECT COUNT(*) FROM dirty WHERE id = $1 AND due_at <= $2")
            .bind(user)
            .bind(now)
            .fetch_one(world.state.db.reader())
            .await
            .unwrap()
    };
    let mark = async |user: &str| {
        let now = world.state.clock.policy_ms();
        let mut tx = world.state.db.begin().await.unwrap();
        dirty::mark(&mut tx, SubjectKind::User, user, now, Class::Event, "test")
            .await
            .unwrap();
        tx.commit().await.unwrap();
        world.state.work.notify_one();
    };
    let worker = tokio::spawn(sync::run(world.state.clone()));
    mark(&ada).await;
    until("Discord is asked for Ada", async || asked()).await;
    mark(&grace).await;
    until("Grace is done", async || due(&grace).await == 0).await;
    assert_eq!(due(&ada).await, 1, "Ada's answer was not waited for");
    until("Ada is done", async || due(&ada).await == 0).await;
    worker.abort();
    assert!(worker.await.unwrap_err().is_cancelled());
}
on_both!(who_is_marked_while_another_waits_is_worked_on);
