//! What a company pays, as its admins see it: the same truths as a member's dashboard.

use super::told::of_change;
use crate::billing::{self, PayerRow, SubscriptionRow};
use crate::changes;
use crate::db::DbError;
use crate::state::AppState;
use app::access::{Reason, Status};
use app::changes::{PlanPrice, Situation, rule};
use app::company::{CompanyError, CompanyStanding, Paying};
use app::money::Money;
use app::plans::Interval;
use sqlx::{AnyConnection, FromRow};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What the seats of a plan give.
#[derive(FromRow)]
struct PoolRow {
    plan_id: String,
    state: String,
    reason: String,
    until_at: Option<i64>,
}

pub struct Rows {
    payer: PayerRow,
    has_customer: bool,
    /// Of plans for companies, newest first.
    subscriptions: Vec<SubscriptionRow>,
    pools: Vec<PoolRow>,
    /// A change is asked for, or waits for its payment.
    open_change: bool,
    /// Somebody came back from paying, and Stripe has not confirmed it yet.
    returned: bool,
}

pub async fn rows(
    conn: &mut AnyConnection,
    company_id: &str,
    payer_id: &str,
) -> Result<Rows, DbError> {
    let payer = billing::payer(conn, payer_id).await?;
    let subscriptions = subscriptions(conn, payer_id).await?;
    let pools = sqlx::query_as(
        "SELECT plan_id, state, reason, until_at FROM seat_pools WHERE company_id = $1",
    )
    .bind(company_id)
    .fetch_all(&mut *conn)
    .await?;
    let customers: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM customers WHERE payer_id = $1 AND deleted = 0")
            .bind(payer_id)
            .fetch_one(&mut *conn)
            .await?;
    let returned: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM checkouts WHERE payer_id = $1 AND state = 'returned'",
    )
    .bind(payer_id)
    .fetch_one(&mut *conn)
    .await?;
    Ok(Rows {
        open_change: changes::open_change(conn, payer_id).await?.is_some(),
        payer,
        has_customer: customers > 0,
        subscriptions,
        pools,
        returned: returned > 0,
    })
}

/// Subscriptions of plans for companies, newest first.
pub async fn subscriptions(
    conn: &mut AnyConnection,
    payer_id: &str,
) -> Result<Vec<SubscriptionRow>, DbError> {
    let mut all = billing::subscriptions(conn, payer_id).await?;
    all.retain(|row| row.audience.as_deref() == Some("company"));
    Ok(all)
}

/// The one the pages are about.
pub fn shown(subscriptions: &[SubscriptionRow]) -> Option<&SubscriptionRow> {
    // Newest first, and `min_by_key` keeps the first of equals.
    subscriptions
        .iter()
        .min_by_key(|row| changes::rank(&row.status()))
}

pub async fn paying(state: &AppState, rows: &Rows) -> Result<Paying, DbError> {
    let (card, invoices) = if rows.has_customer {
        (
            billing::payers_card(state, &rows.payer),
            billing::invoices(state, &rows.payer).await?,
        )
    } else {
        (None, None)
    };
    let shown = shown(&rows.subscriptions);
    let pool = shown.and_then(|row| pool_of(rows, row));
    let standing = standing(rows, shown, pool);
    let pending = shown
        .filter(|row| row.pending_until.is_some())
        .and_then(|row| row.pending_quantity.filter(|seats| *seats != row.quantity));
    let owes = matches!(standing, CompanyStanding::PastDue | CompanyStanding::Ended)
        && shown.is_some_and(|row| matches!(row.status(), Status::PastDue | Status::Unpaid));
    Ok(Paying {
        standing,
        seat: shown.and_then(seat),
        seats: shown.map_or(0, |row| row.quantity),
        sum: shown.and_then(|row| {
            let each = row.unit_amount?;
            Some(Money::new(
                each.saturating_mul(row.quantity),
                row.currency.as_deref()?,
            ))
        }),
        renews_at: shown.and_then(|row| renews_at(standing, row)),
        ends_at: shown.and_then(|row| ends_at(state, standing, row, pool)),
        owed: (owes || pending.is_some())
            .then(|| billing::open_invoice(invoices.as_deref()))
            .flatten(),
        pending_seats: pending,
        may_change: may_change(shown, rows.open_change),
        card,
        invoices: invoices.unwrap_or_default(),
    })
}

