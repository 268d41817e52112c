//! `/portal/{session}`: cards, invoices, cancelling, and what else the configuration allows.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    super::{
        Stripe,
        calendar::day_text,
        cards::{NOT_AUTHENTICATED, TypedCard},
        forms::Params,
        records::{Authentication, PortalConfiguration, PortalSession, Status, Subscription},
        subscriptions::{Payment, Prorate},
    },
    CARD_FIELDS, authentication_page, document, escape, field, money, notice,
};
use crate::ApiResponse;

impl Stripe {
    fn portal(&self, id: &str) -> Option<(PortalSession, PortalConfiguration)> {
        let session = self.portal_sessions.get(id)?;
        let configuration = self.portal_configurations.get(&session.configuration)?;
        Some((session.clone(), configuration.clone()))
    }

    fn portal_home(&self, id: &str) -> ApiResponse {
        ApiResponse::see_other(&format!("{}/portal/{id}", self.base))
    }

    pub(super) fn portal_page(&self, id: &str, rest: &[&str]) -> ApiResponse {
        let Some((session, configuration)) = self.portal(id) else {
            return self.lost_page();
        };
        match (rest, &session.authenticating) {
            (["authenticate"], Some(question)) => authentication_page(
                &self.settings.business_name,
                question,
                "saving your card",
                &format!("/portal/{id}/authenticate"),
            ),
            ([], _) => self
                .portal_flow(&session)
                .unwrap_or_else(|| self.portal_overview(&session, &configuration)),
            _ => self.portal_home(id),
        }
    }

    /// The one page a session with `flow_data` shows until its flow is done.
    fn portal_flow(&self, session: &PortalSession) -> Option<ApiResponse> {
        let back = session.return_url.as_ref().map_or_else(String::new, |url| {
            format!(
                "<p><a id=\"return\" href=\"{}\">&larr; Return</a></p>",
                escape(url)
            )
        });
        let problem = notice(session.notice.as_deref());
        let body = match session.flow["type"].as_str()? {
            "payment_method_update" => format!(
                "{back}<h1>Update your payment method</h1>{problem}<form method=\"post\" action=\"/portal/{}/card\">{CARD_FIELDS}<button id=\"save-card\">Save card</button></form>",
                session.id
            ),
            "subscription_cancel" => {
                let id = session.flow["subscription_cancel"]["subscription"].as_str()?;
                let row = self.subscriptions.get(id)?;
                format!(
                    "{back}<h1>Cancel your subscription</h1>{problem}<p>It stays until {}.</p><form method=\"post\" action=\"/portal/{}/cancel/{id}\"><button id=\"confirm-cancel\">Cancel subscription</button></form>",
                    day_text(row.period().1),
                    session.id
                )
            }
            _ => return None,
        };
        Some(document(
            200,
            "Billing",
            &self.settings.business_name,
            &body,
        ))
    }

    /// A flow that is done leads where the session says, and the session is an ordinary one then.
    fn portal_done(&mut self, session: &PortalSession) -> ApiResponse {
        if let Some(row) = self.portal_sessions.get_mut(&session.id) {
            row.flow = Value::Null;
        }
        match session.flow["after_completion"]["redirect"]["return_url"].as_str() {
            Some(url) => ApiResponse::see_other(url),
            None => self.portal_home(&session.id),
        }
    }

    fn portal_overview(
        &self,
        session: &PortalSession,
        configuration: &PortalConfiguration,
    ) -> ApiResponse {
        let back = session
            .return_url
            .as_ref()
            .or(configuration.return_url.as_ref())
            .map_or_else(String::new, |url| {
                format!(
                    "<p><a id=\"return\" href=\"{}\">&larr; Return</a></p>",
                    escape(url)
                )
            });
        let mut body = format!(
            "{back}<h1>{}</h1>{}",
            escape(
                configuration
                    .headline
                    .as_deref()
                    .unwrap_or("Manage your billing")
            ),
            notice(session.notice.as_deref())
        );
        body.push_str("<h2>Current subscriptions</h2>");
        let mut none = true;
        for row in self.subscriptions.of(&session.customer) {
            if !row.status.ended() {
                none = false;
                self.portal_subscription(&mut body, session, configuration, row);
            }
        }
        if none {
            body.push_str("<p class=\"soft\">There is no running subscription.</p>");
        }
        if configuration.card_update {
            self.portal_cards(&mut body, session);
        }
        self.portal_details(&mut body, session, configuration);
        if configuration.invoice_history {
            self.portal_invoices(&mut body, session);
        }
        document(200, "Billing", &self.settings.business_name, &body)
    }

