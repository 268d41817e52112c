//! The sandbox: its engines asked directly, and as its users see it over HTTP, WebSocket and SMTP.

mod discord;
mod shell;
mod stripe;
