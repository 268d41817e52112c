//! What a reading of Stripe means for the checkouts that were open.

use super::truth::Truth;
use crate::db::DbError;
use crate::db::dirty::Lease;
use sqlx::AnyConnection;

/// How often an open checkout is looked at when nothing is heard of it.
const OPEN_CHECKOUT_MS: i64 = 60 * 60 * 1000;
/// The same while it is young, for most are paid at once or never.
const FRESH_LOOK_MS: i64 = 10 * 60 * 1000;
const YOUNG_CHECKOUT_MS: i64 = 60 * 60 * 1000;
/// The same when the person came back from paying and Stripe did not know of it yet.
const RETURNED_CHECKOUT_MS: i64 = 60 * 1000;

/// A running subscription settles a checkout of one, a pass settles its own, and time ends the
/// others; their addresses are forgotten. Answers when to look again for one that may still be paid.
pub async fn settle(
    conn: &mut AnyConnection,
    lease: &Lease,
    truth: &Truth,
    now: i64,
) -> Result<Option<i64>, DbError> {
    let running = truth
        .subscriptions
        .iter()
        .any(|read| !read.facts.status.is_final());
    if running {
        sqlx::query(
            "UPDATE checkouts SET state = 'complete', url_sealed = NULL \
             WHERE payer_id = $1 AND state IN ('opening', 'open', 'returned') AND pass_days IS NULL",
        )
        .bind(&lease.id)
        .execute(&mut *conn)
        .await?;
    }
    sqlx::query(
        "UPDATE checkouts SET state = 'complete', url_sealed = NULL \
         WHERE payer_id = $1 AND state IN ('opening', 'open', 'returned') AND pass_days IS NOT NULL \
         AND EXISTS (SELECT 1 FROM passes WHERE passes.id = checkouts.session_id)",
    )
    .bind(&lease.id)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "UPDATE checkouts SET state = 'over', url_sealed = NULL \
         WHERE payer_id = $1 AND state IN ('opening', 'open', 'returned') AND expires_at <= $2",
    )
    .bind(&lease.id)
    .bind(now)
    .execute(&mut *conn)
    .await?;
    let open: Vec<(String, i64)> = sqlx::query_as(
        "SELECT state, created_at FROM checkouts \
         WHERE payer_id = $1 AND state IN ('opening', 'open', 'returned')",
    )
    .bind(&lease.id)
    .fetch_all(conn)
    .await?;
    let look = |(state, created_at): &(String, i64)| match state.as_str() {
        "returned" => now + RETURNED_CHECKOUT_MS,
        _ if now - created_at < YOUNG_CHECKOUT_MS => now + FRESH_LOOK_MS,
        _ => now + OPEN_CHECKOUT_MS,
    };
    Ok(open.iter().map(look).min())
}
