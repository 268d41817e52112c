//! The session's cookie.

use http::HeaderValue;
use tower_sessions::cookie::SameSite;
use tower_sessions::{Expiry, SessionManagerLayer};

use super::sessions::{DbSessions, LIFE};
use crate::state::AppState;

/// Under https the prefix makes browsers refuse the cookie from any other host or without
/// `Secure` (RFC 6265bis, section 4.1.3.2).
#[must_use]
pub fn cookie_name(https: bool) -> &'static str {
    if https { "__Host-rollcall" } else { "rollcall" }
}

/// The layer that gives handlers their [`Session`](tower_sessions::Session).
#[must_use]
pub fn session_layer(state: &AppState) -> SessionManagerLayer<DbSessions> {
    let https = state.config.https();
    let store = DbSessions::new(state.db.clone(), state.clock.clone(), state.rng.clone());
    SessionManagerLayer::new(store)
        .with_name(cookie_name(https))
        .with_http_only(true)
        // Strict would lose the session on the way back from Discord and from Stripe.
        .with_same_site(SameSite::Lax)
        .with_secure(https)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(LIFE))
}

/// What makes a browser forget the cookie. The layer's own removal lacks `Secure`, which the
/// prefix wants.
pub(super) fn removal(https: bool) -> HeaderValue {
    HeaderValue::from_static(if https {
        "__Host-rollcall=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"
    } else {
        "rollcall=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0"
    })
}
