//! The JSON of Checkout Sessions.

use serde_json::{Value, json};

use super::super::{
    Stripe,
    prices::render_price,
    records::{Session, TaxId},
    state::joined,
};

impl Stripe {
    pub(in crate::stripe) fn render_session(&self, row: &Session) -> Value {
        let (subtotal, total) = self.session_amounts(row);
        let priced = row.mode != "setup";
        let business = row.business.as_ref();
        let details = row.email.as_ref().map(|email| {
            json!({
                "address": business.map(|typed| typed.address.clone()),
                "business_name": business.and_then(|typed| typed.name.clone()),
                "email": email,
                "individual_name": null,
                "name": row.name,
                "phone": null,
                "tax_exempt": "none",
                "tax_ids": business
                    .and_then(|typed| typed.tax_id.as_ref())
                    .map(TaxId::short)
                    .into_iter()
                    .collect::<Vec<_>>(),
            })
        });
        let first = json!({
            "id": row.id,
            "object": "checkout.session",
            "adaptive_pricing": { "enabled": false },
            "after_expiration": null,
            "allow_promotion_codes": row.allow_promotion_codes,
            "amount_subtotal": priced.then_some(subtotal),
            "amount_total": priced.then_some(total),
            "automatic_tax": {
                "enabled": row.automatic_tax, "liability": null, "provider": null, "status": null,
            },
            "billing_address_collection": row.address_collection,
            "cancel_url": row.cancel_url,
            "client_reference_id": row.client_reference_id,
            "client_secret": null,
            "collected_information": null,
            "consent": null,
            "consent_collection": null,
            "created": row.created,
        });
        let second = json!({
            "currency": row.currency,
            "currency_conversion": null,
            "custom_fields": [],
            "custom_text": {
                "after_submit": null,
                "shipping_address": null,
                "submit": null,
                "terms_of_service_acceptance": null,
            },
            "customer": row.customer,
            "customer_account": null,
            "customer_creation": row.customer_creation,
            "customer_details": details,
            "customer_email": row.customer_email,
            "discounts": row.discounts.iter().map(|one| json!({
                "coupon": one.coupon, "promotion_code": one.promotion_code,
            })).collect::<Vec<_>>(),
            "expires_at": row.expires_at,
            "integration_identifier": null,
            "invoice": row.invoice,
            "invoice_creation": (row.mode == "payment").then(|| json!({
                "enabled": false,
                "invoice_data": {
                    "account_tax_ids": null,
                    "custom_fields": null,
                    "description": null,
                    "footer": null,
                    "issuer": null,
                    "metadata": {},
                    "rendering_options": null,
                },
            })),
            "livemode": false,
            "locale": row.locale,
            "managed_payments": { "enabled": false },
            "metadata": row.metadata,
            "mode": row.mode,
        });
        joined([
            first,
            second,
            self.render_session_rest(row, subtotal - total),
        ])
    }

    fn render_session_rest(&self, row: &Session, discount: i64) -> Value {
        json!({
            "origin_context": null,
            "payment_intent": row.payment_intent,
            "payment_link": null,
            "payment_method_collection": (row.mode == "subscription").then_some(row.collection),
            "payment_method_configuration_details": null,
            "payment_method_options": { "card": { "request_three_d_secure": "automatic" } },
            "payment_method_types": if row.currency.as_deref() == Some("eur") {
                json!(["card", "sepa_debit"])
            } else {
                json!(["card"])
            },
            "payment_status": row.payment_status,
            "permissions": null,
            "phone_number_collection": { "enabled": false },
            "recovered_from": null,
            "saved_payment_method_options": null,
            "setup_intent": row.setup_intent,
            "shipping_address_collection": null,
            "shipping_cost": null,
            "shipping_options": [],
            "status": row.status,
            "submit_type": null,
            "subscription": row.subscription,
            "success_url": row.success_url,
            "tax_id_collection": { "enabled": row.collects.tax_id, "required": "never" },
            "total_details": { "amount_discount": discount, "amount_shipping": 0, "amount_tax": 0 },
            "ui_mode": "hosted_page",
            "url": (row.status == "open").then(|| format!("{}/checkout/{}", self.base, row.id)),
            "wallet_options": null,
        })
    }

    pub(in crate::stripe) fn render_session_lines(&self, row: &Session) -> Vec<Value> {
        let trial = row.trial_days.is_some() || row.trial_end.is_some();
        row.lines
            .iter()
            .zip(self.session_discounts(row))
            .map(|(line, discount)| {
                let price = self.prices.get(&line.price);
                let amount = price.map_or(0, |price| price.unit_amount * line.quantity);
                let (amount, discount) = if trial { (0, 0) } else { (amount, discount) };
                json!({
                    "id": line.id,
                    "object": "item",
                    "adjustable_quantity": line.adjustable.map(|(minimum, maximum)| json!({
                        "enabled": true, "maximum": maximum, "minimum": minimum,
                    })),
                    "amount_discount": discount,
                    "amount_subtotal": amount,
                    "amount_tax": 0,
                    "amount_total": amount - discount,
                    "currency": row.currency,
                    "description": price
                        .and_then(|price| self.products.get(&price.product))
                        .map(|product| product.name.as_str()),
                    "metadata": {},
                    "price": price.map(render_price),
                    "quantity": line.quantity,
                })
            })
            .collect()
    }
}
