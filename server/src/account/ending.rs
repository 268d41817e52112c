//! A deletion at work, step by step, each written before the next begins, so that a process that
//! stops anywhere goes on from there: subscriptions end at Stripe, then roles are taken until
//! Discord confirms, and only then is erased what is known of the person.

use super::deletion::{self, Row, STUCK, Step};
use super::erase::{self, Erased};
use super::{Failure, relabel, trials};
use crate::checkout;
use crate::db::DbError;
use crate::db::dirty::{self, Class, Lease, SubjectKind};
use crate::incidents;
use crate::patience::lease;
use crate::roles;
use crate::seal::SealError;
use crate::seats;
use crate::state::AppState;
use crate::stripe::StripeError;
use crate::sync::payers;
use app::access::Status;

/// Another worker has what we need.
const BUSY_MS: i64 = 2_000;
/// How often to look whether roles are gone, though nothing told so.
const LOOK_MS: i64 = 10 * 60 * 1000;
/// Past this somebody is told.
const STUCK_MS: i64 = 60 * 60 * 1000;

#[derive(Debug, thiserror::Error)]
pub enum DeletionError {
    #[error(transparent)]
    Stripe(#[from] StripeError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl From<sqlx::Error> for DeletionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<checkout::Failure> for DeletionError {
    fn from(failure: checkout::Failure) -> Self {
        match failure {
            checkout::Failure::Stripe(error) | checkout::Failure::Unknown(error) => {
                Self::Stripe(error)
            }
            checkout::Failure::Db(error) => Self::Db(error),
            checkout::Failure::Seal(error) => Self::Seal(error),
            checkout::Failure::Told(_) | checkout::Failure::Busy => Self::Db(DbError::Fenced),
        }
    }
}

impl From<Failure> for DeletionError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Db(error) => Self::Db(error),
            Failure::Seal(error) => Self::Seal(error),
            Failure::Told(_) | Failure::Lease(_) => Self::Db(DbError::Fenced),
        }
    }
}

/// Takes a deletion as far as it goes now, and gives the lease back. On an error the lease is
/// still held; the caller decides what becomes of it.
pub async fn sync_deletion(state: &AppState, lease: &Lease) -> Result<(), DeletionError> {
    let next = loop {
        let now = state.clock.policy_ms();
        let row = {
            let mut conn = state.db.reader().acquire().await?;
            deletion::row(&mut conn, &lease.id).await?
        };
        match row.map(|row| (row.stage, row)) {
            None | Some((Step::Erased, _)) => return Ok(forget(state, lease).await?),
            Some((Step::Asked, row)) if row.begins_at > now => break row.begins_at,
            Some((Step::Asked, _)) => begin(state, lease, now).await?,
            Some((Step::Ending, _)) => {
                if !ended(state, lease).await? {
                    break now + BUSY_MS;
                }
            }
            Some((Step::Revoking, row)) => match erase::erase(state, lease, now).await? {
                Erased::Done => return Ok(()),
                Erased::Busy => break now + BUSY_MS,
                // Somebody paid by a link that was rebuilt meanwhile.
                Erased::Pays => back_to_ending(state, lease, now).await?,
                Erased::RolesLeft => break roles_left(state, lease, row, now).await?,
            },
        }
    };
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    dirty::finish(&mut tx, lease, Some(next), state.clock.policy_ms()).await?;
    tx.commit().await?;
    Ok(())
}

async fn forget(state: &AppState, lease: &Lease) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    dirty::forget(&mut tx, lease, state.clock.policy_ms()).await?;
    tx.commit().await?;
    Ok(())
}

