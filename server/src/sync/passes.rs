//! Passes: what a customer's one-time payments gave. Read when something hints at them, so that a
//! renewal costs no reading; when each starts and ends is worked out from the rows at every sync.

use super::charges;
use super::payer::SyncError;
use super::write::{self, Entitled, Proof, sooner};
use crate::db::DbError;
use crate::db::dirty::{self, Lease};
use crate::state::AppState;
use crate::stripe::objects::{CheckoutSession, Expandable, PaymentIntent};
use crate::stripe::{StripeError, sessions};
use app::access::{Access, Decision, Facts, PassFacts, PaymentFate, access};
use app::plans::PassLength;
use sqlx::{AnyConnection, FromRow};

/// How often Stripe is asked about a payment that a bank has not confirmed.
const WAITING_MS: i64 = 60 * 60 * 1000;

/// A customer whose sessions are to be read, and the hint this reading will have seen.
pub struct Wanted {
    customer_id: String,
    hinted: i64,
}

/// A hint: something happened to a customer's sessions. One that is not linked yet starts hinted.
pub async fn hint(conn: &mut AnyConnection, customer_id: &str) -> Result<(), DbError> {
    sqlx::query("UPDATE customers SET sessions_hinted = sessions_hinted + 1 WHERE id = $1")
        .bind(customer_id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Whose sessions have to be read now: those hinted at since they were last read, and all of the
/// payer's while a pass may be paid without our hearing of it, waits for its bank, or is about to
/// be ended by time.
pub async fn wanted(
    conn: &mut AnyConnection,
    payer_id: &str,
    now: i64,
) -> Result<Vec<Wanted>, DbError> {
    let open: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM checkouts WHERE payer_id = $1 \
         AND state IN ('opening', 'open', 'returned') AND pass_days IS NOT NULL",
    )
    .bind(payer_id)
    .fetch_one(&mut *conn)
    .await?;
    let unsettled: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM passes LEFT JOIN entitlements ON entitlements.source = 'pass' \
         AND entitlements.source_id = passes.id AND entitlements.state = 'granted' \
         WHERE passes.payer_id = $1 AND (passes.state = 'waiting' \
         OR (passes.ends_at <= $2 AND entitlements.user_id IS NOT NULL))",
    )
    .bind(payer_id)
    .bind(now)
    .fetch_one(&mut *conn)
    .await?;
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT id, sessions_hinted, sessions_read FROM customers \
         WHERE payer_id = $1 AND deleted = 0 ORDER BY created_at, id",
    )
    .bind(payer_id)
    .fetch_all(conn)
    .await?;
    let all = open + unsettled > 0;
    Ok(rows
        .into_iter()
        .filter(|(_, hinted, read)| all || hinted > read)
        .map(|(customer_id, hinted, _)| Wanted {
            customer_id,
            hinted,
        })
        .collect())
}

/// A pass as its session tells it. Times are UTC epoch ms.
struct Bought {
    id: String,
    customer_id: String,
    plan_id: String,
    price_id: Option<String>,
    days: PassLength,
    payment_intent: Option<String>,
    /// `paid`, `waiting`, `failed`
    state: &'static str,
    amount: Option<i64>,
    currency: Option<String>,
    paid_at: i64,
}

/// What one reading of sessions found.
#[derive(Default)]
pub struct Read {
    seen: Vec<Wanted>,
    bought: Vec<Bought>,
}

/// Reads the sessions of the wanted customers, every page; `gone` are those Stripe no longer has.
pub async fn read(
    state: &AppState,
    lease: &Lease,
    wanted: Vec<Wanted>,
    gone: &[String],
) -> Result<Read, SyncError> {
    let mut read = Read::default();
    for customer in wanted {
        if !gone.contains(&customer.customer_id) {
            // The lease has to outlive the reading of them all.
            dirty::renew(&state.db, lease, state.clock.wall_ms()).await?;
            let sessions = match state.stripe.complete_checkouts(&customer.customer_id).await {
                Err(StripeError::Missing) => Vec::new(),
                sessions => sessions?,
            };
            read.bought.extend(
                sessions
                    .iter()
                    .filter_map(|session| bought(&customer.customer_id, session)),
            );
        }
        read.seen.push(customer);
    }
    Ok(read)
}

