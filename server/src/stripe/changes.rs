//! Changes of a running subscription: the calls and their objects.
//!
//! The library's builders cannot clear a field: those requests are small forms of ours.

use super::objects::{Expandable, Price, Subscription};
use super::{StripeClient, StripeError};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stripe_billing::subscription::{
    ResumeSubscription, ResumeSubscriptionBillingCycleAnchor,
    ResumeSubscriptionBillingCycleAnchorType, ResumeSubscriptionPaymentBehavior,
    UpdateSubscription, UpdateSubscriptionItems, UpdateSubscriptionPaymentBehavior,
    UpdateSubscriptionProrationBehavior,
};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};

/// Another price for a subscription's one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPrice {
    pub subscription_id: String,
    pub item_id: String,
    pub price_id: String,
    pub quantity: i64,
    /// Unix seconds: what is shown and what is charged are reckoned from the same moment.
    pub proration_date: i64,
}

/// What ends a subscription, to be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlannedEnd {
    CancelAt,
    CancelAtPeriodEnd,
}

/// Changes of subscriptions. Every call that changes takes a durable idempotency key.
#[async_trait]
pub trait ChangesApi: Send + Sync {
    /// Changes at once; what has to be paid for it is paid first (`pending_if_incomplete`).
    async fn change_now(&self, change: &NewPrice, key: &str) -> Result<Subscription, StripeError>;
    /// Takes a planned end back.
    async fn keep(
        &self,
        subscription_id: &str,
        end: PlannedEnd,
        key: &str,
    ) -> Result<(), StripeError>;
    /// Pauses collection until `resumes_at` (Unix seconds); invoices meanwhile are voided.
    async fn pause(
        &self,
        subscription_id: &str,
        resumes_at: i64,
        key: &str,
    ) -> Result<(), StripeError>;
    /// Ends a pause of collection.
    async fn resume(&self, subscription_id: &str, key: &str) -> Result<(), StripeError>;
    /// Goes on with a subscription whose status is `paused`: a period begins now and is charged
    /// here; until that is paid it stays paused, and Stripe tries again.
    async fn go_on(&self, subscription_id: &str, key: &str) -> Result<Subscription, StripeError>;
}

/// `pause_collection`: nothing is collected until `resumes_at` (Unix seconds), if there is one.
#[derive(Clone, Debug, Deserialize)]
pub struct PauseCollection {
    /// `keep_as_draft`, `mark_uncollectible`, `void`.
    #[serde(default)]
    pub behavior: Option<String>,
    #[serde(default)]
    pub resumes_at: Option<i64>,
}

/// A change that counts once its invoice is paid, until it expires (Unix seconds).
#[derive(Clone, Deserialize)]
pub struct PendingUpdate {
    pub expires_at: i64,
    #[serde(default)]
    pub subscription_items: Option<Vec<PlannedItem>>,
}

/// An item of a phase or of a pending update.
#[derive(Clone, Deserialize)]
pub struct PlannedItem {
    pub price: Expandable<Price>,
    #[serde(default)]
    pub quantity: Option<i64>,
}

impl PlannedItem {
    #[must_use]
    pub fn price_id(&self) -> &str {
        match &self.price {
            Expandable::Id(id) => id,
            Expandable::Object(price) => &price.id,
        }
    }
}

pub(super) fn path(collection: &str, id: &str, action: &str) -> RequestBuilder {
    RequestBuilder::new(StripeMethod::Post, format!("/{collection}/{id}{action}"))
}

#[derive(Serialize)]
struct ClearCancelAt {
    /// Empty: no end any more.
    cancel_at: &'static str,
}

#[derive(Serialize)]
struct Renew {
    cancel_at_period_end: bool,
}

#[derive(Serialize)]
struct ClearPause {
    /// Empty: no pause any more.
    pause_collection: &'static str,
}

#[derive(Serialize)]
struct SetPause {
    pause_collection: Pause,
}

#[derive(Serialize)]
struct Pause {
    behavior: &'static str,
    resumes_at: i64,
}

#[async_trait]
impl ChangesApi for StripeClient {
    async fn change_now(&self, change: &NewPrice, key: &str) -> Result<Subscription, StripeError> {
        let mut item = UpdateSubscriptionItems::new();
        item.id = Some(change.item_id.clone());
        item.price = Some(change.price_id.clone());
        item.quantity = u64::try_from(change.quantity).ok();
        let request = UpdateSubscription::new(change.subscription_id.as_str())
            .items(vec![item])
            .proration_behavior(UpdateSubscriptionProrationBehavior::AlwaysInvoice)
            .payment_behavior(UpdateSubscriptionPaymentBehavior::PendingIfIncomplete)
            .proration_date(change.proration_date)
            .expand(["latest_invoice".to_owned()])
            .build();
        self.transport.send(&request, Some(key)).await
    }

    async fn keep(
        &self,
        subscription_id: &str,
        end: PlannedEnd,
        key: &str,
    ) -> Result<(), StripeError> {
        let request = path("subscriptions", subscription_id, "");
        let request = match end {
            PlannedEnd::CancelAt => request.form(&ClearCancelAt { cancel_at: "" }),
            PlannedEnd::CancelAtPeriodEnd => request.form(&Renew {
                cancel_at_period_end: false,
            }),
        };
        let _: serde_json::Value = self.transport.send(&request, Some(key)).await?;
        Ok(())
    }

    async fn pause(
        &self,
        subscription_id: &str,
        resumes_at: i64,
        key: &str,
    ) -> Result<(), StripeError> {
        let request = path("subscriptions", subscription_id, "").form(&SetPause {
            pause_collection: Pause {
                behavior: "void",
                resumes_at,
            },
        });
        let _: serde_json::Value = self.transport.send(&request, Some(key)).await?;
        Ok(())
    }

    async fn resume(&self, subscription_id: &str, key: &str) -> Result<(), StripeError> {
        let request = path("subscriptions", subscription_id, "").form(&ClearPause {
            pause_collection: "",
        });
        let _: serde_json::Value = self.transport.send(&request, Some(key)).await?;
        Ok(())
    }

    async fn go_on(&self, subscription_id: &str, key: &str) -> Result<Subscription, StripeError> {
        let request = ResumeSubscription::new(subscription_id)
            .billing_cycle_anchor(ResumeSubscriptionBillingCycleAnchor::new(
                ResumeSubscriptionBillingCycleAnchorType::Now,
            ))
            .payment_behavior(ResumeSubscriptionPaymentBehavior::ResumeOnPaymentSuccess)
            .build();
        self.transport.send(&request, Some(key)).await
    }
}
