//! `/v1/checkout/sessions`.

mod business;
mod complete;
mod create;
mod render;

pub(super) use business::Collects;
pub(super) use complete::Submitted;

use serde_json::Value;

use super::{
    Stripe,
    errors::{Outcome, Refusal},
    forms::Params,
    pagination,
    records::Session,
};

impl Stripe {
    fn session(&self, id: &str) -> Outcome<&Session> {
        self.sessions
            .get(id)
            .ok_or_else(|| Refusal::not_found("checkout.session", id))
    }

    pub(super) fn sessions_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        match (verb, rest) {
            ("POST", []) => self.create_session(p).map(Some),
            ("GET", []) => {
                pagination::only_filters(
                    p,
                    &[
                        "customer",
                        "subscription",
                        "payment_intent",
                        "status",
                        "customer_details",
                    ],
                )?;
                let (customer, subscription) =
                    (self.customer_filter(p)?, p.filled("subscription")?);
                let intent = p.filled("payment_intent")?;
                let status = p.choice("status", &["open", "complete", "expired"])?;
                let email = match p.hash("customer_details")? {
                    Some(details) => {
                        details.only(&["email"])?;
                        details.filled("email")?
                    }
                    None => None,
                };
                let owner = subscription.or(customer);
                let (rows, more) =
                    pagination::page(&self.sessions, owner, "checkout.session", p, |row| {
                        customer.is_none_or(|id| row.customer.as_deref() == Some(id))
                            && intent.is_none_or(|id| row.payment_intent.as_deref() == Some(id))
                            && status.is_none_or(|status| row.status == status)
                            && email.is_none_or(|email| row.email.as_deref() == Some(email))
                    })?;
                let data = rows
                    .into_iter()
                    .map(|row| self.render_session(row))
                    .collect();
                Ok(Some(pagination::list(data, more, "/v1/checkout/sessions")))
            }
            ("GET", [id]) => {
                p.only(&[])?;
                self.session(id)
                    .map(|row| self.render_session(row))
                    .map(Some)
            }
            ("GET", [id, "line_items"]) => {
                p.only(&["limit", "starting_after", "ending_before"])?;
                let row = self.session(id)?;
                let limit = pagination::limit(p)?;
                let lines = self.render_session_lines(row);
                let more = lines.len() > limit;
                let data = lines.into_iter().take(limit).collect();
                Ok(Some(pagination::list(
                    data,
                    more,
                    &format!("/v1/checkout/sessions/{id}/line_items"),
                )))
            }
            ("POST", [id]) => {
                p.only(&["metadata"])?;
                let mut metadata = self.session(id)?.metadata.clone();
                p.merge_metadata(&mut metadata)?;
                if let Some(row) = self.sessions.get_mut(id) {
                    row.metadata = metadata;
                }
                self.session(id)
                    .map(|row| self.render_session(row))
                    .map(Some)
            }
            ("POST", [id, "expire"]) => {
                p.only(&[])?;
                let status = self.session(id)?.status;
                if status != "open" {
                    return Err(Refusal::invalid(format!(
                        "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of {status}."
                    )));
                }
                self.expire_session(id);
                self.session(id)
                    .map(|row| self.render_session(row))
                    .map(Some)
            }
            _ => Ok(None),
        }
    }

    pub(super) fn session_expires(&mut self, id: &str, at: i64) {
        if self
            .sessions
            .get(id)
            .is_some_and(|row| row.status == "open" && row.expires_at == at)
        {
            self.expire_session(id);
        }
    }

    fn expire_session(&mut self, id: &str) {
        let now = self.stamp();
        let Some(row) = self.sessions.get_mut(id) else {
            return;
        };
        row.status = "expired";
        row.expired = true;
        row.authenticating = None;
        row.expires_at = row.expires_at.min(now);
        self.emit_session("checkout.session.expired", id);
    }

    fn emit_session(&mut self, kind: &'static str, id: &str) {
        if let Some(row) = self.sessions.get(id) {
            let body = self.render_session(row);
            self.emit(kind, &body);
        }
    }
}
