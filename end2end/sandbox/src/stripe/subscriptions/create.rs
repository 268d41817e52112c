//! How a subscription begins.

use super::super::{
    Stripe,
    calendar::{DAY, period_end},
    cards::Answer,
    errors::{Outcome, Refusal},
    forms::{Metadata, Params},
    invoices::Collecting,
    payments::{Paying, declined},
    records::{Discount, Item, Recurring, Status, Subscription},
    timers::Timer,
};

/// How long a first payment is waited for, seconds.
pub(in crate::stripe) const INCOMPLETE_FOR: i64 = 23 * 3600;

/// A price and how many of it, with metadata of the item.
pub(in crate::stripe) type Wanted = (String, i64, Metadata);

/// How the first payment is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::stripe) enum StartPayment {
    /// Charge; a failure leaves it incomplete.
    #[default]
    Allow,
    /// Wait for a person.
    Wait,
    /// Already authenticated by a person at a hosted page.
    Authenticated,
}

/// A subscription about to begin; everything in it has been checked.
#[derive(Clone, Debug, Default)]
pub(in crate::stripe) struct Start {
    pub customer: String,
    pub items: Vec<Wanted>,
    pub metadata: Metadata,
    pub description: Option<String>,
    pub method: Option<String>,
    pub trial_end: Option<i64>,
    pub trial_without_card: Option<&'static str>,
    pub payment: StartPayment,
    pub cancel_at: Option<i64>,
    pub cancel_at_period_end: bool,
    pub discounts: Vec<Discount>,
    pub billing_mode: Option<&'static str>,
    pub save_card: Option<&'static str>,
    pub automatic_tax: bool,
}

const KNOWN: [&str; 18] = [
    "automatic_tax",
    "billing_mode",
    "cancel_at",
    "cancel_at_period_end",
    "collection_method",
    "currency",
    "customer",
    "default_payment_method",
    "description",
    "discounts",
    "items",
    "metadata",
    "off_session",
    "payment_behavior",
    "payment_settings",
    "trial_end",
    "trial_period_days",
    "trial_settings",
];

impl Stripe {
    pub(in crate::stripe) fn create_subscription(&mut self, p: &Params<'_>) -> Outcome {
        p.only(&KNOWN)?;
        let customer = self.customer(p.need("customer")?, "customer")?.id.clone();
        let items = self.read_items(p)?;
        let method = self.read_method(p, &customer)?;
        let trial_end = self.read_trial(p)?;
        p.choice("collection_method", &["charge_automatically"])?;
        p.flag("off_session")?;
        let behavior = p
            .choice(
                "payment_behavior",
                &[
                    "allow_incomplete",
                    "default_incomplete",
                    "error_if_incomplete",
                ],
            )?
            .unwrap_or("allow_incomplete");
        let billing_mode = match p.hash("billing_mode")? {
            None => None,
            Some(mode) => {
                mode.only(&["type", "flexible"])?;
                mode.choice("type", &["classic", "flexible"])?
            }
        };
        let save_card = read_save_card(p)?;
        let start = Start {
            items,
            metadata: p.metadata()?,
            description: p.owned("description")?,
            trial_end,
            trial_without_card: read_trial_behavior(p)?,
            payment: if behavior == "default_incomplete" {
                StartPayment::Wait
            } else {
                StartPayment::Allow
            },
            cancel_at: p.int("cancel_at")?,
            cancel_at_period_end: p.flag("cancel_at_period_end")?.unwrap_or(false),
            discounts: Vec::new(),
            billing_mode,
            save_card,
            automatic_tax: read_automatic_tax(p)?,
            method: method.clone(),
            customer: customer.clone(),
        };
        let coupons = self.read_discounts(p)?;
        let card = method.or_else(|| self.card_for(&customer, None));
        let due = trial_end.is_none() && self.price_sum(&start.items) > 0;
        if due && behavior != "default_incomplete" && card.is_none() {
            return Err(Refusal::coded(
                "resource_missing",
                "This customer has no attached payment source or default payment method. Please consider adding a default payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods-setting.",
            ));
        }
        if due && behavior == "error_if_incomplete" {
            self.would_pay(card.as_deref())?;
        }
        let discounts: Vec<_> = coupons
            .iter()
            .filter_map(|(coupon, code)| self.new_discount(coupon, code.as_deref()))
            .collect();
        self.redeem(&discounts);
        let id = self.start_subscription(Start { discounts, ..start });
        Ok(self.subscription_json(&id))
    }

