//! The JSON of invoices.

use serde_json::{Value, json};

use super::super::{
    Stripe,
    records::{Invoice, InvoiceItem, InvoicePayment, InvoiceStatus, Line, TaxId},
    state::joined,
};

impl Stripe {
    pub(in crate::stripe) fn render_invoice(&self, invoice: &Invoice) -> Value {
        let lines: Vec<Value> = invoice
            .lines
            .iter()
            .map(|line| self.render_line(invoice, line))
            .collect();
        let total = invoice.total();
        let hosted = invoice
            .number
            .as_ref()
            .map(|_| format!("{}/invoice/{}", self.base, invoice.id));
        let pdf = hosted.as_ref().map(|url| format!("{url}/pdf"));
        let customer = self.customers.get(&invoice.customer);
        let first = json!({
            "id": invoice.id,
            "object": "invoice",
            "account_country": "DE",
            "account_name": self.settings.business_name,
            "account_tax_ids": null,
            "amount_due": invoice.due(),
            "amount_overpaid": 0,
            "amount_paid": invoice.amount_paid,
            "amount_remaining": invoice.remaining(),
            "amount_shipping": 0,
            "application": null,
            "attempt_count": invoice.attempt_count,
            "attempted": invoice.attempted,
            "auto_advance": invoice.auto_advance,
            "automatically_finalizes_at": invoice.finalizes_at,
            "billing_reason": invoice.reason,
            "collection_method": "charge_automatically",
            "created": invoice.created,
            "currency": invoice.currency,
            "custom_fields": null,
        });
        let second = json!({
            "customer": invoice.customer,
            "customer_account": null,
            "customer_address": customer.map(|row| row.address.clone()),
            "customer_email": invoice.email,
            "customer_name": invoice.name,
            "customer_phone": customer.and_then(|row| row.phone.clone()),
            "customer_shipping": customer.map(|row| row.shipping.clone()),
            "customer_tax_exempt": "none",
            "customer_tax_ids": customer.map(|row| {
                row.tax_ids.iter().map(TaxId::short).collect::<Vec<_>>()
            }),
            "default_payment_method": null,
            "default_source": null,
            "default_tax_rates": [],
            "description": invoice.description,
            "discounts": invoice.discounts.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(),
            "due_date": null,
            "effective_at": invoice.finalized_at,
            "ending_balance": invoice.ending_balance,
            "footer": null,
            "from_invoice": null,
            "hosted_invoice_url": hosted,
            "invoice_pdf": pdf,
            "last_finalization_error": invoice.finalization_error.map(|code| json!({
                "code": code,
                "doc_url": format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")),
                "message": "The customer's location isn't recognized. Set a valid customer address in order to automatically calculate tax.",
                "type": "invalid_request_error",
            })),
            "latest_revision": null,
            "lines": {
                "object": "list",
                "data": lines,
                "has_more": false,
                "url": format!("/v1/invoices/{}/lines", invoice.id),
            },
        });
        joined([first, second, Self::render_invoice_rest(invoice, total)])
    }

    fn render_invoice_rest(invoice: &Invoice, total: i64) -> Value {
        let open = invoice.status == InvoiceStatus::Open;
        json!({
            "automatic_tax": {
                "disabled_reason": null, "enabled": false, "liability": null, "provider": null, "status": null,
            },
            "issuer": { "type": "self" },
            "livemode": false,
            "metadata": invoice.metadata,
            "next_payment_attempt": if open { invoice.next_attempt } else { invoice.finalizes_at },
            "number": invoice.number,
            "on_behalf_of": null,
            "parent": invoice.subscription.as_ref().map(|subscription| json!({
                "quote_details": null,
                "subscription_details": {
                    "metadata": invoice.subscription_metadata,
                    "subscription": subscription,
                },
                "type": "subscription_details",
            })),
            "payment_settings": {
                "default_mandate": null, "payment_method_options": null, "payment_method_types": null,
            },
            "period_end": invoice.period.1,
            "period_start": invoice.period.0,
            "post_payment_credit_notes_amount": 0,
            "pre_payment_credit_notes_amount": 0,
            "receipt_number": null,
            "rendering": null,
            "shipping_cost": null,
            "shipping_details": null,
            "starting_balance": invoice.starting_balance,
            "statement_descriptor": null,
            "status": invoice.status.name(),
            "status_transitions": {
                "finalized_at": invoice.finalized_at,
                "marked_uncollectible_at": invoice.uncollectible_at,
                "paid_at": invoice.paid_at,
                "voided_at": invoice.voided_at,
            },
            "subtotal": invoice.subtotal(),
            "subtotal_excluding_tax": invoice.subtotal(),
            "test_clock": null,
            "total": total,
            "total_discount_amounts": Self::discount_amounts(&invoice.discounts, invoice.discounted()),
            "total_excluding_tax": total,
            "total_pretax_credit_amounts": [],
            "total_taxes": [],
            "webhooks_delivered_at": invoice.created,
        })
    }

