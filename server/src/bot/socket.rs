//! One connection to the gateway, from its greeting to its end.

use super::INTENTS;
use super::events::Told;
use crate::state::AppState;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long connecting, the greeting and being let in may take.
const LET_IN: Duration = Duration::from_secs(20);

/// The close code of a client that comes back.
const GOING_ON: u16 = 4000;
const BYE: Duration = Duration::from_secs(1);

/// What can be gone on with after a cut.
#[derive(Clone, Debug)]
pub struct Session {
    id: String,
    /// Where Discord wants it resumed.
    url: String,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this close code, where there was one.
    Closed(Option<u16>),
    /// Discord asked for a new connection.
    Reconnect,
    /// Discord does not know the session, or will know it again in a moment.
    Invalid { resumable: bool },
    /// No answer to a heartbeat, or none to anything for too long.
    Silent,
    /// No connection came about.
    Unreachable,
}

/// What connections share.
pub struct Line<'a> {
    pub state: &'a AppState,
    /// Where events go, in their order.
    pub tell: &'a UnboundedSender<Told>,
    /// The newest event whose marks are written. What came after it is asked for again.
    pub written: &'a AtomicU64,
}

#[derive(Deserialize)]
struct Frame<'a> {
    op: u64,
    #[serde(borrow)]
    d: Option<&'a RawValue>,
    s: Option<u64>,
    t: Option<&'a str>,
}

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects to `url`, resumes or identifies, and listens until the end. Answers it, and whether
/// the bot was let in.
pub async fn listen(line: &Line<'_>, url: &str, session: &mut Option<Session>) -> (Ended, bool) {
    let from = session.as_ref().map_or(url, |session| &session.url);
    let address = format!("{}/?v=10&encoding=json", from.trim_end_matches('/'));
    let socket = match tokio::time::timeout(LET_IN, connect_async(address)).await {
        Ok(Ok((socket, _))) => socket,
        Ok(Err(error)) => {
            tracing::warn!(error = %error, "Discord's gateway cannot be reached");
            return (Ended::Unreachable, false);
        }
        Err(_) => return (Ended::Unreachable, false),
    };
    let (out, incoming) = socket.split();
    let mut open = Open {
        line,
        out,
        incoming,
        session,
        now: line.state.clock.instant(),
        every: None,
        beat_at: None,
        acknowledged: true,
        heard: None,
        let_in: false,
    };
    let ended = open.until_the_end().await;
    let let_in = open.let_in;
    // Not 1000 or 1001: after those Discord forgets the session.
    let code = CloseFrame {
        code: GOING_ON.into(),
        reason: "".into(),
    };
    let bye = open.out.send(Message::Close(Some(code)));
    let _ = tokio::time::timeout(BYE, bye).await;
    (ended, let_in)
}

struct Open<'a> {
    line: &'a Line<'a>,
    out: SplitSink<Stream, Message>,
    incoming: SplitStream<Stream>,
    session: &'a mut Option<Session>,
    /// When it began.
    now: Instant,
    every: Option<Duration>,
    beat_at: Option<Instant>,
    acknowledged: bool,
    /// The newest event's number.
    heard: Option<u64>,
    let_in: bool,
}

