//! Changes of a membership: another plan, an end taken back, a pause.

mod planned;
mod settle;

pub use planned::{Planned, keep as keep_planned};
pub use settle::settle;
