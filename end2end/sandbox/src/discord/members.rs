//! `/guilds/{g}/members/…`: listing, joining, leaving, and the roles one holds.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::errors::{ApiError, Unknown};
use super::gateway::intents;
use super::ids::iso;
use super::permissions::{
    CREATE_INSTANT_INVITE, KICK_MEMBERS, MANAGE_NICKNAMES, MANAGE_ROLES, MODERATE_MEMBERS,
};
use super::routes::{self, Answer, Call, Reply, ok};
use super::state::{Member, Role, deed};
use super::{Discord, shapes};

/// Who did something, and why.
#[derive(Clone, Debug)]
pub(super) struct By {
    pub(super) user_id: u64,
    pub(super) reason: Option<String>,
}

impl Discord {
    pub(super) fn route_members(&mut self, call: &Call, rest: &[&str]) -> Answer {
        match (call.req.method.as_str(), rest) {
            ("GET", []) => self.list_members(call),
            ("GET", ["search"]) => self.search_members(call),
            ("PATCH", ["@me"]) => {
                let id = self.application.bot_id;
                self.edit_member(call, id)
            }
            (method, [user]) => {
                let user = routes::id("user_id", user)?;
                match method {
                    "GET" => self
                        .known_member(user)
                        .and_then(|member| ok(self.member_shape(member))),
                    "PUT" => self.join(call, user),
                    "PATCH" => self.edit_member(call, user),
                    "DELETE" => self.kick(call, user),
                    _ => Err(ApiError::method_not_allowed()),
                }
            }
            (method @ ("PUT" | "DELETE"), [user, "roles", role]) => {
                let user = routes::id("user_id", user)?;
                let role = routes::id("role_id", role)?;
                self.switch_role(call, user, role, method == "PUT")
            }
            (_, [_, "roles", _]) => Err(ApiError::method_not_allowed()),
            _ => Err(ApiError::not_found()),
        }
    }

    pub(super) fn bot_by(&self, call: &Call) -> By {
        By {
            user_id: self.application.bot_id,
            reason: call.reason.clone(),
        }
    }

    /// 10013 for an account that does not exist, 10007 for one outside the server.
    pub(super) fn known_member(&self, user: u64) -> Result<&Member, ApiError> {
        if !self.users.contains_key(&user) {
            return Err(ApiError::unknown(Unknown::User));
        }
        self.guild
            .members
            .get(&user)
            .ok_or_else(|| ApiError::unknown(Unknown::Member))
    }

    /// Listing everybody needs the privileged `GUILD_MEMBERS` intent; the default page is one.
    fn list_members(&self, call: &Call) -> Answer {
        if !self.application.intents.members {
            return Err(ApiError::missing_access());
        }
        let limit = call.number("limit", 1, 1, 1000)?;
        let after = call.id_query("after")?.unwrap_or(0);
        let page: Vec<Value> = self
            .guild
            .members
            .range(after.saturating_add(1)..)
            .take(limit)
            .map(|(_, member)| self.member_shape(member))
            .collect();
        ok(page.into())
    }

    fn search_members(&self, call: &Call) -> Answer {
        let query = call
            .query("query")
            .ok_or_else(|| ApiError::required("query"))?
            .to_lowercase();
        let limit = call.number("limit", 1, 1, 1000)?;
        let found: Vec<Value> = self
            .guild
            .members
            .values()
            .filter(|member| {
                let user = self.users.get(&member.user_id);
                [
                    member.nick.as_deref(),
                    user.map(|user| user.username.as_str()),
                    user.and_then(|user| user.global_name.as_deref()),
                ]
                .into_iter()
                .flatten()
                .any(|name| name.to_lowercase().starts_with(&query))
            })
            .take(limit)
            .map(|member| self.member_shape(member))
            .collect();
        ok(found.into())
    }

    /// The role when the bot may grant and take it. @everyone is no role here (10011), a managed
    /// one is invalid (50028), and one not below the bot's highest is refused (50013).
    pub(super) fn grantable(&self, role: u64) -> Result<&Role, ApiError> {
        let role = self
            .guild
            .roles
            .get(&role)
            .filter(|role| role.id != self.guild.id)
            .ok_or_else(|| ApiError::unknown(Unknown::Role))?;
        if role.managed() {
            return Err(ApiError::invalid_role());
        }
        match self.bot_member() {
            Some(bot) if self.guild.stands_above_role(bot, role) => Ok(role),
            _ => Err(ApiError::missing_permissions()),
        }
    }

