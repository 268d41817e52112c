//! The writing transaction of a payer's sync: subscriptions, entitlements, dirty users, audit.

pub(super) use super::entitle::{Entitled, Proof, put};
use super::payer::{Found, SyncError};
use super::truth::{Read, Truth};
use super::{charges, checkouts, hold, missing, passes, payers, unheard, watch};
use crate::changes;
use crate::db::DbError;
use crate::db::dirty::{self, Lease, SubjectKind};
use crate::mail;
use crate::seats;
use crate::state::AppState;
use app::access::{Access, Decision, Facts, Reason, access};
use secrecy::SecretString;
use sqlx::AnyConnection;
use std::collections::HashMap;

/// Renewals: Stripe keeps the invoice a draft for about an hour.
const AFTER_RENEWAL_MS: i64 = 2 * 60 * 60 * 1000;
const RENEWAL_JITTER_MS: i64 = 60 * 60 * 1000;
/// Never look again sooner: what should have changed by time and has not is asked at this pace.
const SOONEST_MS: i64 = 10 * 60 * 1000;
/// What is not understood is asked again at this pace: a newer server may understand it.
const HELD_MS: i64 = 24 * 60 * 60 * 1000;

/// Writes what was read and gives the lease back. Answers whether a user was marked.
pub async fn payer(state: &AppState, lease: &Lease, found: Found) -> Result<bool, SyncError> {
    let Found {
        mut truth,
        passes,
        charges: moved_back,
    } = found;
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    let user = payers::user_of(&mut tx, &lease.id).await?;
    let company = payers::company_of(&mut tx, &lease.id).await?;
    let plans_before = match &company {
        Some(_) => seats::plans_before(&mut tx, &lease.id).await?,
        None => HashMap::new(),
    };
    let mut given = Vec::new();
    let before = mail::before(state, &mut tx, user.as_deref()).await?;
    let unknown = missing::customers(&mut tx, lease, &truth, now).await?;
    hold::read_again(&mut tx, &lease.id, now).await?;
    settle_payments(&mut tx, &lease.id, &mut truth).await?;
    let truth = &truth;
    let mut next: Option<i64> = unknown;
    let mut changed = false;
    for read in &truth.subscriptions {
        subscription(&mut tx, &lease.id, read, now).await?;
        let planned = changes::keep_planned(&mut tx, &read.id, &read.planned).await?;
        // What is over keeps its plans, and their moments are past.
        if !read.facts.status.is_final() {
            next = sooner(next, planned.map(|at| not_past(at, now)));
        }
        let decided = access(
            &Facts::Subscription(read.facts.clone()),
            state.config.policy,
            now,
        );
        watch::subscription(&mut tx, read, decided, now).await?;
        let ends_at = read.facts.ends_at();
        next = sooner(next, look_again(state, decided, ends_at, now));
        if let Some(user) = &user {
            changed |= entitle(&mut tx, user, read, decided, lease, now).await?;
        }
        given.push(seats::Given { read, decided });
    }
    end_missing(&mut tx, &lease.id, truth, now).await?;
    passes::write(&mut tx, &lease.id, &passes, now).await?;
    unheard::write(&mut tx, lease, &moved_back, now).await?;
    let (by_pass, look) = passes::settle(state, &mut tx, lease, user.as_deref(), now).await?;
    changed |= by_pass;
    next = sooner(next, look);
    if let Some(user) = &user {
        changed |= deny_missing(&mut tx, user, truth, lease, now).await?;
        if changed {
            dirty::mark(
                &mut tx,
                SubjectKind::User,
                user,
                now,
                lease.class,
                &lease.trace,
            )
            .await?;
        }
    }
    card(state, &mut tx, lease, truth, now).await?;
    next = sooner(next, checkouts::settle(&mut tx, lease, truth, now).await?);
    next = sooner(next, changes::settle(&mut tx, lease, truth, now).await?);
    if let Some(company_id) = &company {
        let around = seats::Around {
            company_id,
            before: &plans_before,
            unknown_customers: &truth.unknown_customers,
        };
        let look = seats::settle(state, &mut tx, lease, &around, &given, now).await?;
        next = sooner(next, look.map(|at| not_past(at, now)));
        // Whom it marked is known to the rows alone.
        changed = true;
    }
    let card = truth.card.as_ref();
    let look = mail::caused(state, &mut tx, lease, user.as_deref(), before, card).await?;
    next = sooner(next, look);
    dirty::finish(&mut tx, lease, next, now).await?;
    tx.commit().await?;
    tracing::info!(payer = %lease.id, trace = %lease.trace, subscriptions = truth.subscriptions.len(), changed, "payer synced");
    Ok(changed)
}

