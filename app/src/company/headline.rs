//! The sentence that says it all of a company.

use super::picker::counted;
use super::{CompanyStanding, Paying};
use crate::billing::StationState;
use crate::money::Money;
use crate::page::dates;
use crate::seats::Pool;

impl CompanyStanding {
    /// The standing in a word or two.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotPaid => "No seats",
            Self::Activating => "Activating",
            Self::Active => "Active",
            Self::Trial => "Trial",
            Self::Ending => "Ending",
            Self::PastDue => "Payment missing",
            Self::Paused => "Paused",
            Self::Ended => "Ended",
            Self::Withdrawn => "Access withdrawn",
            Self::Unclear => "Being checked",
        }
    }

    /// Its meaning, which decides icon and colour.
    #[must_use]
    pub fn state(self) -> StationState {
        match self {
            Self::NotPaid => StationState::Idle,
            Self::Activating | Self::Unclear | Self::Paused => StationState::Waiting,
            Self::Active | Self::Trial => StationState::Granted,
            Self::Ending | Self::PastDue => StationState::Attention,
            Self::Ended | Self::Withdrawn => StationState::Ended,
        }
    }

    /// Whether nothing is paid, so that seats can be bought.
    #[must_use]
    pub fn may_buy(self) -> bool {
        matches!(self, Self::NotPaid | Self::Ended)
    }
}

/// A date that a heading does not break within.
#[must_use]
pub fn whole_day(ms: i64) -> Option<String> {
    dates::day(ms).map(|day| day.replace(' ', "\u{a0}"))
}

/// "12 of 15 seats are taken."
#[must_use]
pub fn taken(held: i64, paid: i64) -> String {
    match (held, paid) {
        (0, 0) => "No seat is paid.".to_owned(),
        (1, 0) => "1 seat is held, none is paid.".to_owned(),
        (held, paid) if held > paid => format!("{} are held, {paid} paid.", counted(held)),
        (0, 1) => "Your seat is free.".to_owned(),
        (_, 1) => "Your seat is taken.".to_owned(),
        (0, paid) => format!("All {} are free.", counted(paid)),
        (held, paid) if held == paid => format!("All {} are taken.", counted(paid)),
        (1, paid) => format!("1 of {} is taken.", counted(paid)),
        (held, paid) => format!("{held} of {} are taken.", counted(paid)),
    }
}

/// What is said first, and the rest: "12 of 15 seats are taken." and "Renews on 3 March 2027 for
/// 180 €."
#[must_use]
pub fn headline(paying: &Paying, pools: &[Pool]) -> (String, Option<String>) {
    let held = pools.iter().map(Pool::held).sum();
    let paid = pools.iter().map(|pool| pool.paid).sum();
    let seats = taken(held, paid);
    let renews = paying.renews_at.and_then(whole_day);
    let ends = paying.ends_at.and_then(whole_day);
    let sum = paying.sum.as_ref().map(Money::display);
    match paying.standing {
        CompanyStanding::NotPaid => ("There are no seats yet.".to_owned(), None),
        CompanyStanding::Activating => ("The payment is on its way.".to_owned(), None),
        CompanyStanding::Active => {
            let rest = match (renews, sum) {
                (Some(on), Some(sum)) => Some(format!("Renews on {on} for {sum}.")),
                (Some(on), None) => Some(format!("Renews on {on}.")),
                (None, _) => None,
            };
            (seats, rest)
        }
        CompanyStanding::Trial => {
            let rest = match (renews, sum) {
                (Some(on), Some(sum)) => format!("On trial: first payment of {sum} on {on}."),
                (Some(on), None) => format!("On trial until {on}."),
                (None, _) => "On trial.".to_owned(),
            };
            (seats, Some(rest))
        }
        CompanyStanding::Ending => {
            let rest = match ends {
                Some(on) => format!("They end on {on} and do not renew."),
                None => "They end with the paid period and do not renew.".to_owned(),
            };
            (seats, Some(rest))
        }
        CompanyStanding::PastDue => {
            let rest = ends.map(|until| format!("The seats stay until {until}."));
            ("A payment is missing.".to_owned(), rest)
        }
        CompanyStanding::Paused => {
            let rest = ends.map(|until| format!("The seats stay until {until}."));
            ("The subscription is paused.".to_owned(), rest)
        }
        CompanyStanding::Ended => {
            let said = match ends {
                Some(on) => format!("The seats ended on {on}."),
                None => "The seats have ended.".to_owned(),
            };
            (said, None)
        }
        CompanyStanding::Withdrawn => (
            "The seats give no access: the payment for them was taken back.".to_owned(),
            None,
        ),
        CompanyStanding::Unclear => ("We are checking the subscription.".to_owned(), None),
    }
}

