//! The prices one could go to.

use super::Failure;
use super::subject::{self, Held};
use crate::db::DbError;
use crate::state::AppState;
use app::changes::{ChangeError, Choices, Offer, PlanPrice, rule};
use app::money::Money;
use sqlx::FromRow;

#[derive(FromRow)]
struct Row {
    price_id: String,
    name: String,
    features: String,
    currency: String,
    unit_amount: i64,
    period: String,
}

pub async fn choices(state: &AppState, user_id: &str) -> Result<Choices, Failure> {
    let held = subject::held(state, user_id).await?;
    if let Some(refused) = rule::refusal(&held.situation()) {
        return Err(refused.into());
    }
    let offers = on_offer(state).await?;
    let offers = offers
        .into_iter()
        .filter_map(|(price, features)| {
            let direction = rule::direction(&held.price, &price, held.trialing())?;
            Some(Offer {
                price,
                features,
                direction,
            })
        })
        .collect();
    Ok(Choices {
        trialing: held.trialing(),
        current: held.price,
        period_end: held.period_end,
        scheduled: held.scheduled,
        offers,
    })
}

/// Where the change leads, if it is one a person can choose.
pub async fn target(state: &AppState, held: &Held, price_id: &str) -> Result<PlanPrice, Failure> {
    if held.price.price_id == price_id {
        return Err(ChangeError::SamePlan.into());
    }
    Ok(find(state, price_id).await?.ok_or(ChangeError::PriceGone)?)
}

pub async fn find(state: &AppState, price_id: &str) -> Result<Option<PlanPrice>, DbError> {
    let offers = on_offer(state).await?;
    Ok(offers
        .into_iter()
        .map(|(price, _)| price)
        .find(|price| price.price_id == price_id))
}

/// Every recurring price of a plan for people, as the landing page orders them.
async fn on_offer(state: &AppState) -> Result<Vec<(PlanPrice, Vec<String>)>, DbError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT prices.id AS price_id, plans.name, plans.features, prices.currency, prices.unit_amount, \
         prices.period FROM plans JOIN prices ON prices.plan_id = plans.id \
         WHERE plans.active = 1 AND prices.active = 1 AND plans.audience = 'individual' \
         AND prices.period IN ('month', 'year') \
         ORDER BY plans.position, plans.id, prices.period, prices.unit_amount, prices.id",
    )
    .fetch_all(state.db.reader())
    .await?;
    rows.into_iter()
        .filter_map(|row| {
            let interval = subject::interval(Some(&row.period))?;
            let features = serde_json::from_str(&row.features)
                .map_err(|error| DbError::Impossible(format!("plans.features: {error}")));
            let price = PlanPrice {
                price_id: row.price_id,
                plan_name: row.name,
                amount: Money::new(row.unit_amount, &row.currency),
                interval,
            };
            Some(features.map(|features| (price, features)))
        })
        .collect()
}
