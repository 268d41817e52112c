//! The built files: stylesheet, script, wasm, font, icons. Addresses carry a hash of the file, so
//! that a browser may keep it for good.

use crate::state::AppState;
use app::page::Assets;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::Path;
use tower::ServiceExt;
use tower_http::services::ServeDir;

/// The addresses pages name, each with a hash of the file as it is now.
pub fn addresses(state: &AppState) -> Assets {
    let plain = Assets::default();
    let root = Path::new(&*state.leptos.site_root);
    let hashed = |address: String| {
        let file = root.join(address.trim_start_matches('/'));
        match std::fs::read(&file) {
            Ok(bytes) => {
                let mut hash = String::new();
                for byte in Sha256::digest(&bytes).iter().take(6) {
                    let _ = write!(hash, "{byte:02x}");
                }
                format!("{address}?v={hash}")
            }
            Err(error) => {
                tracing::warn!(file = %file.display(), error = %error, "a built file is missing");
                address
            }
        }
    };
    Assets {
        css: hashed(plain.css),
        js: hashed(plain.js),
        wasm: hashed(plain.wasm),
        // Named by the stylesheet too, which knows no hash.
        font: plain.font,
        favicon: hashed(plain.favicon),
    }
}

/// The same request without its body, if it can be for a file.
pub fn asked(request: &Request) -> Option<Request> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) || request.uri().path() == "/" {
        return None;
    }
    let mut asked = Request::new(Body::empty());
    *asked.method_mut() = request.method().clone();
    *asked.uri_mut() = request.uri().clone();
    *asked.headers_mut() = request.headers().clone();
    Some(asked)
}

/// The file a request names, if there is one: the brotli form made at build time where it is
/// accepted.
pub async fn serve(state: &AppState, asked: Request) -> Option<Response> {
    let lasting = asked
        .uri()
        .query()
        .is_some_and(|query| query.starts_with("v="));
    let found = ServeDir::new(&*state.leptos.site_root)
        .append_index_html_on_directories(false)
        .precompressed_br()
        .oneshot(asked)
        .await
        .ok()?;
    if !(found.status().is_success() || found.status() == StatusCode::NOT_MODIFIED) {
        return None;
    }
    let mut found = found.into_response();
    let keep = if lasting {
        "public, max-age=31536000, immutable"
    } else {
        "public, max-age=3600"
    };
    found
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    Some(found)
}
