//! The gateway: connections, the sessions that outlive them, and the events both are told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::Discord;

/// How many times a day a bot may identify.
pub(super) const STARTS_A_DAY: u32 = 1000;
const DAY_MS: i64 = 86_400_000;
/// Events kept for a session that resumes.
const KEPT: usize = 2_000;
/// How long a session without a connection can be resumed.
pub(super) const RESUMABLE_MS: i64 = 180_000;
/// Frames a client may send in a minute.
const FRAMES_A_MINUTE: usize = 120;

/// What an event needs of a session's intents to be told.
pub(super) mod intents {
    pub(in super::super) const NONE: u64 = 0;
    pub(in super::super) const GUILDS: u64 = 1 << 0;
    pub(in super::super) const GUILD_MEMBERS: u64 = 1 << 1;
    pub(in super::super) const GUILD_MODERATION: u64 = 1 << 2;
    pub(in super::super) const GUILD_PRESENCES: u64 = 1 << 8;
    pub(in super::super) const GUILD_MESSAGES: u64 = 1 << 9;
    pub(in super::super) const DIRECT_MESSAGES: u64 = 1 << 12;
    pub(in super::super) const MESSAGE_CONTENT: u64 = 1 << 15;
    /// Bits 0–16, 20, 21, 24 and 25.
    pub(in super::super) const KNOWN: u64 = 0x1_ffff | 0b11 << 20 | 0b11 << 24;
}

pub(super) mod op {
    pub(in super::super) const DISPATCH: u64 = 0;
    pub(in super::super) const HEARTBEAT: u64 = 1;
    pub(in super::super) const IDENTIFY: u64 = 2;
    pub(in super::super) const PRESENCE: u64 = 3;
    pub(in super::super) const VOICE: u64 = 4;
    pub(in super::super) const RESUME: u64 = 6;
    pub(in super::super) const RECONNECT: u64 = 7;
    pub(in super::super) const MEMBERS: u64 = 8;
    pub(in super::super) const INVALID_SESSION: u64 = 9;
    pub(in super::super) const HELLO: u64 = 10;
    pub(in super::super) const ACK: u64 = 11;
}

/// What a connection is to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    Text(String),
    /// Then nothing more. Codes as Discord numbers them, e.g. 4004 for a wrong token.
    Close(u16, &'static str),
}

#[derive(Debug, Default)]
pub(super) struct Connection {
    pub(super) session: Option<String>,
    pub(super) outbox: VecDeque<Frame>,
    pub(super) wake: Arc<Notify>,
    pub(super) received: VecDeque<i64>,
    pub(super) closing: bool,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) intents: u64,
    /// Shard 0 of however many has the server.
    pub(super) has_guild: bool,
    pub(super) sequence: u64,
    pub(super) log: VecDeque<(u64, String)>,
    pub(super) connection: Option<u64>,
    /// Wall time the last connection went.
    pub(super) left_ms: i64,
}

/// All connections and sessions of the bot.
#[derive(Debug)]
pub struct Sessions {
    /// How often clients are told to send a heartbeat.
    pub heartbeat_ms: u64,
    /// Heartbeats so far.
    pub beats: u64,
    /// While true, nobody gets in.
    down: bool,
    /// Whoever identifies is sent away with it.
    pub(super) refusing: Option<u16>,
    next: u64,
    pub(super) connections: BTreeMap<u64, Connection>,
    pub(super) known: BTreeMap<String, Session>,
    pub(super) starts: VecDeque<i64>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            heartbeat_ms: 41_250,
            beats: 0,
            down: false,
            refusing: None,
            next: 0,
            connections: BTreeMap::new(),
            known: BTreeMap::new(),
            starts: VecDeque::new(),
        }
    }
}

impl Sessions {
    /// Identifies left today, and milliseconds until one comes back.
    pub(super) fn starts_left(&mut self, wall_ms: i64) -> (u32, i64) {
        while self
            .starts
            .front()
            .is_some_and(|at| *at <= wall_ms - DAY_MS)
        {
            self.starts.pop_front();
        }
        let used = u32::try_from(self.starts.len()).unwrap_or(u32::MAX);
        let reset = self.starts.front().map_or(0, |at| at + DAY_MS - wall_ms);
        (STARTS_A_DAY.saturating_sub(used), reset)
    }

