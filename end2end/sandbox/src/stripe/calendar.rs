//! Billing periods on the calendar, in UTC.

use time::{Date, Month, OffsetDateTime};

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// How often a price recurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interval {
    Day,
    Week,
    Month,
    Year,
}

impl Interval {
    pub const NAMES: [&str; 4] = ["day", "week", "month", "year"];

    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Month,
            "year" => Self::Year,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    fn months(self) -> Option<i64> {
        match self {
            Self::Day | Self::Week => None,
            Self::Month => Some(1),
            Self::Year => Some(12),
        }
    }
}

/// `anchor` moved by `months` (either way); the day of the month is the anchor's, or the last of a shorter month,
/// so that 31 January, 28 February, 31 March follow one another.
pub(super) fn add_months(anchor: i64, months: i64) -> i64 {
    let Ok(from) = OffsetDateTime::from_unix_timestamp(anchor) else {
        return anchor;
    };
    let total = i64::from(from.year()) * 12 + i64::from(u8::from(from.month())) - 1 + months;
    let (Ok(year), Ok(number)) = (
        i32::try_from(total.div_euclid(12)),
        u8::try_from(total.rem_euclid(12) + 1),
    ) else {
        return anchor;
    };
    let Ok(month) = Month::try_from(number) else {
        return anchor;
    };
    let day = from.day().min(month.length(year));
    Date::from_calendar_date(year, month, day)
        .map_or(anchor, |date| from.replace_date(date).unix_timestamp())
}

/// The first boundary after `start` of periods counted from `anchor`.
pub(super) fn period_end(anchor: i64, interval: Interval, count: i64, start: i64) -> i64 {
    let count = count.max(1);
    let Some(months) = interval.months() else {
        let step = count
            * if interval == Interval::Week {
                7 * DAY
            } else {
                DAY
            };
        return anchor + ((start - anchor).div_euclid(step) + 1) * step;
    };
    let step = months * count;
    // A guess that is never too far ahead (a month has 28 to 31 days), then forward.
    let days = if start >= anchor { 31 } else { 28 };
    let mut k = (start - anchor).div_euclid(days * DAY * step);
    loop {
        let end = add_months(anchor, k * step);
        if end > start {
            return end;
        }
        k += 1;
    }
}

/// `19 Nov 2026`.
pub(super) fn day_text(at: i64) -> String {
    OffsetDateTime::from_unix_timestamp(at).map_or_else(
        |_| at.to_string(),
        |moment| {
            let month = moment.month().to_string();
            format!("{} {} {}", moment.day(), &month[..3], moment.year())
        },
    )
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn at(moment: OffsetDateTime) -> i64 {
        moment.unix_timestamp()
    }

    #[test]
    fn end_of_january_keeps_its_day() {
        let anchor = at(datetime!(2026-01-31 10:00 UTC));
        let feb = period_end(anchor, Interval::Month, 1, anchor);
        assert_eq!(feb, at(datetime!(2026-02-28 10:00 UTC)));
        let mar = period_end(anchor, Interval::Month, 1, feb);
        assert_eq!(mar, at(datetime!(2026-03-31 10:00 UTC)));
        assert_eq!(
            period_end(anchor, Interval::Month, 1, mar),
            at(datetime!(2026-04-30 10:00 UTC))
        );
    }

    #[test]
    fn leap_day_renews_on_the_last_of_february() {
        let anchor = at(datetime!(2028-02-29 00:00 UTC));
        let next = period_end(anchor, Interval::Year, 1, anchor);
        assert_eq!(next, at(datetime!(2029-02-28 00:00 UTC)));
        let far = period_end(
            anchor,
            Interval::Year,
            1,
            at(datetime!(2031-12-31 00:00 UTC)),
        );
        assert_eq!(far, at(datetime!(2032-02-29 00:00 UTC)));
    }

    #[test]
    fn long_chains_of_months_never_skip_or_repeat() {
        for day in 1..=31 {
            let anchor = at(datetime!(2026-01-01 23:59:59 UTC)) + (day - 1) * DAY;
            let mut start = anchor;
            for k in 1..=120 {
                let end = period_end(anchor, Interval::Month, 1, start);
                assert_eq!(end, add_months(anchor, k), "day {day}, period {k}");
                assert_eq!(period_end(anchor, Interval::Month, 1, end - 1), end);
                start = end;
            }
        }
    }

    #[test]
    fn weeks_and_days_are_plain_seconds() {
        assert_eq!(period_end(0, Interval::Week, 2, 0), 14 * DAY);
        assert_eq!(period_end(0, Interval::Day, 1, DAY), 2 * DAY);
        assert_eq!(period_end(10 * DAY, Interval::Day, 1, 0), DAY);
    }
}
