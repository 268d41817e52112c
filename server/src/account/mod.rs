//! One's account: what is known of somebody, all of it as a file, another account at Discord, and
//! leaving for good.

mod deletion;
mod ending;
mod erase;
mod export;
mod holdings;
mod moving;
mod relabel;
mod tickets;
mod trials;

use crate::db::DbError;
use crate::guards::LimitKind;
use crate::patience::lease::LeaseError;
use crate::seal::SealError;
use crate::state::AppState;
use app::account::{Account, AccountError, AccountPort, Move};
use async_trait::async_trait;

pub use deletion::{STUCK, in_words, role_gone, under_way};
pub use ending::{DeletionError, sync_deletion};
pub use export::pages;
pub use moving::{By, Mover, carry_out, shown, stranger_name};
pub use relabel::sync_relabel;
pub use tickets::{FRESH_MS, confirm, prepare};
pub use trials::spent as trial_spent;

/// The server's side of [`AccountPort`].
pub struct Accounts(pub AppState);

/// Any failure of what a person asked of their account, before it is told to them.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Told(#[from] AccountError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Lease(LeaseError),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<LeaseError> for Failure {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Busy => Self::Told(AccountError::Busy),
            other @ LeaseError::Db(_) => Self::Lease(other),
        }
    }
}

impl Failure {
    /// What the person is told; logged once.
    #[must_use]
    pub fn told(&self, what: &'static str) -> AccountError {
        match self {
            Self::Told(error) => {
                tracing::info!(
                    what,
                    problem = error.slug(),
                    "a person's request was refused"
                );
                *error
            }
            Self::Db(DbError::Fenced) => AccountError::Busy,
            other => {
                tracing::warn!(what, error = %other, "a person's request failed");
                AccountError::Unavailable
            }
        }
    }
}

/// Counts what somebody asks that changes something.
fn limited(state: &AppState, user_id: &str) -> Result<(), AccountError> {
    state
        .limits
        .check(LimitKind::AccountUser, user_id, state.clock.wall_ms())
        .map_err(|_| AccountError::TooMany)
}

#[async_trait]
impl AccountPort for Accounts {
    async fn account(&self, user_id: &str) -> Result<Account, AccountError> {
        holdings::account(&self.0, user_id)
            .await
            .map_err(|error| error.told("account"))
    }

    async fn delete(&self, user_id: &str, typed: &str) -> Result<(), AccountError> {
        deletion::ask(&self.0, user_id, typed)
            .await
            .map_err(|error| error.told("delete account"))
    }

    async fn keep(&self, user_id: &str) -> Result<(), AccountError> {
        deletion::keep(&self.0, user_id)
            .await
            .map_err(|error| error.told("keep account"))
    }

    async fn prepared(&self, user_id: &str, ticket: &str) -> Result<Move, AccountError> {
        tickets::prepared(&self.0, user_id, ticket)
            .await
            .map_err(|error| error.told("prepared move"))
    }
}
