//! What a promotion code takes off a price, and for how long. Pure: the same on every side.

use super::Interval;
use crate::money::Money;
use crate::page::Told;
use serde::{Deserialize, Serialize};

/// A promotion code of Stripe's that counts now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    /// As people type it.
    pub code: String,
    pub off: Off,
    pub lasts: Lasts,
    /// Stripe's product ids it is for; none for all.
    pub products: Option<Vec<String>>,
    /// The least an order must come to.
    pub minimum: Option<Money>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Off {
    /// Hundredths of a percent, up to 10,000.
    Percent(u32),
    Amount(Money),
}

/// For how long after the first payment (Stripe's `duration`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lasts {
    Once,
    Months(u32),
    Forever,
}

/// A price with the code taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reduced {
    pub amount: Money,
    /// "for the first month", "for 3 months"; empty for what is paid once anyway.
    pub while_it_lasts: String,
}

/// `amount` times `hundredths` of a percent, half away from zero, as Stripe rounds.
fn share(amount: i64, hundredths: u32) -> i64 {
    let product = i128::from(amount) * i128::from(hundredths);
    let rounded = (product.abs() + 5_000) / 10_000 * product.signum();
    i64::try_from(rounded).unwrap_or(amount)
}

impl Promotion {
    /// What the price becomes; none where the code does nothing for it. `every` is none for a pass.
    #[must_use]
    pub fn on(&self, product_id: &str, price: &Money, every: Option<Interval>) -> Option<Reduced> {
        let for_it = self
            .products
            .as_ref()
            .is_none_or(|products| products.iter().any(|id| id == product_id));
        let enough = self
            .minimum
            .as_ref()
            .is_none_or(|least| least.currency == price.currency && price.minor >= least.minor);
        if !for_it || !enough {
            return None;
        }
        let off = match &self.off {
            Off::Percent(hundredths) => share(price.minor, *hundredths),
            Off::Amount(off) if off.currency == price.currency => off.minor.min(price.minor),
            Off::Amount(_) => 0,
        };
        (off > 0).then(|| Reduced {
            amount: Money {
                minor: price.minor - off,
                currency: price.currency.clone(),
            },
            while_it_lasts: every.map_or_else(String::new, |every| self.lasts.told(every)),
        })
    }

    /// "20 % off", "5 € off".
    #[must_use]
    pub fn worth(&self) -> String {
        match &self.off {
            Off::Percent(hundredths) if hundredths % 100 == 0 => {
                format!("{}\u{a0}% off", hundredths / 100)
            }
            Off::Percent(hundredths) => {
                let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
                format!("{}\u{a0}% off", text.trim_end_matches('0'))
            }
            Off::Amount(amount) => format!("{} off", amount.display()),
        }
    }
}

impl Lasts {
    fn told(self, every: Interval) -> String {
        match (self, every) {
            (Self::Once | Self::Months(1), Interval::Month) => "for the first month".to_owned(),
            (Self::Months(months), Interval::Month) => format!("for {months} months"),
            // A yearly invoice is reduced when it falls within the months.
            (Self::Months(months), Interval::Year) if months > 12 => {
                format!("for {} years", months.div_ceil(12))
            }
            (Self::Once | Self::Months(_), Interval::Year) => "for the first year".to_owned(),
            (Self::Forever, _) => "for as long as it runs".to_owned(),
        }
    }
}

/// Why a promotion code is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum CodeError {
    /// The operator has switched promotion codes off.
    #[error("promotion codes are switched off")]
    NotTaken,
    #[error("no promotion code reads like that")]
    Unknown,
    /// It was one: expired, used up or withdrawn, or its coupon is.
    #[error("the promotion code is over")]
    Over,
    /// It is for other plans, amounts, or another customer.
    #[error("the promotion code is for something else")]
    Elsewhere,
    /// Stripe could not be asked.
    #[error("the promotion code could not be looked up")]
    Unchecked,
}

impl CodeError {
    pub const ALL: [Self; 5] = [
        Self::NotTaken,
        Self::Unknown,
        Self::Over,
        Self::Elsewhere,
        Self::Unchecked,
    ];

