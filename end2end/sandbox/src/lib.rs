//! A pretend world for Rollcall: Stripe, Discord and a mailbox around one movable clock.
//!
//! The library is a deterministic state machine without I/O: time comes from [`clock::Clock`],
//! chance from the seed. [`shell`] speaks the real protocols around it.

pub mod clock;
pub mod discord;
pub mod mail;
pub mod shell;
pub mod stripe;

use clock::Clock;

/// One HTTP request as the engines see it. Header names are lower-case.
#[derive(Clone, Debug, Default)]
pub struct ApiRequest {
    pub method: String,
    /// The path alone, still percent-encoded, e.g. `/v1/customers/cus_1`.
    pub path: String,
    /// The query string without its `?`.
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl ApiRequest {
    /// The first header of that lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// One HTTP answer of an engine.
#[derive(Clone, Debug, Default)]
pub struct ApiResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl ApiResponse {
    #[must_use]
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self {
            status,
            headers: vec![("content-type".into(), "application/json".into())],
            body: body.to_string().into_bytes(),
        }
    }

    #[must_use]
    pub fn html(status: u16, body: String) -> Self {
        Self {
            status,
            headers: vec![("content-type".into(), "text/html; charset=utf-8".into())],
            body: body.into_bytes(),
        }
    }

    /// 303 See Other, as after a form post.
    #[must_use]
    pub fn see_other(location: &str) -> Self {
        Self {
            status: 303,
            headers: vec![("location".into(), location.into())],
            body: Vec::new(),
        }
    }
}

/// Everything that exists in the pretend world.
#[derive(Debug)]
pub struct World {
    pub clock: Clock,
    pub stripe: stripe::Stripe,
    pub discord: discord::Discord,
    pub mail: mail::Mailbox,
}

impl World {
    /// `base` is the address people and the app reach this world at, without a trailing slash.
    #[must_use]
    pub fn new(clock: Clock, seed: u64, base: &str) -> Self {
        Self {
            clock,
            stripe: stripe::Stripe::new(seed, base),
            discord: discord::Discord::new(seed, base),
            mail: mail::Mailbox::default(),
        }
    }

    /// Moves the clock to `to_ms` (UTC epoch milliseconds; never backwards) and lets everything
    /// that falls due until then happen in order.
    pub fn advance_to(&mut self, to_ms: i64) {
        self.stripe.advance(to_ms);
        self.clock.advance_to(to_ms);
    }
}