    // Writing to a string never fails: the results are let go in these three.
    fn portal_subscription(
        &self,
        body: &mut String,
        session: &PortalSession,
        configuration: &PortalConfiguration,
        row: &Subscription,
    ) {
        let _ = write!(body, "<section id=\"{}\">", row.id);
        for item in &row.items {
            let Some(price) = self.prices.get(&item.price) else {
                continue;
            };
            let name = self
                .products
                .get(&price.product)
                .map_or("", |product| product.name.as_str());
            let every = price.recurring.map_or("", |every| every.interval.name());
            let _ = write!(
                body,
                "<p><strong>{}</strong> × {}<br>{} / {every}</p>",
                escape(name),
                item.quantity,
                escape(&money(price.unit_amount * item.quantity, &price.currency)),
            );
        }
        let end = day_text(row.period().1);
        let words = match (row.cancel_at, row.status) {
            (Some(at), _) => format!("Cancels on {}", day_text(at)),
            (None, Status::Trialing) => format!("Trial until {end}"),
            (None, Status::Active) => format!("Renews on {end}"),
            (None, status) => status.name().replace('_', " "),
        };
        let _ = write!(
            body,
            "<p class=\"soft\" data-status=\"{}\">{words}</p>",
            row.status.name()
        );
        let action = |name: &str| format!("/portal/{}/{name}/{}", session.id, row.id);
        if row.cancel_at.is_some() {
            let _ = write!(
                body,
                "<form method=\"post\" action=\"{}\"><button id=\"reactivate\" class=\"small\">Don't cancel subscription</button></form>",
                action("reactivate")
            );
        } else if configuration.cancel.is_some() {
            let _ = write!(
                body,
                "<form method=\"post\" action=\"{}\"><button id=\"cancel-subscription\" class=\"plain small\">Cancel subscription</button></form>",
                action("cancel")
            );
        }
        if let Some(update) = &configuration.update {
            let _ = write!(
                body,
                "<form method=\"post\" action=\"{}\">",
                action("update")
            );
            if update.allowed.iter().any(|name| name == "price") {
                body.push_str(
                    "<label for=\"price\">Plan</label><select id=\"price\" name=\"price\">",
                );
                for price in update.products.iter().flat_map(|(_, prices)| prices) {
                    let Some(price) = self.prices.get(price).filter(|price| price.active) else {
                        continue;
                    };
                    let name = self
                        .products
                        .get(&price.product)
                        .map_or("", |product| product.name.as_str());
                    let every = price.recurring.map_or("", |every| every.interval.name());
                    let chosen = if row.items.iter().any(|item| item.price == price.id) {
                        " selected"
                    } else {
                        ""
                    };
                    let _ = write!(
                        body,
                        "<option value=\"{}\"{chosen}>{}, {} / {every}</option>",
                        price.id,
                        escape(name),
                        escape(&money(price.unit_amount, &price.currency)),
                    );
                }
                body.push_str("</select>");
            }
            if update.allowed.iter().any(|name| name == "quantity") {
                let quantity = row.items.first().map_or(1, |item| item.quantity);
                let _ = write!(
                    body,
                    "<label for=\"quantity\">Quantity</label><input id=\"quantity\" name=\"quantity\" type=\"number\" min=\"1\" value=\"{quantity}\">"
                );
            }
            body.push_str("<button id=\"update-subscription\" class=\"plain small\">Update subscription</button></form>");
        }
        body.push_str("</section>");
    }

    fn portal_cards(&self, body: &mut String, session: &PortalSession) {
        body.push_str("<h2>Payment method</h2>");
        let default = self
            .customers
            .get(&session.customer)
            .and_then(|row| row.default_payment_method.as_deref());
        for method in self.methods.of(&session.customer) {
            if method.customer.as_ref() == Some(&session.customer) {
                let word = if default == Some(method.id.as_str()) {
                    " (default)"
                } else {
                    ""
                };
                let _ = write!(
                    body,
                    "<p>{} ending in {}, expires {:02}/{}{word}</p>",
                    method.card.brand(),
                    method.card.last4(),
                    method.exp_month,
                    method.exp_year
                );
            }
        }
        let _ = write!(
            body,
            "<details><summary id=\"add-card\">Add payment method</summary><form method=\"post\" action=\"/portal/{}/card\">{CARD_FIELDS}<button id=\"save-card\">Save card</button></form></details>",
            session.id
        );
    }

    fn portal_invoices(&self, body: &mut String, session: &PortalSession) {
        body.push_str("<h2>Invoice history</h2><table id=\"invoices\">");
        for invoice in self.invoices.older(Some(&session.customer), None) {
            if let Some(number) = &invoice.number {
                let _ = write!(
                    body,
                    "<tr><td><a href=\"{}/invoice/{}\">{}</a><br><span class=\"soft\">{}</span></td><td>{}</td><td class=\"sum\">{}</td></tr>",
                    escape(&self.base),
                    invoice.id,
                    escape(number),
                    day_text(invoice.created),
                    invoice.status.name(),
                    escape(&money(invoice.total(), &invoice.currency)),
                );
            }
        }
        body.push_str("</table>");
    }

