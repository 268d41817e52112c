//! What many subjects fail of alike: the key refused, a right missing, Stripe down. It is told
//! once, not once a subject; and when it is mended, all who failed of it come again.

use crate::db::DbError;
use crate::db::dirty::{Lease, SubjectKind};
use crate::db::rearm;
use crate::discord::DiscordError;
use crate::incidents;
use crate::state::AppState;
use crate::stripe::{Change, StripeError};
use crate::tell;
use crate::webhooks;
use std::sync::atomic::Ordering;

/// The incident of a cause, and the cause as its row keeps it: `KIND SUBJECT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    pub kind: &'static str,
    pub subject: String,
}

pub const KEY: &str = "stripe_key";
pub const RIGHT: &str = "stripe_right";
pub const DOWN: &str = "stripe_down";
pub const DISCORD_TOKEN: &str = "discord_token";
pub const DISCORD_ACCESS: &str = "discord_access";
pub const DISCORD_BLOCKED: &str = "discord_blocked";
const DISCORDS: &str = "discord_";
/// Discord refuses so much that only what a person waits for is asked.
pub const REFUSALS: &str = "discord_refusals";
const REFUSALS_DETAIL: &str = "Discord refused hundreds of requests within ten minutes and bans an address at ten thousand. Only what a \
     person waits for is asked until they are ten minutes old. The other incidents say what it refuses.";
/// The subject of what is Stripe's as a whole.
const STRIPE: &str = "Stripe";
const DOWN_DETAIL: &str = "Stripe does not answer, or answers with errors of its own. Access stays as it is; what \
     could not be read comes again by itself, and this closes when Stripe answers.";

impl Cause {
    /// The cause of a failure, unless it is one subject's own.
    #[must_use]
    pub fn of(error: &StripeError) -> Option<Self> {
        let (kind, subject) = match error {
            StripeError::KeyRefused => (KEY, "STRIPE_SECRET_KEY".to_owned()),
            StripeError::KeyLacksRight { path } => (RIGHT, family(path).to_owned()),
            StripeError::Unreachable
            | StripeError::NotAsked
            | StripeError::TimedOut
            | StripeError::Failing { .. } => (DOWN, STRIPE.to_owned()),
            _ => return None,
        };
        Some(Self { kind, subject })
    }

    /// The same of what stops everything at Discord.
    #[must_use]
    pub fn of_discord(error: &DiscordError) -> Option<Self> {
        let (kind, subject) = match error {
            DiscordError::Unauthorized => (DISCORD_TOKEN, "DISCORD_BOT_TOKEN"),
            DiscordError::NoGuildAccess { .. } => (DISCORD_ACCESS, "DISCORD_GUILD_ID"),
            DiscordError::Blocked => (DISCORD_BLOCKED, "Discord"),
            _ => return None,
        };
        Some(Self {
            kind,
            subject: subject.to_owned(),
        })
    }

    #[must_use]
    pub fn is_discords(&self) -> bool {
        self.kind.starts_with(DISCORDS)
    }

    #[must_use]
    pub fn word(&self) -> String {
        format!("{} {}", self.kind, self.subject)
    }

    /// What the operator reads; `None` where the circuit tells it.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self.kind {
            KEY => Some(
                "Stripe refuses STRIPE_SECRET_KEY (401): it was revoked or replaced. Nothing is read from Stripe, \
                 and nobody's access changes, until the server has one that is valid."
                    .to_owned(),
            ),
            RIGHT => Some(format!(
                "STRIPE_SECRET_KEY may not use {} (403): give the restricted key that right in Stripe's dashboard \
                 (Developers, API keys). What needs it waits, and comes again by itself.",
                self.subject
            )),
            DISCORD_TOKEN => Some(DiscordError::Unauthorized.advice()),
            DISCORD_ACCESS => Some(DiscordError::NoGuildAccess { code: 10_004 }.advice()),
            DISCORD_BLOCKED => Some(DiscordError::Blocked.advice()),
            _ => None,
        }
    }
}

/// The resource of a path: `/customers/cus_1` is of `/customers`.
fn family(path: &str) -> &str {
    let end = path
        .char_indices()
        .skip(1)
        .find(|(_, c)| *c == '/')
        .map_or(path.len(), |(at, _)| at);
    path.get(..end).unwrap_or(path)
}

