//! Plans on offer, as the pages see them.

#[cfg(feature = "ssr")]
mod card;
#[cfg(feature = "ssr")]
pub mod landing;
pub mod problem;

use crate::money::Money;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// Whom a plan is for: `rollcall_audience` of the Stripe product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    Individual,
    Company,
}

/// How often a price is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    Month,
    Year,
}

impl Interval {
    /// "a month", "a year": after an amount.
    #[must_use]
    pub fn per(self) -> &'static str {
        match self {
            Self::Month => "a month",
            Self::Year => "a year",
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// A price one can choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedPrice {
    /// Stripe's price id.
    pub id: String,
    pub interval: Interval,
    /// Per interval, and per seat for a company plan.
    pub amount: Money,
}

/// A plan one can choose: a Stripe product with readable metadata and at least one active price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedPlan {
    /// Stripe's product id.
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    /// What it includes, a line each (the product's marketing features).
    pub features: Vec<String>,
    /// A word beside the name, such as "Most chosen"; the plan that has one is recommended.
    pub badge: Option<String>,
    pub audience: Audience,
    pub trial_days: Option<u32>,
    /// Monthly before yearly; at most one of each.
    pub prices: Vec<OfferedPrice>,
}

impl OfferedPlan {
    #[must_use]
    pub fn price(&self, interval: Interval) -> Option<&OfferedPrice> {
        self.prices.iter().find(|price| price.interval == interval)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum PlansError {
    /// Our own database did not answer.
    #[error("the plans cannot be read right now")]
    Unavailable,
}

/// What the landing page needs of the server.
#[async_trait]
pub trait PlansPort: Send + Sync {
    /// The plans on offer, in the operator's order. Empty until Stripe has been read once.
    async fn offered(&self) -> Result<Vec<OfferedPlan>, PlansError>;
}
