//! `POST /_sandbox/discord/…`.

use serde_json::{Value, json};

use super::{
    Answer,
    fields::{Fields, Refused},
};
use crate::{World, discord::Fault};

pub(super) fn act(_world: &mut World, _action: &str, _fields: &Fields) -> Answer {
    Err(Refused::absent("there is no such control"))
}

pub(super) fn fault(world: &mut World, fields: &Fields, _effect: &Value) -> Answer {
    let fault: Fault = serde_json::from_value(fields.to_json())
        .map_err(|error| Refused::bad(&error.to_string()))?;
    world.discord.faults.add(fault);
    Ok(json!({"ok": true}))
}

pub(super) fn without_faults(world: &mut World) {
    world.discord.faults.clear();
}
