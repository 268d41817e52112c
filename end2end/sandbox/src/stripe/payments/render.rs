//! The JSON of payment objects.

use serde_json::{Value, json};

use super::super::{
    Stripe,
    calendar::DAY,
    cards::CardKind,
    records::{Charge, Decline, Dispute, PaymentIntent, PaymentMethod, Refund, SetupIntent},
    state::joined,
};

fn fingerprint(card: CardKind) -> String {
    format!("sandbox{}{}", card.brand(), card.last4())
}

fn billing_details(email: Option<&str>, name: Option<&str>) -> Value {
    json!({
        "address": {
            "city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null,
        },
        "email": email,
        "name": name,
        "phone": null,
        "tax_id": null,
    })
}

impl Stripe {
    pub(in crate::stripe) fn render_method(method: &PaymentMethod) -> Value {
        if method.card.is_debit() {
            return json!({
                "id": method.id,
                "object": "payment_method",
                "allow_redisplay": "unspecified",
                "billing_details": billing_details(method.email.as_deref(), method.name.as_deref()),
                "created": method.created,
                "customer": method.customer,
                "customer_account": null,
                "livemode": false,
                "metadata": method.metadata,
                "sepa_debit": sepa_debit(method.card),
                "type": "sepa_debit",
            });
        }
        json!({
            "id": method.id,
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": billing_details(method.email.as_deref(), method.name.as_deref()),
            "card": {
                "brand": method.card.brand(),
                "checks": {
                    "address_line1_check": null,
                    "address_postal_code_check": null,
                    "cvc_check": "pass",
                },
                "country": "US",
                "display_brand": method.card.brand(),
                "exp_month": method.exp_month,
                "exp_year": method.exp_year,
                "fingerprint": fingerprint(method.card),
                "funding": "credit",
                "generated_from": null,
                "last4": method.card.last4(),
                "networks": { "available": [method.card.brand()], "preferred": null },
                "regulated_status": "unregulated",
                "three_d_secure_usage": { "supported": true },
                "wallet": null,
            },
            "created": method.created,
            "customer": method.customer,
            "customer_account": null,
            "livemode": false,
            "metadata": method.metadata,
            "type": "card",
        })
    }

    fn payment_error(&self, error: &Decline, charge: Option<&str>) -> Value {
        let method = charge
            .and_then(|id| self.charges.get(id))
            .and_then(|charge| self.methods.get(&charge.payment_method))
            .map(Self::render_method);
        json!({
            "charge": charge,
            "code": error.code,
            "decline_code": error.decline_code,
            "doc_url": format!("https://stripe.com/docs/error-codes/{}", error.code.replace('_', "-")),
            "message": error.message,
            "payment_method": method,
            "type": "card_error",
        })
    }

    pub(in crate::stripe) fn render_intent(&self, intent: &PaymentIntent) -> Value {
        let error = intent.last_error.as_ref();
        let next_action = (intent.status == "requires_action").then(|| {
            json!({ "type": "use_stripe_sdk", "use_stripe_sdk": { "type": "three_d_secure_redirect" } })
        });
        let first = json!({
            "id": intent.id,
            "object": "payment_intent",
            "amount": intent.amount,
            "amount_capturable": 0,
            "amount_details": { "tip": {} },
            "amount_received": if intent.status == "succeeded" { intent.amount } else { 0 },
            "application": null,
            "application_fee_amount": null,
            "automatic_payment_methods": null,
            "canceled_at": intent.canceled_at,
            "cancellation_reason": intent.canceled_at.map(|_| "void_invoice"),
            "capture_method": "automatic",
            "client_secret": intent.secret,
            "confirmation_method": "automatic",
            "created": intent.created,
            "currency": intent.currency,
            "customer": intent.customer,
            "customer_account": null,
            "description": intent.description,
            "excluded_payment_method_types": null,
        });
        let second = json!({
            "last_payment_error": error.map(|error| self.payment_error(error, intent.latest_charge.as_deref())),
            "latest_charge": intent.latest_charge,
            "livemode": false,
            "managed_payments": null,
            "metadata": intent.metadata,
            "next_action": next_action,
            "on_behalf_of": null,
            "payment_method": intent.payment_method,
            "payment_method_configuration_details": null,
            "payment_method_options": { "card": { "request_three_d_secure": "automatic" } },
            "payment_method_types": ["card"],
            "processing": null,
            "receipt_email": null,
            "review": null,
            "setup_future_usage": intent.save_card.then_some("off_session"),
            "shipping": null,
            "source": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": intent.status,
            "transfer_data": null,
            "transfer_group": null,
        });
        joined([first, second])
    }

