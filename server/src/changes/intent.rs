//! The intent of a change: written before Stripe is asked, settled by what Stripe then shows.

use super::Failure;
use super::settle::LANDS_MS;
use crate::db::DbError;
use crate::db::dirty::{self, Class, Lease, SubjectKind};
use crate::state::AppState;
use crate::stripe::StripeError;
use crate::sync::{payers, sync_payer};
use app::changes::{ChangeError, Confirmed};
use sqlx::AnyConnection;

/// What is to be asked of Stripe. `id` is the durable key.
pub struct Intent<'a> {
    pub id: &'a str,
    pub subscription_id: &'a str,
    /// `now`, `later`, `stay`, `keep`, `pause`, `resume`, `go_on`, `seats`.
    pub kind: &'static str,
    pub from_price_id: Option<&'a str>,
    pub price_id: Option<&'a str>,
    pub seats: Option<Seats<'a>>,
}

/// Another number of seats.
pub struct Seats<'a> {
    pub company_id: &'a str,
    pub from: i64,
    pub to: i64,
    pub made_by: &'a str,
}

/// Writes the intent. Should nobody come back to it, the payer's next sync settles it.
pub async fn write(state: &AppState, held: &Lease, intent: &Intent<'_>) -> Result<(), Failure> {
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, held, state.clock.wall_ms()).await?;
    put(state, &mut tx, held, intent).await?;
    tx.commit().await?;
    asked_for(held, intent);
    Ok(())
}

pub fn asked_for(held: &Lease, intent: &Intent<'_>) {
    tracing::info!(change = intent.id, kind = intent.kind, payer = %held.id, "a change is asked for");
}

/// The same in a transaction that has checked the fence and does more.
pub async fn put(
    state: &AppState,
    conn: &mut AnyConnection,
    held: &Lease,
    intent: &Intent<'_>,
) -> Result<(), DbError> {
    let now = state.clock.policy_ms();
    let seats = intent.seats.as_ref();
    sqlx::query(
        "INSERT INTO changes (id, payer_id, subscription_id, kind, from_price_id, price_id, \
         from_quantity, quantity, made_by, state, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'asked', $10)",
    )
    .bind(intent.id)
    .bind(&held.id)
    .bind(intent.subscription_id)
    .bind(intent.kind)
    .bind(intent.from_price_id)
    .bind(intent.price_id)
    .bind(seats.map(|seats| seats.from))
    .bind(seats.map(|seats| seats.to))
    .bind(seats.map(|seats| seats.made_by))
    .bind(now)
    .execute(&mut *conn)
    .await?;
    match seats {
        None => tell(conn, held, intent, now).await?,
        Some(seats) => tell_seats(conn, intent, seats, now).await?,
    }
    let kind = SubjectKind::Payer;
    let look = now + LANDS_MS;
    dirty::mark(conn, kind, &held.id, look, Class::Event, intent.id).await
}

async fn tell(
    conn: &mut AnyConnection,
    held: &Lease,
    intent: &Intent<'_>,
    now: i64,
) -> Result<(), DbError> {
    let user = payers::user_of(conn, &held.id).await?;
    let what = intent.price_id.unwrap_or(intent.subscription_id);
    let detail = format!("{}: {what}", intent.kind);
    crate::audit::record(
        conn,
        &crate::audit::Entry {
            user_id: user.as_deref(),
            at: now,
            actor: "member",
            event: "change",
            subject: intent.subscription_id,
            detail: &detail,
            trace: intent.id,
        },
    )
    .await
}

async fn tell_seats(
    conn: &mut AnyConnection,
    intent: &Intent<'_>,
    seats: &Seats<'_>,
    now: i64,
) -> Result<(), DbError> {
    let detail = format!(
        "{} seats instead of {} are asked for ({})",
        seats.to, seats.from, intent.subscription_id
    );
    crate::company::tell(
        conn,
        &crate::company::Step {
            company_id: seats.company_id,
            by: seats.made_by,
            about: None,
            detail: &detail,
            trace: intent.id,
        },
        now,
    )
    .await
}

