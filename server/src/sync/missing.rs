//! Customers that Stripe no longer has: deleted ones are gone for good. One that is simply not
//! known may be one of many, of another account's key or an outage: it is asked for again.

use super::truth::Truth;
use crate::db::DbError;
use crate::db::dirty::Lease;
use sqlx::AnyConnection;

const LOOK_AGAIN_MS: i64 = 60 * 60 * 1000;
/// After so long it is taken for gone: coming back makes a new customer.
const GONE_AFTER_MS: i64 = 3 * 24 * 60 * 60 * 1000;

/// Writes what is known of the payer's customers. Answers when to ask again for one that is not
/// known.
pub async fn customers(
    conn: &mut AnyConnection,
    lease: &Lease,
    truth: &Truth,
    now: i64,
) -> Result<Option<i64>, DbError> {
    for customer in &truth.gone_customers {
        tracing::warn!(customer = %customer, trace = %lease.trace, "a customer is gone at Stripe");
        sqlx::query("UPDATE customers SET deleted = 1 WHERE id = $1")
            .bind(customer)
            .execute(&mut *conn)
            .await?;
    }
    let mut look = None;
    for customer in &truth.unknown_customers {
        tracing::error!(customer = %customer, trace = %lease.trace, "Stripe does not know a customer of ours");
        let gone: i64 = sqlx::query_scalar(
            "UPDATE customers SET missing_since = COALESCE(missing_since, $1), \
             deleted = CASE WHEN missing_since <= $2 THEN 1 ELSE deleted END \
             WHERE id = $3 RETURNING deleted",
        )
        .bind(now)
        .bind(now - GONE_AFTER_MS)
        .bind(customer)
        .fetch_one(&mut *conn)
        .await?;
        if gone == 0 {
            look = Some(now + LOOK_AGAIN_MS);
        }
    }
    if truth.unknown_customers.is_empty() {
        sqlx::query(
            "UPDATE customers SET missing_since = NULL WHERE payer_id = $1 AND missing_since IS NOT NULL",
        )
        .bind(&lease.id)
        .execute(conn)
        .await?;
    }
    Ok(look)
}