/// What became of the payments is in our rows: a sync of the charge wrote it and marked the payer.
async fn settle_payments(
    conn: &mut AnyConnection,
    payer_id: &str,
    truth: &mut Truth,
) -> Result<(), DbError> {
    let moved_back = charges::of_payer(conn, payer_id).await?;
    for read in &mut truth.subscriptions {
        let facts = &mut read.facts;
        facts.payment = charges::fate(&moved_back, &read.id, facts.period_start, facts.period_end);
    }
    Ok(())
}

pub(crate) fn sooner(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// When time alone could change the answer, on the policy clock.
///
/// A renewal is given time to be made and paid; a planned end is none.
fn look_again(state: &AppState, decided: Access, ends_at: Option<i64>, now: i64) -> Option<i64> {
    if decided.decision == Decision::Hold {
        return Some(now + HELD_MS);
    }
    let at = decided.look_again?;
    let at = match decided.reason {
        Reason::Paid | Reason::Trial if ends_at != Some(at) => {
            at + AFTER_RENEWAL_MS + state.rng.below(RENEWAL_JITTER_MS)
        }
        _ => at,
    };
    Some(not_past(at, now))
}

/// A moment that is over is asked about at a calm pace.
fn not_past(at: i64, now: i64) -> i64 {
    if at <= now { now + SOONEST_MS } else { at }
}

async fn subscription(
    conn: &mut AnyConnection,
    payer_id: &str,
    read: &Read,
    now: i64,
) -> Result<(), DbError> {
    let facts = &read.facts;
    sqlx::query(
        "INSERT INTO subscriptions (id, payer_id, customer_id, plan_id, price_id, status, quantity, \
         unit_amount, currency, period, period_start, period_end, cancel_at, cancel_at_period_end, \
         ended_at, trial_end, collection_paused, unpaid_since, created_at, read_at, payment, invoice_problem, \
         paused_because) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23) \
         ON CONFLICT (id) DO UPDATE SET customer_id = excluded.customer_id, plan_id = excluded.plan_id, \
         price_id = excluded.price_id, status = excluded.status, quantity = excluded.quantity, \
         unit_amount = excluded.unit_amount, currency = excluded.currency, period = excluded.period, \
         period_start = excluded.period_start, period_end = excluded.period_end, \
         cancel_at = excluded.cancel_at, cancel_at_period_end = excluded.cancel_at_period_end, \
         ended_at = excluded.ended_at, trial_end = excluded.trial_end, \
         collection_paused = excluded.collection_paused, unpaid_since = excluded.unpaid_since, \
         read_at = excluded.read_at, payment = excluded.payment, \
         invoice_problem = excluded.invoice_problem, paused_because = excluded.paused_because",
    )
    .bind(&read.id)
    .bind(payer_id)
    .bind(&read.customer_id)
    .bind(&read.product_id)
    .bind(&read.price_id)
    .bind(facts.status.as_str())
    .bind(read.quantity)
    .bind(read.unit_amount)
    .bind(&read.currency)
    .bind(&read.period)
    .bind(facts.period_start)
    .bind(facts.period_end)
    .bind(facts.cancel_at)
    .bind(i64::from(facts.cancel_at_period_end))
    .bind(read.ended_at)
    .bind(facts.trial_end)
    .bind(i64::from(facts.collection_paused))
    .bind(facts.unpaid_since)
    .bind(read.created_at)
    .bind(now)
    .bind(facts.payment.as_str())
    .bind(&read.invoice_problem)
    .bind(&read.paused_because)
    .execute(conn)
    .await?;
    Ok(())
}

/// Subscriptions Stripe no longer lists went with their customer.
async fn end_missing(
    conn: &mut AnyConnection,
    payer_id: &str,
    truth: &Truth,
    now: i64,
) -> Result<(), DbError> {
    let known: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM subscriptions WHERE payer_id = $1 \
         AND status NOT IN ('canceled', 'incomplete_expired')",
    )
    .bind(payer_id)
    .fetch_all(&mut *conn)
    .await?;
    for id in known {
        if truth.subscriptions.iter().all(|read| read.id != id) {
            // What never began has not been a membership that ended.
            sqlx::query(
                "UPDATE subscriptions SET ended_at = $1, read_at = $1, status = \
                 CASE WHEN status = 'incomplete' THEN 'incomplete_expired' ELSE 'canceled' END \
                 WHERE id = $2",
            )
            .bind(now)
            .bind(&id)
            .execute(&mut *conn)
            .await?;
        }
    }
    Ok(())
}

