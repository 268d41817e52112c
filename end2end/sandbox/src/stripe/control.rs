//! What one can do to the pretend Stripe without its API: as a person, a bank, or an operator in the Dashboard.

use super::{
    CardKind, Stripe,
    cards::TypedCard,
    checkout::Submitted,
    forms::Metadata,
    records::Pause,
    subscriptions::{Payment, Prorate, Start},
};

impl Stripe {
    /// Makes a customer; `metadata` as (key, value).
    pub fn add_customer(&mut self, now_ms: i64, email: &str, metadata: &[(&str, &str)]) -> String {
        self.advance(now_ms);
        let metadata: Metadata = metadata
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        self.new_customer(Some(email.to_owned()), None, metadata)
    }

    /// Gives a customer a card of this kind and makes it the default of the customer and of every running
    /// subscription. Cards that a bank refuses at once are attached all the same: later charges then fail.
    pub fn set_default_card(
        &mut self,
        now_ms: i64,
        customer: &str,
        kind: CardKind,
    ) -> Result<String, String> {
        self.advance(now_ms);
        if self.customers.get(customer).is_none_or(|row| row.deleted) {
            return Err(format!("No such customer: '{customer}'"));
        }
        let email = self
            .customers
            .get(customer)
            .and_then(|row| row.email.clone());
        let card = TypedCard {
            kind,
            exp_month: 12,
            exp_year: 2099,
        };
        let method = self.new_method(card, email, None, false);
        self.attach_card(&method, customer);
        self.use_card(customer, &method);
        Ok(method)
    }

    /// Makes an attached card the one that pays.
    pub(super) fn use_card(&mut self, customer: &str, method: &str) {
        self.change_customer(customer, |row| {
            row.default_payment_method = Some(method.to_owned());
        });
        for id in self.subscriptions.ids_of(customer) {
            let running = self
                .subscriptions
                .get(&id)
                .is_some_and(|row| !row.status.ended());
            if running {
                self.change_subscription(&id, |row| {
                    row.default_payment_method = Some(method.to_owned());
                });
            }
        }
    }

    /// Starts a subscription for a customer that has a card, as the Dashboard can.
    pub fn subscribe(
        &mut self,
        now_ms: i64,
        customer: &str,
        price: &str,
        quantity: i64,
        metadata: &[(&str, &str)],
    ) -> Result<String, String> {
        self.advance(now_ms);
        self.customer(customer, "customer")
            .map_err(|refusal| refusal.message.clone())?;
        let row = self
            .active_price(price, "price")
            .map_err(|refusal| refusal.message.clone())?;
        if row.recurring.is_none() || quantity < 1 {
            return Err("The price must recur and the quantity be at least 1.".into());
        }
        let method = self
            .card_for(customer, None)
            .ok_or("The customer has no card.")?;
        Ok(self.start_subscription(Start {
            customer: customer.to_owned(),
            items: vec![(price.to_owned(), quantity, Metadata::new())],
            metadata: metadata
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            method: Some(method),
            ..Start::default()
        }))
    }

    /// Pays a Checkout Session as a person at its page does; `authenticate`: what they answer if the bank asks.
    /// Answers where the browser goes next, or the message on the page.
    pub fn pay_session(
        &mut self,
        now_ms: i64,
        session: &str,
        kind: CardKind,
        email: &str,
        authenticate: bool,
    ) -> Result<String, String> {
        self.advance(now_ms);
        let row = self
            .sessions
            .get(session)
            .ok_or_else(|| format!("No such checkout.session: '{session}'"))?;
        let card = self.session_needs_card(row).then_some(TypedCard {
            kind,
            exp_month: 12,
            exp_year: 2099,
        });
        let mut submitted = self.submit_session(session, card, email, None, false);
        if submitted == Submitted::Authenticate {
            if !authenticate {
                if let Some(row) = self.sessions.get_mut(session) {
                    row.authenticating = None;
                }
                return Err(super::cards::NOT_AUTHENTICATED.into());
            }
            submitted = self.submit_session(session, card, email, None, true);
        }
        match submitted {
            Submitted::Completed => {
                let url = self
                    .sessions
                    .get(session)
                    .map_or("", |row| row.success_url.as_str());
                Ok(url.replace("{CHECKOUT_SESSION_ID}", session))
            }
            Submitted::Refused(message) => Err(message),
            Submitted::Authenticate => Err(super::cards::NOT_AUTHENTICATED.into()),
        }
    }

