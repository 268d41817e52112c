//! The bot: Discord's gateway and its slash commands. An event never acts: it marks who or what
//! has to be read afresh, and commands show what is known or mark.
//!
//! Intents, commands and their requests are serenity's. The connection is kept here: see
//! [`gateway`].

mod commands;
mod events;
mod gateway;
mod lease;
mod marks;
mod refusal;
mod socket;

pub use commands::are_ours;
pub use events::{Ears, Told};
pub use gateway::run;

use serenity::model::gateway::GatewayIntents;

/// Members coming, going and changing is the privileged one; bans; and the server with its roles.
/// No messages, no presences.
pub const INTENTS: GatewayIntents = GatewayIntents::GUILDS
    .union(GatewayIntents::GUILD_MEMBERS)
    .union(GatewayIntents::GUILD_MODERATION);

/// The incident of a gateway that does not let the bot in, and its subject.
pub const INCIDENT: &str = "gateway";
pub const SUBJECT: &str = "Discord";
