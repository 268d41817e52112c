//! What a page says when something is asked of the reader, or did not work.

use super::{Icon, Mark};
use leptos::prelude::*;

/// A failure in the reader's words: what happened, what it means for money or access, and
/// what to do. One for each variant of an error, written in one place per feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// HTTP status of an answer that is this failure.
    pub status: u16,
    pub title: &'static str,
    pub meaning: &'static str,
    pub next: &'static str,
    /// Label and address of the one button that goes on; none where the page's own buttons do.
    pub action: Option<(&'static str, &'static str)>,
}

/// Meaning of a notice: decides colour and icon; a word is in its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Granted,
    Waiting,
    Attention,
    Ended,
}

impl Tone {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Waiting => "waiting",
            Self::Attention => "attention",
            Self::Ended => "ended",
        }
    }

    #[must_use]
    pub fn mark(self) -> Mark {
        match self {
            Self::Granted => Mark::Check,
            Self::Waiting => Mark::Clock,
            Self::Attention => Mark::Alert,
            Self::Ended => Mark::Cross,
        }
    }
}

/// A line above the page's matter. `urgent` is read out at once, the others politely.
#[component]
pub fn Notice(
    tone: Tone,
    #[prop(into)] title: String,
    #[prop(optional, into)] text: String,
    #[prop(optional)] urgent: bool,
    /// The one button that does what is asked.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="notice" data-tone=tone.as_str() role=if urgent { "alert" } else { "status" }>
            <Icon mark=tone.mark() />
            <div class="notice-text">
                <p class="notice-title">{title}</p>
                {(!text.is_empty()).then(|| view! { <p>{text}</p> })}
            </div>
            {children.map(|children| view! { <div class="notice-action">{children()}</div> })}
        </div>
    }
}
