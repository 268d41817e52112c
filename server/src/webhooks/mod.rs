//! Stripe's webhooks: verified, stored once, marked dirty, answered. What an event says is never
//! acted on.

mod batch;
mod by_id;
mod cursor;
mod envelope;
mod intake;
mod replay;
mod retention;
mod signature;
mod signatures;

pub use batch::{Batches, receive};
pub use by_id::{Handled, handle_again};
pub use cursor::{EventsError, poll_soon, start as start_cursor, sync_events};
pub use envelope::{Envelope, EnvelopeError, Subject};
pub use intake::Outcome;
pub use replay::{Replayed, replay};
pub use retention::tidy;
pub use signature::{SignatureError, verify};
pub use signatures::Signatures;

use crate::state::AppState;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};

/// The largest body read; Stripe's events stay far below it.
pub const MAX_BODY: usize = 1024 * 1024;

/// `POST /webhooks/stripe`: 200 stored, 400 forged or not an event, 413 too large, 503 when it
/// cannot be stored, so that Stripe sends it again.
pub async fn stripe(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> StatusCode {
    let body = match body {
        Ok(body) if body.len() <= MAX_BODY => body,
        Ok(_) => return StatusCode::PAYLOAD_TOO_LARGE,
        Err(rejection) => return rejection.status(),
    };
    let header = headers
        .get("stripe-signature")
        .and_then(|value| value.to_str().ok());
    let now_s = state.clock.wall_ms() / 1000;
    if let Err(error) = verify(header, &body, &state.config.stripe.webhook_secrets, now_s) {
        tracing::warn!(error = %error, "a webhook was refused");
        state.metrics.webhook("refused");
        if error == SignatureError::Wrong {
            signatures::wrong(&state).await;
        }
        return StatusCode::BAD_REQUEST;
    }
    signatures::right(&state).await;
    let envelope = match Envelope::parse(&body) {
        Ok(envelope) => envelope,
        Err(error) => {
            tracing::warn!(error = %error, "a signed webhook is not an event");
            state.metrics.webhook("unreadable");
            return StatusCode::BAD_REQUEST;
        }
    };
    match receive(&state, &envelope).await {
        Ok(outcome) => {
            tracing::info!(trace = %envelope.id, r#type = %envelope.r#type, outcome = outcome.as_str(), "webhook stored");
            state.metrics.webhook(outcome.as_str());
            StatusCode::OK
        }
        Err(error) => {
            tracing::error!(trace = %envelope.id, error = %error, "a webhook could not be stored");
            state.metrics.webhook("not stored");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}