    /// Answers for a customer as if it were of another account, or knows it again.
    pub fn forget_customer(&mut self, customer: &str, forgotten: bool) {
        if forgotten {
            self.unknown.insert(customer.to_owned());
        } else {
            self.unknown.remove(customer);
        }
    }

    /// Cancels a subscription at once.
    pub fn cancel_now(&mut self, now_ms: i64, subscription: &str) -> Result<(), String> {
        self.running(now_ms, subscription)?;
        self.end_subscription(subscription, Some("cancellation_requested"));
        Ok(())
    }

    /// Ends a subscription with its running period, by `cancel_at_period_end` or, as the portal does for flexible
    /// billing, by `cancel_at`; `keep` takes the plan back.
    pub fn cancel_later(
        &mut self,
        now_ms: i64,
        subscription: &str,
        by_cancel_at: bool,
        keep: bool,
    ) -> Result<(), String> {
        self.running(now_ms, subscription)?;
        let end = self
            .subscriptions
            .get(subscription)
            .map(|row| row.period().1);
        match (keep, by_cancel_at) {
            (true, _) => self.plan_end(subscription, None, false),
            (false, true) => self.plan_end(subscription, end, false),
            (false, false) => self.plan_end(subscription, None, true),
        }
        Ok(())
    }

    /// Pauses collection until `resumes_at` (epoch seconds) or for good; `None` for `behavior` ends the pause.
    /// Behaviors: `keep_as_draft`, `mark_uncollectible`, `void`.
    pub fn pause(
        &mut self,
        now_ms: i64,
        subscription: &str,
        behavior: Option<&str>,
        resumes_at: Option<i64>,
    ) -> Result<(), String> {
        self.running(now_ms, subscription)?;
        let pause = match behavior {
            None => None,
            Some(name) => {
                let known = ["keep_as_draft", "mark_uncollectible", "void"];
                let behavior = known
                    .into_iter()
                    .find(|known| *known == name)
                    .ok_or("No such pause behavior.")?;
                Some(Pause {
                    behavior,
                    resumes_at: resumes_at.filter(|at| *at > self.stamp()),
                })
            }
        };
        self.set_pause(subscription, pause);
        Ok(())
    }

    /// Sets the quantity of a subscription's first item, prorated onto the next invoice.
    pub fn set_quantity(
        &mut self,
        now_ms: i64,
        subscription: &str,
        quantity: i64,
    ) -> Result<(), String> {
        self.running(now_ms, subscription)?;
        if quantity < 0 {
            return Err("Quantity must be at least 0.".into());
        }
        self.change_plan(
            subscription,
            None,
            Some(quantity),
            Prorate::Create,
            Payment::Allow,
        )
    }

    /// Changes price or quantity of a subscription's first item.
    pub(super) fn change_plan(
        &mut self,
        id: &str,
        price: Option<&str>,
        quantity: Option<i64>,
        prorate: Prorate,
        payment: Payment,
    ) -> Result<(), String> {
        let (Some(row), Some(items)) = (
            self.subscriptions.get(id).cloned(),
            self.with_item(id, price, quantity),
        ) else {
            return Err(format!("No such subscription: '{id}'"));
        };
        self.check_together(items.iter().map(|item| item.price.as_str()))
            .map_err(|refusal| refusal.message.clone())?;
        let before = self.subscription_json(id);
        let change = self.shape_change(&row, items, None, false, self.stamp(), prorate);
        self.apply_change(id, &change, payment, &before);
        Ok(())
    }

    /// Says another status of a subscription from now on, as a Stripe of later years might; `None`
    /// takes it back. What happens to the subscription stays the same.
    pub fn say_of_subscription(&mut self, id: &str, status: Option<&str>) {
        if !self.subscriptions.has(id) {
            return;
        }
        let before = self.subscription_json(id);
        match status {
            Some(status) => self.said.insert(id.to_owned(), status.to_owned()),
            None => self.said.remove(id),
        };
        self.tell_subscription(id, &before);
    }

    /// The newest successful charge of a customer, for refunds and disputes by hand.
    #[must_use]
    pub fn latest_charge(&self, customer: &str) -> Option<String> {
        self.charges
            .older(Some(customer), None)
            .find(|row| row.failure.is_none())
            .map(|row| row.id.clone())
    }

    fn running(&mut self, now_ms: i64, subscription: &str) -> Result<(), String> {
        self.advance(now_ms);
        match self.subscriptions.get(subscription) {
            Some(row) if !row.status.ended() => Ok(()),
            Some(_) => Err(format!("The subscription '{subscription}' has ended.")),
            None => Err(format!("No such subscription: '{subscription}'")),
        }
    }
}
