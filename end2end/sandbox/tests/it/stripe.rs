//! The pretend Stripe, asked through its own protocol.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::similar_names, reason = "a play has plans")]

mod catalogue;
mod changes;
mod checkout;
mod debits;
mod events;
mod histories;
mod portal;
mod protocol;
mod renewals;
mod resume;
mod shapes;
mod world;
