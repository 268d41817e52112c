//! `/v1/coupons`, `/v1/promotion_codes`, and what they take off an invoice.

use serde_json::{Value, json};

use super::{
    Stripe,
    calendar::add_months,
    errors::{Outcome, Refusal},
    forms::Params,
    pagination,
    records::{Coupon, Discount, Line, PromotionCode},
};

impl Discount {
    /// Does it count on an invoice made at `now`?
    pub fn applies(&self, now: i64) -> bool {
        !self.spent && self.end.is_none_or(|end| end == self.start || now < end)
    }

    /// A `once` coupon is used up by its first invoice.
    pub fn spend(&mut self) {
        if self.end == Some(self.start) {
            self.spent = true;
        }
    }
}

/// `amount` times `hundredths` of a percent, rounded half away from zero.
fn share(amount: i64, hundredths: i32) -> i64 {
    let product = i128::from(amount) * i128::from(hundredths);
    let rounded = (product.abs() + 5_000) / 10_000 * product.signum();
    i64::try_from(rounded).unwrap_or(amount)
}

impl Stripe {
    /// A discount from a coupon or promotion code. A `once` coupon has `end == start` in our books.
    pub(super) fn new_discount(
        &mut self,
        coupon: &str,
        promotion_code: Option<&str>,
    ) -> Option<Discount> {
        let now = self.stamp();
        let id = self.ids.long("di_");
        let row = self.coupons.get(coupon)?;
        let end = match row.duration {
            "once" => Some(now),
            "repeating" => Some(add_months(now, row.months.unwrap_or(1))),
            _ => None,
        };
        Some(Discount {
            id,
            coupon: coupon.to_owned(),
            promotion_code: promotion_code.map(str::to_owned),
            start: now,
            end,
            spent: false,
        })
    }

    /// Counts a use: of a subscription when it gets the discount, of a session when it is paid.
    pub(super) fn redeem(&mut self, discounts: &[Discount]) {
        for discount in discounts {
            if let Some(coupon) = self.coupons.get_mut(&discount.coupon) {
                coupon.redeemed += 1;
            }
            let code = discount.promotion_code.as_deref();
            if let Some(code) = code.and_then(|id| self.promotion_codes.get_mut(id)) {
                code.redeemed += 1;
            }
        }
    }

    /// Is the coupon for what that price belongs to?
    pub(super) fn coupon_covers(&self, coupon: &Coupon, price: &str) -> bool {
        coupon.products.as_ref().is_none_or(|products| {
            self.prices
                .get(price)
                .is_some_and(|price| products.contains(&price.product))
        })
    }

    /// The restrictions of a promotion code, for whoever is to have it in a session.
    pub(super) fn check_restrictions(
        &self,
        code: &PromotionCode,
        customer: Option<&str>,
        amount: i64,
        currency: Option<&str>,
        param: &str,
    ) -> Outcome<()> {
        if code.customer.is_some() && code.customer.as_deref() != customer {
            return Err(Refusal::param(
                param,
                "This promotion code cannot be redeemed because it is restricted to another customer.",
            ));
        }
        if code.first_time
            && customer.is_some_and(|id| {
                self.intents.iter().any(|intent| {
                    intent.customer.as_deref() == Some(id) && intent.status == "succeeded"
                })
            })
        {
            return Err(Refusal::param(
                param,
                "This promotion code cannot be redeemed because the associated customer has prior transactions.",
            ));
        }
        if let Some((least, of)) = &code.minimum
            && (currency != Some(of) || amount < *least)
        {
            return Err(Refusal::param(
                param,
                "This promotion code cannot be redeemed because the minimum amount requirement is not met.",
            ));
        }
        Ok(())
    }

    pub(super) fn coupon_valid(&self, coupon: &Coupon) -> bool {
        !coupon.deleted
            && coupon.redeem_by.is_none_or(|by| self.stamp() < by)
            && coupon
                .max_redemptions
                .is_none_or(|most| coupon.redeemed < most)
    }

