//! The parts of Stripe's objects that Rollcall uses, decoded leniently: a field that another
//! API version leaves out, or a new value, does not fail the object. Times are Unix seconds.

pub use super::changes::{PauseCollection, PendingUpdate};
pub use super::schedules::Schedule;

use serde::Deserialize;
use std::collections::HashMap;

#[derive(Debug, Clone, Deserialize)]
pub struct Account {
    pub id: String,
    /// Whether it may take payments.
    #[serde(default)]
    pub charges_enabled: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Customer {
    pub id: String,
    #[serde(default)]
    pub deleted: bool,
    #[serde(default)]
    pub metadata: HashMap<String, String>,
    #[serde(default)]
    pub invoice_settings: Option<InvoiceSettings>,
}

#[derive(Clone, Deserialize)]
pub struct InvoiceSettings {
    /// What is charged where a subscription names nothing of its own.
    #[serde(default)]
    pub default_payment_method: Option<Expandable<PaymentMethod>>,
}

/// Customers are printed in places; their cards never.
impl std::fmt::Debug for InvoiceSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InvoiceSettings").finish_non_exhaustive()
    }
}

/// A field that is an id, or the object when it was expanded.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Expandable<T> {
    Id(String),
    Object(Box<T>),
}

impl<T> Expandable<T> {
    #[must_use]
    pub fn object(&self) -> Option<&T> {
        match self {
            Self::Id(_) => None,
            Self::Object(object) => Some(object),
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, Deserialize)]
pub struct Page<T> {
    pub data: Vec<T>,
    #[serde(default)]
    pub has_more: bool,
}

#[derive(Clone, Deserialize)]
pub struct Subscription {
    pub id: String,
    pub status: String,
    pub customer: Expandable<Customer>,
    #[serde(default)]
    pub cancel_at: Option<i64>,
    #[serde(default)]
    pub cancel_at_period_end: bool,
    #[serde(default)]
    pub ended_at: Option<i64>,
    #[serde(default)]
    pub trial_end: Option<i64>,
    #[serde(default)]
    pub pause_collection: Option<PauseCollection>,
    /// Expanded in lists.
    #[serde(default)]
    pub schedule: Option<Expandable<Schedule>>,
    /// A change that counts when it is paid.
    #[serde(default)]
    pub pending_update: Option<PendingUpdate>,
    pub created: i64,
    pub items: Page<Item>,
    #[serde(default)]
    pub default_payment_method: Option<Expandable<PaymentMethod>>,
    #[serde(default)]
    pub latest_invoice: Option<Expandable<Invoice>>,
    #[serde(default)]
    pub status_details: Option<StatusDetails>,
}

/// What `status` does not say. Since API 2026-09-30.
#[derive(Clone, Deserialize)]
pub struct StatusDetails {
    #[serde(default)]
    pub paused: Option<PausedDetails>,
}

#[derive(Clone, Deserialize)]
pub struct PausedDetails {
    #[serde(default)]
    pub subscription: Option<PauseReason>,
}

#[derive(Clone, Deserialize)]
pub struct PauseReason {
    /// `trial_end_without_payment_method`, `pause_requested`, …
    #[serde(rename = "type")]
    pub kind: String,
}

impl Subscription {
    /// Why it is paused, in Stripe's word.
    #[must_use]
    pub fn paused_because(&self) -> Option<&str> {
        let details = self.status_details.as_ref()?.paused.as_ref()?;
        Some(&details.subscription.as_ref()?.kind)
    }
}

/// Since API 2025-03-31 the period lives on the item.
#[derive(Clone, Deserialize)]
pub struct Item {
    pub id: String,
    pub price: Price,
    #[serde(default)]
    pub quantity: Option<i64>,
    #[serde(default)]
    pub current_period_start: Option<i64>,
    #[serde(default)]
    pub current_period_end: Option<i64>,
}

#[derive(Clone, Deserialize)]
pub struct PaymentMethod {
    #[serde(default)]
    pub card: Option<CardDetails>,
}

#[derive(Clone, Deserialize)]
pub struct CardDetails {
    pub brand: String,
    pub last4: String,
    pub exp_month: u8,
    pub exp_year: u16,
}

#[derive(Clone, Deserialize)]
pub struct Invoice {
    pub id: String,
    #[serde(default)]
    pub number: Option<String>,
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default)]
    pub total: i64,
    pub currency: String,
    pub created: i64,
    #[serde(default)]
    pub due_date: Option<i64>,
    #[serde(default)]
    pub hosted_invoice_url: Option<String>,
    #[serde(default)]
    pub status_transitions: Transitions,
    #[serde(default)]
    pub last_finalization_error: Option<FinalizationError>,
    #[serde(default)]
    pub parent: Option<InvoiceParent>,
    #[serde(default)]
    pub lines: Option<Page<super::charges::Line>>,
}

