//! What time alone makes of access while Stripe cannot be read. A promise that ends (a grace, a
//! planned end, a pass) is looked at again in Stripe before anything is withdrawn; when that
//! cannot be done, access is held for a day and no longer.

use super::Reason;

/// How long a fresh reading is waited for.
pub const HOLD_MS: i64 = 24 * 60 * 60 * 1000;

/// What becomes of access that was given, without a fresh reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// Time changes nothing about it.
    Stands,
    /// Its time is over; it is held until then (UTC epoch ms).
    Held { until: i64 },
    /// Its time is over, and so is the time a reading was waited for.
    Over(Reason),
}

/// Decides on access given for `reason` until a moment (UTC epoch ms; none is without end).
#[must_use]
pub fn unread(reason: Reason, given_until: Option<i64>, now: i64) -> Unread {
    match given_until {
        Some(end) if end <= now => {
            let until = end.saturating_add(HOLD_MS);
            if now < until {
                Unread::Held { until }
            } else {
                Unread::Over(over(reason))
            }
        }
        _ => Unread::Stands,
    }
}

/// The reason once the time is over.
fn over(reason: Reason) -> Reason {
    match reason {
        Reason::PaymentMissing => Reason::GraceOver,
        Reason::PausedPaidUp => Reason::Paused,
        Reason::PassRunning => Reason::PassOver,
        Reason::Given => Reason::ExceptionOver,
        _ => Reason::Ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{
        Decision, Facts, PassFacts, PaymentFate, Policy, Status, SubscriptionFacts, access,
    };

    const NOW: i64 = 1_800_000_000_000;

    #[test]
    fn access_is_held_for_a_day_and_then_withdrawn() {
        use Reason::{
            Ended, Ending, GraceOver, Paid, PassOver, PassRunning, Paused, PausedPaidUp,
            PaymentMissing, Trial,
        };
        for (reason, ended) in [
            (PaymentMissing, GraceOver),
            (Ending, Ended),
            (Trial, Ended),
            (PausedPaidUp, Paused),
            (PassRunning, PassOver),
        ] {
            let held = Unread::Held {
                until: NOW + HOLD_MS,
            };
            let at = |now| unread(reason, Some(NOW), now);
            assert_eq!(at(NOW - 1), Unread::Stands);
            assert_eq!(at(NOW), held);
            assert_eq!(at(NOW + HOLD_MS - 1), held);
            assert_eq!(at(NOW + HOLD_MS), Unread::Over(ended));
        }
        // Paid until it renews: whether it did only Stripe knows.
        assert_eq!(unread(Paid, None, NOW + 90 * HOLD_MS), Unread::Stands);
    }

    /// What is withdrawn unread is what the policy would say of the facts last read.
    #[test]
    fn it_ends_as_the_kept_facts_would() {
        let policy = Policy::default();
        let late = SubscriptionFacts {
            status: Status::PastDue,
            period_start: Some(NOW - HOLD_MS),
            period_end: Some(NOW + 20 * HOLD_MS),
            cancel_at: None,
            cancel_at_period_end: false,
            trial_end: None,
            collection_paused: false,
            paid_until: None,
            unpaid_since: Some(NOW - HOLD_MS),
            payment: PaymentFate::Kept,
        };
        let paused = SubscriptionFacts {
            status: Status::Active,
            collection_paused: true,
            paid_until: Some(NOW + 5 * HOLD_MS),
            unpaid_since: None,
            ..late.clone()
        };
        let pass = PassFacts {
            paid: true,
            ends_at: Some(NOW + HOLD_MS),
            payment: PaymentFate::Kept,
        };
        for facts in [
            Facts::Subscription(late),
            Facts::Subscription(paused),
            Facts::Pass(pass),
        ] {
            let given = access(&facts, policy, NOW);
            let end = given.look_again.unwrap();
            let later = access(&facts, policy, end + HOLD_MS);
            assert_eq!(later.decision, Decision::Denied);
            assert_eq!(
                unread(given.reason, Some(end), end + HOLD_MS),
                Unread::Over(later.reason)
            );
        }
    }
}
