//! The turn of a period.

use super::super::{
    Stripe,
    calendar::period_end,
    records::{Pause, Status},
    timers::Timer,
};

/// A renewal's invoice stays a draft this long.
const DRAFT: i64 = 3600;

impl Stripe {
    pub(in crate::stripe) fn period_ended(&mut self, id: &str, at: i64) {
        self.enter_phase(id, at);
        let Some(row) = self.subscriptions.get(id) else {
            return;
        };
        if row.period().1 != at || row.status.ended() {
            return;
        }
        if row.cancel_at.is_some_and(|end| end <= at) {
            self.end_subscription(id, Some("cancellation_requested"));
            return;
        }
        match row.status {
            Status::Trialing if self.card_for(&row.customer, Some(id)).is_none() => {
                match row.trial_without_card {
                    "cancel" => self.end_subscription(id, None),
                    "pause" => {
                        self.change_subscription(id, |row| {
                            row.status = Status::Paused;
                            row.paused_at = Some(at);
                        });
                        self.emit_subscription("customer.subscription.paused", id);
                    }
                    _ => self.renew(id, at),
                }
            }
            Status::Trialing | Status::Active | Status::PastDue | Status::Unpaid => {
                self.renew(id, at);
            }
            Status::Incomplete | Status::Paused | Status::Canceled | Status::IncompleteExpired => {}
        }
    }

    fn renew(&mut self, id: &str, at: i64) {
        let before = self.subscription_json(id);
        if let Some(row) = self
            .subscriptions
            .get_mut(id)
            .filter(|row| row.status == Status::Trialing)
        {
            row.status = Status::Active;
            row.anchor = at;
        }
        let Some(invoice) = self.begin_period(id, at, "subscription_cycle") else {
            return;
        };
        let row = self.subscriptions.get(id);
        let unpaid = row.is_some_and(|row| row.status == Status::Unpaid);
        let pause = row.and_then(|row| row.pause.clone());
        let keeps = unpaid
            || pause
                .as_ref()
                .is_some_and(|pause| pause.behavior == "keep_as_draft");
        if !keeps && pause.is_none() {
            if let Some(row) = self.invoices.get_mut(&invoice) {
                row.auto_advance = true;
                row.finalizes_at = Some(at + DRAFT);
            }
            self.set_timer(at + DRAFT, Timer::InvoiceFinalizes(invoice.clone()));
        }
        self.emit_invoice("invoice.created", &invoice);
        self.tell_subscription(id, &before);
        if let Some(Pause { behavior, .. }) = pause.filter(|_| !keeps) {
            self.finalize(&invoice);
            if behavior == "void" {
                self.void_invoice(&invoice);
            } else {
                self.mark_uncollectible(&invoice);
            }
        }
    }

    /// Moves every item to the period that begins at `at` and drafts its invoice, whose own period is the one
    /// that has gone by.
    pub(super) fn begin_period(
        &mut self,
        id: &str,
        at: i64,
        reason: &'static str,
    ) -> Option<String> {
        let row = self.subscriptions.get(id)?;
        let (_, every) = self.terms(row.items.first().map(|item| item.price.as_str()));
        let last = row.period();
        let row = self.subscriptions.get_mut(id)?;
        if reason != "subscription_cycle" {
            row.anchor = at;
        }
        let end = period_end(row.anchor, every.interval, every.count, at);
        for item in &mut row.items {
            item.period = (at, end);
        }
        let moved = row.cancel_at_period_end;
        if moved {
            row.cancel_at = Some(end);
        }
        let items = row.items.clone();
        let lines = self.full_lines(&items, false);
        self.set_timer(end, Timer::PeriodEnd(id.to_owned()));
        let period = if reason == "subscription_cycle" {
            last
        } else {
            (at, at)
        };
        self.draft_invoice(id, reason, lines, period)
    }

    pub(in crate::stripe) fn trial_ending(&mut self, id: &str, at: i64) {
        let now = self.stamp();
        let near = self.subscriptions.get(id).is_some_and(|row| {
            row.status == Status::Trialing
                && row.trial.is_some_and(|(start, end)| {
                    (end - 3 * super::super::calendar::DAY).max(start) <= at && end > now
                })
        });
        if near {
            self.emit_subscription("customer.subscription.trial_will_end", id);
        }
    }
}
