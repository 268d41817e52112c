use super::headers::UNTOLD_WAIT;
use super::*;
use http::HeaderValue;

mod drain;

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

fn go(gates: &Gates, route: Route, now: Instant) -> Result<Pass<'_>, Closed> {
    gates.queue(route, Priority::Person, now).pass(now)
}

/// One request and its answer, `took` later.
fn asked(gates: &Gates, route: Route, told: &HeaderMap, now: Instant, took: Duration) {
    let pass = go(gates, route, now).unwrap();
    pass.learn(StatusCode::NO_CONTENT, told, now + took);
}

#[test]
fn a_route_nobody_told_us_of_is_asked_by_one() {
    let gates = Gates::default();
    let now = Instant::now();
    let first = go(&gates, Route::AddRole, now).unwrap();
    assert!(go(&gates, Route::AddRole, now).is_err());
    let other = go(&gates, Route::Member, now).unwrap();
    first.learn(StatusCode::NO_CONTENT, &bucket("roles", "3", "2", "1"), now);
    other.learn(StatusCode::OK, &HeaderMap::new(), now);
    drop((first, other));
    let held = [(); 2].map(|()| go(&gates, Route::AddRole, now).unwrap());
    assert_eq!(
        go(&gates, Route::AddRole, now).err().unwrap().until,
        now + 1000 * MS
    );
    // One that tells no limits has none.
    let many: Vec<_> = (0..50)
        .map(|_| go(&gates, Route::Member, now).unwrap())
        .collect();
    drop((held, many));
}

#[test]
fn one_that_never_answers_does_not_shut_its_route_for_good() {
    let gates = Gates::default();
    let now = Instant::now();
    drop(go(&gates, Route::AddRole, now).unwrap());
    assert!(go(&gates, Route::AddRole, now).is_ok());
}

#[test]
fn routes_of_one_bucket_share_its_places() {
    let gates = Gates::default();
    let now = Instant::now();
    asked(
        &gates,
        Route::AddRole,
        &bucket("roles", "3", "2", "2.5"),
        now,
        MS,
    );
    asked(
        &gates,
        Route::RemoveRole,
        &bucket("roles", "3", "1", "2.499"),
        now,
        MS,
    );
    let last = go(&gates, Route::RemoveRole, now + MS).unwrap();
    let closed = go(&gates, Route::AddRole, now + MS).err().unwrap();
    assert_eq!(closed.until, now + 2500 * MS);
    assert!(!closed.global);
    assert!(go(&gates, Route::Member, now + MS).is_ok());
    drop(last);

    // The next window has all its places, and no more until it is told of.
    let after = now + 2500 * MS;
    let held = [(); 3].map(|()| go(&gates, Route::AddRole, after).unwrap());
    assert!(go(&gates, Route::RemoveRole, after).is_err());
    held[0].learn(
        StatusCode::NO_CONTENT,
        &bucket("roles", "3", "2", "2.5"),
        after + 20 * MS,
    );
    assert_eq!(
        go(&gates, Route::AddRole, after + 20 * MS)
            .err()
            .unwrap()
            .until,
        after + 2520 * MS
    );
}

#[test]
fn a_limit_that_changed_counts_from_the_first_answer_that_tells_it() {
    for (limit, left, goes) in [("50", "49", 48), ("2", "1", 0)] {
        let gates = Gates::default();
        let now = Instant::now();
        let roles = bucket("roles", "10", "9", "1");
        asked(&gates, Route::AddRole, &roles, now, MS);
        let after = now + 1001 * MS;
        let (told, _other) = (
            go(&gates, Route::AddRole, after).unwrap(),
            go(&gates, Route::AddRole, after).unwrap(),
        );
        let answer = bucket("roles", limit, left, "1");
        told.learn(StatusCode::NO_CONTENT, &answer, after + MS);
        let at = after + 2 * MS;
        let held: Vec<_> = std::iter::from_fn(|| go(&gates, Route::AddRole, at).ok()).collect();
        assert_eq!(held.len(), goes, "of {limit}");
    }
}

#[test]
fn what_is_under_way_at_the_end_of_a_window_may_count_in_the_next() {
    let gates = Gates::default();
    let now = Instant::now();
    asked(
        &gates,
        Route::AddRole,
        &bucket("roles", "3", "2", "1"),
        now,
        MS,
    );
    let late = go(&gates, Route::AddRole, now + 990 * MS).unwrap();
    let held = [(); 2].map(|()| go(&gates, Route::AddRole, now + 1001 * MS).unwrap());
    assert!(go(&gates, Route::AddRole, now + 1001 * MS).is_err());
    // Its answer, of the old window, says nothing of the new one.
    late.learn(
        StatusCode::NO_CONTENT,
        &bucket("roles", "3", "1", "0.005"),
        now + 1010 * MS,
    );
    drop(late);
    assert!(go(&gates, Route::AddRole, now + 1020 * MS).is_err());
    drop(held);
}

