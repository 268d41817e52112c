//! What happens by hand: people come and go, roles are given, moved and deleted, the bot loses
//! its place. Every deed is the owner's, stands in the audit log and reaches the gateway.

use thiserror::Error;

use super::Discord;
use super::members::By;
use super::state::{Member, Role, User};

/// Why something could not be done by hand. Ids are given as text, as everywhere in Discord.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ControlError {
    #[error("there is no such person")]
    UnknownPerson,
    #[error("there is no such role")]
    UnknownRole,
    #[error("there is no such command")]
    UnknownCommand,
    #[error("the server has no channel")]
    NoChannel,
    #[error("that person is not in the server")]
    NotMember,
    #[error("that person is already in the server")]
    AlreadyMember,
    #[error("that person is banned")]
    Banned,
    #[error("that person is not banned")]
    NotBanned,
    #[error("a name has 2 to 32 letters")]
    BadName,
    #[error("the owner and the bot cannot be taken out so")]
    NotThisOne,
    #[error("that role belongs to the bot or is @everyone")]
    FixedRole,
    #[error("the bot is not in the server")]
    NoBot,
    #[error("the bot is already in the server")]
    BotPresent,
}

impl Discord {
    /// Makes an account outside the server and answers its id.
    pub fn create_user(
        &mut self,
        now_ms: i64,
        name: &str,
        with_email: bool,
    ) -> Result<String, ControlError> {
        let name = name.trim();
        if !(2..=32).contains(&name.chars().count()) {
            return Err(ControlError::BadName);
        }
        let plain: String = name
            .to_lowercase()
            .chars()
            .map(|letter| if letter == ' ' { '.' } else { letter })
            .filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_'))
            .collect();
        let plain = if plain.len() < 2 {
            format!("person{plain}")
        } else {
            plain
        };
        let mut username = plain.clone();
        let mut more = 2;
        while !self.usernames.insert(username.clone()) {
            username = format!("{plain}{more}");
            more += 1;
        }
        let id = self.ids.snowflake(now_ms);
        self.users.insert(
            id,
            User {
                id,
                global_name: Some(name.to_owned()),
                email: with_email.then(|| format!("{username}@example.org")),
                verified: with_email,
                username,
                bot: false,
                dms_closed: false,
            },
        );
        Ok(id.to_string())
    }

    /// Changes or takes away the account's e-mail.
    pub fn set_email(
        &mut self,
        user: &str,
        email: Option<&str>,
        verified: bool,
    ) -> Result<(), ControlError> {
        let id = self.person(user)?;
        if let Some(user) = self.users.get_mut(&id) {
            user.email = email.map(str::to_owned);
            user.verified = verified && email.is_some();
        }
        Ok(())
    }

    /// Whether the person takes direct messages.
    pub fn set_dms_closed(&mut self, user: &str, closed: bool) -> Result<(), ControlError> {
        let id = self.person(user)?;
        if let Some(user) = self.users.get_mut(&id) {
            user.dms_closed = closed;
        }
        Ok(())
    }

    /// Joins by an invite link, without roles.
    pub fn member_join(&mut self, now_ms: i64, user: &str) -> Result<(), ControlError> {
        let id = self.person(user)?;
        if self.guild.bans.contains_key(&id) {
            return Err(ControlError::Banned);
        }
        if self.guild.members.contains_key(&id) {
            return Err(ControlError::AlreadyMember);
        }
        self.admit(Member::new(id, now_ms));
        Ok(())
    }

    /// Leaves by themselves, with all their roles.
    pub fn member_leave(&mut self, user: &str) -> Result<(), ControlError> {
        let id = self.person(user)?;
        if id == self.guild.owner_id {
            return Err(ControlError::NotThisOne);
        }
        if self.remove_member(id) {
            Ok(())
        } else {
            Err(ControlError::NotMember)
        }
    }

    pub fn ban(
        &mut self,
        now_ms: i64,
        user: &str,
        reason: Option<&str>,
    ) -> Result<(), ControlError> {
        let id = self.person(user)?;
        if id == self.guild.owner_id {
            return Err(ControlError::NotThisOne);
        }
        let by = By {
            reason: reason.map(str::to_owned),
            ..self.owner()
        };
        if self.put_ban(now_ms, id, by) {
            Ok(())
        } else {
            Err(ControlError::Banned)
        }
    }

    pub fn unban(&mut self, now_ms: i64, user: &str) -> Result<(), ControlError> {
        let id = self.person(user)?;
        let by = self.owner();
        if self.lift_ban(now_ms, id, by) {
            Ok(())
        } else {
            Err(ControlError::NotBanned)
        }
    }

    /// Resets the bot's token: the old one is refused from now on and its connections are cut.
    pub fn set_token(&mut self, token: &str) {
        token.clone_into(&mut self.application.bot_token);
        self.sessions.forget();
        self.gateway_drop(4004);
    }

    /// An access token as after the person's consent to these scopes, separated by spaces.
    pub fn issue_token(
        &mut self,
        now_ms: i64,
        user: &str,
        scopes: &str,
    ) -> Result<String, ControlError> {
        let id = self.person(user)?;
        let body = self.issue(now_ms, id, super::oauth::scopes_of(scopes));
        Ok(body["access_token"].as_str().unwrap_or_default().to_owned())
    }

    /// The person takes back their consent: all tokens of theirs die.
    pub fn revoke_consent(&mut self, user: &str) -> Result<(), ControlError> {
        let id = self.person(user)?;
        self.revoke_all(id);
        Ok(())
    }

    /// The roles a person holds, by id; empty outside the server.
    #[must_use]
    pub fn roles_of(&self, user: &str) -> Vec<String> {
        user.parse()
            .ok()
            .and_then(|id: u64| self.guild.members.get(&id))
            .map(|member| member.roles.iter().map(u64::to_string).collect())
            .unwrap_or_default()
    }

    /// Whether the person is in the server.
    #[must_use]
    pub fn is_member(&self, user: &str) -> bool {
        user.parse()
            .is_ok_and(|id: u64| self.guild.members.contains_key(&id))
    }

    /// Consents given, with their tokens, also those that are over.
    #[must_use]
    pub fn grants(&self) -> &[super::Grant] {
        &self.grants
    }

    /// The server's audit log, oldest first.
    #[must_use]
    pub fn audit_log_entries(&self) -> &[super::AuditEntry] {
        &self.audit
    }

    pub(super) fn owner(&self) -> By {
        By {
            user_id: self.guild.owner_id,
            reason: None,
        }
    }

    pub(super) fn person(&self, user: &str) -> Result<u64, ControlError> {
        user.parse()
            .ok()
            .filter(|id| self.users.get(id).is_some_and(|user| !user.bot))
            .ok_or(ControlError::UnknownPerson)
    }

    pub(super) fn role(&self, role: &str) -> Result<u64, ControlError> {
        role.parse()
            .ok()
            .filter(|id| self.guild.roles.contains_key(id))
            .ok_or(ControlError::UnknownRole)
    }

    pub(super) fn fixed(&self, role: u64) -> bool {
        role == self.guild.id || self.guild.roles.get(&role).is_some_and(Role::managed)
    }
}
