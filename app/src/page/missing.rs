//! An address that leads nowhere.

use super::{answer, community};
use leptos::prelude::*;
use leptos_meta::Title;

#[component]
pub fn NotFound() -> impl IntoView {
    answer::status(404);
    view! {
        <Title text=format!("Not found – {}", community().name) />
        <section class="entry lone">
            <p class="margin">"404"</p>
            <div class="matter">
                <h1>"There is no page at this address."</h1>
                <p class="lede">
                    "Your membership and your money are not affected. The link may be old, or a letter of it is missing."
                </p>
                <p class="actions">
                    <a class="button" href="/">"See the plans"</a>
                    <a class="button quiet" href="/billing">"Go to your billing"</a>
                </p>
            </div>
        </section>
    }
}
