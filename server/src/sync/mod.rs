//! Reading the truth from Stripe and making our rows equal to it.

mod backoff;
mod charge;
pub mod charges;
mod checkouts;
mod customer;
mod entitle;
pub mod health;
mod hold;
mod missing;
pub mod passes;
mod payer;
pub mod payers;
mod policy_clock;
pub(crate) mod truth;
pub mod unheard;
mod watch;
mod worker;
mod write;

pub(crate) use write::sooner;

pub use payer::{SyncError, sync_payer};
pub use policy_clock::{follow as follow_policy_clock, once as read_policy_clock};
pub use worker::{drain, run, work_on};
