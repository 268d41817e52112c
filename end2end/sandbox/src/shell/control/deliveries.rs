//! `POST /_sandbox/deliveries/…`: how events travel.
//!
//! | action | fields | does |
//! |---|---|---|
//! | `pause`, `resume` | | webhooks wait, and go on |
//! | `flush` | `retries`: those too that wait for their next attempt | sends what is due now, in order, paused or not; `{"sent": [{"endpoint", "event", "status"}]}` |
//! | `resend` | `event` | sends an event again to every endpoint that wants it |
//!
//! `POST /_sandbox/faults` with `target` = `deliveries`: `drop` and `double` (percent, or true
//! for all), `delay_ms`, `shuffle`; for events that happen from then on.

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
    stripe::DeliveryFaults,
};

/// Longer than any gap between two attempts.
const LONG_MS: i64 = 7 * 86_400_000;

pub(super) async fn act(shell: &Arc<Shell>, action: &str, fields: &Fields) -> Answer {
    match action {
        "pause" | "resume" => {
            shell.with(|world| world.deliveries_paused = action == "pause");
            Ok(json!({"ok": true}))
        }
        "flush" => {
            let later = if fields.flag("retries") { LONG_MS } else { 0 };
            let sent = deliveries::deliver_due(shell, Clock::wall_ms() + later).await;
            Ok(json!({"ok": true, "sent": sent.iter().map(delivered).collect::<Value>()}))
        }
        "resend" => {
            let event = fields.required("event")?;
            if shell.with(|world| world.stripe.resend_event(event)) {
                Ok(json!({"ok": true}))
            } else {
                Err(Refused::absent("there is no such event"))
            }
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

pub(super) fn fault(world: &mut World, fields: &Fields) -> Answer {
    world.stripe.set_delivery_faults(DeliveryFaults {
        drop: fields.percent("drop")?,
        double: fields.percent("double")?,
        delay_ms: fields.int("delay_ms")?.unwrap_or(0).max(0),
        shuffle: fields.flag("shuffle"),
    });
    Ok(json!({"ok": true}))
}

pub(super) fn without_faults(world: &mut World) {
    world.stripe.set_delivery_faults(DeliveryFaults::default());
}
