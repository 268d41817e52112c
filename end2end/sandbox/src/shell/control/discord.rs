//! `POST /_sandbox/discord/…`: what people and the owner do by hand.
//!
//! | action | fields | does |
//! |---|---|---|
//! | `user` | `name`, `email` (none: the account has one of its own; empty with `no_email`: none), `unverified`, `join` | makes an account; `{"user": id}` |
//! | `email` | `user`, `email` (empty: none), `unverified` | changes the account's e-mail |
//! | `dms` | `user`, `closed` | whether direct messages are refused |
//! | `join`, `leave` | `user` | into and out of the server, without and with all roles |
//! | `ban`, `unban` | `user`, `reason` | |
//! | `role_add`, `role_remove` | `user`, `role` | by the owner's hand |
//! | `role_create` | `name`, `permissions` | lowest role; `{"role": id}` |
//! | `role_rename` | `role`, `name` | |
//! | `role_permissions` | `role`, `permissions` | |
//! | `role_move` | `role`, `position` | |
//! | `role_delete` | `role` | |
//! | `bot_remove`, `bot_restore` | | the bot leaves the server, and is invited again |
//! | `bot_permissions` | `permissions` | rights of the bot's own role |
//! | `bot_token` | `token` | the old token is refused from now on |
//! | `token` | `user`, `scopes` | an access token as after consent; `{"access_token": …}` |
//! | `revoke` | `user` | the person takes their consent back |
//! | `command` | `user`, `command`, `options` (Discord's list) | uses a slash command; `{"interaction": id}` |
//! | `intents` | `members`, `presence`, `message_content` | the portal's switches |
//! | `gateway` | `action` = `reconnect`, `invalidate` (with `resumable`), `drop` (with `code`), `refuse` (whoever identifies, with `code`; none ends it), `down`, `up` | |
//! | `limit` | `group`, `requests`, `per_ms`; or `enabled`; or `global_per_second`; or `lift_ban` | rate limits |
//!
//! `POST /_sandbox/faults` with `target` = `discord` and `effect` an object orders one of
//! Discord's own failures: `method`, `path`, `times` (1) and `effect` =
//! `{"kind": "rate_limit", "scope": "user|global|shared", "retry_after_ms": N}`,
//! `{"kind": "status", "status": N, "code": N, "landed": bool}` or
//! `{"kind": "no_answer", "landed": bool}`.

use serde_json::{Value, json};

use super::{
    Answer,
    fields::{Fields, Refused},
};
use crate::{
    World,
    clock::Clock,
    discord::{ControlError, Discord, Fault, Limit},
};

impl From<ControlError> for Refused {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::UnknownPerson
            | ControlError::UnknownRole
            | ControlError::UnknownCommand => Self::Absent(error.to_string()),
            ControlError::BadName => Self::Bad(error.to_string()),
            ControlError::NoChannel
            | ControlError::NotMember
            | ControlError::AlreadyMember
            | ControlError::Banned
            | ControlError::NotBanned
            | ControlError::NotThisOne
            | ControlError::FixedRole
            | ControlError::NoBot
            | ControlError::BotPresent => Self::Conflict(error.to_string()),
        }
    }
}

pub(super) fn act(world: &mut World, action: &str, fields: &Fields) -> Answer {
    let now_ms = world.clock.now_ms();
    let discord = &mut world.discord;
    let done = match action.split_once('_').map_or(action, |(what, _)| what) {
        "role" => roles(discord, now_ms, action, fields)?,
        "bot" => bot(discord, now_ms, action, fields)?,
        "gateway" | "limit" | "intents" => machinery(discord, action, fields)?,
        _ => people(discord, now_ms, action, fields)?,
    };
    Ok(done.unwrap_or_else(|| json!({"ok": true})))
}

type Done = Result<Option<Value>, Refused>;

fn people(discord: &mut Discord, now_ms: i64, action: &str, fields: &Fields) -> Done {
    if action == "user" {
        return newcomer(discord, now_ms, fields).map(Some);
    }
    let user = match action {
        "email" | "dms" | "join" | "leave" | "ban" | "unban" | "token" | "revoke" | "command" => {
            fields.required("user")?
        }
        _ => return Err(Refused::absent("there is no such control")),
    };
    match action {
        "email" => discord.set_email(user, fields.text("email"), !fields.flag("unverified"))?,
        "dms" => discord.set_dms_closed(user, fields.flag("closed"))?,
        "join" => discord.member_join(now_ms, user)?,
        "leave" => discord.member_leave(user)?,
        "ban" => discord.ban(now_ms, user, fields.text("reason"))?,
        "unban" => discord.unban(now_ms, user)?,
        "revoke" => discord.revoke_consent(user)?,
        "token" => {
            let scopes = fields
                .text("scopes")
                .unwrap_or("identify email guilds.join");
            let token = discord.issue_token(now_ms, user, scopes)?;
            return Ok(Some(json!({"ok": true, "access_token": token})));
        }
        _ => {
            let command = fields.required("command")?;
            let none = json!([]);
            let options = fields.value("options").unwrap_or(&none);
            let id = discord.use_command(now_ms, Clock::wall_ms(), user, command, options)?;
            return Ok(Some(json!({"ok": true, "interaction": id})));
        }
    }
    Ok(None)
}

