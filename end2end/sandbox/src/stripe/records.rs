//! What the pretend Stripe holds. Moments are UTC epoch seconds, amounts minor units.

use serde_json::Value;

use super::{calendar::Interval, cards::CardKind, forms::Metadata, table::Row};

macro_rules! rows {
    ($($record:ty { $($owner:ident),* $(; $($maybe:ident),*)? })*) => {$(
        impl Row for $record {
            fn id(&self) -> &str { &self.id }
            fn created(&self) -> i64 { self.created }
            fn owners(&self) -> Vec<&str> {
                #[allow(unused_mut, clippy::allow_attributes, reason = "records without optional owners push none")]
                let mut owners: Vec<&str> = vec![$(self.$owner.as_str()),*];
                $($(owners.extend(self.$maybe.as_deref());)*)?
                owners
            }
        }
    )*};
}

rows! {
    Customer {}
    Product {}
    Price { product }
    PaymentMethod { ; customer }
    PaymentIntent { ; customer, invoice }
    SetupIntent { ; customer }
    Charge { payment_intent; customer, invoice }
    Refund { charge, payment_intent }
    Dispute { charge, payment_intent }
    Invoice { customer; subscription }
    InvoiceItem { customer, subscription }
    InvoicePayment { invoice, payment_intent }
    Subscription { customer }
    Session { ; customer }
    PortalConfiguration {}
    PortalSession { customer }
    Coupon {}
    PromotionCode { coupon }
    Schedule { customer, subscription }
}

#[derive(Clone, Debug)]
pub(super) struct Customer {
    pub id: String,
    pub created: i64,
    pub email: Option<String>,
    pub name: Option<String>,
    pub phone: Option<String>,
    pub description: Option<String>,
    pub metadata: Metadata,
    pub default_payment_method: Option<String>,
    pub delinquent: bool,
    pub deleted: bool,
    /// Negative: credit for later invoices.
    pub balance: i64,
    pub currency: Option<String>,
    pub address: Value,
    pub tax_ids: Vec<TaxId>,
    pub shipping: Value,
    pub locales: Vec<String>,
    pub tax_exempt: &'static str,
    pub invoice_prefix: String,
    pub next_invoice: i64,
}

#[derive(Clone, Debug)]
pub(super) struct TaxId {
    pub id: String,
    pub created: i64,
    /// `eu_vat`, `gb_vat`
    pub kind: &'static str,
    pub value: String,
}

/// What was typed at Checkout for a company.
#[derive(Clone, Debug)]
pub(super) struct Business {
    pub name: Option<String>,
    pub address: Value,
    pub tax_id: Option<TaxId>,
}

#[derive(Clone, Debug)]
pub(super) struct Product {
    pub id: String,
    pub created: i64,
    pub updated: i64,
    pub active: bool,
    pub deleted: bool,
    pub name: String,
    pub description: Option<String>,
    pub metadata: Metadata,
    pub default_price: Option<String>,
    pub images: Vec<String>,
    pub features: Vec<String>,
    pub statement_descriptor: Option<String>,
    pub tax_code: Option<String>,
    pub unit_label: Option<String>,
    pub url: Option<String>,
    pub shippable: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recurring {
    pub interval: Interval,
    pub count: i64,
    pub trial_days: Option<i64>,
}

#[derive(Clone, Debug)]
pub(super) struct Price {
    pub id: String,
    pub created: i64,
    pub active: bool,
    pub currency: String,
    pub unit_amount: i64,
    pub recurring: Option<Recurring>,
    pub lookup_key: Option<String>,
    pub nickname: Option<String>,
    pub metadata: Metadata,
    pub product: String,
    pub tax_behavior: &'static str,
}

#[derive(Clone, Debug)]
pub(super) struct PaymentMethod {
    pub id: String,
    pub created: i64,
    pub customer: Option<String>,
    pub card: CardKind,
    pub exp_month: i64,
    pub exp_year: i64,
    /// Set up for later payments by a completed authentication.
    pub authenticated: bool,
    pub email: Option<String>,
    pub name: Option<String>,
    pub metadata: Metadata,
}

#[derive(Clone, Debug)]
#[expect(
    clippy::struct_field_names,
    reason = "Stripe's word for the bank's own code"
)]
pub(super) struct Decline {
    pub code: &'static str,
    pub decline_code: Option<&'static str>,
    pub message: &'static str,
}

