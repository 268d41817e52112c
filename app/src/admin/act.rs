//! A button of the desk: a form with some hidden fields, sent once.

use crate::page::sent_once;
use leptos::prelude::*;

/// A plain form with one button. With wasm the button says what is going on and a second press
/// sends nothing; without, the form posts all the same and the server answers a second post as
/// it finds things.
#[island]
pub fn ActForm(
    /// Where the form posts.
    action: String,
    /// Names and values of the hidden fields.
    fields: Vec<(String, String)>,
    label: String,
    /// What the button says once pressed: "Replaying…".
    busy: String,
    /// Which one, for those who do not see the line the button stands in.
    about: String,
    /// Classes of the button beside `button small`.
    class: String,
) -> impl IntoView {
    let (pending, on_submit) = sent_once();
    let fields = fields
        .into_iter()
        .map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
        .collect_view();
    let classes = ["button small".to_owned(), class].join(" ");
    view! {
        <form class="act" method="post" action=action on:submit=on_submit>
            {fields}
            <button
                type="submit"
                class=classes
                aria-disabled=move || pending.get().then_some("true")
                aria-busy=move || pending.get().then_some("true")
            >
                {move || if pending.get() { busy.clone() } else { label.clone() }}
                <span class="unseen">" " {about}</span>
            </button>
        </form>
    }
}
