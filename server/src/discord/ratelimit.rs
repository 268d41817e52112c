//! Discord's limits, learned from its headers and never assumed.
//!
//! Each answer tells its bucket (`X-RateLimit-Bucket`), what remains of it and when it is full
//! again. A 429 closes the route, or everything when its scope is global. Besides, Discord bans
//! an address for 10,000 answers of 401, 403 or 429 in 10 minutes, so these are counted and the
//! door shuts long before.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

/// The routes, as far as they can have buckets of their own. The guild is always the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Route {
    Bot,
    Guild,
    Member,
    AddRole,
    RemoveRole,
    Join,
}

const INVALID_WINDOW: Duration = Duration::from_mins(10);
const INVALID_LIMIT: usize = 1_000;
/// When a 429 does not say how long.
const UNTOLD_WAIT: Duration = Duration::from_secs(5);
/// A `Reset-After` beyond this is taken for a mistake.
const LONGEST_RESET: Duration = Duration::from_hours(24);
/// Two answers of one window compute its end apart by their latencies.
const SAME_WINDOW: Duration = Duration::from_millis(400);

/// Why a request has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    pub until: Instant,
    pub global: bool,
}

#[derive(Debug, Default)]
pub(super) struct Gates(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    everything_until: Option<Instant>,
    closed: HashMap<Route, Instant>,
    bucket_of: HashMap<Route, String>,
    buckets: HashMap<String, Bucket>,
    invalid: VecDeque<Instant>,
}

#[derive(Debug)]
struct Bucket {
    limit: u32,
    remaining: u32,
    resets_at: Instant,
}

impl Gates {
    /// Takes one request's place in its bucket, or tells how long the gate stays closed.
    pub fn pass(&self, route: Route, now: Instant) -> Result<(), Closed> {
        let mut state = self.lock();
        if let Some(until) = state.everything_until.filter(|until| now < *until) {
            return Err(Closed {
                until,
                global: true,
            });
        }
        if let Some(until) = state.invalid_until(now) {
            return Err(Closed {
                until,
                global: true,
            });
        }
        let closed = |until| Closed {
            until,
            global: false,
        };
        if let Some(until) = state.closed.get(&route).copied().filter(|at| now < *at) {
            return Err(closed(until));
        }
        let State {
            bucket_of, buckets, ..
        } = &mut *state;
        if let Some(bucket) = bucket_of.get(&route).and_then(|id| buckets.get_mut(id)) {
            if bucket.remaining > 0 {
                bucket.remaining -= 1;
            } else if now < bucket.resets_at {
                return Err(closed(bucket.resets_at));
            } else {
                bucket.remaining = bucket.limit.saturating_sub(1);
            }
        }
        Ok(())
    }

    /// Learns from an answer of any kind.
    pub fn learn(&self, route: Route, status: StatusCode, headers: &HeaderMap, now: Instant) {
        let mut state = self.lock();
        if matches!(
            status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
        ) && text(headers, "x-ratelimit-scope") != Some("shared")
        {
            state.invalid.push_back(now);
            if state.invalid.len() > INVALID_LIMIT {
                state.invalid.pop_front();
            }
        }
        let (Some(id), Some(limit), Some(remaining), Some(reset_after)) = (
            text(headers, "x-ratelimit-bucket"),
            text(headers, "x-ratelimit-limit").and_then(|n| n.parse::<u32>().ok()),
            text(headers, "x-ratelimit-remaining").and_then(|n| n.parse::<u32>().ok()),
            seconds(headers, "x-ratelimit-reset-after"),
        ) else {
            return;
        };
        let told = Bucket {
            limit: limit.max(1),
            remaining,
            resets_at: now + reset_after,
        };
        let merged = match state.buckets.remove(id) {
            // Within one window another request's answer may be the newer one.
            Some(known) if told.resets_at <= known.resets_at + SAME_WINDOW => Bucket {
                remaining: told.remaining.min(known.remaining),
                resets_at: told.resets_at.max(known.resets_at),
                ..told
            },
            _ => told,
        };
        state.buckets.insert(id.to_owned(), merged);
        state.bucket_of.insert(route, id.to_owned());
        let State {
            bucket_of, buckets, ..
        } = &mut *state;
        buckets.retain(|id, _| bucket_of.values().any(|used| used == id));
    }

