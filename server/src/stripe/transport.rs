//! How requests travel: pooled, timed out, retried with the same durable key, one budget.

use super::{API_VERSION, StripeError};
use crate::clock::Clock;
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
/// Requests under way at once, below Stripe's 25 a second of one endpoint.
const CONCURRENT: usize = 16;

pub struct StripeConfig {
    /// Where `/v1/…` is, without it.
    pub api_base: Url,
    pub secret_key: SecretString,
}

/// The one way to Stripe.
pub struct Transport {
    wire: Arc<dyn Wire>,
    base: String,
    key: SecretString,
    clock: Arc<dyn Clock>,
    rng: Rng,
    budget: Arc<Semaphore>,
}

impl Transport {
    #[must_use]
    pub fn new(config: StripeConfig, wire: Arc<dyn Wire>, clock: Arc<dyn Clock>, rng: Rng) -> Self {
        Self {
            wire,
            base: config.api_base.as_str().trim_end_matches('/').to_owned(),
            key: config.secret_key,
            clock,
            rng,
            budget: Arc::new(Semaphore::new(CONCURRENT)),
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
        let Ok(Ok(_slot)) = timeout(DEADLINE, self.budget.acquire()).await else {
            return Err(StripeError::RateLimited);
        };
        let repeatable = key.is_some() || matches!(request.method, StripeMethod::Get);
        let mut tries = 0;
        loop {
            tries += 1;
            let (error, should_retry) = match self.once(request, key, deadline).await {
                Ok(body) => return Ok(body),
                Err(failed) => failed,
            };
            let passing = should_retry.unwrap_or(matches!(
                error,
                StripeError::Unreachable
                    | StripeError::TimedOut
                    | StripeError::Failing { .. }
                    | StripeError::RateLimited
                    | StripeError::Locked
            ));
            let pause = self.pause(tries);
            if !repeatable || !passing || tries >= TRIES || self.clock.instant() + pause >= deadline
            {
                tracing::warn!(path = %request.path, tries, error = %error, "stripe request failed");
                return Err(error);
            }
            self.clock.sleep(pause).await;
        }
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
    ) -> Result<Bytes, (StripeError, Option<bool>)> {
        let sent = self.request(request, key).map_err(|error| (error, None))?;
        let within = TRY.min(deadline - self.clock.instant());
        match self.wire.exchange(sent, within).await {
            Err(Lost::Unreachable) => Err((StripeError::Unreachable, None)),
            Err(Lost::TimedOut) => Err((StripeError::TimedOut, None)),
            Ok(Answer {
                status,
                headers,
                body,
            }) => {
                let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
                let request_id = header("request-id");
                tracing::debug!(path = %request.path, status, request_id, "stripe answered");
                if (200..300).contains(&status) {
                    Ok(body)
                } else {
                    let error = StripeError::from_answer(status, &request.path, &body);
                    tracing::info!(path = %request.path, status, request_id, error = %error, "stripe refused");
                    Err((
                        error,
                        header("stripe-should-retry").map(|word| word == "true"),
                    ))
                }
            }
        }
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
