//! By hand: roles given, taken, made, changed and moved, and the bot's own place.

use std::collections::BTreeMap;

use serde_json::json;

use super::gateway::intents;
use super::state::{Role, deed};
use super::{ControlError, Discord, permissions};

impl Discord {
    pub fn add_role_by_hand(
        &mut self,
        now_ms: i64,
        user: &str,
        role: &str,
    ) -> Result<(), ControlError> {
        self.turn_role(now_ms, user, role, true)
    }

    pub fn remove_role_by_hand(
        &mut self,
        now_ms: i64,
        user: &str,
        role: &str,
    ) -> Result<(), ControlError> {
        self.turn_role(now_ms, user, role, false)
    }

    fn turn_role(
        &mut self,
        now_ms: i64,
        user: &str,
        role: &str,
        give: bool,
    ) -> Result<(), ControlError> {
        let user = self.person(user)?;
        let role = self.role(role)?;
        if self.fixed(role) {
            return Err(ControlError::FixedRole);
        }
        let member = self
            .guild
            .members
            .get(&user)
            .ok_or(ControlError::NotMember)?;
        let mut roles = member.roles.clone();
        if give {
            roles.insert(role);
        } else {
            roles.remove(&role);
        }
        let by = self.owner();
        self.set_roles(now_ms, user, roles, by);
        Ok(())
    }

    /// A new role just above @everyone; answers its id.
    pub fn create_role(
        &mut self,
        now_ms: i64,
        name: &str,
        permissions: u64,
    ) -> Result<String, ControlError> {
        if name.is_empty() || name.chars().count() > 100 {
            return Err(ControlError::BadName);
        }
        let by = self.owner();
        let id = self.insert_role(now_ms, Role::new(0, name, permissions, 1), by);
        Ok(id.to_string())
    }

    pub fn rename_role(&mut self, now_ms: i64, role: &str, name: &str) -> Result<(), ControlError> {
        let id = self.role(role)?;
        self.change_role(now_ms, id, |role| name.clone_into(&mut role.name))
    }

    pub fn set_role_permissions(
        &mut self,
        now_ms: i64,
        role: &str,
        permissions: u64,
    ) -> Result<(), ControlError> {
        let id = self.role(role)?;
        self.change_role(now_ms, id, |role| role.permissions = permissions)
    }

    fn change_role(
        &mut self,
        now_ms: i64,
        id: u64,
        change: impl FnOnce(&mut Role),
    ) -> Result<(), ControlError> {
        let mut role = self
            .guild
            .roles
            .get(&id)
            .cloned()
            .ok_or(ControlError::UnknownRole)?;
        change(&mut role);
        let by = self.owner();
        self.replace_role(now_ms, &role, by);
        Ok(())
    }

    pub fn delete_role(&mut self, now_ms: i64, role: &str) -> Result<(), ControlError> {
        let id = self.role(role)?;
        if self.fixed(id) {
            return Err(ControlError::FixedRole);
        }
        let by = self.owner();
        self.drop_role(now_ms, id, by);
        Ok(())
    }

    /// Moves a role, the bot's too, to a position; 1 is just above @everyone.
    pub fn move_role(
        &mut self,
        now_ms: i64,
        role: &str,
        position: i64,
    ) -> Result<(), ControlError> {
        let id = self.role(role)?;
        if id == self.guild.id {
            return Err(ControlError::FixedRole);
        }
        let by = self.owner();
        self.reorder(now_ms, &BTreeMap::from([(id, position.max(1))]), &by);
        Ok(())
    }

    /// Throws the bot out of the server; its own role goes with it.
    pub fn remove_bot(&mut self, now_ms: i64) -> Result<(), ControlError> {
        if self.take_bot_out(now_ms) {
            Ok(())
        } else {
            Err(ControlError::NoBot)
        }
    }

    pub(super) fn take_bot_out(&mut self, now_ms: i64) -> bool {
        let bot = self.application.bot_id;
        let Some(member) = self.guild.members.get(&bot).cloned() else {
            return false;
        };
        let event = json!({"id": self.guild.id.to_string()});
        self.emit(intents::GUILDS, "GUILD_DELETE", &event);
        self.guild.members.remove(&bot);
        let own = self
            .guild
            .roles
            .values()
            .find(|role| role.bot_id == Some(bot))
            .map(|role| role.id);
        let by = self.owner();
        if let Some(role) = own.and_then(|id| self.drop_role(now_ms, id, by)) {
            self.removed_bot = Some((member, role));
        }
        true
    }

    /// Invites the bot again. Its role is a new one, with the rights and the place of the old.
    pub fn restore_bot(&mut self, now_ms: i64) -> Result<(), ControlError> {
        if self.bot_member().is_some() {
            return Err(ControlError::BotPresent);
        }
        let (mut member, mut role) = self.removed_bot.take().ok_or(ControlError::NoBot)?;
        let old = role.id;
        let position = role.position;
        role.id = 0;
        let by = self.owner();
        let id = self.insert_role(now_ms, role, by.clone());
        self.reorder(now_ms, &BTreeMap::from([(id, position)]), &by);
        member.roles.remove(&old);
        member.roles.insert(id);
        member
            .roles
            .retain(|role| self.guild.roles.contains_key(role));
        member.joined_ms = now_ms;
        let bot = member.user_id;
        self.guild.members.insert(bot, member);
        let event = self.guild_create(0, 50, now_ms);
        self.emit(intents::GUILDS, "GUILD_CREATE", &event);
        self.note(now_ms, deed::BOT_ADD, bot, by, Vec::new());
        Ok(())
    }

    /// Changes the rights of the bot's own role, e.g. takes `MANAGE_ROLES` from it.
    pub fn set_bot_permissions(
        &mut self,
        now_ms: i64,
        permissions: u64,
    ) -> Result<(), ControlError> {
        let id = self
            .guild
            .roles
            .values()
            .find(|role| role.bot_id.is_some())
            .map(|role| role.id)
            .ok_or(ControlError::NoBot)?;
        self.change_role(now_ms, id, |role| role.permissions = permissions)
    }

    /// Gives or takes one permission of the bot's role; see [`permissions`].
    pub fn allow_bot(
        &mut self,
        now_ms: i64,
        permission: u64,
        allowed: bool,
    ) -> Result<(), ControlError> {
        let held = self
            .guild
            .roles
            .values()
            .find(|role| role.bot_id.is_some())
            .map_or(0, |role| role.permissions);
        let bits = if allowed {
            held | permission
        } else {
            held & !permission
        };
        self.set_bot_permissions(now_ms, bits & permissions::ALL)
    }
}
