//! The figures of the desk.

use super::actor;
use crate::db::DbError;
use crate::db::dirty;
use crate::incidents;
use crate::state::AppState;
use crate::webhooks::Outcome;
use app::admin::{AuditLine, Counts, Overview};

const HOUR_MS: i64 = 60 * 60 * 1000;
const HOURS: usize = 24;
/// Lines of what was done at the desk.
const LATELY: i64 = 10;

pub async fn counts(state: &AppState) -> Result<Counts, DbError> {
    let (due, parked) = dirty::backlog(&state.db, state.clock.policy_ms()).await?;
    let mut conn = state.db.reader().acquire().await?;
    let failing =
        sqlx::query_scalar("SELECT COUNT(*) FROM dirty WHERE attempts > 0 AND parked = 0")
            .fetch_one(&mut *conn)
            .await?;
    let waiting =
        sqlx::query_scalar("SELECT COUNT(*) FROM plan_roles WHERE state IN ('joining', 'leaving')")
            .fetch_one(&mut *conn)
            .await?;
    Ok(Counts {
        due,
        failing,
        parked,
        incidents: incidents::count_open(&mut conn).await?,
        waiting,
        held: super::brake::holding(&mut conn).await?,
    })
}

pub async fn overview(state: &AppState) -> Result<Overview, DbError> {
    let counts = counts(state).await?;
    let mut conn = state.db.reader().acquire().await?;
    let since = state.clock.wall_ms() - i64::try_from(HOURS).unwrap_or(24) * HOUR_MS;
    let mut received = Vec::new();
    for outcome in Outcome::KEPT {
        let count: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM inbox WHERE outcome = $1 AND received_at >= $2",
        )
        .bind(outcome.as_str())
        .bind(since)
        .fetch_one(&mut *conn)
        .await?;
        received.push((outcome.as_str().to_owned(), count));
    }
    let hours: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT (received_at - $1) / 3600000, COUNT(*) FROM inbox WHERE received_at >= $1 GROUP BY 1",
    )
    .bind(since)
    .fetch_all(&mut *conn)
    .await?;
    let mut by_hour = vec![0; HOURS];
    for (hour, count) in hours {
        // What came within the hour that is running stands in the last one.
        let at = usize::try_from(hour).unwrap_or(0).min(HOURS - 1);
        by_hour[at] += count;
    }
    let now = state.clock.policy_ms();
    let oldest: Option<i64> = sqlx::query_scalar(
        "SELECT MIN(due_at) FROM dirty WHERE parked = 0 AND rank_at <= $1 AND due_at <= $2",
    )
    .bind(now + dirty::LONGEST_WAIT_MS)
    .bind(now)
    .fetch_one(&mut *conn)
    .await?;
    let people: Vec<(String, i64)> = sqlx::query_as(
        "SELECT state, COUNT(DISTINCT user_id) FROM entitlements GROUP BY state ORDER BY state",
    )
    .fetch_all(&mut *conn)
    .await?;
    drop(conn);
    Ok(Overview {
        counts,
        received,
        by_hour,
        refused: state.metrics.webhooks("refused") + state.metrics.webhooks("unreadable"),
        oldest_wait_ms: oldest.map(|due| now - due),
        people,
        lately: lately(state).await?,
    })
}

/// What the operators of today did, newest first.
async fn lately(state: &AppState) -> Result<Vec<AuditLine>, DbError> {
    let mut lines = Vec::new();
    for operator in &state.config.operator_discord_ids {
        let rows: Vec<AuditRow> = sqlx::query_as(
            "SELECT at, actor, event, subject, detail, trace FROM audit \
             WHERE actor = $1 ORDER BY at DESC LIMIT $2",
        )
        .bind(actor(operator))
        .bind(LATELY)
        .fetch_all(state.db.reader())
        .await?;
        lines.extend(rows.into_iter().map(AuditLine::from));
    }
    lines.sort_by_key(|line| std::cmp::Reverse(line.at));
    lines.truncate(usize::try_from(LATELY).unwrap_or(10));
    Ok(lines)
}

#[derive(sqlx::FromRow)]
pub(super) struct AuditRow {
    at: i64,
    actor: String,
    event: String,
    subject: String,
    detail: String,
    trace: String,
}

impl From<AuditRow> for AuditLine {
    fn from(row: AuditRow) -> Self {
        Self {
            at: row.at,
            actor: row.actor,
            event: row.event,
            subject: row.subject,
            detail: row.detail,
            trace: row.trace,
        }
    }
}
