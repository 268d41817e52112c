//! How a Checkout Session is paid.

use super::super::{
    Stripe,
    calendar::DAY,
    cards::{Answer, TypedCard},
    forms::Metadata,
    payments::{Paying, Purpose},
    records::{Authentication, Decline, Session, SetupIntent},
    subscriptions::{Start, StartPayment},
};

/// What a submitted card led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::stripe) enum Submitted {
    Completed,
    /// A person has to authenticate first.
    Authenticate,
    /// The session stays open, with this to say.
    Refused(String),
}

impl Stripe {
    /// What a session asks for today, after discounts: (subtotal, total).
    pub(in crate::stripe) fn session_amounts(&self, session: &Session) -> (i64, i64) {
        if session.trial_days.is_some() || session.trial_end.is_some() {
            return (0, 0);
        }
        let amount: i64 = session
            .lines
            .iter()
            .filter_map(|line| Some(self.prices.get(&line.price)?.unit_amount * line.quantity))
            .sum();
        (
            amount,
            amount - self.session_discounts(session).iter().sum::<i64>(),
        )
    }

    /// What the discounts take off each line.
    pub(in crate::stripe) fn session_discounts(&self, session: &Session) -> Vec<i64> {
        let mut lines: Vec<super::super::records::Line> = session
            .lines
            .iter()
            .map(|line| super::super::records::Line {
                id: String::new(),
                amount: self
                    .prices
                    .get(&line.price)
                    .map_or(0, |price| price.unit_amount * line.quantity),
                discount: 0,
                description: String::new(),
                period: (0, 0),
                quantity: line.quantity,
                price: line.price.clone(),
                proration: false,
                item: None,
                invoice_item: None,
                metadata: Metadata::new(),
            })
            .collect();
        self.discount_lines(
            &mut lines,
            &session.discounts,
            session.currency.as_deref().unwrap_or("eur"),
        );
        lines.iter().map(|line| line.discount).collect()
    }

    /// Does the page ask for a card?
    pub(in crate::stripe) fn session_needs_card(&self, session: &Session) -> bool {
        session.mode == "setup"
            || self.session_amounts(session).1 > 0
            || session.collection == "always" && session.mode == "subscription"
    }

    /// A person pays with a card, or, where none is needed, just confirms.
    pub(in crate::stripe) fn submit_session(
        &mut self,
        id: &str,
        card: Option<TypedCard>,
        email: &str,
        name: Option<&str>,
        authenticated: bool,
    ) -> Submitted {
        let Some(session) = self.sessions.get_mut(id).filter(|row| row.status == "open") else {
            return Submitted::Refused("This session is no longer open.".into());
        };
        // Whoever is deleted buys nothing any more.
        let gone = session
            .customer
            .as_ref()
            .and_then(|customer| self.customers.get(customer))
            .is_some_and(|customer| customer.deleted);
        if gone {
            return Submitted::Refused("This session is no longer open.".into());
        }
        session.notice = None;
        session.email = Some(email.to_owned());
        session.name = name.map(str::to_owned);
        session.authenticating = None;
        let session = session.clone();
        if let Some(card) = card {
            if card.kind.asks_at_setup() && !authenticated {
                let question = Authentication {
                    card: card.kind,
                    exp_month: card.exp_month,
                    exp_year: card.exp_year,
                    email: email.to_owned(),
                    name: name.map(str::to_owned),
                };
                if let Some(row) = self.sessions.get_mut(id) {
                    row.authenticating = Some(question);
                }
                return Submitted::Authenticate;
            }
            if let Some(decline) = self.card_refused(&session, card, authenticated) {
                self.record_decline(&session, card, email, name, authenticated);
                return Submitted::Refused(decline.message.to_owned());
            }
        }
        self.complete_session(&session, card, email, name, authenticated);
        Submitted::Completed
    }

    fn card_refused(
        &self,
        session: &Session,
        card: TypedCard,
        authenticated: bool,
    ) -> Option<Decline> {
        if let Err(decline) = card.kind.attaches() {
            return Some(decline);
        }
        if self.session_amounts(session).1 == 0 {
            return None;
        }
        match card.kind.charge(authenticated, false) {
            Answer::Declined(decline) => Some(decline),
            Answer::Paid | Answer::Authenticate | Answer::Later => None,
        }
    }

