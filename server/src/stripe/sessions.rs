//! Checkout Sessions: opening, reading and ending them, and what a customer's were paid for.

use super::objects::{CheckoutSession, Page, PaymentIntent};
use super::{StripeClient, StripeError};
use app::company::{FEWEST, MOST};
use app::plans::PassLength;
use async_trait::async_trait;
use std::collections::HashMap;
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionAutomaticTax, CreateCheckoutSessionCustomerUpdate,
    CreateCheckoutSessionCustomerUpdateAddress, CreateCheckoutSessionCustomerUpdateName,
    CreateCheckoutSessionDiscounts, CreateCheckoutSessionLineItems,
    CreateCheckoutSessionLineItemsAdjustableQuantity, CreateCheckoutSessionPaymentIntentData,
    CreateCheckoutSessionSubscriptionData, CreateCheckoutSessionTaxIdCollection,
    ExpireCheckoutSession, ListCheckoutSession, RetrieveCheckoutSession,
};
use stripe_checkout::checkout_session::{
    CreateCheckoutSessionSubscriptionDataTrialSettings as TrialSettings,
    CreateCheckoutSessionSubscriptionDataTrialSettingsEndBehavior as TrialEnd,
    CreateCheckoutSessionSubscriptionDataTrialSettingsEndBehaviorMissingPaymentMethod as MissingPaymentMethod,
};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};

/// Metadata of a session: our payer's id.
pub const PAYER: &str = "rollcall_payer";
/// Metadata of a pass's session: the plan, Stripe's product id.
pub const PLAN: &str = "rollcall_plan";
/// Metadata of a pass's session: days, or `life`, as they were sold.
pub const PASS_DAYS: &str = "rollcall_pass_days";
/// Metadata of a pass's session: Stripe's price id.
pub const PRICE: &str = "rollcall_price";

/// What a session sells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sold {
    Subscription {
        trial_days: Option<u32>,
    },
    /// One payment for a plan, which stands in the metadata of session and payment, so that what
    /// was bought can be told from Stripe alone.
    Pass {
        plan_id: String,
        length: PassLength,
    },
}

/// Promotion codes in a session. Stripe takes one of the two, not both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codes {
    None,
    /// They can be typed in on the page.
    Typed,
    /// This one, by Stripe's id.
    Applied(String),
}

/// A Checkout Session to be opened.
#[derive(Clone, Debug)]
pub struct NewCheckout {
    pub customer_id: String,
    pub payer_id: String,
    /// Our checkout's id; goes to `client_reference_id`.
    pub checkout_id: String,
    pub price_id: String,
    pub sold: Sold,
    /// For a company: so many to begin with, which it can change on Stripe's page. Its tax id and
    /// address are asked for there, and kept with the customer.
    pub seats: Option<u64>,
    pub codes: Codes,
    /// Stripe works tax out, and keeps the address it asks for with the customer.
    pub automatic_tax: bool,
    pub success_url: String,
    pub cancel_url: String,
    /// Unix seconds.
    pub expires_at: i64,
}

#[async_trait]
pub trait SessionsApi: Send + Sync {
    async fn create_checkout(
        &self,
        new: &NewCheckout,
        key: &str,
    ) -> Result<CheckoutSession, StripeError>;
    /// `None`: Stripe does not know the id.
    async fn checkout(&self, session_id: &str) -> Result<Option<CheckoutSession>, StripeError>;
    /// Ends an open session. One that is complete or expired already is an error of class
    /// [`FailureClass::NeedsPerson`](super::FailureClass::NeedsPerson) whose truth a read tells.
    async fn expire_checkout(&self, session_id: &str) -> Result<(), StripeError>;
    /// A customer's complete sessions, every page, with payment intent and latest charge expanded.
    async fn complete_checkouts(
        &self,
        customer_id: &str,
    ) -> Result<Vec<CheckoutSession>, StripeError>;
    /// A customer's newest payments, tried or made.
    async fn recent_payments(&self, customer_id: &str) -> Result<Vec<PaymentIntent>, StripeError>;
}

