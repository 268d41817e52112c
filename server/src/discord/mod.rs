//! The door to Discord: one trait, the real client, and what its answers mean.
//!
//! Routes, codes and limits are those of Discord's API v10.

mod application;
mod body;
mod circuit;
mod client;
mod error;
mod permissions;
mod ratelimit;
mod talk;

use async_trait::async_trait;
use secrecy::SecretString;
use std::collections::HashMap;

pub use application::{Application, ApplicationApi};
pub use body::versioned;
pub use client::{DiscordClient, DiscordConfig, MEMBERS_PAGE, http_client};
pub use error::{DiscordError, FailureClass, MAY_STILL_LAND_MS};
pub use permissions::{
    LEAST, RoleObstacle, bot_permissions, dangerous, dangerous_in, explain_50013, highest_position,
    may_add_people, may_manage_roles, named_role, role_obstacle,
};
pub use talk::{Message, TalkApi, fitting};

/// What Rollcall asks of Discord, for the one server it guards.
#[async_trait]
pub trait DiscordApi: ApplicationApi + TalkApi + Send + Sync {
    /// `GET /users/@me`: whose token this is.
    async fn bot(&self) -> Result<BotIdentity, DiscordError>;

    /// `GET /guilds/{guild}`: the server and its roles.
    async fn guild(&self) -> Result<GuildView, DiscordError>;

    /// `GET /guilds/{guild}/members/{user}`; `None` when the person is not in the server (10007)
    /// or the account is gone (10013).
    async fn member(&self, user_id: &str) -> Result<Option<MemberView>, DiscordError>;

    /// `GET /guilds/{guild}/members`: up to 1,000 members whose ids are above `after` (`0` to begin
    /// with), in the order of their ids; fewer only on the last page. Needs the privileged
    /// `GUILD_MEMBERS` intent.
    async fn members(&self, after: &str) -> Result<Vec<ListedMember>, DiscordError>;

    /// `GET /guilds/{guild}/roles/member-counts`: how many members hold each role.
    async fn role_holders(&self) -> Result<HashMap<String, i64>, DiscordError>;

    /// Whether so many answers were refusals that only what a person waits for is still asked.
    fn refusals_run_low(&self) -> bool;

    /// `PUT /guilds/{guild}/members/{user}/roles/{role}`. `reason` is shown in the server's
    /// audit log.
    async fn add_role(
        &self,
        user_id: &str,
        role_id: &str,
        reason: &str,
    ) -> Result<(), DiscordError>;

    /// `DELETE /guilds/{guild}/members/{user}/roles/{role}`.
    async fn remove_role(
        &self,
        user_id: &str,
        role_id: &str,
        reason: &str,
    ) -> Result<(), DiscordError>;

    /// `PUT /guilds/{guild}/members/{user}` with the person's `guilds.join` token.
    async fn join(
        &self,
        user_id: &str,
        access_token: &SecretString,
    ) -> Result<Joined, DiscordError>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotIdentity {
    pub id: String,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuildView {
    pub id: String,
    pub name: String,
    pub owner_id: String,
    pub roles: Vec<GuildRole>,
}

impl GuildView {
    pub fn role(&self, role_id: &str) -> Option<&GuildRole> {
        self.roles.iter().find(|role| role.id == role_id)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuildRole {
    pub id: String,
    pub name: String,
    /// Higher is mightier; `@everyone` is 0.
    pub position: i64,
    /// Discord's permission bits, all of them.
    pub permissions: u64,
    /// Belongs to an integration: cannot be given by hand.
    pub managed: bool,
    /// 24-bit RGB; 0 is none.
    pub color: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// Ids, without `@everyone`.
    pub roles: Vec<String>,
}

/// A member as the list of all has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedMember {
    pub id: String,
    /// Ids, without `@everyone`.
    pub roles: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// 201: the person is in the server now.
    Added,
    /// 204: the person was there already.
    AlreadyMember,
}
