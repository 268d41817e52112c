//! Forms posted to the address of a page, which answers them itself (`app::page::Posted`): a list of
//! people that has to be mended is shown again, and the token of an invite stands in no body and in
//! no redirect.

use crate::guards::{ClientAddr, LimitKind};
use crate::state::AppState;
use app::page::Posted;
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Form, FromRequest as _, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::MethodRouter;
use std::convert::Infallible;

/// A thousand lines of a CSV, percent-encoded.
const LIST_LIMIT: usize = 512 * 1024;

/// The addresses that take a form; `page` renders whatever page is at the address.
pub fn pages(state: &AppState, page: MethodRouter<AppState>) -> Router<AppState> {
    let list = page
        .clone()
        .layer::<_, Infallible>(from_fn(read))
        .layer(DefaultBodyLimit::max(LIST_LIMIT));
    let claim = page.layer(from_fn_with_state(state.clone(), claims));
    Router::new()
        .route("/company/{id}/invite", list)
        .route("/invite/{token}", claim)
}

async fn read(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let whole = Request::from_parts(parts.clone(), body);
    let posted = match Form::<Vec<(String, String)>>::from_request(whole, &()).await {
        Ok(Form(fields)) => Posted::Fields(fields),
        Err(_) => Posted::Unread,
    };
    let mut request = Request::from_parts(parts, Body::empty());
    request.extensions_mut().insert(posted);
    next.run(request).await
}

/// Tries of tokens count against the address; the page says so.
async fn claims(
    State(state): State<AppState>,
    client: ClientAddr,
    mut request: Request,
    next: Next,
) -> Response {
    let now = state.clock.wall_ms();
    let limited = state
        .limits
        .check(LimitKind::ClaimAddress, &client.limit_key(), now);
    if limited.is_err() {
        request.extensions_mut().insert(Posted::TooMany);
        return next.run(request).await;
    }
    read(request, next).await
}
