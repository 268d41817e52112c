//! What goes over the wire: bases, ids and reasons as Discord wants them, and its bodies.

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::ratelimit::Closed;
use super::{DiscordError, GuildRole, GuildView};

/// Discord's bound on an audit log reason, counted after encoding to be on the safe side.
const MAX_REASON: usize = 512;

/// An answer that came.
pub(super) struct Answer {
    pub status: StatusCode,
    pub body: Bytes,
    /// What a 429 closed.
    pub closed: Option<Closed>,
}

#[derive(Deserialize)]
pub(super) struct GuildBody {
    id: String,
    name: String,
    owner_id: String,
    roles: Vec<RoleBody>,
}

#[derive(Deserialize)]
struct RoleBody {
    id: String,
    name: String,
    position: i64,
    /// A number in a string: it does not fit JavaScript's.
    permissions: String,
    #[serde(default)]
    managed: bool,
    #[serde(default)]
    color: u32,
}

impl GuildBody {
    pub fn view(self) -> Result<GuildView, DiscordError> {
        let roles = self
            .roles
            .into_iter()
            .map(|role| {
                Ok(GuildRole {
                    permissions: role.permissions.parse().map_err(|_| {
                        DiscordError::Unreadable(format!("permissions of role {}", role.id))
                    })?,
                    id: role.id,
                    name: role.name,
                    position: role.position,
                    managed: role.managed,
                    color: role.color,
                })
            })
            .collect::<Result<_, DiscordError>>()?;
        Ok(GuildView {
            id: self.id,
            name: self.name,
            owner_id: self.owner_id,
            roles,
        })
    }
}

pub(super) fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, DiscordError> {
    serde_json::from_slice(&answer.body)
        .map_err(|error| DiscordError::Unreadable(error.to_string()))
}

pub(super) fn refusal(answer: &Answer) -> DiscordError {
    #[derive(Deserialize)]
    struct Body {
        code: i64,
        #[serde(default)]
        message: String,
    }
    match serde_json::from_slice::<Body>(&answer.body) {
        Ok(body) => {
            DiscordError::from_answer(answer.status.as_u16(), Some(body.code), &body.message)
        }
        Err(_) => DiscordError::from_answer(answer.status.as_u16(), None, ""),
    }
}

/// Ids go into paths, so nothing else may pass for one.
pub(super) fn snowflake(id: &str) -> Result<&str, DiscordError> {
    if (1..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(id)
    } else {
        Err(DiscordError::Unsendable(
            "a Discord id is a number of at most 20 digits",
        ))
    }
}

/// The base with `/api/v10`, unless it names a version already. No trailing slash.
#[must_use]
pub fn versioned(base: &Url) -> Url {
    let path = base.path().trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or_default();
    let names_version = last
        .strip_prefix('v')
        .is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()));
    let path = if names_version {
        path.to_owned()
    } else if last == "api" {
        format!("{path}/v10")
    } else {
        format!("{path}/api/v10")
    };
    let mut versioned = base.clone();
    versioned.set_path(&path);
    versioned
}

/// Percent-encoded, as the header wants it, and cut at a whole character.
pub(super) fn encode_reason(reason: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::new();
    for character in reason.chars() {
        let whole = encoded.len();
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                encoded.push('%');
                encoded.push(char::from(HEX[usize::from(byte >> 4)]));
                encoded.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
        if encoded.len() > MAX_REASON {
            encoded.truncate(whole);
            break;
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_gets_its_version_once() {
        for (base, full) in [
            ("https://discord.com", "https://discord.com/api/v10"),
            ("https://discord.com/api", "https://discord.com/api/v10"),
            ("https://discord.com/api/", "https://discord.com/api/v10"),
            ("https://discord.com/api/v10", "https://discord.com/api/v10"),
            (
                "https://discord.com/api/v10/",
                "https://discord.com/api/v10",
            ),
            (
                "http://127.0.0.1:4010/vault",
                "http://127.0.0.1:4010/vault/api/v10",
            ),
        ] {
            assert_eq!(versioned(&Url::parse(base).unwrap()).as_str(), full);
        }
    }

    #[test]
    fn a_reason_is_encoded_and_cut_between_characters() {
        assert_eq!(
            encode_reason("Plan: Größe\n"),
            "Plan%3A%20Gr%C3%B6%C3%9Fe%0A"
        );
        let long = encode_reason(&"ß".repeat(300));
        assert_eq!(long.len(), 510);
        assert!(long.ends_with("%9F"));
    }

    #[test]
    fn only_numbers_pass_for_ids() {
        assert!(snowflake("80351110224678912").is_ok());
        for id in ["", "..", "@me", "1/../2", "123456789012345678901", "１２"] {
            assert!(snowflake(id).is_err(), "{id}");
        }
    }
}
