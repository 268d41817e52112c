//! The subscription whose number is to change, as our rows have it.

use crate::billing::SubscriptionRow;
use crate::changes;
use crate::company::Failure;
use crate::company::guard::Admin;
use crate::company::paying::{may_change, seat, shown, subscriptions};
use crate::patience::lease;
use crate::seats::pool;
use crate::state::AppState;
use crate::sync::sync_payer;
use app::access::Status;
use app::changes::PlanPrice;
use app::company::CompanyError;
use sqlx::AnyConnection;

/// It can be changed now.
pub struct Held {
    pub id: String,
    pub item_id: String,
    pub plan_id: String,
    pub seat: PlanPrice,
    pub seats: i64,
    pub trialing: bool,
    pub period_end: Option<i64>,
    pub trial_end: Option<i64>,
}

pub async fn held(state: &AppState, admin: &Admin) -> Result<Held, Failure> {
    let row = row(state, admin).await?;
    let row = if row.item_id.is_some() {
        row
    } else {
        // Last read before its item was kept.
        let lease = lease::take(state, &admin.payer_id).await?;
        let synced = sync_payer(state, &lease).await;
        lease::give_back(state, &lease).await;
        synced?;
        self::row(state, admin).await?
    };
    Ok(Held {
        seat: seat(&row).ok_or(CompanyError::Unclear)?,
        trialing: row.status() == Status::Trialing,
        item_id: row.item_id.ok_or(CompanyError::Unclear)?,
        plan_id: row.plan_id.ok_or(CompanyError::Unclear)?,
        id: row.id,
        seats: row.quantity,
        period_end: row.period_end,
        trial_end: row.trial_end,
    })
}

async fn row(state: &AppState, admin: &Admin) -> Result<SubscriptionRow, Failure> {
    let mut conn = state.db.reader().acquire().await?;
    let mut rows = subscriptions(&mut conn, &admin.payer_id).await?;
    let open = changes::open_change(&mut conn, &admin.payer_id).await?;
    let about = shown(&rows).map(|row| row.id.clone());
    may_change(shown(&rows), open.is_some())?;
    let at = rows.iter().position(|row| Some(&row.id) == about.as_ref());
    Ok(at
        .map(|at| rows.swap_remove(at))
        .ok_or(CompanyError::NotPaid)?)
}

/// Takes the pool's lock and refuses fewer than are held. Answers how many may be held once the
/// subscription has `to` seats: other subscriptions may pay for some too.
pub async fn fits(
    conn: &mut AnyConnection,
    company_id: &str,
    held: &Held,
    to: i64,
    now: i64,
) -> Result<i64, Failure> {
    let pool = pool::lock(conn, company_id, &held.plan_id, now).await?;
    // What is paid has a pool since it was first read.
    let pool = pool.ok_or(CompanyError::Outdated)?;
    let counted: Option<i64> = sqlx::query_scalar("SELECT seats FROM subscriptions WHERE id = $1")
        .bind(&held.id)
        .fetch_optional(&mut *conn)
        .await?;
    let most = (pool.paid - counted.unwrap_or(0)).max(0) + to;
    if pool::held(conn, company_id, &held.plan_id).await? > most {
        return Err(CompanyError::BelowHeld.into());
    }
    Ok(most)
}
