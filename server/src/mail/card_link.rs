//! `/billing/card`: where mails send people to change their card. No secret in it: whoever is
//! signed in changes their own.

use crate::billing::Billing;
use crate::state::AppState;
use app::billing::{BillingPort, PortalPage};
use app::login::Viewer;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Router, http::header};

/// The address in mails.
pub const CARD: &str = "/billing/card";

/// Wants the session's layers around it.
pub fn pages() -> Router<AppState> {
    Router::new().route(CARD, get(card))
}

async fn card(State(state): State<AppState>, viewer: Option<Extension<Viewer>>) -> Response {
    let to = match viewer {
        None => "/login?next=%2Fbilling%2Fcard".to_owned(),
        Some(Extension(viewer)) => match Billing(state)
            .portal(&viewer.user_id, PortalPage::Card)
            .await
        {
            Ok(url) => url,
            Err(error) => format!("/billing?problem={}", error.slug()),
        },
    };
    ([(header::CACHE_CONTROL, "no-store")], Redirect::to(&to)).into_response()
}
