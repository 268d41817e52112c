//! A form that wants a word typed before it is sent.

use crate::page::sent_once;
use leptos::prelude::*;

/// Posts `field` with what was typed. With wasm the button says what is going on and a second
/// press sends nothing; without, the form posts all the same and the server decides.
#[island]
pub fn TypedForm(
    action: String,
    /// Hidden fields, by name and value.
    more: Vec<(String, String)>,
    field: String,
    /// What stands above the field.
    ask: String,
    label: String,
    /// What the button says once pressed.
    busy: String,
) -> impl IntoView {
    let (pending, on_submit) = sent_once();
    let more = more
        .into_iter()
        .map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
        .collect_view();
    view! {
        <form class="typed" method="post" action=action on:submit=on_submit>
            {more}
            <label>
                <span>{ask}</span>
                <input
                    name=field
                    required
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                />
            </label>
            <button
                type="submit"
                class="button danger"
                aria-disabled=move || pending.get().then_some("true")
                aria-busy=move || pending.get().then_some("true")
            >
                <span aria-live="polite">
                    {move || if pending.get() { busy.clone() } else { label.clone() }}
                </span>
            </button>
        </form>
    }
}
