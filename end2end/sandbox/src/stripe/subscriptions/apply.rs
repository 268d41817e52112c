//! Billing a change and putting it in place, now or when it is paid.

use serde_json::Value;

use super::{
    super::{
        Stripe,
        errors::Outcome,
        forms::Metadata,
        invoices::Collecting,
        payments::Paying,
        records::{InvoiceItem, InvoiceStatus, Item, Line, PendingUpdate, Status, Subscription},
        timers::Timer,
    },
    update::{Bill, Change, Payment, Prorate},
};

impl Stripe {
    /// The lines a change makes and where they go.
    pub(in crate::stripe) fn bill(&mut self, row: &Subscription, change: &Change) -> Bill {
        let trial = row.status == Status::Trialing;
        let credits = !trial && change.prorate != Prorate::None;
        if change.restart {
            let mut lines = if credits {
                self.proration_lines(&row.items, &change.items, change.at, false)
            } else {
                Vec::new()
            };
            lines.append(&mut self.full_lines(&change.items, false));
            return Bill::Now(lines);
        }
        if !credits {
            return Bill::Nothing;
        }
        let debits = change.trial_end.is_none();
        let lines = self.proration_lines(&row.items, &change.items, change.at, debits);
        match change.prorate {
            _ if lines.is_empty() => Bill::Nothing,
            Prorate::Always => Bill::Now(lines),
            Prorate::Create | Prorate::None => Bill::Later(lines),
        }
    }

    /// Refuses a change that its card would not pay.
    pub(super) fn demand(&mut self, row: &Subscription, change: &Change) -> Outcome<()> {
        let Bill::Now(lines) = self.bill(row, change) else {
            return Ok(());
        };
        let waiting: i64 = self
            .invoice_items
            .of(&row.id)
            .filter(|item| item.invoice.is_none())
            .map(|item| item.line.amount)
            .sum();
        let balance = self
            .customers
            .get(&row.customer)
            .map_or(0, |customer| customer.balance);
        if lines.iter().map(|line| line.amount).sum::<i64>() + waiting + balance <= 0 {
            return Ok(());
        }
        let card = self.card_for(&row.customer, Some(&row.id));
        self.would_pay(card.as_deref())
    }

    /// Makes a change and bills it. `before`: the subscription as last told.
    pub(in crate::stripe) fn apply_change(
        &mut self,
        id: &str,
        change: &Change,
        payment: Payment,
        before: &Value,
    ) {
        let Some(row) = self.subscriptions.get(id).cloned() else {
            return;
        };
        match self.bill(&row, change) {
            Bill::Nothing => {
                self.put_items(id, &change.items, change.restart, change.trial_end);
                self.tell_subscription(id, before);
            }
            Bill::Later(lines) => {
                self.put_items(id, &change.items, change.restart, change.trial_end);
                self.hold_lines(&row, lines);
                self.tell_subscription(id, before);
            }
            Bill::Now(lines) if payment == Payment::Pending => {
                self.try_change(id, change, lines, before);
            }
            Bill::Now(lines) => {
                self.put_items(id, &change.items, change.restart, change.trial_end);
                let Some(invoice) = self.change_invoice_for(id, lines) else {
                    return;
                };
                self.tell_subscription(id, before);
                self.finalize(&invoice);
                if payment == Payment::Wait {
                    let open = self
                        .invoices
                        .get(&invoice)
                        .is_some_and(|row| row.status == InvoiceStatus::Open);
                    if open {
                        self.change_subscription(id, |row| row.status = Status::PastDue);
                    }
                } else {
                    self.collect_automatically(&invoice);
                }
            }
        }
    }

    fn change_invoice_for(&mut self, id: &str, lines: Vec<Line>) -> Option<String> {
        let now = self.stamp();
        let invoice = self.draft_invoice(id, "subscription_update", lines, (now, now))?;
        self.emit_invoice("invoice.created", &invoice);
        Some(invoice)
    }

    /// A change that counts only when it is paid.
    fn try_change(&mut self, id: &str, change: &Change, lines: Vec<Line>, before: &Value) {
        let now = self.stamp();
        let Some(invoice) = self.change_invoice_for(id, lines) else {
            return;
        };
        let expires_at = now + 23 * 3600;
        let pending = PendingUpdate {
            expires_at,
            items: change.items.clone(),
            restarts: change.restart,
            invoice: invoice.clone(),
            trial_end: change.trial_end,
            shown: false,
        };
        let replaced = self
            .subscriptions
            .get_mut(id)
            .and_then(|row| row.pending_update.replace(pending));
        if let Some(replaced) = replaced {
            self.void_invoice(&replaced.invoice);
        }
        self.finalize(&invoice);
        let paying = self.collect(&invoice, Collecting::default());
        if !matches!(paying, Paying::Paid)
            && let Some(pending) = self
                .subscriptions
                .get_mut(id)
                .and_then(|row| row.pending_update.as_mut())
        {
            pending.shown = true;
            self.set_timer(expires_at, Timer::PendingUpdateExpires(id.to_owned()));
        }
        self.tell_subscription(id, before);
    }

