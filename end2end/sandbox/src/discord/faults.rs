//! Failures one asks for: the next so many requests of a kind go wrong in a named way.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ratelimit::{self, Scope};
use super::{NO_ANSWER, errors::ApiError};
use crate::ApiResponse;

/// The next `times` requests of that method whose path contains `path` fail with `effect`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Any method when absent.
    #[serde(default)]
    pub method: Option<String>,
    /// A part of the path, e.g. `/roles/`; the empty text matches all.
    #[serde(default)]
    pub path: String,
    #[serde(default = "once")]
    pub times: u32,
    pub effect: Effect,
}

fn once() -> u32 {
    1
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// 429 of that scope.
    RateLimit { scope: Scope, retry_after_ms: i64 },
    /// This status with Discord's body; with `landed` the request took effect all the same.
    Status {
        status: u16,
        #[serde(default)]
        code: u32,
        #[serde(default)]
        landed: bool,
    },
    /// Nothing comes back until the caller gives up.
    NoAnswer {
        #[serde(default)]
        landed: bool,
    },
}

impl Effect {
    pub(super) fn landed(&self) -> bool {
        match self {
            Self::RateLimit { .. } => false,
            Self::Status { landed, .. } | Self::NoAnswer { landed } => *landed,
        }
    }

    pub(super) fn response(&self) -> ApiResponse {
        match self {
            Self::RateLimit {
                scope,
                retry_after_ms,
            } => ratelimit::refusal(*scope, *retry_after_ms),
            Self::NoAnswer { .. } => ApiResponse {
                status: NO_ANSWER,
                ..ApiResponse::default()
            },
            // The edge answers these two itself, and not in JSON.
            Self::Status {
                status: status @ (502 | 504),
                ..
            } => ApiResponse::html(
                *status,
                format!("<html><head><title>{status}</title></head><body></body></html>"),
            ),
            Self::Status { status, code, .. } => {
                let words = match (status, code) {
                    (_, 50001) => "Missing Access",
                    (_, 50013) => "Missing Permissions",
                    (401, _) => "401: Unauthorized",
                    (403, _) => "403: Forbidden",
                    (500, _) => "500: Internal Server Error",
                    (503, _) => "upstream connect error or disconnect/reset before headers",
                    _ => "",
                };
                if words.is_empty() {
                    ApiResponse::json(
                        *status,
                        &json!({"message": format!("{status}: Error"), "code": code}),
                    )
                } else {
                    ApiError::new(*status, *code, words).response()
                }
            }
        }
    }
}

/// The faults waiting, oldest first.
#[derive(Debug, Default)]
pub struct Faults {
    waiting: Vec<Fault>,
}

impl Faults {
    pub fn add(&mut self, fault: Fault) {
        if fault.times > 0 {
            self.waiting.push(fault);
        }
    }

    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    #[must_use]
    pub fn waiting(&self) -> &[Fault] {
        &self.waiting
    }

    pub(super) fn take(&mut self, method: &str, path: &str) -> Option<Effect> {
        let at = self.waiting.iter().position(|fault| {
            fault
                .method
                .as_deref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
                && path.contains(&fault.path)
        })?;
        let fault = self.waiting.get_mut(at)?;
        let effect = fault.effect.clone();
        fault.times -= 1;
        if fault.times == 0 {
            self.waiting.remove(at);
        }
        Some(effect)
    }
}
