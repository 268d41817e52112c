//! One history: processes whose work goes on one gate at a time, deliveries on their way, people,
//! and the choice, by the seed, of who moves next.

use super::cast::{self, Catalogue, Person};
use super::company::{self, Company};
use super::gateway::Line;
use super::stage::{At, BEGINNING_MS, Stage, StageClock, StagePace, StageWire, Stand};
use super::variables;
use super::weather::Weather;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng};
use sandbox::World;
use sandbox::clock::Clock as WorldClock;
use sandbox::stripe::{Delivery, sign};
use server::config::Config;
use server::db::dirty::{self, Lease};
use server::db::{Db, Kind};
use server::rng::Rng;
use server::serve::{self, Outside};
use server::state::AppState;
use server::{pins, sync, webhooks};
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

pub const BASE: &str = "http://stripe.test";
pub const SITE: &str = "http://rollcall.test";
const SECRET: &str = "whsec_simulation";
/// Subjects one worker takes at a time.
const AT_ONCE: i64 = 4;
/// The longest without anybody at work.
const AWAY_MS: i64 = 25 * 24 * 60 * 60 * 1000;
/// A history that does not come to rest by then never does.
const PATIENCE: usize = 4_000;

/// What a piece of work came to.
pub enum Outcome {
    /// The process knows the outside and may work.
    Ready,
    Claimed(Vec<Lease>),
    Done,
    Answered(u16),
    /// What a person was told, and the address of the page they were led to.
    Told(usize, String, Option<String>),
    /// What a person was shown of a change, and may confirm.
    Shown(usize, String),
    /// The token of a link that was made for the company.
    Linked(String),
    /// What became of something, for the story alone.
    Noted(String),
}

pub struct Task {
    process: u32,
    what: String,
    at: Option<At>,
    stand: Option<Stand>,
    /// Its machine stands still until then.
    frozen_until: i64,
    delivery: Option<Delivery>,
    work: Pin<Box<dyn Future<Output = Outcome>>>,
}

impl Task {
    /// Whether it is work of this kind: how its name begins.
    pub fn is(&self, kind: &str) -> bool {
        self.what.starts_with(kind)
    }

    /// When it can go on, as far as time decides it.
    fn moment(&self) -> i64 {
        let waits = match self.at {
            Some(At::Until(moment)) => moment,
            _ => 0,
        };
        waits.max(self.frozen_until)
    }
}

pub struct Process {
    pub number: u32,
    pub state: AppState,
    ready: bool,
}

impl Process {
    pub fn is_ready(&self) -> bool {
        self.ready
    }
}

pub struct Play {
    pub stage: Arc<Stage>,
    pub db: Db,
    pub rng: StdRng,
    pub processes: Vec<Process>,
    pub tasks: Vec<Task>,
    /// Webhooks on their way.
    pub held: Vec<Delivery>,
    /// The gateway, as long as a process holds it.
    pub line: Option<Line>,
    /// Of a hundred webhooks, how many are lost and how many doubled.
    lost: u32,
    doubled: u32,
    /// Events that we answered 2xx.
    pub accepted: BTreeSet<String>,
    pub people: Vec<Person>,
    /// Whose a customer is, remembered when Stripe has forgotten.
    pub owners: BTreeMap<String, usize>,
    pub catalogue: Catalogue,
    pub company: Company,
    /// What gave each person access, plan and source, when their roles were last worked on.
    pub gave: BTreeMap<String, Vec<(String, String)>>,
    /// When a process last worked everything off with the outside well.
    rested_at: i64,
    /// What must never be, and was.
    pub violations: Vec<String>,
    seed: u64,
    started: u32,
}

