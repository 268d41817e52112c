//! One's account: who one is here, one's data, another account at Discord, leaving for good.

#[cfg(feature = "ssr")]
pub mod delete;
pub mod forms;
#[cfg(feature = "ssr")]
pub mod moving;
#[cfg(feature = "ssr")]
pub mod page;
pub mod problem;
mod typed;

pub use typed::TypedForm;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// What is typed to delete an account.
pub const CONFIRMATION: &str = "delete";
/// Where a membership's move is confirmed.
pub const CONFIRM_MOVE: &str = "/account/move/confirm";
/// Where one's data is downloaded.
pub const EXPORT: &str = "/account/export";

/// Whether what was typed confirms; case and spaces around it do not matter.
#[must_use]
pub fn confirms(typed: &str) -> bool {
    typed.trim().to_lowercase() == CONFIRMATION
}

/// Why nothing came of what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum AccountError {
    #[error("nobody is signed in")]
    NotSignedIn,
    /// The word that confirms was not typed.
    #[error("it was not confirmed")]
    NotConfirmed,
    /// There is no deletion that could be taken back.
    #[error("there is nothing to take back")]
    TooLate,
    #[error("the account is being deleted")]
    Deleting,
    #[error("there is no membership to move")]
    NothingToMove,
    /// The second sign-in was with the account one moves away from.
    #[error("both are the same account")]
    SameAccount,
    /// The first sign-in was with another account than the one signed in here.
    #[error("this is another account")]
    OtherAccount,
    /// A sign-in of the two is missing or too long ago, or the move was confirmed already.
    #[error("the sign-ins are not fresh")]
    NotFresh,
    #[error("the other account has a membership of its own")]
    OtherPays,
    #[error("the other account is banned from the server")]
    OtherBanned,
    /// The operator withheld access from one of the two.
    #[error("access is withheld")]
    Withheld,
    #[error("a membership moves once a day at most")]
    OnceADay,
    /// A company would be without an owner.
    #[error("a company needs an owner")]
    LastOwner,
    #[error("the membership is being worked on")]
    Busy,
    #[error("too many tries; wait a minute")]
    TooMany,
    #[error("our own database did not answer")]
    Unavailable,
}

/// What gives somebody a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    pub plan: String,
    pub kind: HoldingKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HoldingKind {
    /// One that is not over.
    Subscription,
    /// Until then, UTC epoch ms; none is for life.
    Pass { until: Option<i64> },
}

/// How far a deletion has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// May be taken back until it begins.
    Asked,
    /// Subscriptions are being ended at Stripe.
    Ending,
    /// Roles are being taken.
    Revoking,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    pub stage: Stage,
    /// UTC epoch ms.
    pub asked_at: i64,
    pub begins_at: i64,
}

/// Who one is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// As Discord gave it.
    pub email: Option<String>,
    pub email_confirmed: bool,
    /// UTC epoch ms.
    pub since: i64,
    pub holdings: Vec<Holding>,
    pub had_trial: bool,
    pub deletion: Option<Deletion>,
}

/// One of the two accounts of a move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    pub name: String,
    pub discord_user_id: String,
    /// Never signed in here: known by their id alone.
    pub stranger: bool,
}

/// A move that can be confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    pub from: Party,
    pub to: Party,
    pub holdings: Vec<Holding>,
    pub had_trial: bool,
    /// Where the notice goes.
    pub email: Option<String>,
}

/// What the pages need of the server. Every function takes whose it is.
#[async_trait]
pub trait AccountPort: Send + Sync {
    async fn account(&self, user_id: &str) -> Result<Account, AccountError>;

    /// Asks for the account to be deleted; it begins after a while. Safe to send twice.
    async fn delete(&self, user_id: &str, typed: &str) -> Result<(), AccountError>;

    /// Takes a deletion back that has not begun.
    async fn keep(&self, user_id: &str) -> Result<(), AccountError>;

    /// The move of this person's membership that two fresh sign-ins prepared.
    async fn prepared(&self, user_id: &str, ticket: &str) -> Result<Move, AccountError>;
}

#[cfg(test)]
mod tests {
    use super::confirms;

    #[test]
    fn only_the_word_confirms() {
        for typed in ["delete", " Delete ", "DELETE"] {
            assert!(confirms(typed), "{typed}");
        }
        for typed in ["", "yes", "delete my account", "d elete"] {
            assert!(!confirms(typed), "{typed}");
        }
    }
}