    pub(in crate::stripe) fn render_setup_intent(intent: &SetupIntent) -> Value {
        json!({
            "id": intent.id,
            "object": "setup_intent",
            "application": null,
            "automatic_payment_methods": null,
            "cancellation_reason": null,
            "client_secret": intent.secret,
            "created": intent.created,
            "customer": intent.customer,
            "description": null,
            "excluded_payment_method_types": null,
            "flow_directions": null,
            "last_setup_error": null,
            "latest_attempt": null,
            "livemode": false,
            "mandate": null,
            "metadata": intent.metadata,
            "next_action": null,
            "on_behalf_of": null,
            "payment_method": intent.payment_method,
            "payment_method_configuration_details": null,
            "payment_method_options": {},
            "payment_method_types": ["card"],
            "single_use_mandate": null,
            "status": intent.status,
            "usage": "off_session",
        })
    }

    pub(in crate::stripe) fn render_charge(&self, charge: &Charge) -> Value {
        let paid = charge.failure.is_none() && !charge.pending;
        let failure = charge.failure.as_ref();
        let first = json!({
            "id": charge.id,
            "object": "charge",
            "amount": charge.amount,
            "amount_captured": if paid { charge.amount } else { 0 },
            "amount_refunded": charge.refunded,
            "application": null,
            "application_fee": null,
            "application_fee_amount": null,
            "balance_transaction": paid.then_some(charge.transaction.as_str()),
            "billing_details": billing_details(charge.email.as_deref(), charge.name.as_deref()),
            "calculated_statement_descriptor": self.settings.business_name.to_uppercase(),
            "captured": paid,
            "created": charge.created,
            "currency": charge.currency,
            "customer": charge.customer,
            "description": charge.description,
            "disputed": charge.disputed,
            "failure_balance_transaction": null,
            "failure_code": failure.map(|failure| failure.code),
            "failure_message": failure.map(|failure| failure.message),
            "fraud_details": {},
            "livemode": false,
            "metadata": charge.metadata,
        });
        let second = json!({
            "on_behalf_of": null,
            "outcome": {
                "advice_code": failure.map(|_| "try_again_later"),
                "network_advice_code": null,
                "network_decline_code": failure.map(|_| "05"),
                "network_status": if failure.is_none() { "approved_by_network" } else { "declined_by_network" },
                "reason": failure.map(|failure| failure.decline_code.unwrap_or(failure.code)),
                "seller_message": if failure.is_none() { "Payment complete." } else { "The bank declined the payment." },
                "type": if failure.is_none() { "authorized" } else { "issuer_declined" },
            },
            "paid": paid,
            "payment_intent": charge.payment_intent,
            "payment_method": charge.payment_method,
            "payment_method_details": method_details(charge),
            "receipt_email": null,
            "receipt_number": null,
            "receipt_url": paid.then(|| format!("{}/receipts/{}", self.base, charge.id)),
            "refunded": charge.refunded == charge.amount && paid,
            "review": null,
            "shipping": null,
            "source": null,
            "source_transfer": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": if paid { "succeeded" } else if charge.pending { "pending" } else { "failed" },
            "transfer_data": null,
            "transfer_group": null,
        });
        joined([first, second])
    }

