//! Direct messages of the bot.

use super::body::{read, snowflake};
use super::client::Call;
use super::ratelimit::Route;
use super::{DiscordClient, DiscordError};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

/// No picture of where a link leads.
const SUPPRESS_EMBEDS: u64 = 1 << 2;
/// How far back a message is looked for.
const LATELY: &str = "limit=50";

/// Discord's bound on a message.
const LONGEST: usize = 2_000;

/// The text as it fits into a message: cut at the end of a line, or within the only one.
#[must_use]
pub fn fitting(text: &str) -> String {
    const MORE: &str = "\n…";
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let room = LONGEST - MORE.chars().count();
    let start: String = text.chars().take(room).collect();
    let end = match text.chars().nth(room) {
        Some('\n') => start.len(),
        _ => start.rfind('\n').unwrap_or(start.len()),
    };
    start.get(..end).unwrap_or(&start).to_owned() + MORE
}

/// What the bot says; at most 2,000 characters.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub content: &'a str,
    /// At most 25 characters. For a few minutes Discord sends one message of a nonce, however often
    /// it is asked to.
    pub nonce: &'a str,
}

#[async_trait]
pub trait TalkApi: Send + Sync {
    /// `POST /users/@me/channels`: the direct channel with somebody, which need not be new.
    async fn direct_channel(&self, user_id: &str) -> Result<String, DiscordError>;

    /// `POST /channels/{channel}/messages`; mentions nobody.
    async fn say(&self, channel_id: &str, message: &Message<'_>) -> Result<(), DiscordError>;

    /// `GET /channels/{channel}/messages`: what bots said in it lately.
    async fn said(&self, channel_id: &str) -> Result<Vec<String>, DiscordError>;
}

#[async_trait]
impl TalkApi for DiscordClient {
    async fn direct_channel(&self, user_id: &str) -> Result<String, DiscordError> {
        #[derive(Deserialize)]
        struct Channel {
            id: String,
        }
        let path = ["users", "@me", "channels"];
        let body = json!({ "recipient_id": snowflake(user_id)? });
        let answer = self.call(Call::post(Route::OpenDirect, &path, &body));
        Ok(read::<Channel>(&answer.await?)?.id)
    }

    async fn say(&self, channel_id: &str, message: &Message<'_>) -> Result<(), DiscordError> {
        let path = ["channels", snowflake(channel_id)?, "messages"];
        let body = json!({
            "content": message.content,
            "nonce": message.nonce,
            "enforce_nonce": true,
            "allowed_mentions": { "parse": [] },
            "flags": SUPPRESS_EMBEDS,
        });
        let answer = self.call(Call::post(Route::Say, &path, &body));
        answer.await.map(drop)
    }

    async fn said(&self, channel_id: &str) -> Result<Vec<String>, DiscordError> {
        #[derive(Deserialize)]
        struct Said {
            content: String,
            author: Author,
        }
        #[derive(Deserialize)]
        struct Author {
            #[serde(default)]
            bot: bool,
        }
        let path = ["channels", snowflake(channel_id)?, "messages"];
        let call = Call {
            query: Some(LATELY),
            ..Call::get(Route::Said, &path)
        };
        let all: Vec<Said> = read(&self.call(call).await?)?;
        let of_bots = all.into_iter().filter(|said| said.author.bot);
        Ok(of_bots.map(|said| said.content).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_ends_with_a_line() {
        let long = vec!["é".repeat(99); 30].join("\n");
        let kept = fitting(&long);
        assert!(kept.chars().count() <= LONGEST);
        assert!(kept.ends_with("é\n…"));
        assert_eq!(
            kept.lines()
                .filter(|line| line.chars().count() == 99)
                .count(),
            19
        );
        assert_eq!(fitting("short"), "short");
        let one_line = fitting(&"x".repeat(2_001));
        assert_eq!(one_line.chars().count(), LONGEST);
        let exact = format!("{}\nmore and more", "y".repeat(1_998));
        assert_eq!(fitting(&exact), format!("{}\n…", "y".repeat(1_998)));
    }
}
