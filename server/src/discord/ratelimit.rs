//! Discord's limits, learned from its headers and never assumed, and the line in front of them.
//!
//! Each answer tells its bucket (`X-RateLimit-Bucket`), what remains of it and when it is full
//! again. A bucket that nobody has told us of is asked by one request at a time. A 429 closes its
//! route, or everything when its scope is global. Besides, Discord bans an address for 10,000
//! answers of 401, 403 or 429 in 10 minutes: these have a budget far below that.

mod headers;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use crate::stripe::Priority;
use headers::{Told, counts_as_invalid, throttle};

/// The routes, as far as they can have buckets of their own. The guild is always the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Route {
    Bot,
    Guild,
    Member,
    Members,
    RoleHolders,
    AddRole,
    RemoveRole,
    Join,
    Application,
    Commands,
    OpenDirect,
    Say,
    Said,
}

impl Route {
    /// Whether what it is answered says nothing of the others: these neither try on behalf of all
    /// nor open the circuit.
    pub fn is_aside(self) -> bool {
        matches!(
            self,
            Self::Application | Self::Commands | Self::OpenDirect | Self::Say | Self::Said
        )
    }
}

const INVALID_WINDOW: Duration = Duration::from_mins(10);
/// Nothing goes any more.
const INVALID_LIMIT: usize = 1_000;
/// Only what a person waits for goes.
const INVALID_LOW: usize = 750;
/// How soon to look again at the latest when it is an answer, or somebody else's turn, that is
/// waited for: [`Gates::changed`] tells of both.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// `Reset-After` is told to the millisecond, and rounded: of two answers of one window either may
/// be off by as much.
const ROUNDED: Duration = Duration::from_millis(2);

/// Why a request has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    pub until: Instant,
    pub global: bool,
}

#[derive(Debug, Default)]
pub(super) struct Gates {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    everything_until: Option<Instant>,
    closed: HashMap<Route, Instant>,
    bucket_of: HashMap<Route, String>,
    buckets: HashMap<String, Bucket>,
    /// Who waits, by rank: the moment they came plus what their class stands behind, so that
    /// whoever waits long enough goes before whoever is more urgent and came later.
    line: BTreeMap<(Instant, u64), Route>,
    came: u64,
    invalid: VecDeque<Instant>,
}

/// Places in one window. Between the end of one window and the first answer of the next its end
/// is not known; then as many may be under way as the limit allows.
#[derive(Debug)]
struct Bucket {
    limit: u32,
    remaining: u32,
    /// Not before its true end: an answer tells how long, counted from when it was made.
    resets_at: Option<Instant>,
    /// When the window before ended.
    ended: Option<Instant>,
    in_flight: u32,
}

impl Bucket {
    /// Of a route nobody has told us of: one asks.
    fn unknown() -> Self {
        Self {
            limit: 1,
            remaining: 1,
            resets_at: None,
            ended: None,
            in_flight: 0,
        }
    }

    fn refresh(&mut self, now: Instant) {
        if let Some(at) = self.resets_at.filter(|at| now >= *at) {
            self.ended = Some(at);
            self.resets_at = None;
            // What is under way may count in the new window.
            self.remaining = self.limit.saturating_sub(self.in_flight);
        }
        if self.resets_at.is_none() && self.in_flight == 0 {
            self.remaining = self.remaining.max(self.limit);
        }
    }

    /// What an answer of it tells. Windows are told apart by their ends, which lie between
    /// `Reset-After` counted from the sending and from the receiving: an end that is surely later
    /// is another window's. `others` are under way besides.
    fn learn(&mut self, told: &Told, others: u32, sent: Instant, now: Instant) {
        let limit = told.limit.max(1);
        let another = self.limit != limit;
        self.limit = limit;
        let (soonest, latest) = (sent + told.reset_after, now + told.reset_after);
        let may_be = |end: Instant| soonest <= end + ROUNDED;
        if self.ended.is_some_and(may_be) {
            return;
        }
        match self.resets_at {
            Some(end) if may_be(end) => {
                self.resets_at = Some(end.min(latest));
                self.remaining = self.remaining.min(told.remaining);
            }
            Some(end) => {
                self.ended = Some(end);
                self.resets_at = Some(latest);
                // They may count in it, and are not told yet.
                self.remaining = told.remaining.saturating_sub(others);
            }
            // Places were counted down from a limit that is no more.
            None if another => {
                self.resets_at = Some(latest);
                self.remaining = told.remaining.saturating_sub(others);
            }
            None => {
                self.resets_at = Some(latest);
                self.remaining = self.remaining.min(told.remaining);
            }
        }
    }
}

/// A place in the line; it is left when this is dropped.
pub(super) struct Ticket<'a> {
    gates: &'a Gates,
    key: (Instant, u64),
    route: Route,
    urgent: bool,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.gates.lock().line.remove(&self.key);
        self.gates.changed.notify_waiters();
    }
}

/// A request that may go, and counts as under way until this is dropped.
pub(super) struct Pass<'a> {
    gates: &'a Gates,
    route: Route,
    bucket: String,
    sent: Instant,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.gates.lock();
        if let Some(bucket) = state.buckets.get_mut(&self.bucket) {
            bucket.in_flight = bucket.in_flight.saturating_sub(1);
        }
        let State {
            bucket_of, buckets, ..
        } = &mut *state;
        buckets
            .retain(|id, bucket| bucket.in_flight > 0 || bucket_of.values().any(|used| used == id));
        drop(state);
        self.gates.changed.notify_waiters();
    }
}

