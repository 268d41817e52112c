//! `/checkout/{session}`: pay here.

use std::fmt::Write as _;

use super::{
    super::{
        Stripe, calendar::DAY, cards::NOT_AUTHENTICATED, checkout::Submitted, forms::Params,
        records::Session,
    },
    CARD_FIELDS, authentication_page, document, escape, field, money, notice, receipt,
};
use crate::ApiResponse;

impl Stripe {
    pub(super) fn checkout_page(&self, id: &str) -> ApiResponse {
        let Some(session) = self.sessions.get(id) else {
            return self.lost_page();
        };
        if session.status != "open" {
            return self.closed_page(session);
        }
        self.open_page(session, 200)
    }

    fn closed_page(&self, session: &Session) -> ApiResponse {
        let back = session.cancel_url.as_ref().map_or_else(String::new, |url| {
            format!(
                "<p><a id=\"cancel\" href=\"{}\">Back to {}</a></p>",
                escape(url),
                escape(&self.settings.business_name)
            )
        });
        let words = if session.status == "complete" {
            "<h1>You have already paid</h1><p>This checkout session is complete. You were not charged again.</p>"
        } else {
            "<h1>This checkout has expired</h1><p>You were not charged. Go back and start again.</p>"
        };
        document(
            200,
            "Checkout",
            &self.settings.business_name,
            &format!("{words}{back}"),
        )
    }

    fn line_rows(&self, session: &Session) -> Vec<(String, String)> {
        let trial = session.trial_days.is_some() || session.trial_end.is_some();
        session
            .lines
            .iter()
            .filter_map(|line| {
                let price = self.prices.get(&line.price)?;
                let product = self.products.get(&price.product)?;
                let every = price.recurring.map_or_else(String::new, |every| match every.count {
                    1 => format!(" / {}", every.interval.name()),
                    count => format!(" every {count} {}s", every.interval.name()),
                });
                let quantity = match line.adjustable {
                    None if line.quantity == 1 => String::new(),
                    None => format!("<br><span class=\"soft\">Quantity {}</span>", line.quantity),
                    Some((least, most)) => format!(
                        "<br><label for=\"q_{0}\">Quantity</label><input id=\"q_{0}\" name=\"quantity_{0}\" type=\"number\" min=\"{1}\" max=\"{2}\" value=\"{3}\">",
                        line.id,
                        least.max(1),
                        most,
                        line.quantity
                    ),
                };
                let later = if trial { "<br><span class=\"soft\">after the trial</span>" } else { "" };
                let left = format!("{}{quantity}{later}", escape(&product.name));
                Some((left, format!("{}{every}", money(price.unit_amount * line.quantity, &price.currency))))
            })
            .collect()
    }

    fn open_page(&self, session: &Session, status: u16) -> ApiResponse {
        let currency = session.currency.as_deref().unwrap_or("eur");
        let (subtotal, total) = self.session_amounts(session);
        let mut rows = self.line_rows(session);
        if subtotal > total {
            rows.push(("Discount".into(), money(total - subtotal, currency)));
        }
        if let Some(days) = session
            .trial_days
            .or(session.trial_end.map(|end| (end - self.stamp()) / DAY))
        {
            rows.push((format!("Free trial, {days} days"), money(0, currency)));
        }
        let needs_card = self.session_needs_card(session);
        let (title, pay) = match session.mode {
            "subscription" if total == 0 => ("Start trial", "Start trial".to_owned()),
            "subscription" => (
                "Subscribe",
                format!("Subscribe for {}", money(total, currency)),
            ),
            "setup" => ("Save card", "Save card".to_owned()),
            _ => ("Pay", format!("Pay {}", money(total, currency))),
        };
        let promotion = if session.allow_promotion_codes == Some(true)
            && session.discounts.is_empty()
        {
            "<label for=\"promotion_code\">Promotion code</label><input id=\"promotion_code\" name=\"promotion_code\">"
        } else {
            ""
        };
        let known = session
            .customer
            .as_ref()
            .and_then(|id| self.customers.get(id))
            .and_then(|row| row.email.as_deref());
        let email = known.or(session.email.as_deref()).unwrap_or("");
        let lock = if known.is_some() { " readonly" } else { "" };
        let cancel = session.cancel_url.as_ref().map_or_else(String::new, |url| {
            format!(
                "<p><a id=\"cancel\" href=\"{}\">&larr; Back</a></p>",
                escape(url)
            )
        });
        let business = business_fields(session, "");
        let debit = if needs_card && currency == "eur" {
            debit_form(session, email, lock, &pay)
        } else {
            String::new()
        };
        let body = format!(
            "{cancel}<h1>{title}</h1><form method=\"post\" action=\"/checkout/{}\">{}{}{promotion}{business}<label for=\"email\">E-mail</label><input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"email\" value=\"{}\" required{lock}>{}<label for=\"name\">Name on card</label><input id=\"name\" name=\"name\" autocomplete=\"cc-name\" value=\"{}\"><button id=\"pay\">{}</button></form>{debit}<p class=\"soft\">Test cards only: 4242 4242 4242 4242 pays.</p>",
            session.id,
            receipt(&rows, ("Due today", &money(total, currency))),
            notice(session.notice.as_deref()),
            escape(email),
            if needs_card { CARD_FIELDS } else { "" },
            escape(session.name.as_deref().unwrap_or("")),
            escape(&pay),
        );
        document(status, title, &self.settings.business_name, &body)
    }

