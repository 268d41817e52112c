//! From a path to the route it is an instance of, and what a handler is given.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::Discord;
use super::errors::{ApiError, Unknown};
use super::state::Grant;
use crate::{ApiRequest, ApiResponse};

/// What a handler answers.
#[derive(Debug)]
pub(super) enum Reply {
    Json(u16, Value),
    Empty,
}

pub(super) type Answer = Result<Reply, ApiError>;

#[expect(
    clippy::unnecessary_wraps,
    reason = "the last word of handlers that may refuse"
)]
pub(super) fn ok(body: Value) -> Answer {
    Ok(Reply::Json(200, body))
}

pub(super) fn respond(answer: Answer) -> ApiResponse {
    match answer {
        Ok(Reply::Json(status, body)) => ApiResponse::json(status, &body),
        Ok(Reply::Empty) => ApiResponse {
            status: 204,
            ..ApiResponse::default()
        },
        Err(error) => error.response(),
    }
}

/// Who asks, by the Authorization header.
#[derive(Clone, Debug)]
pub(super) enum Actor {
    Bot,
    Person(Grant),
    /// No header, or one that names nobody.
    Nobody,
}

/// One request on its way to a handler.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) now_ms: i64,
    pub(super) wall_ms: i64,
    pub(super) req: &'a ApiRequest,
    /// The path's segments after the version.
    pub(super) path: Vec<&'a str>,
    pub(super) actor: Actor,
    pub(super) reason: Option<String>,
}

impl Call<'_> {
    pub(super) fn bot(&self) -> Result<(), ApiError> {
        match self.actor {
            Actor::Bot => Ok(()),
            Actor::Person(_) | Actor::Nobody => Err(ApiError::unauthorized()),
        }
    }

    pub(super) fn query(&self, name: &str) -> Option<String> {
        pairs(self.req.query.as_bytes())
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.query(name)
            .is_some_and(|value| matches!(value.as_str(), "true" | "True" | "1"))
    }

    /// A whole number of the query within bounds; `default` when absent.
    pub(super) fn number(
        &self,
        name: &str,
        default: usize,
        least: usize,
        most: usize,
    ) -> Result<usize, ApiError> {
        let Some(text) = self.query(name) else {
            return Ok(default);
        };
        let Ok(value) = text.parse::<i64>() else {
            return Err(ApiError::form(&[(
                name,
                "NUMBER_TYPE_COERCE",
                &format!("Value \"{text}\" is not int."),
            )]));
        };
        match usize::try_from(value) {
            Ok(value) if value > most => Err(ApiError::form(&[(
                name,
                "NUMBER_TYPE_MAX",
                &format!("int value should be less than or equal to {most}."),
            )])),
            Ok(value) if value >= least => Ok(value),
            _ => Err(ApiError::form(&[(
                name,
                "NUMBER_TYPE_MIN",
                &format!("int value should be greater than or equal to {least}."),
            )])),
        }
    }

    /// An id of the query; `None` when absent.
    pub(super) fn id_query(&self, name: &str) -> Result<Option<u64>, ApiError> {
        self.query(name).map(|text| id(name, &text)).transpose()
    }

    /// The JSON body; an empty one is an empty object.
    pub(super) fn json(&self) -> Result<Value, ApiError> {
        if self.req.body.is_empty() {
            return Ok(Value::Object(Map::new()));
        }
        let kind = self.req.header("content-type").unwrap_or("");
        if !kind.starts_with("application/json") {
            return Err(ApiError::new(
                400,
                50035,
                "Expected \"Content-Type\" header to be one of {'application/json'}.",
            ));
        }
        serde_json::from_slice(&self.req.body)
            .map_err(|_| ApiError::new(400, 50109, "The request body contains invalid JSON."))
    }

    /// The JSON body where only an object will do.
    pub(super) fn object(&self) -> Result<Map<String, Value>, ApiError> {
        match self.json()? {
            Value::Object(fields) => Ok(fields),
            _ => Err(ApiError::form(&[(
                "_",
                "DICT_TYPE_CONVERT",
                "Only dictionaries may be used in a DictType",
            )])),
        }
    }
}

