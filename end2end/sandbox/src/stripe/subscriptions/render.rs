//! The JSON of subscriptions.

use serde_json::{Value, json};

use super::super::{
    Stripe,
    prices::{render_plan, render_price},
    records::{Item, Subscription},
    state::joined,
};

impl Stripe {
    pub(in crate::stripe) fn render_subscription(&self, row: &Subscription) -> Value {
        let items: Vec<Value> = row
            .items
            .iter()
            .map(|item| self.render_item(&row.id, item))
            .collect();
        let pending = row.pending_update.as_ref().map(|pending| {
            let items: Vec<Value> = pending
                .items
                .iter()
                .map(|item| self.render_item(&row.id, item))
                .collect();
            json!({
                "billing_cycle_anchor": null,
                "discount": null,
                "discounts": null,
                "expires_at": pending.expires_at,
                "metadata": null,
                "subscription_items": items,
                "trial_end": pending.trial_end,
                "trial_from_plan": null,
            })
        });
        let mode = if row.billing_mode == "flexible" {
            json!({ "flexible": { "proration_discounts": "included" }, "type": "flexible" })
        } else {
            json!({ "flexible": null, "type": "classic" })
        };
        let first = json!({
            "id": row.id,
            "object": "subscription",
            "application": null,
            "application_fee_percent": null,
            "automatic_tax": { "disabled_reason": null, "enabled": row.automatic_tax, "liability": null },
            "billing_cycle_anchor": row.anchor,
            "billing_cycle_anchor_config": null,
            "billing_mode": mode,
            "billing_schedules": [],
            "billing_thresholds": null,
            "cancel_at": row.cancel_at,
            "cancel_at_period_end": row.cancel_at_period_end,
            "canceled_at": row.canceled_at,
            "cancellation_details": {
                "comment": row.cancel_comment,
                "feedback": row.cancel_feedback,
                "reason": row.cancel_reason,
            },
            "collection_method": "charge_automatically",
            "created": row.created,
            "currency": row.currency,
            "customer": row.customer,
            "customer_account": null,
            "days_until_due": null,
            "default_payment_method": row.default_payment_method,
            "default_source": null,
            "default_tax_rates": [],
            "description": row.description,
            "discounts": row.discounts.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(),
            "ended_at": row.ended_at,
        });
        let second = json!({
            "invoice_settings": {
                "account_tax_ids": null,
                "custom_fields": null,
                "description": null,
                "footer": null,
                "issuer": { "type": "self" },
            },
            "items": {
                "object": "list",
                "data": items,
                "has_more": false,
                "url": format!("/v1/subscription_items?subscription={}", row.id),
            },
            "latest_invoice": row.latest_invoice,
            "livemode": false,
            "managed_payments": null,
            "metadata": row.metadata,
            "next_pending_invoice_item_invoice": null,
            "on_behalf_of": null,
            "pause_collection": row.pause.as_ref().map(|pause| json!({
                "behavior": pause.behavior, "resumes_at": pause.resumes_at,
            })),
            "payment_settings": {
                "payment_method_options": null,
                "payment_method_types": null,
                "save_default_payment_method": row.save_card.unwrap_or("off"),
            },
            "pending_invoice_item_interval": null,
            "pending_setup_intent": null,
            "pending_update": pending,
            "schedule": row.schedule,
            "start_date": row.start_date,
            "status": self.said.get(&row.id).map_or(row.status.name(), String::as_str),
            "test_clock": null,
            "transfer_data": null,
            "trial_end": row.trial.map(|(_, end)| end),
            "trial_settings": { "end_behavior": { "missing_payment_method": row.trial_without_card } },
            "trial_start": row.trial.map(|(start, _)| start),
        });
        joined([first, second, status_details(row)])
    }

    pub(in crate::stripe) fn render_item(&self, subscription: &str, item: &Item) -> Value {
        let price = self.prices.get(&item.price);
        json!({
            "id": item.id,
            "object": "subscription_item",
            "billing_thresholds": null,
            "created": item.created,
            "current_period_end": item.period.1,
            "current_period_start": item.period.0,
            "discounts": [],
            "metadata": item.metadata,
            "plan": price.map(render_plan),
            "price": price.map(render_price),
            "quantity": item.quantity,
            "subscription": subscription,
            "tax_rates": [],
        })
    }
}

/// Only a paused subscription has details; here a trial that ended without a card is what pauses one.
fn status_details(row: &Subscription) -> Value {
    row.paused_at.map_or_else(
        || json!({}),
        |at| {
            json!({ "status_details": { "paused": {
                "subscription": { "type": "trial_end_without_payment_method" },
                "transitioned_at": at,
                "type": "subscription",
            } } })
        },
    )
}