    pub(in crate::stripe) fn render_refund(refund: &Refund) -> Value {
        let mut body = json!({
            "id": refund.id,
            "object": "refund",
            "amount": refund.amount,
            "balance_transaction": refund.transaction,
            "charge": refund.charge,
            "created": refund.created,
            "currency": refund.currency,
            "customer": null,
            "customer_account": null,
            "destination_details": { "card": { "type": "refund" }, "type": "card" },
            "metadata": refund.metadata,
            "payment_intent": refund.payment_intent,
            "payment_method": null,
            "reason": refund.reason,
            "receipt_number": null,
            "source_transfer_reversal": null,
            "status": if refund.failure.is_some() { "failed" } else { "succeeded" },
            "transfer_reversal": null,
        });
        if let Some((reason, transaction)) = &refund.failure {
            body["failure_reason"] = (*reason).into();
            body["failure_balance_transaction"] = transaction.as_str().into();
        }
        body
    }

    pub(in crate::stripe) fn render_dispute(dispute: &Dispute) -> Value {
        let evidence: serde_json::Map<String, Value> = EVIDENCE
            .iter()
            .map(|name| ((*name).to_owned(), Value::Null))
            .chain([("enhanced_evidence".to_owned(), json!({}))])
            .collect();
        json!({
            "id": dispute.id,
            "object": "dispute",
            "amount": dispute.amount,
            "balance_transactions": [],
            "charge": dispute.charge,
            "created": dispute.created,
            "currency": dispute.currency,
            "enhanced_eligibility_types": [],
            "evidence": evidence,
            "evidence_details": {
                "due_by": dispute.created + 9 * DAY,
                "enhanced_eligibility": {},
                "has_evidence": false,
                "past_due": false,
                "submission_count": 0,
            },
            "is_charge_refundable": false,
            "livemode": false,
            "metadata": dispute.metadata,
            "payment_intent": dispute.payment_intent,
            "payment_method_details": {
                "card": {
                    "brand": "visa",
                    "case_type": "chargeback",
                    "network": "visa",
                    "network_reason_code": "10.4",
                },
                "type": "card",
            },
            "reason": dispute.reason,
            "status": dispute.status,
        })
    }
}

const EVIDENCE: [&str; 27] = [
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
];

fn sepa_debit(account: CardKind) -> Value {
    json!({
        "bank_code": "37040044",
        "branch_code": "",
        "country": "DE",
        "fingerprint": format!("sandbox{}", account.last4()),
        "generated_from": { "charge": null, "setup_attempt": null },
        "last4": account.last4(),
    })
}

fn method_details(charge: &Charge) -> Value {
    if charge.card.is_debit() {
        let mut account = sepa_debit(charge.card);
        if let Some(account) = account.as_object_mut() {
            account.remove("generated_from");
            account.insert("mandate".into(), Value::Null);
            account.insert("expected_debit_date".into(), Value::Null);
        }
        json!({ "sepa_debit": account, "type": "sepa_debit" })
    } else {
        json!({ "card": card_details(charge), "type": "card" })
    }
}

fn card_details(charge: &Charge) -> Value {
    json!({
        "amount_authorized": charge.failure.is_none().then_some(charge.amount),
        "authorization_code": null,
        "brand": charge.card.brand(),
        "checks": { "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass" },
        "country": "US",
        "exp_month": charge.exp_month,
        "exp_year": charge.exp_year,
        "extended_authorization": { "status": "disabled" },
        "fingerprint": fingerprint(charge.card),
        "funding": "credit",
        "incremental_authorization": { "status": "unavailable" },
        "installments": null,
        "last4": charge.card.last4(),
        "mandate": null,
        "multicapture": { "status": "unavailable" },
        "network": charge.card.brand(),
        "network_token": { "used": false },
        "network_transaction_id": null,
        "overcapture": { "maximum_amount_capturable": charge.amount, "status": "unavailable" },
        "regulated_status": "unregulated",
        "three_d_secure": null,
        "transaction_link_id": null,
        "wallet": null,
    })
}
