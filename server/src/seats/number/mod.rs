//! Another number of seats: what it would cost, and doing it.
//!
//! More are paid before they count. Fewer are held back first: the pool's ceiling and the intent are
//! written together under the pool's lock, and only then is Stripe asked, so that no seat is filled
//! that is about to be paid no more. What an unanswered request did is found out by reading.

mod confirm;
mod preview;
mod seen;
mod subject;

pub use confirm::confirm;
pub use preview::preview;

use crate::state::AppState;

/// The number a sealed preview was about.
pub fn seen(state: &AppState, user_id: &str, company_id: &str, sealed: &str) -> Option<i64> {
    seen::open(state, user_id, company_id, sealed).map(|seen| seen.to)
}
