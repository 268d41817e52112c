//! The wire to Stripe and Discord: one exchange of HTTP, and nothing of what it means. Retries,
//! deadlines, limits, error classes and decoding stand above it, so that a simulation that answers
//! in process runs all of them.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::time::Duration;

/// The longest answer that is read.
const MAX_BODY: usize = 16 * 1024 * 1024;

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
    /// No connection was made: nothing happened on the other side.
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
            let mut answer = call.send().await.map_err(|error| lost(&error))?;
            let status = answer.status().as_u16();
            let headers = answer.headers().clone();
            let mut body = BytesMut::new();
            while let Some(chunk) = answer.chunk().await.map_err(|error| lost(&error))? {
                if body.len() + chunk.len() > MAX_BODY {
                    return Err(Lost::TimedOut);
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Answer {
                status,
                headers,
                body: body.freeze(),
            })
        };
        tokio::time::timeout(within, whole)
            .await
            .unwrap_or(Err(Lost::TimedOut))
    }
}

fn lost(error: &reqwest::Error) -> Lost {
    if error.is_connect() || error.is_builder() {
        Lost::Unreachable
    } else {
        Lost::TimedOut
    }
}
