//! Taking Stripe's catalogue over into our rows, in one transaction.

use super::metadata::{MetadataError, PlanMeaning, meaning};
use crate::db::DbError;
use crate::db::dirty::{self, Class, Lease, SubjectKind};
use crate::incidents;
use crate::state::AppState;
use crate::stripe::StripeError;
use crate::stripe::objects::{Price, Product};
use app::plans::{Audience, PassLength};
use sqlx::AnyConnection;
use std::collections::{HashMap, HashSet};

/// Events keep plans fresh; this catches what no event told.
const LOOK_AGAIN_MS: i64 = 6 * 60 * 60 * 1000;
/// The incident of a product whose metadata cannot be read.
const UNREADABLE: &str = "plan_unreadable";

#[derive(Debug, thiserror::Error)]
pub enum PlansSyncError {
    #[error(transparent)]
    Stripe(#[from] StripeError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for PlansSyncError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Reads products and prices under the lease and makes our rows equal to them.
pub async fn sync_plans(state: &AppState, lease: &Lease) -> Result<(), PlansSyncError> {
    let products = state.stripe.products().await?;
    let prices = state.stripe.prices().await?;
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    let mut changed = Vec::new();
    let mut seen = HashSet::new();
    let mut unreadable = HashSet::new();
    for product in &products {
        match meaning(&product.metadata) {
            Ok(None) => {}
            Ok(Some(plan)) => {
                seen.insert(product.id.as_str());
                if take_over(&mut tx, product, &plan, now).await? {
                    changed.push(product.id.clone());
                }
            }
            Err(problem) => {
                seen.insert(product.id.as_str());
                unreadable.insert(product.id.as_str());
                keep_last(&mut tx, product, &problem, now).await?;
            }
        }
    }
    close_mended(&mut tx, &unreadable, now).await?;
    withdraw_unseen(&mut tx, &seen, now).await?;
    take_over_prices(&mut tx, &prices, &seen).await?;
    if !changed.is_empty() || any_unknown_role(&mut tx).await? {
        // Can the new roles be granted, and what are they called? The check reads the guild.
        let guild = crate::roles::GUILD_SUBJECT;
        dirty::mark(
            &mut tx,
            SubjectKind::Guild,
            guild,
            now,
            Class::Event,
            &lease.trace,
        )
        .await?;
    }
    for plan_id in &changed {
        mark_holders(&mut tx, plan_id, now, &lease.trace).await?;
    }
    dirty::finish(&mut tx, lease, Some(now + LOOK_AGAIN_MS), now).await?;
    tx.commit().await?;
    if !changed.is_empty() {
        state.work.notify_one();
    }
    Ok(())
}

/// Whether a plan names a role that the guild did not have when it was last read.
async fn any_unknown_role(conn: &mut AnyConnection) -> Result<bool, DbError> {
    let unknown: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM plan_roles LEFT JOIN guild_roles ON guild_roles.id = plan_roles.role_id \
         WHERE guild_roles.id IS NULL",
    )
    .fetch_one(conn)
    .await?;
    Ok(unknown > 0)
}

/// The operator is told; whoever has the plan keeps what it last meant, and so does its offer.
async fn keep_last(
    conn: &mut AnyConnection,
    product: &Product,
    problem: &MetadataError,
    now: i64,
) -> Result<(), DbError> {
    tracing::error!(plan = %product.id, problem = %problem, "a plan's metadata cannot be read; its last readable mapping stays");
    sqlx::query(
        "UPDATE plans SET problem = $1, name = $2, active = $3, read_at = $4 WHERE id = $5",
    )
    .bind(problem.to_string())
    .bind(&product.name)
    .bind(i64::from(product.active))
    .bind(now)
    .bind(&product.id)
    .execute(&mut *conn)
    .await?;
    let detail = format!(
        "The metadata of “{}” at Stripe cannot be read: {problem}. Its last readable meaning stays; a product \
         that never had one is not on offer.",
        product.name
    );
    incidents::open(conn, UNREADABLE, &product.id, &detail, now).await
}

async fn close_mended(
    conn: &mut AnyConnection,
    unreadable: &HashSet<&str>,
    now: i64,
) -> Result<(), DbError> {
    let open: Vec<String> =
        sqlx::query_scalar("SELECT subject FROM incidents WHERE kind = $1 AND closed_at IS NULL")
            .bind(UNREADABLE)
            .fetch_all(&mut *conn)
            .await?;
    for subject in open.iter().filter(|id| !unreadable.contains(id.as_str())) {
        incidents::close(conn, UNREADABLE, subject, now).await?;
    }
    Ok(())
}

/// Writes one readable plan; answers whether the roles it gives changed.
async fn take_over(
    conn: &mut AnyConnection,
    product: &Product,
    plan: &PlanMeaning,
    now: i64,
) -> Result<bool, DbError> {
    let features: Vec<&str> = product
        .marketing_features
        .iter()
        .filter_map(|feature| feature.name.as_deref())
        .collect();
    let known: Option<i64> = sqlx::query_scalar("SELECT active FROM plans WHERE id = $1")
        .bind(&product.id)
        .fetch_optional(&mut *conn)
        .await?;
    sqlx::query(
        "INSERT INTO plans (id, name, description, features, audience, position, badge, trial_days, pass_days, active, problem, read_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL, $11) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description, \
         features = excluded.features, audience = excluded.audience, position = excluded.position, \
         badge = excluded.badge, trial_days = excluded.trial_days, pass_days = excluded.pass_days, active = excluded.active, \
         problem = NULL, read_at = excluded.read_at",
    )
    .bind(&product.id)
    .bind(&product.name)
    .bind(&product.description)
    .bind(serde_json::to_string(&features).map_err(|e| DbError::Impossible(e.to_string()))?)
    .bind(match plan.audience {
        Audience::Individual => "individual",
        Audience::Company => "company",
    })
    .bind(plan.order)
    .bind(&plan.badge)
    .bind(plan.trial_days)
    .bind(plan.pass.map(PassLength::word))
    .bind(i64::from(product.active))
    .bind(now)
    .execute(&mut *conn)
    .await?;
    map_roles(conn, product, plan, known.is_none()).await
}

/// The first reading maps at once; a role that joins or leaves later waits for the operator's
/// yes. Dangerous rights are looked at when a role is granted, for they can change at any time.
async fn map_roles(
    conn: &mut AnyConnection,
    product: &Product,
    plan: &PlanMeaning,
    first: bool,
) -> Result<bool, DbError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT role_id, state FROM plan_roles WHERE plan_id = $1")
            .bind(&product.id)
            .fetch_all(&mut *conn)
            .await?;
    let known: HashMap<String, String> = rows.into_iter().collect();
    let mut changed = false;
    for role in &plan.roles {
        let state = match known.get(role).map(String::as_str) {
            // What the operator declined is asked once.
            Some("active" | "joining" | "declined") => continue,
            Some("leaving" | "kept") => "active",
            _ if first => {
                changed = true;
                "active"
            }
            _ => {
                tracing::warn!(plan = %product.id, role = %role, "a role waits for the operator's yes before it is granted");
                "joining"
            }
        };
        set_role(conn, &product.id, role, state).await?;
    }
    for (role, state) in known.iter().filter(|(role, _)| !plan.roles.contains(role)) {
        if state == "joining" || state == "declined" {
            sqlx::query("DELETE FROM plan_roles WHERE plan_id = $1 AND role_id = $2")
                .bind(&product.id)
                .bind(role)
                .execute(&mut *conn)
                .await?;
        } else if state == "active" {
            tracing::warn!(plan = %product.id, role = %role, "a role left the plan's metadata; it stays mapped until the operator's yes");
            set_role(conn, &product.id, role, "leaving").await?;
        }
    }
    Ok(changed)
}

