//! What a preview showed, sealed into its form: confirming it means exactly that and no more.

use super::Failure;
use crate::seal::SealError;
use crate::state::AppState;
use app::changes::Direction;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// Older than this it is shown anew.
pub const FRESH_MS: i64 = 10 * 60 * 1000;

/// Times are UTC epoch ms, `proration_date` is Unix seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    /// The change's id once it is confirmed: its idempotency key.
    pub id: String,
    pub subscription: String,
    pub from: String,
    pub to: String,
    pub quantity: i64,
    pub period_end: Option<i64>,
    pub direction: Direction,
    pub proration_date: i64,
    /// Total and sum due of Stripe's preview, minor units.
    pub total: i64,
    pub due: i64,
    pub at: i64,
}

fn place(user_id: &str) -> String {
    format!("changes/{user_id}/seen")
}

pub fn seal(state: &AppState, user_id: &str, seen: &Seen) -> Result<String, Failure> {
    let plain = serde_json::to_string(seen).map_err(|_| SealError::Unreadable)?;
    Ok(state
        .seal
        .seal(&place(user_id), &SecretString::from(plain))?)
}

/// `None`: not ours, or somebody else's.
pub fn open(state: &AppState, user_id: &str, sealed: &str) -> Option<Seen> {
    let opened = state.seal.open(&place(user_id), sealed).ok()?;
    serde_json::from_str(opened.expose_secret()).ok()
}
