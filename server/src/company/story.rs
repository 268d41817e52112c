//! The story of a company: a line of the audit for every step of those who look after it.

use crate::audit;
use crate::db::DbError;
use crate::seats;
use sqlx::AnyConnection;

pub struct Step<'a> {
    pub company_id: &'a str,
    /// Our id of whoever did it.
    pub by: &'a str,
    /// Whom it is about, if not themselves.
    pub about: Option<&'a str>,
    /// In words.
    pub detail: &'a str,
    pub trace: &'a str,
}

/// Writes what was done; in the transaction that does it.
pub async fn tell(conn: &mut AnyConnection, step: &Step<'_>, now: i64) -> Result<(), DbError> {
    let actor = seats::by_admin(step.by);
    let entry = audit::Entry {
        user_id: Some(step.about.unwrap_or(step.by)),
        at: now,
        actor: &actor,
        event: "company",
        subject: step.company_id,
        detail: step.detail,
        trace: step.trace,
    };
    audit::record(conn, &entry).await
}
