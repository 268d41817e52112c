//! A price one can choose, from our rows.

use super::Failure;
use super::buyer::Buyer;
use crate::state::AppState;
use app::checkout::CheckoutError;
use app::money::Money;
use app::plans::{Interval, PassLength};
use sqlx::FromRow;

pub struct Offer {
    pub price_id: String,
    pub plan_id: String,
    pub amount: Money,
    /// None for a pass.
    pub every: Option<Interval>,
    pub pass: Option<PassLength>,
    pub trial_days: Option<i64>,
}

#[derive(FromRow)]
struct Row {
    plan_id: String,
    audience: String,
    trial_days: Option<i64>,
    pass_days: Option<String>,
    period: String,
    unit_amount: i64,
    currency: String,
}

/// The price, if it is one the buyer can choose.
pub async fn find(state: &AppState, price_id: &str, buyer: &Buyer) -> Result<Offer, Failure> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT plans.id AS plan_id, plans.audience, plans.trial_days, plans.pass_days, prices.period, \
         prices.unit_amount, prices.currency FROM prices JOIN plans ON plans.id = prices.plan_id \
         WHERE prices.id = $1 AND prices.active = 1 AND plans.active = 1",
    )
    .bind(price_id)
    .fetch_optional(state.db.reader())
    .await?;
    let row = row.ok_or(CheckoutError::PriceGone)?;
    if row.audience != buyer.audience() {
        return Err(match buyer.company {
            None => CheckoutError::CompanyPlan,
            Some(_) => CheckoutError::PriceGone,
        }
        .into());
    }
    let (every, pass) = match row.period.as_str() {
        "month" => (Some(Interval::Month), None),
        "year" => (Some(Interval::Year), None),
        // Seats are paid for as long as they are held.
        _ if buyer.company.is_some() => return Err(CheckoutError::PriceGone.into()),
        _ => {
            let length = row.pass_days.as_deref().and_then(PassLength::from_word);
            (None, Some(length.ok_or(CheckoutError::PriceGone)?))
        }
    };
    Ok(Offer {
        price_id: price_id.to_owned(),
        plan_id: row.plan_id,
        amount: Money::new(row.unit_amount, &row.currency),
        every,
        pass,
        trial_days: row.trial_days.filter(|_| pass.is_none()),
    })
}
