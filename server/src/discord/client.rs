//! The real client: a few routes over the wire, obeying what Discord's headers say.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::body::{Answer, GuildBody, encode_reason, read, refusal, snowflake, versioned};
use super::circuit::Circuit;
use super::ratelimit::{Closed, Gates, Pass, Route};
use super::{BotIdentity, DiscordApi, DiscordError, GuildView, Joined, ListedMember, MemberView};
use crate::clock::Clock;
use crate::rng::Rng;
use crate::stripe::Priority;
use crate::wire::{self, Request, Wire};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest wait in line before the caller is told to come back. Windows are of seconds; with a
/// call it is half as long as a lease.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// What must remain of the total time for a request to be worth sending.
const SHORTEST_TRY: Duration = Duration::from_millis(500);
/// The longest page of members there is.
pub const MEMBERS_PAGE: usize = 1000;
const MAX_RETRIES: u32 = 2;
const BACKOFF_MS: i64 = 200;
const AUDIT_LOG_REASON: HeaderName = HeaderName::from_static("x-audit-log-reason");

/// Where Discord is and who we are there.
#[derive(Clone, Debug)]
pub struct DiscordConfig {
    /// With or without `/api/v10`.
    pub api_base: Url,
    pub bot_token: SecretString,
    pub guild_id: String,
}

/// A `reqwest` client fit for [`DiscordClient`] and for sign-in: no redirects, time-outs, and
/// the `User-Agent` form Discord asks for.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TOTAL_TIMEOUT)
        .user_agent(concat!(
            "DiscordBot (rollcall, ",
            env!("CARGO_PKG_VERSION"),
            ")"
        ))
        .build()
}

/// [`DiscordApi`] over HTTP. Every call ends within 10 s, retries included, after 20 s in line.
pub struct DiscordClient {
    pub(super) config: DiscordConfig,
    wire: Arc<dyn Wire>,
    clock: Arc<dyn Clock>,
    rng: Rng,
    gates: Gates,
    circuit: Circuit,
    total: Duration,
}

pub(super) struct Call<'a> {
    pub route: Route,
    pub method: Method,
    pub path: &'a [&'a str],
    pub query: Option<&'a str>,
    pub reason: Option<&'a str>,
    pub body: Option<String>,
}

impl<'a> Call<'a> {
    pub fn get(route: Route, path: &'a [&'a str]) -> Self {
        Self {
            route,
            method: Method::GET,
            path,
            query: None,
            reason: None,
            body: None,
        }
    }

    pub fn post(route: Route, path: &'a [&'a str], body: &serde_json::Value) -> Self {
        Self {
            method: Method::POST,
            body: Some(body.to_string()),
            ..Self::get(route, path)
        }
    }

    fn writes(&self) -> bool {
        self.method != Method::GET
    }
}

/// One attempt that brought no answer.
enum Lost {
    /// Certainly not acted upon.
    NotSent(String),
    MaybeSent(String),
    Unsendable(&'static str),
}

impl DiscordClient {
    #[must_use]
    pub fn new(
        config: DiscordConfig,
        wire: Arc<dyn Wire>,
        clock: Arc<dyn Clock>,
        rng: Rng,
    ) -> Self {
        let api_base = versioned(&config.api_base);
        Self {
            config: DiscordConfig { api_base, ..config },
            wire,
            clock,
            rng,
            gates: Gates::default(),
            circuit: Circuit::default(),
            total: TOTAL_TIMEOUT,
        }
    }

    /// The longest a call may take, instead of 10 s.
    #[must_use]
    pub fn with_total_timeout(mut self, total: Duration) -> Self {
        self.total = total;
        self
    }

    /// What stops everything is not asked again by everybody: the circuit answers it meanwhile.
    pub(super) async fn call(&self, call: Call<'_>) -> Result<Answer, DiscordError> {
        if call.route.is_aside() {
            return match self.circuit.shut() {
                Some(error) => Err(error),
                None => self.tries(&call).await.map_err(aside),
            };
        }
        self.circuit.pass(self.clock.instant())?;
        let outcome = self.tries(&call).await;
        // Listing members may be refused for a reason of its own.
        if call.route != Route::Members {
            self.circuit
                .heard(outcome.as_ref().err(), self.clock.instant());
        }
        outcome
    }

