//! Events: one for every change, kept 30 days.

use std::collections::{BTreeSet, HashMap, VecDeque};

use serde_json::{Map, Value, json};

use super::{
    API_VERSION, Stripe,
    calendar::DAY,
    errors::{Outcome, Refusal},
    forms::Params,
    pagination,
    webhooks::DeliveryState,
};

const KEPT: i64 = 30 * DAY;

#[derive(Clone, Debug)]
pub(super) struct Event {
    pub id: String,
    pub kind: &'static str,
    pub created: i64,
    /// `{"object": …, "previous_attributes": …}` as JSON text: most events are never read again.
    pub data: Box<str>,
    pub object: String,
    pub customer: Option<String>,
    pub request: Option<String>,
    pub key: Option<String>,
    pub deliveries: Vec<u64>,
    /// Endpoints it went to when it happened.
    pub fanout: usize,
}

#[derive(Debug, Default)]
pub(super) struct EventLog {
    events: VecDeque<Event>,
    /// Number of the first event still kept.
    first: usize,
    places: HashMap<String, usize>,
    /// Not in the list yet.
    hidden: BTreeSet<String>,
}

impl EventLog {
    pub fn push(&mut self, event: Event) {
        self.places
            .insert(event.id.clone(), self.first + self.events.len());
        self.events.push_back(event);
    }

    pub fn get(&self, id: &str) -> Option<&Event> {
        self.places
            .get(id)
            .and_then(|place| self.events.get(place.checked_sub(self.first)?))
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut Event> {
        let place = self.places.get(id)?.checked_sub(self.first)?;
        self.events.get_mut(place)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.events.iter()
    }

    /// How many were ever made.
    pub fn made(&self) -> usize {
        self.first + self.events.len()
    }

    /// Forgets events made before `since`; answers them.
    fn forget_before(&mut self, since: i64) -> Vec<Event> {
        let mut gone = Vec::new();
        while self
            .events
            .front()
            .is_some_and(|event| event.created < since)
        {
            if let Some(event) = self.events.pop_front() {
                self.places.remove(&event.id);
                self.first += 1;
                gone.push(event);
            }
        }
        gone
    }

    fn place(&self, id: &str) -> Option<usize> {
        self.places.get(id)?.checked_sub(self.first)
    }
}

/// What `before` held where `after` differs, as Stripe's `previous_attributes`: hashes by key, the rest whole.
pub(super) fn previous_attributes(before: &Value, after: &Value) -> Map<String, Value> {
    let mut changed = Map::new();
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return changed;
    };
    for (key, new) in after {
        let old = before.get(key).unwrap_or(&Value::Null);
        if old == new {
            continue;
        }
        let old = match (old, new) {
            (Value::Object(_), Value::Object(_)) => Value::Object(previous_attributes(old, new)),
            _ => old.clone(),
        };
        changed.insert(key.clone(), old);
    }
    // A key that is gone, as a removed metadata entry.
    for (key, old) in before {
        if !after.contains_key(key) {
            changed.insert(key.clone(), old.clone());
        }
    }
    changed
}

impl Stripe {
    pub(super) fn emit(&mut self, kind: &'static str, object: &Value) {
        self.emit_with(kind, object, None);
    }

    /// An `….updated` event with `previous_attributes`; none when nothing differs.
    pub(super) fn emit_change(&mut self, kind: &'static str, before: &Value, after: &Value) {
        let changed = previous_attributes(before, after);
        if !changed.is_empty() {
            self.emit_with(kind, after, Some(Value::Object(changed)));
        }
    }

    fn emit_with(&mut self, kind: &'static str, object: &Value, previous: Option<Value>) {
        let mut data = format!("{{\"object\":{object}");
        if let Some(previous) = previous {
            data.push_str(",\"previous_attributes\":");
            data.push_str(&previous.to_string());
        }
        data.push('}');
        let text = |name: &str| object[name].as_str().map(str::to_owned);
        let id = self.ids.long("evt_");
        let own = text("id").unwrap_or_default();
        let customer = if own.starts_with("cus_") {
            Some(own.clone())
        } else {
            text("customer")
        };
        let (deliveries, fanout) = self.queue_deliveries(&id, kind);
        self.events.push(Event {
            id,
            kind,
            created: self.stamp(),
            data: data.into_boxed_str(),
            object: own,
            customer,
            request: self.cause.request.clone(),
            key: self.cause.key.clone(),
            deliveries,
            fanout,
        });
    }

    pub(super) fn prune_events(&mut self) {
        let since = self.stamp() - KEPT;
        for event in self.events.forget_before(since) {
            for delivery in event.deliveries {
                self.outbox.forget(delivery);
            }
        }
    }

    /// The event as an endpoint of `version` gets it.
    pub(super) fn event_text(event: &Event, version: &str, pending: usize) -> String {
        let request = json!({ "id": event.request, "idempotency_key": event.key });
        format!(
            "{{\"id\":{},\"object\":\"event\",\"api_version\":{},\"created\":{},\"data\":{},\"livemode\":false,\"pending_webhooks\":{pending},\"request\":{request},\"type\":{}}}",
            json!(event.id),
            json!(version),
            event.created,
            event.data,
            json!(event.kind),
        )
    }

