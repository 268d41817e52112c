//! How a Checkout Session is made.

use super::super::{
    Stripe,
    calendar::DAY,
    errors::{Outcome, Refusal},
    forms::{Metadata, Params},
    records::{Session, SessionLine},
    subscriptions::{read_automatic_tax, read_trial_behavior},
    timers::Timer,
};

const KNOWN: [&str; 31] = [
    "adaptive_pricing",
    "allow_promotion_codes",
    "automatic_tax",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "consent_collection",
    "currency",
    "custom_text",
    "customer",
    "customer_creation",
    "customer_email",
    "customer_update",
    "discounts",
    "expires_at",
    "line_items",
    "locale",
    "metadata",
    "mode",
    "origin_context",
    "payment_intent_data",
    "payment_method_collection",
    "payment_method_types",
    "phone_number_collection",
    "saved_payment_method_options",
    "setup_intent_data",
    "submit_type",
    "subscription_data",
    "success_url",
    "tax_id_collection",
    "ui_mode",
];

/// What `subscription_data` asks for.
#[derive(Default)]
struct SubscriptionData {
    metadata: Metadata,
    description: Option<String>,
    trial_days: Option<i64>,
    trial_end: Option<i64>,
    trial_without_card: Option<&'static str>,
}

/// What `payment_intent_data` asks for.
#[derive(Default)]
struct PaymentData {
    metadata: Metadata,
    description: Option<String>,
    save_card: bool,
}

impl Stripe {
    pub(super) fn create_session(&mut self, p: &Params<'_>) -> Outcome {
        p.only(&KNOWN)?;
        let mode = p
            .choice("mode", &["payment", "setup", "subscription"])?
            .ok_or_else(|| Refusal::missing("mode"))?;
        p.choice("ui_mode", &["hosted", "hosted_page"])?;
        let success_url =
            checked_url(p, "success_url")?.ok_or_else(|| Refusal::missing("success_url"))?;
        let cancel_url = checked_url(p, "cancel_url")?;
        let customer = match p.filled("customer")? {
            Some(id) => Some(self.customer(id, "customer")?.id.clone()),
            None => None,
        };
        let customer_email = p.owned("customer_email")?;
        if customer.is_some() && customer_email.is_some() {
            return Err(Refusal::invalid(
                "You may only specify one of these parameters: customer, customer_email.",
            ));
        }
        let automatic_tax = read_automatic_tax(p)?;
        let collects = self.check_customer_update(p, customer.as_deref(), automatic_tax)?;
        let address_collection = p.choice("billing_address_collection", &["auto", "required"])?;
        let lines = self.read_lines(p, mode)?;
        let subscription = self.read_subscription_data(p, mode)?;
        let payment = read_payment_data(p, mode)?;
        let discounts = self.read_discounts(p)?;
        let allow_codes = p.flag("allow_promotion_codes")?;
        if allow_codes.is_some() && !discounts.is_empty() {
            return Err(Refusal::invalid(
                "You may only specify one of these parameters: allow_promotion_codes, discounts.",
            ));
        }
        self.check_codes(&discounts, &lines, customer.as_deref())?;
        let expires_at = self.read_expiry(p)?;
        let currency = lines
            .first()
            .and_then(|line| self.prices.get(&line.price))
            .map(|price| price.currency.clone())
            .or(p.owned("currency")?);
        let metadata = p.metadata()?;
        let (collection, creation) = read_collection(p, mode)?;
        let email = self.known_email(customer.as_deref(), customer_email.as_ref());
        let discounts = discounts
            .iter()
            .filter_map(|(coupon, code)| self.new_discount(coupon, code.as_deref()))
            .collect();
        let session = Session {
            id: self.ids.plain("cs_test_a1", 56),
            created: self.stamp(),
            mode,
            status: "open",
            payment_status: if mode == "setup" {
                "no_payment_required"
            } else {
                "unpaid"
            },
            lines,
            customer_creation: match (&customer, mode) {
                (None, "payment") => Some(creation.unwrap_or("if_required")),
                (None, _) => Some("always"),
                (Some(_), _) => None,
            },
            customer,
            customer_email,
            client_reference_id: p.owned("client_reference_id")?,
            success_url,
            cancel_url,
            metadata,
            subscription_metadata: subscription.metadata,
            subscription_description: subscription.description,
            trial_days: subscription.trial_days,
            trial_end: subscription.trial_end,
            trial_without_card: subscription.trial_without_card.unwrap_or("create_invoice"),
            payment_metadata: payment.metadata,
            payment_description: payment.description,
            save_card: payment.save_card,
            allow_promotion_codes: allow_codes,
            automatic_tax,
            collection,
            collects,
            address_collection,
            business: None,
            expires_at,
            expired: false,
            locale: p.owned("locale")?,
            currency,
            invoice: None,
            subscription: None,
            payment_intent: None,
            setup_intent: None,
            email,
            name: None,
            discounts,
            authenticating: None,
            notice: None,
        };
        let (id, body) = (session.id.clone(), self.render_session(&session));
        self.sessions.add(session);
        self.set_timer(expires_at, Timer::SessionExpires(id));
        Ok(body)
    }