impl Play {
    pub async fn new(db: Db, seed: u64) -> Self {
        let clock = WorldClock::Manual {
            now_ms: BEGINNING_MS,
        };
        let mut world = World::new(clock, seed, BASE);
        world.furnish();
        world.add_webhook(&format!("{SITE}/webhooks/stripe"), Some(SECRET));
        let stage = Arc::new(Stage::new(world, seed));
        let mut rng = StdRng::seed_from_u64(seed);
        let catalogue = cast::catalogue(&stage);
        let people = cast::people(&stage, &db).await;
        company::found(&db).await;
        let company = company::plans(&stage);
        let mut catalogue = catalogue;
        catalogue
            .managed
            .extend(company.plans.values().flatten().cloned());
        let mut play = Self {
            lost: [0, 0, 10, 40, 100][rng.random_range(0..5)],
            doubled: [0, 20, 60][rng.random_range(0..3)],
            stage,
            db,
            rng,
            processes: Vec::new(),
            tasks: Vec::new(),
            gave: BTreeMap::new(),
            held: Vec::new(),
            line: None,
            accepted: BTreeSet::new(),
            people,
            owners: BTreeMap::new(),
            catalogue,
            company,
            rested_at: BEGINNING_MS,
            violations: Vec::new(),
            seed,
            started: 0,
        };
        let how = format!(
            "{} of 100 webhooks are lost, {} doubled",
            play.lost, play.doubled
        );
        play.stage.tell("seed", format!("{seed}: {how}"));
        let slow_events = [0, 2, 2][play.below(3)];
        *play.stage.weather.lock().unwrap() = Weather {
            slow_events,
            ..Weather::default()
        };
        play.move_to(BEGINNING_MS + 1_000).await;
        play.start_process().await;
        play.work_off(false).await;
        if play.db.kind() == Kind::Postgres {
            play.start_process().await;
            play.work_off(false).await;
        }
        if play.chance(60) {
            play.connect();
        }
        play.company_begins().await;
        play
    }

    pub fn now(&self) -> i64 {
        self.stage.now()
    }

