//! Buckets per route, the global limit and the ban for too many invalid requests, on wall time.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ids;
use crate::ApiResponse;

/// Answers of 401, 403 and 429 within [`INVALID_WINDOW_MS`] after which an address is shut out.
pub const INVALID_LIMIT: usize = 10_000;
pub const INVALID_WINDOW_MS: i64 = 600_000;

/// So many requests in so many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    pub requests: u32,
    pub per_ms: i64,
}

impl Limit {
    const fn new(requests: u32, per_ms: i64) -> Self {
        Self { requests, per_ms }
    }
}

/// Which limit a 429 speaks of (`X-RateLimit-Scope`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    User,
    Global,
    Shared,
}

impl Scope {
    fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Global => "global",
            Self::Shared => "shared",
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Window {
    started_ms: i64,
    per_ms: i64,
    used: u32,
}

/// Where a request stands in its bucket.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) allowed: bool,
    limit: u32,
    remaining: u32,
    reset_ms: i64,
    wall_ms: i64,
    bucket: String,
}

#[derive(Debug)]
pub struct Limits {
    /// Off, nothing is refused; the headers stay.
    pub enabled: bool,
    /// Requests a second for one bot over all routes.
    pub global_per_second: u32,
    overrides: BTreeMap<String, Limit>,
    windows: BTreeMap<String, Window>,
    global: BTreeMap<String, Window>,
    invalid: VecDeque<i64>,
    banned_until_ms: Option<i64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            enabled: true,
            global_per_second: 50,
            overrides: BTreeMap::new(),
            windows: BTreeMap::new(),
            global: BTreeMap::new(),
            invalid: VecDeque::new(),
            banned_until_ms: None,
        }
    }
}

impl Limits {
    /// Replaces the limit of a bucket group, e.g. `member-roles`; the names are those of
    /// [`group_of`].
    pub fn set(&mut self, group: &str, limit: Limit) {
        self.overrides.insert(group.to_owned(), limit);
        let prefix = format!("{group}:");
        self.windows.retain(|key, _| !key.starts_with(&prefix));
    }

    /// Counts one request of `who` against `group` of the route's major parameter.
    pub(super) fn enter(
        &mut self,
        wall_ms: i64,
        method: &str,
        route: &str,
        major: &str,
        who: &str,
    ) -> Standing {
        let (group, default) = group_of(method, route);
        let limit = self.overrides.get(&group).copied().unwrap_or(default);
        if self.windows.len() > 4096 {
            self.windows
                .retain(|_, window| wall_ms < window.started_ms + window.per_ms);
        }
        let key = format!("{group}:{major}:{who}");
        let window = fresh(&mut self.windows, key, wall_ms, limit.per_ms);
        let allowed = window.used < limit.requests || !self.enabled;
        if allowed {
            window.used = window.used.saturating_add(1);
        }
        Standing {
            allowed,
            limit: limit.requests,
            remaining: limit.requests.saturating_sub(window.used),
            reset_ms: window.started_ms + window.per_ms,
            wall_ms,
            bucket: ids::digest(&group, 32),
        }
    }

    /// Counts one request against the bot's global limit; `Some(ms)` says how long to wait.
    pub(super) fn enter_global(&mut self, wall_ms: i64, who: &str) -> Option<i64> {
        let allowed = self.global_per_second;
        let enabled = self.enabled;
        let window = fresh(&mut self.global, who.to_owned(), wall_ms, 1000);
        if enabled && window.used >= allowed {
            return Some(window.started_ms + window.per_ms - wall_ms);
        }
        window.used = window.used.saturating_add(1);
        None
    }

    /// Discord counts 401, 403 and 429 against the address, but not a 429 of scope `shared`.
    pub(super) fn count_invalid(&mut self, wall_ms: i64, response: &ApiResponse) {
        let shared = response
            .headers
            .iter()
            .any(|(name, value)| name == "x-ratelimit-scope" && value == "shared");
        if !matches!(response.status, 401 | 403 | 429) || shared {
            return;
        }
        self.invalid.push_back(wall_ms);
        self.forget(wall_ms);
        if self.invalid.len() >= INVALID_LIMIT && self.banned_until_ms.is_none() {
            self.banned_until_ms = Some(wall_ms + INVALID_WINDOW_MS);
        }
    }

    fn forget(&mut self, wall_ms: i64) {
        while self
            .invalid
            .front()
            .is_some_and(|at| *at <= wall_ms - INVALID_WINDOW_MS)
        {
            self.invalid.pop_front();
        }
    }

    /// Invalid requests in the ten minutes before the last of them.
    #[must_use]
    pub fn invalid_requests(&self) -> usize {
        self.invalid.len()
    }

    #[must_use]
    pub fn banned_until_ms(&self) -> Option<i64> {
        self.banned_until_ms
    }