    /// Stripe refuses a code that does nothing for the order.
    pub(in crate::stripe) fn check_codes(
        &self,
        discounts: &[(String, Option<String>)],
        lines: &[SessionLine],
        customer: Option<&str>,
    ) -> Outcome<()> {
        let prices = || {
            lines
                .iter()
                .filter_map(|line| Some((self.prices.get(&line.price)?, line.quantity)))
        };
        let amount = prices()
            .map(|(price, quantity)| price.unit_amount * quantity)
            .sum();
        let currency = prices().next().map(|(price, _)| price.currency.as_str());
        for (nth, (coupon, code)) in discounts.iter().enumerate() {
            let covers = self.coupons.get(coupon).is_none_or(|coupon| {
                lines
                    .iter()
                    .any(|line| self.coupon_covers(coupon, &line.price))
            });
            if !covers {
                return Err(Refusal::param(
                    format!("discounts[{nth}]"),
                    "The coupon cannot be redeemed because it does not apply to anything in this order.",
                ));
            }
            if let Some(code) = code.as_ref().and_then(|id| self.promotion_codes.get(id)) {
                let param = format!("discounts[{nth}][promotion_code]");
                self.check_restrictions(code, customer, amount, currency, &param)?;
            }
        }
        Ok(())
    }

    fn known_email(&self, customer: Option<&str>, given: Option<&String>) -> Option<String> {
        let row = customer.and_then(|id| self.customers.get(id));
        row.and_then(|row| row.email.clone())
            .or_else(|| given.cloned())
    }

    fn read_lines(&mut self, p: &Params<'_>, mode: &str) -> Outcome<Vec<SessionLine>> {
        let asked = p.hashes("line_items")?;
        if mode == "setup" {
            return if asked.is_empty() {
                Ok(Vec::new())
            } else {
                Err(Refusal::param(
                    "line_items",
                    "`line_items` cannot be used in `setup` mode.",
                ))
            };
        }
        if asked.is_empty() {
            return Err(Refusal::missing("line_items"));
        }
        let mut lines = Vec::new();
        let mut recurring = Vec::new();
        let mut currencies: Vec<String> = Vec::new();
        for hash in asked {
            hash.only(&["price", "quantity", "adjustable_quantity"])?;
            let price = self.active_price(hash.need("price")?, &hash.name("price"))?;
            if price.recurring.is_some() {
                if mode == "payment" {
                    return Err(Refusal::invalid(
                        "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.",
                    ));
                }
                recurring.push(price.id.clone());
            }
            currencies.push(price.currency.clone());
            let price = price.id.clone();
            let quantity = hash.int("quantity")?;
            let quantity = quantity.ok_or_else(|| {
                Refusal::coded(
                    "parameter_missing",
                    "Quantity is required. Add `quantity` to the line item.",
                )
                .at(hash.name("quantity"))
            })?;
            if quantity < 1 {
                return Err(Refusal::param(
                    hash.name("quantity"),
                    "Quantity must be at least 1.",
                ));
            }
            let adjustable = match hash.hash("adjustable_quantity")? {
                None => None,
                Some(range) => {
                    range.only(&["enabled", "minimum", "maximum"])?;
                    let bounds = (
                        range.int("minimum")?.unwrap_or(0),
                        range.int("maximum")?.unwrap_or(99),
                    );
                    (range.flag("enabled")? == Some(true)).then_some(bounds)
                }
            };
            if let Some((least, most)) = adjustable {
                check_range(&hash, least, most)?;
            }
            lines.push(SessionLine {
                id: self.ids.long("li_"),
                price,
                quantity,
                adjustable,
            });
        }
        if mode == "subscription" && recurring.is_empty() {
            return Err(Refusal::invalid(
                "You must provide at least one recurring price in `subscription` mode when using prices.",
            ));
        }
        if mode == "subscription" && recurring.len() < lines.len() {
            return Err(Refusal::param(
                "line_items",
                "The sandbox does not play one-time prices in `subscription` mode.",
            ));
        }
        currencies.dedup();
        if currencies.len() > 1 {
            return Err(Refusal::param(
                "line_items",
                "All line items must have the same currency.",
            ));
        }
        self.check_together(recurring.iter().map(String::as_str))?;
        Ok(lines)
    }

