//! The JSON shapes of Discord's objects.

use serde_json::{Value, json};

use super::Discord;
use super::ids::iso;
use super::state::{Application, AuditEntry, Member, Message, Role, TextChannel, User};

pub(super) fn user(user: &User) -> Value {
    let mut shape = json!({
        "id": user.id.to_string(),
        "username": user.username,
        "avatar": null,
        "discriminator": if user.bot { "0042" } else { "0" },
        "public_flags": 0,
        "flags": 0,
        "banner": null,
        "accent_color": null,
        "global_name": user.global_name,
        "avatar_decoration_data": null,
        "collectibles": null,
        "primary_guild": null,
    });
    if user.bot {
        shape["bot"] = true.into();
    }
    shape
}

/// The person as they see themselves; with the address only where it was consented to.
pub(super) fn own_user(of: &User, with_email: bool) -> Value {
    let mut shape = user(of);
    shape["mfa_enabled"] = of.bot.into();
    shape["locale"] = "en-US".into();
    shape["premium_type"] = 0.into();
    if of.bot {
        shape["email"] = Value::Null;
        shape["verified"] = true.into();
    } else if with_email {
        shape["email"] = of.email.clone().into();
        shape["verified"] = of.verified.into();
    }
    shape
}

pub(super) fn role(role: &Role) -> Value {
    let mut shape = json!({
        "id": role.id.to_string(),
        "name": role.name,
        "permissions": role.permissions.to_string(),
        "position": role.position,
        "color": role.color,
        "colors": {"primary_color": role.color, "secondary_color": null, "tertiary_color": null},
        "hoist": role.hoist,
        "managed": role.managed(),
        "mentionable": role.mentionable,
        "icon": null,
        "unicode_emoji": null,
        "flags": 0,
    });
    if let Some(bot) = role.bot_id {
        shape["tags"] = json!({"bot_id": bot.to_string()});
    }
    shape
}

pub(super) fn channel(channel: &TextChannel, guild_id: u64) -> Value {
    json!({
        "id": channel.id.to_string(),
        "type": 0,
        "last_message_id": null,
        "flags": 0,
        "guild_id": guild_id.to_string(),
        "name": channel.name,
        "parent_id": null,
        "rate_limit_per_user": 0,
        "topic": null,
        "position": channel.position,
        "permission_overwrites": [],
        "nsfw": false,
    })
}

/// What every answer about the application says; its owner sees more.
pub(super) fn application(app: &Application, bot: &User) -> Value {
    json!({
        "id": app.id.to_string(),
        "name": app.name,
        "icon": null,
        "description": "",
        "type": null,
        "bot": user(bot),
        "bot_public": false,
        "bot_require_code_grant": app.requires_code_grant,
        "verify_key": super::ids::digest(&app.id.to_string(), 64),
        "flags": app.flags(),
        "flags_new": app.flags().to_string(),
    })
}

impl Discord {
    /// A member with their user, as REST and `GUILD_CREATE` show it.
    pub(super) fn member_shape(&self, member: &Member) -> Value {
        let roles: Vec<String> = member.roles.iter().map(u64::to_string).collect();
        json!({
            "avatar": null,
            "banner": null,
            "communication_disabled_until": member.timeout_until,
            "flags": 0,
            "joined_at": iso(member.joined_ms),
            "nick": member.nick,
            "pending": false,
            "premium_since": null,
            "roles": roles,
            "user": self.user_shape(member.user_id),
            "mute": member.mute,
            "deaf": member.deaf,
        })
    }

    /// The user of that id, or what Discord shows of a deleted one.
    pub(super) fn user_shape(&self, id: u64) -> Value {
        if let Some(known) = self.users.get(&id) {
            return user(known);
        }
        user(&User {
            id,
            username: format!("deleted_user_{id}"),
            global_name: None,
            email: None,
            verified: false,
            bot: false,
            dms_closed: false,
        })
    }

    pub(super) fn guild_shape(&self) -> Value {
        let guild = &self.guild;
        let roles: Vec<Value> = guild
            .roles_by_rank()
            .iter()
            .filter_map(|id| guild.roles.get(id))
            .map(role)
            .collect();
        json!({
            "id": guild.id.to_string(),
            "name": guild.name,
            "icon": null,
            "description": null,
            "home_header": null,
            "splash": null,
            "discovery_splash": null,
            "features": [],
            "banner": null,
            "owner_id": guild.owner_id.to_string(),
            "application_id": null,
            "region": "deprecated",
            "afk_channel_id": null,
            "afk_timeout": 300,
            "system_channel_id": null,
            "system_channel_flags": 0,
            "widget_enabled": false,
            "widget_channel_id": null,
            "verification_level": 1,
            "roles": roles,
            "default_message_notifications": 1,
            "mfa_level": 0,
            "explicit_content_filter": 0,
            "max_presences": null,
            "max_members": 25_000_000,
            "max_stage_video_channel_users": 50,
            "max_video_channel_users": 25,
            "vanity_url_code": null,
            "premium_tier": 0,
            "premium_subscription_count": 0,
            "preferred_locale": "en-US",
            "rules_channel_id": null,
            "safety_alerts_channel_id": null,
            "public_updates_channel_id": null,
            "premium_progress_bar_enabled": false,
            "nsfw": false,
            "nsfw_level": 0,
            "emojis": [],
            "stickers": [],
            "incidents_data": null,
        })
    }

    pub(super) fn message_shape(&self, message: &Message) -> Value {
        let mut shape = json!({
            "type": 0,
            "content": message.content,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": message.embeds,
            "timestamp": iso(message.at_ms),
            "edited_timestamp": message.edited_ms.map(iso),
            "flags": message.flags,
            "components": message.components,
            "id": message.id.to_string(),
            "channel_id": message.channel_id.to_string(),
            "author": self.user_shape(message.author_id),
            "pinned": false,
            "mention_everyone": false,
            "tts": false,
        });
        if let Some(nonce) = &message.nonce {
            shape["nonce"] = nonce.clone();
        }
        shape
    }

    pub(super) fn direct_channel_shape(&self, id: u64, recipient: u64) -> Value {
        let last = self
            .messages
            .iter()
            .rev()
            .find(|message| message.channel_id == id)
            .map(|message| message.id.to_string());
        json!({
            "id": id.to_string(),
            "type": 1,
            "last_message_id": last,
            "flags": 0,
            "recipients": [self.user_shape(recipient)],
        })
    }
}

pub(super) fn audit_entry(entry: &AuditEntry) -> Value {
    let mut shape = json!({
        "id": entry.id.to_string(),
        "action_type": entry.action_type,
        "user_id": entry.user_id.to_string(),
        "target_id": entry.target_id.to_string(),
    });
    if !entry.changes.is_empty() {
        shape["changes"] = entry.changes.clone().into();
    }
    if let Some(reason) = &entry.reason {
        shape["reason"] = reason.clone().into();
    }
    shape
}