    pub(super) fn render_event(&self, event: &Event) -> Value {
        let pending = event
            .deliveries
            .iter()
            .filter(|id| self.outbox.state(**id) != Some(DeliveryState::Succeeded))
            .count();
        serde_json::from_str(&Self::event_text(event, API_VERSION, pending)).unwrap_or(Value::Null)
    }

    /// Keeps an event out of `GET /v1/events` for now, or lets it appear, with the `created` it
    /// always had: Stripe's list does not promise to be complete at once.
    pub fn hide_event(&mut self, event_id: &str, hidden: bool) {
        if hidden {
            self.events.hidden.insert(event_id.to_owned());
        } else {
            self.events.hidden.remove(event_id);
        }
    }

    /// The newest event of that type.
    #[must_use]
    pub fn latest_event(&self, kind: &str) -> Option<String> {
        let mut newest_first = self.events.iter().rev();
        newest_first
            .find(|event| event.kind == kind)
            .map(|event| event.id.clone())
    }

    /// Did every delivery of this event arrive?
    fn delivered(&self, event: &Event) -> bool {
        event
            .deliveries
            .iter()
            .all(|id| self.outbox.state(*id) == Some(DeliveryState::Succeeded))
    }

    pub(super) fn events_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        match (verb, rest) {
            ("GET", []) => self.list_events(p).map(Some),
            ("GET", [id]) => {
                p.only(&[])?;
                let event = self
                    .events
                    .get(id)
                    .ok_or_else(|| Refusal::not_found("event", id))?;
                Ok(Some(self.render_event(event)))
            }
            _ => Ok(None),
        }
    }

    fn list_events(&self, p: &Params<'_>) -> Outcome {
        pagination::only_filters(p, &["type", "types", "delivery_success"])?;
        let limit = pagination::limit(p)?;
        let (low, high) = pagination::created_bounds(p)?;
        let delivered = p.flag("delivery_success")?;
        let (one, types) = (p.filled("type")?, p.texts("types")?);
        if one.is_some() && !types.is_empty() {
            return Err(Refusal::invalid(
                "You may only specify one of these parameters: type, types.",
            ));
        }
        if types.len() > 20 {
            return Err(Refusal::param(
                "types",
                "You may only specify up to 20 event types.",
            ));
        }
        let wanted: Vec<&str> = one.into_iter().chain(types).collect();
        let keep = |event: &&Event| {
            (low..=high).contains(&event.created)
                && !self.events.hidden.contains(&event.id)
                && (wanted.is_empty()
                    || wanted
                        .iter()
                        .any(|pattern| matches_kind(pattern, event.kind)))
                && delivered.is_none_or(|want| self.delivered(event) == want)
        };
        let cursor = |name: &str| -> Outcome<Option<usize>> {
            p.filled(name)?
                .map(|id| {
                    self.events
                        .place(id)
                        .ok_or_else(|| Refusal::no_such("event", id, name))
                })
                .transpose()
        };
        let (after, before) = (cursor("starting_after")?, cursor("ending_before")?);
        let mut rows: Vec<&Event> = if let Some(place) = before {
            let newer = self.events.iter().skip(place + 1);
            newer.filter(keep).take(limit + 1).collect()
        } else {
            let end = after.unwrap_or(self.events.events.len());
            let older = self.events.events.range(..end).rev();
            older.filter(keep).take(limit + 1).collect()
        };
        let more = rows.len() > limit;
        rows.truncate(limit);
        if before.is_some() {
            rows.reverse();
        }
        let data = rows
            .into_iter()
            .map(|event| self.render_event(event))
            .collect();
        Ok(pagination::list(data, more, "/v1/events"))
    }
}

/// `charge.*` and `*` match by prefix.
pub(super) fn matches_kind(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => kind.starts_with(prefix),
        None => pattern == kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previous_attributes_hold_only_what_changed() {
        let before =
            json!({"a": 1, "m": {"x": "1", "gone": "2"}, "list": [1, 2], "same": {"k": 1}});
        let after = json!({"a": 2, "m": {"x": "3"}, "list": [1], "same": {"k": 1}, "new": true});
        assert_eq!(
            Value::Object(previous_attributes(&before, &after)),
            json!({"a": 1, "m": {"x": "1", "gone": "2"}, "list": [1, 2], "new": null})
        );
        assert!(previous_attributes(&after, &after).is_empty());
    }

    #[test]
    fn kinds_match_exactly_or_by_prefix() {
        assert!(matches_kind("*", "charge.refunded"));
        assert!(matches_kind("charge.*", "charge.refunded"));
        assert!(!matches_kind("charge", "charge.refunded"));
        assert!(!matches_kind("invoice.*", "invoice_payment.paid"));
    }
}
