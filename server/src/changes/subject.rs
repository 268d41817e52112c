//! The subscription a change is about.

use super::{Failure, Planned};
use crate::db::DbError;
use crate::db::dirty::{self, Lease};
use crate::guards::LimitKind;
use crate::state::AppState;
use crate::sync::truth::{self, Read, Truth};
use crate::sync::{payers, sync_payer};
use app::access::Status;
use app::changes::{ChangeError, PlanPrice, Scheduled, Situation};
use app::money::Money;
use app::plans::Interval;
use sqlx::{AnyConnection, FromRow};

/// Which of several subscriptions the pages are about: the lowest first, newest of equals.
#[must_use]
pub fn rank(status: &Status) -> u8 {
    match status {
        Status::Active | Status::Trialing => 0,
        Status::PastDue => 1,
        Status::Unknown(_) => 2,
        Status::Paused | Status::Unpaid => 3,
        Status::Incomplete => 4,
        Status::Canceled => 5,
        Status::IncompleteExpired => 6,
    }
}

#[derive(FromRow)]
struct Row {
    id: String,
    plan_name: Option<String>,
    price_id: Option<String>,
    status: String,
    quantity: i64,
    unit_amount: Option<i64>,
    currency: Option<String>,
    period: Option<String>,
    period_end: Option<i64>,
    trial_end: Option<i64>,
    cancel_at: Option<i64>,
    cancel_at_period_end: i64,
    collection_paused: i64,
    item_id: Option<String>,
    next_price_id: Option<String>,
    next_at: Option<i64>,
    pending_until: Option<i64>,
}

/// A subscription as our rows have it, for pages that show before anything is asked.
pub struct Held {
    pub payer_id: String,
    pub id: String,
    pub price: PlanPrice,
    pub quantity: i64,
    pub status: Status,
    pub period_end: Option<i64>,
    pub trial_end: Option<i64>,
    pub collection_paused: bool,
    pub ends: bool,
    pub item_id: Option<String>,
    pub scheduled: Option<Scheduled>,
    pub pending: bool,
}

impl Held {
    pub fn trialing(&self) -> bool {
        self.status == Status::Trialing
    }

    pub fn situation(&self) -> Situation {
        Situation {
            status: self.status.clone(),
            collection_paused: self.collection_paused,
            ends: self.ends,
            pending: self.pending,
        }
    }
}

pub fn interval(word: Option<&str>) -> Option<Interval> {
    match word? {
        "month" => Some(Interval::Month),
        "year" => Some(Interval::Year),
        _ => None,
    }
}

/// The subscription the pages are about.
pub async fn held(state: &AppState, user_id: &str) -> Result<Held, Failure> {
    let first = from_rows(state, user_id).await?;
    if first.item_id.is_some() || first.status.is_final() {
        return Ok(first);
    }
    // Last read before its item was kept.
    let lease = lease(state, &first.payer_id).await?;
    let synced = sync_payer(state, &lease).await;
    give_back(state, &lease).await;
    synced?;
    from_rows(state, user_id).await
}

async fn from_rows(state: &AppState, user_id: &str) -> Result<Held, Failure> {
    let mut conn = state.db.reader().acquire().await?;
    let payer_id = payers::find_of_user(&mut conn, user_id)
        .await?
        .ok_or(ChangeError::NoMembership)?;
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT subscriptions.id, plans.name AS plan_name, subscriptions.price_id, subscriptions.status, \
         subscriptions.quantity, subscriptions.unit_amount, subscriptions.currency, subscriptions.period, \
         subscriptions.period_end, subscriptions.trial_end, subscriptions.cancel_at, \
         subscriptions.cancel_at_period_end, subscriptions.collection_paused, subscriptions.item_id, \
         subscriptions.next_price_id, subscriptions.next_at, subscriptions.pending_until \
         FROM subscriptions LEFT JOIN plans ON plans.id = subscriptions.plan_id \
         WHERE subscriptions.payer_id = $1 ORDER BY subscriptions.created_at DESC",
    )
    .bind(&payer_id)
    .fetch_all(&mut *conn)
    .await?;
    let row = rows
        .into_iter()
        .min_by_key(|row| rank(&Status::from_stripe(&row.status)))
        .ok_or(ChangeError::NoMembership)?;
    let pending = row.pending_until.is_some() || open_change(&mut conn, &payer_id).await?.is_some();
    let (Some(price_id), Some(unit_amount), Some(currency), Some(every)) = (
        row.price_id,
        row.unit_amount,
        row.currency,
        interval(row.period.as_deref()),
    ) else {
        // Not one of the prices that are sold here: nothing can be said of a change.
        return Err(ChangeError::Unclear.into());
    };
    let scheduled = scheduled(&mut conn, &row.id, row.next_price_id, row.next_at).await?;
    Ok(Held {
        payer_id,
        price: PlanPrice {
            price_id,
            plan_name: row.plan_name.unwrap_or_else(|| "Your plan".to_owned()),
            amount: Money::new(unit_amount, &currency),
            interval: every,
        },
        quantity: row.quantity,
        status: Status::from_stripe(&row.status),
        period_end: row.period_end,
        trial_end: row.trial_end,
        collection_paused: row.collection_paused == 1,
        ends: row.cancel_at.is_some() || row.cancel_at_period_end == 1,
        item_id: row.item_id,
        id: row.id,
        scheduled,
        pending,
    })
}

