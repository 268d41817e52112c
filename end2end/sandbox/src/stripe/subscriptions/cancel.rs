//! How a subscription ends, is paused and comes back.

use super::super::{
    AfterLastRetry, Stripe,
    errors::{Outcome, Refusal},
    forms::Params,
    records::{Pause, Status, Subscription},
    timers::Timer,
};

impl Subscription {
    /// Plans the end, or takes the plan back when there is neither `at` nor `period_end`.
    pub fn end_at(&mut self, now: i64, at: Option<i64>, period_end: bool) {
        self.cancel_at_period_end = period_end;
        self.cancel_at = if period_end {
            Some(self.period().1)
        } else {
            at
        };
        if self.cancel_at.is_some() {
            self.canceled_at = Some(now);
            self.cancel_reason = Some("cancellation_requested");
        } else {
            self.canceled_at = None;
            self.cancel_reason = None;
            self.cancel_comment = None;
            self.cancel_feedback = None;
        }
    }
}

impl Stripe {
    pub(super) fn delete_subscription(&mut self, id: &str, p: &Params<'_>) -> Outcome {
        p.only(&["cancellation_details", "invoice_now", "prorate"])?;
        let row = self.subscription(id)?;
        if row.status.ended() {
            return Err(Refusal::no_such("subscription", id, "id").with_status(404));
        }
        if p.flag("invoice_now")? == Some(true) || p.flag("prorate")? == Some(true) {
            return Err(Refusal::invalid(
                "The sandbox cancels without a last invoice: leave out invoice_now and prorate.",
            ));
        }
        if let Some(details) = p.hash("cancellation_details")? {
            details.only(&["comment", "feedback"])?;
            let (comment, feedback) = (details.owned("comment")?, details.owned("feedback")?);
            if let Some(row) = self.subscriptions.get_mut(id) {
                row.cancel_comment = comment;
                row.cancel_feedback = feedback;
            }
        }
        self.end_subscription(id, Some("cancellation_requested"));
        Ok(self.subscription_json(id))
    }

    /// Ends a subscription at once: `canceled`, its open invoices no longer collected.
    pub(in crate::stripe) fn end_subscription(&mut self, id: &str, reason: Option<&'static str>) {
        let now = self.stamp();
        let Some(row) = self
            .subscriptions
            .get_mut(id)
            .filter(|row| !row.status.ended())
        else {
            return;
        };
        row.status = Status::Canceled;
        row.canceled_at.get_or_insert(now);
        row.ended_at = Some(now);
        row.cancel_reason = row.cancel_reason.or(reason);
        let pending = row.pending_update.take();
        row.resuming = None;
        let schedule = row.schedule.take();
        self.stop_collecting(id);
        if let Some(pending) = pending {
            self.void_invoice(&pending.invoice);
        }
        self.emit_subscription("customer.subscription.deleted", id);
        if let Some(schedule) = schedule {
            self.end_schedule(&schedule, "canceled");
        }
    }

    pub(in crate::stripe) fn cancel_due(&mut self, id: &str, at: i64) {
        let due = self
            .subscriptions
            .get(id)
            .is_some_and(|row| row.cancel_at == Some(at));
        if due {
            self.end_subscription(id, Some("cancellation_requested"));
        }
    }

    /// The last retry has failed: what the settings say.
    pub(in crate::stripe) fn dunning_exhausted(&mut self, id: &str) {
        match self.settings.after_last_retry {
            AfterLastRetry::Cancel => self.end_subscription(id, Some("payment_failed")),
            AfterLastRetry::MarkUnpaid => {
                self.change_subscription(id, |row| row.status = Status::Unpaid);
            }
            AfterLastRetry::LeavePastDue => {}
        }
    }

    /// 23 hours without a first payment.
    pub(in crate::stripe) fn expire_incomplete(&mut self, id: &str) {
        let now = self.stamp();
        let Some(row) = self
            .subscriptions
            .get(id)
            .filter(|row| row.status == Status::Incomplete)
        else {
            return;
        };
        let invoice = row.latest_invoice.clone();
        if self.debit_under_way(invoice.as_deref()) {
            // The bank has the say; should it refuse, the time is over.
            return;
        }
        if let Some(invoice) = invoice {
            self.void_invoice(&invoice);
        }
        self.change_subscription(id, |row| {
            row.status = Status::IncompleteExpired;
            row.ended_at = Some(now);
        });
    }

    /// Sets or clears the end of a subscription. `period_end`: at the end of the running period.
    pub(in crate::stripe) fn plan_end(&mut self, id: &str, at: Option<i64>, period_end: bool) {
        let now = self.stamp();
        self.change_subscription(id, |row| row.end_at(now, at, period_end));
        if let Some(at) = self.subscriptions.get(id).and_then(|row| row.cancel_at) {
            self.set_timer(at.max(now), Timer::CancelAt(id.to_owned()));
        }
    }

    /// Pauses collection (`keep_as_draft`, `mark_uncollectible`, `void`) or ends the pause.
    pub(in crate::stripe) fn set_pause(&mut self, id: &str, pause: Option<Pause>) {
        if let Some(at) = pause.as_ref().and_then(|pause| pause.resumes_at) {
            self.set_timer(at, Timer::PauseEnds(id.to_owned()));
        }
        self.change_subscription(id, |row| row.pause = pause);
    }

    pub(in crate::stripe) fn pause_ended(&mut self, id: &str, at: i64) {
        let due = |row: &Subscription| {
            row.pause
                .as_ref()
                .is_some_and(|pause| pause.resumes_at == Some(at))
                && !row.status.ended()
        };
        if self.subscriptions.get(id).is_some_and(due) {
            self.set_pause(id, None);
        }
    }
}