    /// Would a charge go through without a person? The refusal is the card's.
    pub(in crate::stripe) fn would_pay(&self, method: Option<&str>) -> Outcome<()> {
        let Some(method) = method.and_then(|id| self.methods.get(id)) else {
            return Err(Refusal::invalid(
                "This customer has no attached payment source or default payment method.",
            ));
        };
        match method.card.charge(false, method.authenticated) {
            Answer::Paid | Answer::Later => Ok(()),
            Answer::Declined(decline) => Err(declined(&decline)),
            Answer::Authenticate => Err(Refusal::card(
                "subscription_payment_intent_requires_action",
                None,
                "Payment for this subscription requires additional user action before it can be completed successfully.",
            )),
        }
    }

    pub(in crate::stripe) fn price_sum(&self, items: &[Wanted]) -> i64 {
        items
            .iter()
            .filter_map(|(price, quantity, _)| Some(self.prices.get(price)?.unit_amount * quantity))
            .sum()
    }

    /// Items of a new subscription: active recurring prices of one currency and one interval, each once.
    fn read_items(&self, p: &Params<'_>) -> Outcome<Vec<Wanted>> {
        let mut items: Vec<Wanted> = Vec::new();
        for item in p.hashes("items")? {
            item.only(&["price", "quantity", "metadata"])?;
            let param = item.name("price");
            let price = self.active_price(item.need("price")?, &param)?;
            if price.recurring.is_none() {
                return Err(Refusal::param(
                    param,
                    "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.",
                ));
            }
            let quantity = item.int("quantity")?.unwrap_or(1);
            if quantity < 0 {
                return Err(Refusal::param(
                    item.name("quantity"),
                    "Quantity must be at least 0.",
                ));
            }
            items.push((price.id.clone(), quantity, item.metadata()?));
        }
        if items.is_empty() {
            return Err(Refusal::missing("items"));
        }
        self.check_together(items.iter().map(|(price, _, _)| price.as_str()))?;
        Ok(items)
    }

