//! The pretend Discord, asked as the real one would be. Every answer of a REST route that goes
//! through [`Bench::ask`] is held against Discord's published schema of that route.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod gateway;
mod limits;
mod members;
mod oauth;
mod roles;
mod schema;
mod socket;
mod talk;

use sandbox::discord::{Discord, Limit};
use sandbox::{ApiRequest, ApiResponse};
use serde_json::Value;

/// 2026-03-01T12:00:00Z.
const START: i64 = 1_772_366_400_000;

/// The demo community at a moment that stands until moved.
pub struct Bench {
    pub discord: Discord,
    pub now_ms: i64,
    pub wall_ms: i64,
}

/// One answer, read.
pub struct Got {
    pub status: u16,
    pub body: Value,
    pub raw: ApiResponse,
}

impl Got {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.raw
            .headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Status and Discord's own code.
    pub fn refusal(&self) -> (u16, u64) {
        (self.status, self.body["code"].as_u64().unwrap_or(u64::MAX))
    }
}

impl Bench {
    pub fn new() -> Self {
        let mut discord = Discord::new(7, "http://127.0.0.1:4010");
        discord.seed_demo(START);
        Self {
            discord,
            now_ms: START,
            wall_ms: START,
        }
    }

    /// Without refusals for too many requests.
    pub fn unlimited() -> Self {
        let mut bench = Self::new();
        bench.discord.limits.enabled = false;
        bench
    }

    /// A request with that Authorization header, e.g. `Bearer …`; none when empty.
    pub fn ask(&mut self, auth: &str, method: &str, path: &str, body: Option<Value>) -> Got {
        self.ask_because(auth, method, path, body, None)
    }

    pub fn ask_because(
        &mut self,
        auth: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
        reason: Option<&str>,
    ) -> Got {
        let (bare, query) = path.split_once('?').unwrap_or((path, ""));
        let mut headers = Vec::new();
        if !auth.is_empty() {
            headers.push(("authorization".into(), auth.into()));
        }
        if let Some(reason) = reason {
            headers.push(("x-audit-log-reason".into(), reason.into()));
        }
        if body.is_some() {
            headers.push(("content-type".into(), "application/json".into()));
        }
        let raw = self.send(&ApiRequest {
            method: method.into(),
            path: format!("/api/v10{bare}"),
            query: query.into(),
            headers,
            body: body
                .map(|body| body.to_string().into_bytes())
                .unwrap_or_default(),
        });
        let got = Got {
            status: raw.status,
            body: serde_json::from_slice(&raw.body).unwrap_or(Value::Null),
            raw,
        };
        schema::hold(method, bare, &got);
        got
    }

    pub fn send(&mut self, request: &ApiRequest) -> ApiResponse {
        self.discord.request(self.now_ms, self.wall_ms, request)
    }

    /// As the bot.
    pub fn bot(&mut self, method: &str, path: &str, body: Option<Value>) -> Got {
        let auth = format!("Bot {}", self.discord.bot_token());
        self.ask(&auth, method, path, body)
    }

    /// As the bot, below its server.
    pub fn guild(&mut self, method: &str, path: &str, body: Option<Value>) -> Got {
        let path = format!("/guilds/{}{path}", self.discord.guild_id());
        self.bot(method, &path, body)
    }

    /// A tight bucket for tests of buckets.
    pub fn limit(&mut self, group: &str, requests: u32, per_ms: i64) {
        self.discord.limits.set(group, Limit { requests, per_ms });
    }
}
