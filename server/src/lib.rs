//! Rollcall's server: everything that touches the outside.

// The type of a page is the type of everything on it.
#![recursion_limit = "256"]

pub mod account;
pub mod admin;
pub mod audit;
pub mod billing;
pub mod bot;
pub mod changes;
pub mod checkout;
pub mod clock;
pub mod company;
pub mod config;
pub mod db;
pub mod discord;
pub mod doctor;
pub mod guards;
pub mod incidents;
pub mod invites;
pub mod login;
pub mod mail;
pub mod patience;
pub mod pins;
pub mod plans;
pub mod reconcile;
pub mod rng;
pub mod roles;
pub mod router;
pub mod seal;
pub mod seats;
pub mod serve;
pub mod setup;
pub mod state;
pub mod stripe;
pub mod sync;
pub mod telemetry;
pub mod tell;
pub mod webhooks;
pub mod wire;
