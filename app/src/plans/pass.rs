//! A pass: one payment, and access for a while or for life.

use super::Tax;
use crate::money::Money;
use serde::{Deserialize, Serialize};

/// How long a pass gives access: `rollcall_pass_days` of the Stripe product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassLength {
    /// Days of 24 hours.
    Days(u32),
    Life,
}

/// A hundred years; anything longer is a slip of the finger.
const LONGEST: u32 = 36_500;

impl PassLength {
    /// Reads Stripe's metadata and our rows: a whole number of days, or `life`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        if word == "life" {
            return Some(Self::Life);
        }
        match word.parse() {
            Ok(days @ 1..=LONGEST) => Some(Self::Days(days)),
            _ => None,
        }
    }

    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::Days(days) => days.to_string(),
            Self::Life => "life".to_owned(),
        }
    }

    /// When a pass of this length that starts then ends, UTC epoch ms; none for life.
    #[must_use]
    pub fn end(self, starts_at: i64) -> Option<i64> {
        match self {
            Self::Days(days) => {
                Some(starts_at.saturating_add(i64::from(days) * 24 * 60 * 60 * 1000))
            }
            Self::Life => None,
        }
    }

    /// After an amount: "for 90 days, paid once".
    #[must_use]
    pub fn after_amount(self) -> String {
        match self {
            Self::Days(1) => "for a day, paid once".to_owned(),
            Self::Days(days) => format!("for {days} days, paid once"),
            Self::Life => "for life, paid once".to_owned(),
        }
    }

    /// "90 days of access, paid once."
    #[must_use]
    pub fn sentence(self) -> String {
        match self {
            Self::Days(1) => "One day of access, paid once.".to_owned(),
            Self::Days(days) => format!("{days} days of access, paid once."),
            Self::Life => "For life, paid once.".to_owned(),
        }
    }
}

/// The one-time price of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedPass {
    /// Stripe's price id.
    pub price_id: String,
    pub amount: Money,
    pub length: PassLength,
    pub tax: Option<Tax>,
}

#[cfg(test)]
mod tests {
    use super::PassLength;

    #[test]
    fn lengths_are_read_exactly_or_not_at_all() {
        for (word, length) in [
            ("1", Some(PassLength::Days(1))),
            ("90", Some(PassLength::Days(90))),
            ("36500", Some(PassLength::Days(36_500))),
            ("life", Some(PassLength::Life)),
            ("0", None),
            ("-3", None),
            ("36501", None),
            ("90 days", None),
            ("Life", None),
            ("1.5", None),
            ("", None),
        ] {
            assert_eq!(PassLength::from_word(word), length, "{word}");
            if let Some(length) = length {
                assert_eq!(PassLength::from_word(&length.word()), Some(length));
            }
        }
    }

    #[test]
    fn a_day_has_24_hours_and_life_no_end() {
        assert_eq!(PassLength::Days(2).end(10), Some(10 + 2 * 86_400_000));
        assert_eq!(PassLength::Life.end(10), None);
    }
}
