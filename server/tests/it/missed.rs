//! Events that no webhook brought, what backs off and what parks, and what brings it back.

mod cursor;
mod failing;
mod gap;
mod inbox;
mod transport;

use crate::support::World;
use sandbox::faults::Fault;
use sandbox::stripe::DeliveryFaults;
use server::webhooks;
use std::time::Duration;

/// A poll follows the last after this, whatever chance adds.
const NEXT_POLL: Duration = Duration::from_mins(6);

fn answer(status: u16) -> Fault {
    Fault::Answer {
        status,
        effect: false,
    }
}

fn end_faults(world: &World) {
    world.sandbox.with(|w| w.faults.clear());
}

fn lose_events(world: &World) {
    world.sandbox.with(|w| {
        w.stripe.set_delivery_faults(DeliveryFaults {
            drop: 100,
            ..DeliveryFaults::default()
        });
    });
}

fn calls(world: &World, path: &str) -> usize {
    world
        .sandbox
        .with(|w| w.calls.iter().filter(|call| call.path == path).count())
}

/// The cursor begins now.
async fn begin(world: &World) {
    webhooks::start_cursor(&world.state).await.unwrap();
    world.work().await;
}

async fn poll(world: &World) {
    world.advance(NEXT_POLL);
    world.work().await;
}

async fn cursor(world: &World) -> (Option<i64>, i64) {
    sqlx::query_as("SELECT seen_until, polled_at FROM event_cursor")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap()
}

async fn subscription(world: &World) -> String {
    sqlx::query_scalar("SELECT id FROM subscriptions")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap()
}

async fn open_incidents(world: &World) -> Vec<(String, String)> {
    sqlx::query_as("SELECT kind, subject FROM incidents WHERE closed_at IS NULL ORDER BY kind")
        .fetch_all(world.state.db.reader())
        .await
        .unwrap()
}
