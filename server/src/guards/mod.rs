//! What stands in front of every handler: where a request comes from, which headers an answer
//! carries, what is refused, and how often is too often.

mod address;
mod cross_site;
mod headers;
mod limits;

use axum::Router;
use axum::middleware::from_fn_with_state;

pub use address::{ClientAddr, client_addr, know_client};
pub use cross_site::refuse_cross_site;
pub use headers::security_headers;
pub use limits::{LimitKind, Limits, RetryAfterSeconds};

use crate::state::AppState;

/// Puts the guards around `router`: headers on every answer, refusals included, then the
/// client's address, then the refusal of cross-site posts.
pub fn guarded(router: Router, state: &AppState) -> Router {
    router
        .layer(from_fn_with_state(state.clone(), refuse_cross_site))
        .layer(from_fn_with_state(state.clone(), know_client))
        .layer(from_fn_with_state(state.clone(), security_headers))
}