#[test]
fn the_soonest_end_any_answer_allows_is_the_windows() {
    let gates = Gates::default();
    let now = Instant::now();
    asked(
        &gates,
        Route::AddRole,
        &bucket("roles", "2", "1", "1"),
        now,
        80 * MS,
    );
    asked(
        &gates,
        Route::AddRole,
        &bucket("roles", "2", "0", "0.9"),
        now + 95 * MS,
        6 * MS,
    );
    assert_eq!(
        go(&gates, Route::AddRole, now + 101 * MS)
            .err()
            .unwrap()
            .until,
        now + 1001 * MS
    );
}

/// Told to the millisecond, two answers of one window seem to end it apart.
#[test]
fn an_answer_within_the_rounding_is_of_the_same_window() {
    let gates = Gates::default();
    let now = Instant::now();
    let us = Duration::from_micros(1);
    asked(
        &gates,
        Route::AddRole,
        &bucket("roles", "4", "3", "0.500"),
        now,
        100 * us,
    );
    asked(
        &gates,
        Route::AddRole,
        &bucket("roles", "4", "2", "0.500"),
        now + 400 * us,
        100 * us,
    );
    let left = [(); 2].map(|()| go(&gates, Route::AddRole, now + MS).unwrap());
    let closed = go(&gates, Route::AddRole, now + MS).err().unwrap();
    assert_eq!(closed.until, now + 500 * MS + 100 * us);
    drop(left);
}

#[test]
fn an_answer_of_the_next_window_counts_itself_once() {
    let gates = Gates::default();
    let now = Instant::now();
    // The end may have been at any moment from 1.0 to 1.1 s.
    asked(
        &gates,
        Route::AddRole,
        &bucket("roles", "3", "2", "1"),
        now,
        100 * MS,
    );
    asked(
        &gates,
        Route::AddRole,
        &bucket("roles", "3", "2", "1"),
        now + 1_050 * MS,
        10 * MS,
    );
    let then = now + 1_070 * MS;
    let left = [(); 2].map(|()| go(&gates, Route::AddRole, then).unwrap());
    let closed = go(&gates, Route::AddRole, then).err().unwrap();
    assert_eq!(closed.until, now + 2_060 * MS);
    drop(left);
}

#[test]
fn an_old_answer_does_not_give_back_what_was_taken_since() {
    let gates = Gates::default();
    let now = Instant::now();
    asked(
        &gates,
        Route::AddRole,
        &bucket("roles", "3", "2", "2"),
        now,
        MS,
    );
    let first = go(&gates, Route::AddRole, now + MS).unwrap();
    let second = go(&gates, Route::AddRole, now + MS).unwrap();
    first.learn(
        StatusCode::NO_CONTENT,
        &bucket("roles", "3", "1", "1.999"),
        now + 2 * MS,
    );
    assert!(go(&gates, Route::AddRole, now + 2 * MS).is_err());
    drop((first, second));
}

#[test]
fn who_is_urgent_goes_first_and_who_waits_long_enough_too() {
    let gates = Gates::default();
    let now = Instant::now();
    asked(
        &gates,
        Route::AddRole,
        &bucket("roles", "2", "0", "1"),
        now,
        MS,
    );
    let sweep = gates.queue(Route::AddRole, Priority::Bulk, now);
    let event = gates.queue(Route::AddRole, Priority::Event, now);
    let person = gates.queue(Route::AddRole, Priority::Person, now + 10 * MS);
    let then = now + 1001 * MS;
    assert!(sweep.pass(then).is_err(), "two stand before it");
    let first = person.pass(then).unwrap();
    let second = event.pass(then).unwrap();
    assert!(sweep.pass(then).is_err());
    drop((first, second));
    // A minute later nobody who comes goes before it.
    let later = now + Duration::from_secs(61);
    let newcomer = gates.queue(Route::AddRole, Priority::Person, later);
    let crowd = gates.queue(Route::AddRole, Priority::Person, later);
    let held = sweep.pass(later).unwrap();
    assert!(newcomer.pass(later).is_ok());
    assert!(crowd.pass(later).is_err());
    drop(held);
}

