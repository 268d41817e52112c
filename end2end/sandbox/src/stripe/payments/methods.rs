//! `/v1/payment_methods`: cards.

use serde_json::Value;

use super::super::{
    Stripe,
    cards::{CardKind, TypedCard},
    errors::{Outcome, Refusal},
    forms::{Metadata, Params},
    pagination,
    records::{Decline, PaymentMethod},
};

impl Stripe {
    /// A card that belongs to nobody yet.
    pub(in crate::stripe) fn new_method(
        &mut self,
        card: TypedCard,
        email: Option<String>,
        name: Option<String>,
        authenticated: bool,
    ) -> String {
        let id = self.ids.long("pm_");
        self.methods.add(PaymentMethod {
            id: id.clone(),
            created: self.stamp(),
            customer: None,
            card: card.kind,
            exp_month: card.exp_month,
            exp_year: card.exp_year,
            authenticated,
            email,
            name,
            metadata: Metadata::new(),
        });
        id
    }

    /// Checks a payment method or ready-made token before anything is changed.
    pub(in crate::stripe) fn attachable(&self, method: &str, param: &str) -> Outcome<()> {
        let card = match (CardKind::from_token(method), self.methods.get(method)) {
            (Some(card), _) => card,
            (None, Some(row)) if row.customer.is_none() => row.card,
            (None, Some(_)) => {
                return Err(Refusal::param(
                    param,
                    "The payment method you provided has already been attached to a customer.",
                ));
            }
            (None, None) => return Err(Refusal::no_such("PaymentMethod", method, param)),
        };
        card.attaches().map_err(|decline| declined(&decline))
    }

    /// Attaches a payment method, or a new one made from a ready-made token, and answers its id.
    pub(in crate::stripe) fn attach(&mut self, method: &str, customer: &str) -> Outcome<String> {
        self.attachable(method, "payment_method")?;
        let id = match CardKind::from_token(method) {
            Some(kind) => {
                let typed = TypedCard {
                    kind,
                    exp_month: 12,
                    exp_year: 2034,
                };
                let email = self
                    .customers
                    .get(customer)
                    .and_then(|row| row.email.clone());
                self.new_method(typed, email, None, false)
            }
            None => method.to_owned(),
        };
        if let Some(row) = self.methods.get_mut(&id) {
            row.customer = Some(customer.to_owned());
            let body = Self::render_method(row);
            self.methods.link(&id, customer);
            self.emit("payment_method.attached", &body);
        }
        Ok(id)
    }

    /// Takes a card from its customer, who no longer pays with it.
    pub(in crate::stripe) fn detach(&mut self, method: &str) {
        let Some(row) = self.methods.get_mut(method) else {
            return;
        };
        let Some(customer) = row.customer.take() else {
            return;
        };
        let body = Self::render_method(row);
        for id in self.subscriptions.ids_of(&customer) {
            self.change_subscription(&id, |subscription| {
                subscription
                    .default_payment_method
                    .take_if(|default| default == method);
            });
        }
        self.change_customer(&customer, |customer| {
            customer
                .default_payment_method
                .take_if(|default| default == method);
        });
        self.emit("payment_method.detached", &body);
    }

    pub(in crate::stripe) fn list_methods(
        &self,
        customer: Option<&str>,
        p: &Params<'_>,
        url: &str,
    ) -> Outcome {
        pagination::only_filters(p, &["customer", "type", "allow_redisplay"])?;
        let kind = p.filled("type")?;
        let (rows, more) = pagination::page(&self.methods, customer, "payment_method", p, |row| {
            kind.is_none_or(|kind| kind == "card")
                && row.customer.is_some()
                && customer.is_none_or(|id| row.customer.as_deref() == Some(id))
        })?;
        Ok(pagination::list(
            rows.into_iter().map(Self::render_method).collect(),
            more,
            url,
        ))
    }

    pub(in crate::stripe) fn methods_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        let found = |stripe: &Self, id: &str| {
            stripe
                .methods
                .get(id)
                .map(Self::render_method)
                .ok_or_else(|| Refusal::not_found("PaymentMethod", id))
        };
        match (verb, rest) {
            ("GET", []) => {
                let customer = self.customer_filter(p)?;
                self.list_methods(customer, p, "/v1/payment_methods")
                    .map(Some)
            }
            ("GET", [id]) => {
                p.only(&[])?;
                found(self, id).map(Some)
            }
            ("POST", [id, "attach"]) => {
                p.only(&["customer"])?;
                let customer = self.customer(p.need("customer")?, "customer")?.id.clone();
                let id = self.attach(id, &customer)?;
                found(self, &id).map(Some)
            }
            ("POST", [id, "detach"]) => {
                p.only(&[])?;
                let row = self
                    .methods
                    .get(id)
                    .ok_or_else(|| Refusal::not_found("PaymentMethod", id))?;
                if row.customer.is_none() {
                    return Err(Refusal::invalid(
                        "The payment method you provided is not attached to a customer so detachment is impossible.",
                    ));
                }
                self.detach(id);
                found(self, id).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// A decline as the API tells it.
pub(in crate::stripe) fn declined(decline: &Decline) -> Box<Refusal> {
    Refusal::card(decline.code, decline.decline_code, decline.message)
}