    /// A 429: closes the route, or everything. Answers until when.
    pub fn throttled(
        &self,
        route: Route,
        headers: &HeaderMap,
        body: &[u8],
        now: Instant,
    ) -> Closed {
        let told: Throttle = serde_json::from_slice(body).unwrap_or_default();
        let wait = [
            seconds(headers, "retry-after"),
            told.retry_after.and_then(duration),
        ]
        .into_iter()
        .flatten()
        .max()
        .unwrap_or(UNTOLD_WAIT);
        let global = told.global
            || text(headers, "x-ratelimit-global").is_some()
            || text(headers, "x-ratelimit-scope") == Some("global");
        let until = now + wait;
        let mut state = self.lock();
        if global {
            state.everything_until = state.everything_until.max(Some(until));
        } else {
            let at = state.closed.entry(route).or_insert(until);
            *at = (*at).max(until);
        }
        Closed { until, global }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Until when the door stays shut because too many requests were refused.
    fn invalid_until(&mut self, now: Instant) -> Option<Instant> {
        while self
            .invalid
            .front()
            .is_some_and(|at| now.duration_since(*at) >= INVALID_WINDOW)
        {
            self.invalid.pop_front();
        }
        if self.invalid.len() < INVALID_LIMIT {
            return None;
        }
        self.invalid.front().map(|at| *at + INVALID_WINDOW)
    }
}

/// Discord's body of a 429. Its `retry_after` is finer than the header's whole seconds.
#[derive(Default, serde::Deserialize)]
struct Throttle {
    #[serde(default)]
    retry_after: Option<f64>,
    #[serde(default)]
    global: bool,
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn seconds(headers: &HeaderMap, name: &str) -> Option<Duration> {
    duration(text(headers, name)?.parse().ok()?)
}

fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| *duration <= LONGEST_RESET)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const MS: Duration = Duration::from_millis(1);

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect()
    }

    fn bucket(id: &str, limit: &str, remaining: &str, reset_after: &str) -> HeaderMap {
        headers(&[
            ("x-ratelimit-bucket", id),
            ("x-ratelimit-limit", limit),
            ("x-ratelimit-remaining", remaining),
            ("x-ratelimit-reset-after", reset_after),
        ])
    }

    #[test]
    fn a_used_up_bucket_closes_its_routes_until_it_resets() {
        let gates = Gates::default();
        let now = Instant::now();
        gates.pass(Route::AddRole, now).unwrap();
        gates.learn(
            Route::AddRole,
            StatusCode::NO_CONTENT,
            &bucket("roles", "3", "1", "2.5"),
            now,
        );
        gates.learn(
            Route::RemoveRole,
            StatusCode::NO_CONTENT,
            &bucket("roles", "3", "1", "2.5"),
            now,
        );
        gates.pass(Route::RemoveRole, now).unwrap();
        let closed = gates.pass(Route::AddRole, now + MS).unwrap_err();
        assert_eq!(closed.until, now + 2500 * MS);
        assert!(!closed.global);
        gates.pass(Route::Member, now + MS).unwrap();

        let after = now + 2500 * MS;
        for _ in 0..3 {
            gates.pass(Route::AddRole, after).unwrap();
        }
    }

    #[test]
    fn an_old_answer_does_not_give_back_what_was_taken_since() {
        let gates = Gates::default();
        let now = Instant::now();
        let told = bucket("roles", "3", "2", "2");
        gates.learn(Route::AddRole, StatusCode::NO_CONTENT, &told, now);
        gates.pass(Route::AddRole, now).unwrap();
        gates.pass(Route::AddRole, now).unwrap();
        gates.learn(Route::AddRole, StatusCode::NO_CONTENT, &told, now + MS);
        assert!(gates.pass(Route::AddRole, now + MS).is_err());

        let next_window = bucket("roles", "3", "2", "2");
        gates.learn(
            Route::AddRole,
            StatusCode::NO_CONTENT,
            &next_window,
            now + 2100 * MS,
        );
        assert!(gates.pass(Route::AddRole, now + 2100 * MS).is_ok());
    }

    #[test]
    fn a_throttle_closes_its_route_and_a_global_one_everything() {
        let gates = Gates::default();
        let now = Instant::now();
        let closed = gates.throttled(
            Route::AddRole,
            &headers(&[("retry-after", "1"), ("x-ratelimit-scope", "user")]),
            br#"{"retry_after":0.25,"global":false}"#,
            now,
        );
        assert_eq!(closed.until, now + 1000 * MS);
        assert!(gates.pass(Route::AddRole, now).is_err());
        assert!(gates.pass(Route::AddRole, now + 1000 * MS).is_ok());
        assert!(gates.pass(Route::Member, now).is_ok());

        let closed = gates.throttled(
            Route::AddRole,
            &headers(&[("x-ratelimit-global", "true")]),
            br#"{"retry_after":0.5,"global":true}"#,
            now,
        );
        assert!(closed.global);
        assert!(
            gates
                .pass(Route::Member, now + 499 * MS)
                .unwrap_err()
                .global
        );
        assert!(gates.pass(Route::Member, now + 500 * MS).is_ok());
    }

    #[test]
    fn a_throttle_that_tells_nothing_or_nonsense_still_waits() {
        for (value, body) in [
            (None, ""),
            (Some("never"), "<html>"),
            (Some("-1"), r#"{"retry_after":"x"}"#),
            (Some("1e300"), "{}"),
            (Some("NaN"), "{}"),
        ] {
            let gates = Gates::default();
            let now = Instant::now();
            let map = value.map_or_else(HeaderMap::new, |v| headers(&[("retry-after", v)]));
            let closed = gates.throttled(Route::Bot, &map, body.as_bytes(), now);
            assert_eq!(closed.until, now + UNTOLD_WAIT, "{value:?}");
        }
    }

    #[test]
    fn many_refusals_shut_the_door_before_discord_bans_the_address() {
        let gates = Gates::default();
        let now = Instant::now();
        let none = HeaderMap::new();
        for _ in 0..INVALID_LIMIT - 1 {
            gates.learn(Route::AddRole, StatusCode::FORBIDDEN, &none, now);
        }
        assert!(gates.pass(Route::Bot, now).is_ok());
        gates.learn(Route::Member, StatusCode::UNAUTHORIZED, &none, now + MS);
        assert_eq!(
            gates.pass(Route::Bot, now + MS).unwrap_err().until,
            now + INVALID_WINDOW
        );
        for _ in 0..INVALID_LIMIT * 3 {
            gates.learn(Route::Member, StatusCode::UNAUTHORIZED, &none, now + MS);
        }
        assert!(gates.lock().invalid.len() <= INVALID_LIMIT);
        assert!(gates.pass(Route::Bot, now + MS + INVALID_WINDOW).is_ok());
    }

    #[test]
    fn buckets_that_no_route_uses_are_forgotten() {
        let gates = Gates::default();
        let now = Instant::now();
        for n in 0..100 {
            let told = bucket(&format!("bucket-{n}"), "5", "4", "1");
            gates.learn(Route::AddRole, StatusCode::NO_CONTENT, &told, now);
        }
        assert_eq!(gates.lock().buckets.len(), 1);
    }
}
