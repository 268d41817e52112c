//! `expand[]`: ids replaced by what they name.

use serde_json::{Value, json};

use super::{
    Stripe,
    catalogue::render_product,
    customers::render_customer,
    errors::{Outcome, Refusal},
    pagination,
    prices::render_price,
};

/// Fields that hold the id of another object.
const EXPANDABLE: [&str; 19] = [
    "charge",
    "configuration",
    "coupon",
    "customer",
    "default_payment_method",
    "default_price",
    "invoice",
    "latest_charge",
    "latest_invoice",
    "payment_intent",
    "payment_method",
    "price",
    "product",
    "promotion_code",
    "schedule",
    "setup_intent",
    "subscription",
    "discounts",
    "invoice_item",
];

/// Fields that lead to others, and lists shown only when asked for.
const PASSABLE: [&str; 23] = [
    "applies_to",
    "confirmation_secret",
    "customer_details",
    "data",
    "invoice_item_details",
    "invoice_settings",
    "items",
    "last_payment_error",
    "line_items",
    "lines",
    "parent",
    "payment",
    "payments",
    "pending_update",
    "phases",
    "price_details",
    "pricing",
    "promotion",
    "refunds",
    "source",
    "subscription_details",
    "subscription_item_details",
    "subscriptions",
];

/// Refuses paths that no object has, before anything is done.
pub(super) fn check_paths(paths: &[&str]) -> Outcome<()> {
    for path in paths {
        if path.split('.').count() > 4 + usize::from(path.starts_with("data.")) {
            return Err(Refusal::param(
                "expand",
                "You cannot expand more than 4 levels of a property.",
            ));
        }
        if path
            .split('.')
            .any(|part| !EXPANDABLE.contains(&part) && !PASSABLE.contains(&part))
        {
            return Err(Refusal::param(
                "expand",
                format!("This property cannot be expanded ({path})."),
            ));
        }
    }
    Ok(())
}

impl Stripe {
    /// Expands every path of a request in its answer.
    pub(super) fn expanded(&self, mut body: Value, paths: &[&str]) -> Outcome {
        for path in paths {
            let parts: Vec<&str> = path.split('.').collect();
            self.expand_path(&mut body, &parts, path)?;
        }
        Ok(body)
    }

    fn expand_path(&self, node: &mut Value, parts: &[&str], whole: &str) -> Outcome<()> {
        let Some((first, rest)) = parts.split_first() else {
            return Ok(());
        };
        if node
            .get("deleted")
            .is_some_and(|deleted| deleted == &Value::Bool(true))
        {
            return Ok(());
        }
        if *first == "data"
            && let Some(list) = node.get_mut("data").and_then(Value::as_array_mut)
        {
            if rest.is_empty() {
                return Ok(());
            }
            return list
                .iter_mut()
                .try_for_each(|element| self.expand_path(element, rest, whole));
        }
        let unknown = || {
            Refusal::param(
                "expand",
                format!("This property cannot be expanded ({whole})."),
            )
        };
        if node.get(*first).is_none() {
            let included = self.includable(node, first).ok_or_else(unknown)?;
            node[*first] = included;
        }
        let known = EXPANDABLE.contains(first);
        let customer = node["customer"].as_str().map(str::to_owned);
        let own = node["id"].as_str().map(str::to_owned);
        let child = &mut node[*first];
        match child {
            Value::Null => {
                return if known || rest.is_empty() {
                    Ok(())
                } else {
                    Err(unknown())
                };
            }
            Value::String(id) => {
                if !known {
                    return Err(unknown());
                }
                *child = self.render_any(id).ok_or_else(unknown)?;
            }
            Value::Array(list) => {
                if *first == "discounts" {
                    for element in list.iter_mut().filter(|element| element.is_string()) {
                        let found =
                            self.find_discount(element, own.as_deref(), customer.as_deref());
                        *element = found.ok_or_else(unknown)?;
                    }
                }
                return if rest.is_empty() {
                    Ok(())
                } else {
                    list.iter_mut()
                        .try_for_each(|element| self.expand_path(element, rest, whole))
                };
            }
            Value::Object(_) => {}
            Value::Bool(_) | Value::Number(_) => return Err(unknown()),
        }
        self.expand_path(child, rest, whole)
    }

