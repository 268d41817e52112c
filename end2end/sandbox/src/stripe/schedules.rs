//! `/v1/subscription_schedules`: planned changes.

use serde_json::{Value, json};

use super::{
    Stripe,
    errors::{Outcome, Refusal},
    forms::{Metadata, Params},
    pagination,
    prices::render_plan,
    records::{Phase, Schedule},
    subscriptions::{Payment, Prorate},
    timers::Timer,
};

impl Stripe {
    fn schedule(&self, id: &str) -> Outcome<&Schedule> {
        self.schedules
            .get(id)
            .ok_or_else(|| Refusal::not_found("subscription_schedule", id))
    }

    pub(super) fn schedules_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        match (verb, rest) {
            ("POST", []) => self.create_schedule(p).map(Some),
            ("GET", []) => {
                pagination::only_filters(p, &["customer"])?;
                let customer = self.customer_filter(p)?;
                let (rows, more) = pagination::page(
                    &self.schedules,
                    customer,
                    "subscription_schedule",
                    p,
                    |_| true,
                )?;
                let data = rows
                    .into_iter()
                    .map(|row| self.render_schedule(row))
                    .collect();
                Ok(Some(pagination::list(
                    data,
                    more,
                    "/v1/subscription_schedules",
                )))
            }
            ("GET", [id]) => {
                p.only(&[])?;
                self.schedule(id)
                    .map(|row| self.render_schedule(row))
                    .map(Some)
            }
            ("POST", [id]) => self.update_schedule(id, p).map(Some),
            ("POST", [id, action @ ("release" | "cancel")]) => {
                p.only(&["preserve_cancel_date", "invoice_now", "prorate"])?;
                let row = self.schedule(id)?;
                if !matches!(row.status, "active" | "not_started") {
                    return Err(Refusal::invalid(format!(
                        "You cannot {action} a subscription schedule that is currently in the `{}` status.",
                        row.status
                    )));
                }
                let subscription = row.subscription.clone();
                if *action == "release" {
                    self.change_subscription(&subscription, |row| row.schedule = None);
                    self.end_schedule(id, "released");
                } else {
                    self.end_subscription(&subscription, Some("cancellation_requested"));
                }
                self.schedule(id)
                    .map(|row| self.render_schedule(row))
                    .map(Some)
            }
            _ => Ok(None),
        }
    }

    fn create_schedule(&mut self, p: &Params<'_>) -> Outcome {
        p.only(&["from_subscription", "metadata"])?;
        let id = p.need("from_subscription")?;
        let row = self.subscriptions.get(id);
        let row = row.ok_or_else(|| Refusal::no_such("subscription", id, "from_subscription"))?;
        if let Some(schedule) = &row.schedule {
            return Err(Refusal::invalid(format!(
                "You cannot migrate a subscription that is already attached to a schedule: `{schedule}`."
            )));
        }
        if row.status.ended() {
            return Err(Refusal::invalid(
                "You cannot migrate a subscription that has ended to a schedule.",
            ));
        }
        let (start, end) = row.period();
        let phase = Phase {
            start,
            end,
            items: row
                .items
                .iter()
                .map(|item| (item.price.clone(), item.quantity))
                .collect(),
            proration: "create_prorations",
            metadata: Metadata::new(),
            discounts: row.discounts.iter().map(|one| one.id.clone()).collect(),
        };
        let (customer, subscription) = (row.customer.clone(), row.id.clone());
        let schedule = Schedule {
            id: self.ids.long("sub_sched_"),
            created: self.stamp(),
            customer,
            subscription: subscription.clone(),
            status: "active",
            end_behavior: "release",
            phases: vec![phase],
            released_at: None,
            canceled_at: None,
            completed_at: None,
            metadata: p.metadata()?,
        };
        let id = schedule.id.clone();
        let body = self.render_schedule(&schedule);
        self.schedules.add(schedule);
        self.emit("subscription_schedule.created", &body);
        self.change_subscription(&subscription, |row| row.schedule = Some(id.clone()));
        self.set_timer(end, Timer::PhaseEnds(id.clone()));
        self.schedule(&id).map(|row| self.render_schedule(row))
    }

    fn update_schedule(&mut self, id: &str, p: &Params<'_>) -> Outcome {
        p.only(&["phases", "end_behavior", "metadata", "proration_behavior"])?;
        let mut draft = self.schedule(id)?.clone();
        if draft.status != "active" {
            return Err(Refusal::invalid(format!(
                "You cannot update a subscription schedule that is currently in the `{}` status.",
                draft.status
            )));
        }
        p.merge_metadata(&mut draft.metadata)?;
        if let Some(behavior) = p.choice("end_behavior", &["release", "cancel"])? {
            draft.end_behavior = behavior;
        }
        if p.has("phases") {
            draft.phases = self.read_phases(&draft, p)?;
        }
        for phase in &draft.phases {
            self.set_timer(phase.end, Timer::PhaseEnds(id.to_owned()));
        }
        let now = self.stamp();
        let running = draft
            .phases
            .iter()
            .find(|phase| (phase.start..phase.end).contains(&now))
            .cloned();
        let subscription = draft.subscription.clone();
        if let Some(row) = self.schedules.get_mut(id) {
            *row = draft;
        }
        if let Some(phase) = running {
            self.keep_phase_discounts(&subscription, &phase);
        }
        let body = self.schedule(id).map(|row| self.render_schedule(row))?;
        self.emit("subscription_schedule.updated", &body);
        Ok(body)
    }

    fn read_phases(&self, draft: &Schedule, p: &Params<'_>) -> Outcome<Vec<Phase>> {
        let mut phases: Vec<Phase> = Vec::new();
        let first = draft
            .phases
            .first()
            .map_or(self.stamp(), |phase| phase.start);
        for hash in p.hashes("phases")? {
            hash.only(&[
                "items",
                "start_date",
                "end_date",
                "duration",
                "proration_behavior",
                "metadata",
                "billing_cycle_anchor",
                "discounts",
            ])?;
            let start = phases.last().map_or(first, |phase| phase.end);
            if hash.filled("start_date")?.is_some_and(|at| at != "now")
                && hash.int("start_date")? != Some(start)
            {
                return Err(Refusal::param(
                    hash.name("start_date"),
                    "The phases of a schedule must be contiguous, and the current phase keeps its start date.",
                ));
            }
            let mut items = Vec::new();
            for item in hash.hashes("items")? {
                item.only(&["price", "quantity"])?;
                let price = self
                    .active_price(item.need("price")?, &item.name("price"))?
                    .id
                    .clone();
                items.push((price, item.int("quantity")?.unwrap_or(1)));
            }
            if items.is_empty() {
                return Err(Refusal::missing(hash.name("items")));
            }
            self.check_together(items.iter().map(|(price, _)| price.as_str()))?;
            let (_, every) = self.terms(items.first().map(|(price, _)| price.as_str()));
            let end = if let Some(end) = hash.int("end_date")? {
                end
            } else if let Some(duration) = hash.hash("duration")? {
                duration.only(&["interval", "interval_count"])?;
                let name = duration.need("interval")?;
                let interval = super::calendar::Interval::parse(name)
                    .ok_or_else(|| Refusal::param(duration.name("interval"), "Invalid interval"))?;
                super::calendar::period_end(
                    start,
                    interval,
                    duration.int("interval_count")?.unwrap_or(1),
                    start,
                )
            } else {
                super::calendar::period_end(start, every.interval, every.count, start)
            };
            if end <= start {
                return Err(Refusal::param(
                    hash.name("end_date"),
                    "A phase must end after it starts.",
                ));
            }
            let proration = hash
                .choice(
                    "proration_behavior",
                    &["create_prorations", "always_invoice", "none"],
                )?
                .unwrap_or("create_prorations");
            phases.push(Phase {
                start,
                end,
                items,
                proration,
                metadata: hash.metadata()?,
                discounts: self.read_phase_discounts(draft, &hash)?,
            });
        }
        if phases.is_empty() {
            return Err(Refusal::missing("phases"));
        }
        Ok(phases)
    }

    /// A phase has the discounts it names, and no others: what an update leaves out is lost.
    fn read_phase_discounts(&self, draft: &Schedule, hash: &Params<'_>) -> Outcome<Vec<String>> {
        let mut discounts = Vec::new();
        for one in hash.hashes("discounts")? {
            one.only(&["discount"])?;
            let id = one.need("discount")?;
            let known = self
                .subscriptions
                .get(&draft.subscription)
                .is_some_and(|row| row.discounts.iter().any(|known| known.id == id));
            if !known {
                return Err(Refusal::no_such("discount", id, &one.name("discount")));
            }
            discounts.push(id.to_owned());
        }
        Ok(discounts)
    }

    /// The discounts of the phase that runs are the subscription's.
    fn keep_phase_discounts(&mut self, subscription: &str, phase: &Phase) {
        let loses = self.subscriptions.get(subscription).is_some_and(|row| {
            let mut known = row.discounts.iter();
            known.any(|one| !phase.discounts.contains(&one.id))
        });
        if loses {
            self.change_subscription(subscription, |row| {
                row.discounts
                    .retain(|one| phase.discounts.contains(&one.id));
            });
        }
    }

    /// At the turn of a period the phase that begins then puts its items in place before the renewal is billed.
    pub(super) fn enter_phase(&mut self, subscription: &str, at: i64) {
        let Some(id) = self
            .subscriptions
            .get(subscription)
            .and_then(|row| row.schedule.clone())
        else {
            return;
        };
        self.phase_ended(&id, at);
    }

    pub(super) fn phase_ended(&mut self, id: &str, at: i64) {
        let Some(row) = self
            .schedules
            .get(id)
            .filter(|row| row.status == "active")
            .cloned()
        else {
            return;
        };
        if !row.phases.iter().any(|phase| phase.end == at) {
            return;
        }
        let Some(next) = row.phases.iter().find(|phase| phase.start == at) else {
            if row.end_behavior == "cancel" {
                self.end_subscription(&row.subscription, Some("cancellation_requested"));
            } else {
                self.change_subscription(&row.subscription, |row| row.schedule = None);
            }
            self.end_schedule(id, "completed");
            return;
        };
        self.keep_phase_discounts(&row.subscription, next);
        let Some(subscription) = self.subscriptions.get(&row.subscription).cloned() else {
            return;
        };
        let now: Vec<(String, i64)> = subscription
            .items
            .iter()
            .map(|item| (item.price.clone(), item.quantity))
            .collect();
        if now == next.items {
            return;
        }
        let mut items = Vec::new();
        for (place, (price, quantity)) in next.items.iter().enumerate() {
            match subscription.items.get(place) {
                Some(item) => {
                    let mut item = item.clone();
                    price.clone_into(&mut item.price);
                    item.quantity = *quantity;
                    items.push(item);
                }
                None => {
                    items.push(self.loose_item(price.clone(), *quantity, subscription.period()));
                }
            }
        }
        let before = self.subscription_json(&row.subscription);
        // At the end of a period there is nothing left to prorate: the renewal bills the new items.
        let turning = subscription.period().1 == at;
        let prorate = if turning {
            Prorate::None
        } else {
            Prorate::parse(Some(next.proration))
        };
        let mut change = self.shape_change(&subscription, items, None, false, at, prorate);
        if turning {
            change.restart = false;
            for item in &mut change.items {
                item.period = subscription.period();
            }
        }
        self.apply_change(&row.subscription, &change, Payment::Allow, &before);
    }

    pub(super) fn end_schedule(&mut self, id: &str, status: &'static str) {
        let now = self.stamp();
        let Some(row) = self
            .schedules
            .get_mut(id)
            .filter(|row| row.status == "active")
        else {
            return;
        };
        row.status = status;
        match status {
            "released" => row.released_at = Some(now),
            "canceled" => row.canceled_at = Some(now),
            _ => row.completed_at = Some(now),
        }
        let Some(row) = self.schedules.get(id) else {
            return;
        };
        let body = self.render_schedule(row);
        let kind = match status {
            "released" => "subscription_schedule.released",
            "canceled" => "subscription_schedule.canceled",
            _ => "subscription_schedule.completed",
        };
        self.emit(kind, &body);
    }

    pub(super) fn render_schedule(&self, row: &Schedule) -> Value {
        let now = self.stamp();
        let active = row.status == "active";
        let current = row
            .phases
            .iter()
            .find(|phase| active && (phase.start..phase.end).contains(&now));
        let phases: Vec<Value> = row
            .phases
            .iter()
            .map(|phase| self.render_phase(phase))
            .collect();
        let invoice_settings = json!({
            "account_tax_ids": null,
            "custom_fields": null,
            "days_until_due": null,
            "description": null,
            "footer": null,
            "issuer": { "type": "self" },
        });
        json!({
            "id": row.id,
            "object": "subscription_schedule",
            "application": null,
            "billing_mode": { "flexible": { "proration_discounts": "included" }, "type": "flexible" },
            "canceled_at": row.canceled_at,
            "completed_at": row.completed_at,
            "created": row.created,
            "current_phase": current.map(|phase| json!({ "end_date": phase.end, "start_date": phase.start })),
            "customer": row.customer,
            "customer_account": null,
            "default_settings": {
                "application_fee_percent": null,
                "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null },
                "billing_cycle_anchor": "automatic",
                "billing_thresholds": null,
                "collection_method": "charge_automatically",
                "default_payment_method": null,
                "description": null,
                "invoice_settings": invoice_settings,
                "on_behalf_of": null,
                "transfer_data": null,
            },
            "end_behavior": row.end_behavior,
            "livemode": false,
            "metadata": row.metadata,
            "phases": phases,
            "released_at": row.released_at,
            "released_subscription": row.released_at.map(|_| row.subscription.as_str()),
            "status": row.status,
            "subscription": row.released_at.is_none().then_some(row.subscription.as_str()),
            "test_clock": null,
        })
    }

    fn render_phase(&self, phase: &Phase) -> Value {
        let items: Vec<Value> = phase
            .items
            .iter()
            .map(|(price, quantity)| {
                json!({
                    "billing_thresholds": null,
                    "discounts": [],
                    "metadata": {},
                    "plan": self.prices.get(price).map(render_plan),
                    "price": price,
                    "quantity": quantity,
                    "tax_rates": [],
                })
            })
            .collect();
        let (currency, _) = self.terms(phase.items.first().map(|(price, _)| price.as_str()));
        json!({
            "add_invoice_items": [],
            "application_fee_percent": null,
            "billing_cycle_anchor": null,
            "billing_thresholds": null,
            "collection_method": null,
            "currency": currency,
            "default_payment_method": null,
            "default_tax_rates": [],
            "description": null,
            "discounts": phase.discounts.iter().map(|id| json!({
                "coupon": null, "discount": id, "promotion_code": null,
            })).collect::<Vec<_>>(),
            "end_date": phase.end,
            "invoice_settings": null,
            "items": items,
            "metadata": phase.metadata,
            "on_behalf_of": null,
            "proration_behavior": phase.proration,
            "start_date": phase.start,
            "transfer_data": null,
            "trial_end": null,
        })
    }
}
