//! Integration tests: the real router over HTTP and a real database, beside a sandbox that plays
//! Stripe and Discord. One binary, one module per feature.

mod billing;
mod checkout;
mod discord;
mod guards;
mod login;
mod plans;
mod roles;
mod support;
mod sync;
mod webhooks;
