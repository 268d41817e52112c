//! The gateway's WebSocket: frames in and out of [`super::Discord`], woken, never polled.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use tokio::time::Instant;

use super::Frame;
use crate::World;
use crate::clock::Clock;

/// Serves one client until it goes or is sent away. `query` is that of the upgrade request,
/// e.g. `v=10&encoding=json`. Text frames of JSON; no compression.
pub async fn serve(mut socket: WebSocket, query: String, world: Arc<Mutex<World>>) {
    let (connection, wake, patience) = {
        let mut world = lock(&world);
        let connection = world.discord.gateway_open(&query);
        let beat = Duration::from_millis(world.discord.sessions.heartbeat_ms);
        let wake = world.discord.gateway_wake(connection).unwrap_or_default();
        (connection, wake, beat + beat / 2 + Duration::from_secs(1))
    };
    let mut deadline = Instant::now() + patience;
    let code = loop {
        let frames = lock(&world).discord.gateway_take(connection);
        if let Some(end) = send(&mut socket, frames).await {
            break end;
        }
        tokio::select! {
            () = wake.notified() => {}
            () = tokio::time::sleep_until(deadline) => {
                lock(&world).discord.gateway_timed_out(connection);
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    deadline = Instant::now() + patience;
                    receive(&world, connection, text.as_str());
                }
                Some(Ok(Message::Binary(bytes))) => {
                    deadline = Instant::now() + patience;
                    receive(&world, connection, std::str::from_utf8(&bytes).unwrap_or(""));
                }
                Some(Ok(Message::Close(frame))) => break frame.map(|frame| frame.code),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Err(_)) | None => break None,
            },
        }
    };
    lock(&world)
        .discord
        .gateway_closed(connection, code, Clock::wall_ms());
}

/// `Some` when the connection is at its end: by a failure, or by our own closing, which leaves
/// the session resumable.
async fn send(socket: &mut WebSocket, frames: Vec<Frame>) -> Option<Option<u16>> {
    for frame in frames {
        let (message, last) = match frame {
            Frame::Text(text) => (Message::Text(text.into()), false),
            Frame::Close(code, reason) => (
                Message::Close(Some(CloseFrame {
                    code,
                    reason: reason.into(),
                })),
                true,
            ),
        };
        if socket.send(message).await.is_err() || last {
            return Some(None);
        }
    }
    None
}

fn receive(world: &Mutex<World>, connection: u64, text: &str) {
    let mut world = lock(world);
    let now_ms = world.clock.now_ms();
    world
        .discord
        .gateway_receive(connection, now_ms, Clock::wall_ms(), text);
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}
