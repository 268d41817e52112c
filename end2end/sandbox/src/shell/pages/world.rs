//! The pretend world at a glance.

use super::html::document;
use crate::World;

pub(super) fn page(_world: &mut World) -> String {
    document("World", "<main><h1>The pretend world</h1></main>")
}