/// What it means, below the sentence; none where the sentence says it all.
#[must_use]
pub fn meaning(standing: CompanyStanding) -> Option<&'static str> {
    match standing {
        CompanyStanding::NotPaid => Some(
            "Buy seats, invite people, and each has access a moment after they have claimed theirs.",
        ),
        CompanyStanding::Activating => {
            Some("The seats open by themselves when Stripe confirms it. There is nothing to do.")
        }
        CompanyStanding::Active | CompanyStanding::Trial => None,
        CompanyStanding::Ending => Some(
            "Nothing more will be charged. Until that day everything stays open, and whoever holds a seat is told.",
        ),
        CompanyStanding::PastDue => Some("Once it is paid, everything goes on as before."),
        CompanyStanding::Paused => Some("Nothing is charged while it is paused."),
        CompanyStanding::Ended => Some(
            "Nothing is charged any more, and seats give no access. Whoever held one gets it back when you buy seats again.",
        ),
        CompanyStanding::Withdrawn => Some(
            "It is disputed at the bank, or was refunded. When that is settled for the community, everything opens again.",
        ),
        CompanyStanding::Unclear => {
            Some("Until that is done every seat stays as it is, and nothing is charged by it.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{headline, meaning, taken};
    use crate::changes::words::tests::price;
    use crate::company::{CompanyStanding, Paying};
    use crate::money::Money;
    use crate::plans::Interval;
    use crate::seats::Pool;

    /// 3 March 2027.
    const DAY: i64 = 1_804_082_709_000;

    fn pool(claimed: i64, invited: i64, paid: i64) -> Pool {
        Pool {
            plan_id: "prod_1".into(),
            plan: "Team".into(),
            paid,
            ceiling: None,
            claimed,
            invited,
            suspended: 0,
            over: None,
            open: true,
            own_seat: None,
        }
    }

    fn paying(standing: CompanyStanding) -> Paying {
        Paying {
            standing,
            seat: Some(price("Team", 1200, Interval::Month)),
            seats: 15,
            sum: Some(Money::new(18_000, "eur")),
            renews_at: Some(DAY),
            ends_at: Some(DAY),
            owed: None,
            pending_seats: None,
            may_change: Ok(()),
            card: None,
            invoices: Vec::new(),
        }
    }

    #[test]
    fn how_many_are_taken_is_one_sentence() {
        for ((held, paid), said) in [
            ((12, 15), "12 of 15 seats are taken."),
            ((15, 15), "All 15 seats are taken."),
            ((0, 15), "All 15 seats are free."),
            ((1, 15), "1 of 15 seats is taken."),
            ((0, 1), "Your seat is free."),
            ((1, 1), "Your seat is taken."),
            ((18, 15), "18 seats are held, 15 paid."),
            ((1, 0), "1 seat is held, none is paid."),
        ] {
            assert_eq!(taken(held, paid), said);
        }
    }

    #[test]
    fn the_sentence_says_seats_dates_and_money() {
        let pools = [pool(9, 1, 12), pool(2, 0, 3)];
        let said = |standing| {
            let (first, rest) = headline(&paying(standing), &pools);
            let whole = [Some(first), rest].into_iter().flatten();
            whole.collect::<Vec<_>>().join(" ").replace('\u{a0}', " ")
        };
        for (standing, expected) in [
            (
                CompanyStanding::Active,
                "12 of 15 seats are taken. Renews on 3 March 2027 for 180 €.",
            ),
            (
                CompanyStanding::Trial,
                "12 of 15 seats are taken. On trial: first payment of 180 € on 3 March 2027.",
            ),
            (
                CompanyStanding::Ending,
                "12 of 15 seats are taken. They end on 3 March 2027 and do not renew.",
            ),
            (
                CompanyStanding::PastDue,
                "A payment is missing. The seats stay until 3 March 2027.",
            ),
            (CompanyStanding::Ended, "The seats ended on 3 March 2027."),
        ] {
            assert_eq!(said(standing), expected);
        }
    }

    #[test]
    fn every_standing_has_a_sentence_without_dates_too() {
        for standing in [
            CompanyStanding::NotPaid,
            CompanyStanding::Activating,
            CompanyStanding::Active,
            CompanyStanding::Trial,
            CompanyStanding::Ending,
            CompanyStanding::PastDue,
            CompanyStanding::Paused,
            CompanyStanding::Ended,
            CompanyStanding::Withdrawn,
            CompanyStanding::Unclear,
        ] {
            let mut bare = paying(standing);
            (bare.renews_at, bare.ends_at, bare.sum) = (None, None, None);
            let (first, rest) = headline(&bare, &[]);
            for said in [Some(first), rest].into_iter().flatten() {
                assert!(said.ends_with('.') && !said.contains('!'), "{said}");
            }
            let settled = matches!(standing, CompanyStanding::Active | CompanyStanding::Trial);
            assert_eq!(meaning(standing).is_none(), settled);
        }
    }
}
