//! The plans on offer, for the landing page.

use super::promotion;
use crate::db::DbError;
use crate::state::AppState;
use app::money::Money;
use app::plans::{
    Audience, Interval, OfferedPass, OfferedPlan, OfferedPrice, PassLength, PlansError, PlansPort,
    Shop, Tax,
};
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
    pass_days: Option<String>,
    price_id: String,
    currency: String,
    unit_amount: i64,
    period: String,
    tax_behavior: Option<String>,
}

#[async_trait]
impl PlansPort for Plans {
    async fn offered(&self) -> Result<Vec<OfferedPlan>, PlansError> {
        offered(&self.0).await.map_err(|error| {
            tracing::error!(error = %error, "the plans cannot be read");
            PlansError::Unavailable
        })
    }

    async fn shop(&self, code: Option<&str>, user_id: Option<&str>) -> Result<Shop, PlansError> {
        let plans = self.offered().await?;
        let promotion = match code {
            Some(code) => Some(promotion::shown(&self.0, code, user_id).await),
            None => None,
        };
        Ok(Shop {
            plans,
            takes_codes: self.0.config.checkout.promotion_codes,
            promotion,
        })
    }
}

async fn offered(state: &AppState) -> Result<Vec<OfferedPlan>, DbError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT plans.id, plans.name, plans.description, plans.features, plans.audience, plans.badge, \
         plans.trial_days, plans.pass_days, prices.id AS price_id, prices.currency, prices.unit_amount, \
         prices.period, prices.tax_behavior \
         FROM plans JOIN prices ON prices.plan_id = plans.id \
         WHERE plans.active = 1 AND prices.active = 1 \
         ORDER BY plans.position, plans.id, prices.period, prices.unit_amount, prices.id",
    )
    .fetch_all(state.db.reader())
    .await?;
    let mut plans: Vec<OfferedPlan> = Vec::new();
    for row in rows {
        if plans.last().is_none_or(|plan| plan.id != row.id) {
            plans.push(blank(&row)?);
        }
        if let Some(plan) = plans.last_mut() {
            add(plan, &row, state.config.checkout.automatic_tax)?;
        }
    }
    Ok(plans)
}

fn blank(row: &Row) -> Result<OfferedPlan, DbError> {
    Ok(OfferedPlan {
        features: serde_json::from_str(&row.features)
            .map_err(|error| DbError::Impossible(format!("plans.features: {error}")))?,
        id: row.id.clone(),
        name: row.name.clone(),
        description: row.description.clone(),
        badge: row.badge.clone(),
        audience: if row.audience == "company" {
            Audience::Company
        } else {
            Audience::Individual
        },
        trial_days: row.trial_days.and_then(|days| u32::try_from(days).ok()),
        prices: Vec::new(),
        pass: None,
    })
}

/// Of several prices for the same period the lowest is offered, which comes first.
fn add(plan: &mut OfferedPlan, row: &Row, taxed: bool) -> Result<(), DbError> {
    let amount = Money::new(row.unit_amount, &row.currency);
    let tax = taxed.then(|| Tax::from_stripe(row.tax_behavior.as_deref()));
    let interval = match row.period.as_str() {
        "month" => Interval::Month,
        "year" => Interval::Year,
        "once" => {
            let length = row.pass_days.as_deref().and_then(PassLength::from_word);
            if let (None, Some(length)) = (&plan.pass, length) {
                plan.pass = Some(OfferedPass {
                    price_id: row.price_id.clone(),
                    amount,
                    length,
                    tax,
                });
            }
            return Ok(());
        }
        other => return Err(DbError::Impossible(format!("prices.period {other}"))),
    };
    if plan.price(interval).is_none() {
        plan.prices.push(OfferedPrice {
            id: row.price_id.clone(),
            interval,
            amount,
            tax,
        });
    }
    Ok(())
}