    pub(super) fn code_active(&self, code: &PromotionCode) -> bool {
        code.active
            && code.expires_at.is_none_or(|at| self.stamp() < at)
            && code.max_redemptions.is_none_or(|most| code.redeemed < most)
            && self
                .coupons
                .get(&code.coupon)
                .is_some_and(|coupon| self.coupon_valid(coupon))
    }

    /// Writes what the discounts take off each line.
    pub(super) fn discount_lines(
        &self,
        lines: &mut [Line],
        discounts: &[Discount],
        currency: &str,
    ) {
        for discount in discounts {
            let Some(coupon) = self.coupons.get(&discount.coupon) else {
                continue;
            };
            if let Some(percent) = coupon.percent_off {
                for line in self.covered(coupon, lines) {
                    line.discount += share(line.amount - line.discount, percent);
                }
            } else if let Some(mut left) = coupon.amount_off
                && coupon.currency.as_deref() == Some(currency)
            {
                for line in self.covered(coupon, lines) {
                    let off = left.min(line.amount - line.discount).max(0);
                    line.discount += off;
                    left -= off;
                }
            }
        }
    }

    fn covered<'a>(
        &self,
        coupon: &Coupon,
        lines: &'a mut [Line],
    ) -> impl Iterator<Item = &'a mut Line> {
        let covered: Vec<bool> = lines
            .iter()
            .map(|line| self.coupon_covers(coupon, &line.price))
            .collect();
        lines
            .iter_mut()
            .zip(covered)
            .filter_map(|(line, covered)| covered.then_some(line))
    }

    pub(super) fn discount_amounts(discounts: &[Discount], amount: i64) -> Value {
        match discounts.first() {
            Some(first) if amount != 0 => json!([{ "amount": amount, "discount": first.id }]),
            _ => json!([]),
        }
    }

    pub(super) fn render_discount(
        discount: &Discount,
        customer: &str,
        subscription: Option<&str>,
    ) -> Value {
        json!({
            "id": discount.id,
            "object": "discount",
            "checkout_session": null,
            "customer": customer,
            "customer_account": null,
            "end": discount.end.filter(|end| *end != discount.start),
            "invoice": null,
            "invoice_item": null,
            "promotion_code": discount.promotion_code,
            "source": { "coupon": discount.coupon, "type": "coupon" },
            "start": discount.start,
            "subscription": subscription,
            "subscription_item": null,
        })
    }

    pub(super) fn coupons_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        match (verb, rest) {
            ("POST", []) => self.create_coupon(p).map(Some),
            ("GET", []) => {
                pagination::only_filters(p, &[])?;
                let (rows, more) =
                    pagination::page(&self.coupons, None, "coupon", p, |row| !row.deleted)?;
                let data = rows
                    .into_iter()
                    .map(|row| self.render_coupon(row))
                    .collect();
                Ok(Some(pagination::list(data, more, "/v1/coupons")))
            }
            ("GET", [id]) => {
                p.only(&[])?;
                let row = self.coupons.get(id).filter(|row| !row.deleted);
                Ok(Some(self.render_coupon(
                    row.ok_or_else(|| Refusal::not_found("coupon", id))?,
                )))
            }
            ("DELETE", [id]) => {
                let row = self.coupons.get_mut(id).filter(|row| !row.deleted);
                row.ok_or_else(|| Refusal::not_found("coupon", id))?.deleted = true;
                Ok(Some(
                    json!({ "id": id, "object": "coupon", "deleted": true }),
                ))
            }
            _ => Ok(None),
        }
    }

    fn create_coupon(&mut self, p: &Params<'_>) -> Outcome {
        p.only(&[
            "id",
            "name",
            "percent_off",
            "amount_off",
            "currency",
            "duration",
            "duration_in_months",
            "max_redemptions",
            "redeem_by",
            "applies_to",
            "metadata",
        ])?;
        let products = match p.hash("applies_to")? {
            None => None,
            Some(applies) => {
                applies.only(&["products"])?;
                let products = applies.texts("products")?;
                for id in &products {
                    self.product(id, "applies_to[products]")?;
                }
                Some(products.into_iter().map(str::to_owned).collect())
            }
        };
        let percent_off = p.filled("percent_off")?.map(hundredths).transpose()?;
        let amount_off = p.int("amount_off")?;
        if percent_off.is_some() == amount_off.is_some() {
            return Err(Refusal::invalid(
                "You must pass exactly one of percent_off or amount_off.",
            ));
        }
        let currency = p.owned("currency")?;
        if amount_off.is_some() && currency.is_none() {
            return Err(Refusal::missing("currency"));
        }
        let duration = p
            .choice("duration", &["once", "repeating", "forever"])?
            .unwrap_or("once");
        let months = p.int("duration_in_months")?;
        if (duration == "repeating") != months.is_some() {
            return Err(Refusal::param(
                "duration_in_months",
                "duration_in_months is required when duration is repeating, and only then.",
            ));
        }
        let id = p.owned("id")?.unwrap_or_else(|| self.ids.prefix());
        if self.coupons.has(&id) {
            return Err(
                Refusal::coded("resource_already_exists", "Coupon already exists.").at("id"),
            );
        }
        let coupon = Coupon {
            created: self.stamp(),
            name: p.owned("name")?,
            percent_off,
            amount_off,
            currency,
            duration,
            months,
            max_redemptions: p.int("max_redemptions")?,
            redeem_by: p.int("redeem_by")?,
            redeemed: 0,
            products,
            metadata: p.metadata()?,
            deleted: false,
            id,
        };
        let body = self.render_coupon(&coupon);
        self.coupons.add(coupon);
        self.emit("coupon.created", &body);
        Ok(body)
    }

    pub(super) fn render_coupon(&self, coupon: &Coupon) -> Value {
        json!({
            "id": coupon.id,
            "object": "coupon",
            "amount_off": coupon.amount_off,
            "created": coupon.created,
            "currency": coupon.currency,
            "duration": coupon.duration,
            "duration_in_months": coupon.months,
            "livemode": false,
            "max_redemptions": coupon.max_redemptions,
            "metadata": coupon.metadata,
            "name": coupon.name,
            "percent_off": coupon.percent_off.map(|percent| f64::from(percent) / 100.0),
            "redeem_by": coupon.redeem_by,
            "times_redeemed": coupon.redeemed,
            "valid": self.coupon_valid(coupon),
        })
    }

    pub(super) fn promotion_codes_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        match (verb, rest) {
            ("POST", []) => self.create_code(p).map(Some),
            ("GET", []) => {
                pagination::only_filters(p, &["active", "code", "coupon"])?;
                let (active, code, coupon) =
                    (p.flag("active")?, p.filled("code")?, p.filled("coupon")?);
                let (rows, more) =
                    pagination::page(&self.promotion_codes, coupon, "promotion code", p, |row| {
                        active.is_none_or(|active| self.code_active(row) == active)
                            && code.is_none_or(|code| row.code.eq_ignore_ascii_case(code))
                    })?;
                let data = rows.into_iter().map(|row| self.render_code(row)).collect();
                Ok(Some(pagination::list(data, more, "/v1/promotion_codes")))
            }
            ("GET", [id]) => {
                let row = self
                    .promotion_codes
                    .get(id)
                    .ok_or_else(|| Refusal::not_found("promotion code", id))?;
                Ok(Some(self.render_code(row)))
            }
            ("POST", [id]) => {
                p.only(&["active", "metadata"])?;
                let active = p.flag("active")?;
                let row = self
                    .promotion_codes
                    .get_mut(id)
                    .ok_or_else(|| Refusal::not_found("promotion code", id))?;
                p.merge_metadata(&mut row.metadata)?;
                row.active = active.unwrap_or(row.active);
                Ok(self
                    .promotion_codes
                    .get(id)
                    .map(|row| self.render_code(row)))
            }
            _ => Ok(None),
        }
    }

    fn create_code(&mut self, p: &Params<'_>) -> Outcome {
        p.only(&[
            "promotion",
            "code",
            "active",
            "customer",
            "expires_at",
            "max_redemptions",
            "restrictions",
            "metadata",
        ])?;
        let (first_time, minimum) = read_restrictions(p)?;
        let promotion = p
            .hash("promotion")?
            .ok_or_else(|| Refusal::missing("promotion"))?;
        promotion.only(&["type", "coupon"])?;
        promotion.choice("type", &["coupon"])?;
        let coupon = promotion.need("coupon")?;
        if self.coupons.get(coupon).is_none_or(|row| row.deleted) {
            return Err(Refusal::no_such("coupon", coupon, "promotion[coupon]"));
        }
        let code = match p.owned("code")? {
            Some(code) => code,
            None => self.ids.prefix(),
        };
        if self
            .promotion_codes
            .iter()
            .any(|row| self.code_active(row) && row.code.eq_ignore_ascii_case(&code))
        {
            return Err(Refusal::param(
                "code",
                format!("An active promotion code with `code: {code}` already exists."),
            ));
        }
        let customer = match p.filled("customer")? {
            Some(id) => Some(self.customer(id, "customer")?.id.clone()),
            None => None,
        };
        let row = PromotionCode {
            id: self.ids.long("promo_"),
            created: self.stamp(),
            code,
            coupon: coupon.to_owned(),
            active: p.flag("active")?.unwrap_or(true),
            customer,
            expires_at: p.int("expires_at")?,
            max_redemptions: p.int("max_redemptions")?,
            redeemed: 0,
            first_time,
            minimum,
            metadata: p.metadata()?,
        };
        let body = self.render_code(&row);
        self.promotion_codes.add(row);
        self.emit("promotion_code.created", &body);
        Ok(body)
    }

    pub(super) fn render_code(&self, code: &PromotionCode) -> Value {
        json!({
            "id": code.id,
            "object": "promotion_code",
            "active": self.code_active(code),
            "code": code.code,
            "created": code.created,
            "customer": code.customer,
            "customer_account": null,
            "expires_at": code.expires_at,
            "livemode": false,
            "max_redemptions": code.max_redemptions,
            "metadata": code.metadata,
            "promotion": { "coupon": code.coupon, "type": "coupon" },
            "restrictions": {
                "first_time_transaction": code.first_time,
                "minimum_amount": code.minimum.as_ref().map(|(amount, _)| amount),
                "minimum_amount_currency": code.minimum.as_ref().map(|(_, currency)| currency),
            },
            "times_redeemed": code.redeemed,
        })
    }
}

