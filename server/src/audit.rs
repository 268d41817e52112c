//! Every change of access, written in the transaction that makes it.

use crate::db::DbError;
use sqlx::AnyConnection;

/// One line of the story of access. `at` is UTC epoch ms.
pub struct Entry<'a> {
    pub user_id: Option<&'a str>,
    pub at: i64,
    /// `stripe`, `discord`, `operator`, `timer`.
    pub actor: &'a str,
    pub event: &'a str,
    /// The id of what it is about.
    pub subject: &'a str,
    /// In words; no payload, no secret.
    pub detail: &'a str,
    /// The cause, as in the logs.
    pub trace: &'a str,
}

pub async fn record(conn: &mut AnyConnection, entry: &Entry<'_>) -> Result<(), DbError> {
    sqlx::query(
        "INSERT INTO audit (user_id, at, actor, event, subject, detail, trace) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(entry.user_id)
    .bind(entry.at)
    .bind(entry.actor)
    .bind(entry.event)
    .bind(entry.subject)
    .bind(entry.detail)
    .bind(entry.trace)
    .execute(conn)
    .await?;
    Ok(())
}
