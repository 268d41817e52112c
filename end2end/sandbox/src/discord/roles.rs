//! `/guilds/{g}/roles/…`: making, changing, moving and deleting roles.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::errors::{ApiError, Unknown};
use super::gateway::intents;
use super::members::By;
use super::permissions::{ADMINISTRATOR, MANAGE_ROLES};
use super::routes::{self, Answer, Call, Reply, ok};
use super::state::{Role, deed};
use super::{Discord, shapes};

const MOST: usize = 250;

impl Discord {
    pub(super) fn route_roles(&mut self, call: &Call, rest: &[&str]) -> Answer {
        match (call.req.method.as_str(), rest) {
            ("GET", []) => ok(self.role_shapes()),
            ("POST", []) => self.post_role(call),
            ("PATCH", []) => self.patch_positions(call),
            ("GET", ["member-counts"]) => {
                let counts: Map<String, Value> = self
                    .guild
                    .roles
                    .keys()
                    .filter(|id| **id != self.guild.id)
                    .map(|id| (id.to_string(), self.holders(*id).into()))
                    .collect();
                ok(counts.into())
            }
            (method, [role]) => {
                let role = routes::id("role_id", role)?;
                let known = self
                    .guild
                    .roles
                    .get(&role)
                    .ok_or_else(|| ApiError::unknown(Unknown::Role))?;
                match method {
                    "GET" => ok(shapes::role(known)),
                    "PATCH" => self.patch_role(call, role),
                    "DELETE" => self.delete_by_bot(call, role),
                    _ => Err(ApiError::method_not_allowed()),
                }
            }
            (_, []) => Err(ApiError::method_not_allowed()),
            _ => Err(ApiError::not_found()),
        }
    }

    fn role_shapes(&self) -> Value {
        self.guild
            .roles_by_rank()
            .iter()
            .filter_map(|id| self.guild.roles.get(id))
            .map(shapes::role)
            .collect::<Vec<_>>()
            .into()
    }

    /// How many members hold a role.
    pub(super) fn holders(&self, role: u64) -> usize {
        self.guild
            .members
            .values()
            .filter(|member| member.roles.contains(&role))
            .count()
    }

    fn bot_stands_above(&self, role: &Role) -> Result<(), ApiError> {
        match self.bot_member() {
            Some(bot) if self.guild.stands_above_role(bot, role) => Ok(()),
            _ => Err(ApiError::missing_permissions()),
        }
    }

    /// A bot hands out only rights that it has itself.
    fn may_carry(&self, permissions: u64) -> Result<(), ApiError> {
        let own = self.bot_permissions();
        if own & ADMINISTRATOR != 0 || permissions & !own == 0 {
            Ok(())
        } else {
            Err(ApiError::missing_permissions())
        }
    }

    fn post_role(&mut self, call: &Call) -> Answer {
        self.bot_needs(MANAGE_ROLES)?;
        let everyone = self
            .guild
            .roles
            .get(&self.guild.id)
            .map_or(0, |role| role.permissions);
        let mut role = Role::new(0, "new role", everyone, 1);
        let body = call.object()?;
        apply(&mut role, &body)?;
        if body.contains_key("permissions") {
            self.may_carry(role.permissions)?;
        }
        if self.guild.roles.len() >= MOST {
            return Err(ApiError::new(
                400,
                30005,
                "Maximum number of guild roles reached (250)",
            ));
        }
        let by = self.bot_by(call);
        let id = self.insert_role(call.now_ms, role, by);
        self.guild
            .roles
            .get(&id)
            .map(shapes::role)
            .ok_or_else(|| ApiError::unknown(Unknown::Role))
            .and_then(ok)
    }