    #[must_use]
    pub fn told(self) -> Told {
        match self {
            Self::NotTaken => Told {
                status: 409,
                title: "Promotion codes are not taken here.",
                meaning: "You were not charged. The prices below are what is paid.",
                next: "Choose a plan without the code, or ask whoever gave it to you.",
                action: None,
            },
            Self::Unknown => Told {
                status: 404,
                title: "We do not know this promotion code.",
                meaning: "You were not charged. The prices below are without it.",
                next: "Look for a slip in it, or choose a plan without the code.",
                action: None,
            },
            Self::Over => Told {
                status: 410,
                title: "This promotion code is over.",
                meaning: "You were not charged. It has expired or was used up, and the prices below are without it.",
                next: "Choose a plan without the code, or ask for a newer one.",
                action: None,
            },
            Self::Elsewhere => Told {
                status: 409,
                title: "This promotion code is for something else.",
                meaning: "You were not charged. It belongs to other plans, a higher amount, or another person.",
                next: "Choose another plan with it, or this one without it.",
                action: None,
            },
            Self::Unchecked => Told {
                status: 503,
                title: "The promotion code could not be checked.",
                meaning: "You were not charged. Stripe, who keeps the codes, did not answer.",
                next: "Load the page again in a moment to see what the code takes off.",
                action: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CodeError, Lasts, Off, Promotion};
    use crate::money::Money;
    use crate::plans::Interval::{self, Month, Year};

    fn promotion(off: Off, lasts: Lasts) -> Promotion {
        Promotion {
            code: "SPRING".into(),
            off,
            lasts,
            products: None,
            minimum: None,
        }
    }

    #[test]
    fn a_code_takes_off_what_stripe_will() {
        let amount = |minor| Off::Amount(Money::new(minor, "eur"));
        for (off, lasts, price, every, becomes, told) in [
            (
                Off::Percent(2000),
                Lasts::Months(3),
                2900,
                Some(Month),
                2320,
                "for 3 months",
            ),
            (
                Off::Percent(2000),
                Lasts::Once,
                2900,
                Some(Month),
                2320,
                "for the first month",
            ),
            (
                Off::Percent(2000),
                Lasts::Months(3),
                29_000,
                Some(Year),
                23_200,
                "for the first year",
            ),
            (
                Off::Percent(2000),
                Lasts::Months(13),
                29_000,
                Some(Year),
                23_200,
                "for 2 years",
            ),
            (
                Off::Percent(2550),
                Lasts::Forever,
                2900,
                Some(Month),
                2160,
                "for as long as it runs",
            ),
            (Off::Percent(10_000), Lasts::Once, 7900, None, 0, ""),
            (amount(500), Lasts::Once, 7900, None, 7400, ""),
            (amount(9900), Lasts::Once, 7900, None, 0, ""),
        ] {
            let reduced = promotion(off, lasts)
                .on("prod_1", &Money::new(price, "eur"), every)
                .unwrap();
            assert_eq!(
                (reduced.amount.minor, reduced.while_it_lasts.as_str()),
                (becomes, told)
            );
        }
    }

    #[test]
    fn a_code_for_something_else_does_nothing() {
        let price = Money::new(2900, "eur");
        let on = |promotion: Promotion| promotion.on("prod_1", &price, Some(Interval::Month));
        let all = promotion(Off::Percent(1000), Lasts::Once);
        assert!(on(all.clone()).is_some());
        for other in [
            Promotion {
                products: Some(vec!["prod_2".into()]),
                ..all.clone()
            },
            Promotion {
                minimum: Some(Money::new(2901, "eur")),
                ..all.clone()
            },
            Promotion {
                minimum: Some(Money::new(1, "usd")),
                ..all.clone()
            },
            Promotion {
                off: Off::Amount(Money::new(500, "usd")),
                ..all.clone()
            },
        ] {
            assert_eq!(on(other.clone()), None, "{other:?}");
        }
        let exact = Promotion {
            products: Some(vec!["prod_1".into()]),
            minimum: Some(price.clone()),
            ..all
        };
        assert!(on(exact).is_some());
    }

    #[test]
    fn worth_reads_as_people_say_it() {
        for (off, text) in [
            (Off::Percent(2000), "20\u{a0}% off"),
            (Off::Percent(1250), "12.5\u{a0}% off"),
            (Off::Amount(Money::new(500, "eur")), "5\u{a0}€ off"),
        ] {
            assert_eq!(promotion(off, Lasts::Once).worth(), text);
        }
    }

    #[test]
    fn every_refusal_has_words_of_its_own() {
        let titles: std::collections::HashSet<_> = CodeError::ALL
            .map(|error| error.told().title)
            .into_iter()
            .collect();
        assert_eq!(titles.len(), CodeError::ALL.len());
        for told in CodeError::ALL.map(CodeError::told) {
            assert!(told.meaning.contains("not charged") && !told.next.is_empty());
        }
    }
}
