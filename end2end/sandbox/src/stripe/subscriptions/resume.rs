//! A subscription that was paused goes on, as `POST /v1/subscriptions/{id}/resume` says since 2026-09-30.

use super::super::{
    Stripe,
    calendar::period_end,
    errors::{Outcome, Refusal},
    forms::Params,
    records::{InvoiceStatus, Resuming, Status},
    timers::Timer,
};

/// A resumption invoice that nobody tried to pay is void after this long, and the pause goes on.
const UNTRIED_FOR: i64 = 23 * 3600;

impl Stripe {
    /// The resumption invoice is finalised at once. Paid, it begins a period. With
    /// `resume_on_payment_success` it is collected here and retried, and the subscription stays paused
    /// meanwhile; by default somebody else pays it, and a failure makes the subscription past due.
    pub(super) fn resume_subscription(&mut self, id: &str, p: &Params<'_>) -> Outcome {
        p.only(&[
            "billing_cycle_anchor",
            "payment_behavior",
            "proration_behavior",
            "proration_date",
        ])?;
        if let Some(anchor) = p.hash("billing_cycle_anchor")? {
            anchor.only(&["type"])?;
            if anchor.choice("type", &["now", "unchanged"])? == Some("unchanged") {
                return Err(Refusal::invalid(
                    "The sandbox resumes with a period that begins now: leave out billing_cycle_anchor, or say now.",
                ));
            }
        }
        let behaviors = ["resume_on_payment_attempt", "resume_on_payment_success"];
        let on_success =
            p.choice("payment_behavior", &behaviors)? == Some("resume_on_payment_success");
        let row = self.subscription(id)?;
        if row.status != Status::Paused {
            return Err(Refusal::invalid(
                "You can only resume a subscription that is paused.",
            ));
        }
        if row.resuming.is_some() {
            return Err(Refusal::invalid(
                "The sandbox resumes once: the resumption invoice of this subscription is open.",
            ));
        }
        let before = self.subscription_json(id);
        let Some(invoice) = self.draft_resumption(id, on_success) else {
            return Ok(before);
        };
        self.emit_invoice("invoice.created", &invoice);
        self.tell_subscription(id, &before);
        self.finalize(&invoice);
        let open = |stripe: &Self| {
            let invoice = stripe.invoices.get(&invoice);
            invoice.is_some_and(|row| row.status == InvoiceStatus::Open)
        };
        if open(self) {
            self.set_timer(
                self.stamp() + UNTRIED_FOR,
                Timer::ResumptionExpires(invoice.clone()),
            );
            let customer = self.subscription(id)?.customer.clone();
            if on_success && self.card_for(&customer, Some(id)).is_some() {
                self.collect_automatically(&invoice);
            }
        }
        Ok(self.subscription_json(id))
    }

    fn draft_resumption(&mut self, id: &str, on_success: bool) -> Option<String> {
        let now = self.stamp();
        let row = self.subscriptions.get(id)?;
        let (_, every) = self.terms(row.items.first().map(|item| item.price.as_str()));
        let mut items = row.items.clone();
        for item in &mut items {
            item.period = (now, period_end(now, every.interval, every.count, now));
        }
        let lines = self.full_lines(&items, false);
        let invoice = self.draft_invoice(id, "subscription_update", lines, (now, now))?;
        if let Some(row) = self.subscriptions.get_mut(id) {
            row.resuming = Some(Resuming {
                invoice: invoice.clone(),
                items,
                anchor: now,
                on_success,
            });
        }
        Some(invoice)
    }

    /// Whether an invoice is what a paused subscription waits for.
    pub(in crate::stripe) fn resumes(&self, subscription: &str, invoice: &str) -> bool {
        let row = self.subscriptions.get(subscription);
        row.and_then(|row| row.resuming.as_ref())
            .is_some_and(|resuming| resuming.invoice == invoice)
    }

    /// The resumption invoice is settled (`Active`), or was tried in vain where that ends the pause too
    /// (`PastDue`).
    pub(in crate::stripe) fn resumed(&mut self, id: &str, status: Status) {
        let before = self.subscription_json(id);
        let Some(row) = self.subscriptions.get_mut(id) else {
            return;
        };
        let Some(resuming) = row.resuming.take() else {
            return;
        };
        row.items = resuming.items;
        row.anchor = resuming.anchor;
        row.status = status;
        row.paused_at = None;
        let end = row.period().1;
        self.set_timer(end, Timer::PeriodEnd(id.to_owned()));
        self.tell_subscription(id, &before);
        self.emit_subscription("customer.subscription.resumed", id);
    }

    /// An attempt on the resumption invoice failed.
    pub(in crate::stripe) fn resumption_failed(&mut self, id: &str) {
        let waits = |row: &Resuming| row.on_success;
        let row = self.subscriptions.get(id);
        if row
            .and_then(|row| row.resuming.as_ref())
            .is_some_and(|row| !waits(row))
        {
            self.resumed(id, Status::PastDue);
        }
    }

    pub(in crate::stripe) fn resumption_voided(&mut self, id: &str) {
        if let Some(row) = self.subscriptions.get_mut(id) {
            row.resuming = None;
        }
    }

    pub(in crate::stripe) fn resumption_expires(&mut self, invoice: &str) {
        let row = self.invoices.get(invoice);
        if row.is_some_and(|row| row.status == InvoiceStatus::Open && !row.attempted) {
            self.void_invoice(invoice);
        }
    }
}
