//! The return from Stripe: whose session it is, and the truth read then and there.

use super::Failure;
use super::progress::progress;
use crate::db::DbError;
use crate::db::dirty::{self, Class, SubjectKind};
use crate::patience::lease;
use crate::state::AppState;
use crate::sync::sync_payer;
use app::checkout::{CheckoutError, Progress};

/// What a checkout was for.
pub enum Bought {
    Subscription,
    /// By its session.
    Pass(String),
}

/// A checkout that is this user's.
pub struct Own {
    pub payer_id: String,
    pub bought: Bought,
}

/// The checkout of the session, if it is this user's. A session that does not exist and one of
/// somebody else are told alike.
pub async fn own_checkout(
    state: &AppState,
    user_id: &str,
    session_id: &str,
) -> Result<Own, Failure> {
    let row: Option<(String, Option<String>)> = sqlx::query_as(
        "SELECT payers.id, checkouts.pass_days FROM checkouts \
         JOIN payers ON payers.id = checkouts.payer_id \
         WHERE checkouts.session_id = $1 AND payers.user_id = $2",
    )
    .bind(session_id)
    .bind(user_id)
    .fetch_optional(state.db.reader())
    .await
    .map_err(DbError::from)?;
    let (payer_id, pass_days) = row.ok_or(CheckoutError::NotYours)?;
    Ok(Own {
        payer_id,
        bought: if pass_days.is_some() {
            Bought::Pass(session_id.to_owned())
        } else {
            Bought::Subscription
        },
    })
}

pub async fn returned(
    state: &AppState,
    user_id: &str,
    session_id: &str,
) -> Result<Progress, Failure> {
    let Own { payer_id, bought } = own_checkout(state, user_id, session_id).await?;
    let before = progress(state, user_id, &bought).await?;
    if before != Progress::Paying {
        return Ok(before);
    }
    set_state(state, session_id, "open", "returned").await?;
    let held = lease::take(state, &payer_id).await?;
    if let Err(error) = sync_payer(state, &held).await {
        // Nobody has to come again for it: the worker does.
        mark(state, &payer_id, session_id).await?;
        lease::give_back(state, &held).await;
        return Err(error.into());
    }
    let now = progress(state, user_id, &bought).await?;
    if now != Progress::Paying {
        return Ok(now);
    }
    unfinished(state, session_id).await
}

/// Nothing is bought yet: was anything paid at all?
async fn unfinished(state: &AppState, session_id: &str) -> Result<Progress, Failure> {
    let session = state.stripe.checkout(session_id).await?;
    let status = session.and_then(|session| session.status);
    let progress = match status.as_deref() {
        Some("open") => Progress::Open,
        Some("expired") => Progress::Expired,
        _ => return Ok(Progress::Paying),
    };
    set_state(state, session_id, "returned", "open").await?;
    tracing::info!(session = session_id, status, "a checkout was not finished");
    Ok(progress)
}

/// Reads Stripe for somebody who comes back from one of its pages and may have paid there, whoever
/// pays: a checkout that is open counts as returned from, until Stripe says otherwise.
pub async fn read_back(state: &AppState, payer_id: &str) -> Result<(), Failure> {
    let open: Option<String> = sqlx::query_scalar(
        "SELECT session_id FROM checkouts WHERE payer_id = $1 AND state IN ('open', 'returned') \
         AND session_id IS NOT NULL ORDER BY created_at DESC LIMIT 1",
    )
    .bind(payer_id)
    .fetch_optional(state.db.reader())
    .await?;
    if let Some(session_id) = &open {
        set_state(state, session_id, "open", "returned").await?;
    }
    // Nobody has to come again for it: whatever happens here, the worker does.
    mark(state, payer_id, open.as_deref().unwrap_or("return")).await?;
    let held = lease::take(state, payer_id).await?;
    let synced = sync_payer(state, &held).await;
    lease::give_back(state, &held).await;
    synced?;
    let Some(session_id) = open else {
        return Ok(());
    };
    let waits: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM checkouts WHERE session_id = $1 AND state = 'returned'",
    )
    .bind(&session_id)
    .fetch_one(state.db.reader())
    .await?;
    if waits > 0 {
        unfinished(state, &session_id).await?;
    }
    Ok(())
}

async fn set_state(
    state: &AppState,
    session_id: &str,
    from: &str,
    to: &str,
) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    sqlx::query("UPDATE checkouts SET state = $1 WHERE session_id = $2 AND state = $3")
        .bind(to)
        .bind(session_id)
        .bind(from)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

async fn mark(state: &AppState, payer_id: &str, trace: &str) -> Result<(), DbError> {
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    let kind = SubjectKind::Payer;
    dirty::mark(&mut tx, kind, payer_id, now, Class::Urgent, trace).await?;
    tx.commit().await?;
    Ok(())
}
