//! The rows a dashboard is made of.

use super::passes::PassRow;
use crate::changes::NO_CARD;
use crate::db::DbError;
use app::access::Status;
use app::changes::PlanPrice;
use sqlx::{AnyConnection, FromRow};
use std::collections::HashMap;

#[derive(FromRow)]
pub struct PayerRow {
    pub id: String,
    pub read_at: Option<i64>,
    pub card_sealed: Option<String>,
    pub invoices_sealed: Option<String>,
    pub invoices_read_at: Option<i64>,
}

#[derive(FromRow)]
pub struct SubscriptionRow {
    pub id: String,
    pub plan_id: Option<String>,
    pub plan_name: Option<String>,
    /// Whom its plan is for.
    pub audience: Option<String>,
    pub price_id: Option<String>,
    /// Stripe's item of it; none of one that was last read before it was kept.
    pub item_id: Option<String>,
    pub status: String,
    pub quantity: i64,
    pub unit_amount: Option<i64>,
    pub currency: Option<String>,
    pub period: Option<String>,
    pub period_end: Option<i64>,
    pub cancel_at: Option<i64>,
    pub cancel_at_period_end: i64,
    pub ended_at: Option<i64>,
    pub trial_end: Option<i64>,
    pub collection_paused: i64,
    /// What became of the payment for the current period: `kept`, `disputed`, `refunded`.
    pub payment: String,
    pub invoice_problem: Option<String>,
    pub next_price_id: Option<String>,
    pub next_at: Option<i64>,
    pub pending_price_id: Option<String>,
    pub pending_quantity: Option<i64>,
    pub pending_until: Option<i64>,
    pub unpaid_since: Option<i64>,
    pub resumes_at: Option<i64>,
    pub paused_because: Option<String>,
    pub read_at: i64,
}

impl SubscriptionRow {
    pub fn status(&self) -> Status {
        Status::from_stripe(&self.status)
    }

    /// Stripe paused it when its trial ended without a card.
    pub fn trial_over(&self) -> bool {
        self.status() == Status::Paused && self.paused_because.as_deref() == Some(NO_CARD)
    }

    pub fn ends_at(&self) -> Option<i64> {
        self.cancel_at.or(if self.cancel_at_period_end == 1 {
            self.period_end
        } else {
            None
        })
    }
}

#[derive(FromRow)]
pub struct EntitlementRow {
    pub plan_name: Option<String>,
    pub plan_id: String,
    pub source_id: String,
    pub state: String,
    pub reason: String,
    pub until_at: Option<i64>,
    pub changed_at: i64,
}

#[derive(FromRow)]
pub struct GrantRow {
    pub role_id: String,
    pub role_name: Option<String>,
    pub state: Option<String>,
    pub code: Option<i64>,
    pub detail: Option<String>,
    pub answered_at: Option<i64>,
    /// What a held one is held from: `give` or `take`.
    pub held_act: Option<String>,
}

#[derive(FromRow)]
pub struct ChangeRow {
    pub kind: String,
    pub from_price_id: Option<String>,
    pub price_id: Option<String>,
    pub state: String,
    pub reason: Option<String>,
    pub settled_at: Option<i64>,
}

#[derive(FromRow)]
pub struct UserRow {
    pub in_guild: Option<i64>,
    pub left_at: Option<i64>,
    pub banned: i64,
    pub has_token: i64,
}

/// A seat at a company.
#[derive(FromRow)]
pub struct SeatRow {
    pub id: String,
    pub company: String,
    pub plan_name: Option<String>,
    pub state: String,
    /// How many the company pays for.
    pub paid: Option<i64>,
    pub changed_at: i64,
}

pub struct Rows {
    pub user: UserRow,
    /// The person came back from paying, and Stripe has not confirmed it yet.
    pub returned: bool,
    pub payer: Option<PayerRow>,
    pub has_customer: bool,
    pub subscriptions: Vec<SubscriptionRow>,
    /// Newest first.
    pub passes: Vec<PassRow>,
    /// Newest first.
    pub seats: Vec<SeatRow>,
    pub entitlements: Vec<EntitlementRow>,
    pub grants: Vec<GrantRow>,
    /// The newest change that was asked for.
    pub change: Option<ChangeRow>,
    /// Prices of changes, by their ids.
    pub prices: HashMap<String, PlanPrice>,
}

