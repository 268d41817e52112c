//! The plans on offer, for the landing page.

use crate::db::DbError;
use crate::state::AppState;
use app::money::Money;
use app::plans::{Audience, Interval, OfferedPlan, OfferedPrice, PlansError, PlansPort};
use async_trait::async_trait;
use sqlx::FromRow;

/// The server's side of [`PlansPort`].
pub struct Plans(pub AppState);

#[derive(FromRow)]
struct Row {
    id: String,
    name: String,
    description: Option<String>,
    features: String,
    audience: String,
    badge: Option<String>,
    trial_days: Option<i64>,
    price_id: String,
    currency: String,
    unit_amount: i64,
    period: String,
}

#[async_trait]
impl PlansPort for Plans {
    async fn offered(&self) -> Result<Vec<OfferedPlan>, PlansError> {
        offered(&self.0).await.map_err(|error| {
            tracing::error!(error = %error, "the plans cannot be read");
            PlansError::Unavailable
        })
    }
}

async fn offered(state: &AppState) -> Result<Vec<OfferedPlan>, DbError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT plans.id, plans.name, plans.description, plans.features, plans.audience, plans.badge, \
         plans.trial_days, prices.id AS price_id, prices.currency, prices.unit_amount, prices.period \
         FROM plans JOIN prices ON prices.plan_id = plans.id \
         WHERE plans.active = 1 AND prices.active = 1 \
         ORDER BY plans.position, plans.id, prices.period, prices.unit_amount, prices.id",
    )
    .fetch_all(state.db.reader())
    .await?;
    let mut plans: Vec<OfferedPlan> = Vec::new();
    for row in rows {
        let interval = match row.period.as_str() {
            "month" => Interval::Month,
            "year" => Interval::Year,
            other => return Err(DbError::Impossible(format!("prices.period {other}"))),
        };
        let price = OfferedPrice {
            id: row.price_id,
            interval,
            amount: Money::new(row.unit_amount, &row.currency),
        };
        match plans.last_mut() {
            Some(plan) if plan.id == row.id => {
                if plan.price(interval).is_none() {
                    plan.prices.push(price);
                }
            }
            _ => plans.push(OfferedPlan {
                features: serde_json::from_str(&row.features)
                    .map_err(|error| DbError::Impossible(format!("plans.features: {error}")))?,
                id: row.id,
                name: row.name,
                description: row.description,
                badge: row.badge,
                audience: if row.audience == "company" {
                    Audience::Company
                } else {
                    Audience::Individual
                },
                trial_days: row.trial_days.and_then(|days| u32::try_from(days).ok()),
                prices: vec![price],
            }),
        }
    }
    Ok(plans)
}
