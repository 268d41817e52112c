//! Faults of the way to Stripe and Discord: answers replaced, late, cut or never sent.
//!
//! A rule names whom it strikes, which requests (method, part of the path), how many it lets pass
//! first and how many it strikes. The first rule that matches a request strikes alone.

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::{ApiRequest, ApiResponse};

/// Whose requests a rule strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Stripe's REST.
    Stripe,
    /// Stripe's hosted pages.
    StripePages,
    /// Discord's REST and consent page.
    Discord,
}

impl Target {
    /// Who answers at that path, if either does.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let under = |prefix: &str| path.starts_with(prefix);
        if under("/v1/") {
            Some(Self::Stripe)
        } else if under("/checkout/") || under("/portal/") || under("/invoice/") {
            Some(Self::StripePages)
        } else if under("/api/") || under("/oauth2/") || path == "/gateway" {
            Some(Self::Discord)
        } else {
            None
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::StripePages => "stripe_pages",
            Self::Discord => "discord",
        }
    }

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Stripe, Self::StripePages, Self::Discord]
            .into_iter()
            .find(|target| target.name() == name)
    }
}

/// What happens to a request that is struck. `effect` says whether the request is carried out
/// before its answer is lost, which is what a caller cannot know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status instead of the true answer, with the body the service publishes for it.
    Answer { status: u16, effect: bool },
    /// No answer.
    Hang { effect: bool },
    /// The connection breaks inside the answer.
    Cut { effect: bool },
    /// The true answer, late.
    Slow { ms: u64 },
}

impl Fault {
    #[must_use]
    pub fn to_json(self) -> Value {
        match self {
            Self::Answer { status, effect } => {
                json!({"kind": "answer", "status": status, "effect": effect})
            }
            Self::Hang { effect } => json!({"kind": "hang", "effect": effect}),
            Self::Cut { effect } => json!({"kind": "cut", "effect": effect}),
            Self::Slow { ms } => json!({"kind": "slow", "ms": ms}),
        }
    }
}

/// Which requests are struck, how often, and how.
#[derive(Clone, Debug)]
pub struct FaultRule {
    pub target: Target,
    /// Upper-case; `None` for any.
    pub method: Option<String>,
    /// A part of the path; empty for any.
    pub path: String,
    /// Matching requests let pass first.
    pub skip: u32,
    /// How many are struck; `None` until cleared.
    pub count: Option<u32>,
    /// Of a hundred matching requests, how many are struck.
    pub percent: u8,
    pub fault: Fault,
}

impl FaultRule {
    /// Strikes every request to that target until cleared.
    #[must_use]
    pub fn always(target: Target, fault: Fault) -> Self {
        Self {
            target,
            method: None,
            path: String::new(),
            skip: 0,
            count: None,
            percent: 100,
            fault,
        }
    }

    /// Only requests with this method (any when empty) and this part in their path.
    #[must_use]
    pub fn at(mut self, method: &str, path: &str) -> Self {
        self.method = (!method.is_empty()).then(|| method.to_ascii_uppercase());
        path.clone_into(&mut self.path);
        self
    }

    /// Only the next `count` matching requests.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }

    fn matches(&self, target: Target, request: &ApiRequest) -> bool {
        self.target == target
            && self
                .method
                .as_deref()
                .is_none_or(|method| method == request.method)
            && request.path.contains(&self.path)
    }

    fn in_words(&self) -> String {
        let what = match self.fault {
            Fault::Answer { status, .. } => format!("answers {status}"),
            Fault::Hang { .. } => "never answers".into(),
            Fault::Cut { .. } => "breaks off its answer".into(),
            Fault::Slow { ms } => format!("answers {ms} ms late"),
        };
        let whom = [self.method.as_deref().unwrap_or_default(), &self.path].join(" ");
        let often = match (self.count, self.percent) {
            (Some(1), _) => ", once".into(),
            (Some(count), _) => format!(", {count} times"),
            (None, 100) => String::new(),
            (None, percent) => format!(", {percent} of 100 times"),
        };
        let name = self.target.name().replace('_', " ");
        format!("{name} {what} {}", whom.trim())
            .trim_end()
            .to_owned()
            + &often
    }

