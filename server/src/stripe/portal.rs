//! Stripe's customer portal: sessions that lead straight to the page that is asked for.

use super::objects::PortalSession;
use super::{StripeClient, StripeError};
use async_trait::async_trait;
use stripe_billing::billing_portal_session::{
    CreateBillingPortalSession, CreateBillingPortalSessionFlowData,
    CreateBillingPortalSessionFlowDataAfterCompletion,
    CreateBillingPortalSessionFlowDataAfterCompletionRedirect,
    CreateBillingPortalSessionFlowDataAfterCompletionType as AfterCompletion,
    CreateBillingPortalSessionFlowDataSubscriptionCancel,
    CreateBillingPortalSessionFlowDataType as FlowType,
};
use stripe_client_core::StripeRequest;

/// A visit of the portal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalVisit {
    pub customer_id: String,
    /// Our own configuration; without one Stripe's default.
    pub configuration: Option<String>,
    pub return_url: String,
    pub flow: Option<PortalFlow>,
}

/// The one thing the person came for; done, they are led back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortalFlow {
    Card,
    Cancel { subscription_id: String },
}

#[async_trait]
pub trait PortalApi: Send + Sync {
    /// The address of a new portal session.
    async fn portal(&self, visit: &PortalVisit) -> Result<String, StripeError>;
}

fn flow_data(flow: &PortalFlow, return_url: &str) -> CreateBillingPortalSessionFlowData {
    let mut after =
        CreateBillingPortalSessionFlowDataAfterCompletion::new(AfterCompletion::Redirect);
    after.redirect =
        Some(CreateBillingPortalSessionFlowDataAfterCompletionRedirect::new(return_url));
    let mut data = CreateBillingPortalSessionFlowData::new(match flow {
        PortalFlow::Card => FlowType::PaymentMethodUpdate,
        PortalFlow::Cancel { .. } => FlowType::SubscriptionCancel,
    });
    if let PortalFlow::Cancel { subscription_id } = flow {
        data.subscription_cancel = Some(CreateBillingPortalSessionFlowDataSubscriptionCancel::new(
            subscription_id,
        ));
    }
    data.after_completion = Some(after);
    data
}

#[async_trait]
impl PortalApi for StripeClient {
    async fn portal(&self, visit: &PortalVisit) -> Result<String, StripeError> {
        let mut request = CreateBillingPortalSession::new()
            .customer(&visit.customer_id)
            .return_url(&visit.return_url);
        if let Some(configuration) = &visit.configuration {
            request = request.configuration(configuration);
        }
        if let Some(flow) = &visit.flow {
            request = request.flow_data(flow_data(flow, &visit.return_url));
        }
        let session: PortalSession = self.transport.send(&request.build(), None).await?;
        Ok(session.url)
    }
}
