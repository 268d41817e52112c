//! A link to be copied.

use leptos::html::Input;
use leptos::prelude::*;
use leptos::wasm_bindgen::prelude::*;

#[wasm_bindgen(wasm_bindgen = leptos::wasm_bindgen)]
extern "C" {
    /// Copies what is selected. Old, everywhere, and it says at once whether it did.
    #[wasm_bindgen(catch, js_namespace = document, js_name = execCommand)]
    fn exec_command(command: &str) -> Result<bool, JsValue>;
}

/// A link that can be read, selected and copied. Without wasm it is selected by hand.
#[island]
pub fn CopyField(
    id: String,
    /// What stands above it.
    label: String,
    value: String,
) -> impl IntoView {
    let field = NodeRef::<Input>::new();
    let copied = RwSignal::new(None);
    let copy = move |_| {
        if let Some(field) = field.get_untracked() {
            field.select();
            copied.set(Some(exec_command("copy").unwrap_or(false)));
        }
    };
    view! {
        <div class="copy">
            <label for=id.clone()>{label}</label>
            <input node_ref=field id=id readonly value=value spellcheck="false" autocomplete="off" />
            <button type="button" class="button needs-script" on:click=copy>
                <span aria-live="polite">
                    {move || match copied.get() {
                        None => "Copy",
                        Some(true) => "Copied",
                        Some(false) => "Selected: copy it now",
                    }}
                </span>
            </button>
        </div>
    }
}
