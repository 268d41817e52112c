//! Whether a card is good for its next charge.

use super::causes::Row;
use super::texts::Card;
use crate::billing::card_brand;
use crate::stripe::objects::CardDetails;
use time::{Date, Month, PrimitiveDateTime, Time};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expiring {
    No,
    /// It will not be; early enough to say so then, on the policy clock.
    LookAt(i64),
    Tell(Card),
}

/// A card is good to the end of its month. It is told from the month before on, when a
/// membership that goes on is charged after that.
pub(super) fn expiring(card: &CardDetails, entitlements: &[Row], now: i64) -> Expiring {
    let Some((from, end)) = months(card) else {
        return Expiring::No;
    };
    let charged = entitlements
        .iter()
        .filter(|row| row.source == "subscription" && row.gives() && row.until_at.is_none())
        .filter_map(|row| Some((row.period_end.filter(|at| *at > now)?, row)))
        .min_by_key(|(at, _)| *at);
    match charged {
        Some((renews_at, row)) if renews_at >= end && now < end => {
            if now < from {
                return Expiring::LookAt(from);
            }
            Expiring::Tell(Card {
                plan: row.plan.clone(),
                brand: card_brand(&card.brand),
                last4: card.last4.clone(),
                month: card.exp_month,
                year: card.exp_year,
                renews_at,
            })
        }
        _ => Expiring::No,
    }
}

/// The first moment of the month before the card's last, and the first after it.
fn months(card: &CardDetails) -> Option<(i64, i64)> {
    let month = Month::try_from(card.exp_month).ok()?;
    let year = i32::from(card.exp_year);
    let before = match month {
        Month::January => (year - 1, Month::December),
        month => (year, month.previous()),
    };
    let after = match month {
        Month::December => (year + 1, Month::January),
        month => (year, month.next()),
    };
    Some((first_ms(before)?, first_ms(after)?))
}

fn first_ms((year, month): (i32, Month)) -> Option<i64> {
    let day = Date::from_calendar_date(year, month, 1).ok()?;
    let seconds = PrimitiveDateTime::new(day, Time::MIDNIGHT)
        .assume_utc()
        .unix_timestamp();
    Some(seconds * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn ms(at: time::OffsetDateTime) -> i64 {
        at.unix_timestamp() * 1000
    }

    fn card(month: u8, year: u16) -> CardDetails {
        CardDetails {
            brand: "visa".to_owned(),
            last4: "4242".to_owned(),
            exp_month: month,
            exp_year: year,
        }
    }

    fn row(period_end: i64) -> Row {
        Row {
            source: "subscription".to_owned(),
            source_id: "sub_1".to_owned(),
            plan_id: "prod_1".to_owned(),
            state: "granted".to_owned(),
            reason: "paid".to_owned(),
            until_at: None,
            plan: "Member".to_owned(),
            unit_amount: None,
            quantity: None,
            currency: None,
            period: None,
            period_end: Some(period_end),
            trial_end: None,
            unpaid_since: None,
            own_checkouts: 0,
        }
    }

    #[test]
    fn a_card_is_told_of_when_it_ends_before_the_next_charge_and_not_too_early() {
        let feb = ms(datetime!(2027-02-01 0:00 UTC));
        for (now, renews, expected) in [
            // Good for the next charge, which is in its last month.
            (
                datetime!(2027-03-05 0:00 UTC),
                datetime!(2027-03-31 23:59 UTC),
                "no",
            ),
            (
                datetime!(2027-03-05 0:00 UTC),
                datetime!(2027-04-01 0:00 UTC),
                "tell",
            ),
            (
                datetime!(2027-02-01 0:00 UTC),
                datetime!(2027-08-01 0:00 UTC),
                "tell",
            ),
            (
                datetime!(2027-01-31 23:59 UTC),
                datetime!(2027-08-01 0:00 UTC),
                "look",
            ),
            // Already over: too late to say so, and the bank may have sent a new one.
            (
                datetime!(2027-04-01 0:00 UTC),
                datetime!(2027-04-05 0:00 UTC),
                "no",
            ),
        ] {
            let answer = expiring(&card(3, 2027), &[row(ms(renews))], ms(now));
            match expected {
                "look" => assert_eq!(answer, Expiring::LookAt(feb)),
                "tell" => assert!(matches!(answer, Expiring::Tell(_)), "{now}"),
                _ => assert_eq!(answer, Expiring::No, "{now}"),
            }
        }
    }

    #[test]
    fn turns_of_the_year_and_numbers_that_are_no_month() {
        let now = ms(datetime!(2026-12-01 0:00 UTC));
        let renews = ms(datetime!(2027-02-01 0:00 UTC));
        for (month, year) in [(12, 2026), (1, 2027)] {
            assert!(matches!(
                expiring(&card(month, year), &[row(renews)], now),
                Expiring::Tell(_)
            ));
        }
        assert_eq!(expiring(&card(13, 2027), &[row(renews)], now), Expiring::No);
    }

    #[test]
    fn what_ends_anyway_needs_no_card() {
        let now = ms(datetime!(2027-03-05 0:00 UTC));
        let renews = ms(datetime!(2027-04-05 0:00 UTC));
        let mut ending = row(renews);
        ending.until_at = Some(renews);
        let mut denied = row(renews);
        denied.state = "denied".to_owned();
        assert_eq!(
            expiring(&card(3, 2027), &[ending, denied], now),
            Expiring::No
        );
    }
}
