//! Stands in until the engines have these.

use serde_json::{Value, json};

use crate::{discord::Discord, stripe::Stripe};

pub struct Delivery {
    pub id: String,
    pub endpoint_id: String,
    pub url: String,
    pub secret: String,
    pub event_id: String,
    pub body: String,
}

pub fn sign(_body: &str, _secret: &str, _ts: i64) -> String {
    String::new()
}

pub trait PendingStripe {
    fn take_due_deliveries(&mut self, _wall_ms: i64) -> Vec<Delivery> {
        Vec::new()
    }
    fn record_delivery(&mut self, _id: &str, _status: Option<u16>, _wall_ms: i64) {}
    fn state_json(&self) -> Value {
        json!({})
    }
}
impl PendingStripe for Stripe {}

pub trait PendingDiscord {
    fn state_json(&self) -> Value {
        json!({})
    }
}
impl PendingDiscord for Discord {}
