//! Webhooks on their way: signed with the machine's time, posted, and their outcome recorded.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use http::header::CONTENT_TYPE;
use tokio::{task::JoinSet, time::sleep};

use super::Shell;
use crate::{
    World,
    clock::Clock,
    stripe::{self, Delivery},
};

/// How many are on their way at once.
const AT_ONCE: usize = 32;

/// How often the pump looks without being told: renewals happen as time passes.
const LOOK: Duration = Duration::from_secs(1);

/// A webhook that was sent.
#[derive(Clone, Debug)]
pub struct Delivered {
    pub endpoint_id: String,
    pub event_id: String,
    /// The receiver's answer; `None` when there was none.
    pub status: Option<u16>,
}

/// Sends what is due until the sandbox stops.
pub(super) async fn pump(shell: Arc<Shell>) {
    let mut waiting = VecDeque::new();
    let mut under_way = JoinSet::new();
    loop {
        let next_look = {
            let mut world = shell.lock();
            let wall_ms = Clock::wall_ms();
            waiting.extend(world.take_due_deliveries(wall_ms));
            until_next(&world, wall_ms)
        };
        while under_way.len() < AT_ONCE {
            let Some(delivery) = waiting.pop_front() else {
                break;
            };
            let shell = Arc::clone(&shell);
            under_way.spawn(async move {
                deliver(&shell, delivery).await;
            });
        }
        tokio::select! {
            () = shell.changed.notified() => {}
            Some(_) = under_way.join_next() => {}
            () = sleep(next_look) => {}
            () = shell.stopped() => return,
        }
    }
}

/// How long nothing falls due by itself, as far as that can be told.
fn until_next(world: &World, wall_ms: i64) -> Duration {
    let retry = world
        .stripe
        .next_delivery_ms()
        .filter(|_| !world.deliveries_paused)
        .and_then(|due_ms| u64::try_from(due_ms - wall_ms).ok());
    retry.map_or(LOOK, |ms| LOOK.min(Duration::from_millis(ms.max(1))))
}

/// Sends what is due at `wall_ms`, in order, even when webhooks are paused.
pub(super) async fn deliver_due(shell: &Arc<Shell>, wall_ms: i64) -> Vec<Delivered> {
    let due = {
        let mut world = shell.lock();
        world.tick();
        world.take_deliveries_even_if_paused(wall_ms)
    };
    let mut sent = Vec::new();
    for delivery in due {
        sent.push(deliver(shell, delivery).await);
    }
    sent
}

async fn deliver(shell: &Shell, delivery: Delivery) -> Delivered {
    let signature = stripe::sign(
        &delivery.body,
        &delivery.secret,
        Clock::wall_ms().div_euclid(1000),
    );
    let answer = shell
        .client
        .post(&delivery.url)
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .header("stripe-signature", signature)
        .body(delivery.body.clone())
        .send()
        .await;
    let status = match answer {
        Ok(answer) => Some(answer.status().as_u16()),
        Err(error) => {
            tracing::debug!(%error, event = %delivery.event_id, "a webhook was not taken");
            None
        }
    };
    shell.with(|world| {
        world
            .stripe
            .record_delivery(delivery.id, status, Clock::wall_ms());
    });
    Delivered {
        endpoint_id: delivery.endpoint_id,
        event_id: delivery.event_id,
        status,
    }
}
