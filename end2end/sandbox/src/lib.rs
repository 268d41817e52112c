//! A pretend world for Rollcall: Stripe, Discord and a mailbox around one movable clock.
//!
//! The library is a deterministic state machine without I/O: time comes from [`clock::Clock`],
//! chance from the seed. [`shell`] speaks the real protocols around it; [`World::serve`] is the
//! same door for a simulation in process.

pub mod calls;
pub mod clock;
pub mod discord;
pub mod faults;
pub mod mail;
pub mod shell;
pub mod stripe;

use std::collections::BTreeMap;

use calls::{Call, CallLog};
use clock::Clock;
use faults::{Fault, Faults, Target};

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

/// What comes of a request, faults included.
#[derive(Clone, Debug)]
pub enum Served {
    /// This answer, that many milliseconds late.
    Answer {
        response: ApiResponse,
        after_ms: u64,
    },
    /// No answer ever: the caller's time-out is what ends it.
    Never,
    /// The connection breaks in the middle of the answer.
    Cut,
}

impl Served {
    #[must_use]
    pub fn at_once(response: ApiResponse) -> Self {
        Self::Answer {
            response,
            after_ms: 0,
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
    pub faults: Faults,
    pub calls: CallLog,
    /// Webhooks wait, whoever would send them.
    pub deliveries_paused: bool,
    /// Signing secrets chosen from outside, by endpoint.
    secrets: BTreeMap<String, String>,
    /// The oldest endpoint's secret.
    first_secret: Option<String>,
    base: String,
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
            faults: Faults::new(seed),
            calls: CallLog::default(),
            deliveries_paused: false,
            secrets: BTreeMap::new(),
            first_secret: None,
            base: base.to_owned(),
        }
    }

    /// The address this world is reached at, without a trailing slash.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Brings the demo community with its people and plans.
    pub fn furnish(&mut self) {
        let now_ms = self.tick();
        self.discord.seed_demo(now_ms);
        let (member, patron, company) = self.discord.demo_roles();
        let roles = stripe::DemoRoles {
            member,
            patron,
            company,
        };
        self.stripe.seed_demo(now_ms, &roles);
    }

    /// Another endpoint for every event, signed with that secret or one made from the seed;
    /// gives the secret.
    pub fn add_webhook(&mut self, url: &str, secret: Option<&str>) -> String {
        self.tick();
        let (endpoint, made) = self.stripe.add_webhook_endpoint(url, &["*"]);
        let secret = match secret {
            Some(secret) => {
                self.secrets.insert(endpoint, secret.to_owned());
                secret.to_owned()
            }
            None => made,
        };
        self.first_secret.get_or_insert_with(|| secret.clone());
        secret
    }

    /// The signing secret of the first endpoint made with [`Self::add_webhook`].
    #[must_use]
    pub fn webhook_secret(&self) -> Option<&str> {
        self.first_secret.as_deref()
    }

    /// The webhooks to be sent at `wall_ms`, none while they are paused. Each wants its
    /// [`stripe::Stripe::record_delivery`].
    pub fn take_due_deliveries(&mut self, wall_ms: i64) -> Vec<stripe::Delivery> {
        self.tick();
        if self.deliveries_paused {
            return Vec::new();
        }
        self.take_deliveries_even_if_paused(wall_ms)
    }

    /// The same, paused or not.
    pub fn take_deliveries_even_if_paused(&mut self, wall_ms: i64) -> Vec<stripe::Delivery> {
        let mut due = self.stripe.take_due_deliveries(wall_ms);
        for delivery in &mut due {
            if let Some(secret) = self.secrets.get(&delivery.endpoint_id) {
                secret.clone_into(&mut delivery.secret);
            }
        }
        due
    }

    /// Moves the clock to `to_ms` (UTC epoch milliseconds; never backwards) and lets everything
    /// that falls due until then happen in order.
    pub fn advance_to(&mut self, to_ms: i64) {
        self.stripe.advance(to_ms);
        self.clock.advance_to(to_ms);
    }

    /// Lets happen what has fallen due since the last look, and tells the time.
    pub fn tick(&mut self) -> i64 {
        let now_ms = self.clock.now_ms();
        self.stripe.advance(now_ms);
        now_ms
    }

    /// Answers a request to Stripe (`/v1/`, `/checkout/`, `/portal/`, `/invoice/`) or Discord
    /// (`/api/`, `/oauth2/`), with the faults ordered for it; `None` for any other path.
    pub fn serve(&mut self, wall_ms: i64, request: &ApiRequest) -> Option<Served> {
        let now_ms = self.tick();
        let target = Target::of_path(&request.path)?;
        let fault = self.faults.strike(target, request);
        let served = match fault {
            Some(Fault::Answer { status, effect }) => {
                if effect {
                    self.engine(target, now_ms, wall_ms, request);
                }
                Served::at_once(faults::refusal(target, status))
            }
            Some(Fault::Hang { effect }) => {
                if effect {
                    self.engine(target, now_ms, wall_ms, request);
                }
                Served::Never
            }
            Some(Fault::Cut { effect }) => {
                if effect {
                    self.engine(target, now_ms, wall_ms, request);
                }
                Served::Cut
            }
            Some(Fault::Slow { ms }) => match self.engine(target, now_ms, wall_ms, request) {
                Served::Answer { response, after_ms } => Served::Answer {
                    response,
                    after_ms: after_ms + ms,
                },
                other => other,
            },
            None => self.engine(target, now_ms, wall_ms, request),
        };
        if target == Target::Stripe {
            self.calls.push(Call::of(now_ms, request, &served, fault));
        }
        Some(served)
    }

    fn engine(
        &mut self,
        target: Target,
        now_ms: i64,
        wall_ms: i64,
        request: &ApiRequest,
    ) -> Served {
        let response = match target {
            Target::Stripe => self.stripe.request(now_ms, request),
            Target::StripePages => self.stripe.page(now_ms, request),
            Target::Discord => self.discord.request(now_ms, wall_ms, request),
        };
        if response.status == discord::NO_ANSWER {
            Served::Never
        } else {
            Served::at_once(response)
        }
    }
}
