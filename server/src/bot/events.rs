//! What the gateway tells, in its order, and what each of it marks. Only what is used of an event
//! is read, so that what Discord adds or leaves out elsewhere fails nothing.

use super::commands::{self, Asked};
use super::{INCIDENT, SUBJECT, marks};
use crate::db::DbError;
use crate::db::dirty::Class;
use crate::incidents;
use crate::state::AppState;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serenity::http::Http;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// Pauses between tries to write a mark.
const AGAIN: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
];
/// Between tries to mark everybody.
const EVERYBODY_AGAIN: Duration = Duration::from_secs(10);

/// An event as it came.
pub struct Told {
    pub seq: u64,
    pub name: String,
    pub data: Box<RawValue>,
}

#[derive(Deserialize)]
struct Who {
    id: String,
}

#[derive(Deserialize)]
struct Ready {
    user: Who,
}

/// `GUILD_MEMBER_…` and `GUILD_BAN_…`.
#[derive(Deserialize)]
struct Member {
    guild_id: String,
    user: Who,
    #[serde(default)]
    roles: BTreeSet<String>,
}

/// `GUILD_ROLE_…`.
#[derive(Deserialize)]
struct OfRole {
    guild_id: String,
}

/// Writes what was heard, whichever connection it came by.
pub struct Ears {
    state: AppState,
    /// For commands; `None`: others offer and answer them.
    http: Option<Arc<Http>>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    bot: String,
    /// The server was gone: the bot was thrown out, or Discord had lost it.
    gone: bool,
}

impl Ears {
    #[must_use]
    pub fn new(state: AppState, http: Option<Arc<Http>>) -> Self {
        Self {
            state,
            http,
            known: Mutex::default(),
        }
    }

    /// One after the other, for ever; each counts once its marks are written.
    pub async fn write(&self, mut told: UnboundedReceiver<Told>, written: &AtomicU64) {
        while let Some(event) = told.recv().await {
            self.hear(&event).await;
            written.store(event.seq, Ordering::Relaxed);
        }
    }

    /// Writes what one event marks; whatever it was, everybody is read when it cannot be read.
    pub async fn hear(&self, event: &Told) {
        if self.one(event).await.is_err() {
            tracing::warn!(
                name = event.name,
                "an event of the gateway could not be read"
            );
            self.everybody("an event could not be read").await;
        }
    }

    /// Fails when the event is not what Discord documents.
    async fn one(&self, event: &Told) -> Result<(), serde_json::Error> {
        match event.name.as_str() {
            // A new session: what happened before it was told to nobody.
            "READY" => {
                let ready: Ready = read(event)?;
                self.known().bot = ready.user.id;
                self.connected().await;
                self.everybody("a new session with the gateway").await;
                self.register();
            }
            "RESUMED" => {
                tracing::info!("the gateway told what was missed");
                self.connected().await;
            }
            "GUILD_CREATE" | "GUILD_DELETE" => {
                let guild: Who = read(event)?;
                if self.ours(&guild.id) {
                    self.server(event.name == "GUILD_CREATE").await;
                }
            }
            "GUILD_MEMBER_ADD"
            | "GUILD_MEMBER_REMOVE"
            | "GUILD_MEMBER_UPDATE"
            | "GUILD_BAN_ADD"
            | "GUILD_BAN_REMOVE" => {
                let member: Member = read(event)?;
                if self.ours(&member.guild_id) {
                    self.member(&event.name, &member).await;
                }
            }
            "GUILD_ROLE_CREATE" | "GUILD_ROLE_UPDATE" | "GUILD_ROLE_DELETE" => {
                let role: OfRole = read(event)?;
                if self.ours(&role.guild_id) {
                    self.guild().await;
                }
            }
            "INTERACTION_CREATE" => {
                // Other kinds (buttons, forms) are none of ours, and read otherwise.
                if let Some(http) = self.http.clone()
                    && let Ok(asked) = read::<Asked>(event)
                    && asked
                        .guild_id
                        .as_ref()
                        .is_some_and(|guild| self.ours(guild))
                {
                    let state = self.state.clone();
                    tokio::spawn(async move { commands::answer(&state, &http, &asked).await });
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn member(&self, name: &str, member: &Member) {
        let (id, trace) = (&member.user.id, self.trace());
        let state = &self.state;
        match name {
            "GUILD_MEMBER_ADD" => {
                self.mark(|| marks::person(state, id, Class::Urgent, &trace))
                    .await;
            }
            "GUILD_MEMBER_REMOVE" => {
                self.mark(|| marks::person(state, id, Class::Event, &trace))
                    .await;
            }
            "GUILD_BAN_ADD" => self.mark(|| marks::ban(state, id, true, &trace)).await,
            "GUILD_BAN_REMOVE" => self.mark(|| marks::ban(state, id, false, &trace)).await,
            _ if self.known().bot == *id => self.mark(|| marks::bot_roles(state, &trace)).await,
            _ => {
                self.mark(|| marks::roles_changed(state, id, &member.roles, &trace))
                    .await;
            }
        }
    }

    async fn server(&self, there: bool) {
        if !there {
            tracing::error!("the server is gone from the gateway");
        }
        let was_gone = std::mem::replace(&mut self.known().gone, !there);
        if there && was_gone {
            self.everybody("the server is back").await;
            self.register();
        } else {
            self.guild().await;
        }
    }

    fn register(&self) {
        if let Some(http) = self.http.clone() {
            let state = self.state.clone();
            tokio::spawn(async move { commands::register(&state, &http).await });
        }
    }

    async fn guild(&self) {
        let trace = self.trace();
        self.mark(|| marks::guild(&self.state, &trace)).await;
    }

    /// In, or in again: whatever was wrong with the gateway is mended.
    async fn connected(&self) {
        self.mark(|| async {
            let mut tx = self.state.db.begin().await?;
            let now = self.state.clock.policy_ms();
            incidents::close(&mut tx, INCIDENT, SUBJECT, now).await?;
            tx.commit().await?;
            Ok(())
        })
        .await;
    }

    /// Writes a mark, and when that cannot be done for a while, marks everybody once it can: an
    /// event comes once.
    async fn mark<F>(&self, mut write: impl FnMut() -> F)
    where
        F: Future<Output = Result<(), DbError>>,
    {
        for pause in AGAIN {
            match write().await {
                Ok(()) => return,
                Err(error) => tracing::warn!(error = %error, "a mark could not be written"),
            }
            self.state.clock.sleep(pause).await;
        }
        self.everybody("a mark could not be written").await;
    }

    async fn everybody(&self, why: &str) {
        let trace = self.trace();
        loop {
            match marks::everybody(&self.state, &trace).await {
                Ok(marked) => {
                    tracing::info!(why, marked, trace, "everybody is read again");
                    return;
                }
                Err(error) => tracing::error!(error = %error, "nobody could be marked"),
            }
            self.state.clock.sleep(EVERYBODY_AGAIN).await;
        }
    }

    fn ours(&self, guild: &str) -> bool {
        guild == self.state.config.discord.guild_id
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trace(&self) -> String {
        self.state.rng.id("gateway_")
    }
}

fn read<T: DeserializeOwned>(event: &Told) -> Result<T, serde_json::Error> {
    serde_json::from_str(event.data.get())
}