/// From here on it cannot be taken back; whoever does so at this moment wins or loses as a whole.
async fn begin(state: &AppState, lease: &Lease, now: i64) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    if deletion::step(&mut tx, &lease.id, (Step::Asked, Step::Ending), now).await? {
        let told = "the deletion began: subscriptions are being ended";
        deletion::said(&mut tx, &lease.id, "rollcall", told, now, &lease.trace).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn back_to_ending(state: &AppState, lease: &Lease, now: i64) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    deletion::step(&mut tx, &lease.id, (Step::Revoking, Step::Ending), now).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends whatever the person pays, under the payer's lease, and takes the payer from them. Answers
/// whether that is done; false: somebody else has the payer just now.
async fn ended(state: &AppState, lease: &Lease) -> Result<bool, DeletionError> {
    let payer = {
        let mut conn = state.db.reader().acquire().await?;
        payers::find_of_user(&mut conn, &lease.id).await?
    };
    let Some(payer) = payer else {
        part(state, lease, None, false).await?;
        return Ok(true);
    };
    let claimed = dirty::claim_one(&state.db, &*state.clock, SubjectKind::Payer, &payer).await?;
    let Some(held) = claimed else {
        return Ok(false);
    };
    let done = async {
        let began = end_payments(state, lease, &held).await?;
        part(state, lease, Some(&held), began).await
    }
    .await;
    lease::give_back(state, &held).await;
    done.map(|()| true)
}

/// No open checkout is left that could still be paid, and no subscription that could still be
/// charged. Answers whether one had ever begun.
async fn end_payments(
    state: &AppState,
    lease: &Lease,
    held: &Lease,
) -> Result<bool, DeletionError> {
    checkout::end_open(state, held).await?;
    let customers = {
        let mut conn = state.db.reader().acquire().await?;
        payers::customers(&mut conn, &held.id).await?
    };
    let mut began = false;
    for (customer, _) in customers.iter().filter(|(_, deleted)| !deleted) {
        renew(state, lease, held).await?;
        let subscriptions = match state.stripe.subscriptions(customer).await {
            Err(StripeError::Missing) => continue,
            read => read?,
        };
        for subscription in subscriptions {
            let status = Status::from_stripe(&subscription.status);
            began |= !matches!(status, Status::Incomplete | Status::IncompleteExpired);
            if status.is_final() {
                continue;
            }
            renew(state, lease, held).await?;
            match state.stripe.cancel(&subscription.id).await {
                // Ended already, perhaps by a try of ours that was never answered.
                Ok(()) | Err(StripeError::Missing) => {}
                Err(error) => return Err(error.into()),
            }
            tracing::info!(subscription = %subscription.id, trace = %lease.trace, "a subscription was ended with its account");
        }
    }
    renew(state, lease, held).await?;
    Ok(began)
}

/// Calls outlive neither lease.
async fn renew(state: &AppState, lease: &Lease, held: &Lease) -> Result<(), DbError> {
    dirty::renew(&state.db, lease, state.clock.wall_ms()).await?;
    dirty::renew(&state.db, held, state.clock.wall_ms()).await
}

/// The person has no payer any more: nothing is given to them, whatever is read of it later, and
/// their roles go.
async fn part(
    state: &AppState,
    lease: &Lease,
    held: Option<&Lease>,
    began: bool,
) -> Result<(), DeletionError> {
    let (user_id, trace) = (&lease.id, &lease.trace);
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    if let Some(held) = held {
        dirty::check_fence(&state.db, &mut tx, held, state.clock.wall_ms()).await?;
        if began || trials::began(&mut tx, &held.id).await? {
            trials::spend(state, &mut tx, user_id, now).await?;
        }
        sqlx::query(
            "UPDATE payers SET user_id = NULL, erased_at = $1, card_sealed = NULL, \
             invoices_sealed = NULL, invoices_read_at = NULL WHERE id = $2 AND user_id = $3",
        )
        .bind(now)
        .bind(&held.id)
        .bind(user_id)
        .execute(&mut *tx)
        .await?;
        // What was wanted of it is nobody's business any more; what was paid is in the other rows.
        for statement in [
            "DELETE FROM checkouts WHERE payer_id = $1",
            "DELETE FROM changes WHERE payer_id = $1",
        ] {
            sqlx::query(statement)
                .bind(&held.id)
                .execute(&mut *tx)
                .await?;
        }
        relabel::mark(&mut tx, &held.id, now, trace).await?;
        let (kind, class) = (SubjectKind::Payer, Class::Event);
        dirty::mark(&mut tx, kind, &held.id, now, class, trace).await?;
    }
    seats::give_up(&mut tx, user_id, trace, now).await?;
    sqlx::query(
        "UPDATE entitlements SET state = 'denied', reason = 'deleted', until_at = NULL, \
         changed_at = $1, proof = 'ended' WHERE user_id = $2 AND state <> 'denied'",
    )
    .bind(now)
    .bind(user_id)
    .execute(&mut *tx)
    .await?;
    deletion::step(&mut tx, user_id, (Step::Ending, Step::Revoking), now).await?;
    let told = "subscriptions have ended; roles are being taken";
    deletion::said(&mut tx, user_id, "rollcall", told, now, trace).await?;
    let (kind, class) = (SubjectKind::User, Class::Event);
    dirty::mark(&mut tx, kind, user_id, now, class, trace).await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}

/// Discord has not confirmed all of it. Somebody is told when that lasts. Answers when to look
/// again; each role that goes says so by itself.
async fn roles_left(
    state: &AppState,
    lease: &Lease,
    row: Row,
    now: i64,
) -> Result<i64, DeletionError> {
    let stuck_at = row.stage_at + STUCK_MS;
    if stuck_at > now {
        return Ok(stuck_at.min(now + LOOK_MS));
    }
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    let left = roles::left(&mut tx, &lease.id).await?;
    let detail = format!(
        "Their subscriptions have ended, and for more than an hour these roles have not gone: {}. Nothing is erased \
         before Discord confirms that they have.",
        left.join("; ")
    );
    incidents::open(&mut tx, STUCK, &lease.id, &detail, now).await?;
    tx.commit().await?;
    Ok(now + LOOK_MS)
}
