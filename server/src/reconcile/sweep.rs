//! The sweep: every member of the server by pages of a thousand. First all is compared, then who
//! is wrong is counted and marked, and looked at again under their own lease.

use super::compare::{self, Found, Wrong};
use crate::db::DbError;
use crate::db::dirty::{self, Class, Lease, SubjectKind};
use crate::discord::{DiscordError, MEMBERS_PAGE};
use crate::incidents;
use crate::roles::{RolesError, brake};
use crate::state::AppState;
use std::collections::HashSet;

/// The one subject of kind `sweep`.
pub const SWEEP: &str = "members";
/// The incident of an application without the intent; its subject is [`SWEEP`].
const INTENT: &str = "members_intent";
const HOUR_MS: i64 = 60 * 60 * 1000;
/// Rows a transaction.
const AT_ONCE: usize = 500;
/// Sweeps that are kept to be shown.
const KEPT_MS: i64 = 30 * 24 * HOUR_MS;

/// Marks the sweep: at the start, and after a gap of the gateway.
pub async fn soon(state: &AppState, trace: &str) -> Result<(), DbError> {
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    dirty::mark(&mut tx, SubjectKind::Sweep, SWEEP, now, Class::Bulk, trace).await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}

/// Looks at everybody, and gives the lease back. On an error the lease is still held.
pub async fn sync_sweep(state: &AppState, lease: &Lease) -> Result<(), RolesError> {
    let began_at = state.clock.policy_ms();
    // A server that answers: what refuses the list then is the intent.
    state.discord.guild().await?;
    let mut conn = state.db.reader().acquire().await?;
    let managed = compare::managed(&mut conn).await?;
    drop(conn);
    let mut all = Found::default();
    let mut members = 0;
    let mut after = "0".to_owned();
    loop {
        dirty::renew(&state.db, lease, state.clock.wall_ms()).await?;
        let page = match state.discord.members(&after).await {
            Ok(page) => page,
            Err(error @ DiscordError::IntentMissing) => {
                return refused(state, lease, &error).await;
            }
            Err(error) => return Err(error.into()),
        };
        let mut conn = state.db.reader().acquire().await?;
        let found = compare::page(&mut conn, &page, &managed).await?;
        drop(conn);
        members += page.len();
        all.seen.extend(found.seen);
        all.wrong.extend(found.wrong);
        all.others += found.others;
        match page.last() {
            Some(last) if page.len() == MEMBERS_PAGE => last.id.clone_into(&mut after),
            _ => break,
        }
    }
    all.wrong.extend(left(state, &all.seen).await?);
    tracing::info!(
        members,
        wrong = all.wrong.len(),
        others = all.others,
        "everybody in the server was looked at"
    );
    mark(state, lease, &all.wrong).await?;
    finish(state, lease, began_at, members, &all).await
}

/// Who was in the server when we last heard, and is not in the list.
async fn left(state: &AppState, seen: &[String]) -> Result<Vec<Wrong>, DbError> {
    let seen: HashSet<&str> = seen.iter().map(String::as_str).collect();
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT id, discord_user_id FROM users WHERE in_guild = 1")
            .fetch_all(state.db.reader())
            .await?;
    Ok(rows
        .into_iter()
        .filter(|(_, discord_id)| !seen.contains(discord_id.as_str()))
        .map(|(user_id, _)| Wrong {
            user_id,
            loses: false,
        })
        .collect())
}

/// Counts every loss before anybody is marked, so that the brake sees all of them.
async fn mark(state: &AppState, lease: &Lease, wrong: &[Wrong]) -> Result<(), DbError> {
    let now = state.clock.policy_ms();
    let losing: Vec<&Wrong> = wrong.iter().filter(|wrong| wrong.loses).collect();
    for some in losing.chunks(AT_ONCE) {
        let mut tx = state.db.begin().await?;
        dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
        for wrong in some {
            brake::found(&mut tx, &wrong.user_id, now).await?;
        }
        tx.commit().await?;
    }
    for some in wrong.chunks(AT_ONCE) {
        let mut tx = state.db.begin().await?;
        dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
        for wrong in some {
            let (kind, id) = (SubjectKind::User, &wrong.user_id);
            dirty::mark(&mut tx, kind, id, now, Class::Bulk, "sweep").await?;
        }
        tx.commit().await?;
        state.work.notify_one();
    }
    Ok(())
}

async fn finish(
    state: &AppState,
    lease: &Lease,
    began_at: i64,
    members: usize,
    all: &Found,
) -> Result<(), RolesError> {
    let now = state.clock.policy_ms();
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    sqlx::query("DELETE FROM sweeps WHERE began_at < $1")
        .bind(now - KEPT_MS)
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM losses WHERE at < $1")
        .bind(now - KEPT_MS)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "INSERT INTO sweeps (began_at, ended_at, members, wrong, others) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (began_at) DO UPDATE SET \
         ended_at = excluded.ended_at, members = excluded.members, wrong = excluded.wrong, \
         others = excluded.others",
    )
    .bind(began_at)
    .bind(now)
    .bind(number(members))
    .bind(number(all.wrong.len()))
    .bind(all.others)
    .execute(&mut *tx)
    .await?;
    incidents::close(&mut tx, INTENT, SWEEP, now).await?;
    let next = now + i64::from(state.config.reconcile_hours) * HOUR_MS;
    dirty::finish(&mut tx, lease, Some(next), now).await?;
    tx.commit().await?;
    Ok(())
}

/// Without the intent nobody can be listed: the operator is told, and it is tried again.
async fn refused(state: &AppState, lease: &Lease, error: &DiscordError) -> Result<(), RolesError> {
    tracing::error!(error = %error, "everybody cannot be looked at");
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    incidents::open(&mut tx, INTENT, SWEEP, &error.advice(), now).await?;
    dirty::finish(&mut tx, lease, Some(now + HOUR_MS), now).await?;
    tx.commit().await?;
    Ok(())
}