impl Rows {
    /// The state of what that seat gives.
    pub fn given_by(&self, seat: &SeatRow) -> Option<&str> {
        let given = self
            .entitlements
            .iter()
            .find(|row| row.source_id == seat.id);
        given.map(|row| row.state.as_str())
    }

    pub fn is_of_a_seat(&self, entitlement: &EntitlementRow) -> bool {
        self.seats
            .iter()
            .any(|seat| seat.id == entitlement.source_id)
    }
}

pub async fn read(conn: &mut AnyConnection, user_id: &str) -> Result<Rows, DbError> {
    let user = sqlx::query_as(
        "SELECT in_guild, left_at, banned, CAST((SELECT COUNT(*) FROM join_tokens WHERE user_id = users.id) AS BIGINT) AS has_token \
         FROM users WHERE id = $1",
    )
    .bind(user_id)
    .fetch_one(&mut *conn)
    .await?;
    let payer: Option<PayerRow> = sqlx::query_as(
        "SELECT id, read_at, card_sealed, invoices_sealed, invoices_read_at FROM payers WHERE user_id = $1",
    )
    .bind(user_id)
    .fetch_optional(&mut *conn)
    .await?;
    let mut subscriptions = Vec::new();
    let mut passes = Vec::new();
    let mut customers = 0_i64;
    let mut returned = 0_i64;
    if let Some(payer) = &payer {
        subscriptions = self::subscriptions(conn, &payer.id).await?;
        passes = sqlx::query_as(
            "SELECT passes.id, passes.plan_id, plans.name AS plan_name, passes.state, passes.amount, \
             passes.currency, passes.starts_at, passes.ends_at, passes.read_at \
             FROM passes LEFT JOIN plans ON plans.id = passes.plan_id \
             WHERE passes.payer_id = $1 ORDER BY passes.starts_at DESC, passes.id DESC",
        )
        .bind(&payer.id)
        .fetch_all(&mut *conn)
        .await?;
        customers = sqlx::query_scalar(
            "SELECT COUNT(*) FROM customers WHERE payer_id = $1 AND deleted = 0",
        )
        .bind(&payer.id)
        .fetch_one(&mut *conn)
        .await?;
    }
    if let Some(payer) = &payer {
        returned = sqlx::query_scalar(
            "SELECT COUNT(*) FROM checkouts WHERE payer_id = $1 AND state = 'returned'",
        )
        .bind(&payer.id)
        .fetch_one(&mut *conn)
        .await?;
    }
    let entitlements = sqlx::query_as(
        "SELECT plans.name AS plan_name, entitlements.plan_id, entitlements.source_id, entitlements.state, \
         entitlements.reason, entitlements.until_at, entitlements.changed_at \
         FROM entitlements LEFT JOIN plans ON plans.id = entitlements.plan_id \
         WHERE entitlements.user_id = $1 ORDER BY entitlements.changed_at DESC",
    )
    .bind(user_id)
    .fetch_all(&mut *conn)
    .await?;
    let seats = sqlx::query_as(
        "SELECT seats.id, companies.name AS company, plans.name AS plan_name, seats.state, seat_pools.paid, seats.changed_at \
         FROM seats JOIN companies ON companies.id = seats.company_id \
         LEFT JOIN plans ON plans.id = seats.plan_id \
         LEFT JOIN seat_pools ON seat_pools.company_id = seats.company_id AND seat_pools.plan_id = seats.plan_id \
         WHERE seats.user_id = $1 ORDER BY seats.changed_at DESC",
    )
    .bind(user_id)
    .fetch_all(&mut *conn)
    .await?;
    let change = match &payer {
        Some(payer) => newest_change(conn, &payer.id).await?,
        None => None,
    };
    let prices = prices(conn, &subscriptions, change.as_ref()).await?;
    Ok(Rows {
        change,
        prices,
        user,
        returned: returned > 0,
        has_customer: customers > 0,
        payer,
        subscriptions,
        passes,
        seats,
        entitlements,
        grants: grants(conn, user_id).await?,
    })
}