    /// Adds a role at the bottom, just above @everyone, as Discord does.
    pub(super) fn insert_role(&mut self, now_ms: i64, mut role: Role, by: By) -> u64 {
        role.id = self.ids.snowflake(now_ms);
        role.position = 1;
        let id = role.id;
        let mut order = self.guild.roles_by_rank();
        let event = json!({
            "guild_id": self.guild.id.to_string(),
            "role": shapes::role(&role),
        });
        let name = role.name.clone();
        self.guild.roles.insert(id, role);
        self.emit(intents::GUILDS, "GUILD_ROLE_CREATE", &event);
        order.insert(order.len().min(1), id);
        self.settle(&order);
        let changes = vec![json!({"key": "name", "new_value": name})];
        self.note(now_ms, deed::ROLE_CREATE, id, by, changes);
        id
    }

    fn patch_role(&mut self, call: &Call, id: u64) -> Answer {
        self.bot_needs(MANAGE_ROLES)?;
        let Some(before) = self.guild.roles.get(&id).cloned() else {
            return Err(ApiError::unknown(Unknown::Role));
        };
        self.bot_stands_above(&before)?;
        let mut after = before.clone();
        apply(&mut after, &call.object()?)?;
        self.may_carry(before.permissions ^ after.permissions)?;
        let by = self.bot_by(call);
        let shape = shapes::role(&after);
        self.replace_role(call.now_ms, &after, by);
        ok(shape)
    }

    /// Puts a changed role in the place of the old; says so when it differs.
    pub(super) fn replace_role(&mut self, now_ms: i64, role: &Role, by: By) {
        let id = role.id;
        let Some(before) = self.guild.roles.insert(id, role.clone()) else {
            return;
        };
        let mut changes = Vec::new();
        let (old, new) = (shapes::role(&before), shapes::role(role));
        for key in ["name", "permissions", "color", "hoist", "mentionable"] {
            if old[key] != new[key] {
                changes.push(json!({"key": key, "old_value": old[key], "new_value": new[key]}));
            }
        }
        if !changes.is_empty() {
            self.tell_role_update(id);
            self.note(now_ms, deed::ROLE_UPDATE, id, by, changes);
        }
    }

    fn patch_positions(&mut self, call: &Call) -> Answer {
        self.bot_needs(MANAGE_ROLES)?;
        let Value::Array(moves) = call.json()? else {
            return Err(ApiError::form(&[(
                "_",
                "LIST_TYPE_CONVERT",
                "Only iterables may be used in a ListType",
            )]));
        };
        let mut wanted = BTreeMap::new();
        for (at, entry) in moves.iter().enumerate() {
            let id = entry
                .get("id")
                .ok_or_else(|| ApiError::required(&format!("{at}.id")))?;
            let id = routes::id_value(&format!("{at}.id"), id)?;
            let role = self
                .guild
                .roles
                .get(&id)
                .filter(|role| role.id != self.guild.id)
                .ok_or_else(|| ApiError::unknown(Unknown::Role))?;
            if let Some(position) = entry.get("position").and_then(Value::as_i64) {
                self.bot_stands_above(role)?;
                wanted.insert(id, position);
            }
        }
        let ceiling = self
            .bot_member()
            .and_then(|bot| self.guild.highest_role(bot))
            .map_or(0, |role| role.position);
        if wanted.values().any(|position| *position >= ceiling) {
            return Err(ApiError::missing_permissions());
        }
        let by = self.bot_by(call);
        self.reorder(call.now_ms, &wanted, &by);
        ok(self.role_shapes())
    }

    /// Moves roles to positions; the others close up around them.
    pub(super) fn reorder(&mut self, now_ms: i64, wanted: &BTreeMap<u64, i64>, by: &By) {
        let mut order: Vec<u64> = self
            .guild
            .roles_by_rank()
            .into_iter()
            .filter(|id| !wanted.contains_key(id))
            .collect();
        let mut moves: Vec<(i64, u64)> = wanted.iter().map(|(id, to)| (*to, *id)).collect();
        moves.sort_unstable();
        for (position, id) in moves {
            let at = usize::try_from(position).unwrap_or(0);
            order.insert(at.clamp(1, order.len().max(1)), id);
        }
        for (id, old, new) in self.settle(&order) {
            if wanted.contains_key(&id) {
                let change = json!({"key": "position", "old_value": old, "new_value": new});
                self.note(now_ms, deed::ROLE_UPDATE, id, by.clone(), vec![change]);
            }
        }
    }

