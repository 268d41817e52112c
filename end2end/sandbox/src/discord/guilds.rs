//! `/guilds/{g}`: the server itself, its bans, its channels and its audit log.

use serde_json::{Value, json};

use super::errors::{ApiError, Unknown};
use super::gateway::intents;
use super::members::By;
use super::permissions::{BAN_MEMBERS, VIEW_AUDIT_LOG};
use super::routes::{self, Answer, Call, Reply, ok};
use super::state::deed;
use super::{Discord, shapes};

impl Discord {
    pub(super) fn route_guild(&mut self, call: &Call) -> Answer {
        let Some((guild, rest)) = call.path.get(1..).and_then(<[&str]>::split_first) else {
            return Err(ApiError::not_found());
        };
        self.enter_guild(call, guild)?;
        match (call.req.method.as_str(), rest) {
            ("GET", []) => {
                let mut shape = self.guild_shape();
                if call.flag("with_counts") {
                    shape["approximate_member_count"] = self.guild.members.len().into();
                    shape["approximate_presence_count"] = 1.into();
                }
                ok(shape)
            }
            ("GET", ["channels"]) => ok(self.channel_shapes()),
            ("GET", ["audit-logs"]) => self.audit_log(call),
            (_, ["members", rest @ ..]) => self.route_members(call, rest),
            (_, ["roles", rest @ ..]) => self.route_roles(call, rest),
            (_, ["bans", rest @ ..]) => self.route_bans(call, rest),
            _ => Err(ApiError::not_found()),
        }
    }

    pub(super) fn channel_shapes(&self) -> Value {
        self.guild
            .channels
            .values()
            .map(|channel| shapes::channel(channel, self.guild.id))
            .collect::<Vec<_>>()
            .into()
    }

    fn route_bans(&mut self, call: &Call, rest: &[&str]) -> Answer {
        self.bot_needs(BAN_MEMBERS)?;
        match (call.req.method.as_str(), rest) {
            ("GET", []) => {
                let limit = call.number("limit", 1000, 1, 1000)?;
                let after = call.id_query("after")?.unwrap_or(0);
                let bans: Vec<Value> = self
                    .guild
                    .bans
                    .range(after.saturating_add(1)..)
                    .take(limit)
                    .map(|(user, reason)| self.ban_shape(*user, reason.as_deref()))
                    .collect();
                ok(bans.into())
            }
            (method, [user]) => {
                let user = routes::id("user_id", user)?;
                match method {
                    "GET" => match self.guild.bans.get(&user) {
                        Some(reason) => ok(self.ban_shape(user, reason.as_deref())),
                        None => Err(ApiError::unknown(Unknown::Ban)),
                    },
                    "PUT" => self.ban_by_bot(call, user),
                    "DELETE" => {
                        let by = self.bot_by(call);
                        if self.lift_ban(call.now_ms, user, by) {
                            Ok(Reply::Empty)
                        } else {
                            Err(ApiError::unknown(Unknown::Ban))
                        }
                    }
                    _ => Err(ApiError::method_not_allowed()),
                }
            }
            _ => Err(ApiError::not_found()),
        }
    }

    fn ban_shape(&self, user: u64, reason: Option<&str>) -> Value {
        json!({"user": self.user_shape(user), "reason": reason})
    }

    fn ban_by_bot(&mut self, call: &Call, user: u64) -> Answer {
        if !self.users.contains_key(&user) {
            return Err(ApiError::unknown(Unknown::User));
        }
        if let Some(member) = self.guild.members.get(&user) {
            self.bot_above(member)?;
        }
        let by = self.bot_by(call);
        self.put_ban(call.now_ms, user, by);
        Ok(Reply::Empty)
    }

    /// Bans, which also removes from the server; false when already banned.
    pub(super) fn put_ban(&mut self, now_ms: i64, user: u64, by: By) -> bool {
        if self.guild.bans.contains_key(&user) {
            return false;
        }
        self.guild.bans.insert(user, by.reason.clone());
        self.tell_ban("GUILD_BAN_ADD", user);
        self.remove_member(user);
        self.note(now_ms, deed::MEMBER_BAN_ADD, user, by, Vec::new());
        true
    }

    /// False when there was no ban.
    pub(super) fn lift_ban(&mut self, now_ms: i64, user: u64, by: By) -> bool {
        if self.guild.bans.remove(&user).is_none() {
            return false;
        }
        self.tell_ban("GUILD_BAN_REMOVE", user);
        self.note(now_ms, deed::MEMBER_BAN_REMOVE, user, by, Vec::new());
        true
    }

    fn tell_ban(&mut self, event: &str, user: u64) {
        let data = json!({
            "guild_id": self.guild.id.to_string(),
            "user": self.user_shape(user),
        });
        self.emit(intents::GUILD_MODERATION, event, &data);
    }

    fn audit_log(&self, call: &Call) -> Answer {
        self.bot_needs(VIEW_AUDIT_LOG)?;
        let limit = call.number("limit", 50, 1, 100)?;
        let user = call.id_query("user_id")?;
        let target = call.id_query("target_id")?;
        let action = call.id_query("action_type")?;
        let before = call.id_query("before")?.unwrap_or(u64::MAX);
        let after = call.id_query("after")?;
        let matching = self.audit.iter().filter(|entry| {
            user.is_none_or(|user| entry.user_id == user)
                && target.is_none_or(|target| entry.target_id == target)
                && action.is_none_or(|action| u64::from(entry.action_type) == action)
                && entry.id < before
                && after.is_none_or(|after| entry.id > after)
        });
        // Newest first, but from `after` on upwards.
        let entries: Vec<_> = if after.is_some() {
            matching.take(limit).collect()
        } else {
            matching.rev().take(limit).collect()
        };
        let mut people: Vec<u64> = entries
            .iter()
            .flat_map(|entry| [entry.user_id, entry.target_id])
            .filter(|id| self.users.contains_key(id))
            .collect();
        people.sort_unstable();
        people.dedup();
        let shapes: Vec<Value> = entries.into_iter().map(shapes::audit_entry).collect();
        let users: Vec<Value> = people.into_iter().map(|id| self.user_shape(id)).collect();
        ok(json!({
            "audit_log_entries": shapes,
            "users": users,
            "integrations": [],
            "webhooks": [],
            "guild_scheduled_events": [],
            "threads": [],
            "application_commands": [],
            "auto_moderation_rules": [],
        }))
    }
}