/// `restrictions[…]`: first transaction only, and the least amount with its currency.
fn read_restrictions(p: &Params<'_>) -> Outcome<(bool, Option<(i64, String)>)> {
    let Some(hash) = p.hash("restrictions")? else {
        return Ok((false, None));
    };
    hash.only(&[
        "first_time_transaction",
        "minimum_amount",
        "minimum_amount_currency",
    ])?;
    let first_time = hash.flag("first_time_transaction")?.unwrap_or(false);
    match (
        hash.int("minimum_amount")?,
        hash.owned("minimum_amount_currency")?,
    ) {
        (None, None) => Ok((first_time, None)),
        (Some(amount), Some(currency)) => Ok((first_time, Some((amount, currency)))),
        _ => Err(Refusal::param(
            "restrictions",
            "You must pass both minimum_amount and minimum_amount_currency.",
        )),
    }
}

/// `25.5` as 2550; at most two decimals, above 0 and up to 100.
fn hundredths(text: &str) -> Outcome<i32> {
    let bad = || {
        Refusal::param(
            "percent_off",
            "Invalid percent_off: must be above 0 and at most 100.",
        )
    };
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 2 {
        return Err(bad());
    }
    let number: i32 = format!("{whole}{part:0<2}").parse().map_err(|_| bad())?;
    if (1..=10_000).contains(&number) {
        Ok(number)
    } else {
        Err(bad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_exact_and_shares_round_half_away() {
        assert_eq!(hundredths("25.5").ok(), Some(2550));
        assert_eq!(hundredths("100").ok(), Some(10_000));
        assert!(
            hundredths("100.01").is_err() && hundredths("0").is_err() && hundredths("x").is_err()
        );
        assert_eq!(share(2900, 2550), 740);
        assert_eq!(share(1, 5000), 1);
        assert_eq!(share(-1, 5000), -1);
        assert_eq!(share(2900, 10_000), 2900);
    }
}
