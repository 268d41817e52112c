//! The gateway over a real WebSocket, spoken by hand (RFC 6455).

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{RawQuery, WebSocketUpgrade};
use axum::routing::any;
use sandbox::World;
use sandbox::clock::Clock;
use sandbox::discord::{PERSON_ADA, ROLE_MEMBER, gateway_socket};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const TEXT: u8 = 1;
const CLOSE: u8 = 8;

struct Client(TcpStream);

impl Client {
    async fn connect(address: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /?v=10&encoding=json HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"));
        Self(stream)
    }

    async fn send(&mut self, frame: &Value) {
        let payload = frame.to_string().into_bytes();
        let length = u16::try_from(payload.len()).unwrap();
        // A mask of zeros is a mask.
        let mut bytes = vec![0x80 | TEXT, 0x80 | 0x7e];
        bytes.extend(length.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload);
        self.0.write_all(&bytes).await.unwrap();
    }

    async fn frame(&mut self) -> (u8, Vec<u8>) {
        let kind = self.0.read_u8().await.unwrap() & 0x0f;
        let length = match self.0.read_u8().await.unwrap() {
            126 => usize::from(self.0.read_u16().await.unwrap()),
            127 => usize::try_from(self.0.read_u64().await.unwrap()).unwrap(),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await.unwrap();
        (kind, payload)
    }

    async fn next(&mut self) -> Value {
        let (kind, payload) = self.frame().await;
        assert_eq!(kind, TEXT, "{}", String::from_utf8_lossy(&payload));
        serde_json::from_slice(&payload).unwrap()
    }

    async fn close_code(&mut self) -> u16 {
        let (kind, payload) = self.frame().await;
        assert_eq!(kind, CLOSE);
        u16::from_be_bytes([payload[0], payload[1]])
    }
}

async fn serve(world: &Arc<Mutex<World>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let world = Arc::clone(world);
    let app = Router::new().route(
        "/",
        any(
            move |upgrade: WebSocketUpgrade, RawQuery(query): RawQuery| {
                let world = Arc::clone(&world);
                async move {
                    upgrade.on_upgrade(|socket| {
                        gateway_socket::serve(socket, query.unwrap_or_default(), world)
                    })
                }
            },
        ),
    );
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

fn world() -> Arc<Mutex<World>> {
    let mut world = World::new(Clock::Wall { offset_ms: 0 }, 7, "http://127.0.0.1:1");
    let now_ms = world.clock.now_ms();
    world.discord.seed_demo(now_ms);
    Arc::new(Mutex::new(world))
}

fn identify(world: &Mutex<World>) -> Value {
    let token = world.lock().unwrap().discord.bot_token();
    json!({"op": 2, "d": {"token": token, "intents": 3, "properties": {}}})
}

#[tokio::test]
async fn events_reach_an_idle_client_at_once_and_a_lost_one_on_resuming() {
    let world = world();
    let address = serve(&world).await;
    let mut client = Client::connect(&address).await;
    assert_eq!(client.next().await["op"], 10);
    client.send(&identify(&world)).await;
    let ready = client.next().await;
    assert_eq!(ready["t"], "READY");
    let created = client.next().await;
    assert_eq!(created["t"], "GUILD_CREATE");
    let change = |give: bool| {
        let mut world = world.lock().unwrap();
        let now_ms = world.clock.now_ms();
        let (ada, role) = (PERSON_ADA.to_string(), ROLE_MEMBER.to_string());
        if give {
            world.discord.add_role_by_hand(now_ms, &ada, &role).unwrap();
        } else {
            world
                .discord
                .remove_role_by_hand(now_ms, &ada, &role)
                .unwrap();
        }
    };
    change(true);
    let update = client.next().await;
    assert_eq!(update["t"], "GUILD_MEMBER_UPDATE");
    assert_eq!(update["d"]["roles"], json!([ROLE_MEMBER.to_string()]));
    client.send(&json!({"op": 1, "d": update["s"]})).await;
    assert_eq!(client.next().await["op"], 11);

    drop(client);
    change(false);
    let mut client = Client::connect(&address).await;
    client.next().await;
    let token = world.lock().unwrap().discord.bot_token();
    let resume = json!({"op": 6, "d": {
        "token": token, "session_id": ready["d"]["session_id"], "seq": update["s"],
    }});
    client.send(&resume).await;
    let missed = client.next().await;
    assert_eq!(
        (&missed["t"], &missed["d"]["roles"]),
        (&json!("GUILD_MEMBER_UPDATE"), &json!([]))
    );
    assert_eq!(client.next().await["t"], "RESUMED");
    world.lock().unwrap().discord.gateway_drop(4000);
    assert_eq!(client.close_code().await, 4000);
}

#[tokio::test]
async fn a_wrong_token_and_silence_are_closed() {
    let world = world();
    let address = serve(&world).await;
    let mut client = Client::connect(&address).await;
    client.next().await;
    client
        .send(&json!({"op": 2, "d": {"token": "x", "intents": 0, "properties": {}}}))
        .await;
    assert_eq!(client.close_code().await, 4004);

    world.lock().unwrap().discord.sessions.heartbeat_ms = 10;
    let mut silent = Client::connect(&address).await;
    silent.next().await;
    assert_eq!(silent.close_code().await, 4009);
}
