//! Webhook endpoints, their signed deliveries, and the faults one can ask for.

use std::collections::{BTreeMap, BTreeSet};

use hmac::{Hmac, Mac};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    API_VERSION, Stripe,
    errors::{Outcome, Refusal},
    events::matches_kind,
    forms::{Metadata, Params},
    pagination,
    table::Row,
};

/// Gaps between attempts in wall milliseconds; the last one repeats.
const GAPS: [i64; 7] = [1_000, 3_000, 10_000, 30_000, 60_000, 120_000, 300_000];
const MAX_ATTEMPTS: u32 = 16;

#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub id: String,
    pub created: i64,
    pub url: String,
    pub secret: String,
    pub enabled_events: Vec<String>,
    pub api_version: Option<String>,
    pub description: Option<String>,
    pub metadata: Metadata,
    pub enabled: bool,
    pub deleted: bool,
}

impl Row for Endpoint {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

/// What goes wrong with deliveries of events that happen from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeliveryFaults {
    /// Percent of deliveries that are lost for good; `true` reads as 100.
    #[serde(deserialize_with = "percent")]
    pub drop: u8,
    /// Percent of deliveries that are made twice; `true` reads as 100.
    #[serde(deserialize_with = "percent")]
    pub double: u8,
    /// Wall milliseconds every delivery waits before its first attempt.
    pub delay_ms: i64,
    /// Deliveries that are due together go out in any order.
    pub shuffle: bool,
}

fn percent<'de, D: Deserializer<'de>>(input: D) -> Result<u8, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Flag(bool),
        Percent(u8),
    }
    Ok(match Either::deserialize(input)? {
        Either::Flag(flag) => u8::from(flag) * 100,
        Either::Percent(percent) => percent.min(100),
    })
}

/// One attempt to be made now.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub id: u64,
    pub endpoint_id: String,
    pub url: String,
    pub secret: String,
    pub event_id: String,
    pub body: String,
    /// Counted from 1.
    pub attempt: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeliveryState {
    Waiting,
    Underway,
    Succeeded,
    Failed,
    /// Lost by a fault.
    Dropped,
}

impl DeliveryState {
    fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Underway => "underway",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

#[derive(Clone, Debug)]
struct Queued {
    endpoint: String,
    event: String,
    state: DeliveryState,
    delay_ms: i64,
    shuffled: bool,
    /// Wall milliseconds and answer of every attempt.
    attempts: Vec<(i64, Option<u16>)>,
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub faults: DeliveryFaults,
    rows: BTreeMap<u64, Queued>,
    next: u64,
    /// Queued since the last look, so that their wall time is not known yet.
    fresh: Vec<u64>,
    /// (due in wall milliseconds, delivery).
    due: BTreeSet<(i64, u64)>,
}

impl Outbox {
    pub fn state(&self, id: u64) -> Option<DeliveryState> {
        self.rows.get(&id).map(|row| row.state)
    }

    pub fn forget(&mut self, id: u64) {
        self.rows.remove(&id);
    }

