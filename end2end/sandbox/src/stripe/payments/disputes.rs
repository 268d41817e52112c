//! `/v1/disputes`: a cardholder asks the bank for the money back.

use serde_json::Value;

use super::super::{
    Stripe,
    errors::{Outcome, Refusal},
    forms::{Metadata, Params},
    pagination,
    records::Dispute,
};

impl Stripe {
    pub(in crate::stripe) fn disputes_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        match (verb, rest) {
            ("GET", []) => {
                pagination::only_filters(p, &["charge", "payment_intent"])?;
                let owner = p.filled("charge")?.or(p.filled("payment_intent")?);
                let (rows, more) = pagination::page(&self.disputes, owner, "dispute", p, |_| true)?;
                let data = rows.into_iter().map(Self::render_dispute).collect();
                Ok(Some(pagination::list(data, more, "/v1/disputes")))
            }
            ("GET", [id]) => {
                p.only(&[])?;
                let dispute = self
                    .disputes
                    .get(id)
                    .ok_or_else(|| Refusal::not_found("dispute", id))?;
                Ok(Some(Self::render_dispute(dispute)))
            }
            ("POST", [id, "close"]) => {
                p.only(&[])?;
                if !self.disputes.has(id) {
                    return Err(Refusal::not_found("dispute", id));
                }
                self.close_dispute(id, false).map_err(Refusal::invalid)?;
                Ok(self.disputes.get(id).map(Self::render_dispute))
            }
            _ => Ok(None),
        }
    }

    /// Opens a dispute over the whole charge. Answers its id, or why not.
    pub fn open_dispute(&mut self, charge: &str, reason: &str) -> Result<String, String> {
        let id = self.new_dispute(charge, reason, "needs_response")?;
        if let Some(row) = self.disputes.get(&id) {
            let body = Self::render_dispute(row);
            self.emit("charge.dispute.funds_withdrawn", &body);
        }
        Ok(id)
    }

    /// The bank asks before it takes anything: an inquiry.
    pub fn open_inquiry(&mut self, charge: &str, reason: &str) -> Result<String, String> {
        self.new_dispute(charge, reason, "warning_needs_response")
    }

    /// An inquiry becomes a dispute: the money is taken.
    pub fn escalate_inquiry(&mut self, dispute: &str) -> Result<(), String> {
        let row = self
            .disputes
            .get_mut(dispute)
            .filter(|row| row.status == "warning_needs_response")
            .ok_or_else(|| format!("No such inquiry: '{dispute}'"))?;
        let before = Self::render_dispute(row);
        row.status = "needs_response";
        let after = Self::render_dispute(row);
        self.emit_change("charge.dispute.updated", &before, &after);
        self.emit("charge.dispute.funds_withdrawn", &after);
        Ok(())
    }

    fn new_dispute(
        &mut self,
        charge: &str,
        reason: &str,
        status: &'static str,
    ) -> Result<String, String> {
        let id = self.ids.long("dp_");
        let now = self.stamp();
        let row = self
            .charges
            .get_mut(charge)
            .ok_or_else(|| format!("No such charge: '{charge}'"))?;
        if row.failure.is_some() || row.disputed {
            return Err(format!(
                "Charge {charge} cannot be disputed: it failed or is disputed already."
            ));
        }
        row.disputed = true;
        let dispute = Dispute {
            id: id.clone(),
            created: now,
            amount: row.amount - row.refunded,
            currency: row.currency.clone(),
            charge: charge.to_owned(),
            payment_intent: row.payment_intent.clone(),
            reason: reason.to_owned(),
            status,
            metadata: Metadata::new(),
        };
        let body = Self::render_dispute(&dispute);
        self.disputes.add(dispute);
        if let Some(row) = self.charges.get(charge) {
            let after = self.render_charge(row);
            let mut before = after.clone();
            before["disputed"] = false.into();
            self.emit_change("charge.updated", &before, &after);
        }
        self.emit("charge.dispute.created", &body);
        Ok(id)
    }

    /// Closes an open dispute, won or lost.
    pub fn close_dispute(&mut self, dispute: &str, won: bool) -> Result<(), String> {
        let row = self
            .disputes
            .get_mut(dispute)
            .ok_or_else(|| format!("No such dispute: '{dispute}'"))?;
        if matches!(row.status, "won" | "lost") {
            return Err("This dispute is already closed".into());
        }
        row.status = if won { "won" } else { "lost" };
        let body = Self::render_dispute(row);
        if won {
            self.emit("charge.dispute.funds_reinstated", &body);
        }
        self.emit("charge.dispute.closed", &body);
        Ok(())
    }
}
