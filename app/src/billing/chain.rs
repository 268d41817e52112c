//! The chain *Payment → Membership → Discord*, on the dashboard and while it fills.

use super::StationState;
#[cfg(feature = "ssr")]
use crate::page::Icon;
use crate::page::Mark;
use leptos::prelude::*;

/// Which of the three stations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Payment,
    Membership,
    Discord,
}

impl Stop {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Payment => "Payment",
            Self::Membership => "Membership",
            Self::Discord => "Discord",
        }
    }

    fn own_mark(self) -> Mark {
        match self {
            Self::Payment => Mark::Card,
            Self::Membership => Mark::Member,
            Self::Discord => Mark::Hash,
        }
    }

    /// The state in a word, for those who do not see its colour.
    #[must_use]
    pub fn word(self, state: StationState) -> &'static str {
        match (state, self) {
            (StationState::Granted, Self::Payment) => "Paid",
            (StationState::Granted, Self::Membership) => "Active",
            (StationState::Granted, Self::Discord) => "Confirmed",
            (StationState::Waiting, _) => "Under way",
            (StationState::Attention, _) => "Needs attention",
            (StationState::Ended, _) => "Ended",
            (StationState::Idle, _) => "Not yet",
        }
    }
}

impl StationState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Waiting => "waiting",
            Self::Attention => "attention",
            Self::Ended => "ended",
            Self::Idle => "idle",
        }
    }

    /// Icon of the state; a station not reached shows what it is instead.
    #[must_use]
    pub fn mark(self) -> Option<Mark> {
        match self {
            Self::Granted => Some(Mark::Check),
            Self::Waiting => Some(Mark::Clock),
            Self::Attention => Some(Mark::Alert),
            Self::Ended => Some(Mark::Cross),
            Self::Idle => None,
        }
    }
}

/// One station: an item of an `ol.chain`.
#[component]
pub fn Link(
    stop: Stop,
    #[prop(into)] state: Signal<StationState>,
    #[prop(into)] text: Signal<String>,
    /// Says the state where the usual word would not.
    #[prop(optional_no_strip)]
    word: Option<String>,
    /// Time and advice below the text.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let mark = move || state.get().mark().unwrap_or(stop.own_mark()).href();
    view! {
        <li class="link" data-state=move || state.get().as_str()>
            <span class="node">
                <svg class="icon" width="20" height="20" aria-hidden="true">
                    <use_ href=mark />
                </svg>
            </span>
            <div class="link-text">
                <p class="link-head">
                    <span class="link-name">{stop.name()}</span>
                    " "
                    <span class="word">
                        {move || word.clone().unwrap_or_else(|| stop.word(state.get()).to_owned())}
                    </span>
                </p>
                <p>{move || text.get()}</p>
                {children.map(|children| children())}
            </div>
        </li>
    }
}

/// A state as icon and word, within text.
#[cfg(feature = "ssr")]
#[component]
pub fn StateWord(state: StationState, #[prop(into)] word: String) -> impl IntoView {
    view! {
        <span class="state" data-state=state.as_str()>
            <Icon mark=state.mark().unwrap_or(Mark::Dot) />
            {word}
        </span>
    }
}
