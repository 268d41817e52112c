//! A change in words. Between two plans their names say it; within one plan how it is paid does.

use super::PlanPrice;
use crate::plans::Interval;

/// "monthly", "yearly".
#[must_use]
pub fn paid(interval: Interval) -> &'static str {
    match interval {
        Interval::Month => "monthly",
        Interval::Year => "yearly",
    }
}

/// Whether the plan, and so its roles, stay what they are.
#[must_use]
pub fn same_plan(from: &PlanPrice, to: &PlanPrice) -> bool {
    from.plan_name == to.plan_name
}

/// What tells two prices of one plan apart: "monthly" and "yearly", or the amounts.
fn apart(from: &PlanPrice, to: &PlanPrice) -> (String, String) {
    if from.interval == to.interval {
        (from.display(), to.display())
    } else {
        let word = |price: &PlanPrice| paid(price.interval).to_owned();
        (word(from), word(to))
    }
}

/// Where a change goes, after "go" or "change": "to Patron", "from monthly to yearly".
#[must_use]
pub fn way(from: Option<&PlanPrice>, to: &PlanPrice) -> String {
    match from {
        Some(from) if same_plan(from, to) => {
            let (from, to) = apart(from, to);
            format!("from {from} to {to}")
        }
        _ => format!("to {}", to.plan_name),
    }
}

/// The same in short, for a button: "to Patron", "yearly".
#[must_use]
pub fn short_way(from: &PlanPrice, to: &PlanPrice) -> String {
    if !same_plan(from, to) {
        format!("to {}", to.plan_name)
    } else if from.interval == to.interval {
        format!("to {}", to.display())
    } else {
        paid(to.interval).to_owned()
    }
}

/// What one has as long as a change does not count: "you have Member", "you pay monthly".
#[must_use]
pub fn has(from: &PlanPrice, to: Option<&PlanPrice>) -> String {
    match to {
        Some(to) if same_plan(from, to) => format!("you pay {}", apart(from, to).0),
        _ => format!("you have {}", from.plan_name),
    }
}

/// What one stays on by not going: "Stay on Patron", "Stay on yearly".
#[must_use]
pub fn stay(from: &PlanPrice, to: &PlanPrice) -> String {
    if same_plan(from, to) {
        format!("Stay on {}", apart(from, to).0)
    } else {
        format!("Stay on {}", from.plan_name)
    }
}

/// What is left of it that was paid and not used, as a receipt's line.
#[must_use]
pub fn not_used(from: &PlanPrice, to: &PlanPrice) -> String {
    if same_plan(from, to) {
        format!("Not used of the {}", from.interval.as_str())
    } else {
        format!("Not used of {}", from.plan_name)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::money::Money;

    /// A price of a plan, `minor` a month or a year.
    pub(crate) fn price(name: &str, minor: i64, interval: Interval) -> PlanPrice {
        PlanPrice {
            price_id: format!("{name} {minor}"),
            plan_name: name.to_owned(),
            amount: Money::new(minor, "eur"),
            interval,
        }
    }

    #[test]
    fn plans_are_told_apart_by_name_and_prices_of_one_plan_by_interval() {
        let member = price("Member", 2900, Interval::Month);
        let month = price("Patron", 7900, Interval::Month);
        let year = price("Patron", 79_000, Interval::Year);
        let dearer = price("Patron", 8900, Interval::Month);
        for (from, to, where_to, meanwhile, staying, left) in [
            (
                &member,
                &month,
                "to Patron",
                "you have Member",
                "Stay on Member",
                "Not used of Member",
            ),
            (
                &month,
                &year,
                "from monthly to yearly",
                "you pay monthly",
                "Stay on monthly",
                "Not used of the month",
            ),
            (
                &year,
                &month,
                "from yearly to monthly",
                "you pay yearly",
                "Stay on yearly",
                "Not used of the year",
            ),
            (
                &month,
                &dearer,
                "from 79 € a month to 89 € a month",
                "you pay 79 € a month",
                "Stay on 79 € a month",
                "Not used of the month",
            ),
        ] {
            let said = [
                way(Some(from), to),
                has(from, Some(to)),
                stay(from, to),
                not_used(from, to),
            ];
            let said = said.map(|text| text.replace('\u{a0}', " "));
            assert_eq!(said, [where_to, meanwhile, staying, left]);
        }
        assert_eq!(way(None, &year), "to Patron");
        let short = |from, to| short_way(from, to).replace('\u{a0}', " ");
        assert_eq!(short(&member, &month), "to Patron");
        assert_eq!(short(&month, &year), "yearly");
        assert_eq!(short(&month, &dearer), "to 89 € a month");
        assert_eq!(has(&member, None), "you have Member");
    }
}
