//! What every page shares: the document, header and footer, icons, dates.

pub mod accent;
#[cfg(feature = "ssr")]
pub mod answer;
mod busy;
pub mod csp;
#[cfg(feature = "ssr")]
pub mod dates;
#[cfg(feature = "ssr")]
mod document;
#[cfg(feature = "ssr")]
mod frame;
mod icon;
#[cfg(feature = "ssr")]
mod lone;
#[cfg(feature = "ssr")]
mod missing;
mod notice;
#[cfg(feature = "ssr")]
mod posted;
#[cfg(feature = "ssr")]
mod press;
mod send_form;

pub use busy::BusyForms;
#[cfg(feature = "ssr")]
pub use document::{App, shell};
pub use icon::{Icon, Mark};
#[cfg(feature = "ssr")]
pub use lone::Lone;
#[cfg(feature = "ssr")]
pub use missing::NotFound;
pub use notice::{Notice, Told, Tone};
#[cfg(feature = "ssr")]
pub use posted::{Posted, posted};
#[cfg(feature = "ssr")]
pub use press::{Press, hidden};
pub use send_form::SendForm;
pub(crate) use send_form::sent_once;

use serde::{Deserialize, Serialize};

/// Whose house it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Community {
    pub name: String,
    /// A CSS colour, already adjusted to meet contrast on light paper.
    pub accent_light: String,
    /// The same for dark paper.
    pub accent_dark: String,
    /// Address of the picture.
    pub logo: Option<String>,
    /// Pretend services are behind this installation: every page says so.
    pub test_mode: bool,
}

/// One sentence of what membership gives, for the landing page; optional, by context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagline(pub String);

/// Origins a form of ours may lead to by redirect (Stripe's hosted pages, Discord's consent
/// page), such as `https://checkout.stripe.com`; by context. Browsers check redirects of a
/// form post against `form-action` too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormTargets(pub Vec<String>);

/// The policy clock when the request came, UTC epoch ms; optional, by context. How long it is until
/// something stands beside its exact date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now(pub i64);

/// Where the built files are; optional, by context. The default is what the build writes
/// without hashes in names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assets {
    pub css: String,
    pub js: String,
    pub wasm: String,
    pub font: String,
    pub favicon: String,
}

impl Default for Assets {
    fn default() -> Self {
        // cargo-leptos renames the module and says so at compile time.
        let wasm = if option_env!("LEPTOS_OUTPUT_NAME").is_some() {
            "/pkg/rollcall.wasm"
        } else {
            "/pkg/rollcall_bg.wasm"
        };
        Self {
            css: "/pkg/rollcall.css".to_owned(),
            js: "/pkg/rollcall.js".to_owned(),
            wasm: wasm.to_owned(),
            font: "/bricolage-grotesque.woff2".to_owned(),
            favicon: "/favicon.svg".to_owned(),
        }
    }
}

/// The house of this request. Route listing renders without one: then a bare name.
#[cfg(feature = "ssr")]
#[must_use]
pub fn community() -> Community {
    leptos::prelude::use_context().unwrap_or_else(|| Community {
        name: "Rollcall".to_owned(),
        accent_light: accent::FALLBACK.light.to_owned(),
        accent_dark: accent::FALLBACK.dark.to_owned(),
        logo: None,
        test_mode: false,
    })
}
