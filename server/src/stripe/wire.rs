//! The wire to Stripe: one exchange of HTTP, and nothing of what it means. Retries, deadlines,
//! error classes and decoding stand above it, so that a simulation that answers in process runs
//! all of them.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::time::Duration;

/// One request, complete.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    /// The whole address, its query included.
    pub url: String,
    /// Among them the key; its value is marked sensitive, so that it is not printed.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Option<String>,
}

/// An answer that came whole, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why no whole answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// No connection was made: nothing happened at Stripe.
    Unreachable,
    /// Sent, and no whole answer came: what it did is unknown.
    TimedOut,
}

#[async_trait]
pub trait Wire: Send + Sync {
    /// Sends once and waits for the whole answer, at most `within`.
    async fn exchange(&self, request: Request, within: Duration) -> Result<Answer, Lost>;
}

/// The real one, over a pool of connections.
pub struct HttpWire(pub reqwest::Client);

#[async_trait]
impl Wire for HttpWire {
    async fn exchange(&self, request: Request, within: Duration) -> Result<Answer, Lost> {
        let mut call = self
            .0
            .request(request.method, &request.url)
            .headers(request.headers.into_iter().collect());
        if let Some(body) = request.body {
            call = call.body(body);
        }
        let whole = async {
            let answer = call.send().await?;
            let status = answer.status().as_u16();
            let headers = answer.headers().clone();
            Ok::<_, reqwest::Error>(Answer {
                status,
                headers,
                body: answer.bytes().await?,
            })
        };
        match tokio::time::timeout(within, whole).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if error.is_connect() => Err(Lost::Unreachable),
            Err(_) | Ok(Err(_)) => Err(Lost::TimedOut),
        }
    }
}