    pub(super) fn portal_post(
        &mut self,
        id: &str,
        rest: &[&str],
        form: &Params<'_>,
    ) -> ApiResponse {
        let Some((session, configuration)) = self.portal(id) else {
            return self.lost_page();
        };
        let owned = |stripe: &Self, subscription: &str| {
            stripe
                .subscriptions
                .get(subscription)
                .is_some_and(|row| row.customer == session.customer && !row.status.ended())
        };
        let outcome = match rest {
            ["cancel", subscription] if owned(self, subscription) => {
                self.portal_cancel(subscription, &configuration)
            }
            ["reactivate", subscription] if owned(self, subscription) => {
                self.plan_end(subscription, None, false);
                Ok(())
            }
            ["update", subscription] if owned(self, subscription) => {
                self.portal_update(subscription, &configuration, form)
            }
            ["details"] => self.portal_save_details(&session, &configuration, form),
            ["card"] if configuration.card_update => match self.read_card(form) {
                Ok(card) if card.kind.asks_at_setup() => return self.portal_ask(&session, card),
                Ok(card) => self.portal_card(&session, card, false),
                Err(message) => Err(message.to_owned()),
            },
            ["authenticate"] => match session.authenticating.as_ref().map(Authentication::typed) {
                Some(card) if field(form, "result") == Some("complete") => {
                    self.portal_card(&session, card, true)
                }
                _ => Err(NOT_AUTHENTICATED.to_owned()),
            },
            _ => return self.lost_page(),
        };
        let done = outcome.is_ok();
        if let Some(row) = self.portal_sessions.get_mut(id) {
            row.notice = outcome.err();
            row.authenticating = None;
        }
        if done && !session.flow.is_null() {
            return self.portal_done(&session);
        }
        self.portal_home(id)
    }

    fn portal_ask(&mut self, session: &PortalSession, card: TypedCard) -> ApiResponse {
        if let Some(row) = self.portal_sessions.get_mut(&session.id) {
            row.authenticating = Some(Authentication {
                card: card.kind,
                exp_month: card.exp_month,
                exp_year: card.exp_year,
                email: String::new(),
                name: None,
            });
        }
        ApiResponse::see_other(&format!("{}/portal/{}/authenticate", self.base, session.id))
    }

    /// The portal ends flexible subscriptions by `cancel_at`, classic ones by `cancel_at_period_end`.
    fn portal_cancel(
        &mut self,
        id: &str,
        configuration: &PortalConfiguration,
    ) -> Result<(), String> {
        let cancel = configuration
            .cancel
            .as_ref()
            .ok_or("Cancelling is not offered here.")?;
        let Some(row) = self.subscriptions.get(id) else {
            return Ok(());
        };
        let (end, flexible) = (row.period().1, row.billing_mode == "flexible");
        if cancel.mode == "immediately" {
            self.end_subscription(id, Some("cancellation_requested"));
        } else if flexible {
            self.plan_end(id, Some(end), false);
        } else {
            self.plan_end(id, None, true);
        }
        Ok(())
    }

    fn portal_update(
        &mut self,
        id: &str,
        configuration: &PortalConfiguration,
        form: &Params<'_>,
    ) -> Result<(), String> {
        let update = configuration
            .update
            .as_ref()
            .ok_or("Changing plans is not offered here.")?;
        let allows = |name: &str| update.allowed.iter().any(|allowed| allowed == name);
        let price = field(form, "price").filter(|_| allows("price"));
        if let Some(price) = price {
            let offered = update
                .products
                .iter()
                .any(|(_, prices)| prices.iter().any(|offered| offered == price));
            if !offered || self.prices.get(price).is_none_or(|row| !row.active) {
                return Err("This plan is not offered here.".into());
            }
        }
        let quantity = match field(form, "quantity").filter(|_| allows("quantity")) {
            None => None,
            Some(text) => Some(
                text.parse::<i64>()
                    .ok()
                    .filter(|n| *n > 0)
                    .ok_or("The quantity must be at least 1.")?,
            ),
        };
        self.change_plan(
            id,
            price,
            quantity,
            Prorate::parse(Some(update.proration)),
            Payment::Pending,
        )
    }

    /// A new card becomes the customer's default and pays the running subscriptions.
    fn portal_card(
        &mut self,
        session: &PortalSession,
        card: TypedCard,
        authenticated: bool,
    ) -> Result<(), String> {
        card.kind
            .attaches()
            .map_err(|decline| decline.message.to_owned())?;
        let email = self
            .customers
            .get(&session.customer)
            .and_then(|row| row.email.clone());
        let method = self.new_method(card, email, None, authenticated);
        self.attach_card(&method, &session.customer);
        self.use_card(&session.customer, &method);
        Ok(())
    }
}
