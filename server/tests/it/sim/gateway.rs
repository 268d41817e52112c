//! Discord's gateway without its socket: the frames of a connection to the pretend world, given to
//! a process in their order, any time later. Whoever begins anew was told nothing of what was before.

use super::play::{Outcome, Play};
use sandbox::discord::Frame;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use server::bot::{Ears, INTENTS, Told};
use std::collections::VecDeque;
use std::sync::Arc;

/// How the work of writing an event begins.
const EVENT: &str = "gateway";

/// The connection that one process holds.
pub struct Line {
    pub process: u32,
    connection: u64,
    ears: Arc<Ears>,
    heard: VecDeque<Told>,
}

#[derive(Deserialize)]
struct Heard {
    s: Option<u64>,
    t: Option<String>,
    d: Box<RawValue>,
}

impl Play {
    /// A process that works connects, and says who it is.
    pub fn connect(&mut self) {
        let Some(process) = self.processes.iter().find(|process| process.is_ready()) else {
            return;
        };
        if self.line.is_some() {
            return;
        }
        let ears = Arc::new(Ears::new(process.state.clone(), None));
        let (number, now) = (process.number, self.now());
        let connection = {
            let discord = &mut self.stage.world().discord;
            let connection = discord.gateway_open("v=10&encoding=json");
            let who = json!({"op": 2, "d": {
                "token": discord.bot_token(),
                "intents": INTENTS.bits(),
                "properties": {},
            }});
            discord.gateway_receive(connection, now, now, &who.to_string());
            connection
        };
        self.stage
            .tell("gateway", format!("process {number} connects"));
        self.line = Some(Line {
            process: number,
            connection,
            ears,
            heard: VecDeque::new(),
        });
    }

    /// The connection is gone, and with it what was told and not yet written.
    pub fn hang_up(&mut self) {
        let now = self.now();
        if let Some(line) = self.line.take() {
            let discord = &mut self.stage.world().discord;
            discord.gateway_closed(line.connection, Some(1000), now);
            self.stage.tell(
                "gateway",
                format!("the connection of process {} is gone", line.process),
            );
        }
    }

    /// Takes what came in.
    pub fn listen(&mut self) {
        let Some(line) = &mut self.line else { return };
        let frames = self.stage.world().discord.gateway_take(line.connection);
        let mut closed = false;
        for frame in frames {
            match frame {
                Frame::Text(text) => {
                    let heard: Heard = serde_json::from_str(&text).unwrap();
                    if let (Some(seq), Some(name)) = (heard.s, heard.t) {
                        let data = heard.d;
                        line.heard.push_back(Told { seq, name, data });
                    }
                }
                Frame::Close(..) => closed = true,
            }
        }
        if closed {
            self.hang_up();
        }
    }

    /// Whether an event waits for its process, which takes one after the other.
    pub fn event_waits(&self) -> bool {
        let writing = self.tasks.iter().any(|task| task.is(EVENT));
        !writing
            && self
                .line
                .as_ref()
                .is_some_and(|line| !line.heard.is_empty())
    }

    /// Gives the oldest event to its process.
    pub async fn give_event(&mut self) {
        let Some(line) = &mut self.line else { return };
        let Some(told) = line.heard.pop_front() else {
            return;
        };
        let (number, ears) = (line.process, line.ears.clone());
        let what = format!("{EVENT} {} {}", told.seq, told.name);
        let work = async move {
            ears.hear(&told).await;
            Outcome::Done
        };
        self.begin(number, what, None, work).await;
    }
}
