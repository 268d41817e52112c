//! What Checkout asks of whoever buys for a company: address, business name, tax id.

use serde_json::{Value, json};

use super::super::{
    Stripe,
    errors::{Outcome, Refusal},
    forms::Params,
    pages::field,
    records::{Business, Session, TaxId},
};

/// Two letters of the EU's members begin a VAT number; Greece's are EL.
const EU: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "HR", "HU", "IE", "IT",
    "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// What a session collects, and what of it is kept with an existing customer.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::stripe) struct Collects {
    pub tax_id: bool,
    pub save_name: bool,
    pub save_address: bool,
}

impl Stripe {
    /// Stripe demands leave to write to an existing customer before it collects tax ids or addresses for one.
    pub(super) fn check_customer_update(
        &self,
        p: &Params<'_>,
        customer: Option<&str>,
        automatic_tax: bool,
    ) -> Outcome<Collects> {
        let mut collects = Collects::default();
        if let Some(update) = p.hash("customer_update")? {
            update.only(&["address", "name", "shipping"])?;
            collects.save_name = update.choice("name", &["auto", "never"])? == Some("auto");
            collects.save_address = update.choice("address", &["auto", "never"])? == Some("auto");
            update.choice("shipping", &["auto", "never"])?;
            if customer.is_none() {
                return Err(Refusal::param(
                    "customer_update",
                    "`customer_update` can only be used with `customer`.",
                ));
            }
        }
        if let Some(tax) = p.hash("tax_id_collection")? {
            tax.only(&["enabled", "required"])?;
            tax.choice("required", &["if_supported", "never"])?;
            collects.tax_id = tax.flag("enabled")?.unwrap_or(false);
        }
        if collects.tax_id && customer.is_some() && !collects.save_name {
            return Err(Refusal::invalid(
                "Tax ID collection requires updating business name on the customer. To enable tax ID collection for an existing customer, please set `customer_update[name]` to `auto`.",
            ));
        }
        let known_address = customer
            .and_then(|id| self.customers.get(id))
            .is_some_and(|row| row.address["country"].is_string());
        if automatic_tax && customer.is_some() && !collects.save_address && !known_address {
            return Err(Refusal::coded(
                "customer_tax_location_invalid",
                "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address to the Customer or set either `customer_update[address]` to 'auto' or `customer_update[shipping]` to 'auto' to save the address entered in Checkout to the Customer.",
            ));
        }
        Ok(collects)
    }

    /// Reads what was typed beside the card; the error is what the page says.
    pub(in crate::stripe) fn read_business(
        &mut self,
        session: &Session,
        form: &Params<'_>,
    ) -> Result<Option<Business>, String> {
        let wants_address = session.address_collection == Some("required");
        if !wants_address && !session.collects.tax_id {
            return Ok(None);
        }
        let typed = |name: &str| field(form, name).map(str::to_owned);
        let address = match (typed("line1"), typed("city"), typed("postal_code")) {
            (Some(line1), Some(city), Some(postal_code)) => {
                let country = typed("country").unwrap_or_default().to_uppercase();
                if country.len() != 2 || !country.bytes().all(|b| b.is_ascii_uppercase()) {
                    return Err("Your billing address is incomplete.".into());
                }
                json!({
                    "city": city, "country": country, "line1": line1, "line2": null,
                    "postal_code": postal_code, "state": null,
                })
            }
            _ if wants_address => return Err("Your billing address is incomplete.".into()),
            _ => Value::Null,
        };
        let name = typed("business_name").filter(|_| session.collects.tax_id);
        let tax_id = match typed("tax_id").filter(|_| session.collects.tax_id) {
            None => None,
            Some(_) if name.is_none() => return Err("Your business name is incomplete.".into()),
            Some(value) => Some(self.new_tax_id(&value).ok_or("Your tax ID is invalid.")?),
        };
        Ok(Some(Business {
            name,
            address,
            tax_id,
        }))
    }

    /// `None`: not one of the kinds that are played.
    pub(in crate::stripe) fn new_tax_id(&mut self, value: &str) -> Option<TaxId> {
        Some(TaxId {
            kind: kind_of(value)?,
            id: self.ids.long("txi_1"),
            created: self.stamp(),
            value: value.to_uppercase(),
        })
    }

    /// Keeps with the customer what the session may write to it.
    pub(super) fn keep_business(
        &mut self,
        id: &str,
        collects: Collects,
        business: Option<&Business>,
        name: Option<&str>,
    ) {
        self.change_customer(id, |customer| {
            let typed = business.and_then(|typed| typed.name.as_deref()).or(name);
            if let Some(name) = typed.filter(|_| collects.save_name) {
                customer.name = Some(name.to_owned());
            }
            let Some(business) = business else { return };
            if collects.save_address && business.address.is_object() {
                customer.address = business.address.clone();
            }
            if let Some(tax_id) = &business.tax_id
                && customer.tax_ids.iter().all(|one| one.value != tax_id.value)
            {
                customer.tax_ids.push(tax_id.clone());
            }
        });
    }
}

fn kind_of(value: &str) -> Option<&'static str> {
    let value = value.to_uppercase();
    let rest = value.get(2..)?;
    if rest.len() < 6 || !rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    match value.get(..2)? {
        "GB" => Some("gb_vat"),
        country if EU.contains(&country) => Some("eu_vat"),
        _ => None,
    }
}

impl TaxId {
    /// As sessions and invoices have it.
    pub fn short(&self) -> Value {
        json!({ "type": self.kind, "value": self.value })
    }

    pub fn render(&self, customer: &str) -> Value {
        json!({
            "id": self.id,
            "object": "tax_id",
            "country": self.value.get(..2),
            "created": self.created,
            "customer": customer,
            "customer_account": null,
            "livemode": false,
            "owner": { "customer": customer, "type": "customer" },
            "type": self.kind,
            "value": self.value,
            "verification": { "status": "unavailable", "verified_address": null, "verified_name": null },
        })
    }
}
