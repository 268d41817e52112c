//! Commands people use, and how the bot answers them. The token in the path is the key here;
//! there is no Authorization header.

use serde_json::{Value, json};

use super::errors::{ApiError, Unknown};
use super::gateway::intents;
use super::routes::{self, Answer, Call, Reply, ok};
use super::state::Interaction;
use super::{ControlError, Discord, shapes};

/// How long the first answer may take.
const FIRST_MS: i64 = 3_000;
/// How long the token is good afterwards.
const TOKEN_MS: i64 = 900_000;

impl Discord {
    /// A person uses a command in the first channel; the gateway is told. `options` is the list
    /// of Discord's `data.options`. Answers the interaction's id.
    pub fn use_command(
        &mut self,
        now_ms: i64,
        wall_ms: i64,
        user: &str,
        command: &str,
        options: &Value,
    ) -> Result<String, ControlError> {
        let user_id = self.person(user)?;
        let member = self
            .guild
            .members
            .get(&user_id)
            .ok_or(ControlError::NotMember)?;
        let known = self
            .commands
            .values()
            .find(|known| known.name == command)
            .ok_or(ControlError::UnknownCommand)?;
        let channel = self
            .guild
            .channels
            .values()
            .next()
            .ok_or(ControlError::NoChannel)?;
        let mut data = json!({
            "id": known.id.to_string(),
            "name": known.name,
            "type": known.kind,
        });
        if let Some(guild) = known.guild_id {
            data["guild_id"] = guild.to_string().into();
        }
        if options.as_array().is_some_and(|list| !list.is_empty()) {
            data["options"] = options.clone();
        }
        let mut member = self.member_shape(member);
        member["permissions"] = self
            .guild
            .members
            .get(&user_id)
            .map_or(0, |member| self.guild.permissions_of(member))
            .to_string()
            .into();
        let guild = self.guild.id.to_string();
        let (channel_id, channel) = (channel.id, shapes::channel(channel, self.guild.id));
        let id = self.ids.snowflake(now_ms);
        let token = self.ids.secret(64);
        let event = json!({
            "id": id.to_string(),
            "application_id": self.application.id.to_string(),
            "type": 2,
            "data": data,
            "guild": {"id": guild, "locale": "en-US", "features": []},
            "guild_id": guild,
            "channel": channel,
            "channel_id": channel_id.to_string(),
            "member": member,
            "token": token,
            "version": 1,
            "app_permissions": self.bot_permissions().to_string(),
            "locale": "en-US",
            "guild_locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {"0": guild},
            "context": 0,
            "attachment_size_limit": 10_485_760,
        });
        self.interactions.push(Interaction {
            id,
            token,
            user_id,
            command: command.to_owned(),
            channel_id,
            wall_ms,
            callback: None,
            original: None,
            followups: Vec::new(),
        });
        self.emit(intents::NONE, "INTERACTION_CREATE", &event);
        Ok(id.to_string())
    }

    /// Every interaction so far, oldest first.
    #[must_use]
    pub fn interactions(&self) -> &[Interaction] {
        &self.interactions
    }

