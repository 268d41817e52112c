//! Events as Stripe keeps them, 30 days long.

use super::objects::Page;
use super::{StripeClient, StripeError};
use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_core::event::RetrieveEvent;

/// The events we live by: what the webhook endpoint is subscribed to and what the cursor reads.
/// Endpoints take no wildcards but `*` alone.
pub const SUBSCRIBED: [&str; 31] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "customer.deleted",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.finalization_failed",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "price.created",
    "price.updated",
    "price.deleted",
    "product.created",
    "product.updated",
    "product.deleted",
];

/// `types` takes up to 20 names (Stripe's reference, "List all events").
pub const TYPES_AT_ONCE: usize = 20;

/// Which events, newest first.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// At most [`TYPES_AT_ONCE`]; none: all.
    pub types: &'a [&'a str],
    /// Created then or later, Unix seconds.
    pub from: Option<i64>,
    /// Those that come after this event in the list, that is: older ones.
    pub after: Option<&'a str>,
    /// At most 100.
    pub limit: i64,
}

#[async_trait]
pub trait EventsApi: Send + Sync {
    /// One page, each event as Stripe sends it to an endpoint.
    async fn events(&self, asked: Asked<'_>) -> Result<Page<Value>, StripeError>;
    /// `None`: Stripe does not know the id, or has forgotten it.
    async fn event(&self, id: &str) -> Result<Option<Value>, StripeError>;
}

/// The builder of the library wants a type of a crate that we do not name otherwise.
#[derive(Serialize)]
struct Query<'a> {
    limit: i64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    types: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Since>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starting_after: Option<&'a str>,
}

#[derive(Serialize)]
struct Since {
    gte: i64,
}

#[async_trait]
impl EventsApi for StripeClient {
    async fn events(&self, asked: Asked<'_>) -> Result<Page<Value>, StripeError> {
        let query = Query {
            limit: asked.limit,
            types: asked.types,
            created: asked.from.map(|gte| Since { gte }),
            starting_after: asked.after,
        };
        let request = RequestBuilder::new(StripeMethod::Get, "/events").query(&query);
        self.transport.send(&request, None).await
    }

    async fn event(&self, id: &str) -> Result<Option<Value>, StripeError> {
        self.found(&RetrieveEvent::new(id).build()).await
    }
}
