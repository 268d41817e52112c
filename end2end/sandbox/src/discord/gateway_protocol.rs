//! What clients say first, and what they are told: identifying, resuming, asking for members.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::gateway::{Frame, RESUMABLE_MS, Session, intents, op};
use super::ids::iso;
use super::{Discord, shapes};

impl Discord {
    fn token_fits(&self, data: &Value) -> bool {
        data["token"]
            .as_str()
            .map(|token| token.strip_prefix("Bot ").unwrap_or(token))
            == Some(self.application.bot_token.as_str())
    }

    /// Why a client may not identify so.
    fn refuse_identify(&self, data: &Value) -> Option<Frame> {
        if let Some(code) = self.sessions.refusing {
            return Some(Frame::Close(code, ""));
        }
        if !self.token_fits(data) {
            return Some(Frame::Close(4004, "Authentication failed"));
        }
        if !data["shard"].is_null() {
            let part = |at: usize| data["shard"][at].as_u64();
            match (part(0), part(1)) {
                (Some(shard), Some(count)) if shard < count => {}
                _ => return Some(Frame::Close(4010, "Invalid shard")),
            }
        }
        let Some(wanted) = data["intents"].as_u64() else {
            return Some(Frame::Close(4013, "Invalid intent(s)"));
        };
        if wanted & !intents::KNOWN != 0 {
            return Some(Frame::Close(4013, "Invalid intent(s)"));
        }
        let app = &self.application;
        let forbidden = [
            (intents::GUILD_MEMBERS, app.intents.members),
            (intents::GUILD_PRESENCES, app.intents.presence),
            (intents::MESSAGE_CONTENT, app.intents.message_content),
        ]
        .into_iter()
        .any(|(intent, allowed)| wanted & intent != 0 && !allowed);
        forbidden.then_some(Frame::Close(4014, "Disallowed intent(s)"))
    }

    pub(super) fn identify(&mut self, connection: u64, now_ms: i64, wall_ms: i64, data: &Value) {
        if let Some(refusal) = self.refuse_identify(data) {
            self.sessions.push(connection, refusal);
            return;
        }
        let (left, _) = self.sessions.starts_left(wall_ms);
        if left == 0 {
            self.sessions
                .push(connection, Frame::Close(4004, "Authentication failed"));
            return;
        }
        self.sessions.starts.push_back(wall_ms);
        self.sessions.known.retain(|_, session| {
            session.connection.is_some() || wall_ms - session.left_ms <= RESUMABLE_MS
        });
        let id = self.ids.secret(32).to_lowercase();
        let has_guild = match (data["shard"][0].as_u64(), data["shard"][1].as_u64()) {
            (Some(shard), Some(count)) if count > 0 => (self.guild.id >> 22) % count == shard,
            _ => true,
        };
        let wanted = data["intents"].as_u64().unwrap_or(0);
        self.sessions.known.insert(
            id.clone(),
            Session {
                intents: wanted,
                has_guild,
                sequence: 0,
                log: VecDeque::new(),
                connection: Some(connection),
                left_ms: wall_ms,
            },
        );
        if let Some(known) = self.sessions.connections.get_mut(&connection) {
            known.session = Some(id.clone());
        }
        self.sessions
            .tell(&id, "READY", &self.ready(&id, data, has_guild));
        if has_guild && wanted & intents::GUILDS != 0 && self.bot_member().is_some() {
            let large = data["large_threshold"].as_u64().unwrap_or(50);
            let large = usize::try_from(large.clamp(50, 250)).unwrap_or(50);
            let event = self.guild_create(wanted, large, now_ms);
            self.sessions.tell(&id, "GUILD_CREATE", &event);
        }
    }

    fn ready(&self, session: &str, data: &Value, has_guild: bool) -> Value {
        let guilds = if has_guild && self.bot_member().is_some() {
            json!([{"id": self.guild.id.to_string(), "unavailable": true}])
        } else {
            json!([])
        };
        let mut ready = json!({
            "v": 10,
            "user_settings": {},
            "user": self
                .users
                .get(&self.application.bot_id)
                .map(|bot| shapes::own_user(bot, true)),
            "session_type": "normal",
            "session_id": session,
            "resume_gateway_url": self.gateway_url(),
            "relationships": [],
            "private_channels": [],
            "presences": [],
            "guilds": guilds,
            "guild_join_requests": [],
            "geo_ordered_rtc_regions": [],
            "game_relationships": [],
            "auth": {},
            "application": {
                "id": self.application.id.to_string(),
                "flags": self.application.flags(),
            },
            "_trace": [],
        });
        if !data["shard"].is_null() {
            ready["shard"] = data["shard"].clone();
        }
        ready
    }

