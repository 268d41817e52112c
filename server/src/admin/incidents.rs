//! Incidents, and closing what nothing else closes.

use super::{Act, DeskError};
use crate::db::DbError;
use crate::incidents;
use crate::state::AppState;
use app::admin::advice::advice;
use app::admin::{Done, IncidentLine, Incidents, SHOWN};
use sqlx::{AssertSqlSafe, FromRow};

#[derive(FromRow)]
struct Row {
    kind: String,
    subject: String,
    detail: String,
    opened_at: i64,
    closed_at: Option<i64>,
}

pub async fn lists(state: &AppState) -> Result<Incidents, DbError> {
    let list = async |rest: &str| {
        let sql = format!(
            "SELECT kind, subject, detail, opened_at, closed_at FROM incidents {rest} LIMIT $1"
        );
        sqlx::query_as::<_, Row>(AssertSqlSafe(sql))
            .bind(i64::try_from(SHOWN).unwrap_or(i64::MAX))
            .fetch_all(state.db.reader())
            .await
    };
    let open = list("WHERE closed_at IS NULL ORDER BY opened_at DESC").await?;
    let closed = list("WHERE closed_at IS NOT NULL ORDER BY closed_at DESC").await?;
    Ok(Incidents {
        open: with_people(state, open).await?,
        closed: with_people(state, closed).await?,
    })
}

/// A subject is an id, or a few words with one among them; a user's or payer's leads to a person.
async fn with_people(state: &AppState, rows: Vec<Row>) -> Result<Vec<IncidentLine>, DbError> {
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let mut person = None;
        for word in row.subject.split_whitespace() {
            person = sqlx::query_as(
                "SELECT users.id, users.name FROM users WHERE users.id = $1 \
                 UNION ALL SELECT users.id, users.name FROM payers \
                 JOIN users ON users.id = payers.user_id WHERE payers.id = $1",
            )
            .bind(word)
            .fetch_optional(state.db.reader())
            .await?;
            if person.is_some() {
                break;
            }
        }
        lines.push(IncidentLine {
            kind: row.kind,
            subject: row.subject,
            detail: row.detail,
            opened_at: row.opened_at,
            closed_at: row.closed_at,
            person,
        });
    }
    Ok(lines)
}

/// Closes an open incident; not one that closes by itself, for that would only hide it.
pub async fn dismiss(
    state: &AppState,
    operator: &str,
    kind: &str,
    subject: &str,
) -> Result<Done, DeskError> {
    if advice(kind).closes_itself {
        return Err(DeskError::Changed);
    }
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    let detail: Option<String> = sqlx::query_scalar(
        "SELECT detail FROM incidents WHERE kind = $1 AND subject = $2 AND closed_at IS NULL",
    )
    .bind(kind)
    .bind(subject)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(detail) = detail else {
        return Err(DeskError::Changed);
    };
    incidents::close(&mut tx, kind, subject, now).await?;
    Act {
        operator,
        user_id: None,
        event: "incident closed",
        subject,
        detail: &format!("{kind}: {detail}"),
        trace: "desk",
    }
    .record(&mut tx, now)
    .await?;
    tx.commit().await?;
    Ok(Done::Dismissed)
}
