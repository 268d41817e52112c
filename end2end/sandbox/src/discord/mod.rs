//! Discord, played: `OAuth2`, REST and the gateway of one application in one server.
//!
//! A state machine without I/O. Objects live by the movable clock (`now_ms`), rate limits,
//! heartbeats and the three seconds of an interaction by wall time (`wall_ms`).

mod calls;
mod commands;
mod consent;
mod controls;
mod controls_roles;
mod demo;
mod errors;
mod faults;
mod gateway;
mod gateway_protocol;
pub mod gateway_socket;
mod guilds;
mod ids;
mod interactions;
mod members;
mod messages;
mod oauth;
pub mod permissions;
mod ratelimit;
mod roles;
mod routes;
mod shapes;
mod state;
mod users;
mod world_page;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub use calls::{CallRecord, Calls};
pub use controls::ControlError;
pub use demo::{
    APPLICATION, CHANNEL_GENERAL, CHANNEL_LOUNGE, GUILD, PERSON_ADA, PERSON_BARBARA, PERSON_GRACE,
    PERSON_KATHERINE, PERSON_LINUS, PERSON_MARGARET, PERSON_OWNER, PERSON_RADIA, ROLE_BOT,
    ROLE_FOUNDER, ROLE_MEMBER, ROLE_MODERATOR, ROLE_PATRON, ROLE_TEAM,
};
pub use faults::{Effect, Fault, Faults};
pub use gateway::{Frame, Sessions};
pub use ratelimit::{INVALID_LIMIT, INVALID_WINDOW_MS, Limit, Limits, Scope};
pub use state::{
    Application, AuditEntry, Command, Grant, Guild, Interaction, Member, Message,
    PrivilegedIntents, Role, User,
};

use crate::{ApiRequest, ApiResponse};
use routes::{Actor, Call};
use state::Code;

/// The status of an answer that must not be given: the connection hangs until the caller goes.
pub const NO_ANSWER: u16 = 0;

/// The pretend Discord.
#[derive(Debug)]
pub struct Discord {
    /// The address this world is reached at, without a trailing slash.
    base: String,
    ids: ids::Ids,
    pub application: Application,
    pub guild: Guild,
    pub users: BTreeMap<u64, User>,
    /// The bot's membership and role while it is out of the server.
    removed_bot: Option<(Member, Role)>,
    codes: BTreeMap<String, Code>,
    grants: Vec<Grant>,
    /// Where in `grants` an access token is.
    grant_by_token: BTreeMap<String, usize>,
    usernames: BTreeSet<String>,
    /// Direct channels with the bot: channel by person.
    direct: BTreeMap<u64, u64>,
    messages: Vec<Message>,
    commands: BTreeMap<u64, Command>,
    interactions: Vec<Interaction>,
    audit: Vec<AuditEntry>,
    pub limits: Limits,
    pub faults: Faults,
    pub calls: Calls,
    pub sessions: Sessions,
}

