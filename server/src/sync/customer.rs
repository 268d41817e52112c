//! A Stripe customer we have no payer for: "not ours" is decided after reading it, for its
//! metadata carries our ids, from which a lost link is rebuilt.

use super::{SyncError, payers, unheard};
use crate::db::dirty::{self, Lease, SubjectKind};
use crate::state::AppState;
use crate::stripe::{COMPANY, DISCORD_USER};

/// Reads the customer; links it and marks its payer when it is ours.
pub async fn sync_customer(state: &AppState, lease: &Lease) -> Result<(), SyncError> {
    let customer = state.stripe.customer(&lease.id).await?;
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    let named = |key: &str| {
        customer
            .as_ref()
            .and_then(|customer| customer.metadata.get(key))
            .cloned()
    };
    let mut payer_id: Option<String> = match named("rollcall_payer") {
        Some(id) => {
            sqlx::query_scalar("SELECT id FROM payers WHERE id = $1")
                .bind(id)
                .fetch_optional(&mut *tx)
                .await?
        }
        None => None,
    };
    if payer_id.is_none()
        && let Some(company_id) = named(COMPANY)
    {
        payer_id = payers::of_company(&mut tx, &company_id).await?;
    }
    if payer_id.is_none()
        && let Some(discord_id) = named(DISCORD_USER)
    {
        let user: Option<String> =
            sqlx::query_scalar("SELECT id FROM users WHERE discord_user_id = $1")
                .bind(discord_id)
                .fetch_optional(&mut *tx)
                .await?;
        if let Some(user) = user {
            payer_id = Some(payers::of_user(&mut tx, &state.rng, &user, now, &lease.trace).await?);
        }
    }
    if let Some(payer_id) = &payer_id {
        payers::link(&mut tx, &lease.id, payer_id, now).await?;
        // What went back before we knew whose it was is looked at, so that somebody is told.
        unheard::hint(&mut tx, &lease.id).await?;
        dirty::mark(
            &mut tx,
            SubjectKind::Payer,
            payer_id,
            now,
            lease.class,
            &lease.trace,
        )
        .await?;
        tracing::info!(customer = %lease.id, payer = %payer_id, trace = %lease.trace, "a customer was linked to its payer");
    } else {
        tracing::info!(customer = %lease.id, trace = %lease.trace, "a customer is not ours");
    }
    dirty::finish(&mut tx, lease, None, now).await?;
    tx.commit().await?;
    if payer_id.is_some() {
        state.work.notify_one();
    }
    Ok(())
}