    /// Every call of ours is idempotent, so a network failure or a 5xx is tried again, and a 429
    /// after the wait it asks for.
    async fn tries(&self, call: &Call<'_>) -> Result<Answer, DiscordError> {
        let mut deadline = self.clock.instant() + self.total;
        let mut retries = 0;
        let mut throttled = 0;
        let mut maybe_landed = false;
        loop {
            let pass = self.in_line(call.route, &mut deadline).await?;
            let answer = self.send_once(call, &pass, deadline).await;
            drop(pass);
            let failure = match answer {
                Ok(answer) if answer.status.is_server_error() => DiscordError::Server {
                    status: answer.status.as_u16(),
                },
                Ok(Answer {
                    closed: Some(closed),
                    ..
                }) => {
                    throttled += 1;
                    if throttled > MAX_RETRIES {
                        return Err(rate_limited(closed, self.clock.instant()));
                    }
                    // The wait in front of the gate decides whether it is worth it.
                    continue;
                }
                Ok(answer) if answer.status.is_success() => return Ok(answer),
                Ok(answer) => return Err(refusal(&answer)),
                Err(Lost::Unsendable(what)) => return Err(DiscordError::Unsendable(what)),
                Err(Lost::NotSent(what)) => DiscordError::Network(what),
                Err(Lost::MaybeSent(what)) => {
                    maybe_landed = true;
                    DiscordError::Network(what)
                }
            };
            let backoff = BACKOFF_MS << retries;
            let pause = Duration::from_millis((backoff + self.rng.below(backoff)).unsigned_abs());
            let next = self.clock.instant() + pause;
            if retries == MAX_RETRIES || next + SHORTEST_TRY > deadline {
                return Err(if maybe_landed && call.writes() {
                    DiscordError::UnknownOutcome
                } else {
                    failure
                });
            }
            retries += 1;
            self.clock.sleep(pause).await;
        }
    }

    /// Waits for a place in the bucket. The time in line is not the call's.
    async fn in_line(
        &self,
        route: Route,
        deadline: &mut Instant,
    ) -> Result<Pass<'_>, DiscordError> {
        let came = self.clock.instant();
        let ticket = self.gates.queue(route, Priority::current(), came);
        loop {
            let changed = self.gates.changed();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let now = self.clock.instant();
            let closed = match ticket.pass(now) {
                Ok(pass) => {
                    *deadline += now.saturating_duration_since(came);
                    return Ok(pass);
                }
                Err(closed) => closed,
            };
            if closed.until > came + LONGEST_WAIT {
                return Err(rate_limited(closed, now));
            }
            let wait = closed.until.saturating_duration_since(now);
            tokio::select! {
                biased;
                () = self.clock.sleep(wait) => {}
                () = changed => {}
            }
        }
    }

    async fn send_once(
        &self,
        call: &Call<'_>,
        pass: &Pass<'_>,
        deadline: Instant,
    ) -> Result<Answer, Lost> {
        let began_ms = self.clock.wall_ms();
        let request = self.request(call)?;
        let within = deadline - self.clock.instant();
        let wire::Answer {
            status,
            headers,
            body,
        } = self.wire.exchange(request, within).await.map_err(lost)?;
        let status = StatusCode::from_u16(status)
            .map_err(|_| Lost::MaybeSent("the answer has no status".into()))?;
        let now = self.clock.instant();
        pass.learn(status, &headers, now);
        let closed =
            (status == StatusCode::TOO_MANY_REQUESTS).then(|| pass.throttled(&headers, &body, now));
        if let Some(closed) = closed {
            tracing::warn!(
                route = ?call.route,
                global = closed.global,
                wait_ms = whole_ms(closed.until.saturating_duration_since(now)),
                "Discord throttles"
            );
        }
        tracing::debug!(
            route = ?call.route,
            status = status.as_u16(),
            took_ms = self.clock.wall_ms() - began_ms,
            "Discord answered"
        );
        Ok(Answer {
            status,
            body,
            closed,
        })
    }

    fn request(&self, call: &Call<'_>) -> Result<Request, Lost> {
        let mut url = self.config.api_base.clone();
        url.path_segments_mut()
            .map_err(|()| Lost::Unsendable("DISCORD_API_BASE is not an address of a server"))?
            .pop_if_empty()
            .extend(call.path);
        url.set_query(call.query);
        let mut token =
            HeaderValue::try_from(format!("Bot {}", self.config.bot_token.expose_secret()))
                .map_err(|_| Lost::Unsendable("DISCORD_BOT_TOKEN holds characters no token has"))?;
        token.set_sensitive(true);
        let mut headers = vec![(header::AUTHORIZATION, token)];
        if let Some(reason) = call.reason {
            let reason = HeaderValue::try_from(encode_reason(reason))
                .map_err(|_| Lost::Unsendable("a reason was not encoded"))?;
            headers.push((AUDIT_LOG_REASON, reason));
        }
        let mut body = None;
        if call.writes() {
            // A PUT without a body still wants its length told.
            let (name, value) = match &call.body {
                Some(_) => (header::CONTENT_TYPE, "application/json"),
                None => (header::CONTENT_LENGTH, "0"),
            };
            headers.push((name, HeaderValue::from_static(value)));
            body = Some(call.body.clone().unwrap_or_default());
        }
        Ok(Request {
            method: call.method.clone(),
            url: url.into(),
            headers,
            body,
        })
    }

    async fn change_role(
        &self,
        (route, method): (Route, Method),
        user_id: &str,
        role_id: &str,
        reason: &str,
    ) -> Result<(), DiscordError> {
        let guild = snowflake(&self.config.guild_id)?;
        let path = [
            "guilds",
            guild,
            "members",
            snowflake(user_id)?,
            "roles",
            snowflake(role_id)?,
        ];
        self.call(Call {
            route,
            method,
            path: &path,
            query: None,
            reason: Some(reason),
            body: None,
        })
        .await
        .map(drop)
    }
}