    /// `POST /interactions/{id}/{token}/callback`: within three seconds, and once.
    pub(super) fn route_callback(&mut self, call: &Call) -> Answer {
        let ("POST", ["interactions", id, token, "callback"]) =
            (call.req.method.as_str(), call.path.as_slice())
        else {
            return Err(ApiError::not_found());
        };
        let id = routes::id("interaction_id", id)?;
        let at = self
            .interactions
            .iter()
            .position(|known| known.id == id && known.token == **token)
            .ok_or_else(|| ApiError::unknown(Unknown::Interaction))?;
        let body = call.object()?;
        let kind = body
            .get("type")
            .and_then(Value::as_u64)
            .ok_or_else(|| ApiError::required("type"))?;
        let (channel, since, answered) = {
            let known = &self.interactions[at];
            (
                known.channel_id,
                call.wall_ms - known.wall_ms,
                known.callback.is_some(),
            )
        };
        if answered {
            return Err(ApiError::new(
                400,
                40060,
                "Interaction has already been acknowledged.",
            ));
        }
        if since > FIRST_MS {
            return Err(ApiError::unknown(Unknown::Interaction));
        }
        let original = match kind {
            4 => {
                let data = body.get("data").and_then(Value::as_object);
                let message = self.draft(
                    call.now_ms,
                    channel,
                    data.unwrap_or(&serde_json::Map::new()),
                )?;
                let id = message.id;
                self.messages.push(message);
                Some(id)
            }
            5 | 6 | 8 | 9 => None,
            _ => {
                return Err(ApiError::form(&[(
                    "type",
                    "BASE_TYPE_CHOICES",
                    "Value must be one of {4, 5, 6, 8, 9}.",
                )]));
            }
        };
        let interaction = &mut self.interactions[at];
        interaction.callback = Some(Value::Object(body));
        interaction.original = original;
        if !call.flag("with_response") {
            return Ok(Reply::Empty);
        }
        let known = &self.interactions[at];
        let mut shape = json!({"interaction": {
            "id": known.id.to_string(),
            "type": 2,
            "response_message_loading": kind == 5,
            "response_message_ephemeral": known.ephemeral(),
            "channel_id": known.channel_id.to_string(),
            "guild_id": self.guild.id.to_string(),
        }});
        if let Some(message) = original.and_then(|id| self.message(id)) {
            shape["interaction"]["response_message_id"] = message.id.to_string().into();
            shape["resource"] = json!({"type": 4, "message": self.message_shape(message)});
        }
        ok(shape)
    }

    fn message(&self, id: u64) -> Option<&super::Message> {
        self.messages.iter().find(|message| message.id == id)
    }

    /// `/webhooks/{application}/{token}…`: the answers after the first, for fifteen minutes.
    pub(super) fn route_webhook(&mut self, call: &Call) -> Answer {
        let ["webhooks", application, token, rest @ ..] = call.path.as_slice() else {
            return Err(ApiError::not_found());
        };
        let at = self
            .interactions
            .iter()
            .position(|known| known.token == **token)
            .filter(|_| routes::id("webhook_id", application) == Ok(self.application.id))
            .ok_or_else(|| ApiError::unknown(Unknown::Webhook))?;
        if call.wall_ms - self.interactions[at].wall_ms > TOKEN_MS {
            return Err(ApiError::new(401, 50027, "Invalid Webhook Token"));
        }
        let channel = self.interactions[at].channel_id;
        let method = call.req.method.as_str();
        if (method, rest) == ("POST", [].as_slice()) {
            if self.interactions[at].callback.is_none() {
                return Err(ApiError::unknown(Unknown::Webhook));
            }
            let message = self.draft(call.now_ms, channel, &call.object()?)?;
            let shape = self.message_shape(&message);
            self.interactions[at].followups.push(message.id);
            self.messages.push(message);
            return ok(shape);
        }
        let ["messages", which] = rest else {
            return Err(ApiError::not_found());
        };
        let id = match *which {
            "@original" => self.interactions[at].original,
            other => Some(routes::id("message_id", other)?)
                .filter(|id| self.interactions[at].followups.contains(id)),
        };
        let deferred = *which == "@original" && self.interactions[at].callback.is_some();
        match (method, id) {
            ("PATCH", None) if deferred => {
                let message = self.draft(call.now_ms, channel, &call.object()?)?;
                let shape = self.message_shape(&message);
                self.interactions[at].original = Some(message.id);
                self.messages.push(message);
                ok(shape)
            }
            ("PATCH", Some(id)) => {
                let draft = self.draft(call.now_ms, channel, &call.object()?)?;
                let message = self
                    .messages
                    .iter_mut()
                    .find(|message| message.id == id)
                    .ok_or_else(|| ApiError::unknown(Unknown::Message))?;
                message.content = draft.content;
                message.embeds = draft.embeds;
                message.components = draft.components;
                message.edited_ms = Some(call.now_ms);
                let message = message.clone();
                ok(self.message_shape(&message))
            }
            ("GET", Some(id)) => self
                .message(id)
                .map(|message| self.message_shape(message))
                .ok_or_else(|| ApiError::unknown(Unknown::Message))
                .and_then(ok),
            ("DELETE", Some(id)) => {
                self.messages.retain(|message| message.id != id);
                Ok(Reply::Empty)
            }
            _ => Err(ApiError::unknown(Unknown::Message)),
        }
    }
}