    /// The server as a bot sees it on arrival. Without `GUILD_PRESENCES`, or past the threshold,
    /// the only member in it is the bot.
    pub(super) fn guild_create(&self, wanted: u64, large: usize, now_ms: i64) -> Value {
        let count = self.guild.members.len();
        let all = wanted & intents::GUILD_PRESENCES != 0 && count <= large;
        let members: Vec<Value> = self
            .guild
            .members
            .values()
            .filter(|member| all || member.user_id == self.application.bot_id)
            .map(|member| self.member_shape(member))
            .collect();
        let joined = self.bot_member().map_or(now_ms, |bot| bot.joined_ms);
        let mut shape = self.guild_shape();
        for (key, value) in [
            ("joined_at", iso(joined).into()),
            ("large", (count > large).into()),
            ("unavailable", false.into()),
            ("member_count", count.into()),
            ("voice_states", json!([])),
            ("members", members.into()),
            ("channels", self.channel_shapes()),
            ("threads", json!([])),
            ("presences", json!([])),
            ("stage_instances", json!([])),
            ("guild_scheduled_events", json!([])),
            ("soundboard_sounds", json!([])),
        ] {
            shape[key] = value;
        }
        shape
    }

    pub(super) fn resume(&mut self, connection: u64, wall_ms: i64, data: &Value) {
        if !self.token_fits(data) {
            self.sessions
                .push(connection, Frame::Close(4004, "Authentication failed"));
            return;
        }
        let id = data["session_id"].as_str().unwrap_or("").to_owned();
        let seen = data["seq"].as_u64().unwrap_or(0);
        let Some(session) = self.sessions.known.get_mut(&id) else {
            self.sessions
                .send(connection, op::INVALID_SESSION, &false.into());
            return;
        };
        if seen > session.sequence {
            self.sessions
                .push(connection, Frame::Close(4007, "Invalid seq"));
            return;
        }
        let expired = session.connection.is_none() && wall_ms - session.left_ms > RESUMABLE_MS;
        let first = session.log.front().map_or(1, |(sequence, _)| *sequence);
        if expired || seen + 1 < first {
            self.sessions.known.remove(&id);
            self.sessions
                .send(connection, op::INVALID_SESSION, &false.into());
            return;
        }
        let before = session.connection.replace(connection);
        let missed: Vec<String> = session
            .log
            .iter()
            .filter(|(sequence, _)| *sequence > seen)
            .map(|(_, text)| text.clone())
            .collect();
        if let Some(before) = before {
            if let Some(old) = self.sessions.connections.get_mut(&before) {
                old.session = None;
            }
            self.sessions
                .push(before, Frame::Close(4000, "Resumed elsewhere"));
        }
        if let Some(known) = self.sessions.connections.get_mut(&connection) {
            known.session = Some(id.clone());
        }
        for text in missed {
            self.sessions.push(connection, Frame::Text(text));
        }
        self.sessions.tell(&id, "RESUMED", &json!({"_trace": []}));
    }

    /// `GUILD_MEMBERS_CHUNK`s for a request; everybody only with the `GUILD_MEMBERS` intent.
    pub(super) fn send_members(&mut self, session: &str, data: &Value) {
        let wanted = self
            .sessions
            .known
            .get(session)
            .map_or(0, |session| session.intents);
        let guild = data["guild_id"].as_str().unwrap_or("");
        if guild != self.guild.id.to_string() || self.bot_member().is_none() {
            return;
        }
        let asked: Vec<u64> = match &data["user_ids"] {
            Value::Array(ids) => ids.iter().filter_map(as_id).collect(),
            one => as_id(one).into_iter().collect(),
        };
        let query = data["query"].as_str().unwrap_or("").to_lowercase();
        let limit = match data["limit"].as_u64() {
            Some(0) | None => usize::MAX,
            Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        };
        let everybody = asked.is_empty() && query.is_empty();
        if everybody && wanted & intents::GUILD_MEMBERS == 0 {
            return;
        }
        let found: Vec<Value> = self
            .guild
            .members
            .values()
            .filter(|member| {
                let name = self.users.get(&member.user_id).map(|user| &user.username);
                if asked.is_empty() {
                    name.is_some_and(|name| name.starts_with(&query))
                } else {
                    asked.contains(&member.user_id)
                }
            })
            .take(limit)
            .map(|member| self.member_shape(member))
            .collect();
        let missing: Vec<String> = asked
            .iter()
            .filter(|id| !self.guild.members.contains_key(id))
            .map(u64::to_string)
            .collect();
        let empty = [Vec::new()];
        let chunks: Vec<&[Value]> = if found.is_empty() {
            empty.iter().map(Vec::as_slice).collect()
        } else {
            found.chunks(1000).collect()
        };
        for (at, chunk) in chunks.iter().enumerate() {
            let mut event = json!({
                "guild_id": guild,
                "members": chunk,
                "chunk_index": at,
                "chunk_count": chunks.len(),
                "not_found": missing,
            });
            if !data["nonce"].is_null() {
                event["nonce"] = data["nonce"].clone();
            }
            self.sessions.tell(session, "GUILD_MEMBERS_CHUNK", &event);
        }
    }
}

fn as_id(value: &Value) -> Option<u64> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .or_else(|| value.as_u64())
}
