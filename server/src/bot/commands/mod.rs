//! Slash commands: registered when they differ, deferred at once, and answered to the asker
//! alone.

mod membership;
mod resync;
mod verify_setup;
mod whois;

use crate::db::DbError;
use crate::discord::fitting;
use crate::incidents;
use crate::state::AppState;
use serde::Deserialize;
use serde_json::{Value, json};
use serenity::builder::{CreateCommand, CreateCommandOption};
use serenity::http::Http;
use serenity::model::application::{Command, CommandOptionType};
use serenity::model::id::{GuildId, InteractionId};
use std::num::NonZeroU64;

/// Only whoever asked sees it.
const EPHEMERAL: u64 = 1 << 6;

const INCIDENT: &str = "slash commands";

/// What is used of an `INTERACTION_CREATE` that is a command in a server.
#[derive(Deserialize)]
pub struct Asked {
    id: InteractionId,
    token: String,
    pub guild_id: Option<String>,
    member: Asker,
    data: Data,
}

#[derive(Deserialize)]
struct Asker {
    user: Who,
}

#[derive(Deserialize)]
struct Who {
    id: String,
}

#[derive(Deserialize)]
struct Data {
    name: String,
    #[serde(default)]
    options: Vec<Given>,
}

#[derive(Deserialize)]
struct Given {
    name: String,
    value: Option<Value>,
}

/// A command as it is compared: name, description, and the person it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Offered {
    name: &'static str,
    description: &'static str,
    about: Option<&'static str>,
}

const OFFERED: [Offered; 4] = [
    Offered {
        name: "membership",
        description: "Your membership, and why it is so. Only you see the answer.",
        about: None,
    },
    Offered {
        name: "verify-setup",
        description: "For operators: what keeps roles from being given.",
        about: None,
    },
    Offered {
        name: "whois",
        description: "For operators: why somebody has their roles.",
        about: Some("Whose roles to explain"),
    },
    Offered {
        name: "resync",
        description: "For operators: read Stripe and Discord again for somebody.",
        about: Some("Who is to be read again"),
    },
];

impl Offered {
    fn create(self) -> CreateCommand {
        let command = CreateCommand::new(self.name).description(self.description);
        match self.about {
            Some(about) => command.add_option(
                CreateCommandOption::new(CommandOptionType::User, "user", about).required(true),
            ),
            None => command,
        }
    }

    fn is(self, known: &Command) -> bool {
        let about = match (self.about, known.options.as_slice()) {
            (None, []) => true,
            (Some(about), [option]) => {
                option.kind == CommandOptionType::User
                    && option.name == "user"
                    && option.description == about
                    && option.required
            }
            _ => false,
        };
        about && known.name == self.name && known.description == self.description
    }
}

/// Whether these are our commands, all of them and no others.
#[must_use]
pub fn are_ours(known: &[Command]) -> bool {
    known.len() == OFFERED.len()
        && OFFERED
            .iter()
            .all(|ours| known.iter().any(|known| ours.is(known)))
}

/// Makes the server's commands equal to ours, if they are not.
pub async fn register(state: &AppState, http: &Http) {
    let outcome = make_equal(state, http).await;
    let (mended, detail) = match &outcome {
        Ok(changed) => {
            tracing::info!(changed, "the slash commands are registered");
            (true, String::new())
        }
        Err(error) => {
            tracing::warn!(error = %error, "the slash commands could not be registered");
            (false, "Discord did not take the slash commands. Invite the bot again with the link that `rollcall setup` prints: it needs the scope applications.commands. They are tried again when the bot next connects.".to_owned())
        }
    };
    let told: Result<(), DbError> = async {
        let mut tx = state.db.begin().await?;
        let now = state.clock.policy_ms();
        let guild = &state.config.discord.guild_id;
        if mended {
            incidents::close(&mut tx, INCIDENT, guild, now).await?;
        } else {
            incidents::open(&mut tx, INCIDENT, guild, &detail, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }
    .await;
    if let Err(error) = told {
        tracing::warn!(error = %error, "the incident could not be written");
    }
}

/// Answers whether something had to be changed.
async fn make_equal(state: &AppState, http: &Http) -> Result<bool, serenity::Error> {
    let Ok(guild) = state.config.discord.guild_id.parse::<NonZeroU64>() else {
        return Ok(false);
    };
    let guild = GuildId::from(guild);
    let known = http.get_guild_commands(guild).await?;
    if are_ours(&known) {
        return Ok(false);
    }
    let ours: Vec<CreateCommand> = OFFERED.map(Offered::create).into();
    http.create_guild_commands(guild, &ours).await?;
    Ok(true)
}

/// Acknowledges a command, which Discord wants within 3 s, works it out, and says it.
pub async fn answer(state: &AppState, http: &Http, command: &Asked) {
    let deferred = json!({"type": 5, "data": {"flags": EPHEMERAL}});
    let acknowledged = http
        .create_interaction_response(command.id, &command.token, &deferred, Vec::new())
        .await;
    if acknowledged.is_err() {
        tracing::warn!(command = %command.data.name, "a command could not be acknowledged");
        return;
    }
    let text = match say(state, command).await {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(error = %error, command = %command.data.name, "a command could not be answered");
            "This could not be looked up just now. Nothing has changed; try again in a minute."
                .to_owned()
        }
    };
    let said = json!({"content": fitting(&text), "allowed_mentions": {"parse": []}});
    if http
        .edit_original_interaction_response(&command.token, &said, Vec::new())
        .await
        .is_err()
    {
        tracing::warn!(command = %command.data.name, "an answer could not be given");
    }
}

async fn say(state: &AppState, command: &Asked) -> Result<String, DbError> {
    let asker = &command.member.user.id;
    let operator = state.config.operator_discord_ids.contains(asker);
    match command.data.name.as_str() {
        "membership" => membership::say(state, asker).await,
        "verify-setup" | "whois" | "resync" if !operator => Ok(
            "This command is for the people who run this community. `/membership` shows you your own membership, and why it is so."
                .to_owned(),
        ),
        "verify-setup" => verify_setup::say(state).await,
        name => match about(command) {
            Some(about) if name == "whois" => whois::say(state, about).await,
            Some(about) if name == "resync" => {
                resync::say(state, asker, about).await
            }
            _ => Ok("This command is not known here any more.".to_owned()),
        },
    }
}

/// The person a command is about.
fn about(command: &Asked) -> Option<&str> {
    let given = command
        .data
        .options
        .iter()
        .find(|given| given.name == "user")?;
    given.value.as_ref()?.as_str()
}