fn newcomer(discord: &mut Discord, now_ms: i64, fields: &Fields) -> Answer {
    let name = fields.required("name")?;
    let id = discord.create_user(now_ms, name, !fields.flag("no_email"))?;
    let verified = !fields.flag("unverified");
    if let Some(email) = fields.text("email") {
        discord.set_email(&id, Some(email), verified)?;
    } else if !verified {
        let own = id
            .parse()
            .ok()
            .and_then(|id: u64| discord.users.get(&id))
            .and_then(|user| user.email.clone());
        discord.set_email(&id, own.as_deref(), false)?;
    }
    if fields.flag("join") {
        discord.member_join(now_ms, &id)?;
    }
    Ok(json!({"ok": true, "user": id}))
}

fn roles(discord: &mut Discord, now_ms: i64, action: &str, fields: &Fields) -> Done {
    if action == "role_create" {
        let permissions = fields.bits("permissions")?.unwrap_or(0);
        let id = discord.create_role(now_ms, fields.required("name")?, permissions)?;
        return Ok(Some(json!({"ok": true, "role": id})));
    }
    let role = fields.required("role")?;
    match action {
        "role_add" => discord.add_role_by_hand(now_ms, fields.required("user")?, role)?,
        "role_remove" => discord.remove_role_by_hand(now_ms, fields.required("user")?, role)?,
        "role_rename" => discord.rename_role(now_ms, role, fields.required("name")?)?,
        "role_permissions" => {
            let permissions = fields
                .bits("permissions")?
                .ok_or_else(|| Refused::bad("permissions is missing"))?;
            discord.set_role_permissions(now_ms, role, permissions)?;
        }
        "role_move" => {
            let position = fields
                .int("position")?
                .ok_or_else(|| Refused::bad("position is missing"))?;
            discord.move_role(now_ms, role, position)?;
        }
        "role_delete" => discord.delete_role(now_ms, role)?,
        _ => return Err(Refused::absent("there is no such control")),
    }
    Ok(None)
}

fn bot(discord: &mut Discord, now_ms: i64, action: &str, fields: &Fields) -> Done {
    match action {
        "bot_remove" => discord.remove_bot(now_ms)?,
        "bot_restore" => discord.restore_bot(now_ms)?,
        "bot_permissions" => {
            let permissions = fields
                .bits("permissions")?
                .ok_or_else(|| Refused::bad("permissions is missing"))?;
            discord.set_bot_permissions(now_ms, permissions)?;
        }
        "bot_token" => discord.set_token(fields.required("token")?),
        _ => return Err(Refused::absent("there is no such control")),
    }
    Ok(None)
}

fn machinery(discord: &mut Discord, action: &str, fields: &Fields) -> Done {
    match (action, fields.text("action").unwrap_or_default()) {
        ("gateway", "reconnect") => discord.gateway_reconnect(),
        ("gateway", "invalidate") => discord.gateway_invalidate(fields.flag("resumable")),
        ("gateway", "drop") => discord.gateway_drop(fields.small("code")?.unwrap_or(4000)),
        ("gateway", "down") => discord.gateway_down(true),
        ("gateway", "up") => discord.gateway_down(false),
        ("gateway", "refuse") => discord.gateway_refuse(fields.small("code")?),
        ("intents", _) => {
            let intents = &mut discord.application.intents;
            for (name, switch) in [
                ("members", &mut intents.members),
                ("presence", &mut intents.presence),
                ("message_content", &mut intents.message_content),
            ] {
                if fields.value(name).is_some() {
                    *switch = fields.flag(name);
                }
            }
        }
        ("limit", _) => limit(discord, fields)?,
        _ => return Err(Refused::absent("there is no such control")),
    }
    Ok(None)
}

fn limit(discord: &mut Discord, fields: &Fields) -> Result<(), Refused> {
    let limits = &mut discord.limits;
    if fields.value("enabled").is_some() {
        limits.enabled = fields.flag("enabled");
    }
    if let Some(number) = fields.small("global_per_second")? {
        limits.global_per_second = number.into();
    }
    if fields.flag("lift_ban") {
        limits.lift_ban();
    }
    if let Some(group) = fields.text("group") {
        let requests = fields.small("requests")?;
        let per_ms = fields.int("per_ms")?.filter(|ms| *ms > 0);
        let (Some(requests), Some(per_ms)) = (requests, per_ms) else {
            return Err(Refused::bad("a group wants requests and per_ms"));
        };
        limits.set(
            group,
            Limit {
                requests: requests.into(),
                per_ms,
            },
        );
    }
    Ok(())
}

pub(super) fn fault(world: &mut World, fields: &Fields) -> Answer {
    let fault: Fault = serde_json::from_value(fields.to_json())
        .map_err(|error| Refused::bad(&error.to_string()))?;
    world.discord.faults.add(fault);
    Ok(json!({"ok": true}))
}

pub(super) fn without_faults(world: &mut World) {
    world.discord.faults.clear();
}
