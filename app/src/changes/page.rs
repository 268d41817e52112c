//! `/billing/change` and `/billing/cancel`: who may see them, and why not.

use super::{ChangeError, ChangesPort, choose::Choose, confirm::Confirm, leave::Leave};
use crate::login;
use crate::page::{Lone, Notice, Told, Tone, answer, community};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use std::sync::Arc;

/// The plans one could go to, or, with `?to=`, what going to that price would mean.
#[component]
pub fn Change() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let to = query.get("to").filter(|to| !to.is_empty());
    let here = match &to {
        Some(to) => format!("/billing/change?to={}", answer::query_value(to)),
        None => "/billing/change".to_owned(),
    };
    let Some((user_id, port)) = guarded(&here) else {
        return refused(ChangeError::NotSignedIn);
    };
    let problem = query.get_str("change").and_then(ChangeError::from_slug);
    Suspend::new(async move {
        let Some(port) = port else {
            return refused(ChangeError::Unavailable);
        };
        let shown = match to {
            Some(to) => port
                .preview(&user_id, &to)
                .await
                .map(|preview| view! { <Confirm preview /> }.into_any()),
            None => port
                .choices(&user_id)
                .await
                .map(|choices| view! { <Choose choices /> }.into_any()),
        };
        page(shown, problem, "Change your plan")
    })
    .into_any()
}

/// Whoever is about to leave.
#[component]
pub fn Cancel() -> impl IntoView {
    let Some((user_id, port)) = guarded("/billing/cancel") else {
        return refused(ChangeError::NotSignedIn);
    };
    let problem = use_query_map()
        .get_untracked()
        .get_str("change")
        .and_then(ChangeError::from_slug);
    Suspend::new(async move {
        let Some(port) = port else {
            return refused(ChangeError::Unavailable);
        };
        let shown = port
            .leaving(&user_id)
            .await
            .map(|leaving| view! { <Leave leaving /> }.into_any());
        page(shown, problem, "Leave")
    })
    .into_any()
}

/// Nobody signed in is led to sign-in, and back to the same address.
fn guarded(here: &str) -> Option<(String, Option<Arc<dyn ChangesPort>>)> {
    let viewer = login::viewer();
    if viewer.is_none() {
        answer::see_other(&format!("/login?next={}", answer::query_value(here)));
    }
    viewer.map(|viewer| (viewer.user_id, use_context()))
}

fn page(shown: Result<AnyView, ChangeError>, problem: Option<ChangeError>, title: &str) -> AnyView {
    match shown {
        Ok(shown) => view! {
            <Title text=format!("{title} – {}", community().name) />
            {problem.map(|problem| view! { <Trouble problem /> })}
            {shown}
        }
        .into_any(),
        Err(error) => refused(error),
    }
}

/// A problem above a page that shows all the same.
#[component]
pub fn Trouble(problem: ChangeError) -> impl IntoView {
    let told = problem.told();
    let text = format!("{} {}", told.meaning, told.next);
    view! { <Notice tone=Tone::Attention title=told.title text=text urgent=true /> }
}

fn refused(error: ChangeError) -> AnyView {
    let told: Told = error.told();
    let own = told.action.is_some_and(|(_, href)| href == "/billing");
    let back = (!own).then_some(("Back to your billing", "/billing"));
    view! { <Lone told margin="Billing" back /> }.into_any()
}
