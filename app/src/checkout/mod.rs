//! Paying for a plan: start at Stripe, and the return from it.

mod activating;
pub mod problem;
pub mod start;

pub use activating::{Activating, Following, LOOKS, stations};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// Why a checkout did not start, or a return was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum CheckoutError {
    #[error("nobody is signed in")]
    NotSignedIn,
    /// The price is not, or no longer, on offer.
    #[error("this price is not on offer")]
    PriceGone,
    /// The plan is sold to companies; companies buy seats elsewhere.
    #[error("this plan is for companies")]
    CompanyPlan,
    /// Stripe did not answer in time or is failing; nothing was charged, trying again is safe.
    #[error("Stripe did not answer")]
    StripeUnreachable,
    /// Stripe refused what we asked; a person has to look.
    #[error("Stripe refused the checkout")]
    StripeRefused,
    #[error("too many tries; wait a minute")]
    TooMany,
    /// The session does not exist, or belongs to somebody else: told alike.
    #[error("no such checkout of yours")]
    NotYours,
    #[error("our own database did not answer")]
    Unavailable,
}

impl CheckoutError {
    pub const ALL: [Self; 8] = [
        Self::NotSignedIn,
        Self::PriceGone,
        Self::CompanyPlan,
        Self::StripeUnreachable,
        Self::StripeRefused,
        Self::TooMany,
        Self::NotYours,
        Self::Unavailable,
    ];

    /// The word in `?problem=` of the page the person is led to without JavaScript.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::NotSignedIn => "sign-in",
            Self::PriceGone => "price-gone",
            Self::CompanyPlan => "company-plan",
            Self::StripeUnreachable => "stripe-unreachable",
            Self::StripeRefused => "stripe-refused",
            Self::TooMany => "too-many",
            Self::NotYours => "not-yours",
            Self::Unavailable => "unavailable",
        }
    }

    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|problem| problem.slug() == slug)
    }
}

/// Where a person who asked to pay goes next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckoutNext {
    /// Stripe's hosted page, new or the one still open.
    Pay { url: String },
    /// There is a subscription already: the dashboard.
    AlreadyMember,
}

/// How far the way from payment to Discord has come; what "Activating" polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Stripe has not confirmed the payment yet.
    Paying,
    /// Paid; the membership is active, the role is not confirmed by Discord yet.
    Member,
    /// Discord confirmed every role.
    InDiscord,
    /// The membership is active; Discord needs something first (see the dashboard).
    Attention,
    /// The checkout was left or has expired: nothing was charged.
    Open,
}

/// What the pages need of the server. Every function takes whose it is.
#[async_trait]
pub trait CheckoutPort: Send + Sync {
    /// Starts a checkout of `price_id` for the user, or leads to the open one or the dashboard.
    async fn start(&self, user_id: &str, price_id: &str) -> Result<CheckoutNext, CheckoutError>;

    /// The return from Stripe: checks that the session is the user's, reads Stripe then and
    /// there under the payer's lease, and says how far things are. Safe to call again.
    async fn returned(&self, user_id: &str, session_id: &str) -> Result<Progress, CheckoutError>;

    /// How far things are, from our own rows only, for a session that is the user's.
    async fn progress(&self, user_id: &str, session_id: &str) -> Result<Progress, CheckoutError>;
}
