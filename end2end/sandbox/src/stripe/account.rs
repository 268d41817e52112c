//! The account behind the key.

use serde_json::{Value, json};

use super::Stripe;

impl Stripe {
    pub(super) fn render_account(&self) -> Value {
        let requirements = json!({
            "alternatives": [],
            "current_deadline": null,
            "currently_due": [],
            "disabled_reason": null,
            "errors": [],
            "eventually_due": [],
            "past_due": [],
            "pending_verification": [],
        });
        json!({
            "id": self.account_id,
            "object": "account",
            "business_profile": {
                "annual_revenue": null,
                "estimated_worker_count": null,
                "mcc": "8699",
                "minority_owned_business_designation": null,
                "name": self.settings.business_name,
                "product_description": null,
                "support_address": null,
                "support_email": null,
                "support_phone": null,
                "support_url": null,
                "url": null,
            },
            "business_type": "company",
            "capabilities": { "card_payments": "active", "transfers": "active" },
            "charges_enabled": self.settings.charges_enabled,
            "controller": { "type": "account" },
            "country": "DE",
            "created": 1_700_000_000,
            "default_currency": "eur",
            "details_submitted": true,
            "email": "owner@example.com",
            "external_accounts": {
                "object": "list",
                "data": [],
                "has_more": false,
                "url": format!("/v1/accounts/{}/external_accounts", self.account_id),
            },
            "future_requirements": requirements,
            "metadata": {},
            "payouts_enabled": true,
            "requirements": requirements,
            "settings": self.account_settings(),
            "tos_acceptance": { "date": null, "ip": null, "user_agent": null },
            "type": "standard",
        })
    }

    fn account_settings(&self) -> Value {
        json!({
            "bacs_debit_payments": { "display_name": null, "service_user_number": null },
            "branding": { "icon": null, "logo": null, "primary_color": null, "secondary_color": null },
            "card_issuing": { "tos_acceptance": { "date": null, "ip": null } },
            "card_payments": {
                "decline_on": { "avs_failure": true, "cvc_failure": true },
                "statement_descriptor_prefix": null,
                "statement_descriptor_prefix_kana": null,
                "statement_descriptor_prefix_kanji": null,
            },
            "dashboard": { "display_name": self.settings.business_name, "timezone": "Etc/UTC" },
            "invoices": { "default_account_tax_ids": null, "hosted_payment_method_save": null },
            "payments": {
                "statement_descriptor": null,
                "statement_descriptor_kana": null,
                "statement_descriptor_kanji": null,
                "statement_descriptor_prefix_kana": null,
                "statement_descriptor_prefix_kanji": null,
            },
            "payouts": {
                "debit_negative_balances": true,
                "schedule": { "delay_days": 2, "interval": "daily" },
                "statement_descriptor": null,
            },
            "sepa_debit_payments": {},
        })
    }
}
