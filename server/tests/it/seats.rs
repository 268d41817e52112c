//! Seats of companies: who holds them, who makes way, and that no more are held than paid.

mod access;
mod account;
mod invites;
mod mass;
mod over;
mod plans;
mod races;