    pub(in crate::stripe) fn render_line(&self, invoice: &Invoice, line: &Line) -> Value {
        let price = self.prices.get(&line.price);
        let details = |item: Option<&str>| {
            json!({
                "invoice_item": line.invoice_item,
                "proration": line.proration,
                "proration_details": { "credited_items": null },
                "subscription": invoice.subscription,
                "subscription_item": item,
            })
        };
        let parent = if line.invoice_item.is_some() {
            let mut inner = details(None);
            if let Some(inner) = inner.as_object_mut() {
                inner.remove("subscription_item");
            }
            json!({
                "invoice_item_details": inner,
                "subscription_item_details": null,
                "type": "invoice_item_details",
            })
        } else {
            json!({
                "invoice_item_details": null,
                "subscription_item_details": details(line.item.as_deref()),
                "type": "subscription_item_details",
            })
        };
        json!({
            "id": line.id,
            "object": "line_item",
            "amount": line.amount,
            "currency": invoice.currency,
            "description": line.description,
            "discount_amounts": Self::discount_amounts(&invoice.discounts, line.discount),
            "discountable": !line.proration,
            "discounts": [],
            "invoice": invoice.id,
            "livemode": false,
            "metadata": line.metadata,
            "parent": parent,
            "period": { "end": line.period.1, "start": line.period.0 },
            "pretax_credit_amounts": [],
            "pricing": {
                "price_details": {
                    "price": line.price,
                    "product": price.map(|price| price.product.as_str()),
                },
                "type": "price_details",
                "unit_amount_decimal": price.map(|price| price.unit_amount.to_string()),
            },
            "quantity": line.quantity,
            "quantity_decimal": line.quantity.to_string(),
            "subscription": invoice.subscription,
            "subtotal": line.amount,
            "taxes": [],
        })
    }

    pub(in crate::stripe) fn render_invoice_payment(payment: &InvoicePayment) -> Value {
        json!({
            "id": payment.id,
            "object": "invoice_payment",
            "amount_paid": payment.paid,
            "amount_requested": payment.amount,
            "created": payment.created,
            "currency": payment.currency,
            "invoice": payment.invoice,
            "is_default": true,
            "livemode": false,
            "payment": { "payment_intent": payment.payment_intent, "type": "payment_intent" },
            "status": payment.status,
            "status_transitions": { "canceled_at": payment.canceled_at, "paid_at": payment.paid_at },
        })
    }

    pub(in crate::stripe) fn render_invoice_item(&self, item: &InvoiceItem) -> Value {
        let price = self.prices.get(&item.line.price);
        json!({
            "id": item.id,
            "object": "invoiceitem",
            "amount": item.line.amount,
            "currency": item.currency,
            "customer": item.customer,
            "customer_account": null,
            "date": item.created,
            "description": item.line.description,
            "discountable": false,
            "discounts": [],
            "invoice": item.invoice,
            "livemode": false,
            "metadata": item.line.metadata,
            "net_amount": item.line.amount - item.line.discount,
            "parent": {
                "subscription_details": { "subscription": item.subscription, "subscription_item": item.line.item },
                "type": "subscription_details",
            },
            "period": { "end": item.line.period.1, "start": item.line.period.0 },
            "pricing": {
                "price_details": {
                    "price": item.line.price,
                    "product": price.map(|price| price.product.as_str()),
                },
                "type": "price_details",
                "unit_amount_decimal": price.map(|price| price.unit_amount.to_string()),
            },
            "proration": item.line.proration,
            "quantity": item.line.quantity,
            "quantity_decimal": item.line.quantity.to_string(),
            "tax_rates": [],
            "test_clock": null,
        })
    }
}
