//! Why an invoice is not paid yet.

use super::objects::{Expandable, Page};
use super::{StripeClient, StripeError};
use async_trait::async_trait;
use serde::Deserialize;
use stripe_client_core::{RequestBuilder, StripeMethod};

#[async_trait]
pub trait UnpaidApi: Send + Sync {
    /// Why an invoice is not paid yet: Stripe's code, `authentication_required` where a bank asks.
    async fn unpaid_because(&self, invoice_id: &str) -> Result<Option<String>, StripeError>;
}

#[derive(Deserialize)]
struct PaidWith {
    #[serde(default)]
    payments: Option<Page<InvoicePayment>>,
}

#[derive(Deserialize)]
struct InvoicePayment {
    payment: Payment,
}

#[derive(Deserialize)]
struct Payment {
    #[serde(default)]
    payment_intent: Option<Expandable<PaymentIntent>>,
}

#[derive(Deserialize)]
struct PaymentIntent {
    #[serde(default)]
    status: String,
    #[serde(default)]
    last_payment_error: Option<PaymentError>,
}

#[derive(Deserialize)]
struct PaymentError {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    decline_code: Option<String>,
}

impl PaymentIntent {
    fn because(&self) -> Option<String> {
        if self.status == "requires_action" {
            return Some("authentication_required".to_owned());
        }
        let error = self.last_payment_error.as_ref()?;
        match error.code.as_deref() {
            Some("card_declined") => error.decline_code.clone().or_else(|| error.code.clone()),
            _ => error.code.clone(),
        }
    }
}

#[async_trait]
impl UnpaidApi for StripeClient {
    async fn unpaid_because(&self, invoice_id: &str) -> Result<Option<String>, StripeError> {
        let mut request = RequestBuilder::new(StripeMethod::Get, format!("/invoices/{invoice_id}"));
        request.query = Some("expand[0]=payments.data.payment.payment_intent".to_owned());
        let Some(invoice) = self.found::<PaidWith>(&request).await? else {
            return Ok(None);
        };
        let payments = invoice.payments.map(|page| page.data).unwrap_or_default();
        Ok(payments
            .iter()
            .filter_map(|payment| payment.payment.payment_intent.as_ref()?.object())
            .find_map(PaymentIntent::because))
    }
}
