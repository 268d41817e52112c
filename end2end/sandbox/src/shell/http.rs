//! Between axum's requests and the engines': everything goes through one fallback handler, so
//! that an engine sees the raw path, query, headers and body as they came.

use std::{io, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequestParts, Request, State, WebSocketUpgrade},
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header, request::Parts};
use tokio::time::{Duration, sleep};

use super::{Shell, control, pages};
use crate::{ApiRequest, ApiResponse, Served, clock::Clock};

/// The longest body that is read.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

pub(super) async fn handle(State(shell): State<Arc<Shell>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    if wants_socket(&parts) {
        return match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => super::gateway(&shell, upgrade, parts.uri.query().unwrap_or_default()),
            Err(rejection) => rejection.into_response(),
        };
    }
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let request = api_request(&parts, &body);
    if request.path.starts_with("/_sandbox/") {
        return response(control::handle(&shell, &request).await);
    }
    let served = shell.with(|world| {
        world
            .serve(Clock::wall_ms(), &request)
            .unwrap_or_else(|| Served::at_once(pages::handle(world, &request)))
    });
    match served {
        Served::Answer {
            response: answer,
            after_ms,
        } => {
            if after_ms > 0 {
                tokio::select! {
                    () = sleep(Duration::from_millis(after_ms)) => {}
                    () = shell.stopped() => {}
                }
            }
            response(answer)
        }
        Served::Never => {
            shell.stopped().await;
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Served::Cut => cut(),
    }
}

/// The gateway's address is told by the engine; some clients append their query right to the
/// host, which makes the path `/`.
fn wants_socket(parts: &Parts) -> bool {
    parts.headers.contains_key(header::UPGRADE)
        && matches!(parts.uri.path(), "/" | "/gateway" | "/gateway/")
}

fn api_request(parts: &Parts, body: &Bytes) -> ApiRequest {
    ApiRequest {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name.as_str().to_owned(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect(),
        body: body.to_vec(),
    }
}

fn response(answer: ApiResponse) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = status;
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value.as_bytes()),
        ) {
            response.headers_mut().append(name, value);
        }
    }
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A body that begins, so that the status is on its way, and then a connection that ends.
fn cut() -> Response {
    let broken = futures::stream::unfold(0, |step| async move {
        if step == 0 {
            return Some((Ok(Bytes::from_static(b"{")), 1));
        }
        sleep(Duration::from_millis(20)).await;
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        Some((Err(reset), 2))
    });
    let mut response = Response::new(Body::from_stream(broken));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
