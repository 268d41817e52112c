//! `/v1/prices`.

use serde_json::{Value, json};

use super::{
    Stripe,
    calendar::Interval,
    errors::{Outcome, Refusal},
    forms::Params,
    pagination,
    records::{Price, Recurring},
};

impl Stripe {
    /// The price a parameter names.
    pub(super) fn price(&self, id: &str, param: &str) -> Outcome<&Price> {
        self.prices
            .get(id)
            .ok_or_else(|| Refusal::no_such("price", id, param))
    }

    /// A price that may be sold now.
    pub(super) fn active_price(&self, id: &str, param: &str) -> Outcome<&Price> {
        let price = self.price(id, param)?;
        if !price.active {
            return Err(Refusal::param(
                param,
                "The price specified is inactive. This field only accepts active prices.",
            ));
        }
        if self
            .products
            .get(&price.product)
            .is_none_or(|product| !product.active || product.deleted)
        {
            return Err(Refusal::param(
                param,
                format!(
                    "The price specified supports a product that is not active: '{}'.",
                    price.product
                ),
            ));
        }
        Ok(price)
    }

    pub(super) fn prices_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        match (verb, rest) {
            ("POST", []) => self.create_price(p).map(Some),
            ("GET", []) => self.list_prices(p).map(Some),
            ("GET", [id]) => {
                p.only(&[])?;
                let price = self
                    .prices
                    .get(id)
                    .ok_or_else(|| Refusal::not_found("price", id))?;
                Ok(Some(render_price(price)))
            }
            ("POST", [id]) => self.update_price(id, p).map(Some),
            _ => Ok(None),
        }
    }

    fn list_prices(&self, p: &Params<'_>) -> Outcome {
        pagination::only_filters(
            p,
            &[
                "active",
                "currency",
                "product",
                "type",
                "lookup_keys",
                "recurring",
            ],
        )?;
        let (active, currency) = (p.flag("active")?, p.filled("currency")?);
        let (product, kind) = (
            p.filled("product")?,
            p.choice("type", &["one_time", "recurring"])?,
        );
        let keys = p.texts("lookup_keys")?;
        let interval = match p.hash("recurring")? {
            Some(recurring) => {
                recurring.only(&["interval", "usage_type"])?;
                recurring.choice("interval", &Interval::NAMES)?
            }
            None => None,
        };
        let (rows, more) = pagination::page(&self.prices, product, "price", p, |row| {
            active.is_none_or(|active| row.active == active)
                && currency.is_none_or(|currency| row.currency == currency)
                && kind.is_none_or(|kind| (kind == "recurring") == row.recurring.is_some())
                && (keys.is_empty()
                    || row
                        .lookup_key
                        .as_deref()
                        .is_some_and(|key| keys.contains(&key)))
                && interval.is_none_or(|name| {
                    row.recurring
                        .is_some_and(|every| every.interval.name() == name)
                })
        })?;
        let data = rows.into_iter().map(render_price).collect();
        Ok(pagination::list(data, more, "/v1/prices"))
    }

    /// Reads the money part of a price: `currency`, `unit_amount`, `recurring[…]`.
    pub(super) fn read_price(&mut self, p: &Params<'_>, product: &str) -> Outcome<Price> {
        let currency = p.need("currency")?.to_ascii_lowercase();
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Err(Refusal::param(
                p.name("currency"),
                format!("Invalid currency: {currency}."),
            ));
        }
        let amount = match p.int("unit_amount")? {
            Some(amount) => amount,
            None => p
                .int("unit_amount_decimal")?
                .ok_or_else(|| Refusal::missing(p.name("unit_amount")))?,
        };
        if amount < 0 {
            return Err(Refusal::coded(
                "parameter_invalid_integer",
                "This value must be greater than or equal to 0.",
            )
            .at(p.name("unit_amount")));
        }
        let recurring = match p.hash("recurring")? {
            None => None,
            Some(hash) => {
                hash.only(&[
                    "interval",
                    "interval_count",
                    "usage_type",
                    "trial_period_days",
                ])?;
                let name = hash.need("interval")?;
                let interval = Interval::parse(name).ok_or_else(|| {
                    Refusal::param(
                        hash.name("interval"),
                        "Invalid interval: must be one of day, month, week, or year",
                    )
                })?;
                let count = hash.int("interval_count")?.unwrap_or(1);
                if count < 1 {
                    return Err(Refusal::param(
                        hash.name("interval_count"),
                        "interval_count must be at least 1.",
                    ));
                }
                hash.choice("usage_type", &["licensed"])?;
                Some(Recurring {
                    interval,
                    count,
                    trial_days: hash.int("trial_period_days")?,
                })
            }
        };
        Ok(Price {
            id: self.ids.long("price_"),
            created: self.stamp(),
            active: true,
            currency,
            unit_amount: amount,
            recurring,
            lookup_key: None,
            nickname: None,
            metadata: p.metadata()?,
            product: product.to_owned(),
            tax_behavior: p
                .choice("tax_behavior", &["exclusive", "inclusive", "unspecified"])?
                .unwrap_or("unspecified"),
        })
    }

    fn create_price(&mut self, p: &Params<'_>) -> Outcome {
        p.only(&[
            "active",
            "billing_scheme",
            "currency",
            "lookup_key",
            "metadata",
            "nickname",
            "product",
            "product_data",
            "recurring",
            "tax_behavior",
            "transfer_lookup_key",
            "unit_amount",
            "unit_amount_decimal",
        ])?;
        p.choice("billing_scheme", &["per_unit"])?;
        let data = p.hash("product_data")?;
        let product = match (p.filled("product")?, &data) {
            (Some(id), _) => self.product(id, "product")?.id.clone(),
            (None, Some(_)) => self.ids.short("prod_"),
            (None, None) => return Err(Refusal::missing("product")),
        };
        let mut price = self.read_price(p, &product)?;
        price.nickname = p.owned("nickname")?;
        price.active = p.flag("active")?.unwrap_or(true);
        price.lookup_key = self.free_lookup_key(p)?;
        if let Some(data) = data.filter(|_| !p.has("product")) {
            data.only(&[
                "name",
                "metadata",
                "active",
                "statement_descriptor",
                "tax_code",
                "unit_label",
            ])?;
            let mut made = self.blank_product(product, data.need("name")?.to_owned());
            made.metadata = data.metadata()?;
            made.unit_label = data.owned("unit_label")?;
            made.active = data.flag("active")?.unwrap_or(true);
            self.put_product(made);
        }
        let id = self.put_price(price);
        Ok(self.prices.get(&id).map(render_price).unwrap_or_default())
    }

    /// The wanted lookup key; taken from the price that has it when `transfer_lookup_key` says so.
    fn free_lookup_key(&mut self, p: &Params<'_>) -> Outcome<Option<String>> {
        let Some(key) = p.owned("lookup_key")? else {
            return Ok(None);
        };
        let holder = self
            .prices
            .iter()
            .find(|price| price.active && price.lookup_key.as_ref() == Some(&key))
            .map(|price| price.id.clone());
        if let Some(holder) = holder {
            if p.flag("transfer_lookup_key")? != Some(true) {
                return Err(Refusal::param(
                    "lookup_key",
                    format!("A price (`{holder}`) already uses that lookup key."),
                ));
            }
            self.change_price(&holder, |price| price.lookup_key = None);
        }
        Ok(Some(key))
    }

    pub(super) fn put_price(&mut self, price: Price) -> String {
        let (id, body) = (price.id.clone(), render_price(&price));
        self.prices.add(price);
        self.emit("price.created", &body);
        id
    }

    fn update_price(&mut self, id: &str, p: &Params<'_>) -> Outcome {
        p.only(&[
            "active",
            "lookup_key",
            "metadata",
            "nickname",
            "tax_behavior",
            "transfer_lookup_key",
        ])?;
        let mut draft = self
            .prices
            .get(id)
            .ok_or_else(|| Refusal::not_found("price", id))?
            .clone();
        p.merge_metadata(&mut draft.metadata)?;
        p.set("nickname", &mut draft.nickname)?;
        if let Some(active) = p.flag("active")? {
            draft.active = active;
        }
        if let Some(behavior) =
            p.choice("tax_behavior", &["exclusive", "inclusive", "unspecified"])?
        {
            draft.tax_behavior = behavior;
        }
        if p.has("lookup_key") && p.filled("lookup_key")? != draft.lookup_key.as_deref() {
            draft.lookup_key = self.free_lookup_key(p)?;
        }
        self.change_price(id, |price| *price = draft);
        Ok(self.prices.get(id).map(render_price).unwrap_or_default())
    }

    /// Changes a price; tells it by `price.updated` when something differs.
    pub(super) fn change_price(&mut self, id: &str, change: impl FnOnce(&mut Price)) {
        let Some(price) = self.prices.get_mut(id) else {
            return;
        };
        let before = render_price(price);
        change(price);
        let after = render_price(price);
        self.emit_change("price.updated", &before, &after);
    }
}

