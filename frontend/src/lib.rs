//! The wasm entry. Pages are the server's; only islands wake here.

// Linked for the islands it exports by name.
use app as _;
use wasm_bindgen::prelude::wasm_bindgen;

/// Readies the islands; the page's script then wakes each by its name.
#[wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_islands();
}
