//! How requests travel: pooled, timed out, retried with the same durable key, within one budget,
//! and not at all for a while when Stripe is down.

use super::budget::{Budget, Rate};
use super::circuit::Circuit;
use super::priority::Priority;
use super::{API_VERSION, FailureClass, StripeError};
use crate::clock::Clock;
use crate::db::Db;
use crate::rng::Rng;
use crate::wire::{Answer, Lost, Request, Wire};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;
use stripe_client_core::{RequestBuilder, StripeMethod};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use url::Url;

/// All tries of one request together; a person may be waiting.
const DEADLINE: Duration = Duration::from_secs(9);
/// One try.
const TRY: Duration = Duration::from_secs(8);
const TRIES: u32 = 3;
/// Requests under way at once.
const CONCURRENT: usize = 16;

pub struct StripeConfig {
    /// Where `/v1/…` is, without it.
    pub api_base: Url,
    pub secret_key: SecretString,
    pub rate: Rate,
    /// Where nodes share the budget, if they do.
    pub budget: Option<Db>,
}

/// The one way to Stripe.
pub struct Transport {
    wire: Arc<dyn Wire>,
    base: String,
    key: SecretString,
    clock: Arc<dyn Clock>,
    rng: Rng,
    places: Semaphore,
    budget: Budget,
    pub(super) circuit: Circuit,
}

/// A try that did not bring what was asked for.
struct Failed {
    error: StripeError,
    /// What Stripe itself says of trying again.
    should_retry: Option<bool>,
    request_id: Option<String>,
    /// Whether it left us.
    sent: bool,
}

impl From<StripeError> for Failed {
    fn from(error: StripeError) -> Self {
        Self {
            error,
            should_retry: None,
            request_id: None,
            sent: false,
        }
    }
}

impl Failed {
    fn passes(&self) -> bool {
        self.should_retry
            .unwrap_or(self.error.class() == FailureClass::Retry)
    }

    /// Sent, or tried to, and never answered.
    fn lost(error: StripeError) -> Self {
        Self {
            sent: true,
            ..error.into()
        }
    }
}

impl Transport {
    #[must_use]
    pub fn new(config: StripeConfig, wire: Arc<dyn Wire>, clock: Arc<dyn Clock>, rng: Rng) -> Self {
        Self {
            wire,
            base: config.api_base.as_str().trim_end_matches('/').to_owned(),
            key: config.secret_key,
            places: Semaphore::new(CONCURRENT),
            budget: Budget::new(config.rate, clock.clone(), config.budget),
            circuit: Circuit::new(clock.clone()),
            clock,
            rng,
        }
    }

    /// Sends a request until it is answered or the deadline passes, and decodes the answer.
    /// A `key` makes repeating it safe; without one only reads are repeated.
    pub async fn send<T: serde::de::DeserializeOwned>(
        &self,
        request: &RequestBuilder,
        key: Option<&str>,
    ) -> Result<T, StripeError> {
        let body = self.answered(request, key).await?;
        serde_json::from_slice(&body).map_err(|error| StripeError::Unreadable {
            what: format!(
                "{} at line {} column {}",
                request.path,
                error.line(),
                error.column()
            ),
        })
    }

    async fn answered(
        &self,
        request: &RequestBuilder,
        key: Option<&str>,
    ) -> Result<Bytes, StripeError> {
        let deadline = self.clock.instant() + DEADLINE;
        let priority = Priority::current();
        let repeatable = key.is_some() || matches!(request.method, StripeMethod::Get);
        let mut tries = 0;
        let mut before: Option<Failed> = None;
        let failed = loop {
            tries += 1;
            let failed = match self.admitted(request, key, priority, deadline).await {
                Ok(body) => return Ok(body),
                // The circuit opened, or the budget ended the waiting: what came before tells more.
                Err(failed) if !failed.sent => break before.unwrap_or(failed),
                Err(failed) => failed,
            };
            let pause = self.pause(tries);
            let late = self.clock.instant() + pause >= deadline;
            if !repeatable || !failed.passes() || tries >= TRIES || late {
                break failed;
            }
            before = Some(failed);
            self.clock.sleep(pause).await;
        };
        tracing::warn!(path = %request.path, tries, request_id = failed.request_id, error = %failed.error, "stripe request failed");
        Err(failed.error)
    }