fn bought(customer_id: &str, session: &CheckoutSession) -> Option<Bought> {
    if session.mode.as_deref() != Some("payment") || session.status.as_deref() != Some("complete") {
        return None;
    }
    let plan_id = session.metadata.get(sessions::PLAN)?;
    let days = session
        .metadata
        .get(sessions::PASS_DAYS)
        .and_then(|days| PassLength::from_word(days));
    let Some(days) = days else {
        tracing::error!(session = %session.id, plan = %plan_id, "a paid session names a plan and no readable rollcall_pass_days; it gives nothing");
        return None;
    };
    let (payment_intent, intent): (Option<&str>, Option<&PaymentIntent>) =
        match session.payment_intent.as_ref() {
            None => (None, None),
            Some(Expandable::Id(id)) => (Some(id), None),
            Some(Expandable::Object(intent)) => (Some(&intent.id), Some(intent)),
        };
    let state = match session.payment_status.as_deref() {
        Some("paid" | "no_payment_required") => "paid",
        // What the bank refuses after days falls back to asking for a way to pay.
        _ if intent.is_some_and(|intent| {
            matches!(
                intent.status.as_str(),
                "requires_payment_method" | "canceled"
            )
        }) =>
        {
            "failed"
        }
        _ => "waiting",
    };
    let charged = intent
        .and_then(|intent| intent.latest_charge.as_ref()?.object())
        .map(|charge| charge.created);
    Some(Bought {
        id: session.id.clone(),
        customer_id: customer_id.to_owned(),
        plan_id: plan_id.clone(),
        price_id: session.metadata.get(sessions::PRICE).cloned(),
        days,
        payment_intent: payment_intent.map(str::to_owned),
        state,
        amount: session.amount_total,
        currency: session.currency.clone(),
        paid_at: charged.unwrap_or(session.created).saturating_mul(1000),
    })
}

