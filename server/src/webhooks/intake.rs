//! Storing an event once and marking whose truth it hints at, in one transaction.

use super::envelope::{Envelope, Subject};
use crate::db::DbError;
use crate::db::dirty::{self, Class, SubjectKind};
use crate::plans;
use crate::state::AppState;
use crate::sync::payers;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Marked,
    AlreadyStored,
    NotForUs,
    /// From live mode in a test installation, or the other way: recorded, nothing else.
    WrongMode,
}

impl Outcome {
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

/// Stores a verified event. The event's id is the trace that follows it to Discord.
pub async fn receive(state: &AppState, envelope: &Envelope) -> Result<Outcome, DbError> {
    let now = state.clock.policy_ms();
    let outcome = if envelope.livemode != state.config.stripe.live {
        tracing::error!(trace = %envelope.id, livemode = envelope.livemode, "an event of the wrong mode: check which endpoint sends here");
        Outcome::WrongMode
    } else if envelope.subject().is_some() {
        Outcome::Marked
    } else {
        Outcome::NotForUs
    };
    let mut tx = state.db.begin().await?;
    let stored = sqlx::query(
        "INSERT INTO inbox (id, type, created_at, livemode, object_id, customer_id, received_at, outcome, trace) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $1) ON CONFLICT (id) DO NOTHING",
    )
    .bind(&envelope.id)
    .bind(&envelope.r#type)
    .bind(envelope.created.saturating_mul(1000))
    .bind(i64::from(envelope.livemode))
    .bind(&envelope.object_id)
    .bind(&envelope.customer_id)
    .bind(state.clock.wall_ms())
    .bind(outcome.as_str())
    .execute(&mut *tx)
    .await?;
    if stored.rows_affected() == 0 {
        return Ok(Outcome::AlreadyStored);
    }
    if outcome == Outcome::Marked {
        let (kind, id) = match envelope.subject() {
            Some(Subject::Customer(customer)) => {
                match payers::of_customer(&mut tx, &customer).await? {
                    Some(payer) => (SubjectKind::Payer, payer),
                    None => (SubjectKind::Customer, customer),
                }
            }
            Some(Subject::Charge(charge)) => (SubjectKind::Charge, charge),
            Some(Subject::Plans) | None => (SubjectKind::Plans, plans::SUBJECT.to_owned()),
        };
        dirty::mark(&mut tx, kind, &id, now, Class::Event, &envelope.id).await?;
    }
    tx.commit().await?;
    if outcome == Outcome::Marked {
        state.work.notify_one();
    }
    Ok(outcome)
}
