//! Status and headers of the answer that is being made.

use http::{HeaderName, HeaderValue, StatusCode, header};
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;

/// Sets the status of this answer.
pub fn status(code: u16) {
    if let (Some(options), Ok(code)) =
        (use_context::<ResponseOptions>(), StatusCode::from_u16(code))
    {
        options.set_status(code);
    }
}

/// Sets a header of this answer; a value that no header can hold is left out.
pub fn set_header(name: HeaderName, value: &str) {
    if let (Some(options), Ok(value)) = (
        use_context::<ResponseOptions>(),
        HeaderValue::from_str(value),
    ) {
        options.insert_header(name, value);
    }
}

/// A browser that follows a form or a link, as against a script that reads typed answers.
#[must_use]
pub fn wants_html() -> bool {
    use_context::<http::request::Parts>().is_some_and(|parts| {
        parts
            .headers
            .get(header::ACCEPT)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains("text/html"))
    })
}

/// Leads a page's reader, or a form's sender, elsewhere with 303; a script is told by the
/// header that leptos reads.
pub fn see_other(address: &str) {
    if HeaderValue::from_str(address).is_err() {
        status(500);
        return;
    }
    leptos_axum::redirect(address);
    if wants_html() {
        status(303);
    }
}

/// The part of `text` that is safe within a query: everything but unreserved characters
/// (RFC 3986, section 2.3) is percent-encoded.
#[must_use]
pub fn query_value(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::query_value;

    #[test]
    fn a_path_becomes_one_value() {
        assert_eq!(
            query_value("/?plan=prod_1&interval=year ü"),
            "%2F%3Fplan%3Dprod_1%26interval%3Dyear%20%C3%BC"
        );
    }
}
