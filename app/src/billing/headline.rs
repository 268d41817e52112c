//! The sentence that says it all.

use super::{Dashboard, Membership, Standing, StationState};
use crate::changes::words;
use crate::money::Money;
use crate::page::dates;

impl Standing {
    /// The standing in a word or two.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "No membership",
            Self::Activating => "Activating",
            Self::Active => "Active",
            Self::Trial => "Trial",
            Self::Ending => "Ending",
            Self::PastDue => "Payment missing",
            Self::Paused => "Paused",
            Self::TrialOver => "Trial over",
            Self::Pass => "Pass",
            Self::Ended => "Ended",
            Self::Withdrawn => "Access withdrawn",
            Self::Unclear => "Being checked",
        }
    }

    /// Its meaning, which decides icon and colour.
    #[must_use]
    pub fn state(self) -> StationState {
        match self {
            Self::None => StationState::Idle,
            Self::Activating | Self::Unclear | Self::Paused => StationState::Waiting,
            Self::Active | Self::Trial | Self::Pass => StationState::Granted,
            Self::Ending | Self::PastDue | Self::TrialOver => StationState::Attention,
            Self::Ended | Self::Withdrawn => StationState::Ended,
        }
    }
}

/// A date that a heading does not break within.
fn whole_day(ms: i64) -> Option<String> {
    dates::day(ms).map(|day| day.replace(' ', "\u{a0}"))
}

/// "You're in. Renews on 3 March 2027 for 29 €."
#[must_use]
pub fn headline(dashboard: &Dashboard) -> String {
    let membership = dashboard.membership.as_ref();
    let day =
        |of: fn(&super::Membership) -> Option<i64>| membership.and_then(of).and_then(whole_day);
    let price = membership
        .and_then(|m| m.price.as_ref())
        .map(Money::display);
    match dashboard.standing {
        Standing::None => "You have no membership yet.".to_owned(),
        Standing::Activating => "Your payment is on its way.".to_owned(),
        Standing::Active if scheduled(dashboard).is_some() => {
            scheduled(dashboard).unwrap_or_default()
        }
        Standing::Active => match (day(|m| m.renews_at), price, day(|m| m.ends_at)) {
            (Some(on), Some(price), _) => format!("You’re in. Renews on {on} for {price}."),
            (Some(on), None, _) => format!("You’re in. Renews on {on}."),
            (None, _, Some(until)) => format!("You’re in until {until}."),
            (None, _, None) => "You’re in.".to_owned(),
        },
        Standing::Trial => match (day(|m| m.trial_ends_at.or(m.renews_at)), price) {
            (Some(on), Some(price)) => {
                format!("You’re in, on trial. First payment of {price} on {on}.")
            }
            (Some(on), None) => format!("You’re in, on trial until {on}."),
            (None, _) => "You’re in, on trial.".to_owned(),
        },
        Standing::Ending => match day(|m| m.ends_at) {
            Some(until) => format!("You’re in until {until}. It does not renew."),
            None => "You’re in until the paid period ends. It does not renew.".to_owned(),
        },
        Standing::PastDue => match day(|m| m.grace_until) {
            Some(until) => format!("A payment is missing. You stay in until {until}."),
            None => "A payment is missing.".to_owned(),
        },
        Standing::Paused => match (day(|m| m.resumes_at), day(|m| m.ends_at)) {
            (Some(back), Some(until)) => {
                format!("Paused until {back}. You stay in until {until}.")
            }
            (Some(back), None) => format!("Paused until {back}."),
            (None, Some(until)) => {
                format!("Your membership is paused. You stay in until {until}.")
            }
            (None, None) => "Your membership is paused.".to_owned(),
        },
        Standing::TrialOver if dashboard.pending.is_some() => "Your trial is over.".to_owned(),
        Standing::TrialOver => match membership
            .filter(|m| m.may.go_on)
            .and_then(Membership::current)
        {
            Some(current) => format!("Your trial is over. Go on for {}.", current.display()),
            None => "Your trial is over. Add a card to go on.".to_owned(),
        },
        Standing::Pass => match day(|m| m.ends_at) {
            Some(until) => format!("You’re in until {until}."),
            None => "You’re in, for life.".to_owned(),
        },
        Standing::Ended => {
            let what = if is_pass(dashboard) {
                "pass"
            } else {
                "membership"
            };
            match day(|m| m.ends_at) {
                Some(on) => format!("Your {what} ended on {on}."),
                None => format!("Your {what} has ended."),
            }
        }
        Standing::Withdrawn => "You have no access: the payment for it was taken back.".to_owned(),
        Standing::Unclear => "We are checking your membership.".to_owned(),
    }
}

