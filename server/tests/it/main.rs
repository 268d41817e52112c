//! Integration tests: the real router over HTTP and a real database, beside a sandbox that plays
//! Stripe and Discord. One binary, one module per feature.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod account;
mod admin;
mod billing;
mod bot;
mod brake;
mod changes;
mod checkout;
mod company;
mod discord;
mod doctor;
mod guards;
mod intake;
mod lifecycle;
mod login;
mod mail;
mod missed;
mod passes;
mod plans;
mod promotions;
mod reconcile;
mod roles;
mod seats;
mod secrets;
mod setup;
mod sim;
mod support;
mod sync;
mod tell;
mod webhooks;
