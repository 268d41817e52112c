//! Ways to Stripe that fail as the pretend one cannot be told to.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method};
use server::wire::{Answer, HttpWire, Lost, Request, Wire};
use std::time::Duration;

/// What happens on the way.
pub enum Struck {
    /// No connection is made.
    Unreachable,
    /// Each POST to a path that ends like this meets a key that was spent on something else.
    KeyReused(&'static str),
}

/// <https://docs.stripe.com/api/idempotent_requests>
const SPENT: &str = r#"{"error":{"type":"idempotency_error","message":"Keys for idempotent requests can only be used with the same parameters they were first used with."}}"#;

#[async_trait]
impl Wire for Struck {
    async fn exchange(&self, request: Request, within: Duration) -> Result<Answer, Lost> {
        match self {
            Self::Unreachable => Err(Lost::Unreachable),
            Self::KeyReused(path)
                if request.method == Method::POST && request.url.ends_with(path) =>
            {
                Ok(Answer {
                    status: 400,
                    headers: HeaderMap::new(),
                    body: Bytes::from_static(SPENT.as_bytes()),
                })
            }
            Self::KeyReused(_) => {
                HttpWire(reqwest::Client::new())
                    .exchange(request, within)
                    .await
            }
        }
    }
}
