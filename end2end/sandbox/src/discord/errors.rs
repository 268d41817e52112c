//! Discord's error bodies: `{message, code, errors?}`.

use serde_json::{Map, Value, json};

use crate::ApiResponse;

/// One refusal. `code` is Discord's own number, 0 where it has none.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) code: u32,
    pub(super) message: String,
    pub(super) errors: Option<Value>,
}

impl ApiError {
    pub(super) fn new(status: u16, code: u32, message: &str) -> Self {
        Self {
            status,
            code,
            message: message.to_owned(),
            errors: None,
        }
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, 0, "401: Unauthorized")
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, 0, "404: Not Found")
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(405, 0, "405: Method Not Allowed")
    }

    /// 10002–10063: what was named does not exist.
    pub(super) fn unknown(what: Unknown) -> Self {
        let (code, name) = match what {
            Unknown::Application => (10002, "Application"),
            Unknown::Channel => (10003, "Channel"),
            Unknown::Guild => (10004, "Guild"),
            Unknown::Member => (10007, "Member"),
            Unknown::Message => (10008, "Message"),
            Unknown::Role => (10011, "Role"),
            Unknown::User => (10013, "User"),
            Unknown::Webhook => (10015, "Webhook"),
            Unknown::Ban => (10026, "Ban"),
            Unknown::Interaction => (10062, "interaction"),
            Unknown::Command => (10063, "application command"),
        };
        Self::new(404, code, &format!("Unknown {name}"))
    }

    pub(super) fn missing_access() -> Self {
        Self::new(403, 50001, "Missing Access")
    }

    pub(super) fn missing_permissions() -> Self {
        Self::new(403, 50013, "Missing Permissions")
    }

    /// 50028: the role cannot be used for this, e.g. it is managed by an integration.
    pub(super) fn invalid_role() -> Self {
        Self::new(400, 50028, "Invalid Role")
    }

    /// 50025: expired, revoked, of another person or application, or without `guilds.join`.
    pub(super) fn invalid_oauth_token() -> Self {
        Self::new(403, 50025, "Invalid OAuth2 access token")
    }

    /// 50035 with one entry per field; `path` is dotted, e.g. `roles.0`.
    pub(super) fn form(fields: &[(&str, &str, &str)]) -> Self {
        let mut errors = Map::new();
        for (path, code, message) in fields {
            let entry = json!([{"code": code, "message": message}]);
            enter(&mut errors, path, entry);
        }
        Self {
            errors: Some(Value::Object(errors)),
            ..Self::new(400, 50035, "Invalid Form Body")
        }
    }

    pub(super) fn required(field: &str) -> Self {
        Self::form(&[(field, "BASE_TYPE_REQUIRED", "This field is required")])
    }

    pub(super) fn not_snowflake(field: &str, value: &str) -> Self {
        Self::form(&[(
            field,
            "NUMBER_TYPE_COERCE",
            &format!("Value \"{value}\" is not snowflake."),
        )])
    }

    pub(super) fn bad_length(field: &str, least: usize, most: usize) -> Self {
        Self::form(&[(
            field,
            "BASE_TYPE_BAD_LENGTH",
            &format!("Must be between {least} and {most} in length."),
        )])
    }

    pub(super) fn response(&self) -> ApiResponse {
        let mut body = json!({"message": self.message, "code": self.code});
        if let Some(errors) = &self.errors {
            body["errors"] = errors.clone();
        }
        ApiResponse::json(self.status, &body)
    }
}

fn enter(errors: &mut Map<String, Value>, path: &str, entry: Value) {
    let (first, rest) = path
        .split_once('.')
        .map_or((path, None), |(first, rest)| (first, Some(rest)));
    let inner = errors
        .entry(first.to_owned())
        .or_insert_with(|| Value::Object(Map::new()));
    match (inner, rest) {
        (Value::Object(inner), Some(rest)) => enter(inner, rest, entry),
        (Value::Object(inner), None) => {
            inner.insert("_errors".to_owned(), entry);
        }
        _ => {}
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Unknown {
    Application,
    Channel,
    Guild,
    Member,
    Message,
    Role,
    User,
    Webhook,
    Ban,
    Interaction,
    Command,
}