    /// A declined attempt leaves a failed charge and nothing else.
    fn record_decline(
        &mut self,
        session: &Session,
        card: TypedCard,
        email: &str,
        name: Option<&str>,
        authenticated: bool,
    ) {
        let (_, total) = self.session_amounts(session);
        if total == 0 {
            return;
        }
        let method = self.new_method(
            card,
            Some(email.to_owned()),
            name.map(str::to_owned),
            authenticated,
        );
        let intent = match &session.payment_intent {
            Some(intent) => intent.clone(),
            None => self.new_session_intent(session, session.customer.clone(), total),
        };
        if session.mode == "payment" {
            self.keep_session_intent(&session.id, &intent);
        }
        self.charge_intent(&intent, &method, authenticated);
        if session.mode != "payment" {
            self.cancel_intent(&intent);
        }
    }

    /// The person did not complete what their bank asked for: no charge, and an intent that says so.
    pub(in crate::stripe) fn record_unauthenticated(&mut self, session: &Session) {
        let (_, total) = self.session_amounts(session);
        if total == 0 {
            return;
        }
        let intent = match &session.payment_intent {
            Some(intent) => intent.clone(),
            None => self.new_session_intent(session, session.customer.clone(), total),
        };
        if session.mode == "payment" {
            self.keep_session_intent(&session.id, &intent);
        }
        self.fail_authentication(&intent);
        if session.mode != "payment" {
            self.cancel_intent(&intent);
        }
    }

    fn keep_session_intent(&mut self, id: &str, intent: &str) {
        if let Some(row) = self.sessions.get_mut(id) {
            row.payment_intent = Some(intent.to_owned());
        }
        self.sessions.link(id, intent);
    }

    fn new_session_intent(
        &mut self,
        session: &Session,
        customer: Option<String>,
        total: i64,
    ) -> String {
        self.new_intent(Purpose {
            amount: total,
            currency: session.currency.clone().unwrap_or_else(|| "eur".into()),
            customer,
            invoice: None,
            description: session.payment_description.clone(),
            metadata: session.payment_metadata.clone(),
            save_card: session.save_card,
        })
    }

    fn complete_session(
        &mut self,
        session: &Session,
        card: Option<TypedCard>,
        email: &str,
        name: Option<&str>,
        authenticated: bool,
    ) {
        let customer = match &session.customer {
            Some(id) => Some(id.clone()),
            None if session.mode == "payment"
                && session.customer_creation != Some("always")
                && !session.save_card =>
            {
                None
            }
            None => Some(self.new_customer(
                Some(email.to_owned()),
                name.map(str::to_owned),
                Metadata::new(),
            )),
        };
        let method = card.map(|card| {
            self.new_method(
                card,
                Some(email.to_owned()),
                name.map(str::to_owned),
                authenticated,
            )
        });
        if let Some(customer) = &customer {
            self.touch_customer(customer, email, name);
            self.keep_business(customer, session.collects, session.business.as_ref(), name);
            self.sessions.link(&session.id, customer);
        }
        if let Some(row) = self.sessions.get_mut(&session.id) {
            row.customer.clone_from(&customer);
        }
        self.redeem(&session.discounts);
        match session.mode {
            "subscription" => self.complete_subscription(session, customer, method, authenticated),
            "payment" => self.complete_payment(session, customer, method, authenticated),
            _ => self.complete_setup(session, customer, method),
        }
        self.emit_session("checkout.session.completed", &session.id);
    }

    /// Checkout fills in what an existing customer lacks.
    fn touch_customer(&mut self, id: &str, email: &str, name: Option<&str>) {
        self.change_customer(id, |customer| {
            customer.email.get_or_insert_with(|| email.to_owned());
            if customer.name.is_none() {
                customer.name = name.map(str::to_owned);
            }
        });
    }

