//! The inbox: stored events, newest first, by pages; and handling one again.

use super::{Act, DeskError};
use crate::db::DbError;
use crate::state::AppState;
use crate::webhooks::{self, Outcome, Replayed};
use app::admin::{Done, InboxAsked, InboxLine, InboxPage};
use sqlx::{AssertSqlSafe, FromRow};
use std::fmt::Write as _;

/// Lines of a page.
const PAGE: usize = 50;

#[derive(FromRow)]
struct Row {
    id: String,
    r#type: String,
    created_at: i64,
    received_at: i64,
    livemode: i64,
    object_id: Option<String>,
    customer_id: Option<String>,
    outcome: String,
    user_id: Option<String>,
    name: Option<String>,
}

impl From<Row> for InboxLine {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            kind: row.r#type,
            created_at: row.created_at,
            received_at: row.received_at,
            live: row.livemode != 0,
            object_id: row.object_id,
            customer_id: row.customer_id,
            person: row.user_id.zip(row.name),
            outcome: row.outcome,
        }
    }
}

/// The statement of a listing and the texts to bind, in order: first the page's length, then
/// the filters, then the place to go on from (its moment, its id). Public for the test that looks
/// at how the database answers it.
#[must_use]
pub fn listing(asked: &InboxAsked) -> (String, Vec<String>) {
    let mut wanted = String::new();
    let mut texts = Vec::new();
    for (column, value) in [
        ("type", &asked.kind),
        ("customer_id", &asked.customer),
        ("outcome", &asked.outcome),
    ] {
        if let Some(value) = value {
            texts.push(value.clone());
            let joint = if wanted.is_empty() { "WHERE" } else { "AND" };
            let _ = write!(wanted, " {joint} inbox.{column} = ${}", texts.len() + 1);
        }
    }
    if asked.before.is_some() {
        let joint = if wanted.is_empty() { "WHERE" } else { "AND" };
        let (at, id) = (texts.len() + 2, texts.len() + 3);
        let _ = write!(
            wanted,
            " {joint} (inbox.received_at, inbox.id) < (${at}, ${id})"
        );
    }
    let sql = format!(
        "SELECT page.id, page.type, page.created_at, page.received_at, page.livemode, page.object_id, \
         page.customer_id, page.outcome, users.id AS user_id, users.name FROM \
         (SELECT * FROM inbox{wanted} ORDER BY inbox.received_at DESC, inbox.id DESC LIMIT $1) AS page \
         LEFT JOIN customers ON customers.id = page.customer_id \
         LEFT JOIN payers ON payers.id = customers.payer_id \
         LEFT JOIN users ON users.id = payers.user_id \
         ORDER BY page.received_at DESC, page.id DESC"
    );
    (sql, texts)
}

pub async fn page(state: &AppState, asked: &InboxAsked) -> Result<InboxPage, DbError> {
    let (sql, texts) = listing(asked);
    // One more than is shown tells whether there are older ones.
    let mut query =
        sqlx::query_as(AssertSqlSafe(sql)).bind(i64::try_from(PAGE + 1).unwrap_or(i64::MAX));
    for text in texts {
        query = query.bind(text);
    }
    if let Some((at, id)) = &asked.before {
        query = query.bind(*at).bind(id.clone());
    }
    let rows: Vec<Row> = query.fetch_all(state.db.reader()).await?;
    let more = rows.len() > PAGE;
    Ok(InboxPage {
        lines: rows.into_iter().take(PAGE).map(InboxLine::from).collect(),
        more,
        outcomes: Outcome::KEPT
            .map(|outcome| outcome.as_str().to_owned())
            .to_vec(),
    })
}

/// Marks whose truth a stored event hinted at, and says so in the audit.
pub async fn replay(state: &AppState, operator: &str, event_id: &str) -> Result<Done, DeskError> {
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    let done = match webhooks::replay(&mut tx, event_id, now).await? {
        Replayed::Marked => Done::Replayed,
        Replayed::NotForUs => Done::NotForUs,
        Replayed::WrongMode => return Err(DeskError::WrongMode),
        Replayed::Unknown => return Err(DeskError::Changed),
    };
    let user: Option<String> = sqlx::query_scalar(
        "SELECT payers.user_id FROM inbox JOIN customers ON customers.id = inbox.customer_id \
         JOIN payers ON payers.id = customers.payer_id \
         WHERE inbox.id = $1 AND payers.user_id IS NOT NULL",
    )
    .bind(event_id)
    .fetch_optional(&mut *tx)
    .await?;
    Act {
        operator,
        user_id: user.as_deref(),
        event: "replay",
        subject: event_id,
        detail: "the event was handled again",
        trace: event_id,
    }
    .record(&mut tx, now)
    .await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_has_its_placeholder() {
        let (sql, texts) = listing(&InboxAsked::default());
        assert!(!sql.contains("$2") && texts.is_empty());
        let (sql, texts) = listing(&InboxAsked {
            kind: Some("a".into()),
            customer: Some("b".into()),
            outcome: Some("c".into()),
            before: Some((1, "d".into())),
        });
        assert_eq!(texts, ["a", "b", "c"]);
        assert!(sql.contains("inbox.type = $2 AND inbox.customer_id = $3 AND inbox.outcome = $4"));
        assert!(sql.contains("< ($5, $6)"));
    }
}
