//! The bot over a real connection to the sandbox's gateway: what people do in the server, what
//! the gateway does to us, and the slash commands.

mod by_hand;
mod commands;
mod connection;
mod members;
mod server_roles;
mod token;

use crate::support::World;
use server::bot;
use server::state::AppState;
use std::future::Future;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const LONG: Duration = Duration::from_secs(20);

/// A running bot; dropping it ends it.
pub struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Runs a bot beside the tests' own worker.
pub fn run(state: &AppState) -> Running {
    let (stop, stopping) = watch::channel(false);
    let task = tokio::spawn(bot::run(state.clone(), stopping));
    Running { stop, task }
}

/// Runs a bot until it is in, has marked whom it marks then, and has its commands.
pub async fn start(world: &World) -> Running {
    let running = run(&world.state);
    connected(world, 1).await;
    world.settle().await;
    running
}

/// Waits until the gateway was entered that often, and everything that follows was done.
pub async fn connected(world: &World, times: usize) {
    until("the bot is in", || async {
        // The last thing a new session causes.
        asked(world, "GET", &commands_path(world)) >= times
    })
    .await;
    until("one connection is left", || async {
        world.sandbox.with(|w| w.discord.sessions.live() == 1)
    })
    .await;
}

/// How often Discord was asked that.
pub fn asked(world: &World, method: &str, path: &str) -> usize {
    world.sandbox.with(|w| {
        w.discord
            .calls
            .iter()
            .filter(|call| call.method == method && call.path == path)
            .count()
    })
}

pub fn commands_path(world: &World) -> String {
    let settings = &world.state.config.discord;
    format!(
        "/api/v10/applications/{}/guilds/{}/commands",
        settings.client_id, settings.guild_id
    )
}

impl Running {
    /// Ends it, and works off what it has marked.
    pub async fn stop(self, world: &World) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
        world.settle().await;
    }
}

/// Waits for a condition.
pub async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(
        tokio::time::timeout(LONG, waiting).await.is_ok(),
        "waited in vain: {what}"
    );
}

/// Works until a condition holds: what the gateway tells arrives when it does.
pub async fn worked_until<F: Future<Output = bool>>(
    world: &World,
    what: &str,
    mut is: impl FnMut() -> F,
) {
    let waiting = async {
        loop {
            world.work().await;
            if is().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(
        tokio::time::timeout(LONG, waiting).await.is_ok(),
        "waited in vain: {what}"
    );
}

pub async fn grants(world: &World) -> Vec<(String, Option<i64>)> {
    sqlx::query_as("SELECT state, code FROM grants ORDER BY role_id")
        .fetch_all(world.state.db.reader())
        .await
        .unwrap()
}

pub async fn open_incidents(world: &World) -> Vec<(String, String)> {
    sqlx::query_as("SELECT kind, detail FROM incidents WHERE closed_at IS NULL ORDER BY kind")
        .fetch_all(world.state.db.reader())
        .await
        .unwrap()
}

pub async fn story(world: &World, event: &str) -> Vec<String> {
    sqlx::query_scalar("SELECT detail FROM audit WHERE event = $1 ORDER BY at")
        .bind(event)
        .fetch_all(world.state.db.reader())
        .await
        .unwrap()
}