    pub(super) fn checkout_post(&mut self, id: &str, form: &Params<'_>) -> ApiResponse {
        let Some(session) = self.sessions.get(id).cloned() else {
            return self.lost_page();
        };
        if session.status != "open" {
            return self.closed_page(&session);
        }
        if let Err(message) = self.adjust_session(&session, form) {
            return self.refuse(id, message);
        }
        let known = session
            .customer
            .as_ref()
            .and_then(|id| self.customers.get(id))
            .and_then(|row| row.email.clone());
        match self.read_business(&session, form) {
            Err(message) => return self.refuse(id, message),
            Ok(business) => {
                if let Some(row) = self.sessions.get_mut(id) {
                    row.business = business;
                }
            }
        }
        let email = known.or_else(|| field(form, "email").map(str::to_owned));
        let Some(email) = email.filter(|email| email.contains('@')) else {
            return self.refuse(id, "Your e-mail address is incomplete.".into());
        };
        let needs_card = self
            .sessions
            .get(id)
            .is_some_and(|session| self.session_needs_card(session));
        let card = if needs_card {
            let iban = field(form, "iban").filter(|_| session.currency.as_deref() == Some("eur"));
            let read = match iban {
                Some(iban) => super::super::cards::read_iban(iban),
                None => self.read_card(form),
            };
            match read {
                Ok(card) => Some(card),
                Err(message) => return self.refuse(id, message.into()),
            }
        } else {
            None
        };
        let submitted = self.submit_session(id, card, &email, field(form, "name"), false);
        self.after_submit(id, submitted)
    }

    /// Quantities and a promotion code chosen on the page.
    fn adjust_session(&mut self, session: &Session, form: &Params<'_>) -> Result<(), String> {
        let mut lines = session.lines.clone();
        for line in &mut lines {
            let chosen = field(form, &format!("quantity_{}", line.id))
                .and_then(|text| text.parse::<i64>().ok());
            if let (Some((least, most)), Some(chosen)) = (line.adjustable, chosen) {
                if !(least.max(1)..=most).contains(&chosen) {
                    return Err(format!(
                        "Choose a quantity from {} to {most}.",
                        least.max(1)
                    ));
                }
                line.quantity = chosen;
            }
        }
        let mut discounts = session.discounts.clone();
        if let Some(code) =
            field(form, "promotion_code").filter(|_| session.allow_promotion_codes == Some(true))
        {
            let found = self
                .promotion_codes
                .iter()
                .find(|row| {
                    self.code_active(row)
                        && row.code.eq_ignore_ascii_case(code.trim())
                        && row
                            .customer
                            .as_ref()
                            .is_none_or(|id| session.customer.as_ref() == Some(id))
                })
                .cloned()
                .ok_or("This code is invalid.")?;
            self.check_codes(
                &[(found.coupon.clone(), Some(found.id.clone()))],
                &lines,
                session.customer.as_deref(),
            )
            .map_err(|refusal| refusal.message)?;
            if discounts.is_empty() {
                discounts.extend(self.new_discount(&found.coupon, Some(&found.id)));
            }
        }
        if let Some(row) = self.sessions.get_mut(&session.id) {
            row.lines = lines;
            row.discounts = discounts;
        }
        Ok(())
    }

