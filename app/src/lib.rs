//! Pages, shared types, pure rules and server functions. Compiles natively and to wasm.
//!
//! Each feature has a port: an async trait the server implements and hands over by context.

// The type of a page is the type of everything on it.
#![recursion_limit = "256"]

pub mod access;
pub mod account;
pub mod admin;
pub mod billing;
pub mod changes;
pub mod checkout;
pub mod company;
pub mod invites;
pub mod login;
pub mod mail;
pub mod money;
pub mod page;
pub mod plans;
pub mod seats;
pub mod stripe;

#[cfg(feature = "ssr")]
pub use page::{App, shell};