    fn complete_subscription(
        &mut self,
        session: &Session,
        customer: Option<String>,
        method: Option<String>,
        authenticated: bool,
    ) {
        let Some(customer) = customer else {
            return;
        };
        if let Some(method) = &method {
            self.attach_card(method, &customer);
        }
        let now = self.stamp();
        let trial_end = session
            .trial_end
            .or(session.trial_days.map(|days| now + days * DAY));
        let subscription = self.start_subscription(Start {
            customer,
            items: session
                .lines
                .iter()
                .map(|line| (line.price.clone(), line.quantity, Metadata::new()))
                .collect(),
            metadata: session.subscription_metadata.clone(),
            description: session.subscription_description.clone(),
            method,
            trial_end,
            trial_without_card: Some(session.trial_without_card),
            payment: if authenticated {
                StartPayment::Authenticated
            } else {
                StartPayment::Allow
            },
            discounts: session.discounts.clone(),
            save_card: Some("off"),
            automatic_tax: session.automatic_tax,
            ..Start::default()
        });
        let invoice = self
            .subscriptions
            .get(&subscription)
            .and_then(|row| row.latest_invoice.clone());
        let free = self.session_amounts(session).1 == 0;
        let processing = self.debit_under_way(invoice.as_deref());
        if let Some(row) = self.sessions.get_mut(&session.id) {
            row.status = "complete";
            row.payment_status = match (free, processing) {
                (true, _) => "no_payment_required",
                (false, true) => "unpaid",
                (false, false) => "paid",
            };
            row.subscription = Some(subscription.clone());
            row.invoice = invoice;
        }
        self.sessions.link(&session.id, &subscription);
    }

    /// Attaches a card that has passed its checks.
    pub(in crate::stripe) fn attach_card(&mut self, method: &str, customer: &str) {
        if let Some(row) = self.methods.get_mut(method) {
            row.customer = Some(customer.to_owned());
            let body = Self::render_method(row);
            self.methods.link(method, customer);
            self.emit("payment_method.attached", &body);
        }
    }

    fn complete_payment(
        &mut self,
        session: &Session,
        customer: Option<String>,
        method: Option<String>,
        authenticated: bool,
    ) {
        let (_, total) = self.session_amounts(session);
        let mut status = "no_payment_required";
        if let Some(method) = method.filter(|_| total > 0) {
            let intent = match &session.payment_intent {
                Some(intent) => intent.clone(),
                None => self.new_session_intent(session, customer.clone(), total),
            };
            self.change_intent(&intent, |row| row.customer.clone_from(&customer));
            if let Some(customer) = &customer {
                self.intents.link(&intent, customer);
            }
            self.keep_session_intent(&session.id, &intent);
            if let Some(customer) = customer.filter(|_| session.save_card) {
                self.attach_card(&method, &customer);
            }
            match self.charge_intent(&intent, &method, authenticated) {
                Paying::Paid => status = "paid",
                Paying::Processing => status = "unpaid",
                _ => {}
            }
        }
        if let Some(row) = self.sessions.get_mut(&session.id) {
            row.status = "complete";
            row.payment_status = status;
        }
    }

    /// The bank has answered for the payment of a session that was completed with a debit.
    pub(in crate::stripe) fn session_settled(
        &mut self,
        intent: &str,
        invoice: Option<&str>,
        paid: bool,
    ) {
        let waiting = self
            .sessions
            .iter()
            .find(|row| {
                let its = row.payment_intent.as_deref() == Some(intent)
                    || (invoice.is_some() && row.invoice.as_deref() == invoice);
                its && row.status == "complete" && row.payment_status == "unpaid"
            })
            .map(|row| row.id.clone());
        let Some(id) = waiting else {
            return;
        };
        if let Some(row) = self.sessions.get_mut(&id).filter(|_| paid) {
            row.payment_status = "paid";
        }
        let kind = if paid {
            "checkout.session.async_payment_succeeded"
        } else {
            "checkout.session.async_payment_failed"
        };
        self.emit_session(kind, &id);
    }

    fn complete_setup(
        &mut self,
        session: &Session,
        customer: Option<String>,
        method: Option<String>,
    ) {
        if let (Some(customer), Some(method)) = (&customer, &method) {
            self.attach_card(method, customer);
        }
        let id = self.ids.long("seti_");
        let intent = SetupIntent {
            secret: self.ids.plain(&format!("{id}_secret_"), 30),
            id: id.clone(),
            created: self.stamp(),
            customer,
            payment_method: method,
            status: "succeeded",
            metadata: Metadata::new(),
        };
        let body = Self::render_setup_intent(&intent);
        self.setup_intents.add(intent);
        self.emit("setup_intent.succeeded", &body);
        if let Some(row) = self.sessions.get_mut(&session.id) {
            row.status = "complete";
            row.setup_intent = Some(id);
        }
    }
}
