//! What a change would cost: the invoice it would make, nothing happening.

use super::objects::Page;
use super::{NewPrice, StripeClient, StripeError};
use async_trait::async_trait;
use serde::Deserialize;
use stripe_billing::invoice::{
    CreatePreviewInvoice, CreatePreviewInvoiceSubscriptionDetails,
    CreatePreviewInvoiceSubscriptionDetailsItems,
    CreatePreviewInvoiceSubscriptionDetailsProrationBehavior as PreviewProration,
};
use stripe_client_core::{RequestBuilder, StripeRequest};

#[async_trait]
pub trait PreviewsApi: Send + Sync {
    /// The invoice a change at once would make (`always_invoice`), nothing happening.
    async fn preview_now(&self, change: &NewPrice) -> Result<PreviewInvoice, StripeError>;
    /// The next invoice if the price were the other one, without prorations.
    async fn preview_later(&self, change: &NewPrice) -> Result<PreviewInvoice, StripeError>;
}

/// An invoice that was never made. Amounts in minor units.
#[derive(Clone, Debug, Deserialize)]
pub struct PreviewInvoice {
    pub currency: String,
    pub total: i64,
    #[serde(default)]
    pub amount_due: i64,
    #[serde(default)]
    pub total_discount_amounts: Option<Vec<Amount>>,
    #[serde(default)]
    pub total_taxes: Option<Vec<Amount>>,
    pub lines: Page<PreviewLine>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Amount {
    pub amount: i64,
}

#[derive(Clone, Debug, Deserialize)]
pub struct PreviewLine {
    pub amount: i64,
    pub period: LinePeriod,
    #[serde(default)]
    pub pricing: Option<Pricing>,
}

/// Unix seconds.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct LinePeriod {
    pub start: i64,
    pub end: i64,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Pricing {
    #[serde(default)]
    pub price_details: Option<PriceDetails>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct PriceDetails {
    #[serde(default)]
    pub price: Option<String>,
}

impl PreviewLine {
    #[must_use]
    pub fn price_id(&self) -> Option<&str> {
        self.pricing
            .as_ref()?
            .price_details
            .as_ref()?
            .price
            .as_deref()
    }
}

fn preview(change: &NewPrice, proration: PreviewProration) -> RequestBuilder {
    let mut item = CreatePreviewInvoiceSubscriptionDetailsItems::new();
    item.id = Some(change.item_id.clone());
    item.price = Some(change.price_id.clone());
    item.quantity = u64::try_from(change.quantity).ok();
    let mut details = CreatePreviewInvoiceSubscriptionDetails::new();
    details.items = Some(vec![item]);
    if proration == PreviewProration::AlwaysInvoice {
        details.proration_date = Some(change.proration_date);
    }
    details.proration_behavior = Some(proration);
    CreatePreviewInvoice::new()
        .subscription(&change.subscription_id)
        .subscription_details(details)
        .build()
}

#[async_trait]
impl PreviewsApi for StripeClient {
    async fn preview_now(&self, change: &NewPrice) -> Result<PreviewInvoice, StripeError> {
        let request = preview(change, PreviewProration::AlwaysInvoice);
        self.transport.send(&request, None).await
    }

    async fn preview_later(&self, change: &NewPrice) -> Result<PreviewInvoice, StripeError> {
        let request = preview(change, PreviewProration::None);
        self.transport.send(&request, None).await
    }
}