    /// Connections that identified or resumed.
    #[must_use]
    pub fn live(&self) -> usize {
        self.known
            .values()
            .filter(|session| session.connection.is_some())
            .count()
    }

    pub(super) fn push(&mut self, connection: u64, frame: Frame) {
        if let Some(connection) = self.connections.get_mut(&connection)
            && !connection.closing
        {
            connection.closing = matches!(frame, Frame::Close(..));
            connection.outbox.push_back(frame);
            connection.wake.notify_one();
        }
    }

    pub(super) fn send(&mut self, connection: u64, op: u64, data: &Value) {
        let text = json!({"op": op, "d": data, "s": null, "t": null}).to_string();
        self.push(connection, Frame::Text(text));
    }

    /// Numbers an event for one session, keeps it, and sends it when somebody listens.
    pub(super) fn tell(&mut self, id: &str, name: &str, data: &Value) {
        let Some(session) = self.known.get_mut(id) else {
            return;
        };
        session.sequence += 1;
        let text = json!({"op": op::DISPATCH, "d": data, "s": session.sequence, "t": name});
        let text = text.to_string();
        if session.log.len() == KEPT {
            session.log.pop_front();
        }
        session.log.push_back((session.sequence, text.clone()));
        if let Some(connection) = session.connection {
            self.push(connection, Frame::Text(text));
        }
    }

    /// Tells every session that has the server and one of the intents; 0 needs none.
    fn dispatch(&mut self, need: u64, name: &str, data: &Value) {
        let to: Vec<String> = self
            .known
            .iter()
            .filter(|(_, session)| session.has_guild && (need == 0 || session.intents & need != 0))
            .map(|(id, _)| id.clone())
            .collect();
        for id in to {
            self.tell(&id, name, data);
        }
    }

    /// No session can be resumed any more.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        for connection in self.connections.values_mut() {
            connection.session = None;
        }
    }

    fn close_all(&mut self, frame: &Frame) {
        let all: Vec<u64> = self.connections.keys().copied().collect();
        for connection in all {
            self.push(connection, frame.clone());
        }
    }
}

impl Discord {
    /// Tells the gateway, while the bot is in the server.
    pub(super) fn emit(&mut self, need: u64, name: &str, data: &Value) {
        if self.bot_member().is_some() {
            self.sessions.dispatch(need, name, data);
        }
    }

    /// A client connected, with this query (`v=10&encoding=json`). Answers its number.
    pub fn gateway_open(&mut self, query: &str) -> u64 {
        self.sessions.next += 1;
        let id = self.sessions.next;
        self.sessions.connections.insert(id, Connection::default());
        let fields = super::oauth::Fields(super::routes::pairs(query.as_bytes()));
        let version = fields.get("v").unwrap_or("10");
        if self.sessions.down {
            self.sessions.push(id, Frame::Close(1001, "Going away"));
        } else if !matches!(version, "6" | "7" | "8" | "9" | "10") {
            self.sessions
                .push(id, Frame::Close(4012, "Invalid API version"));
        } else if fields.get("encoding").unwrap_or("json") != "json" {
            self.sessions.push(id, Frame::Close(4002, "Decode error"));
        } else {
            let interval = self.sessions.heartbeat_ms;
            self.sessions
                .send(id, op::HELLO, &json!({"heartbeat_interval": interval}));
        }
        id
    }

    /// Wakes whoever serves that connection when there is something to take.
    #[must_use]
    pub fn gateway_wake(&self, connection: u64) -> Option<Arc<Notify>> {
        self.sessions
            .connections
            .get(&connection)
            .map(|connection| Arc::clone(&connection.wake))
    }

    /// What is to be sent, in order.
    pub fn gateway_take(&mut self, connection: u64) -> Vec<Frame> {
        self.sessions
            .connections
            .get_mut(&connection)
            .map(|connection| connection.outbox.drain(..).collect())
            .unwrap_or_default()
    }

