//! What mail a person gets: the page that the link in a mail leads to.

#[cfg(feature = "ssr")]
pub mod page;
pub mod prefer;
pub mod problem;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// What a person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preference {
    /// Only what is about their payments and their access.
    pub essential_only: bool,
}

/// Why nothing was read or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum MailProblem {
    /// The token is not one of ours, or was made under another key.
    #[error("the link is not ours")]
    BadLink,
    #[error("our own database did not answer")]
    Unavailable,
}

/// Why somebody's mail is not with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The last one came back: the address was refused.
    AddressRefused,
    /// One waits because the mail server is away.
    Delayed,
}

/// What the page needs of the server. The token is the leave to look and to change: it stands in
/// the person's own mails and opens nothing else.
#[async_trait]
pub trait MailPort: Send + Sync {
    async fn preference(&self, token: &str) -> Result<Preference, MailProblem>;

    async fn prefer(&self, token: &str, essential_only: bool) -> Result<(), MailProblem>;

    /// What the person is told on the dashboard, if anything.
    async fn trouble(&self, user_id: &str) -> Result<Option<Trouble>, MailProblem>;
}