#[derive(Clone, Debug)]
pub(super) struct PaymentIntent {
    pub id: String,
    pub created: i64,
    pub secret: String,
    pub amount: i64,
    pub currency: String,
    pub customer: Option<String>,
    pub invoice: Option<String>,
    pub status: &'static str,
    pub payment_method: Option<String>,
    pub latest_charge: Option<String>,
    pub last_error: Option<Decline>,
    pub description: Option<String>,
    pub metadata: Metadata,
    pub save_card: bool,
    pub canceled_at: Option<i64>,
}

#[derive(Clone, Debug)]
pub(super) struct SetupIntent {
    pub id: String,
    pub created: i64,
    pub secret: String,
    pub customer: Option<String>,
    pub payment_method: Option<String>,
    pub status: &'static str,
    pub metadata: Metadata,
}

#[derive(Clone, Debug)]
pub(super) struct Charge {
    pub id: String,
    pub created: i64,
    pub amount: i64,
    pub refunded: i64,
    pub currency: String,
    pub customer: Option<String>,
    pub payment_intent: String,
    pub invoice: Option<String>,
    pub payment_method: String,
    pub card: CardKind,
    pub exp_month: i64,
    pub exp_year: i64,
    pub failure: Option<Decline>,
    /// A debit the bank has not answered yet.
    pub pending: bool,
    pub disputed: bool,
    pub description: Option<String>,
    pub email: Option<String>,
    pub name: Option<String>,
    pub metadata: Metadata,
    pub transaction: String,
}

#[derive(Clone, Debug)]
pub(super) struct Refund {
    pub id: String,
    pub created: i64,
    pub amount: i64,
    pub currency: String,
    pub charge: String,
    pub payment_intent: String,
    pub reason: Option<String>,
    pub metadata: Metadata,
    pub transaction: String,
    /// Why the bank sent the money back, and the transaction that brought it.
    pub failure: Option<(&'static str, String)>,
}

#[derive(Clone, Debug)]
pub(super) struct Dispute {
    pub id: String,
    pub created: i64,
    pub amount: i64,
    pub currency: String,
    pub charge: String,
    pub payment_intent: String,
    pub reason: String,
    pub status: &'static str,
    pub metadata: Metadata,
}

/// One line of an invoice; `amount` is before discounts.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub id: String,
    pub amount: i64,
    pub discount: i64,
    pub description: String,
    pub period: (i64, i64),
    pub quantity: i64,
    pub price: String,
    pub proration: bool,
    pub item: Option<String>,
    pub invoice_item: Option<String>,
    pub metadata: Metadata,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InvoiceStatus {
    Draft,
    Open,
    Paid,
    Void,
    Uncollectible,
}

impl InvoiceStatus {
    pub const NAMES: [&str; 5] = ["draft", "open", "paid", "void", "uncollectible"];

    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

#[derive(Clone, Debug)]
pub(super) struct Invoice {
    pub id: String,
    pub created: i64,
    pub customer: String,
    pub subscription: Option<String>,
    pub subscription_metadata: Metadata,
    pub currency: String,
    pub status: InvoiceStatus,
    pub reason: &'static str,
    pub lines: Vec<Line>,
    pub number: Option<String>,
    pub description: Option<String>,
    pub metadata: Metadata,
    pub auto_advance: bool,
    pub finalizes_at: Option<i64>,
    pub finalized_at: Option<i64>,
    pub paid_at: Option<i64>,
    pub voided_at: Option<i64>,
    pub uncollectible_at: Option<i64>,
    pub attempt_count: i64,
    pub attempted: bool,
    /// How many automatic retries are behind.
    pub retries: usize,
    pub next_attempt: Option<i64>,
    /// Customer balance before and, once finalised, after this invoice.
    pub starting_balance: i64,
    pub ending_balance: Option<i64>,
    pub amount_paid: i64,
    pub period: (i64, i64),
    pub payment_intent: Option<String>,
    pub discounts: Vec<Discount>,
    pub email: Option<String>,
    pub name: Option<String>,
    pub authenticating: Option<Authentication>,
    /// Why it could not be finalised.
    pub finalization_error: Option<&'static str>,
}

impl Invoice {
    /// The sum of the lines before discounts.
    pub fn subtotal(&self) -> i64 {
        self.lines.iter().map(|line| line.amount).sum()
    }

    pub fn discounted(&self) -> i64 {
        self.lines.iter().map(|line| line.discount).sum()
    }

    pub fn total(&self) -> i64 {
        self.subtotal() - self.discounted()
    }

    /// What is asked of the card: the total and what the customer's balance changes of it.
    pub fn due(&self) -> i64 {
        (self.total() + self.starting_balance).max(0)
    }

