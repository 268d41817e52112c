//! Dates as people read them, in UTC.

use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

const DAY: &[BorrowedFormatItem<'_>] =
    format_description!("[day padding:none] [month repr:long] [year]");
const MOMENT: &[BorrowedFormatItem<'_>] =
    format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");
const STAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
const MACHINE: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// "3 March 2027" of UTC epoch milliseconds; none outside of years that can be written.
#[must_use]
pub fn day(ms: i64) -> Option<String> {
    at(ms)?.format(DAY).ok()
}

/// "3 March 2027, 14:05 UTC".
#[must_use]
pub fn moment(ms: i64) -> Option<String> {
    at(ms)?.format(MOMENT).ok()
}

/// "2027-03-03T14:05:09Z", for the `datetime` attribute.
#[must_use]
pub fn machine(ms: i64) -> Option<String> {
    at(ms)?.format(MACHINE).ok()
}

/// "2027-03-03 14:05:09", for tables of the desk: exact, of one width, UTC said beside it.
#[must_use]
pub fn stamp(ms: i64) -> Option<String> {
    at(ms)?.format(STAMP).ok()
}

/// "in 5 days", beside the exact date; none where the clock is not known or it is over.
#[must_use]
pub fn left(ms: i64) -> Option<String> {
    let super::Now(now) = leptos::prelude::use_context()?;
    until(ms, now)
}

fn until(ms: i64, now: i64) -> Option<String> {
    const HOUR: i64 = 60 * 60 * 1000;
    let counted = |count: i64, one: &str| match count {
        1 => format!("in 1 {one}"),
        count => format!("in {count} {one}s"),
    };
    match ms.checked_sub(now)? {
        ..0 => None,
        left if left < HOUR => Some("within the hour".to_owned()),
        left if left < 48 * HOUR => Some(counted(left / HOUR, "hour")),
        left => Some(counted(left / (24 * HOUR), "day")),
    }
}

fn at(ms: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000)).ok()
}

#[cfg(test)]
mod tests {
    use super::{day, machine, moment, stamp, until};

    #[test]
    fn dates_in_full() {
        for (ms, expected) in [
            (0, "1 January 1970"),
            (1_804_082_709_000, "3 March 2027"),
            (1_835_395_200_000, "29 February 2028"),
            (1_798_761_599_999, "31 December 2026"),
            (-1, "31 December 1969"),
        ] {
            assert_eq!(day(ms).as_deref(), Some(expected), "{ms}");
        }
    }

    #[test]
    fn moments_say_their_zone() {
        assert_eq!(
            moment(1_804_082_709_000).as_deref(),
            Some("3 March 2027, 14:05 UTC")
        );
        assert_eq!(
            machine(1_804_082_709_000).as_deref(),
            Some("2027-03-03T14:05:09Z")
        );
        assert_eq!(
            stamp(1_804_082_709_000).as_deref(),
            Some("2027-03-03 14:05:09")
        );
    }

    #[test]
    fn how_long_it_is_is_said_in_whole_days_or_hours() {
        const HOUR: i64 = 3_600_000;
        for (left, said) in [
            (-1, None),
            (0, Some("within the hour")),
            (HOUR, Some("in 1 hour")),
            (47 * HOUR, Some("in 47 hours")),
            (48 * HOUR, Some("in 2 days")),
            (7 * 24 * HOUR + 5, Some("in 7 days")),
        ] {
            assert_eq!(until(left, 0).as_deref(), said, "{left}");
        }
        assert_eq!(until(i64::MAX, i64::MIN), None);
    }

    #[test]
    fn a_number_no_calendar_holds_is_no_date() {
        assert_eq!(day(i64::MAX), None);
        assert_eq!(moment(i64::MIN), None);
    }
}