fn pool_of<'a>(rows: &'a Rows, row: &SubscriptionRow) -> Option<&'a PoolRow> {
    rows.pools
        .iter()
        .find(|pool| Some(&pool.plan_id) == row.plan_id.as_ref())
}

fn standing(
    rows: &Rows,
    shown: Option<&SubscriptionRow>,
    pool: Option<&PoolRow>,
) -> CompanyStanding {
    use CompanyStanding as Is;
    if rows.returned && shown.is_none_or(|row| row.status().is_final()) {
        return Is::Activating;
    }
    let Some(row) = shown else {
        return Is::NotPaid;
    };
    let gives = pool.map(|pool| pool.state.as_str());
    let because = pool.and_then(|pool| Reason::from_word(&pool.reason));
    if gives == Some("denied") && matches!(because, Some(Reason::Disputed | Reason::Refunded)) {
        return Is::Withdrawn;
    }
    match (row.status(), gives) {
        (Status::Unknown(_), _) | (_, Some("hold")) => Is::Unclear,
        (Status::Trialing, _) => Is::Trial,
        (Status::Active, _) if row.collection_paused == 1 => Is::Paused,
        (Status::Active, _) if row.ends_at().is_some() => Is::Ending,
        (Status::Active, _) => Is::Active,
        (Status::PastDue, Some("grace" | "granted")) => Is::PastDue,
        (Status::PastDue | Status::Unpaid | Status::Canceled, _) => Is::Ended,
        (Status::Paused, _) => Is::Paused,
        (Status::Incomplete, _) => Is::Activating,
        (Status::IncompleteExpired, _) => Is::NotPaid,
    }
}

/// The price of one seat.
pub fn seat(row: &SubscriptionRow) -> Option<PlanPrice> {
    Some(PlanPrice {
        price_id: row.price_id.clone()?,
        plan_name: row
            .plan_name
            .clone()
            .unwrap_or_else(|| "Your plan".to_owned()),
        amount: Money::new(row.unit_amount?, row.currency.as_deref()?),
        interval: match row.period.as_deref()? {
            "month" => Interval::Month,
            "year" => Interval::Year,
            _ => return None,
        },
    })
}

fn renews_at(standing: CompanyStanding, row: &SubscriptionRow) -> Option<i64> {
    match standing {
        CompanyStanding::Active => row.period_end,
        CompanyStanding::Trial if row.ends_at().is_none() => row.trial_end.or(row.period_end),
        _ => None,
    }
}

fn ends_at(
    state: &AppState,
    standing: CompanyStanding,
    row: &SubscriptionRow,
    pool: Option<&PoolRow>,
) -> Option<i64> {
    match standing {
        CompanyStanding::PastDue => pool.and_then(|pool| pool.until_at),
        // Without a word of Stripe's it ended when the time to pay was over.
        CompanyStanding::Ended => row.ended_at.or_else(|| {
            let grace = i64::from(state.config.policy.grace_days) * DAY_MS;
            row.unpaid_since.map(|since| since + grace)
        }),
        CompanyStanding::Paused => pool
            .filter(|pool| pool.reason == Reason::PausedPaidUp.as_str())
            .and(row.period_end),
        _ => row.ends_at(),
    }
}

/// Whether the number of seats can be changed now. `open`: a change is not settled.
pub fn may_change(row: Option<&SubscriptionRow>, open: bool) -> Result<(), CompanyError> {
    let row = row.ok_or(CompanyError::NotPaid)?;
    let situation = Situation {
        status: row.status(),
        collection_paused: row.collection_paused == 1,
        ends: row.ends_at().is_some(),
        pending: row.pending_until.is_some() || open,
    };
    match rule::refusal(&situation) {
        Some(refused) => Err(of_change(refused)),
        None if seat(row).is_none() => Err(CompanyError::Unclear),
        None => Ok(()),
    }
}
