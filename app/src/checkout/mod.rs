//! Paying for a plan: start at Stripe, and the return from it.

mod activating;
pub mod card;
pub mod problem;
pub mod start;

pub use card::CardRefusal;

pub use activating::{Activating, Following, LOOKS, stations};

use crate::plans::CodeError;
use crate::stripe::StripeTrouble;
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
    /// The person has the plan for life.
    #[error("there is a pass for life already")]
    ForLife,
    /// The account is being deleted.
    #[error("the account is being deleted")]
    Leaving,
    /// The promotion code that was to be applied is not taken.
    #[error(transparent)]
    Code(#[from] CodeError),
    #[error(transparent)]
    Stripe(#[from] StripeTrouble),
    /// Another click of the same person is being worked on.
    #[error("another try is under way")]
    UnderWay,
    #[error("too many tries; wait a minute")]
    TooMany,
    /// The session does not exist, or belongs to somebody else: told alike.
    #[error("no such checkout of yours")]
    NotYours,
    #[error("our own database did not answer")]
    Unavailable,
}

impl CheckoutError {
    /// What is not Stripe's.
    const OWN: [Self; 14] = [
        Self::NotSignedIn,
        Self::PriceGone,
        Self::CompanyPlan,
        Self::ForLife,
        Self::Leaving,
        Self::Code(CodeError::NotTaken),
        Self::Code(CodeError::Unknown),
        Self::Code(CodeError::Over),
        Self::Code(CodeError::Elsewhere),
        Self::Code(CodeError::Unchecked),
        Self::UnderWay,
        Self::TooMany,
        Self::NotYours,
        Self::Unavailable,
    ];

    pub fn all() -> impl Iterator<Item = Self> {
        let of_stripe = StripeTrouble::ALL.into_iter().map(Self::Stripe);
        Self::OWN.into_iter().chain(of_stripe)
    }

    /// The word in `?problem=` of the page the person is led to without JavaScript, and in logs.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::NotSignedIn => "sign-in",
            Self::PriceGone => "price-gone",
            Self::CompanyPlan => "company-plan",
            Self::ForLife => "for-life",
            Self::Leaving => "leaving",
            Self::Code(CodeError::NotTaken) => "code-not-taken",
            Self::Code(CodeError::Unknown) => "code-unknown",
            Self::Code(CodeError::Over) => "code-over",
            Self::Code(CodeError::Elsewhere) => "code-elsewhere",
            Self::Code(CodeError::Unchecked) => "code-unchecked",
            Self::UnderWay => "under-way",
            Self::Stripe(trouble) => trouble.slug(),
            Self::TooMany => "too-many",
            Self::NotYours => "not-yours",
            Self::Unavailable => "unavailable",
        }
    }

    /// Whether it may pass by itself within moments, so that a page that waits goes on waiting.
    #[must_use]
    pub fn passes(self) -> bool {
        match self {
            Self::Stripe(trouble) => trouble.passes(),
            other => matches!(other, Self::UnderWay | Self::TooMany | Self::Unavailable),
        }
    }

    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::all().find(|problem| problem.slug() == slug)
    }
}

/// Where a person who asked to pay goes next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckoutNext {
    /// Stripe's hosted page, new or the one still open.
    Pay { url: String },
    /// There is a subscription already: the dashboard.
    AlreadyMember,
    /// What was begun before is paid meanwhile: the dashboard.
    AlreadyPaid,
}

/// How far the way from payment to Discord has come; what "Activating" polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Stripe has not confirmed the payment yet.
    Paying,
    /// Stripe has the payment, and the bank takes days to confirm it.
    Delayed,
    /// Paid; the membership is active, the role is not confirmed by Discord yet.
    Member,
    /// Discord confirmed every role.
    InDiscord,
    /// The membership is active; Discord needs something first (see the dashboard).
    Attention,
    /// The checkout was left: nothing was charged.
    Open,
    /// Its payment page was open for too long: nothing was charged, and nothing can be by it.
    Expired,
}

/// What the pages need of the server. Every function takes whose it is.
#[async_trait]
pub trait CheckoutPort: Send + Sync {
    /// Starts a checkout of `price_id` for the user, or leads to the open one or the dashboard.
    /// `code` is a promotion code to apply.
    async fn start(
        &self,
        user_id: &str,
        price_id: &str,
        code: Option<&str>,
    ) -> Result<CheckoutNext, CheckoutError>;

    /// Why the user's card was refused on the page of a checkout they left, if it was. `id` is
    /// the checkout's or its session's. Nothing that goes wrong here is worth a message.
    async fn refusal(&self, user_id: &str, id: &str) -> Option<CardRefusal>;

    /// The return from Stripe: checks that the session is the user's, reads Stripe then and
    /// there under the payer's lease, and says how far things are. Safe to call again.
    async fn returned(&self, user_id: &str, session_id: &str) -> Result<Progress, CheckoutError>;

    /// How far things are, from our own rows only, for a session that is the user's.
    async fn progress(&self, user_id: &str, session_id: &str) -> Result<Progress, CheckoutError>;
}
