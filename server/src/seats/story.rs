//! The story of a seat: a line of the audit for every step.

use crate::audit;
use crate::db::DbError;
use sqlx::AnyConnection;

/// Writes what happened to a seat. `user_id` is its holder; nobody holds an invited one. `actor` is
/// `member` (the holder), `company:` and our id of whoever looks after it, `stripe` or `timer`.
pub async fn tell(
    conn: &mut AnyConnection,
    seat_id: &str,
    user_id: Option<&str>,
    actor: &str,
    detail: &str,
    trace: &str,
    now: i64,
) -> Result<(), DbError> {
    let entry = audit::Entry {
        user_id,
        at: now,
        actor,
        event: "seat",
        subject: seat_id,
        detail,
        trace,
    };
    audit::record(conn, &entry).await
}

/// Whoever looks after a company, as the actor of a line.
#[must_use]
pub fn by_admin(user_id: &str) -> String {
    format!("company:{user_id}")
}
