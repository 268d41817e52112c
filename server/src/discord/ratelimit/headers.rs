//! What the headers of an answer say of limits.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

/// When a 429 does not say how long.
pub(super) const UNTOLD_WAIT: Duration = Duration::from_secs(5);
/// A `Reset-After` beyond this is taken for a mistake.
const LONGEST_RESET: Duration = Duration::from_hours(24);

/// A bucket as an answer tells it.
#[derive(Debug)]
pub(super) struct Told {
    pub bucket: String,
    pub limit: u32,
    pub remaining: u32,
    pub reset_after: Duration,
}

impl Told {
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        Some(Self {
            bucket: text(headers, "x-ratelimit-bucket")?.to_owned(),
            limit: text(headers, "x-ratelimit-limit")?.parse().ok()?,
            remaining: text(headers, "x-ratelimit-remaining")?.parse().ok()?,
            reset_after: seconds(headers, "x-ratelimit-reset-after")?,
        })
    }
}

/// Discord counts 401, 403 and 429 against an address, but no 429 of scope `shared`.
pub(super) fn counts_as_invalid(status: StatusCode, headers: &HeaderMap) -> bool {
    matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
    ) && text(headers, "x-ratelimit-scope") != Some("shared")
}

/// How long a 429 asks to wait, and whether it speaks of everything. The body tells it in
/// fractions of a second, the header rounds it up to whole ones.
pub(super) fn throttle(headers: &HeaderMap, body: &[u8]) -> (Duration, bool) {
    let told: Throttle = serde_json::from_slice(body).unwrap_or_default();
    let wait = told
        .retry_after
        .and_then(duration)
        .or_else(|| seconds(headers, "retry-after"))
        .unwrap_or(UNTOLD_WAIT);
    let global = told.global
        || text(headers, "x-ratelimit-global").is_some()
        || text(headers, "x-ratelimit-scope") == Some("global");
    (wait, global)
}

/// Discord's body of a 429.
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
