//! From draft to paid, void or uncollectible.

use super::super::{
    Stripe,
    calendar::DAY,
    payments::{Paying, Purpose},
    records::{Invoice, InvoicePayment, InvoiceStatus, Line, Status},
    timers::Timer,
};

/// How to take an invoice's money.
#[derive(Clone, Debug, Default)]
pub(in crate::stripe) struct Collecting {
    /// Otherwise the subscription's default card, then the customer's.
    pub method: Option<String>,
    /// A person has just completed 3-D Secure.
    pub authenticated: bool,
    /// By Stripe itself, so that failures are retried.
    pub automatic: bool,
}

impl Stripe {
    /// A new draft for a subscription with these lines and the prorations that wait. Its event is the caller's,
    /// who may have to tell the subscription first.
    pub(in crate::stripe) fn draft_invoice(
        &mut self,
        subscription: &str,
        reason: &'static str,
        mut lines: Vec<Line>,
        period: (i64, i64),
    ) -> Option<String> {
        let id = self.ids.long("in_");
        let now = self.stamp();
        let mut taken = Vec::new();
        for item in self.invoice_items.ids_of(subscription) {
            if let Some(row) = self
                .invoice_items
                .get_mut(&item)
                .filter(|row| row.invoice.is_none())
            {
                row.invoice = Some(id.clone());
                taken.push(row.line.clone());
            }
        }
        taken.append(&mut lines);
        let row = self.subscriptions.get(subscription)?;
        let customer = self.customers.get(&row.customer)?;
        let mut invoice = Invoice {
            id: id.clone(),
            created: now,
            customer: row.customer.clone(),
            subscription: Some(subscription.to_owned()),
            subscription_metadata: row.metadata.clone(),
            currency: row.currency.clone(),
            status: InvoiceStatus::Draft,
            reason,
            lines: taken,
            number: None,
            description: None,
            metadata: super::super::forms::Metadata::new(),
            auto_advance: false,
            finalizes_at: None,
            finalized_at: None,
            paid_at: None,
            voided_at: None,
            uncollectible_at: None,
            attempt_count: 0,
            attempted: false,
            retries: 0,
            next_attempt: None,
            starting_balance: customer.balance,
            ending_balance: None,
            amount_paid: 0,
            period,
            payment_intent: None,
            discounts: row
                .discounts
                .iter()
                .filter(|one| one.applies(now))
                .cloned()
                .collect(),
            email: customer.email.clone(),
            name: customer.name.clone(),
            authenticating: None,
            finalization_error: None,
        };
        self.discount_lines(&mut invoice.lines, &invoice.discounts, &invoice.currency);
        self.invoices.add(invoice);
        if let Some(row) = self.subscriptions.get_mut(subscription) {
            row.latest_invoice = Some(id.clone());
            row.discounts
                .iter_mut()
                .for_each(super::super::records::Discount::spend);
        }
        Some(id)
    }

    pub(in crate::stripe) fn emit_invoice(&mut self, kind: &'static str, id: &str) {
        if let Some(invoice) = self.invoices.get(id) {
            let body = self.render_invoice(invoice);
            self.emit(kind, &body);
        }
    }

