//! `rollcall replay`: events handled again by their ids, those fetched from Stripe that were never
//! stored. Nothing is read or written of what they hint at: a mark is left for the server, which
//! may be running beside this on the same SQLite file.

use super::cursor::EventsError;
use super::envelope::{Envelope, is_id};
use super::intake::{Outcome, mark_subject, store};
use super::replay::{Replayed, replay};
use crate::db::DbError;
use crate::db::dirty::Class;
use crate::state::AppState;
use std::fmt;

/// What became of one id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    Again,
    Fetched,
    NotForUs,
    WrongMode,
    /// Neither stored here nor known to Stripe.
    Unknown,
}

impl fmt::Display for Handled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Again => "handled again",
            Self::Fetched => "fetched from Stripe and handled",
            Self::NotForUs => "not for us; nothing to do",
            Self::WrongMode => "of Stripe's other mode; nothing was done",
            Self::Unknown => {
                "unknown: not stored here, and Stripe, which keeps events for 30 days, does not have it"
            }
        })
    }
}

/// Handles one event again, whether it is stored or has to be fetched.
pub async fn handle_again(state: &AppState, id: &str) -> Result<Handled, EventsError> {
    if !is_id(id) {
        return Ok(Handled::Unknown);
    }
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    let replayed = replay(&mut tx, id, now).await?;
    tx.commit().await.map_err(DbError::from)?;
    state.work.notify_one();
    match replayed {
        Replayed::Marked => Ok(Handled::Again),
        Replayed::NotForUs => Ok(Handled::NotForUs),
        Replayed::WrongMode => Ok(Handled::WrongMode),
        Replayed::Unknown => fetch(state, id).await,
    }
}

async fn fetch(state: &AppState, id: &str) -> Result<Handled, EventsError> {
    let Some(event) = state.stripe.event(id).await? else {
        return Ok(Handled::Unknown);
    };
    let event = Envelope::from_value(event).map_err(|error| {
        EventsError::Stripe(crate::stripe::StripeError::Unreadable {
            what: error.to_string(),
        })
    })?;
    let mut tx = state.db.begin().await?;
    let outcome = store(&mut tx, state, &event).await?;
    if matches!(outcome, Outcome::Marked | Outcome::AlreadyStored) {
        // Somebody waits for it.
        mark_subject(&mut tx, &event, Class::Urgent, state.clock.policy_ms()).await?;
    }
    tx.commit().await.map_err(DbError::from)?;
    state.work.notify_one();
    Ok(match outcome {
        Outcome::Marked | Outcome::AlreadyStored => Handled::Fetched,
        Outcome::NotForUs => Handled::NotForUs,
        Outcome::WrongMode => Handled::WrongMode,
    })
}
