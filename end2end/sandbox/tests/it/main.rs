//! The sandbox as its users see it: over real HTTP, WebSocket and SMTP.

mod shell;
