//! A long line and a pretended limit, in pretended time: every place of every window is used, and
//! none that there is not.

use super::*;
use crate::rng::Rng;

const US: Duration = Duration::from_micros(1);
/// As many as the worker has under way.
const AT_ONCE: usize = 8;

/// A limit as Discord keeps one: a window begins with the first request after the one before, by
/// a clock of whole milliseconds.
struct Limit {
    requests: u32,
    per_ms: u64,
    began_ms: u64,
    /// Of each window, how many were used.
    used: Vec<u32>,
    refused: u32,
}

impl Limit {
    fn new(requests: u32, per_ms: u64) -> Self {
        Self {
            requests,
            per_ms,
            began_ms: 0,
            used: Vec::new(),
            refused: 0,
        }
    }

    /// A request that arrives `at` after the beginning.
    fn asked(&mut self, at: Duration) -> HeaderMap {
        let now_ms = u64::try_from(at.as_millis()).unwrap();
        if self.used.is_empty() || now_ms >= self.began_ms + self.per_ms {
            self.began_ms = now_ms;
            self.used.push(0);
        }
        let used = self.used.last_mut().unwrap();
        if *used == self.requests {
            self.refused += 1;
        } else {
            *used += 1;
        }
        let left_ms = self.began_ms + self.per_ms - now_ms;
        bucket(
            "roles",
            &self.requests.to_string(),
            &(self.requests - *used).to_string(),
            &format!("{}.{:03}", left_ms / 1000, left_ms % 1000),
        )
    }
}

struct UnderWay<'a> {
    pass: Pass<'a>,
    arrives: Instant,
    heard: Instant,
    answer: Option<HeaderMap>,
}

/// Sends `many` requests, one after the other `apart`, each way of which takes from `trip.0` to
/// `trip.1`. Answers how long that took.
fn drain(limit: &mut Limit, many: u32, apart: Duration, trip: (i64, i64), seed: u64) -> Duration {
    let rng = Rng::seeded(seed);
    let way = || {
        let us = trip.0 + rng.below(trip.1 - trip.0 + 1);
        US * u32::try_from(us).unwrap()
    };
    let gates = Gates::default();
    let from = Instant::now();
    // The other's milliseconds do not begin with ours.
    let offset = US * u32::try_from(rng.below(1_000)).unwrap();
    let (mut now, mut sent) = (from, 0);
    let mut under_way: Vec<UnderWay> = Vec::new();
    loop {
        let mut next = None;
        if sent < many && under_way.len() < AT_ONCE {
            match go(&gates, Route::AddRole, now) {
                Ok(pass) => {
                    let arrives = now + way();
                    under_way.push(UnderWay {
                        pass,
                        arrives,
                        heard: arrives + way(),
                        answer: None,
                    });
                    sent += 1;
                    next = Some(now + apart);
                }
                Err(closed) => next = Some(closed.until),
            }
        }
        // What happens until then, in its order.
        let events = under_way.iter().map(|one| match one.answer {
            None => one.arrives,
            Some(_) => one.heard,
        });
        let Some(then) = events.chain(next).min() else {
            return now - from;
        };
        now = now.max(then);
        for one in under_way.iter_mut().filter(|one| one.arrives <= now) {
            one.answer
                .get_or_insert_with(|| limit.asked(one.arrives - from + offset));
        }
        under_way.retain(|one| {
            let over = one.answer.as_ref().filter(|_| one.heard <= now);
            if let Some(headers) = over {
                one.pass.learn(StatusCode::NO_CONTENT, headers, now);
            }
            over.is_none()
        });
    }
}

#[test]
fn a_long_line_uses_every_place_of_every_window() {
    for (requests, per_ms) in [(10, 10_000), (10, 500), (5, 1_000), (1, 400), (50, 1_000)] {
        for trip in [(10, 90), (200, 900), (2_000, 9_000), (20_000, 90_000)] {
            for (apart, seed) in [(20, 1), (150, 2), (700, 3), (1_300, 4)] {
                let mut limit = Limit::new(requests, per_ms);
                let took = drain(&mut limit, requests * 20, US * apart, trip, seed);
                let what = format!("{requests} in {per_ms} ms, ways of {trip:?} µs, {apart} apart");
                assert_eq!(limit.refused, 0, "{what}");
                assert_eq!(limit.used, [requests; 20], "{what}");
                // A window ends for us when the answer that told it could have been made last.
                let ways = US * u32::try_from(2 * trip.1).unwrap();
                let longest = Duration::from_millis(per_ms) + ways + 3 * MS;
                assert!(took <= longest * 20, "{what}: {took:?}");
            }
        }
    }
}
