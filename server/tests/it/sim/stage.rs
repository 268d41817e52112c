//! Where a history plays: the pretend world, one clock, the weather on the wires, and the gates
//! at which whoever works stands still until the seed lets them go on.

use super::weather::Weather;
use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sandbox::discord::{Effect, Fault, Scope};
use sandbox::faults::Target;
use sandbox::{ApiRequest, Served, World};
use server::clock::Clock;
use server::db::Pace;
use server::wire::{Answer, Lost, Request, Wire};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// 2026-01-01T00:00:00Z, where every history begins.
pub const BEGINNING_MS: i64 = 1_767_225_600_000;

/// What somebody stands in front of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// A writing transaction.
    Write,
    /// A request that is to be sent.
    Send(String),
    /// An answer that is on its way.
    Answer(String),
    /// A moment.
    Until(i64),
}

/// Somebody in front of a gate.
pub struct Stand {
    pub at: At,
    open: Arc<AtomicBool>,
    /// Whoever stands there may be a task of its own, which the work under way waits for.
    waker: Waker,
}

impl Stand {
    /// Lets them pass; who waits for a moment passes when it has come.
    pub fn pass(self) {
        self.open.store(true, Ordering::Relaxed);
        self.waker.wake();
    }
}

pub struct Stage {
    pub world: Mutex<World>,
    pub weather: Mutex<Weather>,
    now_ms: AtomicI64,
    instant: Instant,
    at: Mutex<Option<Stand>>,
    /// Who looks whether a gate was reached.
    watcher: Mutex<Option<Waker>>,
    chance: Mutex<StdRng>,
    /// Requests whose callers have given up, and which arrive all the same, by their moment.
    late: Mutex<Vec<(i64, ApiRequest)>>,
    /// Roles taken by our calls, with whom they were taken from.
    pub removed: Mutex<Vec<(String, String)>>,
    story: Mutex<Vec<String>>,
}

impl Stage {
    pub fn new(world: World, seed: u64) -> Self {
        Self {
            world: Mutex::new(world),
            weather: Mutex::new(Weather::default()),
            now_ms: AtomicI64::new(BEGINNING_MS),
            instant: Instant::now(),
            at: Mutex::new(None),
            watcher: Mutex::default(),
            chance: Mutex::new(StdRng::seed_from_u64(seed ^ 0x57a6e)),
            late: Mutex::default(),
            removed: Mutex::default(),
            story: Mutex::default(),
        }
    }

