//! Invites: links by which seats are claimed.

mod check;
mod copy;
#[cfg(feature = "ssr")]
pub mod forms;
pub mod lines;
#[cfg(feature = "ssr")]
pub mod links;
#[cfg(feature = "ssr")]
pub mod page;
pub mod problem;
#[cfg(feature = "ssr")]
pub mod write;

pub use check::{InviteBox, Room};
pub use copy::CopyField;

use crate::company::CompanyError;
use async_trait::async_trait;
use lines::LineProblem;
use serde::{Deserialize, Serialize};

/// The most that may be invited at once.
pub const MOST_AT_ONCE: usize = 1_000;

/// Why a seat cannot be claimed by a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum InviteError {
    #[error("nobody is signed in")]
    NotSignedIn,
    /// There never was such a link, or it is long gone.
    #[error("there is no such invite")]
    Unknown,
    #[error("the invite was used")]
    Used,
    #[error("the invite has expired")]
    Expired,
    /// Taken back by the company.
    #[error("the invite was taken back")]
    Revoked,
    /// A newer link was sent instead.
    #[error("the invite was replaced")]
    Replaced,
    #[error("the invite is for another address")]
    OtherAddress,
    #[error("the invite is for another domain")]
    OtherDomain,
    /// Discord does not call the person's address verified.
    #[error("the address is not verified")]
    Unverified,
    /// As many as may have claimed by this link.
    #[error("the link is used up")]
    UsedUp,
    #[error("no seat is free")]
    NoSeat,
    /// Whoever asks has a seat of this plan there.
    #[error("they have a seat already")]
    AlreadyMember,
    /// The company does not pay now.
    #[error("the company does not pay")]
    Lapsed,
    /// The account is being deleted.
    #[error("the account is being deleted")]
    Leaving,
    #[error("too many tries; wait a minute")]
    TooMany,
    #[error("our own database did not answer")]
    Unavailable,
}

/// Who may claim by a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    Anybody,
    Address(String),
    Domain(String),
}

/// What a link shows before it is claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    pub company: String,
    /// Who invites, by their name at Discord.
    pub inviter: String,
    pub plan: String,
    pub features: Vec<String>,
    pub bound: Bound,
    /// UTC epoch ms.
    pub expires_at: i64,
    /// A link for a group.
    pub group: bool,
    /// Why whoever looks cannot claim; nobody signed in is told none.
    pub refused: Option<InviteError>,
    /// Whoever looks pays for a subscription of their own.
    pub own_runs: bool,
}

/// A seat that was just claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    pub company_id: String,
    /// A subscription of one's own runs beside it.
    pub own_runs: bool,
}

/// What came of a list of invites.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sent {
    /// So many were invited.
    All(usize),
    /// None was: these lines have to be mended first.
    None(Vec<LineProblem>),
}

/// A link that was just made, to be copied: shown once. Not for logs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreshLink {
    pub url: String,
    /// Whom it is for: an address, or "anybody at example.org".
    pub whom: String,
    /// UTC epoch ms.
    pub expires_at: i64,
}

/// A link for a group, as admins see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLink {
    pub id: String,
    pub plan_id: String,
    pub most: i64,
    pub claims: i64,
    pub domain: Option<String>,
    /// UTC epoch ms.
    pub created_at: i64,
    pub expires_at: i64,
}

/// A link for a group that is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewGroupLink {
    pub plan_id: String,
    /// How many may claim by it.
    pub most: i64,
    /// Only addresses at this domain.
    pub domain: Option<String>,
}

/// What the pages need of the server. Every function takes who asks.
#[async_trait]
pub trait InvitesPort: Send + Sync {
    /// Invites everybody on a list (a line each, or CSV), or nobody.
    async fn invite(
        &self,
        user_id: &str,
        company_id: &str,
        plan_id: &str,
        list: &str,
    ) -> Result<Sent, CompanyError>;

    /// A seat for anybody with the link, or anybody at a domain. What it answers is sealed for
    /// [`InvitesPort::fresh`].
    async fn open_invite(
        &self,
        user_id: &str,
        company_id: &str,
        plan_id: &str,
        domain: Option<&str>,
    ) -> Result<String, CompanyError>;

    /// A new token for an invited seat, which ends the old one, by mail.
    async fn resend(
        &self,
        user_id: &str,
        company_id: &str,
        seat_id: &str,
    ) -> Result<(), CompanyError>;

    /// A new token for an invited seat, which ends the old one, to be copied. What it answers is
    /// sealed for [`InvitesPort::fresh`].
    async fn link(
        &self,
        user_id: &str,
        company_id: &str,
        seat_id: &str,
    ) -> Result<String, CompanyError>;

    /// The link that was just made for this person, for ten minutes.
    async fn fresh(&self, user_id: &str, company_id: &str, sealed: &str) -> Option<FreshLink>;

    async fn group_links(
        &self,
        user_id: &str,
        company_id: &str,
    ) -> Result<Vec<GroupLink>, CompanyError>;

    /// Makes a link for a group. What it answers is sealed for [`InvitesPort::fresh`].
    async fn group_link(
        &self,
        user_id: &str,
        company_id: &str,
        new: &NewGroupLink,
    ) -> Result<String, CompanyError>;

    async fn end_group_link(
        &self,
        user_id: &str,
        company_id: &str,
        id: &str,
    ) -> Result<(), CompanyError>;

    /// What a link is for. `user_id` is who looks, if known.
    async fn look(&self, token: &str, user_id: Option<&str>) -> Result<Invite, InviteError>;

    /// Claims the seat. Safe to send twice.
    async fn claim(&self, user_id: &str, token: &str) -> Result<Claimed, InviteError>;
}
