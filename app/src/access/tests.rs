use super::*;
use proptest::prelude::*;

const DAY: i64 = 24 * 60 * 60 * 1000;
const NOW: i64 = 1_800_000_000_000;

fn subscription(status: Status) -> SubscriptionFacts {
    SubscriptionFacts {
        status,
        period_start: Some(NOW - 10 * DAY),
        period_end: Some(NOW + 20 * DAY),
        cancel_at: None,
        cancel_at_period_end: false,
        trial_end: None,
        collection_paused: false,
        paid_until: None,
        unpaid_since: None,
        payment: PaymentFate::Kept,
    }
}

fn decide(facts: SubscriptionFacts) -> (Decision, Reason, Option<i64>) {
    let access = access(&Facts::Subscription(facts), Policy::default(), NOW);
    (access.decision, access.reason, access.look_again)
}

#[test]
fn every_row_of_the_table() {
    use Decision::{Denied, Grace, Granted, Hold};
    let end = Some(NOW + 20 * DAY);
    for (status, decision, reason, look) in [
        (Status::Trialing, Granted, Reason::Trial, end),
        (Status::Active, Granted, Reason::Paid, end),
        (Status::Unpaid, Denied, Reason::Unpaid, None),
        (Status::Canceled, Denied, Reason::Ended, None),
        (
            Status::Incomplete,
            Denied,
            Reason::FirstPaymentMissing,
            None,
        ),
        (
            Status::IncompleteExpired,
            Denied,
            Reason::FirstPaymentMissing,
            None,
        ),
        (Status::Paused, Denied, Reason::Paused, None),
        (
            Status::Unknown("frozen".into()),
            Hold,
            Reason::UnknownStatus,
            None,
        ),
    ] {
        assert_eq!(decide(subscription(status)), (decision, reason, look));
    }
    let ending = SubscriptionFacts {
        cancel_at_period_end: true,
        ..subscription(Status::Active)
    };
    assert_eq!(decide(ending), (Granted, Reason::Ending, end));
    let ending = SubscriptionFacts {
        cancel_at: Some(NOW + DAY),
        ..subscription(Status::Active)
    };
    assert_eq!(decide(ending), (Granted, Reason::Ending, Some(NOW + DAY)));
    let late = SubscriptionFacts {
        unpaid_since: Some(NOW - 3 * DAY),
        ..subscription(Status::PastDue)
    };
    let until = NOW + 4 * DAY;
    assert_eq!(
        decide(late),
        (Grace { until }, Reason::PaymentMissing, Some(until))
    );
    let over = SubscriptionFacts {
        unpaid_since: Some(NOW - 7 * DAY),
        ..subscription(Status::PastDue)
    };
    assert_eq!(decide(over), (Denied, Reason::GraceOver, None));
    let unclear = SubscriptionFacts {
        period_start: None,
        ..subscription(Status::PastDue)
    };
    assert_eq!(decide(unclear).0, Hold);
    let paused = SubscriptionFacts {
        collection_paused: true,
        ..subscription(Status::Active)
    };
    assert_eq!(decide(paused.clone()), (Granted, Reason::PausedPaidUp, end));
    let paused = SubscriptionFacts {
        paid_until: Some(NOW),
        ..paused
    };
    assert_eq!(decide(paused), (Denied, Reason::Paused, None));
}

/// A planned end that comes before the trial's, the paid period's or the grace's is looked at then.
#[test]
fn a_planned_end_is_looked_at_when_it_comes_first() {
    let soon = NOW + DAY;
    let ending = |status| SubscriptionFacts {
        cancel_at: Some(soon),
        ..subscription(status)
    };
    assert_eq!(
        decide(ending(Status::Trialing)),
        (Decision::Granted, Reason::Trial, Some(soon))
    );
    let paused = SubscriptionFacts {
        collection_paused: true,
        ..ending(Status::Active)
    };
    assert_eq!(
        decide(paused),
        (Decision::Granted, Reason::PausedPaidUp, Some(soon))
    );
    let late = SubscriptionFacts {
        unpaid_since: Some(NOW),
        ..ending(Status::PastDue)
    };
    let until = NOW + 7 * DAY;
    assert_eq!(
        decide(late),
        (
            Decision::Grace { until },
            Reason::PaymentMissing,
            Some(soon)
        )
    );
}

#[test]
fn disputes_and_refunds_follow_the_policy() {
    let disputed = SubscriptionFacts {
        payment: PaymentFate::Disputed,
        ..subscription(Status::Active)
    };
    let refunded = SubscriptionFacts {
        payment: PaymentFate::Refunded,
        ..subscription(Status::Active)
    };
    assert_eq!(decide(disputed.clone()).1, Reason::Disputed);
    assert_eq!(decide(refunded.clone()).1, Reason::Paid);
    let other = Policy {
        dispute_denies: false,
        refund_denies: true,
        ..Policy::default()
    };
    assert_eq!(
        access(&Facts::Subscription(disputed), other, NOW).reason,
        Reason::Paid
    );
    assert_eq!(
        access(&Facts::Subscription(refunded), other, NOW).reason,
        Reason::Refunded
    );
}

