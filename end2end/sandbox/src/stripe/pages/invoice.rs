//! `/invoice/{invoice}`: the hosted invoice page, where an open invoice is paid.

use super::{
    super::{
        Stripe,
        cards::{NOT_AUTHENTICATED, TypedCard},
        forms::Params,
        invoices::Collecting,
        payments::Paying,
        records::{Authentication, Invoice, InvoiceStatus},
    },
    CARD_FIELDS, authentication_page, document, escape, field, money, notice, receipt,
};
use crate::ApiResponse;

impl Stripe {
    pub(super) fn invoice_page(
        &mut self,
        id: &str,
        rest: &[&str],
        form: Option<&Params<'_>>,
    ) -> ApiResponse {
        let Some(invoice) = self
            .invoices
            .get(id)
            .filter(|row| row.number.is_some())
            .cloned()
        else {
            return self.lost_page();
        };
        let open = matches!(
            invoice.status,
            InvoiceStatus::Open | InvoiceStatus::Uncollectible
        );
        match (rest, form) {
            (["authenticate"], form) if open => self.invoice_authenticate(&invoice, form),
            ([], Some(form)) if open => match self.read_card(form) {
                Ok(card) => self.pay_hosted(&invoice, card, false),
                Err(message) => self.show_invoice(&invoice, Some(message)),
            },
            ([] | ["pdf"], _) => self.show_invoice(&invoice, None),
            _ => ApiResponse::see_other(&format!("{}/invoice/{id}", self.base)),
        }
    }

    fn show_invoice(&self, invoice: &Invoice, message: Option<&str>) -> ApiResponse {
        let mut rows: Vec<(String, String)> = invoice
            .lines
            .iter()
            .map(|line| {
                (
                    escape(&line.description),
                    money(line.amount, &invoice.currency),
                )
            })
            .collect();
        if invoice.discounted() != 0 {
            rows.push((
                "Discount".into(),
                money(-invoice.discounted(), &invoice.currency),
            ));
        }
        if invoice.due() != invoice.total() {
            rows.push((
                "Applied balance".into(),
                money(invoice.due() - invoice.total(), &invoice.currency),
            ));
        }
        let total = receipt(
            &rows,
            ("Amount due", &money(invoice.due(), &invoice.currency)),
        );
        let number = escape(invoice.number.as_deref().unwrap_or(""));
        let tail = match invoice.status {
            InvoiceStatus::Open | InvoiceStatus::Uncollectible => format!(
                "{}<form method=\"post\" action=\"/invoice/{}\">{CARD_FIELDS}<button id=\"pay\">Pay {}</button></form>",
                notice(message),
                invoice.id,
                escape(&money(invoice.remaining(), &invoice.currency)),
            ),
            status => format!(
                "<p class=\"notice good\" id=\"status\">This invoice is {}.</p>",
                status.name()
            ),
        };
        let body = format!("<h1>Invoice {number}</h1>{total}{tail}");
        document(200, "Invoice", &self.settings.business_name, &body)
    }

    fn pay_hosted(
        &mut self,
        invoice: &Invoice,
        card: TypedCard,
        authenticated: bool,
    ) -> ApiResponse {
        if card.kind.asks_at_setup() && !authenticated {
            if let Some(row) = self.invoices.get_mut(&invoice.id) {
                row.authenticating = Some(Authentication {
                    card: card.kind,
                    exp_month: card.exp_month,
                    exp_year: card.exp_year,
                    email: invoice.email.clone().unwrap_or_default(),
                    name: invoice.name.clone(),
                });
            }
            return ApiResponse::see_other(&format!(
                "{}/invoice/{}/authenticate",
                self.base, invoice.id
            ));
        }
        let method = self.new_method(
            card,
            invoice.email.clone(),
            invoice.name.clone(),
            authenticated,
        );
        let how = Collecting {
            method: Some(method.clone()),
            authenticated,
            automatic: false,
        };
        match self.collect(&invoice.id, how) {
            Paying::Declined(decline) => self.show_invoice(invoice, Some(decline.message)),
            Paying::Authenticate | Paying::NoMethod => {
                self.show_invoice(invoice, Some(NOT_AUTHENTICATED))
            }
            Paying::Paid | Paying::Processing => {
                self.adopt_card(&invoice.customer, invoice.subscription.as_deref(), &method);
                ApiResponse::see_other(&format!("{}/invoice/{}", self.base, invoice.id))
            }
        }
    }

    /// The card that paid becomes the one the subscription is charged to.
    fn adopt_card(&mut self, customer: &str, subscription: Option<&str>, method: &str) {
        self.attach_card(method, customer);
        if let Some(subscription) = subscription {
            self.change_subscription(subscription, |row| {
                row.default_payment_method = Some(method.to_owned());
            });
        }
    }

    fn invoice_authenticate(
        &mut self,
        invoice: &Invoice,
        form: Option<&Params<'_>>,
    ) -> ApiResponse {
        let Some(question) = invoice.authenticating.clone() else {
            return ApiResponse::see_other(&format!("{}/invoice/{}", self.base, invoice.id));
        };
        let Some(form) = form else {
            return authentication_page(
                &self.settings.business_name,
                &question,
                &money(invoice.remaining(), &invoice.currency),
                &format!("/invoice/{}/authenticate", invoice.id),
            );
        };
        if let Some(row) = self.invoices.get_mut(&invoice.id) {
            row.authenticating = None;
        }
        if field(form, "result") == Some("complete") {
            self.pay_hosted(invoice, question.typed(), true)
        } else {
            self.show_invoice(invoice, Some(NOT_AUTHENTICATED))
        }
    }
}
