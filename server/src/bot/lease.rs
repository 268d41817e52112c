//! The lease on the gateway: of several processes one holds the connection.

use crate::db::DbError;
use crate::db::dirty::{self, Class, Lease, NEVER, SubjectKind};
use crate::state::AppState;
use std::time::Duration;

const ID: &str = "gateway";
/// How often whoever has not got it looks whether it is free.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// A third of the time a lease lasts.
const RENEW: Duration = Duration::from_secs(20);
/// How long a renewal may go on failing: then the lease may be another's.
const UNSURE: Duration = Duration::from_secs(40);

/// Waits until it is free, and takes it.
pub async fn take(state: &AppState) -> Lease {
    loop {
        match try_take(state).await {
            Ok(Some(lease)) => return lease,
            Ok(None) => {}
            Err(error) => tracing::warn!(error = %error, "the gateway's lease cannot be read"),
        }
        state.clock.sleep(LOOK_AGAIN).await;
    }
}

async fn try_take(state: &AppState) -> Result<Option<Lease>, DbError> {
    let claim = || dirty::claim_one(&state.db, &*state.clock, SubjectKind::Gateway, ID);
    if let Some(lease) = claim().await? {
        return Ok(Some(lease));
    }
    let known: Option<i64> =
        sqlx::query_scalar("SELECT fence FROM dirty WHERE kind = $1 AND id = $2")
            .bind(SubjectKind::Gateway.as_str())
            .bind(ID)
            .fetch_optional(state.db.reader())
            .await?;
    if known.is_some() {
        return Ok(None);
    }
    let mut tx = state.db.begin().await?;
    let trace = state.rng.id("gateway_");
    dirty::mark(
        &mut tx,
        SubjectKind::Gateway,
        ID,
        NEVER,
        Class::Bulk,
        &trace,
    )
    .await?;
    tx.commit().await?;
    claim().await
}

/// Keeps it; comes back when it is lost, or may be.
pub async fn keep(state: &AppState, lease: &Lease) {
    let mut sure = state.clock.instant();
    loop {
        state.clock.sleep(RENEW).await;
        match dirty::renew(&state.db, lease, state.clock.wall_ms()).await {
            Ok(()) => sure = state.clock.instant(),
            Err(DbError::Fenced) => return,
            Err(error) => {
                tracing::warn!(error = %error, "the gateway's lease could not be renewed");
                if state.clock.instant().duration_since(sure) >= UNSURE {
                    return;
                }
            }
        }
    }
}

/// Gives it back, so that another need not wait for it to run out.
pub async fn release(state: &AppState, lease: &Lease) {
    if let Err(error) = dirty::release(&state.db, lease).await {
        tracing::debug!(error = %error, "the gateway's lease runs out by itself");
    }
}
