//! The passes on the dashboard, beside a subscription or alone.

use super::{PassLine, PassState, StateWord, StationState};
use crate::page::dates;
use leptos::prelude::*;

impl PassState {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "Waits for its payment",
            Self::Running => "Running",
            Self::Ahead => "Starts later",
            Self::Over => "Over",
            Self::Void => "Not paid",
        }
    }

    #[must_use]
    pub fn state(self) -> StationState {
        match self {
            Self::Waiting | Self::Ahead => StationState::Waiting,
            Self::Running => StationState::Granted,
            Self::Over => StationState::Idle,
            Self::Void => StationState::Ended,
        }
    }
}

/// From when until when: "3 March 2027 to 1 June 2027", "For life".
#[must_use]
pub fn span(pass: &PassLine) -> Option<String> {
    match (pass.state, pass.ends_at) {
        (PassState::Waiting, _) => Some("Starts with the payment".to_owned()),
        (PassState::Void, _) => None,
        (_, None) => Some("For life".to_owned()),
        // Not broken within a date.
        (_, Some(end)) => Some(format!(
            "{} to {}",
            dates::day(pass.starts_at)?.replace(' ', "\u{a0}"),
            dates::day(end)?.replace(' ', "\u{a0}")
        )),
    }
}

/// Every pass, and below them the way to more where nothing else leads there.
#[component]
pub fn Passes(
    passes: Vec<PassLine>,
    /// What gives access now is a pass.
    running: bool,
) -> impl IntoView {
    let lines = passes.into_iter().map(|pass| {
        let paid = pass
            .paid
            .as_ref()
            .map(|paid| format!("{} once", paid.display()));
        let span = span(&pass);
        view! {
            <li class="pass-line">
                <span class="pass-name">{pass.plan_name}</span>
                <StateWord state=pass.state.state() word=pass.state.word() />
                <span class="pass-span">{span}</span>
                <span class="amount">{paid}</span>
            </li>
        }
    });
    let more = running.then(|| {
        view! {
            <div class="portal">
                <a class="button quiet" href="/">"See the plans"</a>
            </div>
            <p class="small">"Another pass begins when this one ends. A plan can be had beside it."</p>
        }
    });
    view! {
        <section class="entry" aria-labelledby="passes">
            <h2 class="margin" id="passes">"Passes"</h2>
            <div class="matter">
                <ul class="pass-lines">{lines.collect_view()}</ul>
                {more}
            </div>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::{PassLine, PassState, span};

    #[test]
    fn a_pass_says_from_when_until_when() {
        let pass = PassLine {
            plan_id: "prod_1".into(),
            plan_name: "Season pass".into(),
            paid: None,
            state: PassState::Running,
            starts_at: 1_804_082_709_000,
            ends_at: Some(1_804_082_709_000 + 90 * 24 * 60 * 60 * 1000),
        };
        let said = span(&pass).map(|text| text.replace('\u{a0}', " "));
        assert_eq!(said.as_deref(), Some("3 March 2027 to 1 June 2027"));
        let life = PassLine {
            ends_at: None,
            ..pass.clone()
        };
        assert_eq!(span(&life).as_deref(), Some("For life"));
        let void = PassLine {
            state: PassState::Void,
            ..pass
        };
        assert_eq!(span(&void), None);
    }
}