impl Invoice {
    #[must_use]
    pub fn is_paid(&self) -> bool {
        self.status.as_deref() == Some("paid")
    }

    /// Whether it bills something that lasts to that moment, Unix seconds.
    #[must_use]
    pub fn reaches(&self, end: i64) -> bool {
        let lines = self.lines.iter().flat_map(|lines| &lines.data);
        lines
            .filter(|line| line.amount >= 0)
            .any(|line| line.period.end == end)
    }

    /// The subscription it bills (`parent.subscription_details.subscription`).
    #[must_use]
    pub fn subscription_id(&self) -> Option<&str> {
        self.parent.as_ref()?.subscription_id()
    }
}

#[derive(Clone, Debug, Deserialize)]
pub struct FinalizationError {
    #[serde(default)]
    pub code: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
pub struct Transitions {
    #[serde(default)]
    pub finalized_at: Option<i64>,
}

#[derive(Clone, Deserialize)]
pub struct InvoiceParent {
    #[serde(default)]
    pub subscription_details: Option<SubscriptionDetails>,
}

impl InvoiceParent {
    #[must_use]
    pub fn subscription_id(&self) -> Option<&str> {
        match &self.subscription_details.as_ref()?.subscription {
            Expandable::Id(id) => Some(id),
            Expandable::Object(value) => value.get("id")?.as_str(),
        }
    }
}

#[derive(Clone, Deserialize)]
pub struct SubscriptionDetails {
    pub subscription: Expandable<serde_json::Value>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Product {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub description: Option<String>,
    pub active: bool,
    #[serde(default)]
    pub metadata: HashMap<String, String>,
    #[serde(default)]
    pub marketing_features: Vec<Feature>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Feature {
    #[serde(default)]
    pub name: Option<String>,
}

#[derive(Clone, Deserialize)]
pub struct Price {
    pub id: String,
    pub product: Expandable<Product>,
    pub currency: String,
    #[serde(default)]
    pub unit_amount: Option<i64>,
    #[serde(default)]
    pub recurring: Option<Recurring>,
    /// `exclusive`, `inclusive`, `unspecified`.
    #[serde(default)]
    pub tax_behavior: Option<String>,
}

impl Price {
    #[must_use]
    pub fn product_id(&self) -> &str {
        match &self.product {
            Expandable::Id(id) => id,
            Expandable::Object(product) => &product.id,
        }
    }
}

#[derive(Clone, Deserialize)]
pub struct Recurring {
    pub interval: String,
    #[serde(default)]
    pub interval_count: Option<i64>,
}

#[derive(Clone, Deserialize)]
pub struct CheckoutSession {
    pub id: String,
    #[serde(default)]
    pub customer: Option<Expandable<Customer>>,
    #[serde(default)]
    pub client_reference_id: Option<String>,
    /// `payment`, `subscription`, `setup`.
    #[serde(default)]
    pub mode: Option<String>,
    /// `open`, `complete`, `expired`.
    #[serde(default)]
    pub status: Option<String>,
    /// `paid`, `unpaid`, `no_payment_required`.
    #[serde(default)]
    pub payment_status: Option<String>,
    #[serde(default)]
    pub payment_intent: Option<Expandable<PaymentIntent>>,
    #[serde(default)]
    pub amount_total: Option<i64>,
    #[serde(default)]
    pub currency: Option<String>,
    #[serde(default)]
    pub metadata: HashMap<String, String>,
    /// Gone once the session is over.
    #[serde(default)]
    pub url: Option<String>,
    pub created: i64,
    pub expires_at: i64,
}

/// A payment, made or tried.
#[derive(Clone, Deserialize)]
pub struct PaymentIntent {
    pub id: String,
    /// `requires_payment_method` (nothing tried, or it failed), `processing` (a bank takes its
    /// time), `succeeded`, `canceled`, and others.
    pub status: String,
    pub created: i64,
    #[serde(default)]
    pub latest_charge: Option<Expandable<ChargedAt>>,
    #[serde(default)]
    pub last_payment_error: Option<PaymentError>,
}

#[derive(Clone, Deserialize)]
pub struct ChargedAt {
    pub id: String,
    pub created: i64,
}

/// Why a payment did not go through, in Stripe's words (<https://docs.stripe.com/error-codes>,
/// <https://docs.stripe.com/declines/codes>).
#[derive(Clone, Debug, Default, Deserialize)]
pub struct PaymentError {
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub decline_code: Option<String>,
}

impl CheckoutSession {
    #[must_use]
    pub fn customer_id(&self) -> Option<&str> {
        match self.customer.as_ref()? {
            Expandable::Id(id) => Some(id),
            Expandable::Object(customer) => Some(&customer.id),
        }
    }
}

#[derive(Deserialize)]
pub struct PortalSession {
    pub url: String,
}
