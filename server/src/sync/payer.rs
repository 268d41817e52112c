//! Sync of one payer: read under the lease, then write in one transaction.

use super::{hold, passes, payers, truth, unheard, write};
use crate::db::DbError;
use crate::db::dirty::Lease;
use crate::state::AppState;
use crate::stripe::StripeError;

#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    #[error(transparent)]
    Stripe(#[from] StripeError),
    /// The same, of somebody whose access ends by time: at `again_at` (policy clock) it is looked
    /// at again, whatever the failure.
    #[error("{error}")]
    Unread { error: StripeError, again_at: i64 },
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("a value could not be sealed")]
    Seal(#[from] crate::seal::SealError),
}

impl From<sqlx::Error> for SyncError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Makes our rows equal to what Stripe says of the payer, and gives the lease back. On an error
/// the lease is still held; the caller decides what becomes of it.
pub async fn sync_payer(state: &AppState, lease: &Lease) -> Result<(), SyncError> {
    let (customers, wanted) = {
        let mut conn = state.db.reader().acquire().await?;
        let customers = payers::customers(&mut conn, &lease.id).await?;
        let now = state.clock.policy_ms();
        let sessions = passes::wanted(&mut conn, &lease.id, now).await?;
        let charges = unheard::wanted(&mut conn, &lease.id).await?;
        (customers, Wanted { sessions, charges })
    };
    let found = match read(state, lease, &customers, wanted).await {
        Ok(read) => read,
        Err(SyncError::Stripe(error)) => {
            let again_at = hold::without_stripe(state, lease).await?;
            return Err(match again_at {
                Some(again_at) => SyncError::Unread { error, again_at },
                None => SyncError::Stripe(error),
            });
        }
        Err(error) => return Err(error),
    };
    let marked = write::payer(state, lease, found).await?;
    state.released.notify_waiters();
    if marked {
        state.work.notify_one();
    }
    Ok(())
}

/// What is read beside the subscriptions, because something hints at it.
struct Wanted {
    sessions: Vec<passes::Wanted>,
    charges: Vec<unheard::Wanted>,
}

/// Everything Stripe has to say of the payer.
pub struct Found {
    pub truth: truth::Truth,
    pub passes: passes::Read,
    pub charges: Vec<unheard::Found>,
}

async fn read(
    state: &AppState,
    lease: &Lease,
    customers: &[(String, bool)],
    wanted: Wanted,
) -> Result<Found, SyncError> {
    let truth = truth::read(state, lease, customers).await?;
    let gone = [&truth.gone_customers[..], &truth.unknown_customers[..]].concat();
    let passes = passes::read(state, lease, wanted.sessions, &gone).await?;
    let charges = unheard::read(state, lease, wanted.charges, &gone).await?;
    Ok(Found {
        truth,
        passes,
        charges,
    })
}
