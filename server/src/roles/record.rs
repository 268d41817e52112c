//! Grants: what was asked of Discord and what it answered. A refusal is never recorded as done.

use super::refusal;
use crate::account;
use crate::audit;
use crate::db::DbError;
use crate::db::dirty::{self, Lease};
use crate::discord::MAY_STILL_LAND_MS;
use crate::incidents;
use crate::mail;
use crate::state::AppState;
use sqlx::AnyConnection;
use std::collections::BTreeMap;

/// The incident of a role that Discord refuses; its subject is the role.
pub const REFUSED: &str = "role refused";
/// After its intent was written, a call stands in line and lasts at most this long before it is
/// given up.
const CALL_MS: i64 = 30_000;

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
    /// Nothing is asked: a brake, the freeze, observing, or a replacement that is not there yet.
    Held,
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
            Self::Held => "held",
            Self::Refused => "refused",
        }
    }
}

/// What a grant is held from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Give,
    Take,
}

impl Act {
    fn as_str(self) -> &'static str {
        match self {
            Self::Give => "give",
            Self::Take => "take",
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
    /// A refusal is of the server as it was when we asked: this moment of the policy clock.
    pub as_of: Option<i64>,
    /// What holds it, and from what.
    pub held: Option<(&'a str, Act)>,
}

impl Step<'_> {
    /// A call is made of it next.
    fn asks(&self) -> bool {
        !self.answered
            && self.code.is_none()
            && matches!(self.state, GrantState::Wanted | GrantState::Revoking)
    }
}

/// A grant as its row has it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Grant {
    role_id: String,
    pub state: String,
    pub held_by: Option<String>,
    held_act: Option<String>,
    asked_at: Option<i64>,
    code: Option<i64>,
}

impl Grant {
    /// Discord refused it before, and nothing came of it since.
    pub fn is_refused(&self) -> bool {
        self.state == "refused" || (self.state == "revoking" && self.code.is_some())
    }

    /// Ours, and not over. `Present` is not, nor is a refused one: a role that is there all the
    /// same was given by somebody else.
    pub fn is_ours(&self) -> bool {
        matches!(self.state.as_str(), "wanted" | "granted" | "revoking")
            || (self.state == "held" && self.held_act.as_deref() == Some("take"))
    }

    /// Waits to be given, and nothing was asked or all was refused.
    pub fn is_idle(&self) -> bool {
        self.state == "refused" || (self.state == "held" && !self.is_ours())
    }
}

/// All grants of a person, by role.
pub async fn grants(
    conn: &mut AnyConnection,
    user_id: &str,
) -> Result<BTreeMap<String, Grant>, DbError> {
    let rows: Vec<Grant> = sqlx::query_as(
        "SELECT role_id, state, held_by, held_act, asked_at, code FROM grants WHERE user_id = $1",
    )
    .bind(user_id)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|grant| (grant.role_id.clone(), grant))
        .collect())
}

/// The roles of ours that a person still has or may have, each with what is known of it.
pub async fn left(conn: &mut AnyConnection, user_id: &str) -> Result<Vec<String>, DbError> {
    let ours: Vec<String> = grants(&mut *conn, user_id)
        .await?
        .into_values()
        .filter(Grant::is_ours)
        .map(|grant| grant.role_id)
        .collect();
    let mut left = Vec::with_capacity(ours.len());
    for role in ours {
        let (name, state, detail): (Option<String>, String, Option<String>) = sqlx::query_as(
            "SELECT guild_roles.name, grants.state, grants.detail FROM grants \
             LEFT JOIN guild_roles ON guild_roles.id = grants.role_id \
             WHERE grants.user_id = $1 AND grants.role_id = $2",
        )
        .bind(user_id)
        .bind(&role)
        .fetch_one(&mut *conn)
        .await?;
        let name = name.unwrap_or(role);
        left.push(match detail {
            Some(detail) => format!("{name} ({state}: {detail})"),
            None => format!("{name} ({state})"),
        });
    }
    Ok(left)
}

/// How long it is until the last call whose answer nobody heard can no longer land, ms: what is
/// read before then does not tell what came of it.
pub fn may_still_land(grants: &BTreeMap<String, Grant>, wall_ms: i64) -> Option<i64> {
    grants
        .values()
        .filter_map(|grant| grant.asked_at)
        .map(|at| at + CALL_MS + MAY_STILL_LAND_MS - wall_ms)
        .filter(|left| (1..=CALL_MS + MAY_STILL_LAND_MS).contains(left))
        .max()
}

/// Writes a step in a transaction of its own, under the lease.
pub async fn step(state: &AppState, lease: &Lease, step: &Step<'_>) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    step_in(state, &mut tx, lease, step).await?;
    tx.commit().await?;
    Ok(())
}