/// Writes what was read; the hints that this reading saw are answered by it.
pub async fn write(
    conn: &mut AnyConnection,
    payer_id: &str,
    read: &Read,
    now: i64,
) -> Result<(), DbError> {
    for pass in &read.bought {
        sqlx::query(
            "INSERT INTO passes (id, payer_id, customer_id, plan_id, price_id, days, payment_intent, \
             state, payment, amount, currency, paid_at, starts_at, ends_at, read_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'kept', $9, $10, $11, $11, $12, $13) \
             ON CONFLICT (id) DO UPDATE SET payment_intent = excluded.payment_intent, \
             state = excluded.state, amount = excluded.amount, currency = excluded.currency, \
             paid_at = excluded.paid_at, read_at = excluded.read_at",
        )
        .bind(&pass.id)
        .bind(payer_id)
        .bind(&pass.customer_id)
        .bind(&pass.plan_id)
        .bind(&pass.price_id)
        .bind(pass.days.word())
        .bind(&pass.payment_intent)
        .bind(pass.state)
        .bind(pass.amount)
        .bind(&pass.currency)
        .bind(pass.paid_at)
        .bind(pass.days.end(pass.paid_at))
        .bind(now)
        .execute(&mut *conn)
        .await?;
    }
    for customer in &read.seen {
        sqlx::query("UPDATE customers SET sessions_read = $1 WHERE id = $2")
            .bind(customer.hinted)
            .bind(&customer.customer_id)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

#[derive(FromRow)]
struct Row {
    id: String,
    plan_id: String,
    days: String,
    payment_intent: Option<String>,
    state: String,
    paid_at: i64,
}

fn word(fate: PaymentFate) -> &'static str {
    match fate {
        PaymentFate::Kept => "kept",
        PaymentFate::Disputed => "disputed",
        PaymentFate::Refunded => "refunded",
    }
}

/// Works out when each pass starts and ends, and what it gives. Answers whether that changed, and
/// when to look again. Passes of a plan follow one another in the order they were paid; one whose
/// money went back takes up no time. All of it from what Stripe says and the policy alone.
pub async fn settle(
    state: &AppState,
    conn: &mut AnyConnection,
    lease: &Lease,
    user_id: Option<&str>,
    now: i64,
) -> Result<(bool, Option<i64>), DbError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, plan_id, days, payment_intent, state, paid_at FROM passes \
         WHERE payer_id = $1 ORDER BY plan_id, paid_at, id",
    )
    .bind(&lease.id)
    .fetch_all(&mut *conn)
    .await?;
    let (mut changed, mut next) = (false, None);
    let mut taken: (&str, Option<i64>) = ("", Some(i64::MIN));
    for row in &rows {
        if taken.0 != row.plan_id {
            taken = (&row.plan_id, Some(i64::MIN));
        }
        let length = PassLength::from_word(&row.days)
            .ok_or_else(|| DbError::Impossible(format!("passes.days {}", row.days)))?;
        // Behind a pass for life nothing is left to add: it starts when it was paid.
        let starts_at = row.paid_at.max(taken.1.unwrap_or(row.paid_at));
        let ends_at = length.end(starts_at);
        let payment = match &row.payment_intent {
            Some(intent) => charges::fate_of_intent(conn, intent).await?,
            None => PaymentFate::Kept,
        };
        let facts = PassFacts {
            paid: row.state == "paid",
            ends_at,
            payment,
        };
        // At its start it counts for the chain if its money stayed; time is judged below.
        if counts(state, &facts, starts_at) {
            taken.1 = ends_at;
        }
        sqlx::query("UPDATE passes SET payment = $1, starts_at = $2, ends_at = $3 WHERE id = $4")
            .bind(word(payment))
            .bind(starts_at)
            .bind(ends_at)
            .bind(&row.id)
            .execute(&mut *conn)
            .await?;
        let decided = access(&Facts::Pass(facts), state.config.policy, now);
        next = sooner(next, look_again(&row.state, decided, now));
        if let Some(user_id) = user_id {
            changed |= entitle(conn, user_id, row, ends_at, decided, lease, now).await?;
        }
    }
    Ok((changed, next))
}

fn counts(state: &AppState, facts: &PassFacts, at: i64) -> bool {
    access(&Facts::Pass(facts.clone()), state.config.policy, at).decision == Decision::Granted
}

fn look_again(state: &str, decided: Access, now: i64) -> Option<i64> {
    if state == "waiting" {
        return Some(now + WAITING_MS);
    }
    decided.look_again
}

async fn entitle(
    conn: &mut AnyConnection,
    user_id: &str,
    row: &Row,
    ends_at: Option<i64>,
    decided: Access,
    lease: &Lease,
    now: i64,
) -> Result<bool, DbError> {
    let audience: Option<String> = sqlx::query_scalar("SELECT audience FROM plans WHERE id = $1")
        .bind(&row.plan_id)
        .fetch_optional(&mut *conn)
        .await?;
    if audience.as_deref() != Some("individual") {
        return Ok(false);
    }
    let (state, until) = match decided.decision {
        Decision::Granted => ("granted", ends_at),
        Decision::Grace { until } => ("grace", Some(until)),
        Decision::Denied => ("denied", None),
        Decision::Hold => ("hold", None),
    };
    let entitled = Entitled {
        user_id,
        plan_id: &row.plan_id,
        source: "pass",
        source_id: &row.id,
        state,
        reason: decided.reason,
        until,
        proof: Proof::Read,
    };
    write::put(conn, &entitled, lease, now).await
}