#[test]
fn an_exception_outranks_and_withholding_outranks_giving() {
    let policy = Policy::default();
    let with = |facts: Facts| {
        let decided = access(&facts, policy, NOW);
        (facts, decided)
    };
    let paid = with(Facts::Subscription(subscription(Status::Active)));
    let ended = with(Facts::Subscription(subscription(Status::Canceled)));
    let gives = with(Facts::Exception(ExceptionFacts {
        gives: true,
        expires_at: None,
    }));
    let withholds = with(Facts::Exception(ExceptionFacts {
        gives: false,
        expires_at: None,
    }));
    let over = with(Facts::Exception(ExceptionFacts {
        gives: false,
        expires_at: Some(NOW),
    }));
    let reason = |list: &[(Facts, Access)]| best(list).map(|access| access.reason);
    assert_eq!(reason(&[ended.clone(), paid.clone()]), Some(Reason::Paid));
    assert_eq!(reason(&[ended, gives.clone()]), Some(Reason::Given));
    assert_eq!(
        reason(&[gives, withholds, paid.clone()]),
        Some(Reason::Withheld)
    );
    assert_eq!(reason(&[over, paid]), Some(Reason::Paid));
    assert_eq!(reason(&[]), None);
}

#[test]
fn words_survive_the_round_trip() {
    for reason in Reason::ALL {
        assert_eq!(Reason::from_word(reason.as_str()), Some(reason));
        assert!(reason.sentence().ends_with('.'));
    }
    for word in ["active", "past_due", "something_new"] {
        assert_eq!(Status::from_stripe(word).as_str(), word);
    }
}

fn any_status() -> impl Strategy<Value = Status> {
    prop::sample::select(vec![
        "trialing",
        "active",
        "past_due",
        "unpaid",
        "canceled",
        "incomplete",
        "incomplete_expired",
        "paused",
        "brand_new",
    ])
    .prop_map(Status::from_stripe)
}

prop_compose! {
    fn any_subscription()(
        status in any_status(),
        start in prop::option::of(NOW - 60 * DAY..NOW),
        end in prop::option::of(NOW - 30 * DAY..NOW + 60 * DAY),
        cancel_at in prop::option::of(NOW - 30 * DAY..NOW + 60 * DAY),
        cancel_at_period_end in any::<bool>(),
        collection_paused in any::<bool>(),
        unpaid_since in prop::option::of(NOW - 30 * DAY..NOW),
        payment in prop::sample::select(vec![PaymentFate::Kept, PaymentFate::Disputed, PaymentFate::Refunded]),
    ) -> SubscriptionFacts {
        SubscriptionFacts {
            status, period_start: start, period_end: end, cancel_at, cancel_at_period_end,
            trial_end: None, collection_paused, paid_until: None, unpaid_since, payment,
        }
    }
}

proptest! {
    /// Time only ever takes access away, and never before the promised moment.
    #[test]
    fn nothing_changes_before_look_again(facts in any_subscription(), step in 0..90 * DAY) {
        let facts = Facts::Subscription(facts);
        let policy = Policy::default();
        let now = access(&facts, policy, NOW);
        let later = access(&facts, policy, NOW + step);
        if now.look_again.is_none_or(|look| NOW + step < look) {
            prop_assert_eq!(now.decision, later.decision);
        }
        if now.decision == Decision::Denied {
            prop_assert_eq!(later.decision, Decision::Denied);
        }
    }

    /// A grace ends after now, and asks to be looked at when it ends, or the subscription before it.
    #[test]
    fn a_grace_is_never_over(facts in any_subscription()) {
        let ends_at = facts.ends_at();
        let access = access(&Facts::Subscription(facts), Policy::default(), NOW);
        if let Decision::Grace { until } = access.decision {
            prop_assert!(until > NOW);
            prop_assert_eq!(access.look_again, Some(ends_at.map_or(until, |end| end.min(until))));
        }
    }

    /// Only an unknown status, or a missing payment without any date, holds.
    #[test]
    fn no_known_status_is_held_without_cause(facts in any_subscription()) {
        let unknown = matches!(facts.status, Status::Unknown(_));
        let undated = facts.status == Status::PastDue && facts.unpaid_since.is_none() && facts.period_start.is_none();
        let access = access(&Facts::Subscription(facts), Policy::default(), NOW);
        if access.decision == Decision::Hold {
            prop_assert!(unknown || undated);
        }
    }
}
