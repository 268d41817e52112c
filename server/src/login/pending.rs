//! Sign-ins that were begun: one row each, so that each is used once however many requests
//! race, and several tabs do not disturb each other.
//!
//! The row stands in `sessions` under a hash of the state and holds, sealed, the PKCE verifier
//! and the address wanted. It belongs to the browser that began it.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::LoginError;
use super::sessions::hashed;
use crate::state::AppState;

const LIFE_MS: i64 = 10 * 60 * 1_000;

/// What is needed when the person comes back from Discord.
pub(super) struct Pending {
    /// PKCE.
    pub verifier: SecretString,
    /// An own path.
    pub next: String,
    pub purpose: Purpose,
}

/// What a sign-in is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    #[default]
    SignIn,
    /// To show once more that it is the one signed in.
    Again,
    /// To show who a membership is to go to.
    Other,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    browser: String,
    verifier: String,
    next: String,
    #[serde(default)]
    purpose: Purpose,
}

fn key(asked_state: &str) -> String {
    format!("login:{}", hashed(asked_state))
}

/// Keeps a sign-in for ten minutes.
pub(super) async fn keep(
    state: &AppState,
    browser: &str,
    asked_state: &SecretString,
    pending: &Pending,
) -> Result<(), LoginError> {
    let key = key(asked_state.expose_secret());
    let kept = Kept {
        browser: browser.to_owned(),
        verifier: pending.verifier.expose_secret().to_owned(),
        next: pending.next.clone(),
        purpose: pending.purpose,
    };
    let kept = serde_json::to_string(&kept).map_err(tower_sessions::session::Error::from)?;
    let sealed = state.seal.seal(&key, &kept.into())?;
    let mut tx = state.db.begin().await?;
    sqlx::query("INSERT INTO sessions (id_hash, data, expires_at) VALUES ($1, $2, $3)")
        .bind(&key)
        .bind(sealed)
        .bind(state.clock.wall_ms() + LIFE_MS)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Takes a sign-in out; `None` when there is none with that state, it is too old, or another
/// browser began it. Either way it is gone afterwards.
pub(super) async fn take(
    state: &AppState,
    browser: &str,
    asked_state: &str,
) -> Result<Option<Pending>, LoginError> {
    let key = key(asked_state);
    let mut tx = state.db.begin().await?;
    let row: Option<(String, i64)> =
        sqlx::query_as("DELETE FROM sessions WHERE id_hash = $1 RETURNING data, expires_at")
            .bind(&key)
            .fetch_optional(&mut *tx)
            .await?;
    tx.commit().await?;
    let Some((sealed, expires_at)) = row else {
        return Ok(None);
    };
    let kept = state.seal.open(&key, &sealed)?;
    let kept: Kept =
        serde_json::from_str(kept.expose_secret()).map_err(tower_sessions::session::Error::from)?;
    if expires_at <= state.clock.wall_ms() || kept.browser != browser {
        return Ok(None);
    }
    Ok(Some(Pending {
        verifier: kept.verifier.into(),
        next: kept.next,
        purpose: kept.purpose,
    }))
}