    /// Changes an invoice; tells it by `invoice.updated` when something differs.
    pub(in crate::stripe) fn change_invoice(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut Invoice),
    ) {
        let Some(row) = self.invoices.get(id) else {
            return;
        };
        let before = self.render_invoice(row);
        if let Some(row) = self.invoices.get_mut(id) {
            change(row);
        }
        if let Some(row) = self.invoices.get(id) {
            let after = self.render_invoice(row);
            self.emit_change("invoice.updated", &before, &after);
        }
    }

    /// Finalises a draft: a number, the customer's balance used, a payment intent when something is due.
    /// Nothing due: paid at once.
    pub(in crate::stripe) fn finalize(&mut self, id: &str) {
        let now = self.stamp();
        let Some(invoice) = self
            .invoices
            .get(id)
            .filter(|row| row.status == InvoiceStatus::Draft)
        else {
            return;
        };
        let (total, customer_id) = (invoice.total(), invoice.customer.clone());
        let mut number = None;
        let mut starting = 0;
        self.change_customer(&customer_id, |customer| {
            number = Some(format!(
                "{}-{:04}",
                customer.invoice_prefix, customer.next_invoice
            ));
            customer.next_invoice += 1;
            starting = customer.balance;
        });
        let due = (total + starting).max(0);
        // What the card does not pay stays on the balance: credit not used up, or made by a negative total.
        let ending = total + starting - due;
        if let Some(row) = self.invoices.get_mut(id) {
            row.status = InvoiceStatus::Open;
            row.number = number;
            row.finalized_at = Some(now);
            row.finalizes_at = None;
            row.finalization_error = None;
            // The first invoice of a subscription waits for its payer; later ones are collected.
            row.auto_advance = row.reason != "subscription_create";
            row.starting_balance = starting;
            row.ending_balance = Some(ending);
        }
        if ending != starting {
            self.change_customer(&customer_id, |customer| customer.balance = ending);
        }
        if due > 0 {
            self.open_payment(id, due);
        }
        self.emit_invoice("invoice.finalized", id);
        if due == 0 {
            self.settle(id, false);
        }
    }

    fn open_payment(&mut self, id: &str, due: i64) {
        let Some(invoice) = self.invoices.get(id) else {
            return;
        };
        let description = match invoice.reason {
            "subscription_create" => "Subscription creation",
            "subscription_update" => "Subscription update",
            _ => "Payment for Invoice",
        };
        let purpose = Purpose {
            amount: due,
            currency: invoice.currency.clone(),
            customer: Some(invoice.customer.clone()),
            invoice: Some(id.to_owned()),
            description: Some(description.to_owned()),
            save_card: invoice.reason == "subscription_create",
            ..Purpose::default()
        };
        let currency = invoice.currency.clone();
        let intent = self.new_intent(purpose);
        let payment = InvoicePayment {
            id: self.ids.long("inpay_"),
            created: self.stamp(),
            invoice: id.to_owned(),
            payment_intent: intent.clone(),
            amount: due,
            paid: None,
            currency,
            status: "open",
            paid_at: None,
            canceled_at: None,
        };
        self.invoice_payments.add(payment);
        if let Some(row) = self.invoices.get_mut(id) {
            row.payment_intent = Some(intent);
        }
    }

    /// The card an invoice would be charged to.
    pub(in crate::stripe) fn card_for(
        &self,
        customer: &str,
        subscription: Option<&str>,
    ) -> Option<String> {
        subscription
            .and_then(|id| self.subscriptions.get(id))
            .and_then(|row| row.default_payment_method.clone())
            .or_else(|| {
                self.customers
                    .get(customer)
                    .and_then(|row| row.default_payment_method.clone())
            })
    }

    /// Tries to take the money of an open invoice, and does what follows from the answer.
    pub(in crate::stripe) fn collect(&mut self, id: &str, how: Collecting) -> Paying {
        let Some(invoice) = self.invoices.get(id) else {
            return Paying::NoMethod;
        };
        if invoice.status == InvoiceStatus::Paid {
            return Paying::Paid;
        }
        if !matches!(
            invoice.status,
            InvoiceStatus::Open | InvoiceStatus::Uncollectible
        ) {
            return Paying::NoMethod;
        }
        let method = how
            .method
            .or_else(|| self.card_for(&invoice.customer, invoice.subscription.as_deref()));
        let paying = match (invoice.payment_intent.clone(), method) {
            (Some(intent), Some(method)) => self.charge_intent(&intent, &method, how.authenticated),
            _ => Paying::NoMethod,
        };
        match paying {
            Paying::Paid => self.settle(id, true),
            Paying::Processing => self.collection_pending(id),
            _ => self.collection_failed(id, &paying, how.automatic),
        }
        paying
    }

    /// Marks an invoice paid, and its subscription with it.
    pub(in crate::stripe) fn settle(&mut self, id: &str, charged: bool) {
        let now = self.stamp();
        let Some(row) = self.invoices.get(id) else {
            return;
        };
        if row.status == InvoiceStatus::Paid {
            return;
        }
        let (due, subscription, customer) =
            (row.due(), row.subscription.clone(), row.customer.clone());
        let intent = row.payment_intent.clone();
        self.change_invoice(id, |invoice| {
            invoice.status = InvoiceStatus::Paid;
            invoice.amount_paid = due;
            invoice.paid_at = Some(now);
            invoice.attempted = true;
            invoice.attempt_count = if charged {
                invoice.attempt_count.max(1)
            } else {
                invoice.attempt_count
            };
            invoice.next_attempt = None;
            invoice.auto_advance = false;
            invoice.authenticating = None;
        });
        self.emit_invoice("invoice.paid", id);
        self.emit_invoice("invoice.payment_succeeded", id);
        for payment in self.invoice_payments.ids_of(id) {
            let Some(row) = self
                .invoice_payments
                .get_mut(&payment)
                .filter(|row| row.status == "open")
            else {
                continue;
            };
            if charged {
                row.status = "paid";
                row.paid = Some(row.amount);
                row.paid_at = Some(now);
                let body = Self::render_invoice_payment(row);
                self.emit("invoice_payment.paid", &body);
            } else {
                row.status = "canceled";
                row.canceled_at = Some(now);
            }
        }
        if let Some(intent) = intent.filter(|_| !charged) {
            self.cancel_intent(&intent);
        }
        if let Some(subscription) = subscription {
            self.subscription_paid(&subscription, id);
        }
        self.refresh_delinquent(&customer);
    }

    /// A customer is delinquent while an invoice of theirs is open after a failed attempt.
    fn refresh_delinquent(&mut self, customer: &str) {
        let owes = self.invoices.of(customer).any(|row| {
            row.status == InvoiceStatus::Open
                && row.attempted
                && row.reason != "subscription_create"
        });
        self.change_customer(customer, |customer| customer.delinquent = owes);
    }

    /// The bank has been asked; until it answers there is nothing to try again.
    fn collection_pending(&mut self, id: &str) {
        let activates = self.settings.debit_activates;
        self.change_invoice(id, |invoice| {
            invoice.attempted = true;
            invoice.attempt_count = invoice.attempt_count.max(1);
            invoice.next_attempt = None;
        });
        let first = self
            .invoices
            .get(id)
            .and_then(|row| row.subscription.clone())
            .filter(|_| activates);
        if let Some(subscription) = first {
            self.change_subscription(&subscription, |row| {
                if row.status == Status::Incomplete {
                    row.status = Status::Active;
                }
            });
        }
    }

    /// The bank turned a debit down.
    pub(in crate::stripe) fn debit_failed(
        &mut self,
        id: &str,
        decline: super::super::records::Decline,
    ) {
        let automatic = self
            .invoices
            .get(id)
            .is_some_and(|row| row.reason != "subscription_create");
        self.collection_failed(id, &Paying::Declined(decline), automatic);
    }

    fn collection_failed(&mut self, id: &str, paying: &Paying, automatic: bool) {
        let now = self.stamp();
        let gaps = self.settings.retry_days.clone();
        let Some(row) = self.invoices.get(id) else {
            return;
        };
        let (subscription, customer) = (row.subscription.clone(), row.customer.clone());
        let first = row.reason == "subscription_create";
        let next = match gaps.get(row.retries) {
            Some(days) if automatic && !first => Some(now + days * DAY),
            _ if automatic => None,
            _ => row.next_attempt,
        };
        let last = automatic && !first && next.is_none();
        self.change_invoice(id, |invoice| {
            if automatic || !invoice.attempted {
                invoice.attempt_count += 1;
            }
            invoice.attempted = true;
            if automatic {
                invoice.retries += 1;
            }
            invoice.next_attempt = next;
        });
        if let Some(at) = next.filter(|_| automatic) {
            self.set_timer(at, Timer::InvoiceRetries(id.to_owned()));
        }
        if matches!(paying, Paying::Authenticate) {
            self.emit_invoice("invoice.payment_action_required", id);
        }
        self.emit_invoice("invoice.payment_failed", id);
        if let Some(subscription) = subscription {
            self.subscription_unpaid(&subscription, id, last);
        }
        self.refresh_delinquent(&customer);
    }

    pub(in crate::stripe) fn finalization_due(&mut self, id: &str, at: i64) {
        if self
            .invoices
            .get(id)
            .is_some_and(|row| row.finalizes_at == Some(at) && row.auto_advance)
        {
            if let Some(code) = self.settings.finalization_error {
                if let Some(row) = self.invoices.get_mut(id) {
                    row.finalization_error = Some(code);
                    row.finalizes_at = None;
                    row.auto_advance = false;
                }
                self.emit_invoice("invoice.finalization_failed", id);
                return;
            }
            self.finalize(id);
            self.collect_automatically(id);
        }
    }

    /// Takes the money of an open invoice as Stripe does by itself.
    pub(in crate::stripe) fn collect_automatically(&mut self, id: &str) -> Paying {
        self.collect(
            id,
            Collecting {
                automatic: true,
                ..Collecting::default()
            },
        )
    }

    pub(in crate::stripe) fn retry_due(&mut self, id: &str, at: i64) {
        let due = |row: &Invoice| {
            row.status == InvoiceStatus::Open && row.next_attempt == Some(at) && row.auto_advance
        };
        if self.invoices.get(id).is_some_and(due) {
            self.collect_automatically(id);
        }
    }

    pub(in crate::stripe) fn void_invoice(&mut self, id: &str) {
        let now = self.stamp();
        let Some(row) = self.invoices.get_mut(id) else {
            return;
        };
        if !matches!(
            row.status,
            InvoiceStatus::Open | InvoiceStatus::Uncollectible
        ) {
            return;
        }
        row.status = InvoiceStatus::Void;
        row.voided_at = Some(now);
        row.next_attempt = None;
        row.auto_advance = false;
        let (intent, customer) = (row.payment_intent.clone(), row.customer.clone());
        // Credit it had used goes back.
        let credit = row.starting_balance - row.ending_balance.unwrap_or(row.starting_balance);
        for payment in self.invoice_payments.ids_of(id) {
            if let Some(payment) = self
                .invoice_payments
                .get_mut(&payment)
                .filter(|row| row.status == "open")
            {
                payment.status = "canceled";
                payment.canceled_at = Some(now);
            }
        }
        if let Some(intent) = intent {
            self.cancel_intent(&intent);
        }
        self.emit_invoice("invoice.voided", id);
        let subscription = self
            .invoices
            .get(id)
            .and_then(|row| row.subscription.clone());
        if let Some(subscription) = subscription.filter(|row| self.resumes(row, id)) {
            self.resumption_voided(&subscription);
        }
        self.change_customer(&customer, |customer| customer.balance += credit);
        self.refresh_delinquent(&customer);
    }

    pub(in crate::stripe) fn mark_uncollectible(&mut self, id: &str) {
        let now = self.stamp();
        let Some(row) = self
            .invoices
            .get_mut(id)
            .filter(|row| row.status == InvoiceStatus::Open)
        else {
            return;
        };
        row.status = InvoiceStatus::Uncollectible;
        row.uncollectible_at = Some(now);
        row.next_attempt = None;
        row.auto_advance = false;
        let (customer, subscription) = (row.customer.clone(), row.subscription.clone());
        self.emit_invoice("invoice.marked_uncollectible", id);
        if let Some(subscription) = subscription.filter(|row| self.resumes(row, id)) {
            self.resumed(&subscription, Status::Active);
        }
        self.refresh_delinquent(&customer);
    }

    /// Stops collecting what a subscription that has ended still owes.
    pub(in crate::stripe) fn stop_collecting(&mut self, subscription: &str) {
        for id in self.invoices.ids_of(subscription) {
            let open =
                |row: &Invoice| matches!(row.status, InvoiceStatus::Draft | InvoiceStatus::Open);
            if self.invoices.get(&id).is_some_and(open) {
                self.change_invoice(&id, |invoice| {
                    invoice.auto_advance = false;
                    invoice.next_attempt = None;
                    invoice.finalizes_at = None;
                });
            }
        }
    }

    /// What a paid invoice does to its subscription.
    fn subscription_paid(&mut self, subscription: &str, invoice: &str) {
        let Some(row) = self.subscriptions.get(subscription) else {
            return;
        };
        if row
            .pending_update
            .as_ref()
            .is_some_and(|pending| pending.invoice == invoice)
        {
            self.apply_pending_update(subscription);
            return;
        }
        if self.resumes(subscription, invoice) {
            self.resumed(subscription, Status::Active);
            return;
        }
        let Some(row) = self.subscriptions.get(subscription) else {
            return;
        };
        let latest = row.latest_invoice.as_deref() == Some(invoice);
        let status = match row.status {
            Status::Incomplete if latest => {
                if row.trial.is_some_and(|(_, end)| end > self.stamp()) {
                    Status::Trialing
                } else {
                    Status::Active
                }
            }
            Status::PastDue | Status::Unpaid if latest => Status::Active,
            other => other,
        };
        self.change_subscription(subscription, |row| row.status = status);
    }

    /// What a failed attempt does to the subscription of an invoice.
    fn subscription_unpaid(&mut self, subscription: &str, invoice: &str, last: bool) {
        let Some(row) = self.subscriptions.get(subscription) else {
            return;
        };
        let pending = row
            .pending_update
            .as_ref()
            .is_some_and(|pending| pending.invoice == invoice);
        let latest = row.latest_invoice.as_deref() == Some(invoice);
        if self.resumes(subscription, invoice) {
            self.resumption_failed(subscription);
            return;
        }
        if pending || !latest {
            return;
        }
        if matches!(row.status, Status::Active | Status::Trialing) {
            self.change_subscription(subscription, |row| row.status = Status::PastDue);
        }
        if last {
            self.dunning_exhausted(subscription);
        }
    }
}
