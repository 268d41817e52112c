//! The demo community's plans.

use super::{
    Stripe,
    calendar::Interval,
    forms::Metadata,
    records::{Price, Recurring},
};

/// Discord role ids that the demo plans give.
#[derive(Clone, Debug)]
pub struct DemoRoles {
    pub member: String,
    pub patron: String,
    pub company: String,
}

struct Plan<'a> {
    name: &'a str,
    description: &'a str,
    features: &'a [&'a str],
    prices: &'a [(i64, Option<Interval>)],
    unit: Option<&'a str>,
    metadata: &'a [(&'a str, &'a str)],
}

impl Stripe {
    /// The plans of "The Revenue Council" and a portal that offers cards, invoices and cancelling.
    pub fn seed_demo(&mut self, now_ms: i64, roles: &DemoRoles) {
        self.advance(now_ms);
        self.add_plan(&Plan {
            name: "Member",
            description: "The working room of people who carry a revenue number.",
            features: &[
                "All member channels and their archive",
                "The weekly deal clinic, live and recorded",
                "Templates for pricing, forecasts and board reports",
                "Introductions to members in your field",
            ],
            prices: &[
                (2900, Some(Interval::Month)),
                (29_000, Some(Interval::Year)),
            ],
            unit: None,
            metadata: &[
                ("rollcall_audience", "individual"),
                ("rollcall_roles", &roles.member),
                ("rollcall_order", "1"),
            ],
        });
        self.add_plan(&Plan {
            name: "Patron",
            description: "For leaders who want a small circle and a sounding board.",
            features: &[
                "Everything in Member",
                "A circle of eight, meeting every second week",
                "One hour a month with a seasoned operator",
                "The annual dinner, two seats",
                "Your question first at every clinic",
            ],
            prices: &[
                (7900, Some(Interval::Month)),
                (79_000, Some(Interval::Year)),
            ],
            unit: None,
            metadata: &[
                ("rollcall_audience", "individual"),
                ("rollcall_roles", &roles.patron),
                ("rollcall_order", "2"),
                ("rollcall_badge", "Most chosen"),
            ],
        });
        self.add_plan(&Plan {
            name: "Season pass",
            description: "The working room for one season, without a subscription.",
            features: &[
                "All member channels and their archive",
                "The weekly deal clinic, live and recorded",
                "Ends by itself; another one adds to it",
            ],
            prices: &[(6900, None)],
            unit: None,
            metadata: &[
                ("rollcall_audience", "individual"),
                ("rollcall_roles", &roles.member),
                ("rollcall_order", "3"),
                ("rollcall_pass_days", "90"),
            ],
        });
        self.add_plan(&Plan {
            name: "Team seats",
            description: "Membership for your whole revenue team, on one invoice.",
            features: &[
                "Member access for every seat",
                "Invite and replace colleagues yourself",
                "One invoice for everyone",
                "A private channel for your company",
            ],
            prices: &[
                (2400, Some(Interval::Month)),
                (24_000, Some(Interval::Year)),
            ],
            unit: Some("seat"),
            metadata: &[
                ("rollcall_audience", "company"),
                ("rollcall_roles", &roles.company),
                ("rollcall_order", "4"),
            ],
        });
        self.seed_portal();
    }

    fn add_plan(&mut self, plan: &Plan<'_>) {
        let id = self.ids.short("prod_");
        let mut product = self.blank_product(id.clone(), plan.name.to_owned());
        product.description = Some(plan.description.to_owned());
        product.features = plan
            .features
            .iter()
            .map(|text| (*text).to_owned())
            .collect();
        product.unit_label = plan.unit.map(str::to_owned);
        product.metadata = plan
            .metadata
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        self.put_product(product);
        let mut first = None;
        for &(amount, interval) in plan.prices {
            let price = self.plain_price(&id, amount, interval);
            let price = self.put_price(price);
            first.get_or_insert(price);
        }
        self.change_product(&id, |product| product.default_price = first);
    }

    fn plain_price(&mut self, product: &str, amount: i64, interval: Option<Interval>) -> Price {
        Price {
            id: self.ids.long("price_"),
            created: self.stamp(),
            active: true,
            currency: "eur".into(),
            unit_amount: amount,
            recurring: interval.map(|interval| Recurring {
                interval,
                count: 1,
                trial_days: None,
            }),
            lookup_key: None,
            nickname: None,
            metadata: Metadata::new(),
            product: product.to_owned(),
            tax_behavior: "unspecified",
        }
    }
}
