//! What an event marks. Nothing here reads or changes anything outside.

use crate::db::dirty::{self, Class, SubjectKind};
use crate::db::{DbError, rearm};
use crate::roles::{GUILD_SUBJECT, banned, by_hand};
use crate::state::AppState;
use sqlx::AnyConnection;
use std::collections::BTreeSet;

/// Our id of somebody at Discord; `None`: we do not know them.
pub async fn user_of(
    conn: &mut AnyConnection,
    discord_id: &str,
) -> Result<Option<String>, DbError> {
    Ok(
        sqlx::query_scalar("SELECT id FROM users WHERE discord_user_id = $1")
            .bind(discord_id)
            .fetch_optional(conn)
            .await?,
    )
}

/// Somebody came or went.
pub async fn person(
    state: &AppState,
    discord_id: &str,
    class: Class,
    trace: &str,
) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    if let Some(user) = user_of(&mut tx, discord_id).await? {
        let now = state.clock.policy_ms();
        dirty::mark(&mut tx, SubjectKind::User, &user, now, class, trace).await?;
    }
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}

/// A ban begins or ends. The event is the only one to say so: reading bans takes a right that the
/// bot is better off without. It changes what the person is told, and nobody's access.
pub async fn ban(
    state: &AppState,
    discord_id: &str,
    begins: bool,
    trace: &str,
) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    if let Some(user) = user_of(&mut tx, discord_id).await? {
        let now = state.clock.policy_ms();
        banned(&mut tx, &user, begins).await?;
        dirty::mark(&mut tx, SubjectKind::User, &user, now, Class::Event, trace).await?;
    }
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}

/// Somebody's roles changed: they are marked unless that is what we left behind, or are about to
/// record, and nothing is open about it.
pub async fn roles_changed(
    state: &AppState,
    discord_id: &str,
    roles: &BTreeSet<String>,
    trace: &str,
) -> Result<(), DbError> {
    let user = {
        let mut conn = state.db.reader().acquire().await?;
        let Some(user) = user_of(&mut conn, discord_id).await? else {
            return Ok(());
        };
        let managed = by_hand::managed(&mut conn).await?;
        let grants = by_hand::grants(&mut conn, &user).await?;
        let expected = grants.iter().all(|(role, grant)| match grant.as_str() {
            "granted" | "present" => roles.contains(role),
            "gone" | "refused" => !roles.contains(role),
            // A call of ours is under way, or comes again.
            _ => true,
        });
        let strange = managed
            .intersection(roles)
            .any(|role| !grants.contains_key(role));
        let told = !by_hand::open(&mut conn, &user).await?.is_empty();
        if expected && !strange && !told {
            return Ok(());
        }
        user
    };
    let mut tx = state.db.begin().await?;
    let now = state.clock.policy_ms();
    dirty::mark(&mut tx, SubjectKind::User, &user, now, Class::Event, trace).await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}

async fn mark_guild(conn: &mut AnyConnection, now: i64, trace: &str) -> Result<(), DbError> {
    let (kind, class) = (SubjectKind::Guild, Class::Urgent);
    dirty::mark(conn, kind, GUILD_SUBJECT, now, class, trace).await
}

/// The server's roles changed.
pub async fn guild(state: &AppState, trace: &str) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    mark_guild(&mut tx, state.clock.policy_ms(), trace).await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}

/// The bot's own roles changed, and with them what it can give: the server is looked at, and so
/// is whoever waits for a role, or for one to go.
pub async fn bot_roles(state: &AppState, trace: &str) -> Result<(), DbError> {
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    mark_guild(&mut tx, now, trace).await?;
    rearm::mark_waiting(&mut tx, now, trace).await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}

/// Nobody knows what was missed: everybody who has, or is to have, something is read, behind
/// whatever is waiting; and the server.
pub async fn everybody(state: &AppState, trace: &str) -> Result<u64, DbError> {
    guild(state, trace).await?;
    let now = state.clock.policy_ms();
    let marked = rearm::mark_holders(&state.db, now, trace).await?;
    state.work.notify_one();
    Ok(marked)
}
