//! A page that says one thing: why there is nothing else on it.

use super::{Told, answer, community};
use leptos::prelude::*;
use leptos_meta::Title;

/// `margin` names the part of the house; `back` is a quiet way out beside what is to be done.
#[component]
pub fn Lone(
    told: Told,
    margin: &'static str,
    #[prop(optional_no_strip)] back: Option<(&'static str, &'static str)>,
    /// A button before the others.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    // A redirect that is under way keeps its own status.
    if told.status != 401 {
        answer::status(told.status);
    }
    view! {
        <Title text=format!("{} – {}", told.title.trim_end_matches('.'), community().name) />
        <section class="entry lone">
            <p class="margin">{margin}</p>
            <div class="matter">
                <h1>{told.title}</h1>
                <p class="lede">{told.meaning}</p>
                <p>{told.next}</p>
                <p class="actions">
                    {children.map(|children| children())}
                    {told.action.map(|(label, href)| view! { <a class="button" href=href>{label}</a> })}
                    {back.map(|(label, href)| view! { <a class="button quiet" href=href>{label}</a> })}
                </p>
            </div>
        </section>
    }
}