/// The same in a transaction that has checked the fence.
pub async fn step_in(
    state: &AppState,
    conn: &mut AnyConnection,
    lease: &Lease,
    step: &Step<'_>,
) -> Result<(), DbError> {
    let now = state.clock.policy_ms();
    put(state, conn, lease, step, now).await?;
    mail::role_gone(state, conn, lease, step, now).await?;
    if step.state == GrantState::Gone {
        account::role_gone(conn, step.user_id, now, &lease.trace).await?;
    }
    match (step.state, step.detail) {
        (GrantState::Refused, Some(detail)) => {
            incidents::open(conn, REFUSED, step.role_id, detail, now).await
        }
        (GrantState::Revoking, Some(detail)) if step.code.is_some() => {
            incidents::open(conn, REFUSED, step.role_id, detail, now).await
        }
        (GrantState::Granted | GrantState::Present | GrantState::Gone, _) => {
            if step.answered && !refusal::waiting(conn, step.role_id).await? {
                incidents::close(conn, REFUSED, step.role_id, now).await?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Writes a step; a step that changes nothing is not written again.
pub async fn put(
    state: &AppState,
    conn: &mut AnyConnection,
    lease: &Lease,
    step: &Step<'_>,
    now: i64,
) -> Result<(), DbError> {
    let old: Option<(String, Option<i64>, Option<String>)> = sqlx::query_as(
        "SELECT state, code, held_by FROM grants WHERE user_id = $1 AND role_id = $2",
    )
    .bind(step.user_id)
    .bind(step.role_id)
    .fetch_optional(&mut *conn)
    .await?;
    let held_by = step.held.map(|(by, _)| by);
    let same = old.as_ref().is_some_and(|(state, code, by)| {
        state == step.state.as_str() && *code == step.code && by.as_deref() == held_by
    });
    sqlx::query(
        "INSERT INTO grants (user_id, role_id, state, code, detail, answered_at, changed_at, \
         asked_at, held_by, held_act) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (user_id, role_id) DO UPDATE SET state = excluded.state, code = excluded.code, \
         detail = excluded.detail, answered_at = COALESCE(excluded.answered_at, grants.answered_at), \
         changed_at = CASE WHEN grants.state = excluded.state THEN grants.changed_at ELSE excluded.changed_at END, \
         asked_at = excluded.asked_at, held_by = excluded.held_by, held_act = excluded.held_act",
    )
    .bind(step.user_id)
    .bind(step.role_id)
    .bind(step.state.as_str())
    .bind(step.code)
    .bind(step.detail)
    .bind(step.answered.then(|| step.as_of.unwrap_or(now)))
    .bind(now)
    .bind(step.asks().then(|| state.clock.wall_ms()))
    .bind(held_by)
    .bind(step.held.map(|(_, act)| act.as_str()))
    .execute(&mut *conn)
    .await?;
    let actor = match (step.answered, step.state) {
        (true, _) => "discord",
        (false, GrantState::Held | GrantState::Refused) => "rollcall",
        (false, _) => return Ok(()),
    };
    if same {
        return Ok(());
    }
    let old = old.map_or("none".to_owned(), |(state, ..)| state);
    audit::record(
        conn,
        &audit::Entry {
            user_id: Some(step.user_id),
            at: now,
            actor,
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

/// A call that failed. One that certainly did nothing, or did it already, is not waited for; of
/// one whose answer never came it is known now when it was given up.
pub async fn failed(
    state: &AppState,
    lease: &Lease,
    (user_id, role_id): (&str, &str),
    unknown: bool,
) -> Result<(), DbError> {
    let given_up = unknown.then(|| state.clock.wall_ms() - CALL_MS);
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    sqlx::query("UPDATE grants SET asked_at = $1 WHERE user_id = $2 AND role_id = $3")
        .bind(given_up)
        .bind(user_id)
        .bind(role_id)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// What Discord last said of whether a person is in the server. Who is in it is not banned.
pub async fn in_guild(
    state: &AppState,
    lease: &Lease,
    user_id: &str,
    there: bool,
) -> Result<(), DbError> {
    let known: Option<(Option<i64>,)> = sqlx::query_as("SELECT in_guild FROM users WHERE id = $1")
        .bind(user_id)
        .fetch_optional(state.db.reader())
        .await?;
    let old = known.and_then(|(there,)| there);
    if old == Some(i64::from(there)) {
        return Ok(());
    }
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    sqlx::query(
        "UPDATE users SET in_guild = $1, \
         left_at = CASE WHEN $1 = 1 THEN NULL WHEN in_guild = 1 THEN $2 ELSE left_at END, \
         banned = CASE WHEN $1 = 1 THEN 0 ELSE banned END WHERE id = $3",
    )
    .bind(i64::from(there))
    .bind(now)
    .bind(user_id)
    .execute(&mut *tx)
    .await?;
    if old.is_some() {
        audit::record(
            &mut tx,
            &audit::Entry {
                user_id: Some(user_id),
                at: now,
                actor: "discord",
                event: "server",
                subject: user_id,
                detail: if there {
                    "in the server again"
                } else {
                    "no longer in the server; its roles went with it"
                },
                trace: &lease.trace,
            },
        )
        .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Whether Discord says that a person is banned from the server.
pub async fn banned(conn: &mut AnyConnection, user_id: &str, banned: bool) -> Result<(), DbError> {
    sqlx::query("UPDATE users SET banned = $1 WHERE id = $2")
        .bind(i64::from(banned))
        .bind(user_id)
        .execute(conn)
        .await?;
    Ok(())
}
