//! The button of a plain form.

use leptos::prelude::*;

/// Says `busy` once pressed, where the page has [`super::BusyForms`].
#[component]
pub fn Press(
    #[prop(into)] label: String,
    busy: &'static str,
    /// Classes beside `button`.
    #[prop(default = "")]
    class: &'static str,
    /// Which one, for those who do not see the line it stands in.
    #[prop(optional, into)]
    about: String,
    /// Where it posts, if not where its form does.
    #[prop(optional)]
    to: Option<&'static str>,
) -> impl IntoView {
    let classes = ["button", class].join(" ");
    let about = (!about.is_empty()).then(|| view! { <span class="unseen">" "{about}</span> });
    view! {
        <button type="submit" class=classes data-busy=busy formaction=to>
            <span class="label" aria-live="polite">{label}</span>
            {about}
        </button>
    }
}

/// Hidden fields of a form.
#[must_use]
pub fn hidden<const N: usize>(fields: [(&'static str, String); N]) -> impl IntoView {
    fields
        .map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
        .into_iter()
        .collect_view()
}
