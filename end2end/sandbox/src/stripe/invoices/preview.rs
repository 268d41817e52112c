//! `POST /v1/invoices/create_preview`.

use serde_json::Value;

use super::super::{
    Stripe,
    calendar::period_end,
    errors::{Outcome, Refusal},
    forms::{Metadata, Params},
    records::{Invoice, InvoiceStatus, Line, Status, Subscription},
    subscriptions::{Bill, Change, Prorate},
};

impl Stripe {
    pub(super) fn preview(&mut self, p: &Params<'_>) -> Outcome {
        p.only(&[
            "customer",
            "subscription",
            "subscription_details",
            "preview_mode",
        ])?;
        p.choice("preview_mode", &["next", "recurring"])?;
        let details = p.hash("subscription_details")?;
        if let Some(details) = &details {
            details.only(&[
                "billing_cycle_anchor",
                "cancel_at_period_end",
                "cancel_now",
                "items",
                "proration_behavior",
                "proration_date",
                "trial_end",
            ])?;
        }
        match p.filled("subscription")? {
            Some(id) => {
                let row = self.subscriptions.get(id);
                let row = row
                    .ok_or_else(|| Refusal::no_such("subscription", id, "subscription"))?
                    .clone();
                if let Some(customer) = p.filled("customer")?
                    && customer != row.customer
                {
                    return Err(Refusal::param(
                        "customer",
                        "The subscription does not belong to this customer.",
                    ));
                }
                self.preview_change(&row, details.as_ref())
            }
            None => self.preview_new(p.need("customer")?, details.as_ref()),
        }
    }

    fn preview_change(&mut self, row: &Subscription, details: Option<&Params<'_>>) -> Outcome {
        let none = || {
            Refusal::coded(
                "invoice_upcoming_none",
                format!("No upcoming invoices for customer: {}", row.customer),
            )
            .with_status(404)
        };
        if row.status.ended() {
            return Err(none());
        }
        let change = match details {
            None => None,
            Some(p) => {
                if p.flag("cancel_now")? == Some(true) {
                    return Err(Refusal::param(
                        p.name("cancel_now"),
                        "The sandbox does not preview cancellations.",
                    ));
                }
                let prorate = p.choice(
                    "proration_behavior",
                    &["create_prorations", "always_invoice", "none"],
                )?;
                self.read_change(row, p, Prorate::parse(prorate))?
            }
        };
        let ends = match details {
            Some(p) => p.flag("cancel_at_period_end")?,
            None => None,
        };
        let items = change
            .as_ref()
            .map_or(&row.items, |change: &Change| &change.items)
            .clone();
        let bill = match &change {
            Some(change) => self.bill(row, change),
            None => Bill::Nothing,
        };
        let mut lines: Vec<Line> = self
            .invoice_items
            .of(&row.id)
            .filter(|item| item.invoice.is_none())
            .map(|item| item.line.clone())
            .collect();
        let now = self.stamp();
        let (reason, at, period) = match bill {
            Bill::Now(mut new) => {
                lines.append(&mut new);
                ("subscription_update", now, (now, now))
            }
            Bill::Later(_) | Bill::Nothing => {
                if let Bill::Later(mut new) = bill {
                    lines.append(&mut new);
                }
                let current = items.first().map_or(row.period(), |item| item.period);
                let end = current.1;
                let ends = ends.unwrap_or_else(|| row.cancel_at.is_some_and(|at| at <= end));
                if ends && lines.is_empty() {
                    return Err(none());
                }
                if !ends {
                    lines.append(&mut self.next_lines(row, &items, end));
                }
                ("upcoming", end, current)
            }
        };
        Ok(self.preview_invoice(row, reason, lines, at, period))
    }

    /// The lines of the period after `end`.
    fn next_lines(
        &mut self,
        row: &Subscription,
        items: &[super::super::records::Item],
        end: i64,
    ) -> Vec<Line> {
        let (_, every) = self.terms(items.first().map(|item| item.price.as_str()));
        let anchor = if row.status == Status::Trialing {
            end
        } else {
            row.anchor
        };
        let next = (end, period_end(anchor, every.interval, every.count, end));
        let mut items = items.to_vec();
        for item in &mut items {
            item.period = next;
        }
        self.full_lines(&items, false)
    }

    fn preview_new(&mut self, customer: &str, details: Option<&Params<'_>>) -> Outcome {
        let customer = self.customer(customer, "customer")?.clone();
        let details = details.ok_or_else(|| {
            Refusal::coded(
                "invoice_upcoming_none",
                format!("No upcoming invoices for customer: {}", customer.id),
            )
            .with_status(404)
        })?;
        let now = self.stamp();
        let mut items = Vec::new();
        for hash in details.hashes("items")? {
            hash.only(&["price", "quantity"])?;
            let price = self
                .active_price(hash.need("price")?, &hash.name("price"))?
                .id
                .clone();
            let (_, every) = self.terms(Some(&price));
            let period = (now, period_end(now, every.interval, every.count, now));
            let quantity = hash.int("quantity")?.unwrap_or(1);
            items.push(self.loose_item(price, quantity, period));
        }
        if items.is_empty() {
            return Err(Refusal::missing("subscription_details[items]"));
        }
        self.check_together(items.iter().map(|item| item.price.as_str()))?;
        let (currency, _) = self.terms(items.first().map(|item| item.price.as_str()));
        let lines = self.full_lines(&items, false);
        let invoice = self.blank_preview(
            &customer.id,
            None,
            Metadata::new(),
            currency,
            "subscription_create",
            lines,
            now,
            (now, now),
        );
        Ok(self.render_invoice(&invoice))
    }

    fn preview_invoice(
        &mut self,
        row: &Subscription,
        reason: &'static str,
        lines: Vec<Line>,
        at: i64,
        period: (i64, i64),
    ) -> Value {
        let mut invoice = self.blank_preview(
            &row.customer,
            Some(row.id.clone()),
            row.metadata.clone(),
            row.currency.clone(),
            reason,
            lines,
            at,
            period,
        );
        invoice.discounts = row
            .discounts
            .iter()
            .filter(|one| one.applies(at))
            .cloned()
            .collect();
        self.discount_lines(&mut invoice.lines, &invoice.discounts, &invoice.currency);
        self.render_invoice(&invoice)
    }

    #[expect(clippy::too_many_arguments, reason = "one flat record is being filled")]
    fn blank_preview(
        &mut self,
        customer: &str,
        subscription: Option<String>,
        subscription_metadata: Metadata,
        currency: String,
        reason: &'static str,
        lines: Vec<Line>,
        at: i64,
        period: (i64, i64),
    ) -> Invoice {
        let row = self.customers.get(customer);
        Invoice {
            starting_balance: row.map_or(0, |row| row.balance),
            email: row.and_then(|row| row.email.clone()),
            name: row.and_then(|row| row.name.clone()),
            id: self.ids.long("upcoming_in_"),
            created: at,
            customer: customer.to_owned(),
            subscription,
            subscription_metadata,
            currency,
            status: InvoiceStatus::Draft,
            reason,
            lines,
            number: None,
            description: None,
            metadata: Metadata::new(),
            auto_advance: true,
            finalizes_at: None,
            finalized_at: None,
            paid_at: None,
            voided_at: None,
            uncollectible_at: None,
            attempt_count: 0,
            attempted: false,
            retries: 0,
            next_attempt: None,
            ending_balance: None,
            amount_paid: 0,
            period,
            payment_intent: None,
            discounts: Vec::new(),
            authenticating: None,
            finalization_error: None,
        }
    }
}