    /// Forgets a ban and the requests that led to it.
    pub fn lift_ban(&mut self) {
        self.banned_until_ms = None;
        self.invalid.clear();
    }

    /// The edge's own answer while the address is banned: no JSON, no buckets.
    pub(super) fn ban_answer(&mut self, wall_ms: i64) -> Option<ApiResponse> {
        let until = self.banned_until_ms?;
        if wall_ms >= until {
            self.lift_ban();
            return None;
        }
        Some(ApiResponse {
            status: 429,
            headers: vec![
                ("content-type".into(), "text/plain; charset=UTF-8".into()),
                ("retry-after".into(), whole_seconds(until - wall_ms)),
            ],
            body: b"error code: 1015".to_vec(),
        })
    }
}

fn fresh(
    windows: &mut BTreeMap<String, Window>,
    key: String,
    wall_ms: i64,
    per_ms: i64,
) -> &mut Window {
    let new = Window {
        started_ms: wall_ms,
        per_ms,
        used: 0,
    };
    let window = windows.entry(key).or_insert(new);
    let age = wall_ms - window.started_ms;
    if age < 0 || age >= window.per_ms {
        *window = new;
    }
    window
}

impl Standing {
    /// Adds the `X-RateLimit-*` headers every answer carries.
    pub(super) fn mark(&self, response: &mut ApiResponse) {
        let after = (self.reset_ms - self.wall_ms).max(0);
        for (name, value) in [
            ("x-ratelimit-limit", self.limit.to_string()),
            ("x-ratelimit-remaining", self.remaining.to_string()),
            ("x-ratelimit-reset", seconds(self.reset_ms)),
            ("x-ratelimit-reset-after", seconds(after)),
            ("x-ratelimit-bucket", self.bucket.clone()),
        ] {
            response.headers.push((name.to_owned(), value));
        }
    }

    pub(super) fn refusal(&self) -> ApiResponse {
        let mut response = refusal(Scope::User, (self.reset_ms - self.wall_ms).max(1));
        self.mark(&mut response);
        response
    }
}

/// A 429 with its body `{message, retry_after, global, code}`.
pub(super) fn refusal(scope: Scope, wait_ms: i64) -> ApiResponse {
    let message = match scope {
        Scope::Shared => "The resource is being rate limited.",
        Scope::User | Scope::Global => "You are being rate limited.",
    };
    let text = format!(
        "{{\"message\":{},\"retry_after\":{},\"global\":{},\"code\":0}}",
        Value::from(message),
        seconds(wait_ms),
        scope == Scope::Global
    );
    let mut response = ApiResponse::json(429, &json!(null));
    response.body = text.into_bytes();
    response
        .headers
        .push(("retry-after".into(), whole_seconds(wait_ms)));
    response
        .headers
        .push(("x-ratelimit-scope".into(), scope.word().into()));
    if scope == Scope::Global {
        response
            .headers
            .push(("x-ratelimit-global".into(), "true".into()));
    }
    response
}

fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

fn whole_seconds(ms: i64) -> String {
    ((ms + 999) / 1000).to_string()
}

/// The bucket a route counts in, by name, and its limit unless told otherwise. Discord promises
/// no figures; these are of the order it shows.
pub(super) fn group_of(method: &str, route: &str) -> (String, Limit) {
    let (group, limit) = match (method, route) {
        ("PUT" | "DELETE", "/guilds/{guild}/members/{id}/roles/{id}") => {
            ("member-roles", Limit::new(10, 10_000))
        }
        ("PUT", "/guilds/{guild}/members/{id}") => ("member-join", Limit::new(10, 10_000)),
        ("PATCH", "/guilds/{guild}/members/{id}") => ("member-edit", Limit::new(10, 10_000)),
        ("DELETE", "/guilds/{guild}/members/{id}") => ("member-kick", Limit::new(5, 1_000)),
        ("GET", "/guilds/{guild}/members/{id}") => ("member", Limit::new(5, 1_000)),
        ("GET", "/guilds/{guild}/members") => ("members", Limit::new(10, 10_000)),
        ("POST", "/channels/{channel}/messages") => ("messages", Limit::new(5, 5_000)),
        ("PUT", "/applications/{id}/commands" | "/applications/{id}/guilds/{id}/commands") => {
            ("commands", Limit::new(5, 20_000))
        }
        ("GET", "/gateway/bot") => ("gateway-bot", Limit::new(2, 5_000)),
        ("POST", "/oauth2/token" | "/oauth2/token/revoke") => {
            ("oauth2-token", Limit::new(500, 10_000))
        }
        _ => {
            return (format!("{method} {route}"), Limit::new(10, 10_000));
        }
    };
    (group.to_owned(), limit)
}
