//! What exists: people, the server with its roles and members, messages, the log of deeds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A person or a bot.
#[derive(Clone, Debug)]
pub struct User {
    pub id: u64,
    pub username: String,
    pub global_name: Option<String>,
    pub email: Option<String>,
    /// Whether the e-mail was confirmed; false without one.
    pub verified: bool,
    pub bot: bool,
    /// Refuses direct messages from people of the server.
    pub dms_closed: bool,
}

#[derive(Clone, Debug)]
pub struct Member {
    pub user_id: u64,
    /// Without @everyone, which all have.
    pub roles: BTreeSet<u64>,
    pub nick: Option<String>,
    pub joined_ms: i64,
    pub timeout_until: Option<String>,
    pub mute: bool,
    pub deaf: bool,
}

impl Member {
    pub(super) fn new(user_id: u64, joined_ms: i64) -> Self {
        Self {
            user_id,
            roles: BTreeSet::new(),
            nick: None,
            joined_ms,
            timeout_until: None,
            mute: false,
            deaf: false,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Role {
    pub id: u64,
    pub name: String,
    pub permissions: u64,
    /// 0 is @everyone; higher stands above lower.
    pub position: i64,
    pub color: u32,
    pub hoist: bool,
    pub mentionable: bool,
    /// Belongs to this bot and can be neither granted nor deleted.
    pub bot_id: Option<u64>,
}

impl Role {
    pub(super) fn new(id: u64, name: &str, permissions: u64, position: i64) -> Self {
        Self {
            id,
            name: name.to_owned(),
            permissions,
            position,
            color: 0,
            hoist: false,
            mentionable: false,
            bot_id: None,
        }
    }

    pub(super) fn managed(&self) -> bool {
        self.bot_id.is_some()
    }
}

#[derive(Clone, Debug)]
pub struct TextChannel {
    pub id: u64,
    pub name: String,
    pub position: i64,
}

/// The one server of this world.
#[derive(Debug)]
pub struct Guild {
    pub id: u64,
    pub name: String,
    pub owner_id: u64,
    pub roles: BTreeMap<u64, Role>,
    pub members: BTreeMap<u64, Member>,
    /// By user, with the reason given.
    pub bans: BTreeMap<u64, Option<String>>,
    pub channels: BTreeMap<u64, TextChannel>,
}

impl Guild {
    /// Roles from the lowest to the highest.
    pub(super) fn roles_by_rank(&self) -> Vec<u64> {
        let mut roles: Vec<&Role> = self.roles.values().collect();
        roles.sort_by_key(|role| role.rank());
        roles.iter().map(|role| role.id).collect()
    }
}

/// The application one registers in Discord's developer portal.
#[derive(Clone, Debug)]
pub struct Application {
    pub id: u64,
    pub name: String,
    pub client_secret: String,
    /// The bot's user; the same id as the application's.
    pub bot_id: u64,
    pub bot_token: String,
    /// Redirects registered in the portal.
    pub redirect_uris: Vec<String>,
    /// Takes any `http` or `https` redirect, so that nobody registers ports.
    pub allow_any_redirect: bool,
    /// *Requires OAuth2 Code Grant*.
    pub requires_code_grant: bool,
    pub intents: PrivilegedIntents,
}

/// The privileged intents as switched in the portal.
#[derive(Clone, Copy, Debug)]
pub struct PrivilegedIntents {
    pub members: bool,
    pub presence: bool,
    pub message_content: bool,
}

impl Application {
    /// The flags of an application with its intents, in the form for few servers (`*_LIMITED`).
    pub(super) fn flags(&self) -> u32 {
        u32::from(self.intents.presence) << 13
            | u32::from(self.intents.members) << 15
            | u32::from(self.intents.message_content) << 19
            | 1 << 23
    }
}

/// A person's consent, with the tokens that follow from it.
#[derive(Clone, Debug)]
pub struct Grant {
    pub user_id: u64,
    pub scopes: Vec<String>,
    pub access_token: String,
    pub refresh_token: String,
    pub expires_ms: i64,
    pub revoked: bool,
}

impl Grant {
    pub(super) fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }
}

/// An authorization code that waits to be redeemed, once.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) user_id: u64,
    pub(super) scopes: Vec<String>,
    pub(super) redirect_uri: String,
    /// S256 challenge of PKCE.
    pub(super) challenge: Option<String>,
    pub(super) expires_ms: i64,
}

#[derive(Clone, Debug)]
pub struct Message {
    pub id: u64,
    pub channel_id: u64,
    pub author_id: u64,
    pub content: String,
    pub embeds: Vec<Value>,
    pub components: Vec<Value>,
    pub flags: u64,
    pub at_ms: i64,
    pub edited_ms: Option<i64>,
    pub nonce: Option<Value>,
}

/// One line of the server's audit log.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    pub id: u64,
    /// Discord's number of the deed, e.g. 25 for a change of a member's roles.
    pub action_type: u32,
    pub user_id: u64,
    pub target_id: u64,
    pub reason: Option<String>,
    pub changes: Vec<Value>,
}

/// Deeds of the audit log that happen here.
pub(super) mod deed {
    pub(in super::super) const MEMBER_KICK: u32 = 20;
    pub(in super::super) const MEMBER_BAN_ADD: u32 = 22;
    pub(in super::super) const MEMBER_BAN_REMOVE: u32 = 23;
    pub(in super::super) const MEMBER_UPDATE: u32 = 24;
    pub(in super::super) const MEMBER_ROLE_UPDATE: u32 = 25;
    pub(in super::super) const BOT_ADD: u32 = 28;
    pub(in super::super) const ROLE_CREATE: u32 = 30;
    pub(in super::super) const ROLE_UPDATE: u32 = 31;
    pub(in super::super) const ROLE_DELETE: u32 = 32;
}

/// An application command, global or of the server.
#[derive(Clone, Debug)]
pub struct Command {
    pub id: u64,
    pub version: u64,
    pub guild_id: Option<u64>,
    pub name: String,
    /// 1 slash command, 2 on a user, 3 on a message.
    pub kind: u64,
    pub body: serde_json::Map<String, Value>,
}

/// A command somebody used, and how the bot answered.
#[derive(Clone, Debug)]
pub struct Interaction {
    pub id: u64,
    pub token: String,
    pub user_id: u64,
    pub command: String,
    pub channel_id: u64,
    pub wall_ms: i64,
    /// The callback's type and data, once given.
    pub callback: Option<Value>,
    /// The first answer as a message, once there is one.
    pub original: Option<u64>,
    pub followups: Vec<u64>,
}

impl Interaction {
    /// Flag `EPHEMERAL` of the callback: only the person who asked sees the answer.
    #[must_use]
    pub fn ephemeral(&self) -> bool {
        self.callback
            .as_ref()
            .and_then(|callback| callback["data"]["flags"].as_u64())
            .is_some_and(|flags| flags & 64 != 0)
    }
}
