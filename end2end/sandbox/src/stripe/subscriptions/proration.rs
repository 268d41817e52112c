//! What a change within a period costs, to the second.

use super::super::{
    Stripe,
    calendar::day_text,
    forms::Metadata,
    records::{Item, Line},
};

/// `amount` times `part / whole`, rounded half away from zero.
pub(in crate::stripe) fn prorate(amount: i64, part: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    let product = i128::from(amount) * i128::from(part);
    let whole = i128::from(whole);
    let rounded = (product.abs() * 2 + whole) / (whole * 2) * product.signum();
    i64::try_from(rounded).unwrap_or(amount)
}

impl Stripe {
    fn item_amount(&self, item: &Item) -> i64 {
        self.prices
            .get(&item.price)
            .map_or(0, |price| price.unit_amount * item.quantity)
    }

    fn item_name(&self, item: &Item) -> String {
        self.prices
            .get(&item.price)
            .and_then(|price| self.products.get(&price.product))
            .map_or_else(|| item.price.clone(), |product| product.name.clone())
    }

    /// A line for every item's whole period; `free` during a trial.
    pub(in crate::stripe) fn full_lines(&mut self, items: &[Item], free: bool) -> Vec<Line> {
        let mut lines = Vec::new();
        for item in items {
            let name = self.item_name(item);
            let price = self.prices.get(&item.price);
            let every = price
                .and_then(|price| price.recurring)
                .map_or("month", |every| every.interval.name());
            let unit = price.map_or(0, |price| price.unit_amount);
            let currency = price.map_or("", |price| price.currency.as_str());
            let description = if free {
                format!("Trial period for {name}")
            } else {
                format!(
                    "{} × {name} (at {} / {every})",
                    item.quantity,
                    super::super::pages::money(unit, currency)
                )
            };
            lines.push(Line {
                amount: if free { 0 } else { self.item_amount(item) },
                discount: 0,
                description,
                period: item.period,
                quantity: item.quantity,
                price: item.price.clone(),
                proration: false,
                item: Some(item.id.clone()),
                invoice_item: None,
                metadata: Metadata::new(),
                id: self.ids.long("il_"),
            });
        }
        lines
    }

    /// Credits for what is given up and debits for what is new, from `at` to the end of the running period.
    /// With `debits` off only the credits: the new period is charged in full elsewhere.
    pub(in crate::stripe) fn proration_lines(
        &mut self,
        old: &[Item],
        new: &[Item],
        at: i64,
        debits: bool,
    ) -> Vec<Line> {
        let same =
            |a: &Item, b: &Item| a.id == b.id && a.price == b.price && a.quantity == b.quantity;
        let mut lines = Vec::new();
        for item in old {
            if debits && new.iter().any(|other| same(item, other)) {
                continue;
            }
            lines.push(self.proration_line(item, at, "Unused time", -1));
        }
        if debits {
            for item in new {
                if !old.iter().any(|other| same(item, other)) {
                    lines.push(self.proration_line(item, at, "Remaining time", 1));
                }
            }
        }
        lines
    }

    fn proration_line(&mut self, item: &Item, at: i64, word: &str, sign: i64) -> Line {
        let (start, end) = item.period;
        let at = at.clamp(start, end);
        let amount = sign * prorate(self.item_amount(item), end - at, end - start);
        let count = if item.quantity == 1 {
            String::new()
        } else {
            format!("{} × ", item.quantity)
        };
        Line {
            amount,
            discount: 0,
            description: format!(
                "{word} on {count}{} after {}",
                self.item_name(item),
                day_text(at)
            ),
            period: (at, end),
            quantity: item.quantity,
            price: item.price.clone(),
            proration: true,
            item: Some(item.id.clone()),
            invoice_item: Some(self.ids.long("ii_")),
            metadata: Metadata::new(),
            id: self.ids.long("il_"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prorations_round_half_away_from_zero_and_sum_up() {
        assert_eq!(prorate(2900, 1, 2), 1450);
        assert_eq!(prorate(1, 1, 2), 1);
        assert_eq!(prorate(-1, 1, 2), -1);
        assert_eq!(prorate(2900, 0, 100), 0);
        assert_eq!(prorate(2900, 100, 100), 2900);
        assert_eq!(prorate(2900, 1, 0), 0);
        for amount in [1, 7, 2900, 7900, 123_457] {
            for part in 0..=31 {
                let used = prorate(amount, 31 - part, 31) + prorate(amount, part, 31);
                assert!(
                    (used - amount).abs() <= 1,
                    "{amount} split at {part}: {used}"
                );
            }
        }
    }
}