    /// Lists that an object shows only when asked.
    fn includable(&self, node: &Value, name: &str) -> Option<Value> {
        let id = node["id"].as_str()?;
        match (node["object"].as_str()?, name) {
            ("coupon", "applies_to") => Some(
                self.coupons
                    .get(id)?
                    .products
                    .as_ref()
                    .map_or(Value::Null, |products| json!({ "products": products })),
            ),
            ("checkout.session", "line_items") => {
                let lines = self.render_session_lines(self.sessions.get(id)?);
                Some(pagination::list(
                    lines,
                    false,
                    &format!("/v1/checkout/sessions/{id}/line_items"),
                ))
            }
            ("charge", "refunds") => {
                let refunds = self
                    .refunds
                    .older(Some(id), None)
                    .map(Self::render_refund)
                    .collect();
                Some(pagination::list(
                    refunds,
                    false,
                    &format!("/v1/charges/{id}/refunds"),
                ))
            }
            ("customer", "subscriptions") => {
                let rows = self
                    .subscriptions
                    .older(Some(id), None)
                    .filter(|row| !row.status.ended())
                    .take(10)
                    .map(|row| self.render_subscription(row))
                    .collect();
                Some(pagination::list(
                    rows,
                    false,
                    &format!("/v1/customers/{id}/subscriptions"),
                ))
            }
            ("invoice", "payments") => {
                let rows = self
                    .invoice_payments
                    .older(Some(id), None)
                    .map(Self::render_invoice_payment)
                    .collect();
                Some(pagination::list(rows, false, "/v1/invoice_payments"))
            }
            ("invoice", "confirmation_secret") => {
                let intent = self
                    .invoices
                    .get(id)?
                    .payment_intent
                    .as_ref()
                    .and_then(|id| self.intents.get(id));
                Some(intent.map_or(
                    Value::Null,
                    |intent| json!({ "client_secret": intent.secret, "type": "payment_intent" }),
                ))
            }
            _ => None,
        }
    }

    fn find_discount(
        &self,
        id: &Value,
        owner: Option<&str>,
        customer: Option<&str>,
    ) -> Option<Value> {
        let (id, owner) = (id.as_str()?, owner?);
        let (discounts, subscription) = if let Some(row) = self.subscriptions.get(owner) {
            (&row.discounts, Some(row.id.as_str()))
        } else {
            let row = self.invoices.get(owner)?;
            (&row.discounts, row.subscription.as_deref())
        };
        let discount = discounts.iter().find(|discount| discount.id == id)?;
        Some(Self::render_discount(
            discount,
            customer.unwrap_or(""),
            subscription,
        ))
    }

    /// The object an id names.
    pub(super) fn render_any(&self, id: &str) -> Option<Value> {
        let prefix = id.split_once('_').map_or("", |(prefix, _)| prefix);
        match prefix {
            "cus" => self.customers.get(id).map(render_customer),
            "prod" => self.products.get(id).map(render_product),
            "price" => self.prices.get(id).map(render_price),
            "sub" if id.starts_with("sub_sched_") => {
                self.schedules.get(id).map(|row| self.render_schedule(row))
            }
            "sub" => self
                .subscriptions
                .get(id)
                .map(|row| self.render_subscription(row)),
            "in" => self.invoices.get(id).map(|row| self.render_invoice(row)),
            "ii" => self
                .invoice_items
                .get(id)
                .map(|row| self.render_invoice_item(row)),
            "pi" => self.intents.get(id).map(|row| self.render_intent(row)),
            "seti" => self.setup_intents.get(id).map(Self::render_setup_intent),
            "pm" => self.methods.get(id).map(Self::render_method),
            "ch" => self.charges.get(id).map(|row| self.render_charge(row)),
            "cs" => self.sessions.get(id).map(|row| self.render_session(row)),
            "bpc" => self
                .portal_configurations
                .get(id)
                .map(|row| self.render_configuration(row)),
            "promo" => self
                .promotion_codes
                .get(id)
                .map(|row| self.render_code(row)),
            _ => self
                .products
                .get(id)
                .map(render_product)
                .or_else(|| self.coupons.get(id).map(|row| self.render_coupon(row))),
        }
    }
}
