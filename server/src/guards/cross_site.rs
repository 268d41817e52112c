//! Posts from other sites are refused, by the headers that a page cannot forge.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, header};

use crate::state::AppState;

/// Carry their own proof instead: the webhook a signature, and the one click of a mail program
/// (RFC 8058) a keyed token; neither looks at a cookie.
const EXEMPT: [&str; 2] = ["/webhooks/stripe", crate::mail::UNSUBSCRIBE];

/// Middleware: answers 403 to an unsafe request that our own pages did not send.
pub async fn refuse_cross_site(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let own = state.config.public_url.origin().ascii_serialization();
    if allowed(
        request.method(),
        request.uri().path(),
        request.headers(),
        &own,
    ) {
        return next.run(request).await;
    }
    let path = template(request.uri().path());
    tracing::info!(path, "cross-site request refused");
    refusal(&own)
}

/// The address as it may be logged: an invite's holds a token.
fn template(path: &str) -> &str {
    if path.starts_with("/invite/") {
        return "/invite/{token}";
    }
    path
}

/// Browsers send `Origin` with every POST, and `Sec-Fetch-Site` wherever the address is
/// trustworthy (Fetch Metadata Request Headers); whoever sends neither is no page of ours.
fn allowed(method: &Method, path: &str, headers: &HeaderMap, own_origin: &str) -> bool {
    if method.is_safe() || (method == Method::POST && EXEMPT.contains(&path)) {
        return true;
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin_is_own = match (origins.next(), origins.next()) {
        (None, _) => None,
        (Some(origin), None) => Some(origin == own_origin),
        (Some(_), Some(_)) => Some(false),
    };
    let mut sites = headers.get_all("sec-fetch-site").iter();
    let site_is_own = match (sites.next(), sites.next()) {
        (None, _) => None,
        // `none`: by the person's own hand, such as reloading the page a form led to.
        (Some(site), None) => Some(site == "same-origin" || site == "none"),
        (Some(_), Some(_)) => Some(false),
    };
    match (origin_is_own, site_is_own) {
        (None, None) | (Some(false), _) | (_, Some(false)) => false,
        (Some(true), _) | (None, Some(true)) => true,
    }
}

fn refusal(own_origin: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Not sent from here</title></head><body><main>\
         <h1>This did not come from one of our pages.</h1><p>Nothing was changed. Open <a \
         href=\"{own_origin}/\">{own_origin}</a> and do it there.</p></main></body></html>"
    );
    (
        StatusCode::FORBIDDEN,
        [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
        ],
        page,
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const OWN: &str = "https://members.example.org";

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_our_own_pages_may_post() {
        for (pairs, expected) in [
            (&[][..], false),
            (&[("origin", OWN)], true),
            (&[("origin", "https://evil.example")], false),
            (&[("origin", "null")], false),
            (&[("origin", "")], false),
            (&[("origin", "http://members.example.org")], false),
            (&[("origin", "https://members.example.org:444")], false),
            (
                &[("origin", "https://members.example.org.evil.example")],
                false,
            ),
            (&[("origin", "https://members.example.org/")], false),
            (
                &[("origin", OWN), ("origin", "https://evil.example")],
                false,
            ),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "")], false),
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("sec-fetch-site", "cross-site"),
                ],
                false,
            ),
            (&[("sec-fetch-site", "same-origin"), ("origin", OWN)], true),
            (&[("sec-fetch-site", "none"), ("origin", OWN)], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", OWN)], false),
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("origin", "https://evil.example"),
                ],
                false,
            ),
            (&[("sec-fetch-site", "none"), ("origin", "null")], false),
            (&[("referer", "https://members.example.org/")], false),
        ] {
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                assert_eq!(
                    allowed(&method, "/logout", &headers(pairs), OWN),
                    expected,
                    "{method} {pairs:?}"
                );
            }
        }
    }

    #[test]
    fn a_token_is_not_logged() {
        assert_eq!(template("/invite/abc"), "/invite/{token}");
        assert_eq!(template("/logout"), "/logout");
    }

    #[test]
    fn looking_is_free_and_who_proves_itself_is_exempt() {
        let foreign = headers(&[("origin", "https://evil.example")]);
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert!(allowed(&method, "/billing", &foreign, OWN));
        }
        for (path, expected) in [
            ("/webhooks/stripe", true),
            ("/webhooks/stripe/", false),
            ("/webhooks/Stripe", false),
            ("/webhooks/stripe/../../logout", false),
            ("/webhooks/%73tripe", false),
            ("//webhooks/stripe", false),
            ("/mail/unsubscribe", true),
            ("/mail/unsubscribe/", false),
            ("/mail", false),
            ("/api/prefer_mail", false),
        ] {
            assert_eq!(
                allowed(&Method::POST, path, &foreign, OWN),
                expected,
                "{path}"
            );
            assert!(!allowed(&Method::PUT, path, &foreign, OWN), "{path}");
        }
    }
}