#[test]
fn who_leaves_the_line_is_not_waited_for() {
    let gates = Gates::default();
    let now = Instant::now();
    asked(
        &gates,
        Route::AddRole,
        &bucket("roles", "2", "1", "1"),
        now,
        MS,
    );
    let gone = gates.queue(Route::AddRole, Priority::Person, now);
    let next = gates.queue(Route::AddRole, Priority::Event, now);
    assert!(next.pass(now + MS).is_err());
    drop(gone);
    assert!(next.pass(now + MS).is_ok());
}

#[test]
fn a_throttle_closes_its_route_to_the_millisecond_and_a_global_one_everything() {
    let gates = Gates::default();
    let now = Instant::now();
    let pass = go(&gates, Route::AddRole, now).unwrap();
    let closed = pass.throttled(
        &headers(&[("retry-after", "1"), ("x-ratelimit-scope", "user")]),
        br#"{"retry_after":0.257,"global":false}"#,
        now,
    );
    drop(pass);
    assert_eq!(closed.until, now + 257 * MS, "the body tells it finer");
    assert!(go(&gates, Route::AddRole, now + 256 * MS).is_err());
    assert!(go(&gates, Route::AddRole, now + 257 * MS).is_ok());
    assert!(go(&gates, Route::Member, now).is_ok());

    let pass = go(&gates, Route::AddRole, now + 300 * MS).unwrap();
    let closed = pass.throttled(
        &headers(&[("x-ratelimit-global", "true")]),
        br#"{"retry_after":0.5,"global":true}"#,
        now + 300 * MS,
    );
    drop(pass);
    assert!(closed.global);
    let shut = go(&gates, Route::Member, now + 799 * MS).err().unwrap();
    assert!(shut.global);
    assert!(go(&gates, Route::Member, now + 800 * MS).is_ok());
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
        let pass = go(&gates, Route::Bot, now).unwrap();
        let closed = pass.throttled(&map, body.as_bytes(), now);
        assert_eq!(closed.until, now + UNTOLD_WAIT, "{value:?}");
    }
}

#[test]
fn when_the_budget_of_refusals_runs_low_only_the_urgent_goes_and_then_nobody() {
    let gates = Gates::default();
    let now = Instant::now();
    let none = HeaderMap::new();
    let told = bucket("member", "5000", "4999", "1");
    asked(&gates, Route::Member, &told, now, MS);
    let refuse = |times: usize, at| {
        let pass = Pass {
            gates: &gates,
            route: Route::AddRole,
            bucket: String::new(),
            sent: at,
        };
        for _ in 0..times {
            pass.learn(StatusCode::FORBIDDEN, &none, at);
        }
    };
    let bulk = |at| {
        gates
            .queue(Route::Member, Priority::Bulk, at)
            .pass(at)
            .is_ok()
    };
    refuse(INVALID_LOW - 1, now);
    assert!(bulk(now) && !gates.runs_low(now));
    refuse(1, now + MS);
    assert!(!bulk(now + MS) && gates.runs_low(now + MS));
    assert!(go(&gates, Route::Member, now + MS).is_ok());
    refuse(INVALID_LIMIT - INVALID_LOW, now + MS);
    assert_eq!(
        go(&gates, Route::Member, now + MS).err().unwrap().until,
        now + INVALID_WINDOW
    );
    refuse(INVALID_LIMIT * 3, now + MS);
    assert!(gates.lock().invalid.len() <= INVALID_LIMIT);
    assert!(bulk(now + MS + INVALID_WINDOW));
    assert!(!gates.runs_low(now + MS + INVALID_WINDOW));
}

#[test]
fn a_shared_throttle_is_nobodys_fault() {
    let gates = Gates::default();
    let now = Instant::now();
    let pass = go(&gates, Route::AddRole, now).unwrap();
    let shared = headers(&[("x-ratelimit-scope", "shared")]);
    for _ in 0..INVALID_LIMIT {
        pass.learn(StatusCode::TOO_MANY_REQUESTS, &shared, now);
    }
    assert!(!gates.runs_low(now));
}

#[test]
fn buckets_that_no_route_uses_are_forgotten() {
    let gates = Gates::default();
    let now = Instant::now();
    for n in 0..100 {
        let told = bucket(&format!("bucket-{n}"), "5", "4", "1");
        asked(&gates, Route::AddRole, &told, now, MS);
    }
    assert_eq!(gates.lock().buckets.len(), 1);
}
