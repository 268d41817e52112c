//! A company's part of its payer's sync: what Stripe says becomes pools, and pools become what
//! seats give, in the transaction that writes the subscriptions.

use super::balance;
use super::entitle::{self, By};
use super::pool::{self, PoolRow};
use crate::db::DbError;
use crate::db::dirty::{Class, Lease};
use crate::incidents;
use crate::mail;
use crate::state::AppState;
use crate::sync::truth::Read;
use app::access::{Access, Decision, Reason};
use sqlx::AnyConnection;
use std::collections::{BTreeSet, HashMap};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// The incident of a company that holds more seats than it pays for; its subject is the company.
const OVER: &str = "seats over";

/// A subscription just read, and what it gives.
pub struct Given<'a> {
    pub read: &'a Read,
    pub decided: Access,
}

/// Which plan each subscription of the payer gave when it was last read.
pub async fn plans_before(
    conn: &mut AnyConnection,
    payer_id: &str,
) -> Result<HashMap<String, String>, DbError> {
    let rows: Vec<(String, Option<String>)> =
        sqlx::query_as("SELECT id, plan_id FROM subscriptions WHERE payer_id = $1")
            .bind(payer_id)
            .fetch_all(conn)
            .await?;
    Ok(rows
        .into_iter()
        .filter_map(|(id, plan)| Some((id, plan?)))
        .collect())
}

/// What is read beside it.
pub struct Around<'a> {
    pub company_id: &'a str,
    /// From [`plans_before`].
    pub before: &'a HashMap<String, String>,
    /// Customers Stripe does not know.
    pub unknown_customers: &'a [String],
}

