//! The pretend mailbox.
#[derive(Debug, Default)]
pub struct Mailbox {}
