//! `/v1/customers`.

use serde_json::{Map, Value, json};

use super::{
    Stripe,
    errors::{Outcome, Refusal},
    forms::{Metadata, Params},
    pagination,
    records::Customer,
};

const FIELDS: [&str; 11] = [
    "address",
    "balance",
    "description",
    "email",
    "invoice_settings",
    "metadata",
    "name",
    "phone",
    "preferred_locales",
    "shipping",
    "tax_exempt",
];

impl Stripe {
    /// The customer a parameter names; deleted ones count as gone.
    pub(super) fn customer(&self, id: &str, param: &str) -> Outcome<&Customer> {
        self.customers
            .get(id)
            .filter(|customer| !customer.deleted && !self.unknown.contains(id))
            .ok_or_else(|| Refusal::no_such("customer", id, param))
    }

    /// An existing customer named by a listing's filter.
    pub(super) fn customer_filter<'a>(&self, p: &Params<'a>) -> Outcome<Option<&'a str>> {
        match p.filled("customer")? {
            Some(id) if !self.customers.has(id) || self.unknown.contains(id) => {
                Err(Refusal::no_such("customer", id, "customer"))
            }
            other => Ok(other),
        }
    }

    pub(super) fn customers_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        match (verb, rest) {
            ("POST", []) => self.create_customer(p).map(Some),
            ("GET", []) => {
                pagination::only_filters(p, &["email"])?;
                let email = p.filled("email")?;
                let (rows, more) = pagination::page(&self.customers, None, "customer", p, |row| {
                    !row.deleted && email.is_none_or(|email| row.email.as_deref() == Some(email))
                })?;
                let data = rows.into_iter().map(render_customer).collect();
                Ok(Some(pagination::list(data, more, "/v1/customers")))
            }
            ("GET", [id]) => {
                p.only(&[])?;
                let customer = self
                    .customers
                    .get(id)
                    .filter(|_| !self.unknown.contains(*id))
                    .ok_or_else(|| Refusal::not_found("customer", id))?;
                Ok(Some(render_customer(customer)))
            }
            ("POST", [id]) => self.update_customer(id, p).map(Some),
            ("DELETE", [id]) => {
                p.only(&[])?;
                self.live_customer(id)?;
                self.delete_customer(id);
                Ok(self.customers.get(id).map(render_customer))
            }
            ("GET", [id, "payment_methods"]) => {
                self.live_customer(id)?;
                self.list_methods(Some(id), p, &format!("/v1/customers/{id}/payment_methods"))
                    .map(Some)
            }
            ("GET", [id, "tax_ids"]) => {
                p.only(&["limit", "starting_after", "ending_before"])?;
                let row = self.live_customer(id)?;
                let data = row.tax_ids.iter().map(|one| one.render(id)).collect();
                let path = format!("/v1/customers/{id}/tax_ids");
                Ok(Some(pagination::list(data, false, &path)))
            }
            ("GET", [id, "payment_methods", method]) => {
                p.only(&[])?;
                let method = self
                    .methods
                    .get(method)
                    .filter(|row| row.customer.as_deref() == Some(id));
                Ok(method.map(Self::render_method))
            }
            _ => Ok(None),
        }
    }

    fn live_customer(&self, id: &str) -> Outcome<&Customer> {
        self.customers
            .get(id)
            .filter(|customer| !customer.deleted)
            .ok_or_else(|| Refusal::not_found("customer", id))
    }

    /// A customer with nothing but an e-mail and a name, and its event.
    pub(super) fn new_customer(
        &mut self,
        email: Option<String>,
        name: Option<String>,
        metadata: Metadata,
    ) -> String {
        let customer = self.blank_customer(email, name, metadata);
        self.put_customer(customer)
    }

    fn blank_customer(
        &mut self,
        email: Option<String>,
        name: Option<String>,
        metadata: Metadata,
    ) -> Customer {
        Customer {
            id: self.ids.short("cus_"),
            created: self.stamp(),
            email,
            name,
            phone: None,
            description: None,
            metadata,
            default_payment_method: None,
            delinquent: false,
            deleted: false,
            balance: 0,
            currency: None,
            address: Value::Null,
            tax_ids: Vec::new(),
            shipping: Value::Null,
            locales: Vec::new(),
            tax_exempt: "none",
            invoice_prefix: self.ids.prefix(),
            next_invoice: 1,
        }
    }

    fn put_customer(&mut self, customer: Customer) -> String {
        let (id, body) = (customer.id.clone(), render_customer(&customer));
        self.customers.add(customer);
        self.emit("customer.created", &body);
        id
    }

    fn create_customer(&mut self, p: &Params<'_>) -> Outcome {
        let known: Vec<&str> = FIELDS.iter().copied().chain(["payment_method"]).collect();
        p.only(&known)?;
        let method = p.owned("payment_method")?;
        let mut customer = self.blank_customer(None, None, Metadata::new());
        fill(&mut customer, p)?;
        if let Some(method) = &method {
            self.attachable(method, "payment_method")?;
        }
        let default = default_method(p)?.filter(|text| !text.is_empty());
        if default.is_some() && default != method.as_deref() {
            return Err(Refusal::param(
                "invoice_settings[default_payment_method]",
                "The customer does not have a payment method with that ID. The payment method must be attached to the customer.",
            ));
        }
        let id = self.put_customer(customer);
        if let Some(method) = method {
            let method = self.attach(&method, &id)?;
            if default.is_some() {
                self.change_customer(&id, |customer| {
                    customer.default_payment_method = Some(method);
                });
            }
        }
        Ok(self
            .customers
            .get(&id)
            .map(render_customer)
            .unwrap_or_default())
    }

    fn update_customer(&mut self, id: &str, p: &Params<'_>) -> Outcome {
        p.only(&FIELDS)?;
        let mut draft = self.live_customer(id)?.clone();
        fill(&mut draft, p)?;
        if let Some(default) = default_method(p)? {
            let own = self
                .methods
                .get(default)
                .and_then(|row| row.customer.as_deref())
                == Some(id);
            if !default.is_empty() && !own {
                return Err(Refusal::no_such(
                    "PaymentMethod",
                    default,
                    "invoice_settings[default_payment_method]",
                ));
            }
            draft.default_payment_method = own.then(|| default.to_owned());
        }
        self.change_customer(id, |customer| *customer = draft);
        Ok(self
            .customers
            .get(id)
            .map(render_customer)
            .unwrap_or_default())
    }

    /// Changes a customer; tells it by `customer.updated` when something differs.
    pub(super) fn change_customer(&mut self, id: &str, change: impl FnOnce(&mut Customer)) {
        let Some(customer) = self.customers.get_mut(id) else {
            return;
        };
        let before = render_customer(customer);
        change(customer);
        let after = render_customer(customer);
        self.emit_change("customer.updated", &before, &after);
    }

    /// Deletes a customer: its subscriptions end at once, its cards go.
    pub fn delete_customer(&mut self, id: &str) {
        if self
            .customers
            .get(id)
            .is_none_or(|customer| customer.deleted)
        {
            return;
        }
        for subscription in self.subscriptions.ids_of(id) {
            self.end_subscription(&subscription, None);
        }
        for method in self.methods.ids_of(id) {
            self.detach(&method);
        }
        let Some(customer) = self.customers.get_mut(id) else {
            return;
        };
        let body = render_customer(customer);
        customer.deleted = true;
        self.emit("customer.deleted", &body);
    }
}

