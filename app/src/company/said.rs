//! What came of the last press, by the address (`?done=`).

use crate::page::{Notice, Press, Tone, hidden};
use crate::seats::forms::UndoSeat;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_router::params::ParamsMap;

/// The words of `?done=`, each with its title and text.
const SAID: [(&str, &str, &str); 13] = [
    (
        "claimed",
        "The seat is yours.",
        "Its roles and channels in Discord come by themselves in a moment. It costs you nothing.",
    ),
    (
        "taken",
        "You have a seat now.",
        "Its roles and channels in Discord come by themselves in a moment.",
    ),
    (
        "undone",
        "The seat is given back.",
        "Whoever held it has it again, or their invite counts again.",
    ),
    (
        "resent",
        "The invite is on its way again.",
        "It has a new link; the old one does not work any more.",
    ),
    (
        "renamed",
        "The company has its new name.",
        "It stands on every invite from now on.",
    ),
    (
        "appointed",
        "Done: they have their new role.",
        "What it lets them do stands below. Seats stay as they are.",
    ),
    (
        "dismissed",
        "Their role is taken.",
        "They keep their seat, if they have one, until somebody frees it.",
    ),
    (
        "left",
        "You do not look after the company any more.",
        "Nothing was charged by this. A seat of yours stays until it is freed.",
    ),
    (
        "given-back",
        "You gave your seat back.",
        "Its roles are being taken in Discord. A membership of your own is not touched by it.",
    ),
    (
        "made-way",
        "It is settled who makes way.",
        "Their roles rest. As soon as a seat is free or paid again, they are back by themselves.",
    ),
    (
        "number",
        "The number of seats is changed.",
        "It counts now; below is what it comes to.",
    ),
    (
        "link-ended",
        "The link does not work any more.",
        "Whoever took a seat by it keeps it.",
    ),
    (
        "freed",
        "The seat is free.",
        "If somebody held it, their roles are being taken in Discord; an invite to it does not work any more.",
    ),
];

/// What is done in a row of the table, and said where the table is.
const OF_A_ROW: [&str; 3] = ["freed", "undone", "resent"];

/// What the address says was done, above the page.
pub fn said(query: &ParamsMap) -> Option<AnyView> {
    let done = query.get_str("done")?;
    if done == "invited" {
        return query.get_str("n")?.parse().ok().map(invited);
    }
    if OF_A_ROW.contains(&done) {
        return None;
    }
    let (title, text) = words(done)?;
    Some(view! { <Notice tone=Tone::Granted title text /> }.into_any())
}

/// What the address says was done in a row, above the table.
pub fn of_a_row(query: &ParamsMap, company: &str, at: &str) -> Option<AnyView> {
    let done = query
        .get_str("done")
        .filter(|done| OF_A_ROW.contains(done))?;
    let (title, text) = words(done)?;
    let undo = query
        .get("undo")
        .filter(|_| done == "freed")
        .map(|seat| undo(company, seat, at));
    Some(match undo {
        Some(undo) => view! { <Notice tone=Tone::Granted title text>{undo}</Notice> }.into_any(),
        None => view! { <Notice tone=Tone::Granted title text /> }.into_any(),
    })
}

fn words(done: &str) -> Option<(&'static str, &'static str)> {
    SAID.into_iter()
        .find(|(word, ..)| *word == done)
        .map(|(_, title, text)| (title, text))
}

fn invited(people: u32) -> AnyView {
    let title = match people {
        1 => "1 person is invited.".to_owned(),
        people => format!("{people} people are invited."),
    };
    view! {
        <Notice
            tone=Tone::Granted
            title
            text="The mail is on its way. Each invite holds a seat until it is claimed, taken back or expired."
        />
    }
    .into_any()
}

fn undo(company: &str, seat: String, at: &str) -> impl IntoView + use<> {
    let fields = [
        ("company", company.to_owned()),
        ("seat", seat),
        ("at", at.to_owned()),
    ];
    view! {
        <form method="post" action=UndoSeat::url()>
            {hidden(fields)}
            <Press label="Undo" busy="Giving it back…" class="quiet small" />
        </form>
    }
}

#[cfg(test)]
mod tests {
    use super::{OF_A_ROW, SAID};
    use std::collections::HashSet;

    #[test]
    fn each_has_words_of_its_own() {
        let words: HashSet<_> = SAID.iter().map(|(word, ..)| *word).collect();
        let titles: HashSet<_> = SAID.iter().map(|(_, title, _)| title).collect();
        assert_eq!((words.len(), titles.len()), (SAID.len(), SAID.len()));
        for (_, title, text) in SAID {
            assert!(title.ends_with('.') && !text.contains('!'), "{title}");
        }
        assert!(OF_A_ROW.into_iter().all(|word| words.contains(&word)));
    }
}
