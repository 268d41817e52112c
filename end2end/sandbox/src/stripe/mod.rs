//! Stripe, played: a deterministic state machine behind its REST protocol.
//!
//! Time comes from the caller (`now_ms`, `advance`), chance from the seed. What is not played is refused, never
//! silently ignored: an unlisted parameter answers `parameter_unknown`, an unlisted address 404.

mod account;
mod api;
mod calendar;
mod cards;
mod catalogue;
mod checkout;
mod control;
mod customers;
mod demo;
mod discounts;
mod errors;
mod events;
mod expand;
mod forms;
mod ids;
mod invoices;
mod pages;
mod pagination;
mod payments;
mod portal;
mod prices;
mod records;
mod schedules;
mod state;
mod subscriptions;
mod table;
mod timers;
mod webhooks;

use std::collections::{BTreeSet, HashMap};

pub use cards::CardKind;
pub use demo::DemoRoles;
pub use webhooks::{Delivery, DeliveryFaults, sign};

use api::Kept;
use events::EventLog;
use ids::Ids;
use records::{
    Charge, Coupon, Customer, Dispute, Invoice, InvoiceItem, InvoicePayment, PaymentIntent,
    PaymentMethod, PortalConfiguration, PortalSession, Price, Product, PromotionCode, Refund,
    Schedule, Session, SetupIntent, Subscription,
};
use table::Table;
use timers::Timers;
use webhooks::{Endpoint, Outbox};

/// The API version whose shapes are played.
pub const API_VERSION: &str = "2026-09-30.endive";

/// What happens to a subscription when the last retry of its invoice has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterLastRetry {
    #[default]
    Cancel,
    MarkUnpaid,
    LeavePastDue,
}

/// What an operator sets in Stripe's Dashboard.
#[derive(Clone, Debug)]
pub struct Settings {
    pub api_key: String,
    pub after_last_retry: AfterLastRetry,
    /// Days between the payment attempts of an invoice.
    pub retry_days: Vec<i64>,
    pub business_name: String,
    /// Whether the account may take payments: not before its owner finished activating it.
    pub charges_enabled: bool,
    /// A first payment by bank debit makes a subscription `active` as soon as it is under way, and
    /// not only when the bank has answered: Stripe's documents tell of both.
    pub debit_activates: bool,
    /// Why an invoice that Stripe finalises by itself cannot be, as when tax cannot be computed.
    pub finalization_error: Option<&'static str>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            api_key: "sk_test_sandbox".into(),
            after_last_retry: AfterLastRetry::default(),
            retry_days: vec![3, 5, 7],
            business_name: "The Revenue Council".into(),
            charges_enabled: true,
            debit_activates: false,
            finalization_error: None,
        }
    }
}

/// Which request caused what is happening now; empty when Stripe itself did.
#[derive(Clone, Debug, Default)]
struct Cause {
    request: Option<String>,
    key: Option<String>,
}

/// Everything Stripe holds.
#[derive(Debug)]
pub struct Stripe {
    pub settings: Settings,
    base: String,
    now_ms: i64,
    account_id: String,
    ids: Ids,
    request_ids: Ids,
    chance: Ids,
    cause: Cause,
    timers: Timers,
    kept: HashMap<String, Kept>,
    events: EventLog,
    outbox: Outbox,
    endpoints: Table<Endpoint>,
    customers: Table<Customer>,
    /// Customers that are answered as if nobody had ever made them.
    unknown: BTreeSet<String>,
    products: Table<Product>,
    prices: Table<Price>,
    methods: Table<PaymentMethod>,
    intents: Table<PaymentIntent>,
    setup_intents: Table<SetupIntent>,
    charges: Table<Charge>,
    refunds: Table<Refund>,
    disputes: Table<Dispute>,
    invoices: Table<Invoice>,
    invoice_items: Table<InvoiceItem>,
    invoice_payments: Table<InvoicePayment>,
    /// Statuses said of subscriptions instead of their own: words of a Stripe to come.
    said: HashMap<String, String>,
    subscriptions: Table<Subscription>,
    /// Subscription of every item ever made.
    item_homes: HashMap<String, String>,
    sessions: Table<Session>,
    portal_configurations: Table<PortalConfiguration>,
    portal_sessions: Table<PortalSession>,
    coupons: Table<Coupon>,
    promotion_codes: Table<PromotionCode>,
    schedules: Table<Schedule>,
}

impl Stripe {
    /// `base` is the address of the hosted pages, without a trailing slash.
    #[must_use]
    pub fn new(seed: u64, base: &str) -> Self {
        let mut ids = Ids::new(seed, 1);
        Self {
            settings: Settings::default(),
            base: base.to_owned(),
            now_ms: 0,
            account_id: ids.plain("acct_1", 15),
            ids,
            request_ids: Ids::new(seed, 2),
            chance: Ids::new(seed, 3),
            cause: Cause::default(),
            timers: Timers::default(),
            kept: HashMap::new(),
            events: EventLog::default(),
            outbox: Outbox::default(),
            endpoints: Table::default(),
            customers: Table::default(),
            unknown: BTreeSet::new(),
            products: Table::default(),
            prices: Table::default(),
            methods: Table::default(),
            intents: Table::default(),
            setup_intents: Table::default(),
            charges: Table::default(),
            refunds: Table::default(),
            disputes: Table::default(),
            invoices: Table::default(),
            invoice_items: Table::default(),
            invoice_payments: Table::default(),
            said: HashMap::new(),
            subscriptions: Table::default(),
            item_homes: HashMap::new(),
            sessions: Table::default(),
            portal_configurations: Table::default(),
            portal_sessions: Table::default(),
            coupons: Table::default(),
            promotion_codes: Table::default(),
            schedules: Table::default(),
        }
    }

    /// The account's id, `acct_…`.
    #[must_use]
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// Sets the address of the hosted pages, when it is known only after listening.
    pub fn set_base(&mut self, base: &str) {
        base.clone_into(&mut self.base);
    }

    /// Now in UTC epoch seconds, as Stripe stamps.
    fn stamp(&self) -> i64 {
        self.now_ms.div_euclid(1000)
    }
}
