//! `POST /_sandbox/discord/…`.

use super::{
    Answer,
    fields::{Fields, Refused},
};
use crate::World;

pub(super) fn act(_world: &mut World, _action: &str, _fields: &Fields) -> Answer {
    Err(Refused::absent("there is no such control"))
}

pub(super) fn without_faults(_world: &mut World) {}
