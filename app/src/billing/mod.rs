//! The member's dashboard: what they have, what it costs, and why.

mod chain;
#[cfg(feature = "ssr")]
mod dashboard;
#[cfg(feature = "ssr")]
mod headline;
#[cfg(feature = "ssr")]
mod notices;
#[cfg(feature = "ssr")]
pub mod page;
#[cfg(feature = "ssr")]
mod particulars;
#[cfg(feature = "ssr")]
mod passes;
pub mod portal;
pub mod problem;
#[cfg(feature = "ssr")]
mod returned;
#[cfg(feature = "ssr")]
mod why;

#[cfg(feature = "ssr")]
pub use chain::StateWord;
pub use chain::{Link, Stop};
#[cfg(feature = "ssr")]
pub use dashboard::Invoices;
#[cfg(feature = "ssr")]
pub use headline::headline;

use crate::changes::{PlanPrice, Scheduled};
use crate::money::Money;
use crate::plans::Interval;
use crate::stripe::StripeTrouble;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// The membership in one word; decides sentence, colour and icon of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Never had one.
    None,
    /// Stripe has not confirmed the first payment yet.
    Activating,
    Active,
    Trial,
    /// Active, and ends on `Membership::ends_at`.
    Ending,
    /// A payment is missing; access stays until `Membership::grace_until`.
    PastDue,
    /// Paused at Stripe.
    Paused,
    /// Stripe paused it, because the trial ended and there was no card to charge.
    TrialOver,
    /// No subscription gives access, and a pass does: until `Membership::ends_at`, or for life.
    Pass,
    /// Had one; no access now.
    Ended,
    /// No access, because the payment for it is disputed, or went back.
    Withdrawn,
    /// Stripe says something we do not know: things stay as they are.
    Unclear,
}

/// The subscription the page is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Stripe's id of the subscription; empty for a pass.
    pub id: String,
    pub plan_name: String,
    pub price: Option<Money>,
    pub interval: Option<Interval>,
    /// Next charge, UTC epoch ms; none when it ends or is over.
    pub renews_at: Option<i64>,
    /// When access ends or ended, UTC epoch ms.
    pub ends_at: Option<i64>,
    pub trial_ends_at: Option<i64>,
    /// Until when access stays although a payment is missing, UTC epoch ms.
    pub grace_until: Option<i64>,
    /// When a pause ends by itself, UTC epoch ms.
    pub resumes_at: Option<i64>,
    /// A change that happens at the end of the period.
    pub scheduled: Option<Scheduled>,
    /// What may be done with it now.
    pub may: May,
}

impl Membership {
    /// It was paid once, and nothing of it renews.
    #[must_use]
    pub fn is_pass(&self) -> bool {
        self.id.is_empty()
    }

    /// What it is now, as far as a change goes.
    #[must_use]
    pub fn current(&self) -> Option<PlanPrice> {
        Some(PlanPrice {
            price_id: String::new(),
            plan_name: self.plan_name.clone(),
            amount: self.price.clone()?,
            interval: self.interval?,
        })
    }
}

/// What the buttons of the page may offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a button of its own")]
pub struct May {
    pub change: bool,
    pub cancel: bool,
    /// A pause is offered before cancelling.
    pub pause: bool,
    /// Take a planned end back.
    pub keep: bool,
    /// End a pause.
    pub resume: bool,
    /// Go on after a trial that ended without a card, now that there is one.
    pub go_on: bool,
}

/// A payment that is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// Stripe's page of the oldest open invoice.
    pub invoice: Option<String>,
}

/// What a change that was asked for waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// Stripe's answer was lost; it is looked up by itself.
    Answer,
    /// The bank wants the payment confirmed (3-D Secure).
    Bank,
    Funds,
    ExpiredCard,
    /// The card was declined for another reason.
    OtherCard,
    /// Its payment, for a reason Stripe does not tell.
    Payment,
}

/// A change that does not count yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingChange {
    /// Not another plan, but the first period after a trial.
    pub goes_on: bool,
    pub to: Option<PlanPrice>,
    pub waits_for: WaitsFor,
    /// When it lapses, UTC epoch ms.
    pub until: Option<i64>,
    /// Stripe's page where it is paid or confirmed.
    pub pay_url: Option<String>,
}

/// What the newest change came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Came {
    Upgraded,
    Scheduled,
    Stayed,
    Kept,
    Paused,
    Resumed,
    /// The first period after a trial is paid.
    WentOn,
    /// It was not paid in time, or never reached Stripe.
    Lapsed,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastChange {
    pub came: Came,
    pub from: Option<PlanPrice>,
    pub to: Option<PlanPrice>,
    /// UTC epoch ms.
    pub at: i64,
}

/// Another subscription that runs beside the one the page is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherLine {
    pub plan_name: String,
    pub price: Option<Money>,
    pub interval: Option<Interval>,
    /// Stripe's word for its state.
    pub status: String,
    /// End of its period, UTC epoch ms.
    pub until: Option<i64>,
    pub ends: bool,
}

/// One pass that was bought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassLine {
    /// Stripe's product id.
    pub plan_id: String,
    pub plan_name: String,
    /// What was paid for it, once.
    pub paid: Option<Money>,
    pub state: PassState,
    /// UTC epoch ms.
    pub starts_at: i64,
    /// UTC epoch ms; none for life.
    pub ends_at: Option<i64>,
}

