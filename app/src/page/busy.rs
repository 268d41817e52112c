//! Plain forms that say when they are being sent, and are sent once.

use leptos::ev;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::{Element, SubmitEvent};

/// Marks a form that is being sent.
const SENT: &str = "data-sent";
/// What its button says meanwhile. Forms whose button has none are left alone.
const BUSY: &str = "data-busy";
/// What it said before.
const LABEL: &str = "data-label";

/// Stands once on a page of plain forms: with wasm the button that was pressed says what is going
/// on, and a second press sends nothing; without, forms post all the same and the server answers a
/// second post as it finds things.
#[island]
pub fn BusyForms() -> impl IntoView {
    Effect::new(move |_| {
        let sent = window_event_listener(ev::submit, |event| sending(&event));
        // A page that comes back from the browser's page cache is not sending any more.
        let shown = window_event_listener_untyped("pageshow", |_| settled());
        on_cleanup(move || {
            sent.remove();
            shown.remove();
        });
    });
    view! { <span hidden></span> }
}

fn sending(event: &SubmitEvent) {
    let form = event.target().and_then(|it| it.dyn_into::<Element>().ok());
    let (Some(form), Some(button)) = (form, event.submitter()) else {
        return;
    };
    let Some(busy) = button.get_attribute(BUSY) else {
        return;
    };
    if form.has_attribute(SENT) {
        event.prevent_default();
        return;
    }
    mark(&form, SENT, "");
    mark(&button, "aria-busy", "true");
    mark(&button, "aria-disabled", "true");
    if let Ok(Some(label)) = button.query_selector(".label") {
        mark(&button, LABEL, &label.text_content().unwrap_or_default());
        label.set_text_content(Some(&busy));
    }
}

fn settled() {
    while let Ok(Some(form)) = document().query_selector("form[data-sent]") {
        forget(&form, SENT);
        while let Ok(Some(button)) = form.query_selector("[data-busy][aria-busy]") {
            forget(&button, "aria-busy");
            forget(&button, "aria-disabled");
            if let (Ok(Some(label)), Some(text)) =
                (button.query_selector(".label"), button.get_attribute(LABEL))
            {
                label.set_text_content(Some(&text));
            }
        }
    }
}

/// A name that no attribute can have is refused by the browser; these can.
fn mark(element: &Element, name: &str, value: &str) {
    let _ = element.set_attribute(name, value);
}

fn forget(element: &Element, name: &str) {
    let _ = element.remove_attribute(name);
}
