//! What falls due by the movable clock, each at its own moment, in order.

use std::collections::BTreeMap;

use super::Stripe;

/// A thing to look at when its time has come. Each handler checks that its object still waits for this moment.
#[derive(Clone, Debug)]
pub(super) enum Timer {
    PeriodEnd(String),
    CancelAt(String),
    TrialEnding(String),
    IncompleteExpires(String),
    PauseEnds(String),
    PendingUpdateExpires(String),
    ResumptionExpires(String),
    InvoiceFinalizes(String),
    InvoiceRetries(String),
    SessionExpires(String),
    PhaseEnds(String),
    DebitSettles(String),
}

/// Timers by (due in epoch seconds, order of setting).
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeMap<(i64, u64), Timer>,
    set: u64,
}

impl Stripe {
    pub(super) fn set_timer(&mut self, at: i64, timer: Timer) {
        self.timers.set += 1;
        self.timers.due.insert((at, self.timers.set), timer);
    }

    /// The next moment, in UTC epoch milliseconds, at which something falls due by itself.
    #[must_use]
    pub fn next_due_ms(&self) -> Option<i64> {
        self.timers
            .due
            .first_key_value()
            .map(|((at, _), _)| at * 1000)
    }

    /// Moves time to `to_ms` (UTC epoch milliseconds; never backwards): renewals, trial ends, finalisations,
    /// retries and expiries happen, each at its own due time, in chronological order.
    pub fn advance(&mut self, to_ms: i64) {
        while let Some((&(at, order), _)) = self.timers.due.first_key_value() {
            if at * 1000 > to_ms {
                break;
            }
            let Some(timer) = self.timers.due.remove(&(at, order)) else {
                break;
            };
            self.now_ms = self.now_ms.max(at * 1000);
            self.fire(at, timer);
        }
        self.now_ms = self.now_ms.max(to_ms);
        self.prune_events();
    }

    fn fire(&mut self, at: i64, timer: Timer) {
        match timer {
            Timer::PeriodEnd(id) => self.period_ended(&id, at),
            Timer::CancelAt(id) => self.cancel_due(&id, at),
            Timer::TrialEnding(id) => self.trial_ending(&id, at),
            Timer::IncompleteExpires(id) => self.expire_incomplete(&id),
            Timer::PauseEnds(id) => self.pause_ended(&id, at),
            Timer::PendingUpdateExpires(id) => self.expire_pending_update(&id, at),
            Timer::ResumptionExpires(invoice) => self.resumption_expires(&invoice),
            Timer::InvoiceFinalizes(id) => self.finalization_due(&id, at),
            Timer::InvoiceRetries(id) => self.retry_due(&id, at),
            Timer::SessionExpires(id) => self.session_expires(&id, at),
            Timer::PhaseEnds(id) => self.phase_ended(&id, at),
            Timer::DebitSettles(intent) => self.debit_settles(&intent),
        }
    }
}
