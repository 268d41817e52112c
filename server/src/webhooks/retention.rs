//! How long the inbox is kept. It holds envelopes alone, and what it forgets could not be told
//! from new: never less than the 30 days for which Stripe can send an event again (the
//! configuration sees to that).

use super::intake::{Outcome, WRONG_MODE};
use crate::db::DbError;
use crate::incidents;
use crate::state::AppState;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Rows a transaction.
const AT_ONCE: i64 = 500;

/// Deletes what is past its time, and closes what has not happened for a day. Answers how many
/// events were forgotten.
pub async fn tidy(state: &AppState) -> Result<u64, DbError> {
    let now = state.clock.wall_ms();
    let before = now - i64::from(state.config.retention_days) * DAY_MS;
    let mut gone = 0;
    loop {
        let mut tx = state.db.begin().await?;
        let done = sqlx::query(
            "DELETE FROM inbox WHERE id IN \
             (SELECT id FROM inbox WHERE received_at < $1 ORDER BY received_at LIMIT $2)",
        )
        .bind(before)
        .bind(AT_ONCE)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        tx.commit().await?;
        gone += done;
        if done == 0 {
            break;
        }
    }
    if gone > 0 {
        tracing::info!(gone, "events past their time were forgotten");
    }
    let mut tx = state.db.begin().await?;
    let wrong: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM inbox WHERE outcome = $1 AND received_at > $2")
            .bind(Outcome::WrongMode.as_str())
            .bind(now - DAY_MS)
            .fetch_one(&mut *tx)
            .await?;
    if wrong == 0 {
        incidents::close(&mut tx, WRONG_MODE, "webhooks", state.clock.policy_ms()).await?;
    }
    tx.commit().await?;
    Ok(gone)
}