    /// One try, if circuit and budget let it through.
    async fn admitted(
        &self,
        request: &RequestBuilder,
        key: Option<&str>,
        priority: Priority,
        deadline: Instant,
    ) -> Result<Bytes, Failed> {
        let pass = self.circuit.admit(priority)?;
        self.budget.take(priority, deadline).await?;
        let left = deadline - self.clock.instant();
        let Ok(Ok(_place)) = timeout(left, self.places.acquire()).await else {
            return Err(StripeError::RateLimited.into());
        };
        let outcome = self.once(request, key, deadline).await;
        match &outcome {
            Err(failed) if failed.error.is_outage() => pass.failed(),
            Err(failed) if failed.error == StripeError::RateLimited => {
                pass.answered();
                self.budget.slow_down().await;
            }
            _ => pass.answered(),
        }
        outcome
    }

    /// 0.3 s, 0.6 s, … with half of it by chance.
    fn pause(&self, tries: u32) -> Duration {
        let base = 150_i64 << tries.min(4);
        Duration::from_millis((base + self.rng.below(base)).unsigned_abs())
    }

    async fn once(
        &self,
        request: &RequestBuilder,
        key: Option<&str>,
        deadline: Instant,
    ) -> Result<Bytes, Failed> {
        let sent = self.request(request, key)?;
        let within = TRY.min(deadline - self.clock.instant());
        let answer = match self.wire.exchange(sent, within).await {
            Err(Lost::Unreachable) => return Err(Failed::lost(StripeError::Unreachable)),
            Err(Lost::TimedOut) => return Err(Failed::lost(StripeError::TimedOut)),
            Ok(answer) => answer,
        };
        let Answer {
            status,
            headers,
            body,
        } = answer;
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let request_id = header("request-id");
        tracing::debug!(path = %request.path, status, request_id, "stripe answered");
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let error = StripeError::from_answer(status, &request.path, &body);
        tracing::info!(path = %request.path, status, request_id, error = %error, "stripe refused");
        Err(Failed {
            error,
            should_retry: header("stripe-should-retry").map(|word| word == "true"),
            request_id: request_id.map(str::to_owned),
            sent: true,
        })
    }

    fn request(&self, request: &RequestBuilder, key: Option<&str>) -> Result<Request, StripeError> {
        let unsendable = |what: &str| StripeError::Refused {
            code: "unsendable".to_owned(),
            param: what.to_owned(),
        };
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", self.key.expose_secret()))
            .map_err(|_| unsendable("STRIPE_SECRET_KEY"))?;
        bearer.set_sensitive(true);
        let mut headers = vec![
            (header::AUTHORIZATION, bearer),
            (
                HeaderName::from_static("stripe-version"),
                HeaderValue::from_static(API_VERSION),
            ),
        ];
        if request.body.is_some() {
            headers.push((
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            ));
        }
        if let Some(key) = key {
            let key = HeaderValue::try_from(key).map_err(|_| unsendable("idempotency-key"))?;
            headers.push((HeaderName::from_static("idempotency-key"), key));
        }
        let mut url = format!("{}/v1{}", self.base, request.path);
        if let Some(query) = &request.query {
            url.push('?');
            url.push_str(query);
        }
        Ok(Request {
            method: match request.method {
                StripeMethod::Get => Method::GET,
                StripeMethod::Post => Method::POST,
                StripeMethod::Delete => Method::DELETE,
            },
            url,
            headers,
            body: request.body.clone(),
        })
    }
}
