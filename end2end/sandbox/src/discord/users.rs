//! `/users/…`: who one is, who others are, and the channels to them.

use serde_json::{Value, json};

use super::errors::{ApiError, Unknown};
use super::routes::{self, Actor, Answer, Call, Reply, ok};
use super::{Discord, permissions, shapes};

impl Discord {
    pub(super) fn route_users(&mut self, call: &Call) -> Answer {
        match (call.req.method.as_str(), call.path.as_slice()) {
            ("GET", ["users", "@me"]) => self.me(call),
            ("GET", ["users", "@me", "guilds"]) => self.my_guilds(call),
            ("GET", ["users", "@me", "guilds", guild, "member"]) => self.my_member(call, guild),
            ("DELETE", ["users", "@me", "guilds", guild]) => {
                self.enter_guild(call, guild)?;
                self.take_bot_out(call.now_ms);
                Ok(Reply::Empty)
            }
            ("POST", ["users", "@me", "channels"]) => self.open_direct(call),
            ("GET", ["users", id]) => {
                call.bot()?;
                let id = routes::id("user_id", id)?;
                self.users
                    .get(&id)
                    .map(shapes::user)
                    .ok_or_else(|| ApiError::unknown(Unknown::User))
                    .and_then(ok)
            }
            (_, ["users", _]) => Err(ApiError::method_not_allowed()),
            _ => Err(ApiError::not_found()),
        }
    }

    fn me(&self, call: &Call) -> Answer {
        let (id, with_email) = match &call.actor {
            Actor::Bot => (self.application.bot_id, true),
            Actor::Person(grant) if grant.has("identify") => (grant.user_id, grant.has("email")),
            Actor::Person(_) | Actor::Nobody => return Err(ApiError::unauthorized()),
        };
        let user = self.users.get(&id).ok_or_else(ApiError::unauthorized)?;
        ok(shapes::own_user(user, with_email))
    }

    fn my_guilds(&self, call: &Call) -> Answer {
        let id = match &call.actor {
            Actor::Bot => self.application.bot_id,
            Actor::Person(grant) if grant.has("guilds") => grant.user_id,
            Actor::Person(_) | Actor::Nobody => return Err(ApiError::unauthorized()),
        };
        let with_counts = call.flag("with_counts");
        let guilds: Vec<Value> = self
            .guild
            .members
            .get(&id)
            .map(|member| {
                let mut shape = json!({
                    "id": self.guild.id.to_string(),
                    "name": self.guild.name,
                    "icon": null,
                    "banner": null,
                    "owner": id == self.guild.owner_id,
                    "permissions": self.guild.permissions_of(member).to_string(),
                    "features": [],
                });
                if with_counts {
                    shape["approximate_member_count"] = self.guild.members.len().into();
                    shape["approximate_presence_count"] = 1.into();
                }
                shape
            })
            .into_iter()
            .collect();
        ok(guilds.into())
    }

    fn my_member(&self, call: &Call, guild: &str) -> Answer {
        let Actor::Person(grant) = &call.actor else {
            return Err(ApiError::unauthorized());
        };
        if !grant.has("guilds.members.read") {
            return Err(ApiError::unauthorized());
        }
        if routes::id("guild_id", guild)? != self.guild.id {
            return Err(ApiError::unknown(Unknown::Guild));
        }
        self.guild
            .members
            .get(&grant.user_id)
            .map(|member| self.member_shape(member))
            .ok_or_else(|| ApiError::unknown(Unknown::Guild))
            .and_then(ok)
    }

    fn open_direct(&mut self, call: &Call) -> Answer {
        call.bot()?;
        let body = call.object()?;
        let recipient = body
            .get("recipient_id")
            .ok_or_else(|| ApiError::required("recipient_id"))?;
        let recipient = routes::id_value("recipient_id", recipient)?;
        match self.users.get(&recipient) {
            None => return Err(ApiError::unknown(Unknown::User)),
            Some(user) if user.bot => {
                return Err(ApiError::new(
                    400,
                    50007,
                    "Cannot send messages to this user",
                ));
            }
            Some(_) => {}
        }
        let channel = self.direct.get(&recipient).copied().unwrap_or_else(|| {
            let channel = self.ids.snowflake(call.now_ms);
            self.direct.insert(recipient, channel);
            channel
        });
        ok(self.direct_channel_shape(channel, recipient))
    }

    pub(super) fn route_gateway(&mut self, call: &Call) -> Answer {
        match (call.req.method.as_str(), call.path.as_slice()) {
            ("GET", ["gateway"]) => ok(json!({"url": self.gateway_url()})),
            ("GET", ["gateway", "bot"]) => {
                call.bot()?;
                let (remaining, reset_after) = self.sessions.starts_left(call.wall_ms);
                ok(json!({
                    "url": self.gateway_url(),
                    "shards": 1,
                    "session_start_limit": {
                        "total": super::gateway::STARTS_A_DAY,
                        "remaining": remaining,
                        "reset_after": reset_after,
                        "max_concurrency": 1,
                    },
                }))
            }
            _ => Err(ApiError::not_found()),
        }
    }

    /// `ws://` and the host of the base address.
    pub(super) fn gateway_url(&self) -> String {
        match self.base.split_once("://") {
            Some(("https", host)) => format!("wss://{host}"),
            Some((_, host)) => format!("ws://{host}"),
            None => format!("ws://{}", self.base),
        }
    }

    /// Whether the bot may open a conversation: they share the server and the person lets it.
    pub(super) fn reachable(&self, user_id: u64) -> bool {
        self.bot_member().is_some()
            && self.guild.members.contains_key(&user_id)
            && self
                .users
                .get(&user_id)
                .is_some_and(|user| !user.dms_closed)
    }

    pub(super) fn may_speak(&self) -> Result<(), ApiError> {
        if self.bot_permissions() & permissions::VIEW_CHANNEL == 0 {
            return Err(ApiError::missing_access());
        }
        self.bot_needs(permissions::SEND_MESSAGES)
    }
}