/// Writes what a role is to a plan.
pub async fn set_role(
    conn: &mut AnyConnection,
    plan_id: &str,
    role_id: &str,
    state: &str,
) -> Result<(), DbError> {
    sqlx::query(
        "INSERT INTO plan_roles (plan_id, role_id, state) VALUES ($1, $2, $3) \
         ON CONFLICT (plan_id, role_id) DO UPDATE SET state = excluded.state",
    )
    .bind(plan_id)
    .bind(role_id)
    .bind(state)
    .execute(conn)
    .await?;
    Ok(())
}

/// A product that is gone, or no longer ours by its metadata, is not offered any more; what it
/// gives to those who have it stays.
async fn withdraw_unseen(
    conn: &mut AnyConnection,
    seen: &HashSet<&str>,
    now: i64,
) -> Result<(), DbError> {
    let rows: Vec<(String, Option<String>)> = sqlx::query_as("SELECT id, problem FROM plans")
        .fetch_all(&mut *conn)
        .await?;
    for (id, problem) in rows.iter().filter(|(id, _)| !seen.contains(id.as_str())) {
        if problem.is_none() {
            tracing::error!(plan = %id, "a plan's product is gone at Stripe, or is not marked as ours any more; its last mapping stays");
        }
        sqlx::query("UPDATE plans SET active = 0, problem = $1, read_at = $2 WHERE id = $3")
            .bind("the product is gone at Stripe, or is not marked as a plan any more")
            .bind(now)
            .bind(id)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

async fn take_over_prices(
    conn: &mut AnyConnection,
    prices: &[Price],
    ours: &HashSet<&str>,
) -> Result<(), DbError> {
    sqlx::query("UPDATE prices SET active = 0")
        .execute(&mut *conn)
        .await?;
    for price in prices
        .iter()
        .filter(|price| ours.contains(price.product_id()))
    {
        let Some((amount, period)) = price.unit_amount.zip(period(price)) else {
            continue;
        };
        // A one-time price means something only with a length of access.
        sqlx::query(
            "INSERT INTO prices (id, plan_id, currency, unit_amount, period, tax_behavior, active) \
             SELECT $1, $2, $3, $4, $5, $6, 1 WHERE EXISTS \
             (SELECT 1 FROM plans WHERE id = $2 AND ($5 <> 'once' OR pass_days IS NOT NULL)) \
             ON CONFLICT (id) DO UPDATE SET plan_id = excluded.plan_id, currency = excluded.currency, \
             unit_amount = excluded.unit_amount, period = excluded.period, \
             tax_behavior = excluded.tax_behavior, active = 1",
        )
        .bind(&price.id)
        .bind(price.product_id())
        .bind(&price.currency)
        .bind(amount)
        .bind(period)
        .bind(&price.tax_behavior)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Whether this is a price of the plan's product that is sold here.
#[must_use]
pub fn sells(plan: &PlanMeaning, price: &Price, product_id: &str) -> bool {
    price.product_id() == product_id
        && price.unit_amount.is_some()
        && match period(price) {
            Some("once") => plan.pass.is_some(),
            period => period.is_some(),
        }
}

/// `month`, `year` or `once`; none for what is not sold here.
fn period(price: &Price) -> Option<&'static str> {
    let Some(recurring) = &price.recurring else {
        return Some("once");
    };
    match (
        recurring.interval.as_str(),
        recurring.interval_count.unwrap_or(1),
    ) {
        ("month", 1) => Some("month"),
        ("year", 1) => Some("year"),
        _ => None,
    }
}

/// Marks everybody who has, or had, the plan.
pub async fn mark_holders(
    conn: &mut AnyConnection,
    plan_id: &str,
    now: i64,
    trace: &str,
) -> Result<(), DbError> {
    let who = "SELECT DISTINCT user_id AS id FROM entitlements WHERE plan_id = $5";
    dirty::mark_users(conn, who, &[plan_id], now, Class::Bulk, trace).await
}
