//! The connection to the gateway: held by one process, begun again after every end but those
//! that a new try does not mend.

use super::events::Ears;
use super::socket::{Ended, Line, listen};
use super::{INCIDENT, SUBJECT, lease, refusal};
use crate::db::DbError;
use crate::discord::{http_client, versioned};
use crate::incidents;
use crate::state::AppState;
use secrecy::ExposeSecret;
use serenity::http::{Http, HttpBuilder};
use serenity::model::id::ApplicationId;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// The first pause between two connections; each failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(15);
/// A connection that lasts so long makes up for the failures before it. One that does not counts
/// as a failure: a bot may begin a thousand sessions a day, and no more.
const LASTING: Duration = Duration::from_mins(1);
/// So many connections fail before the operator is told.
const TELL_AFTER: u32 = 5;

/// Holds the connection, whenever this process has the lease, until told to stop.
pub async fn run(state: AppState, mut stop: watch::Receiver<bool>) {
    let http = match http(&state) {
        Ok(http) => Arc::new(http),
        Err(error) => {
            tracing::error!(error = %error, "no HTTP client for the gateway");
            return;
        }
    };
    let stopped = async {
        // A sender that is gone is a stop too.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    tokio::pin!(stopped);
    loop {
        let lease = tokio::select! {
            () = &mut stopped => return,
            lease = lease::take(&state) => lease,
        };
        tokio::select! {
            () = &mut stopped => {
                lease::release(&state, &lease).await;
                return;
            }
            () = lease::keep(&state, &lease) => {
                tracing::warn!("the gateway's lease was lost; another process may have it");
            }
            () = hold(&state, &http) => {}
        }
    }
}

/// Connects and listens, and at the same time writes what is heard.
async fn hold(state: &AppState, http: &Arc<Http>) {
    let (tell, told) = mpsc::unbounded_channel();
    let written = AtomicU64::new(0);
    let line = Line {
        state,
        tell: &tell,
        written: &written,
    };
    let ears = Ears::new(state.clone(), Some(http.clone()));
    tokio::select! {
        () = connections(&line, http) => {}
        () = ears.write(told, &written) => {}
    }
}

async fn connections(line: &Line<'_>, http: &Http) {
    let state = line.state;
    let mut session = None;
    let mut failures: u32 = 0;
    loop {
        let began = state.clock.instant();
        let (ended, let_in) = if let Ok(gateway) = http.get_gateway().await {
            listen(line, &gateway.url, &mut session).await
        } else {
            tracing::warn!("Discord does not say where its gateway is");
            (Ended::Unreachable, false)
        };
        match ended {
            Ended::Closed(Some(code)) if refusal::is_final(code) => {
                tracing::error!(
                    code,
                    "Discord's gateway refuses the bot; it is not tried again"
                );
                tell(state, &refusal::advice(code)).await;
                return std::future::pending().await;
            }
            // The session timed out, or has another number of events.
            Ended::Closed(Some(4007 | 4009)) | Ended::Invalid { resumable: false } => {
                session = None;
            }
            _ => {}
        }
        let lasted = let_in && state.clock.instant().duration_since(began) >= LASTING;
        failures = if lasted {
            1
        } else {
            failures.saturating_add(1)
        };
        if failures == TELL_AFTER {
            tell(state, refusal::UNREACHABLE).await;
        }
        let pause = pause(failures);
        tracing::info!(
            ?ended,
            failures,
            resumes = session.is_some(),
            "the gateway's connection ended"
        );
        let half = i64::try_from(pause.as_millis() / 2).unwrap_or(i64::MAX);
        let chance = state.rng.below(half.max(1)).unsigned_abs();
        state
            .clock
            .sleep(pause / 2 + Duration::from_millis(chance))
            .await;
    }
}

/// Before the next connection, half of it by chance.
fn pause(failures: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << failures.saturating_sub(1).min(16))
        .min(LONGEST_PAUSE)
}

async fn tell(state: &AppState, detail: &str) {
    let told: Result<(), DbError> = async {
        let mut tx = state.db.begin().await?;
        let now = state.clock.policy_ms();
        incidents::open(&mut tx, INCIDENT, SUBJECT, detail, now).await?;
        tx.commit().await?;
        Ok(())
    }
    .await;
    if let Err(error) = told {
        tracing::error!(error = %error, detail, "the incident could not be written");
    }
}

/// For the gateway's address and the commands alone: everything with a limit that matters goes
/// through [`crate::discord`], which obeys it.
fn http(state: &AppState) -> Result<Http, reqwest::Error> {
    let settings = &state.config.discord;
    let mut http = HttpBuilder::new(settings.bot_token.expose_secret())
        .client(http_client()?)
        .ratelimiter_disabled(true)
        .proxy(origin(&settings.api_base));
    if let Ok(id) = settings.client_id.parse::<NonZeroU64>() {
        http = http.application_id(ApplicationId::from(id));
    }
    Ok(http.build())
}

/// What serenity puts in the place of `https://discord.com`.
fn origin(api_base: &url::Url) -> String {
    let whole = versioned(api_base).to_string();
    whole
        .rsplit_once("/api/v")
        .map_or(whole.clone(), |(origin, _)| origin.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    #[test]
    fn serenity_gets_what_stands_before_the_api() {
        for (base, expected) in [
            ("https://discord.com/api/v10", "https://discord.com"),
            ("https://discord.com", "https://discord.com"),
            ("http://127.0.0.1:4010/", "http://127.0.0.1:4010"),
            ("http://127.0.0.1:4010/api", "http://127.0.0.1:4010"),
            ("http://host/vault/api/v10/", "http://host/vault"),
        ] {
            assert_eq!(origin(&Url::parse(base).unwrap()), expected);
        }
    }

    /// Were every connection refused as soon as it identified, the day's thousand would last.
    #[test]
    fn a_day_of_failures_begins_far_fewer_sessions_than_discord_allows() {
        let day = Duration::from_hours(24);
        let mut passed = Duration::ZERO;
        let begun = (1..10_000)
            .take_while(|failures| {
                passed += pause(*failures) / 2;
                passed < day
            })
            .count();
        assert!(begun < 300, "{begun}");
    }
}
