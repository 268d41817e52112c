//! Money moving: payment intents and charges.

mod debits;
mod disputes;
mod methods;
mod refunds;
mod render;

pub(super) use methods::declined;

use serde_json::Value;

use super::{
    Stripe,
    cards::Answer,
    errors::{Outcome, Refusal},
    forms::{Metadata, Params},
    pagination,
    records::{Charge, Decline, PaymentIntent},
};

/// How an attempt to take money ended.
#[derive(Clone, Debug)]
pub(super) enum Paying {
    Paid,
    Declined(Decline),
    /// A person has to authenticate.
    Authenticate,
    /// There is no card to charge.
    NoMethod,
    /// A bank debit is under way.
    Processing,
}

/// What a new payment intent is for.
#[derive(Clone, Debug, Default)]
pub(super) struct Purpose {
    pub amount: i64,
    pub currency: String,
    pub customer: Option<String>,
    pub invoice: Option<String>,
    pub description: Option<String>,
    pub metadata: Metadata,
    pub save_card: bool,
}

impl Stripe {
    pub(super) fn new_intent(&mut self, purpose: Purpose) -> String {
        let id = self.ids.plain("pi_3", 23);
        let intent = PaymentIntent {
            secret: self.ids.plain(&format!("{id}_secret_"), 25),
            id: id.clone(),
            created: self.stamp(),
            amount: purpose.amount,
            currency: purpose.currency,
            customer: purpose.customer,
            invoice: purpose.invoice,
            status: "requires_payment_method",
            payment_method: None,
            latest_charge: None,
            last_error: None,
            description: purpose.description,
            metadata: purpose.metadata,
            save_card: purpose.save_card,
            canceled_at: None,
        };
        let body = self.render_intent(&intent);
        self.intents.add(intent);
        self.emit("payment_intent.created", &body);
        id
    }

    /// Charges the intent's amount to a card. `authenticated`: a person has just completed 3-D Secure.
    pub(super) fn charge_intent(
        &mut self,
        intent: &str,
        method: &str,
        authenticated: bool,
    ) -> Paying {
        let (Some(card), Some(open)) =
            (self.methods.get(method).cloned(), self.intents.get(intent))
        else {
            return Paying::NoMethod;
        };
        match open.status {
            "succeeded" => return Paying::Paid,
            "canceled" => return Paying::NoMethod,
            "processing" => return Paying::Processing,
            _ => {}
        }
        let answer = card.card.charge(authenticated, card.authenticated);
        if matches!(answer, Answer::Authenticate) {
            self.change_intent(intent, |intent| {
                intent.status = "requires_action";
                intent.payment_method = Some(method.to_owned());
            });
            self.emit_intent("payment_intent.requires_action", intent);
            return Paying::Authenticate;
        }
        if matches!(answer, Answer::Later) {
            self.start_debit(intent, method);
            return Paying::Processing;
        }
        let failure = match answer {
            Answer::Declined(decline) => Some(decline),
            Answer::Paid | Answer::Authenticate | Answer::Later => None,
        };
        let charge = self.new_charge(intent, method, failure.clone());
        self.change_intent(intent, |intent| {
            intent.latest_charge = Some(charge.clone());
            intent.last_error.clone_from(&failure);
            if failure.is_some() {
                intent.status = "requires_payment_method";
                intent.payment_method = None;
            } else {
                intent.status = "succeeded";
                intent.payment_method = Some(method.to_owned());
            }
        });
        if let Some(decline) = failure {
            self.emit_charge("charge.failed", &charge);
            self.emit_intent("payment_intent.payment_failed", intent);
            return Paying::Declined(decline);
        }
        self.emit_charge("charge.succeeded", &charge);
        self.emit_intent("payment_intent.succeeded", intent);
        if card.card == super::CardKind::Disputed {
            let _ = self.open_dispute(&charge, "fraudulent");
        }
        Paying::Paid
    }

    fn new_charge(&mut self, intent: &str, method: &str, failure: Option<Decline>) -> String {
        let id = self.ids.plain("ch_3", 23);
        let transaction = self.ids.plain("txn_3", 23);
        let (Some(card), Some(intent)) = (self.methods.get(method), self.intents.get(intent))
        else {
            return id;
        };
        let charge = Charge {
            id: id.clone(),
            created: self.stamp(),
            amount: intent.amount,
            refunded: 0,
            currency: intent.currency.clone(),
            customer: intent.customer.clone(),
            payment_intent: intent.id.clone(),
            invoice: intent.invoice.clone(),
            payment_method: method.to_owned(),
            card: card.card,
            exp_month: card.exp_month,
            exp_year: card.exp_year,
            pending: card.card.is_debit() && failure.is_none(),
            failure,
            disputed: false,
            description: intent.description.clone(),
            email: card.email.clone(),
            name: card.name.clone(),
            metadata: intent.metadata.clone(),
            transaction,
        };
        self.charges.add(charge);
        id
    }