fn request(new: &NewCheckout) -> CreateCheckoutSession {
    let mut item = CreateCheckoutSessionLineItems::new();
    item.price = Some(new.price_id.clone());
    item.quantity = Some(new.seats.unwrap_or(1));
    item.adjustable_quantity = new.seats.map(|_| {
        let mut range = CreateCheckoutSessionLineItemsAdjustableQuantity::new(true);
        range.minimum = Some(FEWEST);
        range.maximum = Some(MOST);
        range
    });
    let mut metadata = HashMap::from([(PAYER.to_owned(), new.payer_id.clone())]);
    let mut request = CreateCheckoutSession::new()
        .customer(&new.customer_id)
        .client_reference_id(&new.checkout_id)
        .line_items(vec![item])
        .success_url(&new.success_url)
        .cancel_url(&new.cancel_url)
        .expires_at(new.expires_at);
    request = match &new.sold {
        Sold::Subscription { trial_days } => {
            let mut data = CreateCheckoutSessionSubscriptionData::new();
            data.metadata = Some(metadata.clone());
            data.trial_period_days = *trial_days;
            // Whoever takes the card away is neither charged nor past due when the trial ends.
            data.trial_settings =
                trial_days.map(|_| TrialSettings::new(TrialEnd::new(MissingPaymentMethod::Pause)));
            request
                .mode(stripe_shared::CheckoutSessionMode::Subscription)
                .subscription_data(data)
        }
        Sold::Pass { plan_id, length } => {
            metadata.insert(PLAN.to_owned(), plan_id.clone());
            metadata.insert(PASS_DAYS.to_owned(), length.word());
            metadata.insert(PRICE.to_owned(), new.price_id.clone());
            let mut data = CreateCheckoutSessionPaymentIntentData::new();
            data.metadata = Some(metadata.clone());
            request
                .mode(stripe_shared::CheckoutSessionMode::Payment)
                .payment_intent_data(data)
        }
    };
    request = match &new.codes {
        Codes::None => request,
        Codes::Typed => request.allow_promotion_codes(true),
        Codes::Applied(id) => {
            let mut discount = CreateCheckoutSessionDiscounts::new();
            discount.promotion_code = Some(id.clone());
            request.discounts(vec![discount])
        }
    };
    address(request, new).metadata(metadata)
}

/// What Stripe asks for of whoever pays, and may keep with the customer: it collects a tax id of an
/// existing one only if it may write its name.
fn address(mut request: CreateCheckoutSession, new: &NewCheckout) -> CreateCheckoutSession {
    if new.automatic_tax {
        request = request.automatic_tax(CreateCheckoutSessionAutomaticTax::new(true));
    }
    let mut update = CreateCheckoutSessionCustomerUpdate::new();
    if new.automatic_tax || new.seats.is_some() {
        update.address = Some(CreateCheckoutSessionCustomerUpdateAddress::Auto);
    }
    if new.seats.is_some() {
        update.name = Some(CreateCheckoutSessionCustomerUpdateName::Auto);
        request = request
            .tax_id_collection(CreateCheckoutSessionTaxIdCollection::new(true))
            .billing_address_collection(
                stripe_shared::CheckoutSessionBillingAddressCollection::Required,
            );
    }
    if update.address.is_some() {
        request = request.customer_update(update);
    }
    request
}

#[derive(serde::Serialize)]
struct OfCustomer<'a> {
    customer: &'a str,
    limit: u8,
}

#[async_trait]
impl SessionsApi for StripeClient {
    async fn create_checkout(
        &self,
        new: &NewCheckout,
        key: &str,
    ) -> Result<CheckoutSession, StripeError> {
        self.transport.send(&request(new).build(), Some(key)).await
    }

    async fn checkout(&self, session_id: &str) -> Result<Option<CheckoutSession>, StripeError> {
        self.found(&RetrieveCheckoutSession::new(session_id).build())
            .await
    }

    async fn expire_checkout(&self, session_id: &str) -> Result<(), StripeError> {
        let request = ExpireCheckoutSession::new(session_id).build();
        let key = format!("expire-{session_id}");
        let _: serde_json::Value = self.transport.send(&request, Some(&key)).await?;
        Ok(())
    }

    async fn complete_checkouts(
        &self,
        customer_id: &str,
    ) -> Result<Vec<CheckoutSession>, StripeError> {
        self.all(
            |session: &CheckoutSession| &session.id,
            |after| {
                let request = ListCheckoutSession::new()
                    .customer(customer_id)
                    .status(stripe_shared::CheckoutSessionStatus::Complete)
                    .limit(super::client::PAGE)
                    .expand(["data.payment_intent.latest_charge".to_owned()]);
                match after {
                    Some(id) => request.starting_after(id).build(),
                    None => request.build(),
                }
            },
        )
        .await
    }

    async fn recent_payments(&self, customer_id: &str) -> Result<Vec<PaymentIntent>, StripeError> {
        let query = OfCustomer {
            customer: customer_id,
            limit: 10,
        };
        let request = RequestBuilder::new(StripeMethod::Get, "/payment_intents").query(&query);
        let page: Page<PaymentIntent> = self.transport.send(&request, None).await?;
        Ok(page.data)
    }
}
