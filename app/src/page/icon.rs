//! One set of icons, 20 px, stroke 1.5, drawn once per page and used by name.

use leptos::prelude::*;

/// A drawing of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Check,
    Clock,
    Alert,
    Cross,
    Dot,
    Card,
    Member,
    Hash,
    Star,
    Arrow,
    Out,
    External,
    Discord,
}

impl Mark {
    pub const ALL: [Self; 13] = [
        Self::Check,
        Self::Clock,
        Self::Alert,
        Self::Cross,
        Self::Dot,
        Self::Card,
        Self::Member,
        Self::Hash,
        Self::Star,
        Self::Arrow,
        Self::Out,
        Self::External,
        Self::Discord,
    ];

    /// The reference a `use` element takes.
    #[must_use]
    pub fn href(self) -> &'static str {
        match self {
            Self::Check => "#i-check",
            Self::Clock => "#i-clock",
            Self::Alert => "#i-alert",
            Self::Cross => "#i-cross",
            Self::Dot => "#i-dot",
            Self::Card => "#i-card",
            Self::Member => "#i-member",
            Self::Hash => "#i-hash",
            Self::Star => "#i-star",
            Self::Arrow => "#i-arrow",
            Self::Out => "#i-out",
            Self::External => "#i-external",
            Self::Discord => "#i-discord",
        }
    }

    #[cfg(feature = "ssr")]
    fn path(self) -> &'static str {
        match self {
            Self::Check => "M4.5 10.5 8.25 14.25 15.5 6",
            Self::Clock => {
                "M10 5.75V10l2.75 2M17.25 10a7.25 7.25 0 1 1-14.5 0 7.25 7.25 0 0 1 14.5 0Z"
            }
            Self::Alert => "M10 7.5v3.25M10 13.75v.01M10 3 2.5 16.5h15L10 3Z",
            Self::Cross => "m5.5 5.5 9 9m0-9-9 9",
            Self::Dot => "M12 10a2 2 0 1 1-4 0 2 2 0 0 1 4 0Z",
            Self::Card => "M2.75 5.5h14.5v9H2.75zM2.75 8.5h14.5M5.5 12h2.5",
            Self::Member => {
                "M10 9.75a3.25 3.25 0 1 0 0-6.5 3.25 3.25 0 0 0 0 6.5ZM3.75 16.75c.6-2.9 3.1-4.5 6.25-4.5s5.65 1.6 6.25 4.5"
            }
            Self::Hash => "M3.5 7.25h13.5M3 12.75h13.5M8.25 3.25l-1.75 13.5M13.5 3.25l-1.75 13.5",
            Self::Star => {
                "m10 3 2 4.6 5 .45-3.8 3.3 1.15 4.9L10 13.65l-4.35 2.6 1.15-4.9L3 8.05l5-.45L10 3Z"
            }
            Self::Arrow => "M4 10h12m-4.5-4.5L16 10l-4.5 4.5",
            Self::Out => "M8 3.75H4.25v12.5H8M8.5 10h8m-3-3 3 3-3 3",
            Self::External => "M8 4.75H4.25v11h11V12M11.5 3.75h4.75V8.5M16 4l-6.5 6.5",
            Self::Discord => {
                "M16.93 3.64A16.5 16.5 0 0 0 12.86 2.4a.06.06 0 0 0-.07.03c-.17.31-.37.72-.5 1.04a15.2 15.2 0 0 0-4.58 0 10.5 10.5 0 0 0-.51-1.04.06.06 0 0 0-.07-.03A16.45 16.45 0 0 0 3.03 3.66C.44 7.54-.27 11.31.08 15.05c0 .02.01.03.03.05a16.6 16.6 0 0 0 4.99 2.52c.03 0 .05 0 .07-.02.39-.53.73-1.08 1.02-1.66a.06.06 0 0 0-.03-.09 10.9 10.9 0 0 1-1.56-.74.06.06 0 0 1-.01-.11l.31-.24a.06.06 0 0 1 .07-.01 11.84 11.84 0 0 0 10.05 0 .06.06 0 0 1 .07.01l.31.24c.04.03.03.08-.01.11-.5.29-1.02.54-1.56.74a.06.06 0 0 0-.03.09c.3.58.64 1.13 1.02 1.66.02.02.04.03.07.02a16.53 16.53 0 0 0 5.03-2.57c.42-4.32-.7-8.06-2.96-11.41ZM6.68 12.78c-.98 0-1.8-.9-1.8-2.02 0-1.11.8-2.01 1.8-2.01 1.01 0 1.82.91 1.8 2.01 0 1.12-.8 2.02-1.8 2.02Zm6.65 0c-.99 0-1.8-.9-1.8-2.02 0-1.11.8-2.01 1.8-2.01s1.81.91 1.8 2.01c0 1.12-.8 2.02-1.8 2.02Z"
            }
        }
    }
}

/// An icon beside a word; it says nothing by itself.
#[component]
pub fn Icon(mark: Mark) -> impl IntoView {
    view! {
        <svg class="icon" width="20" height="20" aria-hidden="true">
            <use_ href=mark.href() />
        </svg>
    }
}

/// The drawings, once per page.
#[cfg(feature = "ssr")]
#[component]
pub fn Sprite() -> impl IntoView {
    let drawings = Mark::ALL
        .map(|mark| {
            let filled = mark == Mark::Discord;
            view! {
                <symbol id=&mark.href()[1..] viewBox="0 0 20 20" class:filled=filled>
                    <path d=mark.path() />
                </symbol>
            }
        })
        .to_vec();
    view! {
        <svg class="sprite" width="0" height="0" aria-hidden="true">
            {drawings}
        </svg>
    }
}
