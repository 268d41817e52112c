//! How requests travel: pooled, timed out, retried with the same durable key, one budget.

use super::{API_VERSION, StripeError};
use crate::rng::Rng;
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;
use stripe_client_core::{RequestBuilder, StripeMethod};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};
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
    http: reqwest::Client,
    base: String,
    key: SecretString,
    rng: Rng,
    budget: Arc<Semaphore>,
}

impl Transport {
    #[must_use]
    pub fn new(config: StripeConfig, http: reqwest::Client, rng: Rng) -> Self {
        Self {
            http,
            base: config.api_base.as_str().trim_end_matches('/').to_owned(),
            key: config.secret_key,
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
        let deadline = Instant::now() + DEADLINE;
        let Ok(Ok(_slot)) = timeout_at(deadline, self.budget.acquire()).await else {
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
            if !repeatable || !passing || tries >= TRIES || Instant::now() + pause >= deadline {
                tracing::warn!(path = %request.path, tries, error = %error, "stripe request failed");
                return Err(error);
            }
            sleep(pause).await;
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
        let url = format!("{}/v1{}", self.base, request.path);
        let mut call = match request.method {
            StripeMethod::Get => self.http.get(&url),
            StripeMethod::Post => self.http.post(&url),
            StripeMethod::Delete => self.http.delete(&url),
        };
        if let Some(query) = &request.query {
            let joined = format!("{url}?{query}");
            call = match request.method {
                StripeMethod::Get => self.http.get(joined),
                StripeMethod::Post => self.http.post(joined),
                StripeMethod::Delete => self.http.delete(joined),
            };
        }
        call = call
            .bearer_auth(self.key.expose_secret())
            .header("stripe-version", API_VERSION);
        if let Some(body) = &request.body {
            call = call
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body.clone());
        }
        if let Some(key) = key {
            call = call.header("idempotency-key", key);
        }
        let until = deadline.min(Instant::now() + TRY);
        let whole = async {
            let answer = call.send().await?;
            let status = answer.status().as_u16();
            let header = |name: &str| {
                answer
                    .headers()
                    .get(name)
                    .and_then(|value| value.to_str().ok())
                    .map(str::to_owned)
            };
            let request_id = header("request-id");
            let should_retry = header("stripe-should-retry").map(|word| word == "true");
            Ok::<_, reqwest::Error>((status, request_id, should_retry, answer.bytes().await?))
        };
        match timeout_at(until, whole).await {
            Ok(Err(error)) if error.is_connect() => Err((StripeError::Unreachable, None)),
            // Sent, and no whole answer came: what it did is unknown.
            Err(_) | Ok(Err(_)) => Err((StripeError::TimedOut, None)),
            Ok(Ok((status, request_id, should_retry, body))) => {
                tracing::debug!(path = %request.path, status, request_id, "stripe answered");
                if (200..300).contains(&status) {
                    Ok(body)
                } else {
                    let error = StripeError::from_answer(status, &request.path, &body);
                    tracing::info!(path = %request.path, status, request_id, error = %error, "stripe refused");
                    Err((error, should_retry))
                }
            }
        }
    }
}
