//! A process stops between any two steps: the next one goes on from there.

use super::{HOUR, LINUS, ask_deletion, confirm, metadata, stage, ticket, user};
use crate::lifecycle::support::ask;
use crate::login::site::ADA;
use crate::on_both;
use crate::support::World;
use futures::future::BoxFuture;
use server::db::{Pace, dirty};
use server::state::AppState;
use server::sync;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Lets so many transactions begin; the next one waits for ever, and says so.
struct Budget {
    left: AtomicUsize,
    over: Notify,
}

impl Pace for Budget {
    fn before_writing(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let spend = |left: usize| left.checked_sub(1);
            let (set, get) = (Ordering::SeqCst, Ordering::SeqCst);
            if self.left.fetch_update(set, get, spend).is_err() {
                self.over.notify_one();
                std::future::pending::<()>().await;
            }
        })
    }
}

/// A process that stops before its transaction number `budget + 1`, wherever that is; answers
/// whether it came to rest before.
async fn process(world: &World, budget: usize) -> bool {
    let pace = Arc::new(Budget {
        left: AtomicUsize::new(budget),
        over: Notify::new(),
    });
    let state = world.on(world.state.db.paced(pace.clone()));
    let rested = tokio::select! {
        () = work(&state) => true,
        () = pace.over.notified() => false,
    };
    // Its leases run out, and it cannot write by them any more; nor can a call of its land.
    dirty::free_all_leases(&world.state.db).await.unwrap();
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE grants SET asked_at = asked_at - 60000")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.advance(Duration::from_mins(1));
    rested
}

async fn work(state: &AppState) {
    loop {
        let due = dirty::claim(&state.db, &*state.clock, 1).await.unwrap();
        let Some(lease) = due.into_iter().next() else {
            return;
        };
        sync::work_on(state, lease).await;
    }
}

/// Processes with ever more time, until one comes to rest with nothing due. Answers how many
/// were stopped.
async fn stopped_everywhere(world: &World) -> usize {
    for budget in 1..200 {
        let rested = process(world, budget).await;
        // Stripe's events come whenever they come.
        world.sandbox.deliver_now().await;
        if rested && world.backlog().await == (0, 0) {
            return budget - 1;
        }
    }
    panic!("it never came to rest");
}

/// One more transaction each time: somebody else's deletion, stopped once and gone on with.
async fn a_deletion_stopped_anywhere_comes_to_its_end(world: &World) {
    let mut positions = 0;
    loop {
        let who = world.sandbox.with(|w| {
            let now = w.clock.now_ms();
            let id = w.discord.create_user(now, "Somebody", true).unwrap();
            w.discord.member_join(now, &id).unwrap();
            id
        });
        world.state.limits.forget();
        let mut person = world.sign_in(&who).await;
        person.subscribe("Member").await;
        ask_deletion(&mut person).await;
        world.advance(HOUR);
        let rested = process(world, positions).await;
        world.settle().await;
        // Whoever is worked on just then is waited for.
        for _ in 0..3 {
            world.advance(Duration::from_mins(1));
            world.settle().await;
        }
        assert_eq!(
            stage(world, &person.user_id).await.as_deref(),
            Some("erased"),
            "stopped before transaction {}",
            positions + 1
        );
        assert!(world.roles_of(&who).is_empty());
        assert_eq!(user(world, &who).await, None);
        if rested {
            break;
        }
        positions += 1;
    }
    assert!(positions > 15, "{positions}");
    let running = "SELECT COUNT(*) FROM subscriptions WHERE status <> 'canceled'";
    assert_eq!(world.count(running).await, 0);
}
on_both!(a_deletion_stopped_anywhere_comes_to_its_end);

async fn a_deletion_goes_on_wherever_it_was_stopped(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    ada.buy_pass("Season pass").await;
    let customer = ada.customer().await;
    let price = world.pass_price("Season pass").await;
    let open = crate::support::session_of(&ada.start_checkout(&price).await);
    ask_deletion(&mut ada).await;
    world.advance(HOUR);
    let stopped = stopped_everywhere(world).await;
    assert!(stopped >= 5, "{stopped}");
    assert_eq!(stage(world, &ada.user_id).await.as_deref(), Some("erased"));
    assert_eq!(user(world, ADA).await, None);
    assert!(world.roles_of(ADA).is_empty());
    let form = format!("customer={customer}&status=all");
    let list = ask(world, "GET", "/v1/subscriptions", &form);
    assert_eq!(list["data"][0]["status"], "canceled");
    let session = ask(world, "GET", &format!("/v1/checkout/sessions/{open}"), "");
    assert_eq!(session["status"], "expired");
    assert_eq!(
        metadata(world, &customer)["rollcall_discord_user"],
        serde_json::Value::Null
    );
    // Each step is told once.
    let told: i64 = world
        .count("SELECT COUNT(*) FROM audit WHERE event = 'account'")
        .await;
    assert_eq!(told, 4);
}
on_both!(a_deletion_goes_on_wherever_it_was_stopped);

async fn a_move_is_finished_wherever_it_was_stopped(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let customer = ada.customer().await;
    let roles = world.plan_roles("Member").await;
    let id = ticket(world, &mut ada, LINUS).await;
    world.work().await;
    assert_eq!(confirm(&mut ada, &id).await, "/account?moved=1");
    let stopped = stopped_everywhere(world).await;
    assert!(stopped >= 3, "{stopped}");
    assert_eq!(metadata(world, &customer)["rollcall_discord_user"], LINUS);
    assert!(world.roles_of(ADA).is_empty());
    assert!(
        roles
            .iter()
            .all(|role| world.roles_of(LINUS).contains(role))
    );
}
on_both!(a_move_is_finished_wherever_it_was_stopped);