/// Writes what the company pays for, and what its seats give. Answers when to look again.
pub async fn settle(
    state: &AppState,
    conn: &mut AnyConnection,
    lease: &Lease,
    around: &Around<'_>,
    given: &[Given<'_>],
    now: i64,
) -> Result<Option<i64>, DbError> {
    count(conn, lease, given).await?;
    let company = around.company_id;
    let mut plans: BTreeSet<String> =
        sqlx::query_scalar("SELECT plan_id FROM seat_pools WHERE company_id = $1")
            .bind(company)
            .fetch_all(&mut *conn)
            .await?
            .into_iter()
            .collect();
    for one in given {
        if let Some(plan) = &one.read.product_id
            && for_companies(conn, plan).await?
        {
            plans.insert(plan.clone());
        }
    }
    let by = By {
        actor: "stripe",
        class: lease.class,
        trace: &lease.trace,
    };
    // Every pool is as Stripe says before seats move between two of them.
    let mut were = HashMap::new();
    for plan in &plans {
        if let Some(was) = pool::find(conn, company, plan).await? {
            were.insert(plan.clone(), (was.state, was.until_at));
        }
        put(conn, lease, around, given, plan, now).await?;
    }
    follow(conn, around, given, now).await?;
    let mut next: Option<i64> = None;
    let mut over = false;
    for plan in &plans {
        let Some(pool) = pool::lock(conn, company, plan, now).await? else {
            continue;
        };
        let look = one(state, conn, lease, &pool, by, now).await?;
        next = crate::sync::sooner(next, look);
        over |= look.is_some();
        entitle::all(conn, &pool, by, now).await?;
        let is = (pool.state.clone(), pool.until_at);
        if pool.open() && were.get(plan) != Some(&is) {
            mail::seats_paid_until(state, conn, &pool, &lease.trace, now).await?;
        }
    }
    if !over {
        incidents::close(conn, OVER, company, now).await?;
    }
    let expires: Option<i64> = sqlx::query_scalar(
        "SELECT MIN(expires_at) FROM invites WHERE company_id = $1 AND state = 'open'",
    )
    .bind(company)
    .fetch_one(&mut *conn)
    .await?;
    Ok(crate::sync::sooner(next, expires))
}

async fn for_companies(conn: &mut AnyConnection, plan_id: &str) -> Result<bool, DbError> {
    let audience: Option<String> = sqlx::query_scalar("SELECT audience FROM plans WHERE id = $1")
        .bind(plan_id)
        .fetch_optional(conn)
        .await?;
    Ok(audience.as_deref() == Some("company"))
}

/// How many seats each subscription counts for: its quantity while it gives access, as many as
/// before while nobody knows.
async fn count(
    conn: &mut AnyConnection,
    lease: &Lease,
    given: &[Given<'_>],
) -> Result<(), DbError> {
    for one in given {
        let seats = match one.decided.decision {
            Decision::Granted | Decision::Grace { .. } => one.read.quantity.max(0),
            Decision::Denied => 0,
            Decision::Hold => continue,
        };
        sqlx::query("UPDATE subscriptions SET seats = $1 WHERE id = $2 AND seats <> $1")
            .bind(seats)
            .bind(&one.read.id)
            .execute(&mut *conn)
            .await?;
    }
    sqlx::query(
        "UPDATE subscriptions SET seats = 0 WHERE payer_id = $1 AND seats <> 0 \
         AND status IN ('canceled', 'incomplete_expired')",
    )
    .bind(&lease.id)
    .execute(conn)
    .await?;
    Ok(())
}

/// What a plan's subscriptions give together: the best of them.
struct Together {
    state: &'static str,
    reason: Reason,
    until: Option<i64>,
}

fn together(given: &[Given<'_>], plan_id: &str) -> Option<Together> {
    given
        .iter()
        .filter(|one| one.read.product_id.as_deref() == Some(plan_id))
        .map(|one| {
            let (state, rank, until) = match one.decided.decision {
                Decision::Granted if one.decided.reason == Reason::PausedPaidUp => {
                    ("granted", 3, one.decided.look_again)
                }
                Decision::Granted => ("granted", 3, one.read.facts.ends_at()),
                Decision::Grace { until } => ("grace", 2, Some(until)),
                Decision::Hold => ("hold", 1, None),
                Decision::Denied => ("denied", 0, None),
            };
            let together = Together {
                state,
                reason: one.decided.reason,
                until,
            };
            (
                (rank, until.unwrap_or(i64::MAX), one.read.created_at),
                together,
            )
        })
        .max_by_key(|(rank, _)| *rank)
        .map(|(_, together)| together)
}

/// Writes one plan's pool. One that never gave anything is none.
async fn put(
    conn: &mut AnyConnection,
    lease: &Lease,
    around: &Around<'_>,
    given: &[Given<'_>],
    plan_id: &str,
    now: i64,
) -> Result<(), DbError> {
    let (together, proof) = if let Some(together) = together(given, plan_id) {
        (together, "ended")
    } else {
        let left = given
            .iter()
            .any(|one| around.before.get(&one.read.id).map(String::as_str) == Some(plan_id));
        let reason = if left {
            Reason::Replaced
        } else {
            Reason::Ended
        };
        let together = Together {
            state: "denied",
            reason,
            until: None,
        };
        (together, proof(conn, lease, around, plan_id).await?)
    };
    let paid: i64 = sqlx::query_scalar(
        "SELECT CAST(COALESCE(SUM(seats), 0) AS BIGINT) FROM subscriptions WHERE payer_id = $1 AND plan_id = $2",
    )
    .bind(&lease.id)
    .bind(plan_id)
    .fetch_one(&mut *conn)
    .await?;
    let asked: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM changes WHERE payer_id = $1 AND state IN ('asked', 'waiting') \
         AND kind = 'seats' AND quantity < from_quantity LIMIT 1",
    )
    .bind(&lease.id)
    .fetch_optional(&mut *conn)
    .await?;
    let done = sqlx::query(
        "UPDATE seat_pools SET paid = $1, state = $2, reason = $3, until_at = $4, proof = $5, counted_at = $6, \
         ceiling = CASE WHEN $7 = 1 THEN ceiling ELSE NULL END WHERE company_id = $8 AND plan_id = $9",
    )
    .bind(paid)
    .bind(together.state)
    .bind(together.reason.as_str())
    .bind(together.until)
    .bind(proof)
    .bind(now)
    .bind(i64::from(asked.is_some()))
    .bind(around.company_id)
    .bind(plan_id)
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() > 0 || together.state == "denied" {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO seat_pools (company_id, plan_id, paid, state, reason, until_at, proof, counted_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(around.company_id)
    .bind(plan_id)
    .bind(paid)
    .bind(together.state)
    .bind(together.reason.as_str())
    .bind(together.until)
    .bind(proof)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// How it is known that a plan is paid for no more.
async fn proof(
    conn: &mut AnyConnection,
    lease: &Lease,
    around: &Around<'_>,
    plan_id: &str,
) -> Result<&'static str, DbError> {
    let customers: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT customer_id FROM subscriptions WHERE payer_id = $1 AND plan_id = $2",
    )
    .bind(&lease.id)
    .bind(plan_id)
    .fetch_all(conn)
    .await?;
    let missing = customers
        .iter()
        .any(|customer| around.unknown_customers.contains(customer));
    Ok(if missing { "missing" } else { "ended" })
}

/// Seats follow what is paid: a subscription that gives another plan takes them along if nothing
/// else pays for the old one, and so does the first plan that is paid for after the old one ended.
async fn follow(
    conn: &mut AnyConnection,
    around: &Around<'_>,
    given: &[Given<'_>],
    now: i64,
) -> Result<(), DbError> {
    for one in given {
        let (Some(from), Some(to)) = (around.before.get(&one.read.id), &one.read.product_id) else {
            continue;
        };
        if from != to && one.decided.decision != Decision::Denied {
            take_along(conn, around.company_id, (from, to), now).await?;
        }
    }
    let pools: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT seat_pools.plan_id, seat_pools.state, (SELECT COUNT(*) FROM seats \
         WHERE seats.company_id = seat_pools.company_id AND seats.plan_id = seat_pools.plan_id \
         AND seats.state <> 'revoked') FROM seat_pools WHERE seat_pools.company_id = $1 \
         ORDER BY seat_pools.plan_id",
    )
    .bind(around.company_id)
    .fetch_all(&mut *conn)
    .await?;
    let open = |state: &str| matches!(state, "granted" | "grace");
    let fresh = pools
        .iter()
        .find(|(_, state, live)| open(state) && *live == 0);
    let Some((to, _, _)) = fresh else {
        return Ok(());
    };
    let left = |(_, state, live): &&(String, String, i64)| state == "denied" && *live > 0;
    if let Some((from, _, _)) = pools.iter().find(left) {
        take_along(conn, around.company_id, (from, to), now).await?;
    }
    Ok(())
}

/// Moves what is held of one plan to another of the same company, if the first is paid for no more.
async fn take_along(
    conn: &mut AnyConnection,
    company: &str,
    (from, to): (&str, &str),
    now: i64,
) -> Result<(), DbError> {
    let Some(old) = pool::lock(conn, company, from, now).await? else {
        return Ok(());
    };
    if old.paid > 0 || pool::lock(conn, company, to, now).await?.is_none() {
        return Ok(());
    }
    // Who has a seat of the new plan already keeps that one.
    sqlx::query(
        "UPDATE seats SET state = 'revoked', was = CASE WHEN user_id IS NULL THEN 'invited' ELSE 'claimed' END, \
         because = 'moved', changed_at = $1 \
         WHERE company_id = $2 AND plan_id = $3 AND state <> 'revoked' AND \
         (user_id IN (SELECT user_id FROM seats WHERE company_id = $2 AND plan_id = $4 \
         AND state IN ('claimed', 'suspended') AND user_id IS NOT NULL) \
         OR (user_id IS NULL AND email IN (SELECT email FROM seats WHERE company_id = $2 AND plan_id = $4 \
         AND state IN ('invited', 'suspended') AND user_id IS NULL AND email IS NOT NULL)))",
    )
    .bind(now)
    .bind(company)
    .bind(from)
    .bind(to)
    .execute(&mut *conn)
    .await?;
    for statement in [
        "UPDATE seats SET plan_id = $1 WHERE company_id = $2 AND plan_id = $3 AND state <> 'revoked'",
        "UPDATE invites SET plan_id = $1 WHERE company_id = $2 AND plan_id = $3 AND state = 'open'",
    ] {
        sqlx::query(statement)
            .bind(to)
            .bind(company)
            .bind(from)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// Keeps one pool within what is paid. Answers the deadline of one that is over.
async fn one(
    state: &AppState,
    conn: &mut AnyConnection,
    lease: &Lease,
    pool: &PoolRow,
    by: By<'_>,
    now: i64,
) -> Result<Option<i64>, DbError> {
    let held = pool::held(conn, &pool.company_id, &pool.plan_id).await?;
    let excess = held - pool.paid;
    if !pool.open() || excess <= 0 {
        // What gives nothing is not over; what nobody understands stays as it is.
        if pool.state == "hold" {
            return Ok(pool.deadline);
        }
        clear(conn, pool).await?;
        balance::refill(conn, pool, by, now).await?;
        return Ok(None);
    }
    let Some(deadline) = pool.deadline else {
        let deadline = now + i64::from(state.config.seat_overage_days) * DAY_MS;
        sqlx::query(
            "UPDATE seat_pools SET over_since = $1, deadline = $2 WHERE company_id = $3 AND plan_id = $4",
        )
        .bind(now)
        .bind(deadline)
        .bind(&pool.company_id)
        .bind(&pool.plan_id)
        .execute(&mut *conn)
        .await?;
        let detail = format!("{held} seats are held, {} are paid", pool.paid);
        incidents::open(conn, OVER, &pool.company_id, &detail, now).await?;
        mail::seats_over(state, conn, pool, (held, deadline), &lease.trace, now).await?;
        tracing::warn!(company = %pool.company_id, plan = %pool.plan_id, held, paid = pool.paid, trace = %lease.trace, "a company holds more seats than it pays for");
        return Ok(Some(deadline));
    };
    if deadline > now {
        return Ok(Some(deadline));
    }
    let ids = balance::would_make_way(conn, pool, excess).await?;
    let late = By {
        actor: "timer",
        class: Class::Event,
        ..by
    };
    balance::suspend(conn, pool, &ids, late, now).await?;
    clear(conn, pool).await?;
    mail::seats_made_way(state, conn, pool, ids.len(), &lease.trace, now).await?;
    tracing::warn!(company = %pool.company_id, plan = %pool.plan_id, suspended = ids.len(), trace = %lease.trace, "the deadline has come: seats make way");
    Ok(None)
}

async fn clear(conn: &mut AnyConnection, pool: &PoolRow) -> Result<(), DbError> {
    if pool.over_since.is_none() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE seat_pools SET over_since = NULL, deadline = NULL WHERE company_id = $1 AND plan_id = $2",
    )
    .bind(&pool.company_id)
    .bind(&pool.plan_id)
    .execute(conn)
    .await?;
    Ok(())
}