    fn read_subscription_data(&self, p: &Params<'_>, mode: &str) -> Outcome<SubscriptionData> {
        let Some(data) = p.hash("subscription_data")? else {
            return Ok(SubscriptionData::default());
        };
        if mode != "subscription" {
            return Err(Refusal::param(
                "subscription_data",
                format!("You can not pass `subscription_data` in `{mode}` mode."),
            ));
        }
        data.only(&[
            "metadata",
            "description",
            "trial_period_days",
            "trial_end",
            "trial_settings",
            "billing_mode",
        ])?;
        let (days, end) = (data.int("trial_period_days")?, data.int("trial_end")?);
        if days.is_some() && end.is_some() {
            return Err(Refusal::invalid(
                "You may only specify one of these parameters: subscription_data[trial_end], subscription_data[trial_period_days].",
            ));
        }
        if days.is_some_and(|days| !(1..=730).contains(&days)) {
            return Err(Refusal::param(
                "subscription_data[trial_period_days]",
                "The minimum number of trial period days is 1, the maximum 730 (2 years).",
            ));
        }
        if end.is_some_and(|end| end < self.stamp() + 2 * DAY) {
            return Err(Refusal::param(
                "subscription_data[trial_end]",
                "The `trial_end` date has to be at least 2 days in the future.",
            ));
        }
        if let Some(mode) = data.hash("billing_mode")? {
            mode.only(&["type", "flexible"])?;
            mode.choice("type", &["flexible"])?;
        }
        Ok(SubscriptionData {
            metadata: data.metadata()?,
            description: data.owned("description")?,
            trial_days: days,
            trial_end: end,
            trial_without_card: read_trial_behavior(&data)?,
        })
    }

    fn read_expiry(&self, p: &Params<'_>) -> Outcome<i64> {
        let now = self.stamp();
        let at = p.int("expires_at")?.unwrap_or(now + DAY);
        if at < now + 30 * 60 {
            return Err(Refusal::param(
                "expires_at",
                "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
            ));
        }
        if at > now + DAY {
            return Err(Refusal::param(
                "expires_at",
                "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
            ));
        }
        Ok(at)
    }
}

/// `payment_method_collection` and `customer_creation`.
fn read_collection(p: &Params<'_>, mode: &str) -> Outcome<(&'static str, Option<&'static str>)> {
    let collection = p
        .choice("payment_method_collection", &["always", "if_required"])?
        .unwrap_or("always");
    let creation = p.choice("customer_creation", &["always", "if_required"])?;
    if creation.is_some() && mode == "subscription" {
        return Err(Refusal::param(
            "customer_creation",
            "`customer_creation` can only be used in `payment` and `setup` mode.",
        ));
    }
    Ok((collection, creation))
}

/// Stripe's documented bounds.
fn check_range(hash: &Params<'_>, least: i64, most: i64) -> Outcome<()> {
    if (0..=999_999).contains(&least) && (least..=999_999).contains(&most) {
        return Ok(());
    }
    Err(Refusal::param(
        hash.name("adjustable_quantity"),
        "The adjustable quantity's minimum and maximum must be from 0 to 999999, the maximum not below the minimum.",
    ))
}

fn read_payment_data(p: &Params<'_>, mode: &str) -> Outcome<PaymentData> {
    let Some(data) = p.hash("payment_intent_data")? else {
        return Ok(PaymentData::default());
    };
    if mode != "payment" {
        return Err(Refusal::param(
            "payment_intent_data",
            format!("You can not pass `payment_intent_data` in `{mode}` mode."),
        ));
    }
    data.only(&[
        "metadata",
        "description",
        "setup_future_usage",
        "receipt_email",
    ])?;
    Ok(PaymentData {
        metadata: data.metadata()?,
        description: data.owned("description")?,
        save_card: data
            .choice("setup_future_usage", &["off_session", "on_session"])?
            .is_some(),
    })
}

fn checked_url(p: &Params<'_>, name: &str) -> Outcome<Option<String>> {
    let Some(text) = p.filled(name)? else {
        return Ok(None);
    };
    // The placeholder is not part of an address: Stripe fills it in.
    match url::Url::parse(&text.replace("{CHECKOUT_SESSION_ID}", "cs")) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(text.to_owned())),
        _ => {
            let mut refusal =
                Refusal::param(name, "Not a valid URL: URLs must begin with http or https.");
            refusal.code = Some("url_invalid");
            Err(refusal)
        }
    }
}