pub(super) fn render_price(price: &Price) -> Value {
    let recurring = price.recurring.map(|every| {
        json!({
            "interval": every.interval.name(),
            "interval_count": every.count,
            "meter": null,
            "trial_period_days": every.trial_days,
            "usage_type": "licensed",
        })
    });
    json!({
        "id": price.id,
        "object": "price",
        "active": price.active,
        "billing_scheme": "per_unit",
        "created": price.created,
        "currency": price.currency,
        "custom_unit_amount": null,
        "livemode": false,
        "lookup_key": price.lookup_key,
        "metadata": price.metadata,
        "nickname": price.nickname,
        "product": price.product,
        "recurring": recurring,
        "tax_behavior": price.tax_behavior,
        "tiers_mode": null,
        "transform_quantity": null,
        "type": if price.recurring.is_some() { "recurring" } else { "one_time" },
        "unit_amount": price.unit_amount,
        "unit_amount_decimal": price.unit_amount.to_string(),
    })
}

/// The older face of a recurring price, still on every subscription item.
pub(super) fn render_plan(price: &Price) -> Value {
    let every = price.recurring;
    json!({
        "id": price.id,
        "object": "plan",
        "active": price.active,
        "amount": price.unit_amount,
        "amount_decimal": price.unit_amount.to_string(),
        "billing_scheme": "per_unit",
        "created": price.created,
        "currency": price.currency,
        "interval": every.map_or("month", |every| every.interval.name()),
        "interval_count": every.map_or(1, |every| every.count),
        "livemode": false,
        "metadata": price.metadata,
        "meter": null,
        "nickname": price.nickname,
        "product": price.product,
        "tiers_mode": null,
        "transform_usage": null,
        "trial_period_days": every.and_then(|every| every.trial_days),
        "usage_type": "licensed",
    })
}
