//! Amounts as Stripe gives them: integer minor units with their currency.

use serde::{Deserialize, Serialize};

/// An amount of money. `minor` counts the currency's smallest unit (cents, or whole yen);
/// `currency` is the lower-case ISO 4217 code Stripe uses.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    pub minor: i64,
    pub currency: String,
}

/// Currencies without a minor unit, from Stripe's list "Zero-decimal currencies".
const ZERO_DECIMAL: [&str; 16] = [
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv",
    "xaf", "xof", "xpf",
];
/// Currencies with three decimals, from Stripe's list "Three-decimal currencies".
const THREE_DECIMAL: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

impl Money {
    #[must_use]
    pub fn new(minor: i64, currency: &str) -> Self {
        Self {
            minor,
            currency: currency.to_ascii_lowercase(),
        }
    }

    /// "29 €", "29.50 €", "1,290 ¥": no decimals where there are none to tell.
    #[must_use]
    pub fn display(&self) -> String {
        let decimals: u32 = if ZERO_DECIMAL.contains(&self.currency.as_str()) {
            0
        } else if THREE_DECIMAL.contains(&self.currency.as_str()) {
            3
        } else {
            2
        };
        let unit = 10_u64.pow(decimals);
        let whole = group(self.minor.unsigned_abs() / unit);
        let rest = self.minor.unsigned_abs() % unit;
        let sign = if self.minor < 0 { "−" } else { "" };
        let symbol = match self.currency.as_str() {
            "eur" => "€".to_owned(),
            "usd" => "US$".to_owned(),
            "gbp" => "£".to_owned(),
            "jpy" => "¥".to_owned(),
            other => other.to_ascii_uppercase(),
        };
        if rest == 0 {
            format!("{sign}{whole}\u{a0}{symbol}")
        } else {
            format!(
                "{sign}{whole}.{rest:0width$}\u{a0}{symbol}",
                width = decimals as usize
            )
        }
    }
}

/// "12,345"
#[must_use]
pub fn group(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::Money;

    #[test]
    fn amounts_read_as_people_write_them() {
        for (minor, currency, text) in [
            (2900, "EUR", "29\u{a0}€"),
            (2950, "eur", "29.50\u{a0}€"),
            (129_000, "jpy", "129,000\u{a0}¥"),
            (-705, "gbp", "−7.05\u{a0}£"),
            (1_234_567, "usd", "12,345.67\u{a0}US$"),
            (1500, "kwd", "1.500\u{a0}KWD"),
            (0, "eur", "0\u{a0}€"),
        ] {
            assert_eq!(Money::new(minor, currency).display(), text);
        }
    }
}