/// What a schedule leads to, in the page's words.
pub async fn scheduled(
    conn: &mut AnyConnection,
    subscription_id: &str,
    next_price_id: Option<String>,
    next_at: Option<i64>,
) -> Result<Option<Scheduled>, DbError> {
    let (Some(price_id), Some(at)) = (next_price_id, next_at) else {
        return Ok(None);
    };
    Ok(price(conn, &price_id).await?.map(|to| Scheduled {
        subscription_id: subscription_id.to_owned(),
        to,
        at,
    }))
}

/// A price we know, on offer or not.
pub async fn price(conn: &mut AnyConnection, id: &str) -> Result<Option<PlanPrice>, DbError> {
    let row: Option<(String, String, i64, String)> = sqlx::query_as(
        "SELECT plans.name, prices.currency, prices.unit_amount, prices.period FROM prices \
         JOIN plans ON plans.id = prices.plan_id WHERE prices.id = $1",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(row.and_then(|(plan_name, currency, minor, period)| {
        Some(PlanPrice {
            price_id: id.to_owned(),
            plan_name,
            amount: Money::new(minor, &currency),
            interval: interval(Some(&period))?,
        })
    }))
}

/// The change of a payer that is asked for and not known, or that waits for its payment.
pub async fn open_change(
    conn: &mut AnyConnection,
    payer_id: &str,
) -> Result<Option<String>, DbError> {
    Ok(sqlx::query_scalar(
        "SELECT id FROM changes WHERE payer_id = $1 AND state IN ('asked', 'waiting') ORDER BY created_at LIMIT 1",
    )
    .bind(payer_id)
    .fetch_optional(conn)
    .await?)
}

/// The lease of whoever asks for a change, unless they asked for too many.
pub async fn begin(state: &AppState, user_id: &str) -> Result<Lease, Failure> {
    state
        .limits
        .check(LimitKind::ChangeUser, user_id, state.clock.wall_ms())
        .map_err(|_| ChangeError::TooMany)?;
    let payer_id = {
        let mut conn = state.db.reader().acquire().await?;
        payers::find_of_user(&mut conn, user_id).await?
    };
    lease(state, &payer_id.ok_or(ChangeError::NoMembership)?).await
}

async fn lease(state: &AppState, payer_id: &str) -> Result<Lease, Failure> {
    Ok(crate::patience::lease::take(state, payer_id).await?)
}

pub async fn give_back(state: &AppState, lease: &Lease) {
    crate::patience::lease::give_back(state, lease).await;
}

/// Stripe's truth of the payer, read under the lease and not written yet.
pub async fn fresh(state: &AppState, lease: &Lease) -> Result<Truth, Failure> {
    let customers = {
        let mut conn = state.db.reader().acquire().await?;
        payers::customers(&mut conn, &lease.id).await?
    };
    let truth = truth::read(state, lease, &customers).await?;
    dirty::renew(&state.db, lease, state.clock.wall_ms()).await?;
    Ok(truth)
}

/// The payer's own subscription of that id; a foreign one is not there.
pub fn own<'a>(truth: &'a Truth, subscription_id: &str) -> Option<&'a Read> {
    truth
        .subscriptions
        .iter()
        .find(|read| read.id == subscription_id)
}

/// How a subscription stands in the truth just read. `open`: a change of ours is not settled.
pub fn situation(read: &Read, open: bool) -> Situation {
    let planned: &Planned = &read.planned;
    Situation {
        status: read.facts.status.clone(),
        collection_paused: read.facts.collection_paused,
        ends: read.facts.ends_at().is_some(),
        pending: open || planned.pending_until.is_some(),
    }
}
