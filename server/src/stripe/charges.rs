//! What became of a payment: the charge, its disputes, and the invoice it paid.

use super::objects::{Expandable, Page};
use super::{StripeClient, StripeError};
use async_trait::async_trait;
use serde::Deserialize;
use stripe_billing::invoice_payment::{
    ListInvoicePayment, ListInvoicePaymentPayment, ListInvoicePaymentPaymentType,
};
use stripe_client_core::StripeRequest;
use stripe_core::charge::{ListCharge, RetrieveCharge};
use stripe_core::dispute::ListDispute;
use stripe_core::refund::ListRefund;

#[derive(Clone, Debug, Deserialize)]
pub struct Charge {
    pub id: String,
    #[serde(default)]
    pub customer: Option<Expandable<super::objects::Customer>>,
    #[serde(default)]
    pub payment_intent: Option<String>,
    /// Minor units.
    #[serde(default)]
    pub amount: i64,
    #[serde(default)]
    pub amount_refunded: i64,
    /// Refunded in full.
    #[serde(default)]
    pub refunded: bool,
    #[serde(default)]
    pub disputed: bool,
}

impl Charge {
    #[must_use]
    pub fn customer_id(&self) -> Option<&str> {
        match self.customer.as_ref()? {
            Expandable::Id(id) => Some(id),
            Expandable::Object(customer) => Some(&customer.id),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
pub struct Refund {
    pub id: String,
    #[serde(default)]
    pub amount: i64,
    /// `pending`, `requires_action`, `succeeded`, `failed`, `canceled`
    #[serde(default)]
    pub status: Option<String>,
}

impl Refund {
    /// Whether the money went, or is on its way. One that failed or was cancelled came back
    /// (<https://docs.stripe.com/refunds#failed-refunds>).
    #[must_use]
    pub fn counts(&self) -> bool {
        !matches!(self.status.as_deref(), Some("failed" | "canceled"))
    }
}

#[derive(Clone, Debug, Deserialize)]
pub struct Dispute {
    pub id: String,
    pub status: String,
}

/// Which invoice a payment went to.
#[derive(Clone, Deserialize)]
pub struct InvoicePayment {
    pub id: String,
    pub invoice: Expandable<PaidInvoice>,
}

#[derive(Clone, Deserialize)]
pub struct PaidInvoice {
    pub id: String,
    #[serde(default)]
    pub parent: Option<super::objects::InvoiceParent>,
    pub lines: Page<Line>,
}

impl PaidInvoice {
    /// The subscription it bills (`parent.subscription_details.subscription`).
    #[must_use]
    pub fn subscription_id(&self) -> Option<&str> {
        self.parent.as_ref()?.subscription_id()
    }
}

#[derive(Clone, Deserialize)]
pub struct Line {
    #[serde(default)]
    pub amount: i64,
    pub period: Period,
}

/// Unix seconds.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Period {
    pub start: i64,
    pub end: i64,
}

#[async_trait]
pub trait ChargesApi: Send + Sync {
    /// `None`: Stripe does not know the id.
    async fn charge(&self, id: &str) -> Result<Option<Charge>, StripeError>;
    /// Every charge of a customer.
    async fn charges(&self, customer_id: &str) -> Result<Vec<Charge>, StripeError>;
    /// Every refund of a charge.
    async fn refunds(&self, charge_id: &str) -> Result<Vec<Refund>, StripeError>;
    /// Every dispute of a charge.
    async fn disputes(&self, charge_id: &str) -> Result<Vec<Dispute>, StripeError>;
    /// The invoices a payment intent paid, with their lines.
    async fn invoices_paid_by(
        &self,
        payment_intent: &str,
    ) -> Result<Vec<InvoicePayment>, StripeError>;
}

#[async_trait]
impl ChargesApi for StripeClient {
    async fn charge(&self, id: &str) -> Result<Option<Charge>, StripeError> {
        self.found(&RetrieveCharge::new(id).build()).await
    }

    async fn charges(&self, customer_id: &str) -> Result<Vec<Charge>, StripeError> {
        self.all(
            |charge: &Charge| &charge.id,
            |after| {
                let request = ListCharge::new()
                    .customer(customer_id)
                    .limit(super::client::PAGE);
                match after {
                    Some(id) => request.starting_after(id).build(),
                    None => request.build(),
                }
            },
        )
        .await
    }

    async fn refunds(&self, charge_id: &str) -> Result<Vec<Refund>, StripeError> {
        self.all(
            |refund: &Refund| &refund.id,
            |after| {
                let request = ListRefund::new()
                    .charge(charge_id)
                    .limit(super::client::PAGE);
                match after {
                    Some(id) => request.starting_after(id).build(),
                    None => request.build(),
                }
            },
        )
        .await
    }

    async fn disputes(&self, charge_id: &str) -> Result<Vec<Dispute>, StripeError> {
        self.all(
            |dispute: &Dispute| &dispute.id,
            |after| {
                let request = ListDispute::new()
                    .charge(charge_id)
                    .limit(super::client::PAGE);
                match after {
                    Some(id) => request.starting_after(id).build(),
                    None => request.build(),
                }
            },
        )
        .await
    }

    async fn invoices_paid_by(
        &self,
        payment_intent: &str,
    ) -> Result<Vec<InvoicePayment>, StripeError> {
        self.all(
            |payment: &InvoicePayment| &payment.id,
            |after| {
                let mut of =
                    ListInvoicePaymentPayment::new(ListInvoicePaymentPaymentType::PaymentIntent);
                of.payment_intent = Some(payment_intent.to_owned());
                let request = ListInvoicePayment::new()
                    .payment(of)
                    .limit(super::client::PAGE)
                    .expand(["data.invoice".to_owned()]);
                match after {
                    Some(id) => request.starting_after(id).build(),
                    None => request.build(),
                }
            },
        )
        .await
    }
}