#[async_trait]
impl DiscordApi for DiscordClient {
    async fn bot(&self) -> Result<BotIdentity, DiscordError> {
        #[derive(Deserialize)]
        struct User {
            id: String,
            username: String,
        }
        let answer = self.call(Call::get(Route::Bot, &["users", "@me"])).await?;
        let user: User = read(&answer)?;
        Ok(BotIdentity {
            id: user.id,
            name: user.username,
        })
    }

    async fn guild(&self) -> Result<GuildView, DiscordError> {
        let path = ["guilds", snowflake(&self.config.guild_id)?];
        let guild: GuildBody = read(&self.call(Call::get(Route::Guild, &path)).await?)?;
        guild.view()
    }

    async fn member(&self, user_id: &str) -> Result<Option<MemberView>, DiscordError> {
        #[derive(Deserialize)]
        struct Member {
            roles: Vec<String>,
        }
        let guild = snowflake(&self.config.guild_id)?;
        let path = ["guilds", guild, "members", snowflake(user_id)?];
        match self.call(Call::get(Route::Member, &path)).await {
            Ok(answer) => {
                let member: Member = read(&answer)?;
                Ok(Some(MemberView {
                    roles: member.roles,
                }))
            }
            Err(DiscordError::UnknownMember { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn members(&self, after: &str) -> Result<Vec<ListedMember>, DiscordError> {
        #[derive(Deserialize)]
        struct Member {
            user: User,
            roles: Vec<String>,
        }
        #[derive(Deserialize)]
        struct User {
            id: String,
        }
        let guild = snowflake(&self.config.guild_id)?;
        let query = format!("limit={MEMBERS_PAGE}&after={}", snowflake(after)?);
        let path = ["guilds", guild, "members"];
        let call = Call {
            query: Some(&query),
            ..Call::get(Route::Members, &path)
        };
        let members: Vec<Member> = match self.call(call).await {
            Ok(answer) => read(&answer)?,
            Err(DiscordError::NoGuildAccess { code: 50_001 }) => {
                return Err(DiscordError::IntentMissing);
            }
            Err(error) => return Err(error),
        };
        Ok(members
            .into_iter()
            .map(|member| ListedMember {
                id: member.user.id,
                roles: member.roles,
            })
            .collect())
    }

    async fn role_holders(&self) -> Result<HashMap<String, i64>, DiscordError> {
        let guild = snowflake(&self.config.guild_id)?;
        let path = ["guilds", guild, "roles", "member-counts"];
        read(&self.call(Call::get(Route::RoleHolders, &path)).await?)
    }

    fn refusals_run_low(&self) -> bool {
        self.gates.runs_low(self.clock.instant())
    }

    async fn add_role(
        &self,
        user_id: &str,
        role_id: &str,
        reason: &str,
    ) -> Result<(), DiscordError> {
        self.change_role((Route::AddRole, Method::PUT), user_id, role_id, reason)
            .await
    }

    async fn remove_role(
        &self,
        user_id: &str,
        role_id: &str,
        reason: &str,
    ) -> Result<(), DiscordError> {
        self.change_role(
            (Route::RemoveRole, Method::DELETE),
            user_id,
            role_id,
            reason,
        )
        .await
    }

    async fn join(
        &self,
        user_id: &str,
        access_token: &SecretString,
    ) -> Result<Joined, DiscordError> {
        let guild = snowflake(&self.config.guild_id)?;
        let path = ["guilds", guild, "members", snowflake(user_id)?];
        let body = serde_json::json!({ "access_token": access_token.expose_secret() });
        let answer = self
            .call(Call {
                route: Route::Join,
                method: Method::PUT,
                path: &path,
                query: None,
                reason: None,
                body: Some(body.to_string()),
            })
            .await?;
        match answer.status {
            StatusCode::CREATED => Ok(Joined::Added),
            StatusCode::NO_CONTENT => Ok(Joined::AlreadyMember),
            status => Err(DiscordError::Unreadable(format!(
                "adding a member was answered with {status}"
            ))),
        }
    }
}

/// Outside the server's own routes, no access is a refusal of that one request.
fn aside(error: DiscordError) -> DiscordError {
    match error {
        DiscordError::NoGuildAccess { code } => DiscordError::Refused {
            status: 403,
            code: Some(code),
            message: String::new(),
        },
        error => error,
    }
}

fn rate_limited(closed: Closed, now: Instant) -> DiscordError {
    DiscordError::RateLimited {
        after_ms: whole_ms(closed.until.saturating_duration_since(now)).max(1),
        global: closed.global,
    }
}

fn lost(lost: wire::Lost) -> Lost {
    match lost {
        wire::Lost::Unreachable => Lost::NotSent("no connection".into()),
        wire::Lost::TimedOut => Lost::MaybeSent("no whole answer in time".into()),
    }
}

fn whole_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}