impl Discord {
    /// The application, its bot, and the server with its roles and owner; nobody else yet.
    #[must_use]
    pub fn new(seed: u64, base: &str) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
            ids: ids::Ids::new(seed, demo::HIGHEST),
            application: demo::application(),
            guild: demo::guild(),
            users: demo::first_users(),
            removed_bot: None,
            codes: BTreeMap::new(),
            grants: Vec::new(),
            grant_by_token: BTreeMap::new(),
            usernames: demo::first_users()
                .into_values()
                .map(|user| user.username)
                .collect(),
            direct: BTreeMap::new(),
            messages: Vec::new(),
            commands: BTreeMap::new(),
            interactions: Vec::new(),
            audit: Vec::new(),
            limits: Limits::default(),
            faults: Faults::default(),
            calls: Calls::default(),
            sessions: Sessions::default(),
        }
    }

    /// Answers one request, below `/api/`, `/oauth2/authorize` or `/gateway`. An answer with the
    /// status [`NO_ANSWER`] stands for silence.
    pub fn request(&mut self, now_ms: i64, wall_ms: i64, req: &ApiRequest) -> ApiResponse {
        let fault = self.faults.take(&req.method, &req.path);
        let response = match &fault {
            Some(effect) => {
                if effect.landed() {
                    self.answer(now_ms, wall_ms, req);
                }
                effect.response()
            }
            None => self.answer(now_ms, wall_ms, req),
        };
        self.record(now_ms, wall_ms, req, &response, fault.is_some());
        response
    }

    fn answer(&mut self, now_ms: i64, wall_ms: i64, req: &ApiRequest) -> ApiResponse {
        if is_consent(&req.path) {
            return self.consent(now_ms, req);
        }
        // Some clients write `@me` and `@original` with `%40`.
        let decoded = routes::percent_decode(&req.path);
        let path = match routes::below_version(&decoded) {
            Ok(path) => path,
            Err(error) => return error.response(),
        };
        if let Some(response) = self.limits.ban_answer(wall_ms) {
            return response;
        }
        let who = req.header("authorization").unwrap_or("").to_owned();
        let (route, major) = routes::template(&path);
        // Answers to interactions count in no bot's limits.
        let limited = !route.starts_with("/interactions/");
        if limited
            && who.starts_with("Bot ")
            && let Some(wait_ms) = self.limits.enter_global(wall_ms, &who)
        {
            return ratelimit::refusal(Scope::Global, wait_ms);
        }
        let standing = limited.then(|| {
            self.limits
                .enter(wall_ms, &req.method, &route, &major, &who)
        });
        if let Some(standing) = standing.as_ref().filter(|standing| !standing.allowed) {
            return standing.refusal();
        }
        let mut response = self.handle(now_ms, wall_ms, req, path);
        if let Some(standing) = standing {
            standing.mark(&mut response);
        }
        response
    }

    fn handle(
        &mut self,
        now_ms: i64,
        wall_ms: i64,
        req: &ApiRequest,
        path: Vec<&str>,
    ) -> ApiResponse {
        if let ("POST", ["oauth2", "token"] | ["oauth2", "token", "revoke"]) =
            (req.method.as_str(), path.as_slice())
        {
            return self.token_endpoint(now_ms, req, path.len() == 3);
        }
        let actor = self.authenticate(now_ms, req);
        let reason = reason_of(req);
        if reason
            .as_ref()
            .is_some_and(|reason| reason.chars().count() > 512)
        {
            return errors::ApiError::bad_length("reason", 0, 512).response();
        }
        let call = Call {
            now_ms,
            wall_ms,
            req,
            path,
            actor,
            reason,
        };
        routes::respond(self.route(&call))
    }

    fn authenticate(&self, now_ms: i64, req: &ApiRequest) -> Actor {
        let header = req.header("authorization").unwrap_or("");
        if header.strip_prefix("Bot ") == Some(self.application.bot_token.as_str()) {
            return Actor::Bot;
        }
        header
            .strip_prefix("Bearer ")
            .and_then(|token| self.live_grant(now_ms, token))
            .map_or(Actor::Nobody, |grant| Actor::Person(grant.clone()))
    }

    fn record(
        &mut self,
        now_ms: i64,
        wall_ms: i64,
        req: &ApiRequest,
        response: &ApiResponse,
        fault: bool,
    ) {
        if is_consent(&req.path) {
            return;
        }
        self.limits.count_invalid(wall_ms, response);
        let decoded = routes::percent_decode(&req.path);
        let segments = routes::below_version(&decoded).unwrap_or_default();
        let (route, _) = routes::template(&segments);
        let secret = route.contains("{token}");
        let code = serde_json::from_slice::<Value>(&response.body)
            .ok()
            .and_then(|body| body["code"].as_u64())
            .filter(|_| response.status >= 400);
        self.calls.push(CallRecord {
            at_ms: now_ms,
            wall_ms,
            method: req.method.clone(),
            path: if secret {
                route.clone()
            } else {
                req.path.clone()
            },
            route,
            status: response.status,
            code,
            reason: reason_of(req),
            fault,
        });
    }

    fn bot_member(&self) -> Option<&Member> {
        self.guild.members.get(&self.application.bot_id)
    }

    /// What the bot may do in the server; nothing when it is not in it.
    fn bot_permissions(&self) -> u64 {
        self.bot_member()
            .map_or(0, |member| self.guild.permissions_of(member))
    }

    fn bot_needs(&self, permission: u64) -> Result<(), errors::ApiError> {
        if self.bot_permissions() & permission == permission {
            Ok(())
        } else {
            Err(errors::ApiError::missing_permissions())
        }
    }
}

fn is_consent(path: &str) -> bool {
    matches!(path, "/oauth2/authorize" | "/api/oauth2/authorize")
}

fn reason_of(req: &ApiRequest) -> Option<String> {
    req.header("x-audit-log-reason")
        .map(routes::percent_decode)
        .filter(|reason| !reason.is_empty())
}