fn is_pass(dashboard: &Dashboard) -> bool {
    let membership = dashboard.membership.as_ref();
    membership.is_some_and(Membership::is_pass)
}

/// "You’re in. You go to Member on 3 March 2027, for 9 € a month."
fn scheduled(dashboard: &Dashboard) -> Option<String> {
    let membership = dashboard.membership.as_ref()?;
    let scheduled = membership.scheduled.as_ref()?;
    let day = whole_day(scheduled.at)?;
    let way = words::way(membership.current().as_ref(), &scheduled.to);
    let price = scheduled.to.display();
    Some(format!("You’re in. You go {way} on {day}, for {price}."))
}

/// What it means, below the sentence; none where the sentence says it all.
#[must_use]
pub fn meaning(dashboard: &Dashboard) -> Option<&'static str> {
    match dashboard.standing {
        Standing::None => {
            Some("Choose a plan, and its channels open by themselves a moment after you have paid.")
        }
        Standing::Activating => {
            Some("It starts by itself when Stripe confirms the payment. There is nothing to do.")
        }
        Standing::Active | Standing::Trial => None,
        Standing::Pass => Some("Paid once. Nothing renews, and nothing more is charged."),
        Standing::Ending => {
            Some("Nothing more will be charged. Until that day everything stays open.")
        }
        Standing::PastDue => Some("Once it is paid, everything goes on as before."),
        Standing::TrialOver if dashboard.pending.is_some() => {
            Some("Your roles in Discord come back as soon as the first payment is through.")
        }
        Standing::TrialOver => Some(
            "You were not charged, and nothing is charged before you say so. Your roles in Discord rest \
             until you go on.",
        ),
        Standing::Paused => Some("Nothing is charged while it is paused."),
        Standing::Ended if is_pass(dashboard) => Some(
            "It was paid once, and nothing more is charged. Coming back opens its channels again.",
        ),
        Standing::Ended => Some("It does not renew. Coming back opens the same channels again."),
        Standing::Withdrawn => Some(
            "It is disputed at your bank, or was refunded. When the dispute is settled for the community, \
             or the next payment goes through, everything opens again.",
        ),
        Standing::Unclear => {
            Some("Until that is done everything stays as it is, and nothing is charged by it.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{headline, meaning};
    use crate::billing::{Dashboard, Membership, Standing, Station, StationState};
    use crate::changes::words::tests::price;
    use crate::money::Money;
    use crate::plans::Interval;

    /// 3 March 2027.
    const DAY: i64 = 1_804_082_709_000;

    fn dashboard(standing: Standing, change: impl FnOnce(&mut Membership)) -> Dashboard {
        let idle = Station {
            state: StationState::Idle,
            word: None,
            text: String::new(),
            at: None,
            advice: None,
        };
        let mut membership = Membership {
            plan_name: "Patron".into(),
            price: Some(Money::new(2900, "eur")),
            interval: Some(Interval::Month),
            renews_at: None,
            ends_at: None,
            trial_ends_at: None,
            grace_until: None,
            id: "sub_1".into(),
            resumes_at: None,
            scheduled: None,
            may: crate::billing::May::default(),
        };
        change(&mut membership);
        Dashboard {
            standing,
            membership: Some(membership),
            passes: vec![],
            card: None,
            invoices: vec![],
            invoices_known: true,
            payment: idle.clone(),
            access: idle.clone(),
            discord: idle,
            roles: vec![],
            why: vec![],
            pending: None,
            last_change: None,
            others: vec![],
            owed: None,
            has_portal: true,
            must_join: false,
            away: crate::billing::Away::Not,
            read_at: None,
        }
    }

    #[test]
    fn the_sentence_says_state_date_and_money() {
        for (standing, change, expected) in [
            (
                Standing::Active,
                (|m: &mut Membership| m.renews_at = Some(DAY)) as fn(&mut Membership),
                "You’re in. Renews on 3 March 2027 for 29\u{a0}€.",
            ),
            (Standing::Active, |_| {}, "You’re in."),
            (
                Standing::Active,
                |m| m.ends_at = Some(DAY),
                "You’re in until 3 March 2027.",
            ),
            (
                Standing::Trial,
                |m| m.trial_ends_at = Some(DAY),
                "You’re in, on trial. First payment of 29\u{a0}€ on 3 March 2027.",
            ),
            (
                Standing::Ending,
                |m| m.ends_at = Some(DAY),
                "You’re in until 3 March 2027. It does not renew.",
            ),
            (
                Standing::PastDue,
                |m| m.grace_until = Some(DAY),
                "A payment is missing. You stay in until 3 March 2027.",
            ),
            (
                Standing::Pass,
                |m| m.ends_at = Some(DAY),
                "You’re in until 3 March 2027.",
            ),
            (Standing::Pass, |_| {}, "You’re in, for life."),
            (
                Standing::Active,
                |m| {
                    m.renews_at = Some(DAY);
                    m.scheduled = Some(crate::changes::Scheduled {
                        subscription_id: "sub_1".into(),
                        to: price("Member", 900, Interval::Month),
                        at: DAY,
                    });
                },
                "You’re in. You go to Member on 3 March 2027, for 9\u{a0}€ a month.",
            ),
            (
                Standing::Active,
                |m| {
                    m.interval = Some(Interval::Year);
                    m.scheduled = Some(crate::changes::Scheduled {
                        subscription_id: "sub_1".into(),
                        to: price("Patron", 2900, Interval::Month),
                        at: DAY,
                    });
                },
                "You’re in. You go from yearly to monthly on 3 March 2027, for 29\u{a0}€ a month.",
            ),
            (
                Standing::Paused,
                |m| {
                    m.resumes_at = Some(DAY);
                    m.ends_at = Some(DAY);
                },
                "Paused until 3 March 2027. You stay in until 3 March 2027.",
            ),
            (
                Standing::TrialOver,
                |_| {},
                "Your trial is over. Add a card to go on.",
            ),
            (
                Standing::TrialOver,
                |m| m.may.go_on = true,
                "Your trial is over. Go on for 29\u{a0}€ a month.",
            ),
            (
                Standing::Ended,
                |m| m.ends_at = Some(DAY),
                "Your membership ended on 3 March 2027.",
            ),
            (
                Standing::Ended,
                |m| {
                    m.id = String::new();
                    m.ends_at = Some(DAY);
                },
                "Your pass ended on 3 March 2027.",
            ),
        ] {
            let sentence = headline(&dashboard(standing, change));
            assert_eq!(
                sentence.replace('\u{a0}', " "),
                expected.replace('\u{a0}', " ")
            );
            // A heading never breaks within a date.
            assert!(!sentence.contains("3 March") && !sentence.contains("March 2027"));
        }
    }

    #[test]
    fn a_membership_without_dates_still_has_a_sentence() {
        for standing in [
            Standing::None,
            Standing::Activating,
            Standing::Active,
            Standing::Trial,
            Standing::Ending,
            Standing::PastDue,
            Standing::Paused,
            Standing::TrialOver,
            Standing::Pass,
            Standing::Ended,
            Standing::Withdrawn,
            Standing::Unclear,
        ] {
            let mut dashboard = dashboard(standing, |_| {});
            dashboard.membership = None;
            let sentence = headline(&dashboard);
            assert!(
                sentence.ends_with('.') && !sentence.contains('!'),
                "{sentence}"
            );
            let settled = matches!(standing, Standing::Active | Standing::Trial);
            assert_eq!(meaning(&dashboard).is_none(), settled);
        }
    }
}