impl Open<'_> {
    async fn until_the_end(&mut self) -> Ended {
        loop {
            let deadline = match self.beat_at {
                Some(at) if self.let_in => at,
                Some(at) => at.min(self.now + LET_IN),
                None => self.now + LET_IN,
            };
            let message = tokio::select! {
                message = self.incoming.next() => message,
                () = tokio::time::sleep_until(deadline) => {
                    if let Err(ended) = self.is_due().await {
                        return ended;
                    }
                    continue;
                }
            };
            let text = match message {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(frame))) => {
                    return Ended::Closed(frame.map(|frame| frame.code.into()));
                }
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return Ended::Closed(None),
            };
            // The text itself is in no log: it names people.
            let Ok(frame) = serde_json::from_str::<Frame>(&text) else {
                tracing::warn!("a frame of the gateway could not be read");
                continue;
            };
            if let Err(ended) = self.take(&frame).await {
                return ended;
            }
        }
    }

    /// A heartbeat is due, or the patience with somebody who does not let us in is over.
    async fn is_due(&mut self) -> Result<(), Ended> {
        let now = self.line.state.clock.instant();
        if !self.let_in && now >= self.now + LET_IN {
            return Err(Ended::Silent);
        }
        if !self.acknowledged {
            tracing::warn!("Discord's gateway does not answer heartbeats");
            return Err(Ended::Silent);
        }
        self.beat().await?;
        self.acknowledged = false;
        self.beat_at = self.every.map(|every| now + every);
        Ok(())
    }

    async fn take(&mut self, frame: &Frame<'_>) -> Result<(), Ended> {
        match frame.op {
            0 => self.told(frame),
            1 => self.beat().await,
            7 => Err(Ended::Reconnect),
            9 => Err(Ended::Invalid {
                resumable: frame.d.is_some_and(|d| d.get() == "true"),
            }),
            10 => self.greeted(frame).await,
            11 => {
                self.acknowledged = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn told(&mut self, frame: &Frame<'_>) -> Result<(), Ended> {
        let (Some(seq), Some(name), Some(data)) = (frame.s, frame.t, frame.d) else {
            return Ok(());
        };
        self.heard = Some(seq);
        if name == "READY" {
            #[derive(Deserialize)]
            struct Ready {
                session_id: String,
                resume_gateway_url: Option<String>,
            }
            if let Ok(ready) = serde_json::from_str::<Ready>(data.get()) {
                let asked = &self.line.state.config.discord.api_base;
                *self.session = ready
                    .resume_gateway_url
                    .filter(|url| asked.scheme() != "https" || url.starts_with("wss://"))
                    .map(|url| Session {
                        id: ready.session_id,
                        url,
                    });
            }
            // What an older session still had to write is part of the full look that follows.
            self.line.written.store(0, Ordering::Relaxed);
        }
        self.let_in |= matches!(name, "READY" | "RESUMED");
        let told = Told {
            seq,
            name: name.to_owned(),
            data: data.to_owned(),
        };
        self.line.tell.send(told).map_err(|_| Ended::Closed(None))
    }

    async fn greeted(&mut self, frame: &Frame<'_>) -> Result<(), Ended> {
        #[derive(Deserialize)]
        struct Hello {
            heartbeat_interval: u64,
        }
        let hello: Hello = frame
            .d
            .and_then(|d| serde_json::from_str(d.get()).ok())
            .ok_or(Ended::Silent)?;
        let state = self.line.state;
        let ms = hello.heartbeat_interval.max(1);
        self.every = Some(Duration::from_millis(ms));
        // The first comes at random within the interval, so that not everybody's do at once.
        let first = state
            .rng
            .below(i64::try_from(ms).unwrap_or(i64::MAX))
            .unsigned_abs();
        self.beat_at = Some(state.clock.instant() + Duration::from_millis(first));
        let token = state.config.discord.bot_token.expose_secret();
        let said = match &*self.session {
            Some(session) => json!({"op": 6, "d": {
                "token": token,
                "session_id": session.id,
                "seq": self.line.written.load(Ordering::Relaxed),
            }}),
            None => json!({"op": 2, "d": {
                "token": token,
                "intents": INTENTS.bits(),
                "shard": [0, 1],
                "properties": {"os": std::env::consts::OS, "browser": "rollcall", "device": "rollcall"},
            }}),
        };
        self.say(&said).await
    }

    async fn beat(&mut self) -> Result<(), Ended> {
        let beat = json!({"op": 1, "d": self.heard});
        self.say(&beat).await
    }

    async fn say(&mut self, what: &Value) -> Result<(), Ended> {
        self.out
            .send(Message::text(what.to_string()))
            .await
            .map_err(|_| Ended::Closed(None))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    /// TLS has what it needs to begin: without a provider of cryptography it would panic.
    #[tokio::test]
    async fn tls_is_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let peer = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.write_all(b"HTTP/1.1 400 No\r\n\r\n").await.unwrap();
        };
        let address = format!("wss://{address}/");
        let (answer, ()) = tokio::join!(tokio_tungstenite::connect_async(address), peer);
        let error = answer.unwrap_err().to_string();
        assert!(
            error.to_lowercase().contains("tls") || error.contains("corrupt"),
            "{error}"
        );
    }
}
