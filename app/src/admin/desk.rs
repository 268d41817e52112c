//! What every page of the desk stands in: who may see it, the tabs with what waits, and what
//! the last button did.

use super::{AdminError, AdminPort, Counts, DESK, Done, actions};
use crate::login::Viewer;
use crate::page::{Lone, NotFound, Notice, Told, Tone, answer, community, dates};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use std::future::Future;
use std::sync::Arc;

/// A page of the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Inbox,
    Work,
    Incidents,
    Roles,
    Brake,
    People,
}

impl Tab {
    const ALL: [Self; 7] = [
        Self::Overview,
        Self::Inbox,
        Self::Work,
        Self::Incidents,
        Self::Roles,
        Self::Brake,
        Self::People,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Inbox => "Inbox",
            Self::Work => "Work",
            Self::Incidents => "Incidents",
            Self::Roles => "Roles",
            Self::Brake => "Brake",
            Self::People => "People",
        }
    }

    pub fn path(self) -> &'static str {
        match self {
            Self::Overview => "/admin",
            Self::Inbox => "/admin/inbox",
            Self::Work => "/admin/work",
            Self::Incidents => "/admin/incidents",
            Self::Roles => "/admin/roles",
            Self::Brake => "/admin/brake",
            Self::People => "/admin/people",
        }
    }

    /// What waits there for a person.
    fn waiting(self, counts: Counts) -> i64 {
        match self {
            Self::Work => counts.parked,
            Self::Incidents => counts.incidents,
            Self::Roles => counts.waiting,
            Self::Brake => counts.held,
            Self::Overview | Self::Inbox | Self::People => 0,
        }
    }
}

/// Shows a page to an operator, and to anybody else what they see where there is no page.
pub(super) fn shown<F, Read>(tab: Tab, read: Read) -> AnyView
where
    Read: FnOnce(Arc<dyn AdminPort>) -> F,
    F: Future<Output = Result<AnyView, AdminError>> + Send + 'static,
{
    let (viewer, port) = match actions::operator() {
        Ok(found) => found,
        Err(AdminError::NotHere) => return NotFound().into_any(),
        Err(error) => return view! { <Refused error /> }.into_any(),
    };
    let query = use_query_map().get_untracked();
    let said = Said {
        done: query.get_str("done").and_then(Done::from_slug),
        problem: query.get_str("problem").and_then(AdminError::from_slug),
    };
    let page = read(port.clone());
    Suspend::new(async move {
        match (port.counts().await, page.await) {
            (Ok(counts), Ok(page)) => {
                view! { <Frame tab counts said viewer>{page}</Frame> }.into_any()
            }
            (Err(error), _) | (_, Err(error)) => view! { <Refused error /> }.into_any(),
        }
    })
    .into_any()
}

/// What the last button did, by the address.
#[derive(Clone, Copy)]
struct Said {
    done: Option<Done>,
    problem: Option<AdminError>,
}

#[component]
fn Frame(
    tab: Tab,
    counts: Counts,
    said: Said,
    viewer: Viewer,
    children: Children,
) -> impl IntoView {
    let done = said.done.map(|done| {
        view! { <Notice tone=Tone::Granted title=done.sentence() /> }
    });
    let problem = said.problem.map(|problem| {
        let told = problem.told();
        let text = format!("{} {}", told.meaning, told.next);
        view! { <Notice tone=Tone::Attention title=told.title text urgent=true /> }
    });
    let tabs = Tab::ALL
        .into_iter()
        .enumerate()
        .map(|(at, one)| {
            let waiting = one.waiting(counts);
            // Alt (and Shift) with the figure, or what the browser has for it.
            let key = (at + 1).to_string();
            view! {
                <li>
                    <a href=one.path() aria-current=(one == tab).then_some("page") accesskey=key>
                        {one.name()}
                        {(waiting > 0).then(|| view! {
                            " "
                            <span class="count">{waiting}</span>
                            <span class="unseen">" waiting"</span>
                        })}
                    </a>
                </li>
            }
        })
        .collect_view();
    view! {
        <Title text=format!("{} – Desk – {}", tab.name(), community().name) />
        {done}
        {problem}
        <div class="desk">
            <div class="desk-head">
                <h1>{tab.name()}</h1>
                <nav class="tabs" aria-label="Desk"><ul>{tabs}</ul></nav>
            </div>
            {children()}
            <p class="small desk-foot">
                {format!("You act as {}. What you do here is kept in the audit. Times are UTC.", viewer.name)}
            </p>
        </div>
    }
}

#[component]
fn Refused(error: AdminError) -> impl IntoView {
    let told = Told {
        action: Some(("To the desk", DESK)),
        ..error.told()
    };
    view! { <Lone told margin="Desk" /> }
}

/// A moment in a table: exact, and sorting as it reads.
#[component]
pub(super) fn Stamp(at: i64) -> impl IntoView {
    dates::stamp(at)
        .zip(dates::machine(at))
        .map(|(text, machine)| view! { <time class="stamp" datetime=machine>{text}</time> })
}

/// Somebody, leading to what happened to them.
#[component]
pub(super) fn Who(person: Option<(String, String)>) -> impl IntoView {
    person.map(|(user_id, name)| {
        let href = format!("/admin/people?q={}", answer::query_value(&user_id));
        view! { <a href=href>{name}</a> }
    })
}

/// A part of a page, with its heading.
#[component]
pub(super) fn Part(id: &'static str, title: &'static str, children: Children) -> impl IntoView {
    view! {
        <section aria-labelledby=id>
            <h2 id=id>{title}</h2>
            {children()}
        </section>
    }
}

/// The head of a column.
#[derive(Clone, Copy)]
pub(super) enum Head {
    Text(&'static str),
    Number(&'static str),
    /// For those who do not see that buttons stand below it.
    Unseen(&'static str),
}

/// A table; on a phone its rows are a list, each cell with its `data-label`.
#[component]
pub(super) fn Ledger(heads: &'static [Head], children: Children) -> impl IntoView {
    let heads = heads
        .iter()
        .map(|head| match *head {
            Head::Text(name) => view! { <th scope="col">{name}</th> }.into_any(),
            Head::Number(name) => view! { <th scope="col" class="number">{name}</th> }.into_any(),
            Head::Unseen(name) => {
                view! { <th scope="col"><span class="unseen">{name}</span></th> }.into_any()
            }
        })
        .collect_view();
    view! {
        <table class="ledger">
            <thead><tr>{heads}</tr></thead>
            <tbody>{children()}</tbody>
        </table>
    }
}

/// What a list says when there is nothing in it.
#[component]
pub(super) fn Empty(text: &'static str) -> impl IntoView {
    view! { <p class="desk-empty">{text}</p> }
}

/// The fields of an [`ActForm`](super::ActForm).
pub(super) fn fields<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
