//! What stands above and below every page: the community's name, not ours.

use super::{Icon, Mark, answer, community};
use crate::login;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

#[component]
pub fn Header() -> impl IntoView {
    let house = community();
    let viewer = login::viewer();
    let at = use_location().pathname.get_untracked();
    let current = |path: &str| (at == path).then_some("page");
    let initial = house
        .name
        .chars()
        .find(|c| c.is_alphanumeric())
        .unwrap_or('R')
        .to_uppercase()
        .to_string();
    let picture = match house.logo.clone() {
        Some(src) => {
            view! { <img class="logo" src=src alt="" width="32" height="32" /> }.into_any()
        }
        None => view! { <span class="logo" aria-hidden="true">{initial}</span> }.into_any(),
    };
    let signed_in = viewer.is_some();
    let operator = viewer.as_ref().is_some_and(|viewer| viewer.operator);
    let at_desk = crate::admin::is_desk(&at).then_some("page");
    let at_company = (at == "/company" || at.starts_with("/company/")).then_some("page");
    let person = viewer.map(|viewer| view! { <Person viewer /> });
    // The landing page and the pages of sign-in have their own, larger, way in.
    let way_in = (!signed_in && at != "/" && !at.starts_with("/login")).then(|| {
        let next = answer::query_value(&at);
        view! {
            <a class="button ink small" href=format!("/login?next={next}")>
                <Icon mark=Mark::Discord />
                "Sign in with Discord"
            </a>
        }
    });
    view! {
        {house.test_mode.then(|| view! {
            <p class="test-mode">"Test mode: no real money moves here."</p>
        })}
        <header class="top">
            <div class="top-in">
                <a class="brand" href="/">{picture}<span>{house.name}</span></a>
                <nav aria-label="Pages">
                    <a href="/" aria-current=current("/")>"Plans"</a>
                    {signed_in.then(|| view! { <a href="/billing" aria-current=current("/billing")>"Billing"</a> })}
                    {signed_in.then(|| view! { <a href="/company" aria-current=at_company>"Company"</a> })}
                    {signed_in.then(|| view! { <a href="/account" aria-current=current("/account")>"Account"</a> })}
                    {operator.then(|| view! { <a href="/admin" aria-current=at_desk>"Desk"</a> })}
                </nav>
                {person}
                {way_in}
            </div>
        </header>
    }
}

#[component]
fn Person(viewer: login::Viewer) -> impl IntoView {
    let initial = viewer
        .name
        .chars()
        .next()
        .unwrap_or('?')
        .to_uppercase()
        .to_string();
    let face = match viewer.avatar_url {
        Some(src) => {
            view! { <img class="face" src=src alt="" width="28" height="28" /> }.into_any()
        }
        None => view! { <span class="face" aria-hidden="true">{initial}</span> }.into_any(),
    };
    view! {
        <div class="person">
            {face}
            <span class="person-name">{viewer.name}</span>
            <form method="post" action="/logout">
                <button type="submit" class="plain">
                    <Icon mark=Mark::Out />
                    <span>"Sign out"</span>
                </button>
            </form>
        </div>
    }
}

#[component]
pub fn Footer() -> impl IntoView {
    let house = community();
    view! {
        <footer class="foot">
            <ul class="trust">
                <li><strong>"Cancel any time. "</strong>"You keep what you paid for until the period ends."</li>
                <li>
                    <strong>"Paid through Stripe. "</strong>
                    "Card numbers go to Stripe and never reach this site."
                </li>
                <li><strong>{format!("Run by {}. ", house.name)}</strong>"They decide the plans and what each opens."</li>
            </ul>
            <p class="made">"Kept by Rollcall"</p>
        </footer>
    }
}
