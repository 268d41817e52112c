//! A seat as its holder sees it.

use crate::db::DbError;
use app::company::{HeldSeat, SeatGives};
use sqlx::{AnyConnection, FromRow};

#[derive(FromRow)]
struct Row {
    id: String,
    company_id: String,
    company: String,
    plan: Option<String>,
    state: String,
    since: i64,
    pool: Option<String>,
    until_at: Option<i64>,
}

/// The seats somebody holds, those that give something first; of one company alone, if it is named.
pub async fn of(
    conn: &mut AnyConnection,
    user_id: &str,
    company_id: Option<&str>,
) -> Result<Vec<HeldSeat>, DbError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT seats.id, seats.company_id, companies.name AS company, plans.name AS plan, seats.state, \
         COALESCE(seats.claimed_at, seats.created_at) AS since, seat_pools.state AS pool, \
         seat_pools.until_at FROM seats \
         JOIN companies ON companies.id = seats.company_id \
         LEFT JOIN plans ON plans.id = seats.plan_id \
         LEFT JOIN seat_pools ON seat_pools.company_id = seats.company_id \
         AND seat_pools.plan_id = seats.plan_id \
         WHERE seats.user_id = $1 AND seats.state IN ('claimed', 'suspended') \
         ORDER BY seats.state, seats.claimed_at, seats.id",
    )
    .bind(user_id)
    .fetch_all(&mut *conn)
    .await?;
    let mut held = Vec::new();
    for row in rows {
        if company_id.is_some_and(|only| only != row.company_id) {
            continue;
        }
        held.push(HeldSeat {
            gives: gives(&row),
            ask: ask(conn, &row.company_id).await?,
            own_runs: own_runs(conn, user_id).await?,
            seat_id: row.id,
            company_id: row.company_id,
            company: row.company,
            plan: row.plan.unwrap_or_else(|| "Your plan".to_owned()),
            since: row.since,
        });
    }
    Ok(held)
}

fn gives(row: &Row) -> SeatGives {
    if row.state == "suspended" {
        return SeatGives::Suspended;
    }
    match (row.pool.as_deref(), row.until_at) {
        (Some("granted"), None) => SeatGives::Access,
        (Some("granted"), Some(at)) => SeatGives::Until {
            at,
            payment_missing: false,
        },
        (Some("grace"), Some(at)) => SeatGives::Until {
            at,
            payment_missing: true,
        },
        (Some("grace" | "hold"), _) => SeatGives::Unclear,
        _ => SeatGives::Lapsed,
    }
}

/// Names of whom to ask, owners first.
async fn ask(conn: &mut AnyConnection, company_id: &str) -> Result<Vec<String>, DbError> {
    Ok(sqlx::query_scalar(
        "SELECT users.name FROM company_people JOIN users ON users.id = company_people.user_id \
         WHERE company_people.company_id = $1 \
         ORDER BY CASE company_people.role WHEN 'owner' THEN 0 ELSE 1 END, company_people.since, users.id",
    )
    .bind(company_id)
    .fetch_all(conn)
    .await?)
}

/// Whether somebody has a subscription of their own that goes on by itself.
async fn own_runs(conn: &mut AnyConnection, user_id: &str) -> Result<bool, DbError> {
    let running: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM payers JOIN subscriptions ON subscriptions.payer_id = payers.id \
         WHERE payers.user_id = $1 AND subscriptions.status IN ('active', 'trialing', 'past_due') \
         AND subscriptions.cancel_at IS NULL AND subscriptions.cancel_at_period_end = 0",
    )
    .bind(user_id)
    .fetch_one(conn)
    .await?;
    Ok(running > 0)
}
