//! The HTTP, WebSocket and SMTP around the engines.