    fn switch_role(&mut self, call: &Call, user: u64, role: u64, give: bool) -> Answer {
        self.bot_needs(MANAGE_ROLES)?;
        let mut roles = self.known_member(user)?.roles.clone();
        self.grantable(role)?;
        if give {
            roles.insert(role);
        } else {
            roles.remove(&role);
        }
        let by = self.bot_by(call);
        self.set_roles(call.now_ms, user, roles, by);
        Ok(Reply::Empty)
    }

    /// Gives exactly these roles; writes the audit log and tells the gateway when that changes
    /// anything.
    pub(super) fn set_roles(&mut self, now_ms: i64, user: u64, roles: BTreeSet<u64>, by: By) {
        let Some(member) = self.guild.members.get_mut(&user) else {
            return;
        };
        let named = |ids: Vec<u64>, all: &std::collections::BTreeMap<u64, Role>| -> Value {
            ids.iter()
                .filter_map(|id| all.get(id))
                .map(|role| json!({"id": role.id.to_string(), "name": role.name}))
                .collect::<Vec<_>>()
                .into()
        };
        let added: Vec<u64> = roles.difference(&member.roles).copied().collect();
        let removed: Vec<u64> = member.roles.difference(&roles).copied().collect();
        let mut changes = Vec::new();
        for (key, ids) in [("$add", added), ("$remove", removed)] {
            if !ids.is_empty() {
                changes.push(json!({"key": key, "new_value": named(ids, &self.guild.roles)}));
            }
        }
        if changes.is_empty() {
            return;
        }
        member.roles = roles;
        self.tell_member_update(user);
        self.note(now_ms, deed::MEMBER_ROLE_UPDATE, user, by, changes);
    }

    /// Joins a person by their own `guilds.join` token: 201, or 204 for a member, whose roles
    /// then stay as they are.
    fn join(&mut self, call: &Call, user: u64) -> Answer {
        let body = call.object()?;
        let token = match body.get("access_token") {
            Some(Value::String(token)) => token.clone(),
            Some(_) => {
                return Err(ApiError::form(&[(
                    "access_token",
                    "STRING_TYPE_CONVERT",
                    "Could not interpret value as string.",
                )]));
            }
            None => return Err(ApiError::required("access_token")),
        };
        self.bot_needs(CREATE_INSTANT_INVITE)?;
        if !self.users.contains_key(&user) {
            return Err(ApiError::unknown(Unknown::User));
        }
        let theirs = self
            .live_grant(call.now_ms, &token)
            .is_some_and(|grant| grant.user_id == user && grant.has("guilds.join"));
        if !theirs {
            return Err(ApiError::invalid_oauth_token());
        }
        if self.guild.bans.contains_key(&user) {
            return Err(ApiError::new(
                403,
                40007,
                "The user is banned from this guild.",
            ));
        }
        if self.guild.members.contains_key(&user) {
            return Ok(Reply::Empty);
        }
        let mut member = Member::new(user, call.now_ms);
        if let Some(roles) = body.get("roles") {
            self.bot_needs(MANAGE_ROLES)?;
            for role in role_list(roles)? {
                member.roles.insert(self.grantable(role)?.id);
            }
        }
        if let Some(nick) = nick_of(&body)? {
            self.bot_needs(MANAGE_NICKNAMES)?;
            member.nick = nick;
        }
        self.admit(member);
        let member = self.known_member(user)?;
        Ok(Reply::Json(201, self.member_shape(member)))
    }

    fn edit_member(&mut self, call: &Call, user: u64) -> Answer {
        let body = call.object()?;
        let before = self.known_member(user)?.clone();
        let mut after = before.clone();
        let own = user == self.application.bot_id;
        if let Some(nick) = nick_of(&body)? {
            if !own {
                self.bot_needs(MANAGE_NICKNAMES)?;
                self.bot_above(&before)?;
            }
            after.nick = nick;
        }
        if let Some(until) = body.get("communication_disabled_until") {
            self.bot_needs(MODERATE_MEMBERS)?;
            self.bot_above(&before)?;
            after.timeout_until = until.as_str().map(str::to_owned);
        }
        if let Some(roles) = body.get("roles").filter(|roles| !roles.is_null()) {
            self.bot_needs(MANAGE_ROLES)?;
            let mut wanted = role_list(roles)?;
            wanted.remove(&self.guild.id);
            for role in wanted.symmetric_difference(&before.roles) {
                self.grantable(*role)?;
            }
            after.roles = wanted;
        }
        let differs = after.nick != before.nick || after.timeout_until != before.timeout_until;
        let by = self.bot_by(call);
        if differs {
            let mut changes = Vec::new();
            if after.nick != before.nick {
                changes.push(json!({
                    "key": "nick", "old_value": before.nick, "new_value": after.nick,
                }));
            }
            if let Some(member) = self.guild.members.get_mut(&user) {
                member.nick.clone_from(&after.nick);
                member.timeout_until.clone_from(&after.timeout_until);
            }
            self.tell_member_update(user);
            self.note(call.now_ms, deed::MEMBER_UPDATE, user, by.clone(), changes);
        }
        self.set_roles(call.now_ms, user, after.roles, by);
        let member = self.known_member(user)?;
        ok(self.member_shape(member))
    }

