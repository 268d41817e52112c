//! The application in the developer portal, as its own bot sees it, and its slash commands.

use super::body::{read, snowflake};
use super::client::Call;
use super::ratelimit::Route;
use super::{DiscordClient, DiscordError};
use async_trait::async_trait;
use serde::Deserialize;
use serenity::model::application::Command;

/// `GATEWAY_GUILD_MEMBERS`, and its form for bots in fewer than a hundred servers.
const GUILD_MEMBERS: u64 = 1 << 14 | 1 << 15;

#[derive(Clone, Debug, Deserialize)]
pub struct Application {
    pub id: String,
    pub name: String,
    #[serde(default)]
    flags: u64,
    /// *Requires OAuth2 Code Grant*: with it the invite link does not work.
    #[serde(default)]
    pub bot_require_code_grant: bool,
    /// Where people may be led back to after signing in; `None` where Discord does not say.
    #[serde(default)]
    pub redirect_uris: Option<Vec<String>>,
}

impl Application {
    /// Whether *Server Members Intent* is switched on.
    #[must_use]
    pub fn hears_members(&self) -> bool {
        self.flags & GUILD_MEMBERS != 0
    }
}

#[async_trait]
pub trait ApplicationApi: Send + Sync {
    /// `GET /applications/@me`.
    async fn application(&self) -> Result<Application, DiscordError>;

    /// `GET /applications/{application}/guilds/{guild}/commands`. Refused with 50001 where the bot
    /// was invited without the scope `applications.commands`.
    async fn commands(&self, application_id: &str) -> Result<Vec<Command>, DiscordError>;
}

#[async_trait]
impl ApplicationApi for DiscordClient {
    async fn application(&self) -> Result<Application, DiscordError> {
        let path = ["applications", "@me"];
        read(&self.call(Call::get(Route::Application, &path)).await?)
    }

    async fn commands(&self, application_id: &str) -> Result<Vec<Command>, DiscordError> {
        let path = [
            "applications",
            snowflake(application_id)?,
            "guilds",
            snowflake(&self.config.guild_id)?,
            "commands",
        ];
        read(&self.call(Call::get(Route::Commands, &path)).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::Application;

    #[test]
    fn either_form_of_the_intent_counts() {
        let with = |flags: u64| {
            let body = serde_json::json!({"id": "1", "name": "Rollcall", "flags": flags});
            serde_json::from_value::<Application>(body).unwrap()
        };
        assert!(with(1 << 14).hears_members());
        assert!(with(1 << 15 | 1 << 23).hears_members());
        assert!(!with(1 << 13 | 1 << 19 | 1 << 23).hears_members());
        assert_eq!(with(0).redirect_uris, None);
    }
}
