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
mod owners;
pub mod portal;
pub mod portal_configurations;
pub mod previews;
mod priority;
pub mod promotions;
mod rights;
pub mod schedules;
pub mod sessions;
mod transport;
mod unpaid;

pub use budget::Rate;
pub use changes::{ChangesApi, NewPrice, PlannedEnd};
pub use charges::ChargesApi;
pub use circuit::{Change, CircuitApi};
pub use client::StripeClient;
pub use endpoints::EndpointsApi;
pub use error::{FailureClass, StripeError};
pub use events::EventsApi;
pub use owners::{COMPANY, DISCORD_USER, OwnersApi};
pub use portal::{PortalApi, PortalFlow, PortalVisit};
pub use portal_configurations::PortalConfigurationsApi;
pub use previews::PreviewsApi;
pub use priority::Priority;
pub use promotions::PromotionsApi;
pub use rights::RightsApi;
pub use schedules::{NextPrice, SchedulesApi};
pub use sessions::{NewCheckout, SessionsApi};
pub use transport::{StripeConfig, Transport};
pub use unpaid::UnpaidApi;

use async_trait::async_trait;
use objects::{Account, Customer, Invoice, Price, Product, Subscription};

/// The version every request and our webhook endpoint name.
pub const API_VERSION: &str = "2026-09-30.endive";

/// What a new customer is told about its payer, so that a lost link can be rebuilt.
#[derive(Clone, Debug)]
pub struct NewCustomer {
    pub payer_id: String,
    pub of: CustomerOf,
    pub name: String,
    pub email: Option<String>,
}

/// Who is behind a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomerOf {
    Person { discord_user_id: String },
    Company { company_id: String },
}

/// Stripe, as far as Rollcall asks it. Every creating call takes a durable idempotency key.
#[async_trait]
pub trait StripeApi:
    ChangesApi
    + ChargesApi
    + CircuitApi
    + EndpointsApi
    + EventsApi
    + OwnersApi
    + PortalApi
    + PortalConfigurationsApi
    + PreviewsApi
    + PromotionsApi
    + RightsApi
    + SchedulesApi
    + SessionsApi
    + UnpaidApi
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
}
