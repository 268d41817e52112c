//! A look at everybody: what Discord has against what our rows say, found and then healed.

mod compare;
mod sweep;

pub use sweep::{SWEEP, soon, sync_sweep};
