//! Every way a membership can go, end to end: Stripe's state moved in the sandbox, its clock
//! advanced, and then what our rows, the guild's roles and the member's page say.

pub mod support;

mod ending;
mod first_payment;
mod identity;
mod money_back;
mod paused;
mod renewal;
mod several;
mod trial;
mod unreadable;
