//! Roles follow entitlements: desired minus actual, each of Discord's answers recorded.

pub mod brake;
pub mod by_hand;
pub mod consent;
mod desired;
mod guild;
mod join;
mod plan;
mod record;
mod refusal;
mod round;
pub mod switches;
mod sync;

pub(crate) use plan::{Wanted, calls};
pub(crate) use record::{GrantState, Step, banned, left};

pub use guild::sync_guild;
pub use sync::sync_user;

use crate::db::DbError;
use crate::discord::DiscordError;

/// The one subject of kind `guild`.
pub const GUILD_SUBJECT: &str = "guild";

#[derive(Debug, thiserror::Error)]
pub enum RolesError {
    #[error(transparent)]
    Discord(#[from] DiscordError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for RolesError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}
