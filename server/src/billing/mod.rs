//! The dashboard: what a member has, what it costs, and why.

mod dashboard;
mod doings;
mod invoices;
mod passes;
mod portal;
mod rows;
mod stations;
mod words;

pub use portal::{Refused, open_portal};

pub(crate) use invoices::{brand as card_brand, opened_card as card};

use crate::state::AppState;
use app::billing::{BillingError, BillingPort, Dashboard, PortalPage};
use async_trait::async_trait;

/// The server's side of [`BillingPort`].
pub struct Billing(pub AppState);

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
        portal::portal(&self.0, user_id, page).await
    }

    async fn returned_from_portal(&self, user_id: &str) -> Result<(), BillingError> {
        portal::returned(&self.0, user_id).await
    }
}
