//! `/v1/refunds`.

use serde_json::Value;

use super::super::{
    Stripe,
    errors::{Outcome, Refusal},
    forms::{Metadata, Params},
    pagination,
    records::Refund,
};

impl Stripe {
    pub(in crate::stripe) fn refunds_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        match (verb, rest) {
            ("POST", []) => {
                p.only(&["charge", "payment_intent", "amount", "reason", "metadata"])?;
                let charge = match (p.filled("charge")?, p.filled("payment_intent")?) {
                    (Some(charge), _) => charge.to_owned(),
                    (None, Some(intent)) => {
                        let row = self.intents.get(intent);
                        let row = row.ok_or_else(|| {
                            Refusal::no_such("payment_intent", intent, "payment_intent")
                        })?;
                        row.latest_charge.clone().filter(|_| row.status == "succeeded").ok_or_else(|| {
                            Refusal::invalid("This PaymentIntent does not have a successful charge to refund.")
                        })?
                    }
                    (None, None) => {
                        return Err(Refusal::invalid(
                            "One of the following params should be provided for this request: payment_intent or charge.",
                        ));
                    }
                };
                let reason = p.choice(
                    "reason",
                    &["duplicate", "fraudulent", "requested_by_customer"],
                )?;
                let id = self.make_refund(&charge, p.int("amount")?, reason, p.metadata()?)?;
                Ok(self.refunds.get(&id).map(Self::render_refund))
            }
            ("GET", []) => {
                let (charge, intent) = (p.filled("charge")?, p.filled("payment_intent")?);
                self.list_refunds(charge.or(intent), p, "/v1/refunds")
                    .map(Some)
            }
            ("GET", [id]) => {
                p.only(&[])?;
                let refund = self
                    .refunds
                    .get(id)
                    .ok_or_else(|| Refusal::not_found("refund", id))?;
                Ok(Some(Self::render_refund(refund)))
            }
            _ => Ok(None),
        }
    }

    pub(in crate::stripe) fn list_refunds(
        &self,
        owner: Option<&str>,
        p: &Params<'_>,
        url: &str,
    ) -> Outcome {
        pagination::only_filters(p, &["charge", "payment_intent"])?;
        let (rows, more) = pagination::page(&self.refunds, owner, "refund", p, |_| true)?;
        Ok(pagination::list(
            rows.into_iter().map(Self::render_refund).collect(),
            more,
            url,
        ))
    }

    /// Gives back `amount` of a charge, or all that is left of it. Answers the refund's id, or why not.
    pub fn refund_charge(&mut self, charge: &str, amount: Option<i64>) -> Result<String, String> {
        self.make_refund(
            charge,
            amount,
            Some("requested_by_customer"),
            Metadata::new(),
        )
        .map_err(|refusal| refusal.message)
    }

    fn make_refund(
        &mut self,
        charge: &str,
        amount: Option<i64>,
        reason: Option<&str>,
        metadata: Metadata,
    ) -> Outcome<String> {
        let (id, transaction) = (self.ids.plain("re_3", 23), self.ids.plain("txn_3", 23));
        let now = self.stamp();
        let row = self
            .charges
            .get_mut(charge)
            .ok_or_else(|| Refusal::no_such("charge", charge, "charge"))?;
        if row.failure.is_some() {
            return Err(Refusal::coded(
                "charge_not_refundable",
                format!("Charge {charge} has failed and cannot be refunded."),
            ));
        }
        let left = row.amount - row.refunded;
        if left == 0 {
            return Err(Refusal::coded(
                "charge_already_refunded",
                format!("Charge {charge} has already been refunded."),
            ));
        }
        let amount = amount.unwrap_or(left);
        if amount < 1 {
            return Err(
                Refusal::coded("parameter_invalid_integer", "Invalid positive integer")
                    .at("amount"),
            );
        }
        if amount > left {
            return Err(Refusal::param(
                "amount",
                format!(
                    "Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
                ),
            ));
        }
        row.refunded += amount;
        let refund = Refund {
            id: id.clone(),
            created: now,
            amount,
            currency: row.currency.clone(),
            charge: charge.to_owned(),
            payment_intent: row.payment_intent.clone(),
            reason: reason.map(str::to_owned),
            metadata,
            transaction,
            failure: None,
        };
        let body = Self::render_refund(&refund);
        self.refunds.add(refund);
        self.emit("refund.created", &body);
        self.emit_charge("charge.refunded", charge);
        Ok(id)
    }

    /// The bank cannot place a refund and sends the money back: it counts as never given
    /// (<https://docs.stripe.com/refunds#failed-refunds>).
    pub fn fail_refund(&mut self, refund: &str) -> Result<(), String> {
        let transaction = self.ids.plain("txn_3", 23);
        let row = self
            .refunds
            .get_mut(refund)
            .ok_or_else(|| format!("No such refund: '{refund}'"))?;
        if row.failure.is_some() {
            return Err(format!("Refund {refund} has failed already."));
        }
        let before = Self::render_refund(row);
        row.failure = Some(("expired_or_canceled_card", transaction));
        let after = Self::render_refund(row);
        let (charge, amount) = (row.charge.clone(), row.amount);
        if let Some(row) = self.charges.get_mut(&charge) {
            row.refunded -= amount;
        }
        for kind in ["refund.updated", "charge.refund.updated"] {
            self.emit_change(kind, &before, &after);
        }
        self.emit("refund.failed", &after);
        Ok(())
    }
}
