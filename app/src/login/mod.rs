//! Who is looking: sign-in with Discord, as the pages see it.

pub mod problem;

use serde::{Deserialize, Serialize};

/// The signed-in person of this request. The server puts it into the request's extensions
/// after it has checked the session; a page or server function that finds none has nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    /// Our id of the user.
    pub user_id: String,
    pub discord_user_id: String,
    /// What Discord shows: the global name, or else the username.
    pub name: String,
    /// Address of the picture at Discord's CDN, if the person has one.
    pub avatar_url: Option<String>,
    /// May see `/admin`.
    pub operator: bool,
}

/// Why a sign-in did not happen. Each has its own page with a way on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum LoginProblem {
    #[error("consent was denied")]
    Denied,
    /// The state is missing, wrong, used before or too old.
    #[error("the sign-in was not started here, or was already used")]
    State,
    #[error("Discord did not answer")]
    DiscordDown,
    /// Discord refused the code or our client.
    #[error("Discord refused the sign-in")]
    Refused,
    #[error("the Discord account has no e-mail address")]
    NoEmail,
    #[error("too many sign-ins from this address")]
    TooMany,
}

impl LoginProblem {
    pub const ALL: [Self; 6] = [
        Self::Denied,
        Self::State,
        Self::DiscordDown,
        Self::Refused,
        Self::NoEmail,
        Self::TooMany,
    ];

    /// The word in `/login/problem?reason=`.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::State => "state",
            Self::DiscordDown => "discord-down",
            Self::Refused => "refused",
            Self::NoEmail => "no-email",
            Self::TooMany => "too-many",
        }
    }

    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|problem| problem.slug() == slug)
    }
}

/// The person of the current request, if one is signed in.
#[cfg(feature = "ssr")]
#[must_use]
pub fn viewer() -> Option<Viewer> {
    leptos::prelude::use_context::<http::request::Parts>()
        .and_then(|parts| parts.extensions.get::<Viewer>().cloned())
}
