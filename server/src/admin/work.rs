//! Parked work and what backs off; trying again.

use super::{Act, DeskError};
use crate::db::DbError;
use crate::db::dirty::{self, Class, NEVER, SubjectKind};
use crate::state::AppState;
use crate::sync::payers;
use app::admin::{Done, SHOWN, Work, WorkLine};
use sqlx::{AnyConnection, FromRow};

/// Subjects marked in one transaction.
const AT_ONCE: i64 = 500;

#[derive(FromRow)]
struct Row {
    kind: String,
    id: String,
    attempts: i64,
    last_error: Option<String>,
    due_at: i64,
    trace: String,
    user_id: Option<String>,
    name: Option<String>,
}

impl From<Row> for WorkLine {
    fn from(row: Row) -> Self {
        Self {
            kind: row.kind,
            id: row.id,
            person: row.user_id.zip(row.name),
            attempts: row.attempts,
            error: row.last_error.unwrap_or_default(),
            again_at: Some(row.due_at).filter(|at| *at < NEVER),
            trace: row.trace,
        }
    }
}

/// Whom a dirty row is about: a user, or the user of a payer.
const WITH_PERSON: &str = " LEFT JOIN payers ON dirty.kind = 'payer' AND payers.id = dirty.id \
     LEFT JOIN users ON users.id = CASE WHEN dirty.kind IN ('user', 'deletion') THEN dirty.id ELSE payers.user_id END ";
const COLUMNS: &str = "SELECT dirty.kind, dirty.id, dirty.attempts, dirty.last_error, dirty.due_at, \
     dirty.trace, users.id AS user_id, users.name FROM dirty";

pub async fn work(state: &AppState) -> Result<Work, DbError> {
    let shown = i64::try_from(SHOWN).unwrap_or(i64::MAX);
    let list = async |rest: &str| {
        let sql = format!("{COLUMNS}{WITH_PERSON}{rest} LIMIT $1");
        sqlx::query_as::<_, Row>(sqlx::AssertSqlSafe(sql))
            .bind(shown)
            .fetch_all(state.db.reader())
            .await
            .map(|rows| rows.into_iter().map(WorkLine::from).collect::<Vec<_>>())
    };
    let parked =
        list("WHERE dirty.parked = 1 ORDER BY dirty.rank_at, dirty.kind, dirty.id").await?;
    let failing =
        list("WHERE dirty.attempts > 0 AND dirty.parked = 0 ORDER BY dirty.due_at").await?;
    let parked_kinds = sqlx::query_as(
        "SELECT kind, COUNT(*) FROM dirty WHERE parked = 1 GROUP BY kind ORDER BY kind",
    )
    .fetch_all(state.db.reader())
    .await?;
    let failing_total =
        sqlx::query_scalar("SELECT COUNT(*) FROM dirty WHERE attempts > 0 AND parked = 0")
            .fetch_one(state.db.reader())
            .await?;
    Ok(Work {
        parked,
        failing,
        parked_kinds,
        failing_total,
    })
}

/// Marks one subject that failed; a person waits for it.
pub async fn retry(
    state: &AppState,
    operator: &str,
    kind: &str,
    id: &str,
) -> Result<Done, DeskError> {
    let kind = SubjectKind::from_word(kind).map_err(|_| DeskError::Changed)?;
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    let failed: Option<(String, Option<String>)> = sqlx::query_as(
        "SELECT trace, last_error FROM dirty WHERE kind = $1 AND id = $2 AND (parked = 1 OR attempts > 0)",
    )
    .bind(kind.as_str())
    .bind(id)
    .fetch_optional(&mut *tx)
    .await?;
    let Some((trace, error)) = failed else {
        return Err(DeskError::Changed);
    };
    let user = person(&mut tx, kind, id).await?;
    dirty::mark(&mut tx, kind, id, now, Class::Urgent, &trace).await?;
    Act {
        operator,
        user_id: user.as_deref(),
        event: "retry",
        subject: &format!("{} {id}", kind.as_str()),
        detail: &format!(
            "tried again after: {}",
            error.as_deref().unwrap_or("no error")
        ),
        trace: &trace,
    }
    .record(&mut tx, now)
    .await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(Done::Retried)
}

/// Marks every parked subject of a kind, some hundreds a transaction.
pub async fn retry_all(state: &AppState, operator: &str, kind: &str) -> Result<Done, DeskError> {
    let kind = SubjectKind::from_word(kind).map_err(|_| DeskError::Changed)?;
    let now = state.clock.policy_ms();
    let mut any = false;
    loop {
        let mut tx = state.db.begin().await?;
        let parked: Vec<(String, String)> = sqlx::query_as(
            "SELECT id, trace FROM dirty WHERE parked = 1 AND kind = $1 ORDER BY rank_at LIMIT $2",
        )
        .bind(kind.as_str())
        .bind(AT_ONCE)
        .fetch_all(&mut *tx)
        .await?;
        if parked.is_empty() {
            return if any {
                Ok(Done::RetriedAll)
            } else {
                Err(DeskError::Changed)
            };
        }
        for (id, trace) in &parked {
            dirty::mark(&mut tx, kind, id, now, Class::Event, trace).await?;
        }
        Act {
            operator,
            user_id: None,
            event: "retry all",
            subject: kind.as_str(),
            detail: &format!("{} parked subjects are tried again", parked.len()),
            trace: "desk",
        }
        .record(&mut tx, now)
        .await?;
        tx.commit().await?;
        state.work.notify_one();
        any = true;
    }
}

/// The user a subject is about.
async fn person(
    conn: &mut AnyConnection,
    kind: SubjectKind,
    id: &str,
) -> Result<Option<String>, DbError> {
    match kind {
        SubjectKind::User | SubjectKind::Deletion => Ok(Some(id.to_owned())),
        SubjectKind::Payer => payers::user_of(conn, id).await,
        _ => Ok(None),
    }
}