/// What a pass does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassState {
    /// The bank has not confirmed its payment yet.
    Waiting,
    /// Gives access now.
    Running,
    /// Paid, and starts when another ends.
    Ahead,
    Over,
    /// Its payment failed, or was taken back: gives nothing.
    Void,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// "Visa"
    pub brand: String,
    pub last4: String,
    pub exp_month: u8,
    pub exp_year: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceLine {
    /// Stripe's number for people; a draft has none.
    pub number: Option<String>,
    /// UTC epoch ms.
    pub created_at: i64,
    pub total: Money,
    /// Stripe's word: `draft`, `open`, `paid`, `void`, `uncollectible`.
    pub status: String,
    /// Stripe's hosted page of it.
    pub url: Option<String>,
}

/// State of one station of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StationState {
    /// Green.
    Granted,
    /// Blue: under way, nothing to do.
    Waiting,
    /// Amber: something is asked of somebody.
    Attention,
    /// Red: over.
    Ended,
    /// Grey: not reached.
    Idle,
}

/// One station of *Payment → Membership → Discord*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Station {
    pub state: StationState,
    /// Says the state where the usual word would not: "Resting".
    pub word: Option<String>,
    /// What is so, in a sentence: "Stripe says: active."
    pub text: String,
    /// When we last learned it, UTC epoch ms.
    pub at: Option<i64>,
    /// What to do, when it is not green.
    pub advice: Option<String>,
}

/// One role and what Discord last said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleLine {
    /// The role's name in the server, or its id while unknown.
    pub name: String,
    pub state: StationState,
    /// "Discord confirmed", "Discord refused: …"
    pub text: String,
    pub at: Option<i64>,
}

/// One link of the answer to *why*: "Subscription sub_… is active" → "plan Patron" → ...
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyStep {
    /// `subscription`, `entitlement`, `role`, `discord`.
    pub kind: String,
    pub text: String,
    /// UTC epoch ms.
    pub at: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dashboard {
    pub standing: Standing,
    pub membership: Option<Membership>,
    /// Every pass, the newest first; beside a subscription or alone.
    pub passes: Vec<PassLine>,
    pub card: Option<Card>,
    /// Newest first, at most twelve.
    pub invoices: Vec<InvoiceLine>,
    /// False when Stripe could not be asked for them and none were kept.
    pub invoices_known: bool,
    pub payment: Station,
    pub access: Station,
    pub discord: Station,
    pub roles: Vec<RoleLine>,
    pub why: Vec<WhyStep>,
    pub pending: Option<PendingChange>,
    pub last_change: Option<LastChange>,
    pub others: Vec<OtherLine>,
    /// An invoice is open although its time has come.
    pub owed: Option<Owed>,
    /// There is a Stripe customer, so the portal can be opened.
    pub has_portal: bool,
    /// The person is not in the server and we hold no token to add them: offer "Join the server".
    pub must_join: bool,
    /// Why they are not in the server, as far as it is known.
    pub away: Away,
    /// When Stripe was last read for this payer, UTC epoch ms.
    pub read_at: Option<i64>,
}

/// How somebody came to be outside the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Away {
    /// Never seen in it; or they are in it.
    #[default]
    Not,
    /// They left, or were thrown out.
    Left,
    /// Discord says that they are banned, while their membership gives them access.
    Banned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum BillingError {
    #[error("nobody is signed in")]
    NotSignedIn,
    /// No Stripe customer yet, so there is nothing to manage.
    #[error("there is nothing to manage yet")]
    NoCustomer,
    #[error(transparent)]
    Stripe(#[from] StripeTrouble),
    /// The operator has not set the portal up at Stripe.
    #[error("the portal is not configured")]
    NotConfigured,
    /// Stripe has no such customer any more.
    #[error("the customer is gone at Stripe")]
    CustomerGone,
    #[error("too many tries; wait a minute")]
    TooMany,
    #[error("our own database did not answer")]
    Unavailable,
}

impl BillingError {
    /// What is not Stripe's.
    const OWN: [Self; 6] = [
        Self::NotSignedIn,
        Self::NoCustomer,
        Self::NotConfigured,
        Self::CustomerGone,
        Self::TooMany,
        Self::Unavailable,
    ];

    pub fn all() -> impl Iterator<Item = Self> {
        let of_stripe = StripeTrouble::ALL.into_iter().map(Self::Stripe);
        Self::OWN.into_iter().chain(of_stripe)
    }

    /// The word in `?problem=` of the dashboard.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::NotSignedIn => "sign-in",
            Self::NoCustomer => "no-customer",
            Self::Stripe(trouble) => trouble.slug(),
            Self::NotConfigured => "portal-not-configured",
            Self::CustomerGone => "customer-gone",
            Self::TooMany => "too-many",
            Self::Unavailable => "unavailable",
        }
    }

    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::all().find(|problem| problem.slug() == slug)
    }
}

/// Where in the portal a person is led.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortalPage {
    /// Cards and invoices.
    Home,
    /// Straight to another card, and back when that is done.
    Card,
}

/// What the dashboard needs of the server. Every function takes whose it is.
#[async_trait]
pub trait BillingPort: Send + Sync {
    async fn dashboard(&self, user_id: &str) -> Result<Dashboard, BillingError>;

    /// A new session of Stripe's portal, as an address to go to; comes back to
    /// `/billing?from=portal`.
    async fn portal(&self, user_id: &str, page: PortalPage) -> Result<String, BillingError>;

    /// The return from the portal: Stripe is read then and there under the payer's lease.
    async fn returned_from_portal(&self, user_id: &str) -> Result<(), BillingError>;
}
