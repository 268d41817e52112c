//! Keeping held seats within paid ones: who makes way at the deadline, and who comes back when a
//! seat is free. Under the pool's lock.

use super::entitle::{self, By};
use super::pool::{PoolRow, room};
use super::story;
use crate::db::DbError;
use app::seats::rule::{self, Holding};
use sqlx::AnyConnection;

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    user_id: Option<String>,
    claimed: i64,
    since: i64,
}

/// Seats of a pool in those states, as the rule sees them.
async fn holdings(
    conn: &mut AnyConnection,
    pool: &PoolRow,
    suspended: bool,
) -> Result<Vec<(Holding, Option<String>)>, DbError> {
    let states = if suspended {
        "= 'suspended'"
    } else {
        "IN ('invited', 'claimed')"
    };
    let sql = format!(
        "SELECT id, user_id, CASE WHEN user_id IS NULL THEN 0 ELSE 1 END AS claimed, \
         COALESCE(claimed_at, created_at) AS since FROM seats \
         WHERE company_id = $1 AND plan_id = $2 AND state {states}"
    );
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(&pool.company_id)
        .bind(&pool.plan_id)
        .fetch_all(conn)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let holding = Holding {
                id: row.id,
                claimed: row.claimed == 1,
                since: row.since,
            };
            (holding, row.user_id)
        })
        .collect())
}

/// The ids of those who would make way if `by` had to, in order.
pub async fn would_make_way(
    conn: &mut AnyConnection,
    pool: &PoolRow,
    by: i64,
) -> Result<Vec<String>, DbError> {
    let held = holdings(conn, pool, false).await?;
    let held = held.into_iter().map(|(holding, _)| holding).collect();
    let by = usize::try_from(by).unwrap_or(0);
    Ok(rule::make_way(held, by)
        .into_iter()
        .map(|one| one.id)
        .collect())
}

/// Suspends seats; what they were comes back with them. Answers the holders who lose access.
pub async fn suspend(
    conn: &mut AnyConnection,
    pool: &PoolRow,
    ids: &[String],
    by: By<'_>,
    now: i64,
) -> Result<(), DbError> {
    for id in ids {
        let holder: Option<(Option<String>,)> = sqlx::query_as(
            "UPDATE seats SET state = 'suspended', was = state, changed_at = $1 \
             WHERE id = $2 AND company_id = $3 AND plan_id = $4 AND state IN ('invited', 'claimed') \
             RETURNING user_id",
        )
        .bind(now)
        .bind(id)
        .bind(&pool.company_id)
        .bind(&pool.plan_id)
        .fetch_optional(&mut *conn)
        .await?;
        let Some((holder,)) = holder else { continue };
        let told = "suspended: the company pays for fewer seats than are held";
        story::tell(conn, id, holder.as_deref(), by.actor, told, by.trace, now).await?;
    }
    entitle::all(conn, pool, by, now).await
}

/// Gives free seats to the suspended: claims first, the oldest first, then invites.
pub async fn refill(
    conn: &mut AnyConnection,
    pool: &PoolRow,
    by: By<'_>,
    now: i64,
) -> Result<(), DbError> {
    let waiting: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM seats WHERE company_id = $1 AND plan_id = $2 AND state = 'suspended'",
    )
    .bind(&pool.company_id)
    .bind(&pool.plan_id)
    .fetch_one(&mut *conn)
    .await?;
    if waiting == 0 {
        return Ok(());
    }
    let room = usize::try_from(room(conn, pool).await?).unwrap_or(0);
    if room == 0 {
        return Ok(());
    }
    let suspended = holdings(conn, pool, true).await?;
    let all = suspended.iter().map(|(one, _)| one.clone()).collect();
    for back in rule::come_back(all, room) {
        let state = if back.claimed { "claimed" } else { "invited" };
        sqlx::query(
            "UPDATE seats SET state = $1, was = NULL, changed_at = $2 WHERE id = $3 AND state = 'suspended'",
        )
        .bind(state)
        .bind(now)
        .bind(&back.id)
        .execute(&mut *conn)
        .await?;
        let holder = suspended
            .iter()
            .find(|(one, _)| one.id == back.id)
            .and_then(|(_, holder)| holder.as_deref());
        let told = "came back: a seat was free";
        story::tell(conn, &back.id, holder, by.actor, told, by.trace, now).await?;
        entitle::one(conn, pool, &back.id, by, now).await?;
    }
    Ok(())
}

/// A pool that is over no longer, because seats were given back: says so.
pub async fn settle_over(
    conn: &mut AnyConnection,
    pool: &PoolRow,
    held: i64,
) -> Result<(), DbError> {
    if pool.over_since.is_some() && held <= pool.paid {
        sqlx::query(
            "UPDATE seat_pools SET over_since = NULL, deadline = NULL \
             WHERE company_id = $1 AND plan_id = $2",
        )
        .bind(&pool.company_id)
        .bind(&pool.plan_id)
        .execute(conn)
        .await?;
    }
    Ok(())
}