    /// Numbers the roles in this order, the lowest first, and tells which moved.
    fn settle(&mut self, order: &[u64]) -> Vec<(u64, i64, i64)> {
        let mut moved = Vec::new();
        for (position, id) in (0..).zip(order) {
            if let Some(role) = self.guild.roles.get_mut(id)
                && role.position != position
            {
                moved.push((*id, role.position, position));
                role.position = position;
            }
        }
        for (id, _, _) in &moved {
            self.tell_role_update(*id);
        }
        moved
    }

    fn tell_role_update(&mut self, id: u64) {
        if let Some(role) = self.guild.roles.get(&id) {
            let event = json!({
                "guild_id": self.guild.id.to_string(),
                "role": shapes::role(role),
            });
            self.emit(intents::GUILDS, "GUILD_ROLE_UPDATE", &event);
        }
    }

    fn delete_by_bot(&mut self, call: &Call, id: u64) -> Answer {
        self.bot_needs(MANAGE_ROLES)?;
        let Some(role) = self.guild.roles.get(&id) else {
            return Err(ApiError::unknown(Unknown::Role));
        };
        if role.managed() || id == self.guild.id {
            return Err(ApiError::invalid_role());
        }
        self.bot_stands_above(role)?;
        let by = self.bot_by(call);
        self.drop_role(call.now_ms, id, by);
        Ok(Reply::Empty)
    }

    /// Deletes a role and takes it from everybody; members get no event of their own for that.
    pub(super) fn drop_role(&mut self, now_ms: i64, id: u64, by: By) -> Option<Role> {
        let role = self.guild.roles.remove(&id)?;
        for member in self.guild.members.values_mut() {
            member.roles.remove(&id);
        }
        let event = json!({
            "guild_id": self.guild.id.to_string(),
            "role_id": id.to_string(),
        });
        self.emit(intents::GUILDS, "GUILD_ROLE_DELETE", &event);
        let order = self.guild.roles_by_rank();
        self.settle(&order);
        let changes = vec![json!({"key": "name", "old_value": role.name})];
        self.note(now_ms, deed::ROLE_DELETE, id, by, changes);
        Some(role)
    }
}

/// Takes over what a body names; null means the default.
fn apply(role: &mut Role, body: &Map<String, Value>) -> Result<(), ApiError> {
    match body.get("name") {
        None => {}
        Some(Value::Null) => "new role".clone_into(&mut role.name),
        Some(Value::String(name)) if (1..=100).contains(&name.chars().count()) => {
            role.name.clone_from(name);
        }
        Some(_) => return Err(ApiError::bad_length("name", 1, 100)),
    }
    if let Some(value) = body.get("permissions").filter(|value| !value.is_null()) {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        role.permissions = text.parse().map_err(|_| {
            ApiError::form(&[(
                "permissions",
                "NUMBER_TYPE_COERCE",
                &format!("Value \"{text}\" is not int."),
            )])
        })?;
    }
    let color = body
        .get("colors")
        .and_then(|colors| colors.get("primary_color"))
        .or_else(|| body.get("color"))
        .filter(|value| !value.is_null());
    if let Some(value) = color {
        role.color = value
            .as_u64()
            .and_then(|color| u32::try_from(color).ok())
            .filter(|color| *color <= 0xff_ffff)
            .ok_or_else(|| {
                ApiError::form(&[(
                    "color",
                    "NUMBER_TYPE_MAX",
                    "int value should be less than or equal to 16777215.",
                )])
            })?;
    }
    for (key, at) in [
        ("hoist", &mut role.hoist),
        ("mentionable", &mut role.mentionable),
    ] {
        if let Some(value) = body.get(key) {
            *at = value.as_bool().unwrap_or(false);
        }
    }
    Ok(())
}
