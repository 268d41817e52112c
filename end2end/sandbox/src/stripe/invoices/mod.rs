//! `/v1/invoices` and what belongs to them.

mod lifecycle;
mod preview;
mod render;

pub(super) use lifecycle::Collecting;

use serde_json::Value;

use super::{
    Stripe,
    errors::{Outcome, Refusal},
    forms::Params,
    pagination,
    payments::Paying,
    records::{Invoice, InvoiceStatus},
};

impl Stripe {
    fn invoice(&self, id: &str) -> Outcome<&Invoice> {
        self.invoices
            .get(id)
            .ok_or_else(|| Refusal::not_found("invoice", id))
    }

    pub(super) fn invoices_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        match (verb, rest) {
            ("GET", []) => self.list_invoices(p).map(Some),
            ("POST", ["create_preview"]) => self.preview(p).map(Some),
            ("GET", [id]) => {
                p.only(&[])?;
                self.invoice(id)
                    .map(|row| self.render_invoice(row))
                    .map(Some)
            }
            ("GET", [id, "lines"]) => {
                p.only(&["limit", "starting_after", "ending_before"])?;
                let invoice = self.invoice(id)?;
                let limit = pagination::limit(p)?;
                let skip = match p.filled("starting_after")? {
                    None => 0,
                    Some(after) => {
                        let place = invoice.lines.iter().position(|line| line.id == after);
                        place
                            .ok_or_else(|| Refusal::no_such("line item", after, "starting_after"))?
                            + 1
                    }
                };
                let rest = invoice.lines.iter().skip(skip);
                let data: Vec<Value> = rest
                    .clone()
                    .take(limit)
                    .map(|line| self.render_line(invoice, line))
                    .collect();
                Ok(Some(pagination::list(
                    data,
                    rest.count() > limit,
                    &format!("/v1/invoices/{id}/lines"),
                )))
            }
            ("POST", [id, "pay"]) => self.pay_invoice(id, p).map(Some),
            ("POST", [id, action @ ("finalize" | "void" | "mark_uncollectible")]) => {
                p.only(&["auto_advance"])?;
                self.invoice_action(id, action).map(Some)
            }
            ("POST", [id]) => {
                p.only(&["metadata", "description", "auto_advance"])?;
                let mut draft = self.invoice(id)?.clone();
                p.merge_metadata(&mut draft.metadata)?;
                p.set("description", &mut draft.description)?;
                if let Some(auto) = p.flag("auto_advance")? {
                    draft.auto_advance = auto;
                }
                self.change_invoice(id, |invoice| *invoice = draft);
                self.invoice(id)
                    .map(|row| self.render_invoice(row))
                    .map(Some)
            }
            _ => Ok(None),
        }
    }

    fn list_invoices(&self, p: &Params<'_>) -> Outcome {
        pagination::only_filters(
            p,
            &[
                "customer",
                "subscription",
                "status",
                "collection_method",
                "due_date",
            ],
        )?;
        let customer = self.customer_filter(p)?;
        let subscription = p.filled("subscription")?;
        if let Some(id) = subscription.filter(|id| !self.subscriptions.has(id)) {
            return Err(Refusal::no_such("subscription", id, "subscription"));
        }
        let status = p.choice("status", &InvoiceStatus::NAMES)?;
        let method = p.choice(
            "collection_method",
            &["charge_automatically", "send_invoice"],
        )?;
        let (rows, more) = pagination::page(
            &self.invoices,
            subscription.or(customer),
            "invoice",
            p,
            |row| {
                customer.is_none_or(|id| row.customer == id)
                    && status.is_none_or(|status| row.status.name() == status)
                    && method.is_none_or(|method| method == "charge_automatically")
            },
        )?;
        let data = rows
            .into_iter()
            .map(|row| self.render_invoice(row))
            .collect();
        Ok(pagination::list(data, more, "/v1/invoices"))
    }

    fn pay_invoice(&mut self, id: &str, p: &Params<'_>) -> Outcome {
        p.only(&[
            "payment_method",
            "paid_out_of_band",
            "off_session",
            "forgive",
        ])?;
        let invoice = self.invoice(id)?;
        match invoice.status {
            InvoiceStatus::Paid => {
                return Err(Refusal::coded(
                    "invoice_already_paid",
                    "Invoice is already paid",
                ));
            }
            InvoiceStatus::Void => {
                return Err(Refusal::invalid(
                    "You can only pay an open invoice; this invoice is void.",
                ));
            }
            InvoiceStatus::Draft | InvoiceStatus::Open | InvoiceStatus::Uncollectible => {}
        }
        let method = match p.filled("payment_method")? {
            None => None,
            Some(method) => {
                let owner = self
                    .methods
                    .get(method)
                    .and_then(|row| row.customer.as_deref());
                if owner != Some(invoice.customer.as_str()) {
                    return Err(Refusal::no_such("PaymentMethod", method, "payment_method"));
                }
                Some(method.to_owned())
            }
        };
        self.finalize(id);
        if p.flag("paid_out_of_band")? == Some(true) {
            self.settle(id, false);
        }
        let how = Collecting {
            method,
            authenticated: false,
            automatic: false,
        };
        let outcome = self.collect(id, how);
        match outcome {
            Paying::Paid | Paying::Processing => {
                self.invoice(id).map(|row| self.render_invoice(row))
            }
            Paying::Declined(decline) => Err(super::payments::declined(&decline)),
            Paying::Authenticate => Err(Refusal::card(
                "invoice_payment_intent_requires_action",
                None,
                "Payment for this invoice requires additional user action before it can be completed successfully. Payment can be completed using the PaymentIntent associated with the invoice.",
            )),
            Paying::NoMethod => Err(Refusal::invalid(
                "Cannot charge customer because the customer has no default payment method. Please add a payment method to the customer's account.",
            )),
        }
    }

    fn invoice_action(&mut self, id: &str, action: &str) -> Outcome {
        let status = self.invoice(id)?.status;
        match (action, status) {
            ("finalize", InvoiceStatus::Draft) => {
                self.finalize(id);
            }
            ("void", InvoiceStatus::Open | InvoiceStatus::Uncollectible) => self.void_invoice(id),
            ("mark_uncollectible", InvoiceStatus::Open) => self.mark_uncollectible(id),
            _ => {
                return Err(Refusal::invalid(format!(
                    "This invoice is in the status '{}', in which it cannot be changed by {action}.",
                    status.name()
                )));
            }
        }
        self.invoice(id).map(|row| self.render_invoice(row))
    }

    pub(super) fn invoice_payments_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        match (verb, rest) {
            ("GET", []) => {
                pagination::only_filters(p, &["invoice", "payment", "status"])?;
                let status = p.choice("status", &["open", "paid", "canceled"])?;
                let intent = match p.hash("payment")? {
                    None => None,
                    Some(payment) => {
                        payment.only(&["type", "payment_intent"])?;
                        payment.choice("type", &["payment_intent"])?;
                        Some(payment.need("payment_intent")?)
                    }
                };
                let invoice = p.filled("invoice")?;
                let (rows, more) = pagination::page(
                    &self.invoice_payments,
                    invoice.or(intent),
                    "invoice_payment",
                    p,
                    |row| {
                        status.is_none_or(|status| row.status == status)
                            && intent.is_none_or(|intent| row.payment_intent == intent)
                    },
                )?;
                let data = rows.into_iter().map(Self::render_invoice_payment).collect();
                Ok(Some(pagination::list(data, more, "/v1/invoice_payments")))
            }
            ("GET", [id]) => {
                p.only(&[])?;
                let row = self
                    .invoice_payments
                    .get(id)
                    .ok_or_else(|| Refusal::not_found("invoice_payment", id))?;
                Ok(Some(Self::render_invoice_payment(row)))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn invoice_items_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        match (verb, rest) {
            ("GET", []) => {
                pagination::only_filters(p, &["customer", "invoice", "pending"])?;
                let customer = self.customer_filter(p)?;
                let (invoice, pending) = (p.filled("invoice")?, p.flag("pending")?);
                let (rows, more) =
                    pagination::page(&self.invoice_items, customer, "invoiceitem", p, |row| {
                        invoice.is_none_or(|id| row.invoice.as_deref() == Some(id))
                            && pending.is_none_or(|pending| row.invoice.is_none() == pending)
                    })?;
                let data = rows
                    .into_iter()
                    .map(|row| self.render_invoice_item(row))
                    .collect();
                Ok(Some(pagination::list(data, more, "/v1/invoiceitems")))
            }
            ("GET", [id]) => {
                p.only(&[])?;
                let row = self
                    .invoice_items
                    .get(id)
                    .ok_or_else(|| Refusal::not_found("invoiceitem", id))?;
                Ok(Some(self.render_invoice_item(row)))
            }
            _ => Ok(None),
        }
    }
}