    pub(super) fn change_intent(&mut self, id: &str, change: impl FnOnce(&mut PaymentIntent)) {
        if let Some(intent) = self.intents.get_mut(id) {
            change(intent);
        }
    }

    /// Gives up on an intent whose invoice is void.
    /// 3-D Secure was begun and not completed.
    pub(super) fn fail_authentication(&mut self, id: &str) {
        self.change_intent(id, |intent| {
            intent.status = "requires_payment_method";
            intent.payment_method = None;
            intent.last_error = Some(Decline {
                code: "payment_intent_authentication_failure",
                decline_code: None,
                message: super::cards::NOT_AUTHENTICATED,
            });
        });
        self.emit_intent("payment_intent.payment_failed", id);
    }

    pub(super) fn cancel_intent(&mut self, id: &str) {
        let now = self.stamp();
        let open = self
            .intents
            .get(id)
            .is_some_and(|intent| !matches!(intent.status, "succeeded" | "canceled"));
        if open {
            self.change_intent(id, |intent| {
                intent.status = "canceled";
                intent.canceled_at = Some(now);
            });
            self.emit_intent("payment_intent.canceled", id);
        }
    }

    pub(super) fn emit_intent(&mut self, kind: &'static str, id: &str) {
        if let Some(intent) = self.intents.get(id) {
            let body = self.render_intent(intent);
            self.emit(kind, &body);
        }
    }

    pub(super) fn emit_charge(&mut self, kind: &'static str, id: &str) {
        if let Some(charge) = self.charges.get(id) {
            let body = self.render_charge(charge);
            self.emit(kind, &body);
        }
    }

    pub(super) fn charges_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        match (verb, rest) {
            ("GET", []) => {
                pagination::only_filters(p, &["customer", "payment_intent"])?;
                let (customer, intent) = (self.customer_filter(p)?, p.filled("payment_intent")?);
                let (rows, more) =
                    pagination::page(&self.charges, intent.or(customer), "charge", p, |row| {
                        customer.is_none_or(|id| row.customer.as_deref() == Some(id))
                    })?;
                let data = rows
                    .into_iter()
                    .map(|row| self.render_charge(row))
                    .collect();
                Ok(Some(pagination::list(data, more, "/v1/charges")))
            }
            ("GET", [id]) => {
                p.only(&[])?;
                let charge = self
                    .charges
                    .get(id)
                    .ok_or_else(|| Refusal::not_found("charge", id))?;
                Ok(Some(self.render_charge(charge)))
            }
            ("GET", [id, "refunds"]) => {
                let id = self
                    .charges
                    .get(id)
                    .ok_or_else(|| Refusal::not_found("charge", id))?
                    .id
                    .clone();
                self.list_refunds(Some(&id), p, &format!("/v1/charges/{id}/refunds"))
                    .map(Some)
            }
            _ => Ok(None),
        }
    }

    pub(super) fn intents_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        match (verb, rest) {
            ("GET", []) => {
                pagination::only_filters(p, &["customer"])?;
                let customer = self.customer_filter(p)?;
                let (rows, more) =
                    pagination::page(&self.intents, customer, "payment_intent", p, |_| true)?;
                let data = rows
                    .into_iter()
                    .map(|row| self.render_intent(row))
                    .collect();
                Ok(Some(pagination::list(data, more, "/v1/payment_intents")))
            }
            ("GET", [id]) => {
                p.only(&["client_secret"])?;
                let intent = self
                    .intents
                    .get(id)
                    .ok_or_else(|| Refusal::not_found("payment_intent", id))?;
                Ok(Some(self.render_intent(intent)))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn setup_intents_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        match (verb, rest) {
            ("GET", [id]) => {
                p.only(&["client_secret"])?;
                let intent = self
                    .setup_intents
                    .get(id)
                    .ok_or_else(|| Refusal::not_found("setupintent", id))?;
                Ok(Some(Self::render_setup_intent(intent)))
            }
            _ => Ok(None),
        }
    }
}
