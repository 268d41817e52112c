//! What stands on invoices, as the portal lets whoever pays change it.

use std::fmt::Write as _;

use serde_json::json;

use super::{
    super::{
        Stripe,
        forms::Params,
        records::{PortalConfiguration, PortalSession},
    },
    escape, field,
};

impl Stripe {
    /// The section of the portal's page, where the configuration allows any of it.
    pub(super) fn portal_details(
        &self,
        body: &mut String,
        session: &PortalSession,
        configuration: &PortalConfiguration,
    ) {
        let (Some(allowed), Some(customer)) = (
            configuration.customer_update.as_ref(),
            self.customers.get(&session.customer),
        ) else {
            return;
        };
        let _ = write!(
            body,
            "<h2>Billing information</h2><form method=\"post\" action=\"/portal/{}/details\">",
            session.id
        );
        let mut add = |name: &str, label: &str, value: &str| {
            let _ = write!(
                body,
                "<label for=\"{name}\">{label}</label><input id=\"{name}\" name=\"{name}\" value=\"{}\">",
                escape(value)
            );
        };
        for what in allowed {
            match what.as_str() {
                "name" => add("name", "Name", customer.name.as_deref().unwrap_or("")),
                "email" => add("email", "E-mail", customer.email.as_deref().unwrap_or("")),
                "address" => {
                    for (part, label) in [
                        ("line1", "Address"),
                        ("postal_code", "Postal code"),
                        ("city", "City"),
                        ("country", "Country, two letters"),
                    ] {
                        add(part, label, customer.address[part].as_str().unwrap_or(""));
                    }
                }
                "tax_id" => {
                    let known = customer.tax_ids.first();
                    add(
                        "tax_id",
                        "Tax ID",
                        known.map_or("", |one| one.value.as_str()),
                    );
                }
                _ => {}
            }
        }
        body.push_str("<button id=\"save-details\" class=\"plain small\">Save</button></form>");
    }

    pub(super) fn portal_save_details(
        &mut self,
        session: &PortalSession,
        configuration: &PortalConfiguration,
        form: &Params<'_>,
    ) -> Result<(), String> {
        let allowed = configuration.customer_update.clone();
        let allowed = allowed.ok_or("Changing this is not offered here.")?;
        let may = |what: &str| allowed.iter().any(|one| one == what);
        let typed = |name: &str| field(form, name).map(str::to_owned);
        let tax_id = match typed("tax_id").filter(|_| may("tax_id")) {
            None => None,
            Some(value) => Some(self.new_tax_id(&value).ok_or("Your tax ID is invalid.")?),
        };
        self.change_customer(&session.customer, |customer| {
            if may("name") {
                customer.name = typed("name").or(customer.name.take());
            }
            if may("email") {
                customer.email = typed("email").or(customer.email.take());
            }
            if may("address") && typed("line1").is_some() {
                customer.address = json!({
                    "city": typed("city"), "country": typed("country"), "line1": typed("line1"),
                    "line2": null, "postal_code": typed("postal_code"), "state": null,
                });
            }
            if may("tax_id") {
                customer.tax_ids = tax_id.into_iter().collect();
            }
        });
        Ok(())
    }
}
