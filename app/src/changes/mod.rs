//! Changing a membership: another plan, an end taken back, a pause, leaving.

#[cfg(feature = "ssr")]
mod choose;
#[cfg(feature = "ssr")]
mod confirm;
pub mod forms;
#[cfg(feature = "ssr")]
mod leave;
#[cfg(feature = "ssr")]
pub mod page;
pub mod problem;
pub mod rule;
pub mod words;

use crate::billing::Card;
use crate::money::Money;
use crate::plans::Interval;
use crate::stripe::StripeTrouble;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use rule::{Direction, Situation};

/// Why a change did not happen, or is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum ChangeError {
    #[error("nobody is signed in")]
    NotSignedIn,
    #[error("there is no membership to change")]
    NoMembership,
    #[error("the first payment is not confirmed")]
    FirstPayment,
    #[error("a payment is missing")]
    PastDue,
    #[error("another change is pending")]
    Pending,
    #[error("the membership is paused")]
    Paused,
    #[error("the membership is ending")]
    Ending,
    /// What was to be taken back is not there (any more).
    #[error("there is nothing to take back")]
    NothingToUndo,
    #[error("this is the plan it has")]
    SamePlan,
    /// Archived, or no longer one a person can choose.
    #[error("the price is not on offer")]
    PriceGone,
    /// Price, quantity or period moved, or it was shown too long ago.
    #[error("what was shown is not true any more")]
    Outdated,
    #[error("this pause is not offered")]
    PauseNotOffered,
    #[error("too many changes; wait a minute")]
    TooMany,
    #[error("the card was refused")]
    Declined,
    #[error("there is no card to charge")]
    NoCard,
    /// Stripe refused it after the change that was planned had made way.
    #[error("it was refused, and the planned change was taken back before")]
    PlannedTakenBack,
    /// Stripe says something of the subscription that we do not know.
    #[error("the subscription is unclear")]
    Unclear,
    /// Asked, and not answered: looked up again by itself.
    #[error("what the request did is unknown")]
    Unknown,
    #[error(transparent)]
    Stripe(#[from] StripeTrouble),
    #[error("the portal is not configured")]
    PortalNotConfigured,
    #[error("our own database did not answer")]
    Unavailable,
}

/// A plan at one of its prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanPrice {
    /// Stripe's price id.
    pub price_id: String,
    pub plan_name: String,
    pub amount: Money,
    pub interval: Interval,
}

impl PlanPrice {
    /// "59 € a month"
    #[must_use]
    pub fn display(&self) -> String {
        format!("{} {}", self.amount.display(), self.interval.per())
    }
}

/// A price one could go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    pub price: PlanPrice,
    pub features: Vec<String>,
    pub direction: Direction,
}

/// Where one is, and where one could go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices {
    pub current: PlanPrice,
    /// End of what is paid, UTC epoch ms.
    pub period_end: Option<i64>,
    pub trialing: bool,
    /// A change that is scheduled already, and that any other takes back.
    pub scheduled: Option<Scheduled>,
    pub offers: Vec<Offer>,
}

/// A change that happens by itself at the end of the period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduled {
    pub subscription_id: String,
    pub to: PlanPrice,
    /// UTC epoch ms.
    pub at: i64,
}

/// One line of the small receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptLine {
    pub label: String,
    pub amount: Money,
}

/// What a change would cost, as Stripe reckons it; nothing has happened yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    pub from: PlanPrice,
    pub to: PlanPrice,
    pub direction: Direction,
    pub trialing: bool,
    /// Charged today.
    pub today: Money,
    /// How today's sum comes about; empty where nothing is charged.
    pub lines: Vec<ReceiptLine>,
    /// From when the new price is charged, UTC epoch ms.
    pub from_at: i64,
    /// The first payment at that date where it differs from the price (tax, discount, credit).
    pub first: Option<Money>,
    /// What is kept as credit at Stripe, if the change costs less than nothing.
    pub credit: Option<Money>,
    pub card: Option<Card>,
    pub scheduled: Option<Scheduled>,
    /// What was shown, sealed; handed back when it is confirmed.
    pub seen: String,
}

/// What came of a confirmed change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Confirmed {
    Done,
    /// It counts once its payment is confirmed; the dashboard leads there.
    Waiting,
}

/// What can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Undo {
    /// A planned end: keep the membership.
    End,
    /// A scheduled change: stay on the plan.
    Schedule,
    /// A pause: resume now.
    Pause,
}

/// A pause that is offered to whoever is about to leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseOffer {
    pub months: u32,
    /// UTC epoch ms.
    pub returns_at: i64,
}

/// The page of whoever is about to leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    pub subscription_id: String,
    pub plan: PlanPrice,
    pub period_end: Option<i64>,
    pub pauses: Vec<PauseOffer>,
    /// Whether a pause leaves access as it is.
    pub pause_keeps: bool,
    /// A change that leaving takes back.
    pub scheduled: Option<Scheduled>,
}

/// What the pages need of the server. Every function takes whose it is.
#[async_trait]
pub trait ChangesPort: Send + Sync {
    async fn choices(&self, user_id: &str) -> Result<Choices, ChangeError>;

    /// What going to `price_id` would cost and when it counts. Changes nothing.
    async fn preview(&self, user_id: &str, price_id: &str) -> Result<Preview, ChangeError>;

    /// Does what the sealed preview `seen` showed, or says why not. Safe to send twice.
    async fn confirm(&self, user_id: &str, seen: &str) -> Result<Confirmed, ChangeError>;

    /// The price a sealed preview was about, so that a fresh one can be shown.
    async fn seen_price(&self, user_id: &str, seen: &str) -> Option<String>;

    async fn undo(
        &self,
        user_id: &str,
        subscription_id: &str,
        what: Undo,
    ) -> Result<(), ChangeError>;

    /// Goes on after a trial that Stripe paused for want of a card: a period of `amount` (minor
    /// units, as the button said) begins and is charged now. Safe to send twice.
    async fn go_on(
        &self,
        user_id: &str,
        subscription_id: &str,
        amount: i64,
    ) -> Result<Confirmed, ChangeError>;

    async fn leaving(&self, user_id: &str) -> Result<Leaving, ChangeError>;

    /// Pauses for so many months from the end of what is paid.
    async fn pause(
        &self,
        user_id: &str,
        subscription_id: &str,
        months: u32,
    ) -> Result<(), ChangeError>;

    /// The address of Stripe's own page for cancelling.
    async fn cancel_at_stripe(
        &self,
        user_id: &str,
        subscription_id: &str,
    ) -> Result<String, ChangeError>;
}
