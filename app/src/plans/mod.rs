//! Plans on offer, as the pages see them.

#[cfg(feature = "ssr")]
pub mod card;
#[cfg(feature = "ssr")]
pub mod landing;
pub mod pass;
pub mod problem;
pub mod promotion;
#[cfg(feature = "ssr")]
mod teams;

pub use pass::{OfferedPass, PassLength};
pub use promotion::{CodeError, Promotion};

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

/// How tax and a price stand, where Stripe works tax out (`tax_behavior` of the price).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tax {
    /// `exclusive`
    Plus,
    /// `inclusive`
    Included,
    /// Stripe's account settings decide.
    AtCheckout,
}

impl Tax {
    #[must_use]
    pub fn from_stripe(word: Option<&str>) -> Self {
        match word {
            Some("exclusive") => Self::Plus,
            Some("inclusive") => Self::Included,
            _ => Self::AtCheckout,
        }
    }

    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Plus => "Plus tax.",
            Self::Included => "Tax included.",
            Self::AtCheckout => "Checkout says what of it is tax.",
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
    /// None where no tax is worked out.
    pub tax: Option<Tax>,
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
    /// Beside the others or instead of them.
    pub pass: Option<OfferedPass>,
}

impl OfferedPlan {
    #[must_use]
    pub fn price(&self, interval: Interval) -> Option<&OfferedPrice> {
        self.prices.iter().find(|price| price.interval == interval)
    }

    /// Whether that price of Stripe's is one of the plan's.
    #[must_use]
    pub fn has_price(&self, price_id: &str) -> bool {
        self.prices.iter().any(|price| price.id == price_id)
            || self
                .pass
                .as_ref()
                .is_some_and(|pass| pass.price_id == price_id)
    }
}

/// What the landing page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shop {
    pub plans: Vec<OfferedPlan>,
    /// Promotion codes can be typed in at checkout.
    pub takes_codes: bool,
    /// The code that the address carried, and what it does.
    pub promotion: Option<Result<Promotion, CodeError>>,
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

    /// The same with what a promotion code does to it. `user_id` is who looks, if known.
    async fn shop(&self, code: Option<&str>, user_id: Option<&str>) -> Result<Shop, PlansError>;
}
