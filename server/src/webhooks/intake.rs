//! Storing an event once and marking whose truth it hints at, in one transaction.

use super::envelope::{Envelope, Subject};
use crate::db::DbError;
use crate::db::dirty::{self, Class, SubjectKind};
use crate::incidents;
use crate::plans;
use crate::state::AppState;
use crate::sync::{passes, payers};
use sqlx::AnyConnection;

/// The incident of events that come from the other mode.
pub(super) const WRONG_MODE: &str = "wrong_mode";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Marked,
    AlreadyStored,
    NotForUs,
    /// From live mode in a test installation, or the other way: recorded, nothing else.
    WrongMode,
}

impl Outcome {
    /// What a row of the inbox can say.
    pub const KEPT: [Self; 3] = [Self::Marked, Self::NotForUs, Self::WrongMode];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Marked => "marked",
            Self::AlreadyStored => "already stored",
            Self::NotForUs => "not for us",
            Self::WrongMode => "wrong mode",
        }
    }
}

/// Stores an event that comes from Stripe, by whichever way, and marks whose truth it hints at.
/// The event's id is the trace that follows it to Discord. The caller wakes the worker.
pub(super) async fn store(
    conn: &mut AnyConnection,
    state: &AppState,
    envelope: &Envelope,
) -> Result<Outcome, DbError> {
    let outcome = if envelope.livemode != state.config.stripe.live {
        tracing::error!(trace = %envelope.id, livemode = envelope.livemode, "an event of the wrong mode: check which endpoint sends here");
        Outcome::WrongMode
    } else if envelope.subject().is_some() {
        Outcome::Marked
    } else {
        Outcome::NotForUs
    };
    let stored = sqlx::query(
        "INSERT INTO inbox (id, type, created_at, livemode, object_id, customer_id, charge_id, received_at, outcome, trace) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $1) ON CONFLICT (id) DO NOTHING",
    )
    .bind(&envelope.id)
    .bind(&envelope.r#type)
    .bind(envelope.created.saturating_mul(1000))
    .bind(i64::from(envelope.livemode))
    .bind(&envelope.object_id)
    .bind(&envelope.customer_id)
    .bind(&envelope.charge_id)
    .bind(state.clock.wall_ms())
    .bind(outcome.as_str())
    .execute(&mut *conn)
    .await?;
    if stored.rows_affected() == 0 {
        return Ok(Outcome::AlreadyStored);
    }
    match outcome {
        Outcome::Marked => {
            // Only a person at the checkout makes these, and is likely to wait.
            let class = if envelope.r#type.starts_with("checkout.session.") {
                Class::Urgent
            } else {
                Class::Event
            };
            mark_subject(conn, envelope, class, state.clock.policy_ms()).await?;
        }
        Outcome::WrongMode => wrong_mode(conn, state, envelope).await?,
        Outcome::NotForUs | Outcome::AlreadyStored => {}
    }
    Ok(outcome)
}

async fn wrong_mode(
    conn: &mut AnyConnection,
    state: &AppState,
    envelope: &Envelope,
) -> Result<(), DbError> {
    let (theirs, ours) = if envelope.livemode {
        ("live", "test")
    } else {
        ("test", "live")
    };
    let detail = format!(
        "Events of Stripe's {theirs} mode arrive ({}), and STRIPE_SECRET_KEY is of {ours} mode. They are recorded and \
         change nothing. Delete the endpoint of {theirs} mode that points here; this closes a day after the last one.",
        envelope.id
    );
    let now = state.clock.policy_ms();
    incidents::open(conn, WRONG_MODE, "webhooks", &detail, now).await
}

/// Marks whose truth the event hints at; a customer we do not know is a subject of its own.
/// Answers whether there was anybody to mark.
pub(super) async fn mark_subject(
    conn: &mut AnyConnection,
    envelope: &Envelope,
    class: Class,
    now: i64,
) -> Result<bool, DbError> {
    let (kind, id) = match envelope.subject() {
        Some(Subject::Customer(customer)) => {
            if envelope.r#type.starts_with("checkout.session.") {
                passes::hint(conn, &customer).await?;
            }
            match payers::of_customer(conn, &customer).await? {
                Some(payer) => (SubjectKind::Payer, payer),
                None => (SubjectKind::Customer, customer),
            }
        }
        Some(Subject::Charge(charge)) => (SubjectKind::Charge, charge),
        Some(Subject::Plans) => (SubjectKind::Plans, plans::SUBJECT.to_owned()),
        None => return Ok(false),
    };
    dirty::mark(conn, kind, &id, now, class, &envelope.id).await?;
    Ok(true)
}
