//! The operator's yes to a role that carries dangerous rights.

use crate::db::DbError;
use sqlx::{AnyConnection, FromRow};
use std::collections::HashMap;

/// A yes, and the rights it counts for.
#[derive(Debug, Clone, FromRow)]
pub struct Consent {
    rights: String,
    pub given_by: String,
    /// UTC epoch ms, policy clock.
    pub given_at: i64,
}

impl Consent {
    /// Whether it counts for all of these: a right the role got later needs a yes of its own.
    #[must_use]
    pub fn covers(&self, rights: &[&str]) -> bool {
        rights
            .iter()
            .all(|right| self.rights.split(", ").any(|given| given == *right))
    }
}

pub async fn given(conn: &mut AnyConnection, role_id: &str) -> Result<Option<Consent>, DbError> {
    Ok(
        sqlx::query_as("SELECT rights, given_by, given_at FROM role_consents WHERE role_id = $1")
            .bind(role_id)
            .fetch_optional(conn)
            .await?,
    )
}

/// Every yes, by role.
pub async fn all(conn: &mut AnyConnection) -> Result<HashMap<String, Consent>, DbError> {
    let rows: Vec<(String, String, String, i64)> =
        sqlx::query_as("SELECT role_id, rights, given_by, given_at FROM role_consents")
            .fetch_all(conn)
            .await?;
    let consent = |(role, rights, given_by, given_at)| {
        let consent = Consent {
            rights,
            given_by,
            given_at,
        };
        (role, consent)
    };
    Ok(rows.into_iter().map(consent).collect())
}

/// Writes a yes over an older one.
pub async fn give(
    conn: &mut AnyConnection,
    role_id: &str,
    rights: &[&str],
    by: &str,
    now: i64,
) -> Result<(), DbError> {
    sqlx::query(
        "INSERT INTO role_consents (role_id, rights, given_by, given_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (role_id) DO UPDATE SET rights = excluded.rights, \
         given_by = excluded.given_by, given_at = excluded.given_at",
    )
    .bind(role_id)
    .bind(rights.join(", "))
    .bind(by)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes a yes back; answers whether there was one.
pub async fn withdraw(conn: &mut AnyConnection, role_id: &str) -> Result<bool, DbError> {
    let done = sqlx::query("DELETE FROM role_consents WHERE role_id = $1")
        .bind(role_id)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// The rights among these that nobody has said yes to; all of them when one is missing, for a
/// yes is to a role as it was seen.
pub async fn lacking<'a>(
    conn: &mut AnyConnection,
    role_id: &str,
    rights: Vec<&'a str>,
) -> Result<Vec<&'a str>, DbError> {
    if rights.is_empty() {
        return Ok(rights);
    }
    let allowed = given(conn, role_id)
        .await?
        .is_some_and(|consent| consent.covers(&rights));
    Ok(if allowed { Vec::new() } else { rights })
}

#[cfg(test)]
mod tests {
    use super::Consent;

    #[test]
    fn a_yes_counts_for_the_rights_it_named() {
        let consent = Consent {
            rights: "Manage Messages, Kick Members".to_owned(),
            given_by: "operator:1".to_owned(),
            given_at: 0,
        };
        assert!(consent.covers(&["Kick Members"]));
        assert!(consent.covers(&["Manage Messages", "Kick Members"]));
        assert!(!consent.covers(&["Kick Members", "Ban Members"]));
        assert!(!consent.covers(&["Manage"]));
    }
}
