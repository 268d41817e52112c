//! What a preview showed, sealed into its form: confirming it means exactly that and no more.

use crate::company::Failure;
use crate::seal::SealError;
use crate::state::AppState;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// Times are UTC epoch ms, `proration_date` is Unix seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    /// The change's id once it is confirmed: its idempotency key.
    pub id: String,
    pub subscription: String,
    pub price: String,
    pub from: i64,
    pub to: i64,
    pub period_end: Option<i64>,
    pub trialing: bool,
    pub proration_date: i64,
    /// Total and sum due of Stripe's preview, minor units.
    pub total: i64,
    pub due: i64,
    pub at: i64,
}

impl Seen {
    pub fn is_fewer(&self) -> bool {
        self.to < self.from
    }
}

fn place(user_id: &str, company_id: &str) -> String {
    format!("seats/{company_id}/{user_id}/seen")
}

pub fn seal(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    seen: &Seen,
) -> Result<String, Failure> {
    let plain = serde_json::to_string(seen).map_err(|_| SealError::Unreadable)?;
    let place = place(user_id, company_id);
    Ok(state.seal.seal(&place, &SecretString::from(plain))?)
}

/// `None`: not ours, somebody else's, or of another company.
pub fn open(state: &AppState, user_id: &str, company_id: &str, sealed: &str) -> Option<Seen> {
    let opened = state.seal.open(&place(user_id, company_id), sealed).ok()?;
    serde_json::from_str(opened.expose_secret()).ok()
}
