//! What seats give their holders: the entitlements of a pool made equal to its seats, all of them
//! in a few statements, or those of one seat.

use super::pool::PoolRow;
use crate::db::DbError;
use crate::db::dirty::{self, Class};
use sqlx::{AnyConnection, AssertSqlSafe};

/// Why, and what follows from it.
#[derive(Clone, Copy)]
pub struct By<'a> {
    /// As [`crate::audit::Entry::actor`].
    pub actor: &'a str,
    /// How soon roles are to follow.
    pub class: Class,
    pub trace: &'a str,
}

/// Claimed seats whose entitlement is not what the pool gives. `$1` company, `$2` plan, `$3` state,
/// `$4` reason, `$5` until.
const DIFFERS: &str = "FROM seats LEFT JOIN entitlements AS had ON had.user_id = seats.user_id \
    AND had.plan_id = seats.plan_id AND had.source = 'seat' AND had.source_id = seats.id \
    WHERE seats.company_id = $1 AND seats.plan_id = $2 AND seats.state = 'claimed' \
    AND (had.state IS NULL OR had.state <> $3 OR had.reason <> $4 \
    OR COALESCE(had.until_at, -1) <> COALESCE(CAST($5 AS BIGINT), -1))";

/// Entitlements that no claimed seat stands behind any more. `$1` company, `$2` plan of the
/// entitlement.
const STALE: &str = "seats.company_id = $1 AND had.source = 'seat' AND had.source_id = seats.id \
    AND had.plan_id = $2 AND had.state <> 'denied' \
    AND (seats.state <> 'claimed' OR seats.plan_id <> had.plan_id OR seats.user_id <> had.user_id)";

/// Why one of those gives nothing.
const WHY: &str = "CASE WHEN seats.state = 'suspended' THEN 'seat_suspended' \
    WHEN seats.because = 'moved' THEN 'moved' WHEN seats.state = 'revoked' THEN 'seat_ended' \
    WHEN seats.user_id <> had.user_id THEN 'moved' ELSE 'replaced' END";

/// Of all seats of the pool.
pub async fn all(
    conn: &mut AnyConnection,
    pool: &PoolRow,
    by: By<'_>,
    now: i64,
) -> Result<(), DbError> {
    give(conn, pool, None, by, now).await?;
    take(conn, pool, None, by, now).await
}

/// Of one of its seats.
pub async fn one(
    conn: &mut AnyConnection,
    pool: &PoolRow,
    seat_id: &str,
    by: By<'_>,
    now: i64,
) -> Result<(), DbError> {
    give(conn, pool, Some(seat_id), by, now).await?;
    take(conn, pool, Some(seat_id), by, now).await
}

async fn give(
    conn: &mut AnyConnection,
    pool: &PoolRow,
    seat: Option<&str>,
    by: By<'_>,
    now: i64,
) -> Result<(), DbError> {
    let only = |at: usize| match seat {
        Some(_) => format!(" AND seats.id = ${at}"),
        None => String::new(),
    };
    let told = format!(
        "INSERT INTO audit (user_id, at, actor, event, subject, detail, trace) \
         SELECT seats.user_id, $6, $7, 'entitlement', seats.id, \
         CAST($2 AS TEXT) || ': ' || COALESCE(had.state, 'none') || ' → ' || CAST($3 AS TEXT) || ' (' || CAST($4 AS TEXT) || ')', \
         $8 {DIFFERS}{}",
        only(9)
    );
    let mut query = sqlx::query(AssertSqlSafe(told))
        .bind(&pool.company_id)
        .bind(&pool.plan_id)
        .bind(&pool.state)
        .bind(&pool.reason)
        .bind(pool.until_at)
        .bind(now)
        .bind(by.actor)
        .bind(by.trace);
    if let Some(seat) = seat {
        query = query.bind(seat);
    }
    if query.execute(&mut *conn).await?.rows_affected() == 0 {
        return Ok(());
    }
    mark(conn, pool, seat, by, now).await?;
    let put = format!(
        "INSERT INTO entitlements (user_id, plan_id, source, source_id, state, reason, until_at, changed_at, proof) \
         SELECT seats.user_id, seats.plan_id, 'seat', seats.id, $3, $4, CAST($5 AS BIGINT), $6, $7 {DIFFERS}{} \
         ON CONFLICT (user_id, plan_id, source, source_id) DO UPDATE SET state = excluded.state, \
         reason = excluded.reason, until_at = excluded.until_at, changed_at = excluded.changed_at, \
         proof = excluded.proof",
        only(8)
    );
    let mut query = sqlx::query(AssertSqlSafe(put))
        .bind(&pool.company_id)
        .bind(&pool.plan_id)
        .bind(&pool.state)
        .bind(&pool.reason)
        .bind(pool.until_at)
        .bind(now)
        .bind(&pool.proof);
    if let Some(seat) = seat {
        query = query.bind(seat);
    }
    query.execute(conn).await?;
    Ok(())
}

