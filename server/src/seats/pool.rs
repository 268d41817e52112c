//! What a company pays for of one plan, and how many of it are held. Whoever counts seats writes the
//! pool's row first, so that two who count do so one after the other, on either database.

use crate::db::DbError;
use app::seats::{Over, Pool};
use sqlx::{AnyConnection, FromRow};
use std::collections::HashMap;

/// A pool as its row has it.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct PoolRow {
    pub company_id: String,
    pub plan_id: String,
    pub paid: i64,
    /// While fewer are being asked for at Stripe.
    pub ceiling: Option<i64>,
    /// What a claimed seat gives: `granted`, `grace`, `hold`, `denied`.
    pub state: String,
    pub reason: String,
    pub until_at: Option<i64>,
    pub proof: String,
    pub over_since: Option<i64>,
    pub deadline: Option<i64>,
}

const COLUMNS: &str =
    "company_id, plan_id, paid, ceiling, state, reason, until_at, proof, over_since, deadline";

impl PoolRow {
    /// Whether a claimed seat gives access.
    #[must_use]
    pub fn open(&self) -> bool {
        matches!(self.state.as_str(), "granted" | "grace")
    }

    /// How many may be held.
    #[must_use]
    pub fn most(&self) -> i64 {
        self.ceiling.map_or(self.paid, |most| most.min(self.paid))
    }
}

/// Takes the pool's row until the transaction ends; invites that have expired give their seats
/// back. `None`: nothing was ever paid for.
pub async fn lock(
    conn: &mut AnyConnection,
    company_id: &str,
    plan_id: &str,
    now: i64,
) -> Result<Option<PoolRow>, DbError> {
    let sql = format!(
        "UPDATE seat_pools SET counted_at = $1 WHERE company_id = $2 AND plan_id = $3 RETURNING {COLUMNS}"
    );
    let row: Option<PoolRow> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(now)
        .bind(company_id)
        .bind(plan_id)
        .fetch_optional(&mut *conn)
        .await?;
    if row.is_some() {
        expire(conn, company_id, plan_id, now).await?;
    }
    Ok(row)
}

/// A pool, without its lock: for showing it.
pub async fn find(
    conn: &mut AnyConnection,
    company_id: &str,
    plan_id: &str,
) -> Result<Option<PoolRow>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM seat_pools WHERE company_id = $1 AND plan_id = $2");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(company_id)
        .bind(plan_id)
        .fetch_optional(conn)
        .await?)
}

/// Ends invites and links whose time is over.
async fn expire(
    conn: &mut AnyConnection,
    company_id: &str,
    plan_id: &str,
    now: i64,
) -> Result<(), DbError> {
    let over: Vec<(String, Option<String>)> = sqlx::query_as(
        "SELECT id, seat_id FROM invites WHERE company_id = $1 AND plan_id = $2 \
         AND state = 'open' AND expires_at <= $3",
    )
    .bind(company_id)
    .bind(plan_id)
    .bind(now)
    .fetch_all(&mut *conn)
    .await?;
    for (invite, seat) in over {
        sqlx::query("UPDATE invites SET state = 'expired', settled_at = $1 WHERE id = $2")
            .bind(now)
            .bind(&invite)
            .execute(&mut *conn)
            .await?;
        let Some(seat) = seat else { continue };
        sqlx::query(
            "UPDATE seats SET state = 'revoked', was = 'invited', because = 'expired', changed_at = $1 \
             WHERE id = $2 AND user_id IS NULL AND state IN ('invited', 'suspended')",
        )
        .bind(now)
        .bind(&seat)
        .execute(&mut *conn)
        .await?;
        super::story::tell(
            conn,
            &seat,
            None,
            "timer",
            "the invite expired",
            "expiry",
            now,
        )
        .await?;
    }
    Ok(())
}

/// How many seats are held: invited and claimed. To whoever has the lock, expired
/// invites have made way.
pub async fn held(
    conn: &mut AnyConnection,
    company_id: &str,
    plan_id: &str,
) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar(
        "SELECT COUNT(*) FROM seats WHERE company_id = $1 AND plan_id = $2 \
         AND state IN ('invited', 'claimed')",
    )
    .bind(company_id)
    .bind(plan_id)
    .fetch_one(conn)
    .await?)
}

/// How many more may be held now; nothing while it gives no access.
pub async fn room(conn: &mut AnyConnection, pool: &PoolRow) -> Result<i64, DbError> {
    if !pool.open() {
        return Ok(0);
    }
    let held = held(conn, &pool.company_id, &pool.plan_id).await?;
    Ok((pool.most() - held).max(0))
}

/// Every pool of a company, the fullest first, as `user_id` sees them.
pub async fn pools(
    conn: &mut AnyConnection,
    company_id: &str,
    user_id: &str,
) -> Result<Vec<Pool>, DbError> {
    let rows: Vec<PoolRow> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM seat_pools WHERE company_id = $1 ORDER BY plan_id"
    )))
    .bind(company_id)
    .fetch_all(&mut *conn)
    .await?;
    let counts: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT plan_id, state, COUNT(*) FROM seats WHERE company_id = $1 AND state <> 'revoked' \
         GROUP BY plan_id, state",
    )
    .bind(company_id)
    .fetch_all(&mut *conn)
    .await?;
    let own: HashMap<String, String> = sqlx::query_as::<_, (String, String)>(
        "SELECT plan_id, id FROM seats WHERE user_id = $1 AND company_id = $2 \
         AND state IN ('claimed', 'suspended')",
    )
    .bind(user_id)
    .bind(company_id)
    .fetch_all(&mut *conn)
    .await?
    .into_iter()
    .collect();
    let names = names(conn, &rows).await?;
    let mut pools: Vec<Pool> = rows
        .into_iter()
        .map(|row| {
            let count = |state: &str| {
                counts
                    .iter()
                    .filter(|(plan, is, _)| *plan == row.plan_id && is == state)
                    .map(|(_, _, count)| count)
                    .sum()
            };
            let (claimed, invited, suspended): (i64, i64, i64) =
                (count("claimed"), count("invited"), count("suspended"));
            let over = row
                .over_since
                .zip(row.deadline)
                .map(|(since, deadline)| Over {
                    by: claimed + invited - row.paid,
                    since,
                    deadline,
                });
            Pool {
                plan: names.get(&row.plan_id).cloned().unwrap_or_default(),
                own_seat: own.get(&row.plan_id).cloned(),
                open: row.open(),
                paid: row.paid,
                ceiling: row.ceiling,
                claimed,
                invited,
                suspended,
                over: over.filter(|over| over.by > 0),
                plan_id: row.plan_id,
            }
        })
        .filter(|pool| pool.paid > 0 || pool.held() + pool.suspended > 0)
        .collect();
    pools.sort_by_key(|pool| {
        (
            std::cmp::Reverse(pool.held().max(pool.paid)),
            pool.plan_id.clone(),
        )
    });
    Ok(pools)
}

async fn names(
    conn: &mut AnyConnection,
    rows: &[PoolRow],
) -> Result<HashMap<String, String>, DbError> {
    let mut names = HashMap::new();
    for row in rows {
        let name: Option<String> = sqlx::query_scalar("SELECT name FROM plans WHERE id = $1")
            .bind(&row.plan_id)
            .fetch_optional(&mut *conn)
            .await?;
        names.insert(
            row.plan_id.clone(),
            name.unwrap_or_else(|| "Your plan".to_owned()),
        );
    }
    Ok(names)
}
