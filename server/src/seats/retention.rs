//! How long the addresses of those are kept who were invited once.

use crate::db::DbError;
use crate::state::AppState;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Rows a transaction.
const AT_ONCE: i64 = 500;

/// Forgets whom a revoked seat was for, past the time that everything else is kept. Answers how many.
pub async fn tidy(state: &AppState) -> Result<u64, DbError> {
    let before = state.clock.policy_ms() - i64::from(state.config.retention_days) * DAY_MS;
    let mut gone = 0;
    loop {
        let mut tx = state.db.begin().await?;
        let done = sqlx::query(
            "UPDATE seats SET email = NULL WHERE id IN (SELECT id FROM seats \
             WHERE email IS NOT NULL AND state = 'revoked' AND changed_at < $1 \
             ORDER BY changed_at LIMIT $2)",
        )
        .bind(before)
        .bind(AT_ONCE)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        tx.commit().await?;
        gone += done;
        if done == 0 {
            return Ok(gone);
        }
    }
}
