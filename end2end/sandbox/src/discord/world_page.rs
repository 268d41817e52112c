//! Everything there is, for the world page and for tests that look from outside.

use serde_json::{Value, json};

use super::Discord;
use super::{permissions, shapes};

/// The newest so many of what grows without end.
const SHOWN: usize = 200;

impl Discord {
    /// All state as JSON. Tokens of people are left out; the application's own keys are in it,
    /// since a start script reads them here.
    #[must_use]
    pub fn state_json(&self) -> Value {
        let newest_calls: Vec<_> = self.calls.iter().rev().take(SHOWN).collect();
        let audit: Vec<Value> = self
            .audit
            .iter()
            .rev()
            .take(SHOWN)
            .map(shapes::audit_entry)
            .collect();
        let messages: Vec<Value> = self
            .messages
            .iter()
            .rev()
            .take(SHOWN)
            .map(|message| self.message_shape(message))
            .collect();
        let commands: Vec<Value> = self
            .commands
            .values()
            .map(|command| self.command_shape(command))
            .collect();
        let app = &self.application;
        json!({
            "application": {
                "id": app.id.to_string(),
                "name": app.name,
                "client_secret": app.client_secret,
                "bot_token": app.bot_token,
                "redirect_uris": app.redirect_uris,
                "allow_any_redirect": app.allow_any_redirect,
                "intents": {
                    "members": app.intents.members,
                    "presence": app.intents.presence,
                    "message_content": app.intents.message_content,
                },
            },
            "guild": {
                "id": self.guild.id.to_string(),
                "name": self.guild.name,
                "owner_id": self.guild.owner_id.to_string(),
            },
            "bot": {
                "in_server": self.bot_member().is_some(),
                "permissions": self.bot_permissions().to_string(),
                "can_manage_roles": self.bot_permissions() & permissions::MANAGE_ROLES != 0,
            },
            "roles": self.role_lines(),
            "users": self.user_lines(),
            "grants": self.grant_lines(),
            "bans": self.guild.bans.iter().map(|(user, reason)| {
                json!({"user_id": user.to_string(), "reason": reason})
            }).collect::<Vec<_>>(),
            "direct_channels": self.direct.iter().map(|(user, channel)| {
                json!({"user_id": user.to_string(), "channel_id": channel.to_string()})
            }).collect::<Vec<_>>(),
            "messages": messages,
            "commands": commands,
            "interactions": self.interactions.iter().rev().take(SHOWN).map(|known| json!({
                "id": known.id.to_string(),
                "user_id": known.user_id.to_string(),
                "command": known.command,
                "callback": known.callback,
                "original": known.original.map(|id| id.to_string()),
            })).collect::<Vec<_>>(),
            "audit_log": audit,
            "calls": newest_calls,
            "calls_total": self.calls.total(),
            "invalid_requests": self.limits.invalid_requests(),
            "banned_until_ms": self.limits.banned_until_ms(),
            "faults": self.faults.waiting(),
            "gateway_connections": self.sessions.live(),
        })
    }

    /// Roles from the highest to the lowest.
    fn role_lines(&self) -> Vec<Value> {
        self.guild
            .roles_by_rank()
            .iter()
            .rev()
            .filter_map(|id| self.guild.roles.get(id))
            .map(|role| {
                json!({
                    "id": role.id.to_string(),
                    "name": role.name,
                    "position": role.position,
                    "permissions": role.permissions.to_string(),
                    "color": role.color,
                    "managed": role.managed(),
                    "grantable": self.grantable(role.id).is_ok(),
                    "holders": self.holders(role.id),
                })
            })
            .collect()
    }

    fn user_lines(&self) -> Vec<Value> {
        self.users
            .values()
            .map(|user| {
                let member = self.guild.members.get(&user.id);
                let roles: Vec<String> = member
                    .map(|member| member.roles.iter().map(u64::to_string).collect())
                    .unwrap_or_default();
                json!({
                    "id": user.id.to_string(),
                    "username": user.username,
                    "name": user.global_name,
                    "email": user.email,
                    "verified": user.verified,
                    "bot": user.bot,
                    "dms_closed": user.dms_closed,
                    "in_server": member.is_some(),
                    "nick": member.and_then(|member| member.nick.clone()),
                    "banned": self.guild.bans.contains_key(&user.id),
                    "roles": roles,
                })
            })
            .collect()
    }

    fn grant_lines(&self) -> Vec<Value> {
        self.grants
            .iter()
            .rev()
            .take(SHOWN)
            .map(|grant| {
                json!({
                    "user_id": grant.user_id.to_string(),
                    "scopes": grant.scopes,
                    "expires_ms": grant.expires_ms,
                    "revoked": grant.revoked,
                })
            })
            .collect()
    }
}