    pub fn remaining(&self) -> i64 {
        self.due() - self.amount_paid
    }
}

/// A proration that waits for the next invoice.
#[derive(Clone, Debug)]
pub(super) struct InvoiceItem {
    pub id: String,
    pub created: i64,
    pub customer: String,
    pub subscription: String,
    pub invoice: Option<String>,
    pub currency: String,
    pub line: Line,
}

#[derive(Clone, Debug)]
pub(super) struct InvoicePayment {
    pub id: String,
    pub created: i64,
    pub invoice: String,
    pub payment_intent: String,
    pub amount: i64,
    pub paid: Option<i64>,
    pub currency: String,
    pub status: &'static str,
    pub paid_at: Option<i64>,
    pub canceled_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Trialing,
    Active,
    PastDue,
    Unpaid,
    Canceled,
    Incomplete,
    IncompleteExpired,
    Paused,
}

impl Status {
    pub const NAMES: [&str; 8] = [
        "trialing",
        "active",
        "past_due",
        "unpaid",
        "canceled",
        "incomplete",
        "incomplete_expired",
        "paused",
    ];

    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Nothing happens to it any more.
    pub fn ended(self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Item {
    pub id: String,
    pub created: i64,
    pub price: String,
    pub quantity: i64,
    pub metadata: Metadata,
    pub period: (i64, i64),
}

#[derive(Clone, Debug)]
pub(super) struct Pause {
    pub behavior: &'static str,
    pub resumes_at: Option<i64>,
}

#[derive(Clone, Debug)]
pub(super) struct PendingUpdate {
    pub expires_at: i64,
    pub items: Vec<Item>,
    pub restarts: bool,
    pub invoice: String,
    pub trial_end: Option<i64>,
    /// Told by an event; false while the first attempt to pay is under way.
    pub shown: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Discount {
    pub id: String,
    pub coupon: String,
    pub promotion_code: Option<String>,
    pub start: i64,
    pub end: Option<i64>,
    /// A `once` coupon that has been used.
    pub spent: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub id: String,
    pub created: i64,
    pub customer: String,
    pub currency: String,
    pub status: Status,
    pub items: Vec<Item>,
    pub metadata: Metadata,
    pub description: Option<String>,
    pub default_payment_method: Option<String>,
    pub anchor: i64,
    pub start_date: i64,
    pub cancel_at: Option<i64>,
    pub cancel_at_period_end: bool,
    pub canceled_at: Option<i64>,
    pub ended_at: Option<i64>,
    pub cancel_reason: Option<&'static str>,
    pub cancel_comment: Option<String>,
    pub cancel_feedback: Option<String>,
    pub trial: Option<(i64, i64)>,
    pub trial_without_card: &'static str,
    pub latest_invoice: Option<String>,
    pub pause: Option<Pause>,
    pub pending_update: Option<PendingUpdate>,
    /// When its trial ended without a card, for which it is paused.
    pub paused_at: Option<i64>,
    pub resuming: Option<Resuming>,
    pub schedule: Option<String>,
    pub discounts: Vec<Discount>,
    pub billing_mode: &'static str,
    pub save_card: Option<&'static str>,
    pub automatic_tax: bool,
}

impl Subscription {
    /// The running period; every item of ours has the same.
    pub fn period(&self) -> (i64, i64) {
        self.items
            .first()
            .map_or((self.start_date, self.start_date), |item| item.period)
    }
}

/// What a paused subscription becomes when its resumption invoice is paid.
#[derive(Clone, Debug)]
pub(super) struct Resuming {
    pub invoice: String,
    pub items: Vec<Item>,
    pub anchor: i64,
    /// `resume_on_payment_success`: Stripe collects it, and until it is paid the pause goes on.
    pub on_success: bool,
}

/// A 3-D Secure question that a person has not answered yet.
#[derive(Clone, Debug)]
pub(super) struct Authentication {
    pub card: CardKind,
    pub exp_month: i64,
    pub exp_year: i64,
    pub email: String,
    pub name: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct SessionLine {
    pub id: String,
    pub price: String,
    pub quantity: i64,
    /// Smallest and largest quantity the person may choose.
    pub adjustable: Option<(i64, i64)>,
}

#[derive(Clone, Debug)]
pub(super) struct Session {
    pub id: String,
    pub created: i64,
    pub mode: &'static str,
    pub status: &'static str,
    pub payment_status: &'static str,
    pub lines: Vec<SessionLine>,
    pub customer: Option<String>,
    pub customer_email: Option<String>,
    pub customer_creation: Option<&'static str>,
    pub client_reference_id: Option<String>,
    pub success_url: String,
    pub cancel_url: Option<String>,
    pub metadata: Metadata,
    pub subscription_metadata: Metadata,
    pub subscription_description: Option<String>,
    pub trial_days: Option<i64>,
    pub trial_end: Option<i64>,
    pub trial_without_card: &'static str,
    pub payment_metadata: Metadata,
    pub payment_description: Option<String>,
    pub save_card: bool,
    pub allow_promotion_codes: Option<bool>,
    pub automatic_tax: bool,
    pub collection: &'static str,
    pub collects: super::checkout::Collects,
    /// `auto`, `required`
    pub address_collection: Option<&'static str>,
    pub business: Option<Business>,
    pub expires_at: i64,
    pub expired: bool,
    pub locale: Option<String>,
    pub currency: Option<String>,
    pub invoice: Option<String>,
    pub subscription: Option<String>,
    pub payment_intent: Option<String>,
    pub setup_intent: Option<String>,
    pub email: Option<String>,
    pub name: Option<String>,
    pub discounts: Vec<Discount>,
    pub authenticating: Option<Authentication>,
    /// What the hosted page has to say about the last attempt.
    pub notice: Option<String>,
}

#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the API's own"
)]
pub(super) struct PortalConfiguration {
    pub id: String,
    pub created: i64,
    pub updated: i64,
    pub active: bool,
    pub is_default: bool,
    pub name: Option<String>,
    pub return_url: Option<String>,
    pub headline: Option<String>,
    pub privacy_url: Option<String>,
    pub terms_url: Option<String>,
    pub login_page: bool,
    pub customer_update: Option<Vec<String>>,
    pub invoice_history: bool,
    pub card_update: bool,
    pub cancel: Option<PortalCancel>,
    pub update: Option<PortalUpdate>,
    pub metadata: Metadata,
}

#[derive(Clone, Debug)]
pub(super) struct PortalCancel {
    pub mode: &'static str,
    pub proration: &'static str,
    pub reasons: Option<Vec<String>>,
}

#[derive(Clone, Debug)]
pub(super) struct PortalUpdate {
    pub allowed: Vec<String>,
    pub proration: &'static str,
    /// Product and the prices one may change to.
    pub products: Vec<(String, Vec<String>)>,
}

#[derive(Clone, Debug)]
pub(super) struct PortalSession {
    pub id: String,
    pub created: i64,
    pub customer: String,
    pub configuration: String,
    pub return_url: Option<String>,
    pub locale: Option<String>,
    pub flow: Value,
    pub notice: Option<String>,
    pub authenticating: Option<Authentication>,
}

#[derive(Clone, Debug)]
pub(super) struct Coupon {
    pub id: String,
    pub created: i64,
    pub name: Option<String>,
    /// In hundredths of a percent.
    pub percent_off: Option<i32>,
    pub amount_off: Option<i64>,
    pub currency: Option<String>,
    pub duration: &'static str,
    pub months: Option<i64>,
    pub max_redemptions: Option<i64>,
    pub redeem_by: Option<i64>,
    pub redeemed: i64,
    /// `applies_to[products]`; none for every product.
    pub products: Option<Vec<String>>,
    pub metadata: Metadata,
    pub deleted: bool,
}

#[derive(Clone, Debug)]
pub(super) struct PromotionCode {
    pub id: String,
    pub created: i64,
    pub code: String,
    pub coupon: String,
    pub active: bool,
    pub customer: Option<String>,
    pub expires_at: Option<i64>,
    pub max_redemptions: Option<i64>,
    pub redeemed: i64,
    pub first_time: bool,
    /// The least amount, with its currency.
    pub minimum: Option<(i64, String)>,
    pub metadata: Metadata,
}

#[derive(Clone, Debug)]
pub(super) struct Phase {
    pub start: i64,
    pub end: i64,
    /// Price and quantity.
    pub items: Vec<(String, i64)>,
    pub proration: &'static str,
    pub metadata: Metadata,
    /// Ids of the subscription's discounts that hold in this phase; the others end with it.
    pub discounts: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Schedule {
    pub id: String,
    pub created: i64,
    pub customer: String,
    pub subscription: String,
    pub status: &'static str,
    pub end_behavior: &'static str,
    pub phases: Vec<Phase>,
    pub released_at: Option<i64>,
    pub canceled_at: Option<i64>,
    pub completed_at: Option<i64>,
    pub metadata: Metadata,
}