/// Writes the entitlement of one subscription, if its product is a plan of ours for people.
/// Answers whether what it gives changed.
async fn entitle(
    conn: &mut AnyConnection,
    user_id: &str,
    read: &Read,
    decided: Access,
    lease: &Lease,
    now: i64,
) -> Result<bool, DbError> {
    let Some(product_id) = &read.product_id else {
        return Ok(false);
    };
    let audience: Option<String> = sqlx::query_scalar("SELECT audience FROM plans WHERE id = $1")
        .bind(product_id)
        .fetch_optional(&mut *conn)
        .await?;
    if audience.as_deref() != Some("individual") {
        return Ok(false);
    }
    let (state, until) = match decided.decision {
        // Time ends what is planned to end, and what is paused once its paid period is over.
        Decision::Granted if decided.reason == Reason::PausedPaidUp => {
            ("granted", decided.look_again)
        }
        Decision::Granted => ("granted", read.facts.ends_at()),
        Decision::Grace { until } => ("grace", Some(until)),
        Decision::Denied => ("denied", None),
        Decision::Hold => ("hold", None),
    };
    let entitled = Entitled {
        user_id,
        plan_id: product_id,
        source: "subscription",
        source_id: &read.id,
        state,
        reason: decided.reason,
        until,
        proof: Proof::Read,
    };
    put(conn, &entitled, lease, now).await
}

/// What rests on a subscription that is gone, or that gives another plan now, is denied.
async fn deny_missing(
    conn: &mut AnyConnection,
    user_id: &str,
    truth: &Truth,
    lease: &Lease,
    now: i64,
) -> Result<bool, DbError> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT entitlements.plan_id, entitlements.source_id, subscriptions.customer_id \
         FROM entitlements \
         JOIN subscriptions ON subscriptions.id = entitlements.source_id \
         WHERE entitlements.user_id = $1 AND entitlements.source = 'subscription' \
         AND entitlements.state <> 'denied' AND subscriptions.payer_id = $2",
    )
    .bind(user_id)
    .bind(&lease.id)
    .fetch_all(&mut *conn)
    .await?;
    let mut changed = false;
    for (plan_id, source_id, customer_id) in rows {
        let read = truth.subscriptions.iter().find(|read| read.id == source_id);
        let reason = match read {
            Some(read) if read.product_id.as_deref() == Some(&plan_id) => continue,
            Some(_) => Reason::Replaced,
            None => Reason::Ended,
        };
        let entitled = Entitled {
            user_id,
            plan_id: &plan_id,
            source: "subscription",
            source_id: &source_id,
            state: "denied",
            reason,
            until: None,
            proof: if truth.unknown_customers.contains(&customer_id) {
                Proof::Missing
            } else {
                Proof::Read
            },
        };
        changed |= put(conn, &entitled, lease, now).await?;
    }
    Ok(changed)
}

async fn card(
    state: &AppState,
    conn: &mut AnyConnection,
    lease: &Lease,
    truth: &Truth,
    now: i64,
) -> Result<(), SyncError> {
    let sealed = match &truth.card {
        None => None,
        Some(card) => {
            let plain = serde_json::json!({
                "brand": card.brand, "last4": card.last4,
                "exp_month": card.exp_month, "exp_year": card.exp_year,
            });
            let place = format!("payers/{}/card", lease.id);
            Some(
                state
                    .seal
                    .seal(&place, &SecretString::from(plain.to_string()))?,
            )
        }
    };
    sqlx::query("UPDATE payers SET card_sealed = CASE WHEN erased_at IS NULL THEN $1 END, read_at = $2 WHERE id = $3")
        .bind(sealed)
        .bind(now)
        .bind(&lease.id)
        .execute(conn)
        .await?;
    Ok(())
}
