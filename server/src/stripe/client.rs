//! The real Stripe: typed request builders, sent over our own transport.

use super::objects::{Account, Customer, Invoice, Page, Price, Product, Subscription};
use super::{
    COMPANY, CustomerOf, DISCORD_USER, NewCustomer, StripeApi, StripeConfig, StripeError, Transport,
};
use crate::clock::Clock;
use crate::rng::Rng;
use crate::wire::Wire;
use async_trait::async_trait;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::Arc;
use stripe_billing::invoice::ListInvoice;
use stripe_billing::subscription::{ListSubscription, ListSubscriptionStatus};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_core::customer::{CreateCustomer, RetrieveCustomer};
use stripe_product::price::ListPrice;
use stripe_product::product::ListProduct;

pub(super) const PAGE: i64 = 100;

pub struct StripeClient {
    pub(super) transport: Transport,
}

impl StripeClient {
    #[must_use]
    pub fn new(config: StripeConfig, wire: Arc<dyn Wire>, clock: Arc<dyn Clock>, rng: Rng) -> Self {
        Self {
            transport: Transport::new(config, wire, clock, rng),
        }
    }

    /// Every page of a list; `page` builds the request that starts after an id.
    pub(super) async fn all<T: DeserializeOwned>(
        &self,
        id_of: impl Fn(&T) -> &str,
        page: impl Fn(Option<&str>) -> RequestBuilder,
    ) -> Result<Vec<T>, StripeError> {
        let mut all: Vec<T> = Vec::new();
        loop {
            let after = all.last().map(|last| id_of(last).to_owned());
            let got: Page<T> = self.transport.send(&page(after.as_deref()), None).await?;
            let more = got.has_more && !got.data.is_empty();
            all.extend(got.data);
            if !more {
                return Ok(all);
            }
        }
    }

    pub(super) async fn found<T: DeserializeOwned>(
        &self,
        request: &RequestBuilder,
    ) -> Result<Option<T>, StripeError> {
        match self.transport.send(request, None).await {
            Ok(object) => Ok(Some(object)),
            Err(StripeError::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn ours(payer_id: &str) -> HashMap<String, String> {
    HashMap::from([("rollcall_payer".to_owned(), payer_id.to_owned())])
}

#[async_trait]
impl StripeApi for StripeClient {
    async fn account(&self) -> Result<Account, StripeError> {
        let request = RequestBuilder::new(StripeMethod::Get, "/account");
        self.transport.send(&request, None).await
    }

    async fn customer(&self, id: &str) -> Result<Option<Customer>, StripeError> {
        self.found(&RetrieveCustomer::new(id).build()).await
    }

    async fn create_customer(&self, new: &NewCustomer, key: &str) -> Result<Customer, StripeError> {
        let mut metadata = ours(&new.payer_id);
        let (name, id) = match &new.of {
            CustomerOf::Person { discord_user_id } => (DISCORD_USER, discord_user_id),
            CustomerOf::Company { company_id } => (COMPANY, company_id),
        };
        metadata.insert(name.to_owned(), id.clone());
        let mut request = CreateCustomer::new().name(&new.name).metadata(metadata);
        if let Some(email) = &new.email {
            request = request.email(email);
        }
        self.transport.send(&request.build(), Some(key)).await
    }

    async fn subscriptions(&self, customer_id: &str) -> Result<Vec<Subscription>, StripeError> {
        self.all(
            |subscription: &Subscription| &subscription.id,
            |after| {
                let request = ListSubscription::new()
                    .customer(customer_id)
                    .status(ListSubscriptionStatus::All)
                    .limit(PAGE)
                    .expand([
                        "data.default_payment_method".to_owned(),
                        "data.latest_invoice".to_owned(),
                        // Tells whether it was deleted.
                        "data.customer".to_owned(),
                        "data.customer.invoice_settings.default_payment_method".to_owned(),
                        "data.schedule".to_owned(),
                    ]);
                match after {
                    Some(id) => request.starting_after(id).build(),
                    None => request.build(),
                }
            },
        )
        .await
    }

    async fn open_invoices(&self, customer_id: &str) -> Result<Vec<Invoice>, StripeError> {
        self.all(
            |invoice: &Invoice| &invoice.id,
            |after| {
                let request = ListInvoice::new()
                    .customer(customer_id)
                    .status(stripe_shared::InvoiceStatus::Open)
                    .limit(PAGE);
                match after {
                    Some(id) => request.starting_after(id).build(),
                    None => request.build(),
                }
            },
        )
        .await
    }

    async fn recent_invoices(
        &self,
        customer_id: &str,
        limit: u8,
    ) -> Result<Vec<Invoice>, StripeError> {
        let request = ListInvoice::new()
            .customer(customer_id)
            .limit(i64::from(limit))
            .build();
        let page: Page<Invoice> = self.transport.send(&request, None).await?;
        Ok(page.data)
    }

    async fn products(&self) -> Result<Vec<Product>, StripeError> {
        self.all(
            |product: &Product| &product.id,
            |after| match after {
                Some(id) => ListProduct::new().limit(PAGE).starting_after(id).build(),
                None => ListProduct::new().limit(PAGE).build(),
            },
        )
        .await
    }

    async fn prices(&self) -> Result<Vec<Price>, StripeError> {
        self.all(
            |price: &Price| &price.id,
            |after| {
                let request = ListPrice::new().active(true).limit(PAGE);
                match after {
                    Some(id) => request.starting_after(id).build(),
                    None => request.build(),
                }
            },
        )
        .await
    }
}
