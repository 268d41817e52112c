//! Everything as JSON, for the world page and for tests that look behind the protocol.

use serde_json::{Value, json};

use super::{
    Stripe, catalogue::render_product, customers::render_customer, prices::render_price,
    webhooks::render_endpoint,
};

/// Rows of each kind shown, newest first; `…_total` tells how many there are.
const SHOWN: usize = 500;

/// One object from several: `json!` takes only so many keys at once.
pub(super) fn joined<const N: usize>(parts: [Value; N]) -> Value {
    let mut whole = serde_json::Map::new();
    for part in parts {
        if let Value::Object(part) = part {
            whole.extend(part);
        }
    }
    Value::Object(whole)
}

impl Stripe {
    /// Everything Stripe holds: the newest 500 of each kind, newest first.
    #[must_use]
    pub fn state_json(&self) -> Value {
        let events: Vec<Value> = self
            .events
            .iter()
            .rev()
            .take(SHOWN)
            .map(|event| {
                json!({
                    "id": event.id,
                    "type": event.kind,
                    "created": event.created,
                    "object": event.object,
                    "customer": event.customer,
                    "deliveries": self.deliveries_state(&event.deliveries),
                })
            })
            .collect();
        let endpoints: Vec<Value> = self
            .endpoints
            .iter()
            .filter(|endpoint| !endpoint.deleted)
            .map(|endpoint| {
                let mut body = render_endpoint(endpoint);
                body["secret"] = endpoint.secret.as_str().into();
                body
            })
            .collect();
        let newest = |rows: Vec<Value>| Value::Array(rows);
        json!({
            "account": self.account_id,
            "api_key": self.settings.api_key,
            "api_version": super::API_VERSION,
            "now": self.stamp(),
            "next_due_ms": self.next_due_ms(),
            "faults": self.delivery_faults(),
            "customers": newest(self.customers.iter().rev().take(SHOWN).map(render_customer).collect()),
            "customers_total": self.customers.len(),
            "products": newest(self.products.iter().rev().take(SHOWN).map(render_product).collect()),
            "prices": newest(self.prices.iter().rev().take(SHOWN).map(render_price).collect()),
            "subscriptions": newest(
                self.subscriptions.iter().rev().take(SHOWN).map(|row| self.render_subscription(row)).collect()
            ),
            "subscriptions_total": self.subscriptions.len(),
            "invoices": newest(self.invoices.iter().rev().take(SHOWN).map(|row| self.render_invoice(row)).collect()),
            "invoices_total": self.invoices.len(),
            "charges": newest(self.charges.iter().rev().take(SHOWN).map(|row| self.render_charge(row)).collect()),
            "refunds": newest(self.refunds.iter().rev().take(SHOWN).map(Self::render_refund).collect()),
            "disputes": newest(self.disputes.iter().rev().take(SHOWN).map(Self::render_dispute).collect()),
            "payment_methods": newest(self.methods.iter().rev().take(SHOWN).map(Self::render_method).collect()),
            "sessions": newest(self.sessions.iter().rev().take(SHOWN).map(|row| self.render_session(row)).collect()),
            "portal_sessions": newest(
                self.portal_sessions.iter().rev().take(SHOWN).map(|row| self.render_portal_session(row)).collect()
            ),
            "events": events,
            "events_total": self.events.made(),
            "webhook_endpoints": endpoints,
            "webhook_secret": self.endpoints.iter().find(|row| !row.deleted).map(|row| row.secret.as_str()),
        })
    }
}