    /// The connection went, with the client's close code where it said one: 1000 and 1001 end the
    /// session too.
    pub fn gateway_closed(&mut self, connection: u64, code: Option<u16>, wall_ms: i64) {
        let Some(gone) = self.sessions.connections.remove(&connection) else {
            return;
        };
        let Some(id) = gone.session else { return };
        if matches!(code, Some(1000 | 1001)) {
            self.sessions.known.remove(&id);
        } else if let Some(session) = self.sessions.known.get_mut(&id)
            && session.connection == Some(connection)
        {
            session.connection = None;
            session.left_ms = wall_ms;
        }
    }

    /// The client missed its heartbeats.
    pub fn gateway_timed_out(&mut self, connection: u64) {
        self.sessions
            .push(connection, Frame::Close(4009, "Session timed out"));
    }

    /// One frame of the client.
    pub fn gateway_receive(&mut self, connection: u64, now_ms: i64, wall_ms: i64, text: &str) {
        let Some(known) = self.sessions.connections.get_mut(&connection) else {
            return;
        };
        known.received.push_back(wall_ms);
        while known
            .received
            .front()
            .is_some_and(|at| *at <= wall_ms - 60_000)
        {
            known.received.pop_front();
        }
        if known.received.len() > FRAMES_A_MINUTE {
            self.sessions
                .push(connection, Frame::Close(4008, "Rate limited"));
            return;
        }
        let session = known.session.clone();
        let payload: Value = match serde_json::from_str(text) {
            Ok(payload @ Value::Object(_)) if text.len() <= 4096 => payload,
            _ => {
                self.sessions
                    .push(connection, Frame::Close(4002, "Decode error"));
                return;
            }
        };
        let data = &payload["d"];
        match (payload["op"].as_u64(), session) {
            (Some(op::HEARTBEAT), _) => {
                self.sessions.beats += 1;
                self.sessions.send(connection, op::ACK, &Value::Null);
            }
            (Some(op::IDENTIFY | op::RESUME), Some(_)) => self
                .sessions
                .push(connection, Frame::Close(4005, "Already authenticated")),
            (Some(op::IDENTIFY), None) => self.identify(connection, now_ms, wall_ms, data),
            (Some(op::RESUME), None) => self.resume(connection, wall_ms, data),
            (Some(op::PRESENCE | op::VOICE), Some(_)) => {}
            (Some(op::MEMBERS), Some(session)) => self.send_members(&session, data),
            (Some(op::PRESENCE | op::VOICE | op::MEMBERS), None) => self
                .sessions
                .push(connection, Frame::Close(4003, "Not authenticated")),
            _ => self
                .sessions
                .push(connection, Frame::Close(4001, "Unknown opcode")),
        }
    }

    /// Asks every client to reconnect and resume (op 7).
    pub fn gateway_reconnect(&mut self) {
        let all: Vec<u64> = self.sessions.connections.keys().copied().collect();
        for connection in all {
            self.sessions.send(connection, op::RECONNECT, &Value::Null);
        }
    }

    /// Declares every session invalid (op 9); those not resumable are forgotten.
    pub fn gateway_invalidate(&mut self, resumable: bool) {
        let all: Vec<u64> = self
            .sessions
            .known
            .values()
            .filter_map(|session| session.connection)
            .collect();
        if !resumable {
            self.sessions.forget();
        }
        for connection in all {
            self.sessions
                .send(connection, op::INVALID_SESSION, &resumable.into());
        }
    }

    /// Cuts every connection with that close code.
    pub fn gateway_drop(&mut self, code: u16) {
        self.sessions.close_all(&Frame::Close(code, ""));
    }

    /// From now on whoever identifies is sent away with that close code, e.g. 4012 as on the day
    /// the protocol's version is retired; `None` ends it.
    pub fn gateway_refuse(&mut self, code: Option<u16>) {
        self.sessions.refusing = code;
    }

    /// Down, the gateway cuts all connections and lets nobody in. Events go on being kept for
    /// sessions that resume.
    pub fn gateway_down(&mut self, down: bool) {
        self.sessions.down = down;
        if down {
            self.sessions
                .close_all(&Frame::Close(4000, "Unknown error"));
        }
    }
}
