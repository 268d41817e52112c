//! `/v1/subscriptions` and `/v1/subscription_items`.

mod apply;
mod cancel;
mod create;
mod proration;
mod render;
mod renew;
mod resume;
mod update;

pub(super) use create::{
    INCOMPLETE_FOR, Start, StartPayment, read_automatic_tax, read_trial_behavior,
};
pub(super) use update::{Bill, Change, Payment, Prorate};

use serde_json::Value;

use super::{
    Stripe,
    errors::{Outcome, Refusal},
    forms::Params,
    pagination,
    records::{Status, Subscription},
};

impl Stripe {
    pub(super) fn subscription(&self, id: &str) -> Outcome<&Subscription> {
        self.subscriptions
            .get(id)
            .ok_or_else(|| Refusal::not_found("subscription", id))
    }

    pub(super) fn subscription_json(&self, id: &str) -> Value {
        self.subscriptions
            .get(id)
            .map(|row| self.render_subscription(row))
            .unwrap_or_default()
    }

    /// Changes a subscription; tells it by `customer.subscription.updated` when something differs.
    pub(super) fn change_subscription(&mut self, id: &str, change: impl FnOnce(&mut Subscription)) {
        let before = self.subscription_json(id);
        if let Some(row) = self.subscriptions.get_mut(id) {
            change(row);
        }
        self.tell_subscription(id, &before);
    }

    /// `customer.subscription.updated` when the subscription differs from `before`.
    pub(super) fn tell_subscription(&mut self, id: &str, before: &Value) {
        let after = self.subscription_json(id);
        self.emit_change("customer.subscription.updated", before, &after);
    }

    pub(super) fn emit_subscription(&mut self, kind: &'static str, id: &str) {
        let body = self.subscription_json(id);
        self.emit(kind, &body);
    }

    pub(super) fn subscriptions_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        match (verb, rest) {
            ("POST", []) => self.create_subscription(p).map(Some),
            ("GET", []) => self.list_subscriptions(p).map(Some),
            ("GET", [id]) => {
                p.only(&[])?;
                self.subscription(id)
                    .map(|row| self.render_subscription(row))
                    .map(Some)
            }
            ("POST", [id]) => self.update_subscription(id, p).map(Some),
            ("DELETE", [id]) => self.delete_subscription(id, p).map(Some),
            ("POST", [id, "resume"]) => self.resume_subscription(id, p).map(Some),
            _ => Ok(None),
        }
    }

    fn list_subscriptions(&self, p: &Params<'_>) -> Outcome {
        let filters = [
            "customer",
            "price",
            "status",
            "collection_method",
            "current_period_end",
            "current_period_start",
        ];
        pagination::only_filters(p, &filters)?;
        let customer = self.customer_filter(p)?;
        let price = p.filled("price")?;
        let choices: Vec<&'static str> = Status::NAMES
            .iter()
            .copied()
            .chain(["all", "ended"])
            .collect();
        let status = p.choice("status", &choices)?;
        let method = p.choice(
            "collection_method",
            &["charge_automatically", "send_invoice"],
        )?;
        let (rows, more) =
            pagination::page(&self.subscriptions, customer, "subscription", p, |row| {
                let wanted = match status {
                    None => row.status != Status::Canceled,
                    Some("all") => true,
                    Some("ended") => row.status.ended(),
                    Some(status) => row.status.name() == status,
                };
                wanted
                    && price.is_none_or(|price| row.items.iter().any(|item| item.price == price))
                    && method.is_none_or(|method| method == "charge_automatically")
            })?;
        let data = rows
            .into_iter()
            .map(|row| self.render_subscription(row))
            .collect();
        Ok(pagination::list(data, more, "/v1/subscriptions"))
    }

    pub(super) fn items_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        match (verb, rest) {
            ("GET", []) => {
                p.only(&["subscription", "limit", "starting_after"])?;
                let id = p.need("subscription")?;
                let row = self.subscriptions.get(id);
                let row =
                    row.ok_or_else(|| Refusal::no_such("subscription", id, "subscription"))?;
                let limit = pagination::limit(p)?;
                let after = p.filled("starting_after")?;
                let skip = after.map_or(0, |after| {
                    row.items
                        .iter()
                        .position(|item| item.id == after)
                        .map_or(row.items.len(), |place| place + 1)
                });
                let rest = row.items.iter().skip(skip);
                let data = rest
                    .clone()
                    .take(limit)
                    .map(|item| self.render_item(&row.id, item))
                    .collect();
                Ok(Some(pagination::list(
                    data,
                    rest.count() > limit,
                    "/v1/subscription_items",
                )))
            }
            ("GET", [id]) => {
                p.only(&[])?;
                let home = self
                    .item_homes
                    .get(*id)
                    .and_then(|home| self.subscriptions.get(home));
                let row = home.ok_or_else(|| Refusal::not_found("subscription_item", id))?;
                let item = row.items.iter().find(|item| item.id == *id);
                Ok(Some(self.render_item(
                    &row.id,
                    item.ok_or_else(|| Refusal::not_found("subscription_item", id))?,
                )))
            }
            _ => Ok(None),
        }
    }
}
