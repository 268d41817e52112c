//! The dashboard: what a member has, what it costs, and why.

mod dashboard;
mod doings;
mod invoices;
mod passes;
mod portal;
mod rows;
mod stations;
mod words;

pub use portal::{BACK, Refused, open_portal, visit};

pub(crate) use dashboard::dashboard;
pub(crate) use doings::open_invoice;
pub(crate) use invoices::{
    brand as card_brand, card as payers_card, opened_card as card, recent as invoices,
};
pub(crate) use rows::{PayerRow, SubscriptionRow, payer, subscriptions};

use crate::patience::{self, Problem, patiently};
use crate::state::AppState;
use crate::stripe::{PortalFlow, StripeError};
use app::billing::{BillingError, BillingPort, Dashboard, PortalPage};
use app::stripe::StripeTrouble;
use async_trait::async_trait;

/// The server's side of [`BillingPort`].
pub struct Billing(pub AppState);

/// Any failure on the way to Stripe's portal or back, before it is told to the person.
pub type Failure = patience::Failure<BillingError>;

/// What a person who waited long enough is told.
const LATE: BillingError = BillingError::Stripe(StripeTrouble::TimedOut);

impl Problem for BillingError {
    const BUSY: Self = Self::Stripe(StripeTrouble::Busy);
    const UNAVAILABLE: Self = Self::Unavailable;
    // A session nobody was led to changes nothing.
    const UNKNOWN: Self = LATE;

    fn of_stripe(_: &StripeError) -> Option<Self> {
        None
    }

    fn slug(self) -> &'static str {
        self.slug()
    }

    fn trouble(self) -> Option<StripeTrouble> {
        match self {
            Self::Stripe(trouble) => Some(trouble),
            _ => None,
        }
    }
}

#[async_trait]
impl BillingPort for Billing {
    async fn dashboard(&self, user_id: &str) -> Result<Dashboard, BillingError> {
        dashboard::dashboard(&self.0, user_id)
            .await
            .map_err(|error| {
                tracing::error!(error = %error, "a dashboard cannot be read");
                BillingError::Unavailable
            })
    }

    async fn portal(&self, user_id: &str, page: PortalPage) -> Result<String, BillingError> {
        let (state, user_id) = (self.0.clone(), user_id.to_owned());
        let flow = match page {
            PortalPage::Home => None,
            PortalPage::Card => Some(PortalFlow::Card),
        };
        patiently("portal", LATE, async move {
            portal::portal(&state, &user_id, flow).await
        })
        .await
    }

    async fn returned_from_portal(&self, user_id: &str) -> Result<(), BillingError> {
        portal::returned(&self.0, user_id).await
    }
}
