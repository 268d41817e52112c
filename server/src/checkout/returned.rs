//! The return from Stripe: whose session it is, and the truth read then and there.

use super::{Failure, lease, progress};
use crate::db::DbError;
use crate::state::AppState;
use crate::sync::sync_payer;
use app::checkout::{CheckoutError, Progress};

/// The payer whose checkout the session is, if it is this user's. A session that does not exist
/// and one of somebody else are told alike.
pub async fn own_checkout(
    state: &AppState,
    user_id: &str,
    session_id: &str,
) -> Result<String, Failure> {
    let row: Option<String> = sqlx::query_scalar(
        "SELECT payers.id FROM checkouts JOIN payers ON payers.id = checkouts.payer_id \
         WHERE checkouts.session_id = $1 AND payers.user_id = $2",
    )
    .bind(session_id)
    .bind(user_id)
    .fetch_optional(state.db.reader())
    .await
    .map_err(DbError::from)?;
    row.ok_or_else(|| CheckoutError::NotYours.into())
}

pub async fn returned(
    state: &AppState,
    user_id: &str,
    session_id: &str,
) -> Result<Progress, Failure> {
    let payer_id = own_checkout(state, user_id, session_id).await?;
    let before = progress(state, user_id).await?;
    if matches!(
        before,
        Progress::Member | Progress::InDiscord | Progress::Attention
    ) {
        return Ok(before);
    }
    let held = lease::take(state, &payer_id).await?;
    if let Err(error) = sync_payer(state, &held).await {
        lease::give_back(state, &held).await;
        return Err(error.into());
    }
    let now = progress(state, user_id).await?;
    if now != Progress::Paying {
        return Ok(now);
    }
    // No subscription yet: was anything paid at all?
    let session = state.stripe.checkout(session_id).await?;
    Ok(
        match session.and_then(|session| session.status).as_deref() {
            Some("open" | "expired") => Progress::Open,
            _ => Progress::Paying,
        },
    )
}