    pub fn now(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub fn below(&self, bound: u32) -> u32 {
        self.chance.lock().unwrap().random_range(0..bound)
    }

    /// Writes a line of the history.
    pub fn tell(&self, who: &str, what: impl AsRef<str>) {
        let since = self.now() - BEGINNING_MS;
        let (days, rest) = (since.div_euclid(86_400_000), since.rem_euclid(86_400_000));
        let (h, m, s) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
        let line = format!(
            "{days:4}d {h:02}:{m:02}:{s:02}.{:03} {who:<12} {}",
            rest % 1000,
            what.as_ref()
        );
        self.story.lock().unwrap().push(line);
    }

    pub fn story(&self) -> String {
        self.story.lock().unwrap().join("\n")
    }

    /// Moves the clock on; what falls due at Stripe and what was late on the wire happens in order.
    pub fn advance_to(&self, to_ms: i64) {
        loop {
            let next = {
                let mut late = self.late.lock().unwrap();
                late.sort_by_key(|(at, _)| *at);
                match late.first() {
                    Some((at, _)) if *at <= to_ms => Some(late.remove(0)),
                    _ => None,
                }
            };
            let Some((at, request)) = next else { break };
            self.set(at.max(self.now()));
            let served = self.world().serve(self.now(), &request);
            self.tell(
                "late",
                format!("{} arrives: {}", line(&request), shown(served.as_ref())),
            );
        }
        self.set(to_ms);
    }

    fn set(&self, to_ms: i64) {
        self.now_ms.store(to_ms, Ordering::Relaxed);
        self.world().advance_to(to_ms);
    }

    /// Lets the world answer one of our requests.
    fn serve(&self, now: i64, request: &ApiRequest) -> Option<Served> {
        let served = self.world().serve(now, request);
        let taken = matches!(&served, Some(Served::Answer { response, .. }) if response.status == 204)
            && request.method == "DELETE";
        if let (true, Some((member, role))) = (taken, request.path.rsplit_once("/roles/"))
            && let Some((_, person)) = member.rsplit_once("/members/")
        {
            let removed = (person.to_owned(), role.to_owned());
            self.removed.lock().unwrap().push(removed);
        }
        served
    }

    /// When the next late request arrives.
    pub fn next_late(&self) -> Option<i64> {
        self.late.lock().unwrap().iter().map(|(at, _)| *at).min()
    }

    /// What the task that was polled last stands in front of, if it reached a gate.
    pub fn reached(&self, watcher: &Waker) -> Option<Stand> {
        *self.watcher.lock().unwrap() = Some(watcher.clone());
        self.at.lock().unwrap().take()
    }

    fn gate(self: &Arc<Self>, at: At) -> Gate {
        Gate {
            stage: self.clone(),
            at,
            open: Arc::default(),
        }
    }

    /// Asks as an operator's or a person's program does, past all weather.
    pub fn ask(&self, method: &str, path: &str, form: &str) -> serde_json::Value {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let request = ApiRequest {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers: vec![
                ("authorization".into(), "Bearer sk_test_sandbox".into()),
                ("stripe-version".into(), sandbox::stripe::API_VERSION.into()),
            ],
            body: form.as_bytes().to_vec(),
        };
        match self.world().serve(self.now(), &request) {
            Some(Served::Answer { response, .. }) => {
                serde_json::from_slice(&response.body).unwrap_or_default()
            }
            other => panic!("{method} {path}: {other:?}"),
        }
    }
}

/// Lets its task pass when it is told to, or when its moment has come.
struct Gate {
    stage: Arc<Stage>,
    at: At,
    open: Arc<AtomicBool>,
}

impl Future for Gate {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let open = match self.at {
            At::Until(moment) => self.stage.now() >= moment,
            _ => self.open.load(Ordering::Relaxed),
        };
        if open {
            return Poll::Ready(());
        }
        *self.stage.at.lock().unwrap() = Some(Stand {
            at: self.at.clone(),
            open: self.open.clone(),
            waker: cx.waker().clone(),
        });
        if let Some(watcher) = self.stage.watcher.lock().unwrap().take() {
            watcher.wake();
        }
        Poll::Pending
    }
}

/// Wall time and policy time are one; waiting is standing at a gate.
pub struct StageClock(pub Arc<Stage>);

impl Clock for StageClock {
    fn wall_ms(&self) -> i64 {
        self.0.now()
    }

    fn policy_ms(&self) -> i64 {
        self.0.now()
    }

    fn instant(&self) -> Instant {
        self.0.instant + Duration::from_millis((self.0.now() - BEGINNING_MS).unsigned_abs())
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        let until = self.0.now() + whole_ms(time);
        Box::pin(self.0.gate(At::Until(until)))
    }
}

pub struct StagePace(pub Arc<Stage>);

impl Pace for StagePace {
    fn before_writing(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.gate(At::Write))
    }
}

/// What the weather does to one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No connection.
    Unreachable,
    /// No answer; the request was lost.
    LostRequest,
    /// No answer, though the request was carried out.
    LostAnswer,
    /// No answer, and the request arrives when its caller has given up.
    LateRequest,
    /// This status; carried out or not.
    Status { status: u16, effect: bool },
    /// Discord's 429 of that limit.
    Limited { scope: Scope, ms: i64 },
}

pub struct StageWire(pub Arc<Stage>);