/// Makes our rows equal to what Stripe shows after it was asked, and says what came of the change.
/// The lease is given back by the sync.
pub async fn after<T>(
    state: &AppState,
    held: &Lease,
    id: &str,
    asked: Result<T, StripeError>,
) -> Result<Outcome, Failure> {
    let error = match asked {
        Ok(_) => None,
        Err(error) if error.may_have_landed() => Some(error),
        Err(error) => {
            refused(state, held, id, &error).await?;
            return Err(Failure::Stripe(error));
        }
    };
    if let Err(failed) = sync_payer(state, held).await {
        tracing::warn!(change = id, error = %failed, "what came of a change is looked up later");
    }
    let outcome = outcome(state, id).await?;
    match (outcome, error) {
        // Stripe said yes, and only our reading of it failed.
        (Outcome::Asked, None) => Ok(Outcome::Done),
        (Outcome::Asked, Some(error)) => Err(Failure::Unknown(error)),
        (outcome, _) => Ok(outcome),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Asked,
    Waiting,
    Done,
    /// Refused, or it never came to be.
    Over,
}

impl Outcome {
    /// What is told of a change that was confirmed just now.
    pub fn told(self) -> Result<Confirmed, ChangeError> {
        match self {
            Self::Waiting => Ok(Confirmed::Waiting),
            Self::Done | Self::Asked => Ok(Confirmed::Done),
            Self::Over => Err(ChangeError::Outdated),
        }
    }

    /// What is told of one that was confirmed before: sent twice, the first one's outcome is the
    /// second one's.
    pub fn told_again(self) -> Result<Confirmed, ChangeError> {
        match self {
            Self::Asked => Err(ChangeError::Unknown),
            known => known.told(),
        }
    }
}

async fn outcome(state: &AppState, id: &str) -> Result<Outcome, DbError> {
    Ok(known(state, id).await?.unwrap_or(Outcome::Over))
}

/// What became of a change; `None`: it was never asked for.
pub async fn known(state: &AppState, id: &str) -> Result<Option<Outcome>, DbError> {
    let word: Option<String> = sqlx::query_scalar("SELECT state FROM changes WHERE id = $1")
        .bind(id)
        .fetch_optional(state.db.reader())
        .await?;
    Ok(word.map(|word| match word.as_str() {
        "asked" => Outcome::Asked,
        "waiting" => Outcome::Waiting,
        "done" => Outcome::Done,
        _ => Outcome::Over,
    }))
}

/// Stripe said no for certain: nothing changed.
async fn refused(
    state: &AppState,
    held: &Lease,
    id: &str,
    error: &StripeError,
) -> Result<(), Failure> {
    tracing::warn!(change = id, error = %error, "Stripe refused a change");
    let reason = match error {
        StripeError::Card { code } | StripeError::Refused { code, .. } => Some(code.as_str()),
        _ => None,
    };
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, held, state.clock.wall_ms()).await?;
    sqlx::query("UPDATE changes SET state = 'refused', reason = $1, settled_at = $2 WHERE id = $3")
        .bind(reason)
        .bind(state.clock.policy_ms())
        .bind(id)
        .execute(&mut *tx)
        .await?;
    // Fewer seats were to be filled only for as long as fewer might be paid.
    sqlx::query(
        "UPDATE seat_pools SET ceiling = NULL \
         WHERE company_id = (SELECT company_id FROM payers WHERE id = $1) AND ceiling IS NOT NULL",
    )
    .bind(&held.id)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Why a change waits, as Stripe says of its invoice.
pub async fn waits_because(
    state: &AppState,
    held: &Lease,
    id: &str,
    reason: &str,
) -> Result<(), Failure> {
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, held, state.clock.wall_ms()).await?;
    sqlx::query("UPDATE changes SET reason = $1 WHERE id = $2")
        .bind(reason)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// A schedule is let go before anything else is done. Its own id is the key: it is released once.
pub async fn release(state: &AppState, schedule_id: &str) -> Result<(), StripeError> {
    let key = format!("release-{schedule_id}");
    match state.stripe.release_schedule(schedule_id, &key).await {
        // Gone already, by its end or by somebody's hand.
        Err(StripeError::Missing) => Ok(()),
        answer => answer,
    }
}
