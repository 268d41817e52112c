//! A customer's metadata at Stripe names the account at Discord behind it, so that a lost link can
//! be rebuilt. When that account changes, Stripe is told so as work of its own, after the change.

use crate::db::DbError;
use crate::db::dirty::{self, Class, Lease, SubjectKind};
use crate::state::AppState;
use crate::stripe::StripeError;
use crate::sync::SyncError;
use sqlx::AnyConnection;

/// Every customer of a payer is to be told to Stripe anew.
pub async fn mark(
    conn: &mut AnyConnection,
    payer_id: &str,
    now: i64,
    trace: &str,
) -> Result<(), DbError> {
    let customers: Vec<String> =
        sqlx::query_scalar("SELECT id FROM customers WHERE payer_id = $1 AND deleted = 0")
            .bind(payer_id)
            .fetch_all(&mut *conn)
            .await?;
    for customer in customers {
        dirty::mark(
            conn,
            SubjectKind::Relabel,
            &customer,
            now,
            Class::Event,
            trace,
        )
        .await?;
    }
    Ok(())
}

/// Tells Stripe who is behind a customer, as our rows have it now; nobody, after a deletion. A
/// company's names none.
pub async fn sync_relabel(state: &AppState, lease: &Lease) -> Result<(), SyncError> {
    let named: Option<Option<String>> = sqlx::query_scalar(
        "SELECT users.discord_user_id FROM customers JOIN payers ON payers.id = customers.payer_id \
         LEFT JOIN users ON users.id = payers.user_id \
         WHERE customers.id = $1 AND payers.company_id IS NULL",
    )
    .bind(&lease.id)
    .fetch_optional(state.db.reader())
    .await?;
    if let Some(named) = named {
        let named = named.unwrap_or_default();
        // Marked anew is another generation, as the row stays; a row that changed after the claim,
        // another value.
        let key = format!("relabel-{}-{}-{named}", lease.id, lease.generation);
        match state.stripe.name_customer(&lease.id, &named, &key).await {
            // A customer that is gone names nobody.
            Ok(()) | Err(StripeError::Missing) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    dirty::finish(&mut tx, lease, None, state.clock.policy_ms()).await?;
    tx.commit().await?;
    Ok(())
}
