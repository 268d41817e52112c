//! `/v1/billing_portal`: configurations and sessions.

use serde_json::{Value, json};

use super::{
    Stripe,
    errors::{Outcome, Refusal},
    forms::{Metadata, Params},
    pagination,
    records::{PortalCancel, PortalConfiguration, PortalSession, PortalUpdate},
};

const FIELDS: [&str; 6] = [
    "business_profile",
    "default_return_url",
    "features",
    "login_page",
    "metadata",
    "name",
];

impl Stripe {
    pub(super) fn portal_configurations_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        let find = |stripe: &Self, id: &str| {
            let row = stripe.portal_configurations.get(id).cloned();
            row.ok_or_else(|| Refusal::not_found("configuration", id))
        };
        match (verb, rest) {
            ("POST", []) => {
                p.only(&FIELDS)?;
                if p.hash("features")?.is_none() {
                    return Err(Refusal::missing("features"));
                }
                let mut row = self.blank_configuration();
                self.fill_configuration(&mut row, p)?;
                row.is_default = self.portal_configurations.len() == 0;
                let body = self.render_configuration(&row);
                self.portal_configurations.add(row);
                self.emit("billing_portal.configuration.created", &body);
                Ok(Some(body))
            }
            ("GET", []) => {
                pagination::only_filters(p, &["active", "is_default"])?;
                let (active, default) = (p.flag("active")?, p.flag("is_default")?);
                let (rows, more) = pagination::page(
                    &self.portal_configurations,
                    None,
                    "configuration",
                    p,
                    |row| {
                        active.is_none_or(|active| row.active == active)
                            && default.is_none_or(|default| row.is_default == default)
                    },
                )?;
                let data = rows
                    .into_iter()
                    .map(|row| self.render_configuration(row))
                    .collect();
                Ok(Some(pagination::list(
                    data,
                    more,
                    "/v1/billing_portal/configurations",
                )))
            }
            ("GET", [id]) => {
                p.only(&[])?;
                Ok(Some(self.render_configuration(&find(self, id)?)))
            }
            ("POST", [id]) => {
                let known: Vec<&str> = FIELDS.iter().copied().chain(["active"]).collect();
                p.only(&known)?;
                let mut row = find(self, id)?;
                self.fill_configuration(&mut row, p)?;
                row.active = p.flag("active")?.unwrap_or(row.active);
                row.updated = self.stamp();
                let body = self.render_configuration(&row);
                if let Some(slot) = self.portal_configurations.get_mut(id) {
                    *slot = row;
                }
                self.emit("billing_portal.configuration.updated", &body);
                Ok(Some(body))
            }
            _ => Ok(None),
        }
    }

    fn blank_configuration(&mut self) -> PortalConfiguration {
        PortalConfiguration {
            id: self.ids.long("bpc_"),
            created: self.stamp(),
            updated: self.stamp(),
            active: true,
            is_default: false,
            name: None,
            return_url: None,
            headline: None,
            privacy_url: None,
            terms_url: None,
            login_page: false,
            customer_update: None,
            invoice_history: false,
            card_update: false,
            cancel: None,
            update: None,
            metadata: Metadata::new(),
        }
    }

    /// A default configuration that offers cards, invoices and cancelling at the end of the period.
    pub(super) fn seed_portal(&mut self) {
        let mut row = self.blank_configuration();
        row.is_default = self.portal_configurations.len() == 0;
        row.invoice_history = true;
        row.card_update = true;
        row.cancel = Some(PortalCancel {
            mode: "at_period_end",
            proration: "none",
            reasons: None,
        });
        self.portal_configurations.add(row);
    }

    fn fill_configuration(&self, row: &mut PortalConfiguration, p: &Params<'_>) -> Outcome<()> {
        p.merge_metadata(&mut row.metadata)?;
        p.set("name", &mut row.name)?;
        p.set("default_return_url", &mut row.return_url)?;
        if let Some(profile) = p.hash("business_profile")? {
            profile.only(&["headline", "privacy_policy_url", "terms_of_service_url"])?;
            profile.set("headline", &mut row.headline)?;
            profile.set("privacy_policy_url", &mut row.privacy_url)?;
            profile.set("terms_of_service_url", &mut row.terms_url)?;
        }
        if let Some(login) = p.hash("login_page")? {
            login.only(&["enabled"])?;
            row.login_page = login.flag("enabled")?.unwrap_or(row.login_page);
        }
        let Some(features) = p.hash("features")? else {
            return Ok(());
        };
        features.only(&[
            "customer_update",
            "invoice_history",
            "payment_method_update",
            "subscription_cancel",
            "subscription_update",
        ])?;
        if let Some(update) = features.hash("customer_update")? {
            update.only(&["enabled", "allowed_updates"])?;
            let allowed: Vec<String> = update
                .texts("allowed_updates")?
                .into_iter()
                .map(str::to_owned)
                .collect();
            let enabled = update.flag("enabled")?.unwrap_or(!allowed.is_empty());
            row.customer_update = enabled.then_some(allowed);
        }
        if let Some(history) = features.hash("invoice_history")? {
            history.only(&["enabled"])?;
            row.invoice_history = history.flag("enabled")?.unwrap_or(false);
        }
        if let Some(card) = features.hash("payment_method_update")? {
            card.only(&["enabled"])?;
            row.card_update = card.flag("enabled")?.unwrap_or(false);
        }
        if let Some(cancel) = features.hash("subscription_cancel")? {
            row.cancel = read_cancel(&cancel)?;
        }
        if let Some(update) = features.hash("subscription_update")? {
            row.update = self.read_portal_update(&update)?;
        }
        Ok(())
    }

    fn read_portal_update(&self, update: &Params<'_>) -> Outcome<Option<PortalUpdate>> {
        update.only(&[
            "enabled",
            "default_allowed_updates",
            "proration_behavior",
            "products",
        ])?;
        if update.flag("enabled")? != Some(true) {
            return Ok(None);
        }
        let mut products = Vec::new();
        for hash in update.hashes("products")? {
            hash.only(&["product", "prices", "adjustable_quantity"])?;
            let product = self
                .product(hash.need("product")?, &hash.name("product"))?
                .id
                .clone();
            let mut prices = Vec::new();
            for price in hash.texts("prices")? {
                prices.push(self.price(price, &hash.name("prices"))?.id.clone());
            }
            products.push((product, prices));
        }
        let allowed: Vec<String> = update
            .texts("default_allowed_updates")?
            .into_iter()
            .map(str::to_owned)
            .collect();
        if let Some(other) = allowed
            .iter()
            .find(|name| !matches!(name.as_str(), "price" | "quantity" | "promotion_code"))
        {
            return Err(Refusal::param(
                update.name("default_allowed_updates"),
                format!(
                    "Invalid default_allowed_updates: {other}: must be one of price, promotion_code, or quantity"
                ),
            ));
        }
        let behaviors = ["none", "create_prorations", "always_invoice"];
        let proration = update
            .choice("proration_behavior", &behaviors)?
            .unwrap_or("none");
        Ok(Some(PortalUpdate {
            allowed,
            proration,
            products,
        }))
    }

    pub(super) fn portal_sessions_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        let ("POST", []) = (verb, rest) else {
            return Ok(None);
        };
        p.only(&[
            "customer",
            "configuration",
            "return_url",
            "locale",
            "flow_data",
            "on_behalf_of",
        ])?;
        let customer = self.customer(p.need("customer")?, "customer")?.id.clone();
        let configuration = if let Some(id) = p.filled("configuration")? {
            let row = self.portal_configurations.get(id).filter(|row| row.active);
            row.ok_or_else(|| Refusal::no_such("configuration", id, "configuration"))?
                .id
                .clone()
        } else {
            let default = self
                .portal_configurations
                .iter()
                .find(|row| row.is_default && row.active);
            default.map(|row| row.id.clone()).ok_or_else(|| Refusal::invalid(
                "You can't create a portal session in test mode until you save your customer portal settings in test mode at https://dashboard.stripe.com/test/settings/billing/portal.",
            ))?
        };
        let flow = self.read_flow(p, &customer, &configuration)?;
        let row = PortalSession {
            id: self.ids.long("bps_"),
            created: self.stamp(),
            customer,
            configuration,
            return_url: p.owned("return_url")?,
            locale: p.owned("locale")?,
            flow,
            notice: None,
            authenticating: None,
        };
        let body = self.render_portal_session(&row);
        self.portal_sessions.add(row);
        self.emit("billing_portal.session.created", &body);
        Ok(Some(body))
    }

    fn read_flow(&self, p: &Params<'_>, customer: &str, configuration: &str) -> Outcome {
        let Some(flow) = p.hash("flow_data")? else {
            return Ok(Value::Null);
        };
        flow.only(&[
            "type",
            "after_completion",
            "subscription_cancel",
            "subscription_update",
        ])?;
        let kinds = [
            "payment_method_update",
            "subscription_cancel",
            "subscription_update",
        ];
        let kind = flow
            .choice("type", &kinds)?
            .ok_or_else(|| Refusal::missing("flow_data[type]"))?;
        let configuration = self.portal_configurations.get(configuration);
        let offered = configuration.is_some_and(|row| match kind {
            "payment_method_update" => row.card_update,
            "subscription_cancel" => row.cancel.is_some(),
            _ => row.update.is_some(),
        });
        if !offered {
            return Err(Refusal::param(
                "flow_data[type]",
                format!(
                    "The `{kind}` flow cannot be used: the portal configuration disables the feature."
                ),
            ));
        }
        if matches!(kind, "subscription_cancel" | "subscription_update") && !flow.has(kind) {
            return Err(Refusal::missing(flow.name(kind)));
        }
        let mut body = json!({
            "after_completion": { "hosted_confirmation": null, "redirect": null, "type": "portal_homepage" },
            "subscription_cancel": null,
            "subscription_update": null,
            "subscription_update_confirm": null,
            "type": kind,
        });
        if let Some(after) = flow.hash("after_completion")? {
            after.only(&["type", "redirect", "hosted_confirmation"])?;
            if let Some(redirect) = after.hash("redirect")? {
                redirect.only(&["return_url"])?;
                body["after_completion"]["redirect"] =
                    json!({ "return_url": redirect.need("return_url")? });
                body["after_completion"]["type"] = "redirect".into();
            }
        }
        for name in ["subscription_cancel", "subscription_update"] {
            if let Some(inner) = flow.hash(name)? {
                inner.only(&["subscription"])?;
                let id = inner.need("subscription")?;
                if self
                    .subscriptions
                    .get(id)
                    .is_none_or(|row| row.customer != customer)
                {
                    return Err(Refusal::no_such(
                        "subscription",
                        id,
                        &inner.name("subscription"),
                    ));
                }
                if name == "subscription_cancel"
                    && self
                        .subscriptions
                        .get(id)
                        .is_some_and(|row| row.cancel_at.is_some() || row.status.ended())
                {
                    return Err(Refusal::param(
                        inner.name("subscription"),
                        "The subscription is already set to be canceled.",
                    ));
                }
                body[name] = json!({ "subscription": id });
                if name == "subscription_cancel" {
                    body[name]["retention"] = Value::Null;
                }
            }
        }
        Ok(body)
    }

    pub(super) fn render_portal_session(&self, row: &PortalSession) -> Value {
        json!({
            "id": row.id,
            "object": "billing_portal.session",
            "configuration": row.configuration,
            "created": row.created,
            "customer": row.customer,
            "customer_account": null,
            "flow": row.flow,
            "livemode": false,
            "locale": row.locale,
            "on_behalf_of": null,
            "return_url": row.return_url,
            "url": format!("{}/portal/{}", self.base, row.id),
        })
    }

    pub(super) fn render_configuration(&self, row: &PortalConfiguration) -> Value {
        let cancel = row.cancel.as_ref();
        let update = row.update.as_ref();
        let products = update.map(|update| {
            update
                .products
                .iter()
                .map(|(product, prices)| {
                    json!({
                        "adjustable_quantity": { "enabled": false, "maximum": null, "minimum": 1 },
                        "prices": prices,
                        "product": product,
                    })
                })
                .collect::<Vec<_>>()
        });
        let login = row
            .login_page
            .then(|| format!("{}/portal/login", self.base));
        json!({
            "id": row.id,
            "object": "billing_portal.configuration",
            "active": row.active,
            "application": null,
            "business_profile": {
                "headline": row.headline,
                "privacy_policy_url": row.privacy_url,
                "terms_of_service_url": row.terms_url,
            },
            "created": row.created,
            "default_return_url": row.return_url,
            "features": {
                "customer_update": {
                    "allowed_updates": row.customer_update.clone().unwrap_or_default(),
                    "enabled": row.customer_update.is_some(),
                },
                "invoice_history": { "enabled": row.invoice_history },
                "payment_method_update": {
                    "enabled": row.card_update, "payment_method_configuration": null,
                },
                "subscription_cancel": {
                    "cancellation_reason": {
                        "enabled": cancel.is_some_and(|cancel| cancel.reasons.is_some()),
                        "options": cancel.and_then(|cancel| cancel.reasons.clone()).unwrap_or_default(),
                    },
                    "enabled": cancel.is_some(),
                    "mode": cancel.map_or("at_period_end", |cancel| cancel.mode),
                    "proration_behavior": cancel.map_or("none", |cancel| cancel.proration),
                },
                "subscription_update": {
                    "billing_cycle_anchor": null,
                    "default_allowed_updates": update.map(|update| update.allowed.clone()).unwrap_or_default(),
                    "enabled": update.is_some(),
                    "products": products,
                    "proration_behavior": update.map_or("none", |update| update.proration),
                    "schedule_at_period_end": { "conditions": [] },
                    "trial_update_behavior": "end_trial",
                },
            },
            "is_default": row.is_default,
            "livemode": false,
            "login_page": { "enabled": row.login_page, "url": login },
            "metadata": row.metadata,
            "name": row.name,
            "updated": row.updated,
        })
    }
}

fn read_cancel(cancel: &Params<'_>) -> Outcome<Option<PortalCancel>> {
    cancel.only(&[
        "enabled",
        "mode",
        "proration_behavior",
        "cancellation_reason",
    ])?;
    let reasons = match cancel.hash("cancellation_reason")? {
        None => None,
        Some(reason) => {
            reason.only(&["enabled", "options"])?;
            let options = reason
                .texts("options")?
                .into_iter()
                .map(str::to_owned)
                .collect();
            (reason.flag("enabled")? == Some(true)).then_some(options)
        }
    };
    let found = PortalCancel {
        mode: cancel
            .choice("mode", &["at_period_end", "immediately"])?
            .unwrap_or("at_period_end"),
        proration: cancel
            .choice(
                "proration_behavior",
                &["none", "create_prorations", "always_invoice"],
            )?
            .unwrap_or("none"),
        reasons,
    };
    Ok((cancel.flag("enabled")? == Some(true)).then_some(found))
}
