//! The server functions of the brake, the freeze and observing. Each guards itself.

use super::actions::{operator, tell};
use super::{AdminError, LossCause};
use leptos::prelude::*;

/// Holds every removal of a role, or lets them go on.
#[server(prefix = "/api", endpoint = "desk_freeze")]
pub async fn desk_freeze(on: bool, back: String) -> Result<(), AdminError> {
    let (operator, port) = operator()?;
    let done = port.freeze(&operator.discord_user_id, on).await;
    tell(done, &back)
}

/// Lets losses of a cause go on.
#[server(prefix = "/api", endpoint = "desk_lift")]
pub async fn desk_lift(cause: String, back: String) -> Result<(), AdminError> {
    let (operator, port) = operator()?;
    let done = match LossCause::from_word(&cause) {
        Some(cause) => port.lift_brake(&operator.discord_user_id, cause).await,
        None => Err(AdminError::Changed),
    };
    tell(done, &back)
}

/// Ends observing.
#[server(prefix = "/api", endpoint = "desk_go")]
pub async fn desk_go(back: String) -> Result<(), AdminError> {
    let (operator, port) = operator()?;
    let done = port.stop_observing(&operator.discord_user_id).await;
    tell(done, &back)
}