    /// Prices that can stand on one subscription.
    pub(in crate::stripe) fn check_together<'a>(
        &self,
        prices: impl Iterator<Item = &'a str>,
    ) -> Outcome<()> {
        let mut seen: Vec<&str> = Vec::new();
        let mut common: Option<(&str, Recurring)> = None;
        for id in prices {
            let price = self.price(id, "items")?;
            let Some(every) = price.recurring else {
                return Err(Refusal::param(
                    "items",
                    "Only recurring prices can be on a subscription.",
                ));
            };
            if seen.contains(&id) {
                return Err(Refusal::invalid(format!(
                    "Cannot add multiple subscription items with the same plan: `{id}`"
                )));
            }
            seen.push(id);
            let (currency, first) = *common.get_or_insert((&price.currency, every));
            if currency != price.currency {
                return Err(Refusal::invalid(
                    "All prices on a subscription must have the same currency.",
                ));
            }
            if (first.interval, first.count) != (every.interval, every.count) {
                return Err(Refusal::invalid(
                    "All prices on a subscription must have the same `recurring.interval` and `recurring.interval_count`.",
                ));
            }
        }
        Ok(())
    }

    pub(in crate::stripe) fn read_method(
        &self,
        p: &Params<'_>,
        customer: &str,
    ) -> Outcome<Option<String>> {
        match p.filled("default_payment_method")? {
            None => Ok(None),
            Some(id)
                if self
                    .methods
                    .get(id)
                    .is_some_and(|row| row.customer.as_deref() == Some(customer)) =>
            {
                Ok(Some(id.to_owned()))
            }
            Some(id) => Err(Refusal::no_such(
                "PaymentMethod",
                id,
                "default_payment_method",
            )),
        }
    }

    fn read_trial(&self, p: &Params<'_>) -> Outcome<Option<i64>> {
        let days = p.int("trial_period_days")?;
        let end = match p.filled("trial_end")? {
            Some("now") => None,
            _ => p.int("trial_end")?,
        };
        match (days, end) {
            (Some(_), Some(_)) => Err(Refusal::invalid(
                "You may only specify one of these parameters: trial_end, trial_period_days.",
            )),
            (Some(days), None) if !(0..=730).contains(&days) => Err(Refusal::param(
                "trial_period_days",
                "The maximum number of trial period days is 730 (2 years).",
            )),
            (Some(days), None) => Ok((days > 0).then(|| self.stamp() + days * DAY)),
            (None, Some(end)) if end <= self.stamp() => Err(Refusal::param(
                "trial_end",
                "Invalid timestamp: must be an integer Unix timestamp in the future.",
            )),
            (None, end) => Ok(end),
        }
    }

    /// Coupons and promotion codes of `discounts[…]`, checked.
    pub(in crate::stripe) fn read_discounts(
        &self,
        p: &Params<'_>,
    ) -> Outcome<Vec<(String, Option<String>)>> {
        let mut found = Vec::new();
        for discount in p.hashes("discounts")? {
            discount.only(&["coupon", "promotion_code"])?;
            if let Some(id) = discount.filled("promotion_code")? {
                let param = discount.name("promotion_code");
                let code = self
                    .promotion_codes
                    .get(id)
                    .filter(|code| self.code_active(code));
                let code = code.ok_or_else(|| Refusal::no_such("promotion code", id, &param))?;
                found.push((code.coupon.clone(), Some(code.id.clone())));
            } else {
                let param = discount.name("coupon");
                let id = discount.need("coupon")?;
                let coupon = self
                    .coupons
                    .get(id)
                    .filter(|coupon| self.coupon_valid(coupon));
                found.push((
                    coupon
                        .ok_or_else(|| Refusal::no_such("coupon", id, &param))?
                        .id
                        .clone(),
                    None,
                ));
            }
        }
        Ok(found)
    }

    pub(in crate::stripe) fn new_item(
        &mut self,
        subscription: &str,
        wanted: Wanted,
        period: (i64, i64),
    ) -> Item {
        let id = self.ids.short("si_");
        self.item_homes.insert(id.clone(), subscription.to_owned());
        let (price, quantity, metadata) = wanted;
        Item {
            id,
            created: self.stamp(),
            price,
            quantity,
            metadata,
            period,
        }
    }

    /// Begins a subscription: its first invoice is made, finalised and, unless it waits, charged.
    pub(in crate::stripe) fn start_subscription(&mut self, start: Start) -> String {
        let id = self.ids.long("sub_");
        let now = self.stamp();
        let (currency, every) = self.terms(start.items.first().map(|(price, _, _)| price.as_str()));
        let anchor = start.trial_end.unwrap_or(now);
        let end = start
            .trial_end
            .unwrap_or_else(|| period_end(now, every.interval, every.count, now));
        let items: Vec<Item> = start
            .items
            .into_iter()
            .map(|wanted| self.new_item(&id, wanted, (now, end)))
            .collect();
        let row = Subscription {
            id: id.clone(),
            created: now,
            customer: start.customer.clone(),
            currency: currency.clone(),
            status: if start.trial_end.is_some() {
                Status::Trialing
            } else {
                Status::Incomplete
            },
            items,
            metadata: start.metadata,
            description: start.description,
            default_payment_method: start.method,
            anchor,
            start_date: now,
            cancel_at: if start.cancel_at_period_end {
                Some(end)
            } else {
                start.cancel_at
            },
            cancel_at_period_end: start.cancel_at_period_end,
            canceled_at: (start.cancel_at_period_end || start.cancel_at.is_some()).then_some(now),
            ended_at: None,
            cancel_reason: None,
            cancel_comment: None,
            cancel_feedback: None,
            trial: start.trial_end.map(|end| (now, end)),
            trial_without_card: start.trial_without_card.unwrap_or("create_invoice"),
            latest_invoice: None,
            pause: None,
            pending_update: None,
            paused_at: None,
            resuming: None,
            schedule: None,
            discounts: start.discounts,
            billing_mode: start.billing_mode.unwrap_or("flexible"),
            save_card: start.save_card,
            automatic_tax: start.automatic_tax,
        };
        let lines = self.full_lines(&row.items, row.trial.is_some());
        let cancel_at = row.cancel_at;
        self.subscriptions.add(row);
        self.change_customer(&start.customer, |customer| {
            customer.currency.get_or_insert(currency);
        });
        self.set_timer(end, Timer::PeriodEnd(id.clone()));
        if let Some(at) = cancel_at {
            self.set_timer(at, Timer::CancelAt(id.clone()));
        }
        if start.trial_end.is_some() {
            self.set_timer((end - 3 * DAY).max(now), Timer::TrialEnding(id.clone()));
        }
        let invoice = self.draft_invoice(&id, "subscription_create", lines, (now, now));
        self.emit_subscription("customer.subscription.created", &id);
        if let Some(invoice) = invoice {
            self.emit_invoice("invoice.created", &invoice);
            self.finalize(&invoice);
            self.first_payment(&id, &invoice, &start.payment);
        }
        id
    }

    fn first_payment(&mut self, id: &str, invoice: &str, payment: &StartPayment) {
        let incomplete = |stripe: &Self| {
            stripe
                .subscriptions
                .get(id)
                .is_some_and(|row| row.status == Status::Incomplete)
        };
        if *payment != StartPayment::Wait && incomplete(self) {
            let authenticated = *payment == StartPayment::Authenticated;
            let how = Collecting {
                authenticated,
                ..Collecting::default()
            };
            if matches!(self.collect(invoice, how), Paying::Paid) {
                return;
            }
        }
        if incomplete(self) {
            self.set_timer(
                self.stamp() + INCOMPLETE_FOR,
                Timer::IncompleteExpires(id.to_owned()),
            );
        }
    }

    /// Currency and rhythm of a subscription with this price.
    pub(in crate::stripe) fn terms(&self, price: Option<&str>) -> (String, Recurring) {
        let monthly = Recurring {
            interval: super::super::calendar::Interval::Month,
            count: 1,
            trial_days: None,
        };
        price.and_then(|id| self.prices.get(id)).map_or_else(
            || ("eur".to_owned(), monthly),
            |row| (row.currency.clone(), row.recurring.unwrap_or(monthly)),
        )
    }
}

pub(in crate::stripe) fn read_trial_behavior(p: &Params<'_>) -> Outcome<Option<&'static str>> {
    let Some(settings) = p.hash("trial_settings")? else {
        return Ok(None);
    };
    settings.only(&["end_behavior"])?;
    let Some(behavior) = settings.hash("end_behavior")? else {
        return Ok(None);
    };
    behavior.only(&["missing_payment_method"])?;
    behavior.choice(
        "missing_payment_method",
        &["create_invoice", "pause", "cancel"],
    )
}

pub(in crate::stripe) fn read_automatic_tax(p: &Params<'_>) -> Outcome<bool> {
    let Some(tax) = p.hash("automatic_tax")? else {
        return Ok(false);
    };
    tax.only(&["enabled"])?;
    Ok(tax.flag("enabled")?.unwrap_or(false))
}

fn read_save_card(p: &Params<'_>) -> Outcome<Option<&'static str>> {
    let Some(settings) = p.hash("payment_settings")? else {
        return Ok(None);
    };
    settings.only(&["save_default_payment_method", "payment_method_types"])?;
    settings.choice("save_default_payment_method", &["on_subscription", "off"])
}
