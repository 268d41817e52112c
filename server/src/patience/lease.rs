//! Taking a payer's lease for a person who waits.

use crate::db::DbError;
use crate::db::dirty::{self, Class, Lease, SubjectKind};
use crate::state::AppState;
use std::time::Duration;

/// How often another process's lease is looked at; one of this process tells when it is free.
const LOOK: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(6);

#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another worker kept the lease all the while.
    #[error("the payer is busy")]
    Busy,
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Waits until the payer's lease is ours.
pub async fn take(state: &AppState, payer_id: &str) -> Result<Lease, LeaseError> {
    let until = state.clock.instant() + LONGEST;
    loop {
        let freed = state.released.notified();
        if let Some(lease) =
            dirty::claim_one(&state.db, &*state.clock, SubjectKind::Payer, payer_id).await?
        {
            // What follows from what is read is waited for too: the role, above all.
            let class = Class::Urgent;
            return Ok(Lease { class, ..lease });
        }
        if state.clock.instant() >= until {
            return Err(LeaseError::Busy);
        }
        tokio::select! {
            biased;
            () = freed => {}
            () = state.clock.sleep(LOOK) => {}
        }
    }
}

/// Gives a lease back whatever happened; what was marked meanwhile is due as before.
pub async fn give_back(state: &AppState, lease: &Lease) {
    if let Err(error) = dirty::release(&state.db, lease).await {
        tracing::warn!(error = %error, "a lease could not be given back; it runs out by itself");
    }
    state.released.notify_waiters();
    state.work.notify_one();
}
