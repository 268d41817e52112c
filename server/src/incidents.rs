//! What somebody has to look at, open until it is mended.

use crate::db::DbError;
use sqlx::AnyConnection;

/// A subject that needs a person, by its name (`payer pay_1`); closed when its sync succeeds.
pub const PARKED: &str = "parked";

/// Opens an incident, or keeps the open one with the newer words.
pub async fn open(
    conn: &mut AnyConnection,
    kind: &str,
    subject: &str,
    detail: &str,
    now: i64,
) -> Result<(), DbError> {
    sqlx::query(
        "INSERT INTO incidents (kind, subject, detail, opened_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (kind, subject) DO UPDATE SET detail = excluded.detail, \
         opened_at = CASE WHEN incidents.closed_at IS NULL THEN incidents.opened_at ELSE excluded.opened_at END, \
         mailed_at = CASE WHEN incidents.closed_at IS NULL THEN incidents.mailed_at ELSE NULL END, \
         messaged_at = CASE WHEN incidents.closed_at IS NULL THEN incidents.messaged_at ELSE NULL END, \
         closed_at = NULL",
    )
    .bind(kind)
    .bind(subject)
    .bind(detail)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Closes an incident if it is open.
pub async fn close(
    conn: &mut AnyConnection,
    kind: &str,
    subject: &str,
    now: i64,
) -> Result<(), DbError> {
    sqlx::query(
        "UPDATE incidents SET closed_at = $1 WHERE kind = $2 AND subject = $3 AND closed_at IS NULL",
    )
    .bind(now)
    .bind(kind)
    .bind(subject)
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether there is or was such an incident.
pub async fn known(conn: &mut AnyConnection, kind: &str, subject: &str) -> Result<bool, DbError> {
    let found: Option<String> =
        sqlx::query_scalar("SELECT kind FROM incidents WHERE kind = $1 AND subject = $2")
            .bind(kind)
            .bind(subject)
            .fetch_optional(conn)
            .await?;
    Ok(found.is_some())
}

/// Since when such an incident is open.
pub async fn open_since(
    conn: &mut AnyConnection,
    kind: &str,
    subject: &str,
) -> Result<Option<i64>, DbError> {
    Ok(sqlx::query_scalar(
        "SELECT opened_at FROM incidents WHERE kind = $1 AND subject = $2 AND closed_at IS NULL",
    )
    .bind(kind)
    .bind(subject)
    .fetch_optional(conn)
    .await?)
}

/// How many are open.
pub async fn count_open(conn: &mut AnyConnection) -> Result<i64, DbError> {
    Ok(
        sqlx::query_scalar("SELECT COUNT(*) FROM incidents WHERE closed_at IS NULL")
            .fetch_one(conn)
            .await?,
    )
}