    /// The invoice of a pending update is paid.
    pub(in crate::stripe) fn apply_pending_update(&mut self, id: &str) {
        let before = self.subscription_json(id);
        let Some(pending) = self
            .subscriptions
            .get_mut(id)
            .and_then(|row| row.pending_update.take())
        else {
            return;
        };
        self.put_items(id, &pending.items, pending.restarts, pending.trial_end);
        if pending.shown {
            self.tell_subscription(id, &before);
            self.emit_subscription("customer.subscription.pending_update_applied", id);
        }
    }

    pub(in crate::stripe) fn expire_pending_update(&mut self, id: &str, at: i64) {
        let due = |row: &Subscription| {
            row.pending_update
                .as_ref()
                .is_some_and(|pending| pending.expires_at == at)
        };
        if !self.subscriptions.get(id).is_some_and(due) {
            return;
        }
        let before = self.subscription_json(id);
        let pending = self
            .subscriptions
            .get_mut(id)
            .and_then(|row| row.pending_update.take());
        if let Some(pending) = pending {
            self.void_invoice(&pending.invoice);
        }
        self.tell_subscription(id, &before);
        self.emit_subscription("customer.subscription.pending_update_expired", id);
    }

    /// Puts items in place; a change that restarts begins its period now.
    fn put_items(&mut self, id: &str, items: &[Item], restart: bool, trial_end: Option<i64>) {
        let now = self.stamp();
        for item in items {
            self.item_homes
                .entry(item.id.clone())
                .or_insert_with(|| id.to_owned());
        }
        let Some(row) = self.subscriptions.get_mut(id) else {
            return;
        };
        row.items = items.to_vec();
        if restart {
            row.anchor = items.first().map_or(now, |item| item.period.0);
            if row.status == Status::Trialing {
                row.status = Status::Active;
                row.trial = row.trial.map(|(start, _)| (start, now));
            }
        }
        if let Some(end) = trial_end {
            row.status = Status::Trialing;
            row.trial = Some((row.trial.map_or(now, |(start, _)| start), end));
            row.anchor = end;
        }
        if row.cancel_at_period_end {
            row.cancel_at = Some(row.period().1);
        }
        let end = row.period().1;
        if restart || trial_end.is_some() {
            self.set_timer(end, Timer::PeriodEnd(id.to_owned()));
        }
        if let Some(end) = trial_end {
            self.set_timer(
                (end - 3 * super::super::calendar::DAY).max(now),
                Timer::TrialEnding(id.to_owned()),
            );
        }
    }

    /// Keeps prorations for the next invoice.
    fn hold_lines(&mut self, row: &Subscription, lines: Vec<Line>) {
        for line in lines {
            let item = InvoiceItem {
                id: line.invoice_item.clone().unwrap_or_else(|| line.id.clone()),
                created: self.stamp(),
                customer: row.customer.clone(),
                subscription: row.id.clone(),
                invoice: None,
                currency: row.currency.clone(),
                line,
            };
            let body = self.render_invoice_item(&item);
            self.invoice_items.add(item);
            self.emit("invoiceitem.created", &body);
        }
    }

    /// The items of a subscription with one item's price or quantity changed, for the hosted pages and controls.
    pub(in crate::stripe) fn with_item(
        &self,
        id: &str,
        price: Option<&str>,
        quantity: Option<i64>,
    ) -> Option<Vec<Item>> {
        let mut items = self.subscriptions.get(id)?.items.clone();
        let first = items.first_mut()?;
        if let Some(price) = price {
            price.clone_into(&mut first.price);
        }
        if let Some(quantity) = quantity {
            first.quantity = quantity;
        }
        Some(items)
    }

    /// An item that is not on any subscription yet, for previews of new ones.
    pub(in crate::stripe) fn loose_item(
        &mut self,
        price: String,
        quantity: i64,
        period: (i64, i64),
    ) -> Item {
        Item {
            id: self.ids.short("si_"),
            created: self.stamp(),
            price,
            quantity,
            metadata: Metadata::new(),
            period,
        }
    }
}
