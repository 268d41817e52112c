//! Whose a customer is, and the end of what they pay.

use super::{StripeClient, StripeError};
use async_trait::async_trait;
use std::collections::HashMap;
use stripe_billing::subscription::CancelSubscription;
use stripe_client_core::StripeRequest;
use stripe_core::customer::UpdateCustomer;

/// The key of a customer's metadata that names the account at Discord.
pub const DISCORD_USER: &str = "rollcall_discord_user";
/// The key of a company's customer that names the company.
pub const COMPANY: &str = "rollcall_company";

#[async_trait]
pub trait OwnersApi: Send + Sync {
    /// Writes the account at Discord into a customer's metadata; an empty one takes it out.
    async fn name_customer(
        &self,
        customer_id: &str,
        discord_id: &str,
        key: &str,
    ) -> Result<(), StripeError>;

    /// Ends a subscription at once: no proration, no last invoice
    /// (<https://docs.stripe.com/api/subscriptions/cancel>). One that is over is `Missing`.
    async fn cancel(&self, subscription_id: &str) -> Result<(), StripeError>;
}

#[async_trait]
impl OwnersApi for StripeClient {
    async fn name_customer(
        &self,
        customer_id: &str,
        discord_id: &str,
        key: &str,
    ) -> Result<(), StripeError> {
        let request = UpdateCustomer::new(customer_id)
            .metadata(HashMap::from([(
                DISCORD_USER.to_owned(),
                discord_id.to_owned(),
            )]))
            .build();
        let _: serde_json::Value = self.transport.send(&request, Some(key)).await?;
        Ok(())
    }

    async fn cancel(&self, subscription_id: &str) -> Result<(), StripeError> {
        let request = CancelSubscription::new(subscription_id).build();
        // Ending is ending however often it is asked: the key only lets a lost try be repeated.
        let key = format!("end-{subscription_id}");
        let _: serde_json::Value = self.transport.send(&request, Some(&key)).await?;
        Ok(())
    }
}