    fn refuse(&mut self, id: &str, message: String) -> ApiResponse {
        if let Some(row) = self.sessions.get_mut(id) {
            row.notice = Some(message);
        }
        ApiResponse::see_other(&format!("{}/checkout/{id}", self.base))
    }

    fn after_submit(&mut self, id: &str, submitted: Submitted) -> ApiResponse {
        match submitted {
            Submitted::Completed => {
                let url = self
                    .sessions
                    .get(id)
                    .map_or("", |row| row.success_url.as_str());
                ApiResponse::see_other(&url.replace("{CHECKOUT_SESSION_ID}", id))
            }
            Submitted::Authenticate => {
                ApiResponse::see_other(&format!("{}/checkout/{id}/authenticate", self.base))
            }
            Submitted::Refused(message) => self.refuse(id, message),
        }
    }

    /// The bank's question: `form` is the person's answer.
    pub(super) fn checkout_authenticate(
        &mut self,
        id: &str,
        form: Option<&Params<'_>>,
    ) -> ApiResponse {
        let Some(session) = self.sessions.get(id).cloned() else {
            return self.lost_page();
        };
        if session.status != "open" {
            return self.closed_page(&session);
        }
        let Some(question) = session.authenticating.clone() else {
            return ApiResponse::see_other(&format!("{}/checkout/{id}", self.base));
        };
        let Some(form) = form else {
            let (_, total) = self.session_amounts(&session);
            let amount = money(total, session.currency.as_deref().unwrap_or("eur"));
            return authentication_page(
                &self.settings.business_name,
                &question,
                &amount,
                &format!("/checkout/{id}/authenticate"),
            );
        };
        if field(form, "result") != Some("complete") {
            if let Some(row) = self.sessions.get_mut(id) {
                row.authenticating = None;
            }
            self.record_unauthenticated(&session);
            return self.refuse(id, NOT_AUTHENTICATED.into());
        }
        let submitted = self.submit_session(
            id,
            Some(question.typed()),
            &question.email,
            question.name.as_deref(),
            true,
        );
        self.after_submit(id, submitted)
    }
}

/// Address, business name and tax id, where the session collects them; what was typed before stays.
fn business_fields(session: &Session, prefix: &str) -> String {
    let mut fields = String::new();
    let mut add = |name: &str, label: &str, value: &str, more: &str| {
        let _ = write!(
            fields,
            "<label for=\"{prefix}{name}\">{label}</label><input id=\"{prefix}{name}\" name=\"{name}\" value=\"{}\"{more}>",
            escape(value)
        );
    };
    let typed = session.business.as_ref();
    let address = |part: &str| typed.and_then(|typed| typed.address[part].as_str());
    if session.address_collection == Some("required") {
        for (name, label) in [
            ("line1", "Address"),
            ("postal_code", "Postal code"),
            ("city", "City"),
        ] {
            add(name, label, address(name).unwrap_or(""), " required");
        }
        // Stripe guesses it.
        let country = address("country").unwrap_or("DE");
        add("country", "Country, two letters", country, " required");
    }
    if session.collects.tax_id {
        let name = typed.and_then(|typed| typed.name.as_deref());
        let label = "Business name, if you buy as one";
        add("business_name", label, name.unwrap_or(""), "");
        let tax_id = typed.and_then(|typed| typed.tax_id.as_ref());
        let value = tax_id.map_or("", |tax_id| tax_id.value.as_str());
        add("tax_id", "Tax ID, such as DE123456789", value, "");
    }
    fields
}

/// The other way to pay: by an account at a bank.
fn debit_form(session: &Session, email: &str, lock: &str, pay: &str) -> String {
    let business = business_fields(session, "debit_");
    format!(
        "<details><summary>Pay by SEPA debit</summary><form method=\"post\" action=\"/checkout/{}\">{business}<label for=\"debit_email\">E-mail</label><input id=\"debit_email\" name=\"email\" type=\"email\" value=\"{}\" required{lock}><label for=\"iban\">IBAN</label><input id=\"iban\" name=\"iban\" autocomplete=\"off\" placeholder=\"DE00 0000 0000 0000 0000 00\" required><button id=\"pay-debit\">{}</button></form><p class=\"soft\">Test accounts only: DE89 3704 0044 0532 0130 00 pays in four days, DE62 3704 0044 0532 0130 01 is turned down then.</p></details>",
        session.id,
        escape(email),
        escape(pay),
    )
}
