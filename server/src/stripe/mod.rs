//! The door to Stripe: one trait, the real client, and the small lenient structs its answers
//! are decoded into. Nothing outside this folder speaks HTTP to Stripe.

mod budget;
pub mod changes;
pub mod charges;
mod circuit;
mod client;
pub mod endpoints;
pub mod error;
pub mod events;
pub mod objects;
pub mod portal;
pub mod portal_configurations;
mod priority;
mod transport;

pub use budget::Rate;
pub use changes::{ChangesApi, NewPrice, NextPrice, PlannedEnd};
pub use charges::ChargesApi;
pub use circuit::{Change, CircuitApi};
pub use client::StripeClient;
pub use endpoints::EndpointsApi;
pub use error::{FailureClass, StripeError};
pub use events::EventsApi;
pub use portal::{PortalApi, PortalFlow, PortalVisit};
pub use portal_configurations::PortalConfigurationsApi;
pub use priority::Priority;
pub use transport::{StripeConfig, Transport};

use async_trait::async_trait;
use objects::{Account, CheckoutSession, Customer, Invoice, Price, Product, Subscription};

/// The version every request and our webhook endpoint name.
pub const API_VERSION: &str = "2026-09-30.endive";

/// What a new customer is told about its payer, so that a lost link can be rebuilt.
#[derive(Clone, Debug)]
pub struct NewCustomer {
    pub payer_id: String,
    pub discord_user_id: String,
    pub name: String,
    pub email: Option<String>,
}

/// A Checkout Session to be opened.
#[derive(Clone, Debug)]
pub struct NewCheckout {
    pub customer_id: String,
    pub payer_id: String,
    /// Our checkout's id; goes to `client_reference_id`.
    pub checkout_id: String,
    pub price_id: String,
    pub trial_days: Option<u32>,
    pub success_url: String,
    pub cancel_url: String,
    /// Unix seconds.
    pub expires_at: i64,
}

/// Stripe, as far as Rollcall asks it. Every creating call takes a durable idempotency key.
#[async_trait]
pub trait StripeApi:
    ChangesApi
    + ChargesApi
    + CircuitApi
    + EndpointsApi
    + EventsApi
    + PortalApi
    + PortalConfigurationsApi
    + Send
    + Sync
{
    async fn account(&self) -> Result<Account, StripeError>;
    /// `None`: Stripe does not know the id. A deleted customer is `Some` with `deleted`.
    async fn customer(&self, id: &str) -> Result<Option<Customer>, StripeError>;
    async fn create_customer(&self, new: &NewCustomer, key: &str) -> Result<Customer, StripeError>;
    /// All of a customer's subscriptions, whatever their status, every page, with the default
    /// payment method, the latest invoice and the schedule expanded.
    async fn subscriptions(&self, customer_id: &str) -> Result<Vec<Subscription>, StripeError>;
    /// A customer's open invoices, every page.
    async fn open_invoices(&self, customer_id: &str) -> Result<Vec<Invoice>, StripeError>;
    /// A customer's newest invoices.
    async fn recent_invoices(
        &self,
        customer_id: &str,
        limit: u8,
    ) -> Result<Vec<Invoice>, StripeError>;
    /// Every product, active or not.
    async fn products(&self) -> Result<Vec<Product>, StripeError>;
    /// Every active price.
    async fn prices(&self) -> Result<Vec<Price>, StripeError>;
    async fn create_checkout(
        &self,
        new: &NewCheckout,
        key: &str,
    ) -> Result<CheckoutSession, StripeError>;
    /// `None`: Stripe does not know the id.
    async fn checkout(&self, session_id: &str) -> Result<Option<CheckoutSession>, StripeError>;
    /// Ends an open session. One that is complete or expired already is an error of class
    /// [`FailureClass::NeedsPerson`] whose truth a read tells.
    async fn expire_checkout(&self, session_id: &str) -> Result<(), StripeError>;
}