    fn to_json(&self) -> Value {
        json!({
            "target": self.target.name(),
            "method": self.method,
            "path": self.path,
            "skip": self.skip,
            "count": self.count,
            "percent": self.percent,
            "fault": self.fault.to_json(),
        })
    }
}

/// The rules in force, in the order they were given.
#[derive(Debug)]
pub struct Faults {
    rules: Vec<FaultRule>,
    chance: StdRng,
}

impl Faults {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            rules: Vec::new(),
            chance: StdRng::seed_from_u64(seed ^ 0xfa17),
        }
    }

    pub fn add(&mut self, rule: FaultRule) {
        self.rules.push(rule);
    }

    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// Removes the rules of one target.
    pub fn clear_target(&mut self, target: Target) {
        self.rules.retain(|rule| rule.target != target);
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        self.rules.iter().map(FaultRule::to_json).collect()
    }

    /// Each rule as people say it.
    #[must_use]
    pub fn in_words(&self) -> Vec<String> {
        self.rules.iter().map(FaultRule::in_words).collect()
    }

    /// The fault for this request, if a rule strikes it; counts it off that rule.
    pub fn strike(&mut self, target: Target, request: &ApiRequest) -> Option<Fault> {
        let at = self
            .rules
            .iter()
            .position(|rule| rule.matches(target, request))?;
        let rule = self.rules.get_mut(at)?;
        if rule.skip > 0 {
            rule.skip -= 1;
            return None;
        }
        if rule.percent < 100 && self.chance.random_range(0..100) >= rule.percent {
            return None;
        }
        let fault = rule.fault;
        if let Some(count) = &mut rule.count {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.rules.remove(at);
            }
        }
        Some(fault)
    }
}

/// The answer with which each service refuses: Stripe's error object
/// (<https://docs.stripe.com/api/errors>), Discord's code and message.
#[must_use]
pub fn refusal(target: Target, status: u16) -> ApiResponse {
    match target {
        Target::Stripe => stripe_refusal(status),
        Target::StripePages => ApiResponse::html(
            status,
            format!("<!doctype html><title>{status}</title><p>The page cannot be shown.</p>"),
        ),
        Target::Discord => discord_refusal(status),
    }
}

fn stripe_refusal(status: u16) -> ApiResponse {
    let error = match status {
        401 => json!({
            "type": "invalid_request_error",
            "message": "Invalid API Key provided: sk_test_********",
        }),
        403 => json!({
            "type": "invalid_request_error",
            "code": "more_permissions_required",
            "message": "The provided key does not have the required permissions for this endpoint.",
        }),
        429 => json!({
            "type": "invalid_request_error",
            "code": "rate_limit",
            "message": "Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits.",
        }),
        400..=499 => json!({
            "type": "invalid_request_error",
            "message": "The request was refused.",
        }),
        _ => json!({
            "type": "api_error",
            "message": "An unknown error occurred. If this persists, contact support.",
        }),
    };
    let mut response = ApiResponse::json(status, &json!({ "error": error }));
    let retry = status == 429 || status == 409 || status >= 500;
    response
        .headers
        .push(("stripe-should-retry".into(), retry.to_string()));
    response
        .headers
        .push(("request-id".into(), "req_sandbox_fault".into()));
    response
}

fn discord_refusal(status: u16) -> ApiResponse {
    let (code, message) = match status {
        401 => (0, "401: Unauthorized"),
        403 => (50013, "Missing Permissions"),
        404 => (0, "404: Not Found"),
        429 => {
            let mut response = ApiResponse::json(
                429,
                &json!({"message": "You are being rate limited.", "retry_after": 1.0, "global": false}),
            );
            response.headers.push(("retry-after".into(), "1".into()));
            response
                .headers
                .push(("x-ratelimit-scope".into(), "shared".into()));
            return response;
        }
        _ => (0, "500: Internal Server Error"),
    };
    ApiResponse::json(status, &json!({"message": message, "code": code}))
}