fn fill(customer: &mut Customer, p: &Params<'_>) -> Outcome<()> {
    p.merge_metadata(&mut customer.metadata)?;
    p.set("name", &mut customer.name)?;
    p.set("phone", &mut customer.phone)?;
    p.set("description", &mut customer.description)?;
    p.set("email", &mut customer.email)?;
    if let Some(email) = &customer.email
        && !email.contains('@')
    {
        let mut refusal =
            Refusal::coded("email_invalid", format!("Invalid email address: {email}"));
        refusal.param = Some("email".into());
        return Err(refusal);
    }
    if let Some(balance) = p.int("balance")? {
        customer.balance = balance;
    }
    if let Some(exempt) = p.choice("tax_exempt", &["none", "exempt", "reverse"])? {
        customer.tax_exempt = exempt;
    }
    if p.has("preferred_locales") {
        customer.locales = p
            .texts("preferred_locales")?
            .into_iter()
            .map(str::to_owned)
            .collect();
    }
    if p.has("address") {
        customer.address = address(p)?;
    }
    if p.has("shipping") {
        customer.shipping = match p.hash("shipping")? {
            None => Value::Null,
            Some(shipping) => {
                shipping.only(&["address", "name", "phone"])?;
                json!({
                    "address": address(&shipping)?,
                    "name": shipping.need("name")?,
                    "phone": shipping.filled("phone")?,
                })
            }
        };
    }
    Ok(())
}

fn address(p: &Params<'_>) -> Outcome {
    let Some(hash) = p.hash("address")? else {
        return Ok(Value::Null);
    };
    let parts = ["city", "country", "line1", "line2", "postal_code", "state"];
    hash.only(&parts)?;
    let mut map = Map::new();
    for part in parts {
        map.insert(part.into(), hash.filled(part)?.into());
    }
    Ok(Value::Object(map))
}

/// The card asked for; an empty text clears it.
fn default_method<'a>(p: &Params<'a>) -> Outcome<Option<&'a str>> {
    let Some(settings) = p.hash("invoice_settings")? else {
        return Ok(None);
    };
    settings.only(&["default_payment_method"])?;
    settings.text("default_payment_method")
}

pub(super) fn render_customer(customer: &Customer) -> Value {
    if customer.deleted {
        return json!({ "id": customer.id, "object": "customer", "deleted": true });
    }
    json!({
        "id": customer.id,
        "object": "customer",
        "address": customer.address,
        "balance": customer.balance,
        "created": customer.created,
        "currency": customer.currency,
        "default_source": null,
        "delinquent": customer.delinquent,
        "description": customer.description,
        "discount": null,
        "email": customer.email,
        "invoice_prefix": customer.invoice_prefix,
        "invoice_settings": {
            "custom_fields": null,
            "default_payment_method": customer.default_payment_method,
            "footer": null,
            "rendering_options": null,
        },
        "livemode": false,
        "metadata": customer.metadata,
        "name": customer.name,
        "next_invoice_sequence": customer.next_invoice,
        "phone": customer.phone,
        "preferred_locales": customer.locales,
        "shipping": customer.shipping,
        "tax_exempt": customer.tax_exempt,
        "test_clock": null,
    })
}
