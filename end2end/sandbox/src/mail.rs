//! The pretend mailbox: takes every message, keeps it, shows it.

mod parse;

use serde_json::{Value, json};

/// One message as it was handed over.
#[derive(Clone, Debug)]
pub struct Message {
    /// Counts from 1 in the order of arrival.
    pub id: u64,
    /// UTC epoch milliseconds of the movable clock.
    pub at_ms: i64,
    /// The envelope's sender.
    pub sender: String,
    /// The envelope's recipients.
    pub recipients: Vec<String>,
    /// The headers as they read, decoded.
    pub from: String,
    pub to: String,
    pub subject: String,
    /// The first part of each kind; empty when there is none.
    pub text: String,
    pub html: String,
    pub headers: Vec<(String, String)>,
    pub raw: Vec<u8>,
}

impl Message {
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "at_ms": self.at_ms,
            "sender": self.sender,
            "recipients": self.recipients,
            "from": self.from,
            "to": self.to,
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "headers": self.headers.iter().map(|(name, value)| json!({"name": name, "value": value})).collect::<Value>(),
        })
    }
}

/// Every message taken, and whom to refuse.
#[derive(Debug, Default)]
pub struct Mailbox {
    messages: Vec<Message>,
    refused: Vec<String>,
    down: bool,
    unheard: u32,
    taken: u64,
}

impl Mailbox {
    /// Takes a message of RFC 5322 from the envelope's sender for its recipients.
    pub fn receive(&mut self, now_ms: i64, sender: &str, recipients: &[String], raw: &[u8]) -> u64 {
        let parsed = parse::message(raw);
        let header = |name: &str| parsed.header(name).unwrap_or_default().to_owned();
        self.taken += 1;
        self.messages.push(Message {
            id: self.taken,
            at_ms: now_ms,
            sender: sender.to_owned(),
            recipients: recipients.to_vec(),
            from: header("from"),
            to: header("to"),
            subject: header("subject"),
            text: parsed.text,
            html: parsed.html,
            headers: parsed.headers,
            raw: raw.to_vec(),
        });
        self.taken
    }

    /// Oldest first.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    #[must_use]
    pub fn message(&self, id: u64) -> Option<&Message> {
        self.messages.iter().find(|message| message.id == id)
    }

    /// Forgets every message; numbers go on.
    pub fn clear(&mut self) {
        self.messages.clear();
    }

    /// From now on a recipient whose address contains `part` is refused with 550.
    pub fn refuse(&mut self, part: &str) {
        self.refused.push(part.to_ascii_lowercase());
    }

    /// From now on nobody is talked to: 421 and the end of the connection.
    pub fn go_down(&mut self) {
        self.down = true;
    }

    #[must_use]
    pub fn is_down(&self) -> bool {
        self.down
    }

    /// The connection breaks after the next `count` messages are taken, before that is said.
    pub fn break_off_after(&mut self, count: u32) {
        self.unheard = count;
    }

    /// Whether the answer to the message just taken is lost.
    pub(crate) fn breaks_off(&mut self) -> bool {
        let lost = self.unheard > 0;
        self.unheard = self.unheard.saturating_sub(1);
        lost
    }

    /// Takes mail again, for everybody.
    pub fn without_faults(&mut self) {
        self.refused.clear();
        self.down = false;
        self.unheard = 0;
    }

    #[must_use]
    pub fn refuses(&self, address: &str) -> bool {
        let address = address.to_ascii_lowercase();
        self.refused
            .iter()
            .any(|part| address.contains(part.as_str()))
    }

    #[must_use]
    pub fn refused(&self) -> &[String] {
        &self.refused
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        self.messages.iter().map(Message::to_json).collect()
    }
}
