//! Bank debits: a payment whose outcome is known days later.

use super::super::{
    Stripe, calendar::DAY, records::Status, subscriptions::INCOMPLETE_FOR, timers::Timer,
};

/// How long the bank takes. Stripe tells up to 14 business days, most within 5.
const BANK_TAKES: i64 = 4 * DAY;

impl Stripe {
    /// The debit is on its way: the intent is `processing` and its charge pending.
    pub(super) fn start_debit(&mut self, intent: &str, method: &str) {
        let charge = self.new_charge(intent, method, None);
        self.change_intent(intent, |row| {
            row.status = "processing";
            row.payment_method = Some(method.to_owned());
            row.latest_charge = Some(charge.clone());
            row.last_error = None;
        });
        self.emit_charge("charge.pending", &charge);
        self.emit_intent("payment_intent.processing", intent);
        self.set_timer(
            self.stamp() + BANK_TAKES,
            Timer::DebitSettles(intent.to_owned()),
        );
    }

    /// The bank answers now instead of in days: the newest debit of a customer that is under way.
    pub fn settle_debit_of(&mut self, now_ms: i64, customer: &str) -> Result<(), String> {
        self.advance(now_ms);
        let intent = self
            .intents
            .older(Some(customer), None)
            .find(|row| row.status == "processing")
            .map(|row| row.id.clone())
            .ok_or("No such debit: none of this customer is under way.")?;
        self.debit_settles(&intent);
        Ok(())
    }

    /// The bank answers.
    pub(in crate::stripe) fn debit_settles(&mut self, intent: &str) {
        let Some(row) = self
            .intents
            .get(intent)
            .filter(|row| row.status == "processing")
        else {
            return;
        };
        let (invoice, charge) = (row.invoice.clone(), row.latest_charge.clone());
        let failure = row
            .payment_method
            .as_ref()
            .and_then(|method| self.methods.get(method))
            .and_then(|method| method.card.debited().err());
        if let Some(row) = charge.as_ref().and_then(|id| self.charges.get_mut(id)) {
            row.pending = false;
            row.failure.clone_from(&failure);
        }
        self.change_intent(intent, |row| {
            row.last_error.clone_from(&failure);
            if failure.is_some() {
                row.status = "requires_payment_method";
                row.payment_method = None;
            } else {
                row.status = "succeeded";
            }
        });
        let paid = failure.is_none();
        if let Some(charge) = charge {
            let kind = if paid {
                "charge.succeeded"
            } else {
                "charge.failed"
            };
            self.emit_charge(kind, &charge);
        }
        let kind = if paid {
            "payment_intent.succeeded"
        } else {
            "payment_intent.payment_failed"
        };
        self.emit_intent(kind, intent);
        match (&invoice, failure) {
            (None, _) => {}
            (Some(invoice), None) => self.settle(invoice, true),
            (Some(invoice), Some(decline)) => {
                self.debit_failed(invoice, decline);
                self.expire_late(invoice);
            }
        }
        self.session_settled(intent, invoice.as_deref(), paid);
    }

    /// A first payment that failed after its 23 hours ends the subscription at once.
    fn expire_late(&mut self, invoice: &str) {
        let now = self.stamp();
        let subscription = self
            .invoices
            .get(invoice)
            .and_then(|row| row.subscription.clone());
        let late = subscription.filter(|id| {
            self.subscriptions.get(id).is_some_and(|row| {
                row.status == Status::Incomplete && row.created + INCOMPLETE_FOR <= now
            })
        });
        if let Some(id) = late {
            self.expire_incomplete(&id);
        }
    }

    /// Whether the money of an invoice is under way.
    pub(in crate::stripe) fn debit_under_way(&self, invoice: Option<&str>) -> bool {
        invoice
            .and_then(|id| self.invoices.get(id))
            .and_then(|row| row.payment_intent.as_ref())
            .and_then(|id| self.intents.get(id))
            .is_some_and(|row| row.status == "processing")
    }
}