/// What failed of it comes again, and its incident is closed.
pub async fn mended(state: &AppState, cause: &str) -> Result<(), DbError> {
    let now = state.clock.policy_ms();
    let back = rearm::rearm(&state.db, cause, now).await?;
    if let Some((kind, subject)) = cause.split_once(' ') {
        let mut tx = state.db.begin().await?;
        incidents::close(&mut tx, kind, subject, now).await?;
        tx.commit().await?;
    }
    tracing::info!(cause, back, "mended; what failed of it comes again");
    state.work.notify_one();
    Ok(())
}

/// A subject was read: what it failed of before is mended, and a guild that answers is one whose
/// members can be asked about.
pub async fn succeeded(state: &AppState, lease: &Lease) -> Result<(), DbError> {
    if let Some(cause) = &lease.cause {
        mended(state, cause).await?;
    }
    if lease.kind == SubjectKind::Guild {
        for cause in rearm::causes(&state.db).await? {
            if cause.starts_with(DISCORDS) {
                mended(state, &cause).await?;
            }
        }
    }
    Ok(())
}

/// Tells of Discord's refusals when they run high, and when they do not any more.
async fn watch_refusals(state: &AppState) -> Result<(), DbError> {
    let low = state.discord.refusals_run_low();
    if state.refusals_told.swap(low, Ordering::Relaxed) == low {
        return Ok(());
    }
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    if low {
        tracing::error!("Discord refuses too much; only what a person waits for is asked");
        incidents::open(&mut tx, REFUSALS, "Discord", REFUSALS_DETAIL, now).await?;
    } else {
        incidents::close(&mut tx, REFUSALS, "Discord", now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Tells of the circuit what nobody has been told yet. When Stripe is back, its events are read at
/// once and what failed of the outage comes again.
pub async fn watch(state: &AppState) -> Result<(), DbError> {
    watch_refusals(state).await?;
    tell::by_mail(state).await?;
    tell::by_message(state).await?;
    match state.stripe.circuit_change() {
        None => Ok(()),
        Some(Change::Opened { since }) => {
            tracing::error!(
                "Stripe is down; background work waits, and one request at a time tries"
            );
            state.metrics.circuit("opened");
            let mut tx = state.db.begin().await?;
            incidents::open(&mut tx, DOWN, STRIPE, DOWN_DETAIL, since).await?;
            tx.commit().await?;
            Ok(())
        }
        Some(Change::Closed) => {
            state.metrics.circuit("closed");
            mended(state, &format!("{DOWN} {STRIPE}")).await?;
            webhooks::poll_soon(state).await
        }
    }
}

/// Stripe answered this key just now. A missing right is not disproved by that: one subject that
/// wants it tries, and if it succeeds the others follow.
pub async fn stripe_answers(state: &AppState) -> Result<(), DbError> {
    for cause in rearm::causes(&state.db).await? {
        if cause.starts_with(DISCORDS) {
            continue;
        }
        if cause.starts_with(RIGHT) {
            let mut tx = state.db.begin().await?;
            rearm::let_one_try(&mut tx, &cause, state.clock.policy_ms()).await?;
            tx.commit().await?;
            state.work.notify_one();
        } else {
            mended(state, &cause).await?;
        }
    }
    Ok(())
}

/// At the start the key may be another one: everything that failed of the old one tries again.
pub async fn started(state: &AppState) -> Result<(), DbError> {
    for cause in rearm::causes(&state.db).await? {
        mended(state, &cause).await?;
    }
    // One that a process left open which did not live to see the end of it.
    let mut tx = state.db.begin().await?;
    incidents::close(&mut tx, DOWN, STRIPE, state.clock.policy_ms()).await?;
    incidents::close(&mut tx, REFUSALS, "Discord", state.clock.policy_ms()).await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_of_the_resource_and_not_of_the_object() {
        let cause = |path: &str| {
            Cause::of(&StripeError::KeyLacksRight {
                path: path.to_owned(),
            })
            .map(|cause| cause.word())
        };
        for path in ["/customers", "/customers/cus_1", "/customers/cus_1/x"] {
            assert_eq!(cause(path).as_deref(), Some("stripe_right /customers"));
        }
        let code = String::new;
        for own in [
            StripeError::Missing,
            StripeError::RateLimited,
            StripeError::Locked,
            StripeError::KeyReused,
            StripeError::Card { code: code() },
        ] {
            assert_eq!(Cause::of(&own), None, "{own:?}");
        }
    }
}
