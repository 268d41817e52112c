//! Grants: what was asked of Discord and what it answered. A refusal is never recorded as done.

use crate::audit;
use crate::db::dirty::{self, Lease};
use crate::db::{Db, DbError};
use crate::mail;
use crate::state::AppState;
use sqlx::AnyConnection;
use std::collections::BTreeSet;

/// A grant's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantState {
    /// Asked for, or about to be.
    Wanted,
    /// Discord confirmed it.
    Granted,
    /// It was there before we asked: not ours to take.
    Present,
    /// Its removal is asked for, or about to be.
    Revoking,
    /// Discord confirmed that it is not there.
    Gone,
    /// Discord refused; a person has to mend something.
    Refused,
}

impl GrantState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Granted => "granted",
            Self::Present => "present",
            Self::Revoking => "revoking",
            Self::Gone => "gone",
            Self::Refused => "refused",
        }
    }
}

/// One step of a grant.
pub struct Step<'a> {
    pub user_id: &'a str,
    pub role_id: &'a str,
    pub state: GrantState,
    /// Discord's code, and what it means in words.
    pub code: Option<i64>,
    pub detail: Option<&'a str>,
    /// Discord said so just now, rather than that we are about to ask.
    pub answered: bool,
}

/// Roles with a grant of ours that is not over. `Present` is not among them, nor is a refused
/// grant: a role that is there all the same was given by somebody else.
pub async fn ours(conn: &mut AnyConnection, user_id: &str) -> Result<BTreeSet<String>, DbError> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT role_id FROM grants WHERE user_id = $1 AND state IN ('wanted', 'granted', 'revoking')",
    )
    .bind(user_id)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().collect())
}

/// Writes a step in a transaction of its own, under the lease.
pub async fn step(state: &AppState, lease: &Lease, step: &Step<'_>) -> Result<(), DbError> {
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    put(&mut tx, lease, step, now).await?;
    mail::role_gone(state, &mut tx, lease, step, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Writes a step; a step that changes nothing is not written again.
pub async fn put(
    conn: &mut AnyConnection,
    lease: &Lease,
    step: &Step<'_>,
    now: i64,
) -> Result<(), DbError> {
    let old: Option<(String, Option<i64>)> =
        sqlx::query_as("SELECT state, code FROM grants WHERE user_id = $1 AND role_id = $2")
            .bind(step.user_id)
            .bind(step.role_id)
            .fetch_optional(&mut *conn)
            .await?;
    let same = old
        .as_ref()
        .is_some_and(|(state, code)| state == step.state.as_str() && *code == step.code);
    sqlx::query(
        "INSERT INTO grants (user_id, role_id, state, code, detail, answered_at, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (user_id, role_id) DO UPDATE SET state = excluded.state, code = excluded.code, \
         detail = excluded.detail, answered_at = COALESCE(excluded.answered_at, grants.answered_at), \
         changed_at = CASE WHEN grants.state = excluded.state THEN grants.changed_at ELSE excluded.changed_at END",
    )
    .bind(step.user_id)
    .bind(step.role_id)
    .bind(step.state.as_str())
    .bind(step.code)
    .bind(step.detail)
    .bind(step.answered.then_some(now))
    .bind(now)
    .execute(&mut *conn)
    .await?;
    if same || !step.answered {
        return Ok(());
    }
    let old = old.map_or("none".to_owned(), |(state, _)| state);
    audit::record(
        conn,
        &audit::Entry {
            user_id: Some(step.user_id),
            at: now,
            actor: "discord",
            event: "role",
            subject: step.role_id,
            detail: &match step.detail {
                Some(detail) => format!("{old} → {}: {detail}", step.state.as_str()),
                None => format!("{old} → {}", step.state.as_str()),
            },
            trace: &lease.trace,
        },
    )
    .await
}

/// What Discord last said of whether a person is in the server.
pub async fn in_guild(db: &Db, user_id: &str, there: bool) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    sqlx::query("UPDATE users SET in_guild = $1 WHERE id = $2")
        .bind(i64::from(there))
        .bind(user_id)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}
