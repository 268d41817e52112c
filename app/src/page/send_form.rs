//! A form that posts one thing, once.

use leptos::{ev, prelude::*};

/// Whether a form is being sent, and what it does when it is: a second press sends nothing.
pub(crate) fn sent_once() -> (RwSignal<bool>, impl Fn(ev::SubmitEvent) + 'static) {
    let pending = RwSignal::new(false);
    Effect::new(move |_| {
        // A page that comes back from the browser's page cache is not sending any more.
        let shown = window_event_listener_untyped("pageshow", move |_| pending.set(false));
        on_cleanup(move || shown.remove());
    });
    let on_submit = move |event: ev::SubmitEvent| {
        if pending.get_untracked() {
            event.prevent_default();
        } else {
            pending.set(true);
        }
    };
    (pending, on_submit)
}

/// A plain form with one button and hidden fields. With wasm the button says what
/// is going on and a second press sends nothing; without, the form posts all the same and the
/// server answers a second post as the first.
#[island]
pub fn SendForm(
    /// Where the form posts.
    action: String,
    /// Name of the hidden field; empty for none.
    name: String,
    value: String,
    /// Further hidden fields, by name and value.
    more: Vec<(String, String)>,
    label: String,
    /// What the button says once pressed: "Taking you to Stripe…".
    busy: String,
    /// Classes of the button beside `button`.
    class: String,
) -> impl IntoView {
    let (pending, on_submit) = sent_once();
    let hidden =
        (!name.is_empty()).then(|| view! { <input type="hidden" name=name value=value /> });
    let more = more
        .into_iter()
        .map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
        .collect_view();
    let classes = ["button".to_owned(), class].join(" ");
    view! {
        <form class="send" method="post" action=action on:submit=on_submit>
            {hidden}
            {more}
            <button
                type="submit"
                class=classes
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