impl Discord {
    pub(super) fn route(&mut self, call: &Call) -> Answer {
        match call.path.first().copied() {
            Some("users") => self.route_users(call),
            Some("guilds") => self.route_guild(call),
            Some("channels") => self.route_channels(call),
            Some("applications") => self.route_applications(call),
            Some("oauth2") => self.route_oauth2(call),
            Some("gateway") => self.route_gateway(call),
            Some("interactions") => self.route_callback(call),
            Some("webhooks") => self.route_webhook(call),
            _ => Err(ApiError::not_found()),
        }
    }

    /// Guards every route of the server: a bot's token, this server, and the bot in it.
    pub(super) fn enter_guild(&self, call: &Call, text: &str) -> Result<(), ApiError> {
        call.bot()?;
        if id("guild_id", text)? != self.guild.id {
            return Err(ApiError::unknown(Unknown::Guild));
        }
        if self.bot_member().is_none() {
            return Err(ApiError::missing_access());
        }
        Ok(())
    }
}

/// Parses a snowflake.
pub(super) fn id(field: &str, text: &str) -> Result<u64, ApiError> {
    text.parse()
        .ok()
        .filter(|id| *id <= u64::try_from(i64::MAX).unwrap_or(u64::MAX))
        .ok_or_else(|| ApiError::not_snowflake(field, text))
}

/// Parses a snowflake in a body, which may be a string or a number.
pub(super) fn id_value(field: &str, value: &Value) -> Result<u64, ApiError> {
    match value {
        Value::String(text) => id(field, text),
        Value::Number(number) => id(field, &number.to_string()),
        other => Err(ApiError::not_snowflake(field, &other.to_string())),
    }
}

/// Splits a query or a form.
pub(super) fn pairs(text: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text)
        .map(|(key, value): (Cow<'_, str>, Cow<'_, str>)| (key.into_owned(), value.into_owned()))
        .collect()
}

/// Decodes `%41`; a plus stays a plus.
pub(super) fn percent_decode(text: &str) -> String {
    let kept = text
        .replace('+', "%2B")
        .replace('&', "%26")
        .replace('=', "%3D");
    url::form_urlencoded::parse(kept.as_bytes())
        .map(|(key, _)| key.into_owned())
        .collect()
}

/// The path below `/api` and its version, or why there is none.
pub(super) fn below_version(path: &str) -> Result<Vec<&str>, ApiError> {
    if path == "/gateway" {
        return Ok(vec!["gateway"]);
    }
    let rest = path.strip_prefix("/api/").ok_or_else(ApiError::not_found)?;
    let mut segments: Vec<&str> = rest.split('/').collect();
    if let Some(version) = segments.first().and_then(|first| first.strip_prefix('v'))
        && let Ok(version) = version.parse::<u32>()
    {
        if !(6..=10).contains(&version) {
            return Err(ApiError::new(400, 50041, "Invalid API version provided"));
        }
        segments.remove(0);
    }
    Ok(segments)
}

/// The route a path is an instance of, and its major parameter.
pub(super) fn template(segments: &[&str]) -> (String, String) {
    let mut route = String::new();
    let mut major = String::new();
    for (at, segment) in segments.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| segments.get(at)).copied();
        route.push('/');
        match (at, before) {
            (1, Some("guilds")) => {
                route.push_str("{guild}");
                (*segment).clone_into(&mut major);
            }
            (1, Some("channels")) => {
                route.push_str("{channel}");
                (*segment).clone_into(&mut major);
            }
            (2, _) if matches!(segments.first(), Some(&("interactions" | "webhooks"))) => {
                route.push_str("{token}");
            }
            _ if segment.bytes().all(|byte| byte.is_ascii_digit()) && !segment.is_empty() => {
                route.push_str("{id}");
            }
            _ => route.push_str(segment),
        }
    }
    (route, major)
}
