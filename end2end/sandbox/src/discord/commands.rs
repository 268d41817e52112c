//! `/applications/…`: the application itself and its commands, global or of the server.

use serde_json::{Map, Value, json};

use super::Discord;
use super::errors::{ApiError, Unknown};
use super::routes::{self, Answer, Call, Reply, ok};
use super::state::Command;

impl Discord {
    pub(super) fn route_applications(&mut self, call: &Call) -> Answer {
        if call.path.as_slice() == ["applications", "@me"] {
            return match call.req.method.as_str() {
                "GET" => self.own_application(call),
                _ => Err(ApiError::method_not_allowed()),
            };
        }
        call.bot()?;
        let Some((id, rest)) = call.path.get(1..).and_then(<[&str]>::split_first) else {
            return Err(ApiError::not_found());
        };
        if routes::id("application_id", id)? != self.application.id {
            return Err(ApiError::unknown(Unknown::Application));
        }
        match rest {
            ["commands", rest @ ..] => self.route_commands(call, None, rest),
            ["guilds", guild, "commands", rest @ ..] => {
                self.enter_guild(call, guild)?;
                let guild = self.guild.id;
                self.route_commands(call, Some(guild), rest)
            }
            _ => Err(ApiError::not_found()),
        }
    }

    fn route_commands(&mut self, call: &Call, guild: Option<u64>, rest: &[&str]) -> Answer {
        match (call.req.method.as_str(), rest) {
            ("GET", []) => {
                let all: Vec<Value> = self
                    .commands
                    .values()
                    .filter(|command| command.guild_id == guild)
                    .map(|command| self.command_shape(command))
                    .collect();
                ok(all.into())
            }
            ("POST", []) => {
                let (id, new) = self.put_command(call.now_ms, guild, call.object()?, "")?;
                let shape = self
                    .commands
                    .get(&id)
                    .map(|command| self.command_shape(command));
                Ok(Reply::Json(
                    if new { 201 } else { 200 },
                    shape.unwrap_or_default(),
                ))
            }
            ("PUT", []) => self.replace_commands(call, guild),
            (method, [id]) => {
                let id = routes::id("command_id", id)?;
                let known = self
                    .commands
                    .get(&id)
                    .filter(|command| command.guild_id == guild)
                    .ok_or_else(|| ApiError::unknown(Unknown::Command))?;
                match method {
                    "GET" => ok(self.command_shape(known)),
                    "DELETE" => {
                        self.commands.remove(&id);
                        Ok(Reply::Empty)
                    }
                    "PATCH" => {
                        let mut body = known.body.clone();
                        body.extend(call.object()?);
                        let updated = checked(&body, "")?;
                        let version = self.ids.snowflake(call.now_ms);
                        if let Some(command) = self.commands.get_mut(&id) {
                            (command.name, command.kind) = updated;
                            command.body = body;
                            command.version = version;
                        }
                        self.commands
                            .get(&id)
                            .map(|command| self.command_shape(command))
                            .ok_or_else(|| ApiError::unknown(Unknown::Command))
                            .and_then(ok)
                    }
                    _ => Err(ApiError::method_not_allowed()),
                }
            }
            _ => Err(ApiError::not_found()),
        }
    }

    /// Replaces all: those of the same name and kind keep their ids, the rest go.
    fn replace_commands(&mut self, call: &Call, guild: Option<u64>) -> Answer {
        let Value::Array(bodies) = call.json()? else {
            return Err(ApiError::form(&[(
                "_",
                "LIST_TYPE_CONVERT",
                "Only iterables may be used in a ListType",
            )]));
        };
        let mut all = Vec::new();
        for (at, body) in bodies.into_iter().enumerate() {
            let Value::Object(body) = body else {
                return Err(ApiError::form(&[(
                    &at.to_string(),
                    "DICT_TYPE_CONVERT",
                    "Only dictionaries may be used in a DictType",
                )]));
            };
            checked(&body, &format!("{at}."))?;
            all.push(body);
        }
        let mut kept = Vec::new();
        for body in all {
            kept.push(self.put_command(call.now_ms, guild, body, "")?.0);
        }
        self.commands
            .retain(|id, command| command.guild_id != guild || kept.contains(id));
        let shapes: Vec<Value> = kept
            .iter()
            .filter_map(|id| self.commands.get(id))
            .map(|command| self.command_shape(command))
            .collect();
        ok(shapes.into())
    }

    /// Adds a command, or updates the one of that name and kind; true when it is new.
    fn put_command(
        &mut self,
        now_ms: i64,
        guild: Option<u64>,
        body: Map<String, Value>,
        at: &str,
    ) -> Result<(u64, bool), ApiError> {
        let (name, kind) = checked(&body, at)?;
        let known = self
            .commands
            .values()
            .find(|known| known.guild_id == guild && known.name == name && known.kind == kind)
            .map(|known| known.id);
        let id = known.unwrap_or_else(|| self.ids.snowflake(now_ms));
        let version = self.ids.snowflake(now_ms);
        self.commands.insert(
            id,
            Command {
                id,
                version,
                guild_id: guild,
                name,
                kind,
                body,
            },
        );
        Ok((id, known.is_none()))
    }

    pub(super) fn command_shape(&self, command: &Command) -> Value {
        let given = |key: &str, default: Value| {
            command
                .body
                .get(key)
                .filter(|value| !value.is_null())
                .cloned()
                .unwrap_or(default)
        };
        let permissions = match given("default_member_permissions", Value::Null) {
            Value::Number(number) => number.to_string().into(),
            other => other,
        };
        let mut shape = json!({
            "id": command.id.to_string(),
            "application_id": self.application.id.to_string(),
            "version": command.version.to_string(),
            "default_member_permissions": permissions,
            "type": command.kind,
            "name": command.name,
            "name_localizations": given("name_localizations", Value::Null),
            "description": given("description", "".into()),
            "description_localizations": given("description_localizations", Value::Null),
            "contexts": given("contexts", Value::Null),
            "integration_types": given("integration_types", json!([0])),
            "nsfw": given("nsfw", false.into()),
        });
        if let Some(options) = command.body.get("options").filter(|list| list.is_array()) {
            shape["options"] = options.clone();
        }
        match command.guild_id {
            Some(guild) => shape["guild_id"] = guild.to_string().into(),
            None => shape["dm_permission"] = given("dm_permission", true.into()),
        }
        shape
    }
}

/// Name and kind of a command that may be registered; `at` prefixes the field of a refusal.
fn checked(body: &Map<String, Value>, at: &str) -> Result<(String, u64), ApiError> {
    let kind = body.get("type").and_then(Value::as_u64).unwrap_or(1);
    let name = body
        .get("name")
        .and_then(Value::as_str)
        .ok_or_else(|| ApiError::required(&format!("{at}name")))?;
    let slash = kind == 1;
    let fits = (1..=32).contains(&name.chars().count())
        && (!slash
            || name.chars().all(|letter| {
                (letter.is_alphanumeric() || matches!(letter, '-' | '_' | '\''))
                    && !letter.is_uppercase()
            }));
    if !fits {
        return Err(ApiError::form(&[(
            &format!("{at}name"),
            "APPLICATION_COMMAND_INVALID_NAME",
            "Command name is invalid",
        )]));
    }
    if slash {
        let description = body
            .get("description")
            .and_then(Value::as_str)
            .ok_or_else(|| ApiError::required(&format!("{at}description")))?;
        if !(1..=100).contains(&description.chars().count()) {
            return Err(ApiError::bad_length(&format!("{at}description"), 1, 100));
        }
    }
    Ok((name.to_owned(), kind))
}
