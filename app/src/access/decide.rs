//! The access table of the design, row by row.

use super::{
    Access, Decision, ExceptionFacts, Facts, PassFacts, PaymentFate, Policy, Reason, Status,
    SubscriptionFacts,
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Decides one entitlement. `now` is the policy clock in UTC epoch ms.
#[must_use]
pub fn access(facts: &Facts, policy: Policy, now: i64) -> Access {
    match facts {
        Facts::Subscription(subscription) => of_subscription(subscription, policy, now),
        Facts::Pass(pass) => of_pass(pass, policy, now),
        Facts::Exception(exception) => of_exception(exception, now),
    }
}

/// The access that counts when several entitlements give one plan: an exception outranks all,
/// and withholding outranks giving; of the others the best counts.
#[must_use]
pub fn best<'a>(entitlements: impl IntoIterator<Item = &'a (Facts, Access)>) -> Option<Access> {
    fn rank((facts, access): &(Facts, Access)) -> (u8, i64) {
        let by_hand = matches!(facts, Facts::Exception(_))
            && matches!(access.reason, Reason::Given | Reason::Withheld);
        match (by_hand, access.decision) {
            (true, Decision::Denied) => (5, 0),
            (true, _) => (4, 0),
            (false, Decision::Granted) => (3, access.look_again.unwrap_or(i64::MAX)),
            (false, Decision::Grace { until }) => (2, until),
            (false, Decision::Hold) => (1, 0),
            (false, Decision::Denied) => (0, 0),
        }
    }
    entitlements
        .into_iter()
        .max_by_key(|entitlement| rank(entitlement))
        .map(|(_, access)| *access)
}

fn denied(reason: Reason) -> Access {
    Access {
        decision: Decision::Denied,
        reason,
        look_again: None,
    }
}

fn granted(reason: Reason, look_again: Option<i64>) -> Access {
    Access {
        decision: Decision::Granted,
        reason,
        look_again,
    }
}

fn of_subscription(facts: &SubscriptionFacts, policy: Policy, now: i64) -> Access {
    let gives = matches!(
        facts.status,
        Status::Trialing | Status::Active | Status::PastDue
    );
    if gives && let Some(refused) = by_payment(facts.payment, policy) {
        return refused;
    }
    match &facts.status {
        Status::Trialing => {
            let end = facts.trial_end.or(facts.period_end);
            granted(Reason::Trial, first(end, facts.ends_at()))
        }
        Status::Active if facts.collection_paused && !policy.pause_keeps => paused(facts, now),
        Status::Active => match facts.ends_at() {
            Some(end) => granted(Reason::Ending, Some(end)),
            None => granted(Reason::Paid, facts.period_end),
        },
        Status::PastDue => grace(facts, policy, now),
        Status::Unpaid => denied(Reason::Unpaid),
        Status::Canceled => denied(Reason::Ended),
        Status::Incomplete | Status::IncompleteExpired => denied(Reason::FirstPaymentMissing),
        Status::Paused => denied(Reason::Paused),
        Status::Unknown(_) => Access {
            decision: Decision::Hold,
            reason: Reason::UnknownStatus,
            look_again: None,
        },
    }
}

/// Whichever comes first.
fn first(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    a.into_iter().chain(b).min()
}

fn paused(facts: &SubscriptionFacts, now: i64) -> Access {
    match facts.paid_until.or(facts.period_end) {
        Some(end) if now < end => granted(Reason::PausedPaidUp, first(Some(end), facts.ends_at())),
        _ => denied(Reason::Paused),
    }
}

/// Grace runs from the moment the oldest unpaid invoice was finalised or fell due; a period that
/// started unpaid stands in where Stripe shows no such invoice.
fn grace(facts: &SubscriptionFacts, policy: Policy, now: i64) -> Access {
    let Some(since) = facts.unpaid_since.or(facts.period_start) else {
        return Access {
            decision: Decision::Hold,
            reason: Reason::PaymentMissing,
            look_again: None,
        };
    };
    let until = since + i64::from(policy.grace_days) * DAY_MS;
    if now < until {
        Access {
            decision: Decision::Grace { until },
            reason: Reason::PaymentMissing,
            look_again: first(Some(until), facts.ends_at()),
        }
    } else {
        denied(Reason::GraceOver)
    }
}

fn by_payment(payment: PaymentFate, policy: Policy) -> Option<Access> {
    match payment {
        PaymentFate::Disputed if policy.dispute_denies => Some(denied(Reason::Disputed)),
        PaymentFate::Refunded if policy.refund_denies => Some(denied(Reason::Refunded)),
        _ => None,
    }
}

fn of_pass(facts: &PassFacts, policy: Policy, now: i64) -> Access {
    if !facts.paid {
        return denied(Reason::NotPaid);
    }
    if let Some(refused) = by_payment(facts.payment, policy) {
        return refused;
    }
    match facts.ends_at {
        Some(end) if end <= now => denied(Reason::PassOver),
        end => granted(Reason::PassRunning, end),
    }
}

fn of_exception(facts: &ExceptionFacts, now: i64) -> Access {
    if facts.expires_at.is_some_and(|end| end <= now) {
        return denied(Reason::ExceptionOver);
    }
    if facts.gives {
        granted(Reason::Given, facts.expires_at)
    } else {
        Access {
            decision: Decision::Denied,
            reason: Reason::Withheld,
            look_again: facts.expires_at,
        }
    }
}
