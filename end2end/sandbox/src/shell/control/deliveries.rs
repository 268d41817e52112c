//! `POST /_sandbox/deliveries/…`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Answer,
    fields::{Fields, Refused},
};
use crate::{
    World,
    clock::Clock,
    shell::{Delivered, Shell, deliveries},
};

pub(super) async fn act(shell: &Arc<Shell>, action: &str, _fields: &Fields) -> Answer {
    match action {
        "flush" => {
            let sent = deliveries::deliver_due(shell, Clock::wall_ms()).await;
            Ok(json!({"ok": true, "sent": sent.iter().map(delivered).collect::<Value>()}))
        }
        _ => Err(Refused::absent("there is no such control")),
    }
}

fn delivered(delivered: &Delivered) -> Value {
    json!({
        "endpoint": delivered.endpoint_id,
        "event": delivered.event_id,
        "status": delivered.status,
    })
}

pub(super) fn fault(_world: &mut World, _fields: &Fields) -> Answer {
    Err(Refused::absent("there is no such fault"))
}

pub(super) fn without_faults(_world: &mut World) {}
