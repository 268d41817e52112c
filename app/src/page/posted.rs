//! A form that was posted to the address of a page, which answers it itself: what was written is
//! shown again, and a secret in the address goes nowhere else.

use http::request::Parts;
use leptos::prelude::use_context;

/// What was posted. The server puts it into the request's extensions. Not for logs: it holds
/// whatever was typed.
#[derive(Clone)]
pub enum Posted {
    /// Names and values of the form's fields.
    Fields(Vec<(String, String)>),
    /// It was not read: too long, or no form.
    Unread,
    /// It was not read: too many from the same address.
    TooMany,
}

impl Posted {
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        match self {
            Self::Fields(fields) => fields
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str()),
            Self::Unread | Self::TooMany => None,
        }
    }
}

/// What was posted to this page; none when it is only looked at.
#[must_use]
pub fn posted() -> Option<Posted> {
    use_context::<Parts>()?.extensions.get::<Posted>().cloned()
}
