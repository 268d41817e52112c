//! What kind of change it is, and whether it may happen now. Pure: no I/O, no clock.

use super::{ChangeError, PlanPrice};
use crate::access::Status;
use crate::plans::Interval;
use serde::{Deserialize, Serialize};

/// When a change counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// At once, paid before it counts.
    Now,
    /// When the paid period ends.
    Later,
}

/// Upgrades are a price that is no lower for the same interval, and monthly to yearly; what is
/// cheaper, and yearly to monthly, waits for the end of what is paid. In a trial nothing is paid
/// yet, so everything counts at once. `None`: not a change, or not one between these two.
#[must_use]
pub fn direction(from: &PlanPrice, to: &PlanPrice, trialing: bool) -> Option<Direction> {
    if from.price_id == to.price_id || from.amount.currency != to.amount.currency {
        return None;
    }
    Some(match (from.interval, to.interval) {
        _ if trialing => Direction::Now,
        (Interval::Month, Interval::Year) => Direction::Now,
        (Interval::Year, Interval::Month) => Direction::Later,
        _ if to.amount.minor >= from.amount.minor => Direction::Now,
        _ => Direction::Later,
    })
}

/// A subscription as far as changing it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Situation {
    pub status: Status,
    pub collection_paused: bool,
    /// An end is planned.
    pub ends: bool,
    /// A change waits for its payment, or its outcome is not known yet.
    pub pending: bool,
}

/// Why a subscription cannot be changed now.
#[must_use]
pub fn refusal(situation: &Situation) -> Option<ChangeError> {
    match &situation.status {
        Status::Canceled | Status::IncompleteExpired => Some(ChangeError::NoMembership),
        Status::Incomplete => Some(ChangeError::FirstPayment),
        Status::PastDue | Status::Unpaid => Some(ChangeError::PastDue),
        Status::Paused => Some(ChangeError::Paused),
        Status::Unknown(_) => Some(ChangeError::Unclear),
        Status::Trialing | Status::Active => {
            if situation.pending {
                Some(ChangeError::Pending)
            } else if situation.collection_paused {
                Some(ChangeError::Paused)
            } else if situation.ends {
                Some(ChangeError::Ending)
            } else {
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Money;

    fn price(id: &str, minor: i64, interval: Interval) -> PlanPrice {
        PlanPrice {
            price_id: id.to_owned(),
            plan_name: id.to_owned(),
            amount: Money::new(minor, "eur"),
            interval,
        }
    }

    #[test]
    fn dearer_and_yearly_count_now_and_the_rest_when_the_period_ends() {
        use Direction::{Later, Now};
        use Interval::{Month, Year};
        for (from, to, expected) in [
            ((900, Month), (2900, Month), Now),
            ((2900, Month), (900, Month), Later),
            ((900, Month), (900, Month), Now),
            ((900, Month), (9000, Year), Now),
            // Even to a smaller plan: a year is paid at once.
            ((2900, Month), (9000, Year), Now),
            ((9000, Year), (900, Month), Later),
            // Even to a larger plan.
            ((9000, Year), (2900, Month), Later),
            ((9000, Year), (29_000, Year), Now),
            ((29_000, Year), (9000, Year), Later),
        ] {
            let (a, b) = (price("a", from.0, from.1), price("b", to.0, to.1));
            assert_eq!(direction(&a, &b, false), Some(expected), "{from:?} {to:?}");
            assert_eq!(direction(&a, &b, true), Some(Now), "{from:?} {to:?}");
        }
    }

    #[test]
    fn the_same_price_and_another_currency_are_no_change() {
        let a = price("a", 900, Interval::Month);
        assert_eq!(direction(&a, &a, false), None);
        let mut dollars = price("b", 2900, Interval::Month);
        dollars.amount.currency = "usd".to_owned();
        assert_eq!(direction(&a, &dollars, false), None);
    }

    #[test]
    fn each_obstacle_has_its_own_answer() {
        let free = Situation {
            status: Status::Active,
            collection_paused: false,
            ends: false,
            pending: false,
        };
        assert_eq!(refusal(&free), None);
        for (status, expected) in [
            (Status::Trialing, None),
            (Status::PastDue, Some(ChangeError::PastDue)),
            (Status::Unpaid, Some(ChangeError::PastDue)),
            (Status::Canceled, Some(ChangeError::NoMembership)),
            (Status::Incomplete, Some(ChangeError::FirstPayment)),
            (Status::IncompleteExpired, Some(ChangeError::NoMembership)),
            (Status::Paused, Some(ChangeError::Paused)),
            (
                Status::Unknown("new".to_owned()),
                Some(ChangeError::Unclear),
            ),
        ] {
            let situation = Situation {
                status,
                ..free.clone()
            };
            assert_eq!(refusal(&situation), expected, "{situation:?}");
        }
        let with = |change: fn(&mut Situation)| {
            let mut situation = free.clone();
            change(&mut situation);
            refusal(&situation)
        };
        assert_eq!(with(|s| s.pending = true), Some(ChangeError::Pending));
        assert_eq!(
            with(|s| s.collection_paused = true),
            Some(ChangeError::Paused)
        );
        assert_eq!(with(|s| s.ends = true), Some(ChangeError::Ending));
    }
}