    fn queue(&mut self, endpoint: &str, event: &str, state: DeliveryState) -> u64 {
        self.next += 1;
        let id = self.next;
        self.rows.insert(
            id,
            Queued {
                endpoint: endpoint.to_owned(),
                event: event.to_owned(),
                state,
                delay_ms: self.faults.delay_ms,
                shuffled: self.faults.shuffle,
                attempts: Vec::new(),
            },
        );
        if state == DeliveryState::Waiting {
            self.fresh.push(id);
        }
        id
    }
}

/// The `Stripe-Signature` header: HMAC-SHA256 over `{timestamp}.{body}`, `timestamp_s` in wall seconds.
#[must_use]
pub fn sign(body: &str, secret: &str, timestamp_s: i64) -> String {
    // HMAC takes keys of any length, so this never fails.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(timestamp_s.to_string().as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    let mut header = format!("t={timestamp_s},v1=");
    for byte in mac.finalize().into_bytes() {
        for nibble in [byte >> 4, byte & 15] {
            header.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    header
}

impl Stripe {
    /// Queues an event to every enabled endpoint that wants it; answers deliveries and endpoints counted.
    pub(super) fn queue_deliveries(&mut self, event: &str, kind: &str) -> (Vec<u64>, usize) {
        let faults = self.outbox.faults;
        let mut deliveries = Vec::new();
        let mut fanout = 0;
        for endpoint in self.endpoints.iter() {
            let wants = endpoint
                .enabled_events
                .iter()
                .any(|pattern| matches_kind(pattern, kind));
            if !endpoint.enabled || endpoint.deleted || !wants {
                continue;
            }
            fanout += 1;
            let state = if self.chance.chance(faults.drop) {
                DeliveryState::Dropped
            } else {
                DeliveryState::Waiting
            };
            deliveries.push(self.outbox.queue(&endpoint.id, event, state));
            if state == DeliveryState::Waiting && self.chance.chance(faults.double) {
                deliveries.push(self.outbox.queue(&endpoint.id, event, state));
            }
        }
        (deliveries, fanout)
    }

    /// Faults for deliveries of events that happen from now on.
    pub fn set_delivery_faults(&mut self, faults: DeliveryFaults) {
        self.outbox.faults = faults;
    }

    #[must_use]
    pub fn delivery_faults(&self) -> DeliveryFaults {
        self.outbox.faults
    }

    /// When the next delivery is due in wall milliseconds: 0 when one has just been queued, `None` when none waits.
    #[must_use]
    pub fn next_delivery_ms(&self) -> Option<i64> {
        if self.outbox.fresh.is_empty() {
            self.outbox.due.first().map(|(due, _)| *due)
        } else {
            Some(0)
        }
    }

    /// Hands out every attempt that is due at `wall_ms`; each must be answered by [`Self::record_delivery`].
    pub fn take_due_deliveries(&mut self, wall_ms: i64) -> Vec<Delivery> {
        for id in std::mem::take(&mut self.outbox.fresh) {
            if let Some(row) = self.outbox.rows.get(&id) {
                self.outbox.due.insert((wall_ms + row.delay_ms, id));
            }
        }
        let mut taken = Vec::new();
        while let Some(&(due, id)) = self.outbox.due.first() {
            if due > wall_ms {
                break;
            }
            self.outbox.due.remove(&(due, id));
            taken.push(id);
        }
        let mut shuffled: Vec<u64> = Vec::new();
        for id in &taken {
            if self.outbox.rows.get(id).is_some_and(|row| row.shuffled) {
                shuffled.push(*id);
            }
        }
        self.chance.shuffle(&mut shuffled);
        let mut shuffled = shuffled.into_iter();
        taken
            .into_iter()
            .filter_map(|id| {
                let swaps = self.outbox.rows.get(&id).is_some_and(|row| row.shuffled);
                let id = if swaps {
                    shuffled.next().unwrap_or(id)
                } else {
                    id
                };
                self.hand_out(id)
            })
            .collect()
    }

    fn hand_out(&mut self, id: u64) -> Option<Delivery> {
        let row = self.outbox.rows.get_mut(&id)?;
        let endpoint = self.endpoints.get(&row.endpoint)?;
        let Some(event) = self.events.get(&row.event).filter(|_| !endpoint.deleted) else {
            row.state = DeliveryState::Failed;
            return None;
        };
        row.state = DeliveryState::Underway;
        let version = endpoint.api_version.as_deref().unwrap_or(API_VERSION);
        Some(Delivery {
            id,
            endpoint_id: endpoint.id.clone(),
            url: endpoint.url.clone(),
            secret: endpoint.secret.clone(),
            event_id: event.id.clone(),
            body: Self::event_text(event, version, event.fanout),
            attempt: u32::try_from(row.attempts.len())
                .unwrap_or(u32::MAX)
                .saturating_add(1),
        })
    }

    /// What became of an attempt: the HTTP status, or `None` when there was no answer. Anything but 2xx is
    /// tried again, with growing gaps.
    pub fn record_delivery(&mut self, delivery_id: u64, status: Option<u16>, wall_ms: i64) {
        let Some(row) = self.outbox.rows.get_mut(&delivery_id) else {
            return;
        };
        if row.state != DeliveryState::Underway {
            return;
        }
        row.attempts.push((wall_ms, status));
        if status.is_some_and(|status| (200..300).contains(&status)) {
            row.state = DeliveryState::Succeeded;
            return;
        }
        let done = row.attempts.len();
        if u32::try_from(done).is_ok_and(|done| done >= MAX_ATTEMPTS) {
            row.state = DeliveryState::Failed;
            return;
        }
        row.state = DeliveryState::Waiting;
        let gap = GAPS.get(done - 1).or(GAPS.last()).copied().unwrap_or(0);
        self.outbox.due.insert((wall_ms + gap, delivery_id));
    }

    /// Sends an event again to every endpoint that wants it, as the Dashboard's button does. False: unknown event.
    pub fn resend_event(&mut self, event_id: &str) -> bool {
        let Some(kind) = self.events.get(event_id).map(|event| event.kind) else {
            return false;
        };
        let (deliveries, _) = self.queue_deliveries(event_id, kind);
        if let Some(event) = self.events.get_mut(event_id) {
            event.deliveries.extend(deliveries);
        }
        true
    }

    pub(super) fn deliveries_state(&self, ids: &[u64]) -> Value {
        ids.iter()
            .filter_map(|id| Some((id, self.outbox.rows.get(id)?)))
            .map(|(id, row)| {
                let attempts: Vec<Value> = row
                    .attempts
                    .iter()
                    .map(|(at, status)| json!({ "wall_ms": at, "status": status }))
                    .collect();
                json!({ "id": id, "endpoint": row.endpoint, "state": row.state.name(), "attempts": attempts })
            })
            .collect()
    }

    /// Makes an endpoint and answers (id, signing secret).
    pub fn add_webhook_endpoint(&mut self, url: &str, enabled_events: &[&str]) -> (String, String) {
        let endpoint = Endpoint {
            id: self.ids.long("we_"),
            created: self.stamp(),
            url: url.to_owned(),
            secret: self.ids.plain("whsec_", 32),
            enabled_events: enabled_events.iter().map(|&kind| kind.to_owned()).collect(),
            api_version: None,
            description: None,
            metadata: Metadata::new(),
            enabled: true,
            deleted: false,
        };
        let answer = (endpoint.id.clone(), endpoint.secret.clone());
        self.endpoints.add(endpoint);
        answer
    }

    pub(super) fn endpoints_route(
        &mut self,
        verb: &str,
        rest: &[&str],
        p: &Params<'_>,
    ) -> Outcome<Option<Value>> {
        let find = |stripe: &Self, id: &str| {
            stripe
                .endpoints
                .get(id)
                .filter(|endpoint| !endpoint.deleted)
                .map(|endpoint| endpoint.id.clone())
                .ok_or_else(|| Refusal::not_found("webhook endpoint", id))
        };
        match (verb, rest) {
            ("POST", []) => self.create_endpoint(p).map(Some),
            ("GET", []) => {
                pagination::only_filters(p, &[])?;
                let (rows, more) =
                    pagination::page(&self.endpoints, None, "webhook endpoint", p, |row| {
                        !row.deleted
                    })?;
                let data = rows.into_iter().map(render_endpoint).collect();
                Ok(Some(pagination::list(data, more, "/v1/webhook_endpoints")))
            }
            ("GET", [id]) => {
                p.only(&[])?;
                let id = find(self, id)?;
                Ok(self.endpoints.get(&id).map(render_endpoint))
            }
            ("POST", [id]) => {
                let id = find(self, id)?;
                self.update_endpoint(&id, p)
            }
            ("DELETE", [id]) => {
                let id = find(self, id)?;
                if let Some(endpoint) = self.endpoints.get_mut(&id) {
                    endpoint.deleted = true;
                }
                Ok(Some(
                    json!({ "id": id, "object": "webhook_endpoint", "deleted": true }),
                ))
            }
            _ => Ok(None),
        }
    }

    fn create_endpoint(&mut self, p: &Params<'_>) -> Outcome {
        p.only(&[
            "url",
            "enabled_events",
            "api_version",
            "description",
            "metadata",
            "connect",
        ])?;
        let url = checked_url(p.need("url")?)?;
        let events = p.texts("enabled_events")?;
        if events.is_empty() {
            return Err(Refusal::missing("enabled_events"));
        }
        let (api_version, description) = (p.owned("api_version")?, p.owned("description")?);
        let metadata = p.metadata()?;
        let (id, secret) = self.add_webhook_endpoint(&url, &events);
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.api_version = api_version;
            endpoint.description = description;
            endpoint.metadata = metadata;
        }
        let mut body = self
            .endpoints
            .get(&id)
            .map(render_endpoint)
            .unwrap_or_default();
        body["secret"] = secret.into();
        Ok(body)
    }

    fn update_endpoint(&mut self, id: &str, p: &Params<'_>) -> Outcome<Option<Value>> {
        p.only(&[
            "url",
            "enabled_events",
            "description",
            "metadata",
            "disabled",
        ])?;
        let url = p.filled("url")?.map(checked_url).transpose()?;
        let events = p.texts("enabled_events")?;
        let disabled = p.flag("disabled")?;
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return Ok(None);
        };
        p.merge_metadata(&mut endpoint.metadata)?;
        p.set("description", &mut endpoint.description)?;
        if let Some(url) = url {
            endpoint.url = url;
        }
        if !events.is_empty() {
            endpoint.enabled_events = events.into_iter().map(str::to_owned).collect();
        }
        if let Some(disabled) = disabled {
            endpoint.enabled = !disabled;
        }
        Ok(Some(render_endpoint(endpoint)))
    }
}

fn checked_url(text: &str) -> Outcome<String> {
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(text.to_owned()),
        _ => Err(Refusal::param(
            "url",
            "Invalid URL: An explicit scheme (such as https) must be provided.",
        )),
    }
}

pub(super) fn render_endpoint(endpoint: &Endpoint) -> Value {
    json!({
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "api_version": endpoint.api_version,
        "application": null,
        "created": endpoint.created,
        "description": endpoint.description,
        "enabled_events": endpoint.enabled_events,
        "livemode": false,
        "metadata": endpoint.metadata,
        "status": if endpoint.enabled { "enabled" } else { "disabled" },
        "url": endpoint.url,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_is_the_hmac_of_time_and_body() {
        // Computed once with OpenSSL: printf '1.{}' | openssl dgst -sha256 -hmac whsec_test
        assert_eq!(
            sign("{}", "whsec_test", 1),
            "t=1,v1=7500d5d4be4b3ef07af1fe56f7d522d135cdaa7530de557e67cc1049c52de094"
        );
    }

    #[test]
    fn faults_read_flags_and_percents() {
        let faults: DeliveryFaults =
            serde_json::from_str(r#"{"drop": true, "double": 30}"#).unwrap();
        assert_eq!(
            faults,
            DeliveryFaults {
                drop: 100,
                double: 30,
                delay_ms: 0,
                shuffle: false
            }
        );
    }
}
