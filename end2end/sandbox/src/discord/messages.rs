//! `/channels/…`: what the bot says, in the server and in direct messages.

use serde_json::{Map, Value, json};

use super::errors::{ApiError, Unknown};
use super::gateway::intents;
use super::permissions::VIEW_CHANNEL;
use super::routes::{self, Answer, Call, Reply, ok};
use super::state::Message;
use super::{Discord, shapes};

const LONGEST: usize = 2000;
const LONGEST_NONCE: usize = 25;
/// "The past few minutes" in which an enforced nonce is unique for its author.
const NONCE_KEPT_MS: i64 = 3 * 60 * 1000;

/// Where a channel's messages go.
#[derive(Clone, Copy, Debug)]
enum Place {
    Server,
    /// To this person.
    Direct(u64),
}

impl Discord {
    pub(super) fn route_channels(&mut self, call: &Call) -> Answer {
        call.bot()?;
        let Some(channel) = call.path.get(1) else {
            return Err(ApiError::not_found());
        };
        let channel = routes::id("channel_id", channel)?;
        let place = self.place(channel)?;
        let rest = call.path.get(2..).unwrap_or_default();
        match (call.req.method.as_str(), rest) {
            ("GET", []) => match place {
                Place::Direct(person) => ok(self.direct_channel_shape(channel, person)),
                Place::Server => self
                    .guild
                    .channels
                    .get(&channel)
                    .map(|known| shapes::channel(known, self.guild.id))
                    .ok_or_else(|| ApiError::unknown(Unknown::Channel))
                    .and_then(ok),
            },
            ("POST", ["messages"]) => self.post_message(call, channel, place),
            ("GET", ["messages"]) => {
                let limit = call.number("limit", 50, 1, 100)?;
                let found: Vec<Value> = self
                    .messages
                    .iter()
                    .rev()
                    .filter(|message| message.channel_id == channel)
                    .take(limit)
                    .map(|message| self.message_shape(message))
                    .collect();
                ok(found.into())
            }
            (method, ["messages", id]) => {
                let id = routes::id("message_id", id)?;
                let at = self
                    .messages
                    .iter()
                    .position(|message| message.id == id && message.channel_id == channel)
                    .ok_or_else(|| ApiError::unknown(Unknown::Message))?;
                match method {
                    "GET" => ok(self.message_shape(&self.messages[at])),
                    "DELETE" => {
                        self.messages.remove(at);
                        Ok(Reply::Empty)
                    }
                    _ => Err(ApiError::method_not_allowed()),
                }
            }
            _ => Err(ApiError::not_found()),
        }
    }

    fn place(&self, channel: u64) -> Result<Place, ApiError> {
        if self.guild.channels.contains_key(&channel) {
            if self.bot_permissions() & VIEW_CHANNEL == 0 {
                return Err(ApiError::missing_access());
            }
            return Ok(Place::Server);
        }
        self.direct
            .iter()
            .find(|(_, id)| **id == channel)
            .map(|(person, _)| Place::Direct(*person))
            .ok_or_else(|| ApiError::unknown(Unknown::Channel))
    }

    fn post_message(&mut self, call: &Call, channel: u64, place: Place) -> Answer {
        let body = call.object()?;
        let message = self.draft(call.now_ms, channel, &body)?;
        let need = match place {
            Place::Server => {
                self.may_speak()?;
                intents::GUILD_MESSAGES
            }
            Place::Direct(person) => {
                if !self.reachable(person) {
                    return Err(ApiError::new(
                        403,
                        50007,
                        "Cannot send messages to this user",
                    ));
                }
                intents::DIRECT_MESSAGES
            }
        };
        if body.get("enforce_nonce").and_then(Value::as_bool) == Some(true)
            && let Some(before) = self.same_nonce(&message)
        {
            return ok(self.message_shape(before));
        }
        let shape = self.message_shape(&message);
        self.messages.push(message);
        let mut event = shape.clone();
        if matches!(place, Place::Server) {
            event["guild_id"] = self.guild.id.to_string().into();
        }
        self.emit(need, "MESSAGE_CREATE", &event);
        ok(shape)
    }

    /// What the same author lately sent with the same nonce.
    fn same_nonce(&self, message: &Message) -> Option<&Message> {
        message.nonce.as_ref()?;
        self.messages.iter().rev().find(|before| {
            before.author_id == message.author_id
                && before.nonce == message.nonce
                && message.at_ms - before.at_ms < NONCE_KEPT_MS
        })
    }

    /// A message of the bot's from a body, checked but not yet sent.
    pub(super) fn draft(
        &mut self,
        now_ms: i64,
        channel_id: u64,
        body: &Map<String, Value>,
    ) -> Result<Message, ApiError> {
        let content = match body.get("content") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) if text.chars().count() <= LONGEST => text.clone(),
            Some(_) => {
                return Err(ApiError::form(&[(
                    "content",
                    "BASE_TYPE_MAX_LENGTH",
                    "Must be 2000 or fewer in length.",
                )]));
            }
        };
        let embeds = embeds_of(body)?;
        let components = list(body, "components");
        if content.is_empty() && embeds.is_empty() && components.is_empty() {
            return Err(ApiError::new(400, 50006, "Cannot send an empty message"));
        }
        Ok(Message {
            id: self.ids.snowflake(now_ms),
            channel_id,
            author_id: self.application.bot_id,
            content,
            embeds,
            components: numbered(components),
            flags: body.get("flags").and_then(Value::as_u64).unwrap_or(0),
            at_ms: now_ms,
            edited_ms: None,
            nonce: nonce_of(body)?,
        })
    }

    /// Every message sent, oldest first.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }
}

/// A whole number, or a text of at most 25 characters.
fn nonce_of(body: &Map<String, Value>) -> Result<Option<Value>, ApiError> {
    match body.get("nonce") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() > LONGEST_NONCE => {
            Err(ApiError::form(&[(
                "nonce",
                "NONCE_TYPE_TOO_LONG",
                "Nonce length cannot exceed 25 characters.",
            )]))
        }
        Some(nonce) if nonce.is_string() || nonce.is_i64() => Ok(Some(nonce.clone())),
        Some(_) => Err(ApiError::form(&[(
            "nonce",
            "NONCE_TYPE_INVALID",
            "Nonce must be a string or an integer.",
        )])),
    }
}

fn list(body: &Map<String, Value>, name: &str) -> Vec<Value> {
    body.get(name)
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}

fn embeds_of(body: &Map<String, Value>) -> Result<Vec<Value>, ApiError> {
    let mut embeds = list(body, "embeds");
    if embeds.len() > 10 {
        return Err(ApiError::form(&[(
            "embeds",
            "BASE_TYPE_MAX_LENGTH",
            "Must be 10 or fewer in length.",
        )]));
    }
    for embed in &mut embeds {
        if let Some(embed) = embed.as_object_mut() {
            embed.insert("type".into(), "rich".into());
        }
    }
    Ok(embeds)
}

/// Components come back with ids of their own, counted through the message.
fn numbered(mut components: Vec<Value>) -> Vec<Value> {
    fn number(component: &mut Value, next: &mut u32) {
        let Some(fields) = component.as_object_mut() else {
            return;
        };
        fields.entry("id").or_insert_with(|| json!(*next));
        *next += 1;
        if let Some(inner) = fields.get_mut("components").and_then(Value::as_array_mut) {
            for component in inner {
                number(component, next);
            }
        }
    }
    let mut next = 1;
    for component in &mut components {
        number(component, &mut next);
    }
    components
}