/// Marks whose roles change by it: granted and grace mean the same to them.
async fn mark(
    conn: &mut AnyConnection,
    pool: &PoolRow,
    seat: Option<&str>,
    by: By<'_>,
    now: i64,
) -> Result<(), DbError> {
    let gives = match pool.state.as_str() {
        "granted" | "grace" => "gives",
        "hold" => "holds",
        _ => "nothing",
    };
    let only = if seat.is_some() {
        " AND seats.id = $8"
    } else {
        ""
    };
    let who = format!(
        "SELECT seats.user_id AS id FROM seats LEFT JOIN entitlements AS had \
         ON had.user_id = seats.user_id AND had.plan_id = seats.plan_id \
         AND had.source = 'seat' AND had.source_id = seats.id \
         WHERE seats.company_id = $5 AND seats.plan_id = $6 AND seats.state = 'claimed' \
         AND (CASE WHEN had.state IN ('granted', 'grace') THEN 'gives' WHEN had.state = 'hold' THEN 'holds' \
         ELSE 'nothing' END) <> $7{only}"
    );
    let mut params = vec![pool.company_id.as_str(), pool.plan_id.as_str(), gives];
    params.extend(seat);
    dirty::mark_users(conn, &who, &params, now, by.class, by.trace).await
}

async fn take(
    conn: &mut AnyConnection,
    pool: &PoolRow,
    seat: Option<&str>,
    by: By<'_>,
    now: i64,
) -> Result<(), DbError> {
    let only = |at: usize| match seat {
        Some(_) => format!(" AND seats.id = ${at}"),
        None => String::new(),
    };
    let told = format!(
        "INSERT INTO audit (user_id, at, actor, event, subject, detail, trace) \
         SELECT had.user_id, $3, $4, 'entitlement', seats.id, \
         had.plan_id || ': ' || had.state || ' → denied (' || {WHY} || ')', $5 \
         FROM seats, entitlements AS had WHERE {STALE}{}",
        only(6)
    );
    let mut query = sqlx::query(AssertSqlSafe(told))
        .bind(&pool.company_id)
        .bind(&pool.plan_id)
        .bind(now)
        .bind(by.actor)
        .bind(by.trace);
    if let Some(seat) = seat {
        query = query.bind(seat);
    }
    if query.execute(&mut *conn).await?.rows_affected() == 0 {
        return Ok(());
    }
    let who = format!(
        "SELECT DISTINCT had.user_id AS id FROM seats, entitlements AS had WHERE {}{}",
        STALE.replace("$1", "$5").replace("$2", "$6"),
        only(7)
    );
    let mut params = vec![pool.company_id.as_str(), pool.plan_id.as_str()];
    params.extend(seat);
    dirty::mark_users(conn, &who, &params, now, by.class, by.trace).await?;
    let stale = STALE.replace("had.", "entitlements.");
    let why = WHY.replace("had.", "entitlements.");
    let put = format!(
        "UPDATE entitlements SET state = 'denied', reason = {why}, until_at = NULL, changed_at = $3, \
         proof = 'ended' FROM seats WHERE {stale}{}",
        only(4)
    );
    let mut query = sqlx::query(AssertSqlSafe(put))
        .bind(&pool.company_id)
        .bind(&pool.plan_id)
        .bind(now);
    if let Some(seat) = seat {
        query = query.bind(seat);
    }
    query.execute(conn).await?;
    Ok(())
}