    /// True that many times of a hundred.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound)
    }

    pub fn violated(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.stage.tell("VIOLATED", &what);
        self.violations.push(what);
    }

    fn build(&self, number: u32) -> AppState {
        static LOGIN: OnceLock<reqwest::Client> = OnceLock::new();
        let variables = variables(&self.stage.world().discord, SECRET);
        let config = Config::read(|name| variables.get(name).cloned()).unwrap();
        let outside = Outside {
            stripe: Arc::new(StageWire(self.stage.clone())),
            discord: Arc::new(StageWire(self.stage.clone())),
            login: LOGIN.get_or_init(reqwest::Client::new).clone(),
        };
        serve::build_on(
            self.db.paced(Arc::new(StagePace(self.stage.clone()))),
            outside,
            config,
            Arc::new(StageClock(self.stage.clone())),
            Rng::seeded(self.seed.wrapping_mul(1_000) + u64::from(number)),
        )
        .unwrap()
    }

    /// Starts a process as `serve` does.
    pub async fn start_process(&mut self) {
        self.started += 1;
        let number = self.started;
        let state = self.build(number);
        self.processes.push(Process {
            number,
            state: state.clone(),
            ready: false,
        });
        let work = async move {
            pins::check_configuration(&state).await.unwrap();
            if state.db.kind() == Kind::Sqlite {
                dirty::free_all_leases(&state.db).await.unwrap();
            }
            while let Err(error) = pins::check_outside(&state).await {
                assert!(error.passes(), "{error}");
                state.clock.sleep(Duration::from_secs(5)).await;
            }
            serve::catch_up(&state).await.unwrap();
            Outcome::Ready
        };
        self.begin(number, "starts".into(), None, work).await;
    }

    /// Stops a process wherever it stands, all its work with it, and starts another.
    pub async fn stop_process(&mut self) {
        let at = self.below(self.processes.len());
        let number = self.processes.remove(at).number;
        let who = format!("process {number}");
        self.stage.tell(&who, "is stopped");
        if self
            .line
            .as_ref()
            .is_some_and(|line| line.process == number)
        {
            self.hang_up();
        }
        let (stopped, going): (Vec<Task>, Vec<Task>) = std::mem::take(&mut self.tasks)
            .into_iter()
            .partition(|task| task.process == number);
        self.tasks = going;
        for task in stopped {
            self.stage
                .tell(&who, format!("  {} at {:?}", task.what, task.at));
            if let Some(delivery) = task.delivery {
                // The connection broke: it comes again.
                self.recorded(&delivery, None);
            }
        }
        self.start_process().await;
    }

    /// Begins a piece of work; it goes as far as its first gate.
    pub async fn begin(
        &mut self,
        process: u32,
        what: String,
        delivery: Option<Delivery>,
        work: impl Future<Output = Outcome> + 'static,
    ) {
        self.stage.tell(&format!("process {process}"), &what);
        self.tasks.push(Task {
            process,
            what,
            at: None,
            stand: None,
            frozen_until: 0,
            delivery,
            work: Box::pin(work),
        });
        self.step(self.tasks.len() - 1).await;
    }

    /// Lets one task go on to its next gate, or to its end. Nobody else moves meanwhile.
    async fn step(&mut self, at: usize) {
        let stage = self.stage.clone();
        let task = &mut self.tasks[at];
        if let Some(stand) = task.stand.take() {
            stand.pass();
        }
        let polled = poll_fn(|cx| match task.work.as_mut().poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => match stage.reached(cx.waker()) {
                Some(stand) => {
                    task.at = Some(stand.at.clone());
                    task.stand = Some(stand);
                    Poll::Ready(None)
                }
                // The database answers.
                None => Poll::Pending,
            },
        });
        let Ok(polled) = tokio::time::timeout(Duration::from_secs(20), polled).await else {
            let others: Vec<String> = self
                .tasks
                .iter()
                .map(|task| format!("{} at {:?}", task.what, task.at))
                .collect();
            panic!(
                "{}\n{} waits for something that is not a gate; there are {others:#?}",
                self.stage.story(),
                self.tasks[at].what,
            );
        };
        if let Some(outcome) = polled {
            let task = self.tasks.swap_remove(at);
            self.ended(task, outcome).await;
        }
        self.check_removals().await;
    }

    async fn ended(&mut self, task: Task, outcome: Outcome) {
        let who = format!("process {}", task.process);
        match outcome {
            Outcome::Ready => {
                self.stage.tell(&who, "works");
                for process in &mut self.processes {
                    process.ready |= process.number == task.process;
                }
            }
            Outcome::Claimed(mut leases) => {
                leases.sort_by(|a, b| (a.kind.as_str(), &a.id).cmp(&(b.kind.as_str(), &b.id)));
                let Some(process) = self.processes.iter().find(|one| one.number == task.process)
                else {
                    return;
                };
                let state = process.state.clone();
                for lease in leases {
                    if lease.kind == dirty::SubjectKind::User {
                        let gives = self.gives(&lease.id).await;
                        self.gave.insert(lease.id.clone(), gives);
                    }
                    let what = format!("{} {} #{}", lease.kind.as_str(), lease.id, lease.fence);
                    let state = state.clone();
                    let work = async move {
                        sync::work_on(&state, lease).await;
                        Outcome::Done
                    };
                    Box::pin(self.begin(task.process, what, None, work)).await;
                }
            }
            Outcome::Noted(what) => self.stage.tell(&who, format!("{}: {what}", task.what)),
            Outcome::Done => self.stage.tell(&who, format!("{} done", task.what)),
            Outcome::Answered(status) => {
                self.stage.tell(&who, format!("{}: {status}", task.what));
                if let Some(delivery) = &task.delivery {
                    if (200..300).contains(&status) {
                        self.accepted.insert(delivery.event_id.clone());
                    }
                    self.recorded(delivery, Some(status));
                }
            }
            Outcome::Told(company::OWNER, told, address) => {
                self.stage.tell("Acme", format!("is told {told}"));
                self.company_led_to(address);
            }
            Outcome::Shown(company::OWNER, preview) => {
                self.stage.tell("Acme", "is shown what it would cost");
                self.company.previews.push(preview);
            }
            Outcome::Linked(token) => {
                self.stage.tell(&who, format!("{} done", task.what));
                self.company.tokens.push(token);
            }
            Outcome::Told(person, told, address) => {
                self.stage
                    .tell(&self.people[person].name.clone(), format!("is told {told}"));
                self.led_to(person, address);
            }
            Outcome::Shown(person, preview) => {
                self.stage.tell(
                    &self.people[person].name.clone(),
                    "is shown what it would cost",
                );
                self.people[person].previews.push(preview);
            }
        }
    }

    fn recorded(&self, delivery: &Delivery, status: Option<u16>) {
        let now = self.now();
        let stripe = &mut self.stage.world().stripe;
        stripe.record_delivery(delivery.id, status, now);
    }

    /// Takes up what Stripe sends, lost and doubled as the seed says.
    pub fn collect(&mut self) {
        let now = self.now();
        let due = self.stage.world().take_due_deliveries(now);
        for delivery in due {
            if delivery.attempt == 1 && self.chance(self.lost) {
                self.recorded(&delivery, Some(200));
                continue;
            }
            if self.chance(self.doubled) {
                self.held.push(delivery.clone());
            }
            self.held.push(delivery);
        }
        self.listen();
    }

    /// Hands one webhook, any of those on their way, to a process.
    async fn deliver(&mut self) -> bool {
        // A process stores those that come together together, and one waits for the other.
        let free: Vec<&Process> = self
            .processes
            .iter()
            .filter(|process| {
                let number = process.number;
                !self
                    .tasks
                    .iter()
                    .any(|task| task.process == number && task.delivery.is_some())
            })
            .collect();
        if free.is_empty() {
            return false;
        }
        let process = free[self.rng.random_range(0..free.len())];
        let (number, state) = (process.number, process.state.clone());
        let at = self.rng.random_range(0..self.held.len());
        let delivery = self.held.swap_remove(at);
        let kind: serde_json::Value = serde_json::from_str(&delivery.body).unwrap();
        let what = format!("webhook {} {}", kind["type"], delivery.event_id);
        let signature = sign(&delivery.body, SECRET, self.now() / 1000);
        let body = Bytes::from(delivery.body.clone());
        let work = async move {
            let mut headers = HeaderMap::new();
            headers.insert("stripe-signature", signature.parse().unwrap());
            let answer = webhooks::stripe(State(state), headers, Ok(body)).await;
            Outcome::Answered(answer.as_u16())
        };
        self.begin(number, what, Some(delivery), work).await;
        true
    }

    async fn claim(&mut self) {
        let ready: Vec<&Process> = self.processes.iter().filter(|one| one.ready).collect();
        if ready.is_empty() {
            return;
        }
        let at = self.rng.random_range(0..ready.len());
        let (number, state) = (ready[at].number, ready[at].state.clone());
        let work = async move {
            let claimed = dirty::claim(&state.db, &*state.clock, AT_ONCE).await;
            Outcome::Claimed(claimed.unwrap())
        };
        self.begin(number, "looks for work".into(), None, work)
            .await;
    }

    fn looking(&self) -> bool {
        self.tasks.iter().any(|task| task.what == "looks for work")
    }

    /// Whether somebody who is free could find something to do.
    async fn work_is_due(&self) -> bool {
        let now = self.now();
        let due: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM dirty WHERE parked = 0 AND due_at <= $1 AND lease_until <= $1",
        )
        .bind(now)
        .fetch_one(self.db.reader())
        .await
        .unwrap();
        due > 0
    }

    /// One move of somebody, chosen by the seed. False when nobody can move without time passing.
    async fn turn(&mut self, deliveries: bool) -> bool {
        let now = self.now();
        let free: Vec<usize> = (0..self.tasks.len())
            .filter(|&at| self.tasks[at].moment() <= now)
            .collect();
        let deliver = deliveries && !self.held.is_empty();
        let look = !self.looking()
            && self.processes.iter().any(|one| one.ready)
            && (free.is_empty() || self.rng.random_range(0..6) == 0);
        if deliver && (free.is_empty() || self.rng.random_range(0..4) == 0) && self.deliver().await
        {
            // A webhook is with a process now.
        } else if self.event_waits() && (free.is_empty() || self.rng.random_range(0..4) == 0) {
            self.give_event().await;
        } else if look && self.work_is_due().await {
            self.claim().await;
        } else if !self.tasks.is_empty() && (free.is_empty() || self.rng.random_range(0..20) == 0) {
            // Whoever waits for a moment may be woken by something else.
            let at = self.below(self.tasks.len());
            if self.tasks[at].frozen_until > now {
                return !free.is_empty();
            }
            let before = self.tasks.len();
            self.step(at).await;
            return self.tasks.len() != before || !free.is_empty();
        } else if let Some(&at) = free.get(self.below(free.len().max(1))) {
            self.step(at).await;
        } else {
            return false;
        }
        if self.chance(30) {
            let by = self.rng.random_range(1..400);
            self.move_to(now + by).await;
        }
        true
    }

    /// A few turns.
    pub async fn turns(&mut self, count: usize) {
        for _ in 0..count {
            self.collect();
            if !self.turn(true).await && !self.wait_for_somebody().await {
                return;
            }
        }
    }

    /// Moves on to the next moment somebody who is at work waits for.
    async fn wait_for_somebody(&mut self) -> bool {
        let next = self.tasks.iter().map(Task::moment).min();
        if let Some(next) = next {
            // Leases run out before those who stand still go on.
            let now = self.now();
            let lease = now + dirty::LEASE_MS + 1_000;
            let frozen = self.tasks.iter().any(|task| task.frozen_until > lease);
            let next = if frozen { next.min(lease) } else { next };
            self.move_to(next.max(now)).await;
        }
        next.is_some()
    }

    /// Until nothing is under way and nothing is due.
    pub async fn work_off(&mut self, deliveries: bool) {
        let calm = self.stage.weather.lock().unwrap().is_calm();
        for _ in 0..if calm { PATIENCE } else { 300 } {
            self.collect();
            if !self.turn(deliveries).await && !self.wait_for_somebody().await {
                if calm {
                    self.rested_at = self.read_until().await;
                }
                return;
            }
        }
        if calm {
            self.violated("work goes on without end");
        }
    }

    /// Since when nothing of Stripe's list of events was read: a machine that stood still writes
    /// what it had read long before.
    async fn read_until(&self) -> i64 {
        let polled: Option<i64> = sqlx::query_scalar("SELECT MIN(polled_at) FROM event_cursor")
            .fetch_one(self.db.reader())
            .await
            .unwrap();
        polled.unwrap_or_else(|| self.now())
    }

    pub async fn move_to(&mut self, to_ms: i64) {
        self.stage.advance_to(to_ms);
        if self.db.kind() == Kind::Postgres {
            sqlx::query("UPDATE simulated_time SET now_ms = $1")
                .bind(to_ms)
                .execute(self.db.reader())
                .await
                .unwrap();
        }
    }

    /// Lets time pass: most of the time we are there for what falls due, sometimes nobody is.
    pub async fn pass(&mut self, by_ms: i64) {
        let target = self.now() + by_ms;
        self.stage
            .tell("time", format!("{} hours pass", by_ms / 3_600_000));
        let asleep = self.chance(20);
        let stalled = self.chance(50);
        if stalled {
            self.freeze();
        } else {
            self.work_off(true).await;
        }
        for _ in 0..8 {
            if asleep || self.now() >= target {
                break;
            }
            self.rest_in_time(target).await;
            let next: Option<i64> = sqlx::query_scalar(
                "SELECT MIN(due_at) FROM dirty WHERE parked = 0 AND due_at > $1 \
                 AND kind NOT IN ('guild', 'plans', 'events')",
            )
            .bind(self.now())
            .fetch_one(self.db.reader())
            .await
            .unwrap();
            let somewhere = self.now() + self.rng.random_range(1..=(target - self.now()).max(1));
            let latest = target.min(self.rested_at + AWAY_MS).max(self.now());
            let soon = self.now() + self.rng.random_range(6..40) * 60_000;
            let hop = match self.below(10) {
                0..4 => next.unwrap_or(somewhere),
                4..7 => soon,
                _ => somewhere,
            };
            self.move_to(hop.clamp(self.now(), latest)).await;
            self.collect();
            if self.chance(80) {
                self.work_off(true).await;
            }
        }
        self.rest_in_time(target).await;
        self.move_to(target.max(self.now())).await;
        self.collect();
    }

    /// Some of those at work stand still for longer than their leases last, and go on among others
    /// who took their subjects meanwhile.
    fn freeze(&mut self) {
        let now = self.now();
        for at in 0..self.tasks.len() {
            if self.chance(60) {
                let after = now + 61_000;
                let until = self.rng.random_range(after..after + 540_000);
                self.tasks[at].frozen_until = until;
                let what = self.tasks[at].what.clone();
                self.stage.tell("machine", format!("{what} stands still"));
            }
        }
    }

    pub fn calm(&self) {
        let mut weather = self.stage.weather.lock().unwrap();
        *weather = weather.calmed();
    }

    /// Nobody stands still any more.
    pub fn wake(&mut self) {
        for task in &mut self.tasks {
            task.frozen_until = 0;
        }
    }

    /// Stripe keeps events for 30 days. Who is away for longer needs a reconciliation of everybody,
    /// which is another matter: here somebody is there, and well, before that.
    async fn rest_in_time(&mut self, until: i64) {
        let last = self.rested_at + AWAY_MS;
        if until > last {
            self.move_to(last.max(self.now())).await;
            self.calm();
            self.stage.tell("weather", "calm");
            self.work_off(true).await;
            if self.rested_at <= last - AWAY_MS {
                // What a machine that had stood still wrote was read long ago: the next poll is due
                // a few minutes later.
                self.move_to(self.now() + 600_000).await;
                self.work_off(true).await;
            }
        }
    }
}