#[async_trait]
impl Wire for StageWire {
    async fn exchange(&self, request: Request, within: Duration) -> Result<Answer, Lost> {
        let stage = &self.0;
        let request = asked(&request);
        let line = line(&request);
        let gives_up = stage.now() + whole_ms(within);
        stage.gate(At::Send(line.clone())).await;
        let sent_at = stage.now();
        if sent_at > gives_up {
            // Its process stood still for longer than it had: nothing goes out any more.
            return Err(Lost::TimedOut);
        }
        let target = Target::of_path(&request.path).unwrap();
        let trouble = {
            let weather = stage.weather.lock().unwrap();
            weather.trouble(target, &mut stage.chance.lock().unwrap())
        };
        let served = match trouble {
            Some(Trouble::Unreachable) => {
                stage.tell("wire", format!("{line}: unreachable"));
                return Err(Lost::Unreachable);
            }
            Some(trouble @ (Trouble::LostRequest | Trouble::LostAnswer | Trouble::LateRequest)) => {
                if trouble == Trouble::LostAnswer {
                    stage.serve(sent_at, &request);
                }
                if trouble == Trouble::LateRequest {
                    let at = gives_up + i64::from(stage.below(4_000));
                    stage.late.lock().unwrap().push((at, request));
                }
                stage.tell("wire", format!("{line}: no answer, {trouble:?}"));
                stage.gate(At::Until(gives_up)).await;
                return Err(Lost::TimedOut);
            }
            Some(Trouble::Status { status, effect }) => {
                if effect {
                    stage.serve(sent_at, &request);
                }
                stage.tell("wire", format!("{line}: {status}, effect {effect}"));
                Some(Served::at_once(sandbox::faults::refusal(target, status)))
            }
            Some(Trouble::Limited { scope, ms }) => {
                stage.world().discord.faults.add(Fault {
                    method: None,
                    path: String::new(),
                    times: 1,
                    effect: Effect::RateLimit {
                        scope,
                        retry_after_ms: ms,
                    },
                });
                let served = stage.serve(sent_at, &request);
                stage.tell("wire", format!("{line}: 429 {scope:?}, {ms} ms"));
                served
            }
            None => {
                let served = stage.serve(sent_at, &request);
                stage.tell("wire", format!("{line}: {}", shown(served.as_ref())));
                served
            }
        };
        stage.gate(At::Answer(line.clone())).await;
        if stage.now() > gives_up {
            return Err(Lost::TimedOut);
        }
        let Some(Served::Answer { mut response, .. }) = served else {
            return Err(Lost::TimedOut);
        };
        if request.path == "/v1/events" {
            let weather = stage.weather.lock().unwrap();
            weather.hide_the_newest(&mut response, stage.now() / 1000);
        }
        let headers: HeaderMap = response
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::try_from(name).unwrap(),
                    HeaderValue::try_from(value).unwrap(),
                )
            })
            .collect();
        Ok(Answer {
            status: response.status,
            headers,
            body: Bytes::from(response.body),
        })
    }
}

fn asked(request: &Request) -> ApiRequest {
    let url = Url::parse(&request.url).unwrap();
    ApiRequest {
        method: request.method.to_string(),
        path: url.path().to_owned(),
        query: url.query().unwrap_or_default().to_owned(),
        headers: request
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
        body: request.body.clone().unwrap_or_default().into_bytes(),
    }
}

fn line(request: &ApiRequest) -> String {
    let mut line = format!("{} {}", request.method, request.path);
    for rest in [
        request.query.as_str(),
        &String::from_utf8_lossy(&request.body),
    ] {
        if !rest.is_empty() {
            line.push_str(if line.contains('?') { " · " } else { " ? " });
            line.extend(rest.chars().take(160));
        }
    }
    line
}

fn shown(served: Option<&Served>) -> String {
    match served {
        Some(Served::Answer { response, .. }) if response.status < 300 => {
            response.status.to_string()
        }
        Some(Served::Answer { response, .. }) => format!(
            "{} {}",
            response.status,
            String::from_utf8_lossy(&response.body)
                .chars()
                .take(300)
                .collect::<String>()
        ),
        other => format!("{other:?}"),
    }
}

fn whole_ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 4)
}