/// A payer as its pages need it.
pub async fn payer(conn: &mut AnyConnection, id: &str) -> Result<PayerRow, DbError> {
    Ok(sqlx::query_as(
        "SELECT id, read_at, card_sealed, invoices_sealed, invoices_read_at FROM payers WHERE id = $1",
    )
    .bind(id)
    .fetch_one(conn)
    .await?)
}

/// A payer's subscriptions, newest first.
pub async fn subscriptions(
    conn: &mut AnyConnection,
    payer_id: &str,
) -> Result<Vec<SubscriptionRow>, DbError> {
    Ok(sqlx::query_as(
        "SELECT subscriptions.id, subscriptions.plan_id, plans.name AS plan_name, \
         plans.audience, subscriptions.price_id, subscriptions.item_id, subscriptions.status, subscriptions.quantity, \
         subscriptions.unit_amount, subscriptions.currency, subscriptions.period, \
         subscriptions.period_end, subscriptions.cancel_at, subscriptions.cancel_at_period_end, \
         subscriptions.ended_at, subscriptions.trial_end, subscriptions.collection_paused, \
         subscriptions.next_price_id, subscriptions.next_at, subscriptions.pending_price_id, \
         subscriptions.pending_quantity, subscriptions.pending_until, subscriptions.unpaid_since, \
         subscriptions.resumes_at, subscriptions.paused_because, subscriptions.payment, \
         subscriptions.invoice_problem, subscriptions.read_at \
         FROM subscriptions LEFT JOIN plans ON plans.id = subscriptions.plan_id \
         WHERE subscriptions.payer_id = $1 ORDER BY subscriptions.created_at DESC",
    )
    .bind(payer_id)
    .fetch_all(conn)
    .await?)
}

async fn newest_change(
    conn: &mut AnyConnection,
    payer_id: &str,
) -> Result<Option<ChangeRow>, DbError> {
    Ok(sqlx::query_as(
        "SELECT kind, from_price_id, price_id, state, reason, settled_at FROM changes \
         WHERE payer_id = $1 ORDER BY created_at DESC LIMIT 1",
    )
    .bind(payer_id)
    .fetch_optional(conn)
    .await?)
}

/// What scheduled, pending and past changes lead to.
async fn prices(
    conn: &mut AnyConnection,
    subscriptions: &[SubscriptionRow],
    change: Option<&ChangeRow>,
) -> Result<HashMap<String, PlanPrice>, DbError> {
    let mut ids: Vec<&String> = Vec::new();
    for row in subscriptions {
        ids.extend(row.next_price_id.as_ref());
        ids.extend(row.pending_price_id.as_ref());
    }
    ids.extend(change.and_then(|change| change.price_id.as_ref()));
    ids.extend(change.and_then(|change| change.from_price_id.as_ref()));
    let mut found = HashMap::new();
    for id in ids {
        if !found.contains_key(id)
            && let Some(price) = crate::changes::price(conn, id).await?
        {
            found.insert(id.clone(), price);
        }
    }
    Ok(found)
}

/// Each role with a grant, and each role that a plan gives now and nobody has asked for yet.
async fn grants(conn: &mut AnyConnection, user_id: &str) -> Result<Vec<GrantRow>, DbError> {
    Ok(sqlx::query_as(
        "SELECT roles.role_id, guild_roles.name AS role_name, grants.state, grants.code, grants.detail, \
         grants.held_act, grants.answered_at FROM ( \
           SELECT role_id FROM grants WHERE user_id = $1 \
           UNION SELECT plan_roles.role_id FROM entitlements \
             JOIN plan_roles ON plan_roles.plan_id = entitlements.plan_id \
             AND plan_roles.state IN ('active', 'leaving') \
             WHERE entitlements.user_id = $1 AND entitlements.state IN ('granted', 'grace') \
         ) AS roles \
         LEFT JOIN grants ON grants.user_id = $1 AND grants.role_id = roles.role_id \
         LEFT JOIN guild_roles ON guild_roles.id = roles.role_id ORDER BY roles.role_id",
    )
    .bind(user_id)
    .fetch_all(conn)
    .await?)
}