    fn kick(&mut self, call: &Call, user: u64) -> Answer {
        self.bot_needs(KICK_MEMBERS)?;
        let member = self.known_member(user)?.clone();
        self.bot_above(&member)?;
        let by = self.bot_by(call);
        self.remove_member(user);
        self.note(call.now_ms, deed::MEMBER_KICK, user, by, Vec::new());
        Ok(Reply::Empty)
    }

    pub(super) fn bot_above(&self, other: &Member) -> Result<(), ApiError> {
        match self.bot_member() {
            Some(bot) if self.guild.stands_above_member(bot, other) => Ok(()),
            _ => Err(ApiError::missing_permissions()),
        }
    }

    /// Lets a member in and tells the gateway.
    pub(super) fn admit(&mut self, member: Member) {
        let user = member.user_id;
        let mut event = self.member_shape(&member);
        self.guild.members.insert(user, member);
        event["guild_id"] = self.guild.id.to_string().into();
        self.emit(intents::GUILD_MEMBERS, "GUILD_MEMBER_ADD", &event);
    }

    /// Takes a member out and tells the gateway; false when there was none.
    pub(super) fn remove_member(&mut self, user: u64) -> bool {
        if self.guild.members.remove(&user).is_none() {
            return false;
        }
        let event = json!({
            "guild_id": self.guild.id.to_string(),
            "user": self.user_shape(user),
        });
        self.emit(intents::GUILD_MEMBERS, "GUILD_MEMBER_REMOVE", &event);
        true
    }

    /// Told of the bot itself even without the `GUILD_MEMBERS` intent.
    pub(super) fn tell_member_update(&mut self, user: u64) {
        let Some(member) = self.guild.members.get(&user) else {
            return;
        };
        let roles: Vec<String> = member.roles.iter().map(u64::to_string).collect();
        let event = json!({
            "guild_id": self.guild.id.to_string(),
            "roles": roles,
            "user": self.user_shape(user),
            "nick": member.nick,
            "avatar": null,
            "banner": null,
            "joined_at": iso(member.joined_ms),
            "premium_since": null,
            "deaf": member.deaf,
            "mute": member.mute,
            "pending": false,
            "communication_disabled_until": member.timeout_until,
            "flags": 0,
        });
        let need = if user == self.application.bot_id {
            intents::NONE
        } else {
            intents::GUILD_MEMBERS
        };
        self.emit(need, "GUILD_MEMBER_UPDATE", &event);
    }

    /// Writes the audit log and tells those who may read it.
    pub(super) fn note(
        &mut self,
        now_ms: i64,
        action_type: u32,
        target_id: u64,
        by: By,
        changes: Vec<Value>,
    ) {
        let entry = super::AuditEntry {
            id: self.ids.snowflake(now_ms),
            action_type,
            user_id: by.user_id,
            target_id,
            reason: by.reason,
            changes,
        };
        let mut event = shapes::audit_entry(&entry);
        self.audit.push(entry);
        if self.bot_permissions() & super::permissions::VIEW_AUDIT_LOG != 0 {
            event["guild_id"] = self.guild.id.to_string().into();
            self.emit(
                intents::GUILD_MODERATION,
                "GUILD_AUDIT_LOG_ENTRY_CREATE",
                &event,
            );
        }
    }
}

/// `Some(None)` takes the nickname away.
#[expect(
    clippy::option_option,
    reason = "absent, null and a name are three answers"
)]
fn nick_of(body: &Map<String, Value>) -> Result<Option<Option<String>>, ApiError> {
    match body.get("nick") {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(Value::String(nick)) if nick.chars().count() <= 32 => {
            Ok(Some(Some(nick.clone()).filter(|nick| !nick.is_empty())))
        }
        Some(Value::String(_)) => Err(ApiError::bad_length("nick", 0, 32)),
        Some(_) => Err(ApiError::form(&[(
            "nick",
            "STRING_TYPE_CONVERT",
            "Could not interpret value as string.",
        )])),
    }
}

fn role_list(value: &Value) -> Result<BTreeSet<u64>, ApiError> {
    let Value::Array(items) = value else {
        return Err(ApiError::form(&[(
            "roles",
            "LIST_TYPE_CONVERT",
            "Only iterables may be used in a ListType",
        )]));
    };
    items
        .iter()
        .enumerate()
        .map(|(at, item)| routes::id_value(&format!("roles.{at}"), item))
        .collect()
}
