//! What operators switch: the freeze, which holds every removal, and observe, in which nothing is
//! changed at Discord until they say go.

use super::RolesError;
use crate::db::DbError;
use crate::db::rearm;
use crate::incidents;
use crate::state::AppState;
use sqlx::AnyConnection;
use std::collections::HashMap;

/// The incident of an installation that only observes.
pub const OBSERVE: &str = "observe";
/// Its subject.
pub const ROLES: &str = "roles";

const MODE: &str = "mode";
const FREEZE: &str = "freeze";

/// A switch as it stands, and who put it there.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Switch {
    pub value: String,
    pub changed_by: String,
    /// UTC epoch ms, policy clock.
    pub changed_at: i64,
}

async fn read(conn: &mut AnyConnection, name: &str) -> Result<Option<Switch>, DbError> {
    Ok(
        sqlx::query_as("SELECT value, changed_by, changed_at FROM switches WHERE name = $1")
            .bind(name)
            .fetch_optional(conn)
            .await?,
    )
}

async fn write(
    conn: &mut AnyConnection,
    name: &str,
    value: &str,
    by: &str,
    now: i64,
) -> Result<(), DbError> {
    sqlx::query(
        "INSERT INTO switches (name, value, changed_by, changed_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, \
         changed_by = excluded.changed_by, changed_at = excluded.changed_at",
    )
    .bind(name)
    .bind(value)
    .bind(by)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// The freeze, if it is on.
pub async fn frozen(conn: &mut AnyConnection) -> Result<Option<Switch>, DbError> {
    Ok(read(conn, FREEZE)
        .await?
        .filter(|switch| switch.value == "on"))
}

/// The mode, if it is `observe`.
pub async fn observing(conn: &mut AnyConnection) -> Result<Option<Switch>, DbError> {
    Ok(read(conn, MODE)
        .await?
        .filter(|switch| switch.value == "observe"))
}

/// Turns the freeze on or off; answers whether that changed anything. What it held comes again.
pub async fn freeze(
    conn: &mut AnyConnection,
    on: bool,
    by: &str,
    now: i64,
) -> Result<bool, DbError> {
    if frozen(conn).await?.is_some() == on {
        return Ok(false);
    }
    write(conn, FREEZE, if on { "on" } else { "off" }, by, now).await?;
    if !on {
        rearm::mark_held(conn, "freeze", now, "freeze").await?;
    }
    Ok(true)
}

/// Ends observing; answers whether it was on. The caller marks everybody.
pub async fn go(conn: &mut AnyConnection, by: &str, now: i64) -> Result<bool, DbError> {
    if observing(conn).await?.is_none() {
        return Ok(false);
    }
    write(conn, MODE, "active", by, now).await?;
    incidents::close(conn, OBSERVE, ROLES, now).await?;
    rearm::mark_held(conn, "observe", now, "observe").await?;
    Ok(true)
}

/// Whether we only observe. Decided once, when the plans' roles are first known: an installation
/// whose managed roles have holders that it did not make begins by observing.
pub async fn observe(state: &AppState) -> Result<bool, RolesError> {
    let mut conn = state.db.reader().acquire().await?;
    if let Some(mode) = read(&mut conn, MODE).await? {
        return Ok(mode.value == "observe");
    }
    let managed: Vec<(String, i64)> = sqlx::query_as(
        "SELECT plan_roles.role_id, \
         (SELECT COUNT(*) FROM grants WHERE grants.role_id = plan_roles.role_id \
         AND grants.state IN ('granted', 'revoking')) \
         FROM plan_roles WHERE plan_roles.state IN ('active', 'leaving', 'kept') \
         GROUP BY plan_roles.role_id",
    )
    .fetch_all(&mut *conn)
    .await?;
    drop(conn);
    if managed.is_empty() {
        return Ok(false);
    }
    let holders = state.discord.role_holders().await?;
    let others = of_others(&managed, &holders);
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    // Another node may have decided meanwhile.
    if let Some(mode) = read(&mut tx, MODE).await? {
        return Ok(mode.value == "observe");
    }
    let observes = others > 0;
    let mode = if observes { "observe" } else { "active" };
    write(&mut tx, MODE, mode, "start", now).await?;
    if observes {
        tracing::warn!(
            others,
            "the plans' roles have holders already: nothing is changed at Discord until an operator says go"
        );
        let detail = format!(
            "The roles of your plans had {others} holders before Rollcall came. Nothing is given or taken yet: \
             see under Brake what would be done, then say go."
        );
        incidents::open(&mut tx, OBSERVE, ROLES, &detail, now).await?;
    }
    tx.commit().await?;
    Ok(observes)
}

/// How many hold a managed role that we did not give.
fn of_others(managed: &[(String, i64)], holders: &HashMap<String, i64>) -> i64 {
    managed
        .iter()
        .map(|(role, ours)| (holders.get(role).copied().unwrap_or(0) - ours).max(0))
        .sum()
}
