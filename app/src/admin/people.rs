//! `/admin/people`: somebody, and what happened to their access.

use super::PersonFound;
use super::desk::{Empty, Stamp, Tab, shown};
use super::overview::AuditTable;
use crate::page::answer::query_value;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

#[component]
pub fn DeskPeople() -> impl IntoView {
    let search = use_query_map()
        .get_untracked()
        .get_str("q")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default();
    shown(Tab::People, |port| async move {
        let found = if search.is_empty() {
            Vec::new()
        } else {
            port.people(&search).await?
        };
        Ok(view! { <Found search found /> }.into_any())
    })
}

#[component]
fn Found(search: String, found: Vec<PersonFound>) -> impl IntoView {
    let nobody = found.is_empty().then(|| {
        let text = if search.is_empty() {
            "Search by Discord id, Stripe customer, or the whole name."
        } else {
            "Nobody fits. A name has to be whole; its case does not matter."
        };
        view! { <Empty text /> }
    });
    let people = found
        .into_iter()
        .map(|person| view! { <Person person /> })
        .collect_view();
    view! {
        <form class="filter" method="get" action="/admin/people" role="search">
            <label>
                <span>"Discord id, customer or name"</span>
                <input name="q" value=search autocomplete="off" spellcheck="false" />
            </label>
            <button type="submit" class="button small">"Search"</button>
        </form>
        {nobody}
        {people}
    }
}

#[component]
fn Person(person: PersonFound) -> impl IntoView {
    let there = match person.in_guild {
        Some(true) => "In the server",
        Some(false) => "Not in the server",
        None => "Discord was not asked yet",
    };
    let signed_in = if person.signed_in_at == 0 {
        view! { "never signed in" }.into_any()
    } else {
        view! { "signed in " <Stamp at=person.signed_in_at /> }.into_any()
    };
    let deletion = person
        .deletion
        .map(|told| view! { <p><strong>{format!("This account {told}.")}</strong></p> });
    let moves = (!person.lines.is_empty() && !person.customers.is_empty())
        .then(|| view! { <MoveTo user_id=person.user_id.clone() /> });
    let customers = person
        .customers
        .into_iter()
        .map(|id| {
            let href = format!("/admin/inbox?customer={}", query_value(&id));
            view! { " · " <a href=href><code>{id}</code></a> }
        })
        .collect_view();
    let lines = if person.lines.is_empty() {
        let href = format!("/admin/people?q={}", query_value(&person.user_id));
        view! { <p class="small"><a href=href>"What happened to their access"</a></p> }.into_any()
    } else {
        view! { <AuditTable lines=person.lines /> }.into_any()
    };
    view! {
        <section aria-labelledby=person.user_id.clone()>
            <h2 id=person.user_id.clone()>{person.name}</h2>
            <p class="small">
                {there} " · Discord " <code>{person.discord_id}</code> " · " {signed_in} {customers}
            </p>
            {deletion}
            {moves}
            {lines}
        </section>
    }
}

/// For somebody who lost their account at Discord; what happens is shown before it does.
#[component]
fn MoveTo(user_id: String) -> impl IntoView {
    view! {
        <form class="filter" method="get" action="/admin/move">
            <input type="hidden" name="from" value=user_id />
            <label>
                <span>"Move the membership to the account with this Discord id"</span>
                <input name="to" inputmode="numeric" required autocomplete="off" spellcheck="false" />
            </label>
            <button type="submit" class="button small quiet">"See what moves"</button>
        </form>
    }
}