impl Gates {
    /// Stands in line.
    pub fn queue(&self, route: Route, priority: Priority, now: Instant) -> Ticket<'_> {
        let behind = match priority {
            Priority::Person => 0,
            Priority::Event => 5,
            Priority::Bulk => 60,
        };
        let mut state = self.lock();
        state.came += 1;
        let key = (now + Duration::from_secs(behind), state.came);
        state.line.insert(key, route);
        Ticket {
            gates: self,
            key,
            route,
            urgent: priority == Priority::Person,
        }
    }

    /// Whether so many answers were refusals that only what a person waits for still goes.
    pub fn runs_low(&self, now: Instant) -> bool {
        self.lock().invalid_until(INVALID_LOW, now).is_some()
    }

    /// Tells when somebody was let through, was answered, or left the line. To be enabled before
    /// the look that may have to wait for it.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Ticket<'a> {
    /// Takes one request's place in its bucket, or tells when to ask again.
    pub fn pass(&self, now: Instant) -> Result<Pass<'a>, Closed> {
        let mut state = self.gates.lock();
        if let Some(until) = state.shut(self.urgent, now) {
            return Err(Closed {
                until,
                global: true,
            });
        }
        let closed = |until| Closed {
            until,
            global: false,
        };
        if let Some(until) = state.closed_until(self.route, now) {
            return Err(closed(until));
        }
        let name = state.name_of(self.route);
        // Whoever stands before us takes their places first, unless their route is closed.
        let ahead = state
            .line
            .range(..self.key)
            .filter(|(_, route)| {
                state.name_of(**route) == name && state.closed_until(**route, now).is_none()
            })
            .count();
        let bucket = state
            .buckets
            .entry(name.clone())
            .or_insert_with(Bucket::unknown);
        bucket.refresh(now);
        if usize::try_from(bucket.remaining).unwrap_or(usize::MAX) <= ahead {
            let until = match bucket.resets_at {
                Some(at) if bucket.remaining == 0 => at,
                _ => now + LOOK_AGAIN,
            };
            return Err(closed(until));
        }
        bucket.remaining -= 1;
        bucket.in_flight += 1;
        state.line.remove(&self.key);
        drop(state);
        self.gates.changed.notify_waiters();
        Ok(Pass {
            gates: self.gates,
            route: self.route,
            bucket: name,
            sent: now,
        })
    }
}

impl Pass<'_> {
    /// Learns from the answer, of any kind.
    pub fn learn(&self, status: StatusCode, headers: &HeaderMap, now: Instant) {
        let mut state = self.gates.lock();
        if counts_as_invalid(status, headers) {
            state.invalid.push_back(now);
            if state.invalid.len() > INVALID_LIMIT {
                state.invalid.pop_front();
            }
        }
        let State {
            bucket_of, buckets, ..
        } = &mut *state;
        let Some(told) = Told::of(headers) else {
            // A route that is not limited, or an edge that answered: more than one may ask.
            if status.is_success()
                && !bucket_of.contains_key(&self.route)
                && let Some(bucket) = buckets.get_mut(&self.bucket)
            {
                bucket.limit = u32::MAX;
                bucket.remaining = u32::MAX;
                bucket_of.insert(self.route, self.bucket.clone());
            }
            return;
        };
        let new = bucket_of.get(&self.route) != Some(&told.bucket);
        if new {
            bucket_of.insert(self.route, told.bucket.clone());
        }
        let bucket = buckets
            .entry(told.bucket.clone())
            .or_insert_with(|| Bucket {
                limit: told.limit,
                remaining: told.limit,
                ..Bucket::unknown()
            });
        let own = u32::from(self.bucket == told.bucket);
        let others = bucket.in_flight.saturating_sub(own);
        bucket.learn(&told, others, self.sent, now);
    }

    /// A 429: closes the route, or everything. Answers until when.
    pub fn throttled(&self, headers: &HeaderMap, body: &[u8], now: Instant) -> Closed {
        let (wait, global) = throttle(headers, body);
        let until = now + wait;
        let mut state = self.gates.lock();
        if global {
            state.everything_until = state.everything_until.max(Some(until));
        } else {
            let at = state.closed.entry(self.route).or_insert(until);
            *at = (*at).max(until);
        }
        Closed { until, global }
    }
}

impl State {
    /// Until when nothing goes, or nothing but what is urgent.
    fn shut(&mut self, urgent: bool, now: Instant) -> Option<Instant> {
        let most = if urgent { INVALID_LIMIT } else { INVALID_LOW };
        self.everything_until
            .filter(|until| now < *until)
            .max(self.invalid_until(most, now))
    }

    fn closed_until(&self, route: Route, now: Instant) -> Option<Instant> {
        self.closed.get(&route).copied().filter(|at| now < *at)
    }

    /// The bucket of a route, or the one it has while that is not known.
    fn name_of(&self, route: Route) -> String {
        self.bucket_of
            .get(&route)
            .cloned()
            .unwrap_or_else(|| format!("unknown {route:?}"))
    }

    /// Until when more than `most` answers of the last ten minutes were refusals.
    fn invalid_until(&mut self, most: usize, now: Instant) -> Option<Instant> {
        while self
            .invalid
            .front()
            .is_some_and(|at| now.duration_since(*at) >= INVALID_WINDOW)
        {
            self.invalid.pop_front();
        }
        let over = self.invalid.len().checked_sub(most)?;
        self.invalid.get(over).map(|at| *at + INVALID_WINDOW)
    }
}

#[cfg(test)]
mod tests;
