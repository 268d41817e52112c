//! Discord: the token, the application behind it, the server and the bot's rights in it.

use super::{Checked, Finding, Patient};
use crate::bot;
use crate::config::Config;
use crate::discord::{
    Application, BotIdentity, DiscordError, GuildView, bot_permissions, dangerous, may_add_people,
    may_manage_roles, named_role,
};
use crate::setup;

const PORTAL: &str = "discord.com/developers/applications → your application";

/// The server as it was just read, and the bot's roles in it.
pub(super) struct Server {
    pub guild: GuildView,
    pub bot_roles: Vec<String>,
}

pub(super) async fn look(patient: &Patient<'_>) -> (Vec<Checked>, Option<Server>) {
    let bot = match patient.discord.bot().await {
        Ok(bot) => bot,
        Err(error) => return (vec![no_answer(&error).into()], None),
    };
    let mut checked = vec![Checked::right(format!(
        "DISCORD_BOT_TOKEN is that of the bot ‘{}’",
        bot.name
    ))];
    match patient.discord.application().await {
        Ok(application) => of_application(patient.config, &application, &mut checked),
        Err(error) => checked.push(unasked("the application", &error).into()),
    }
    let server = match server(patient, &bot).await {
        Ok(server) => server,
        Err(finding) => {
            checked.push((*finding).into());
            return (checked, None);
        }
    };
    checked.push(Checked::right(format!(
        "the bot is in the server ‘{}’",
        server.guild.name
    )));
    of_rights(&server, &mut checked);
    checked.push(commands(patient).await);
    (checked, Some(server))
}

/// Why Discord as a whole cannot be looked at.
fn no_answer(error: &DiscordError) -> Finding {
    match error {
        DiscordError::Unauthorized => Finding::keeps_out(
            "Discord does not accept DISCORD_BOT_TOKEN.",
            format!(
                "{PORTAL} → Bot → Reset Token; set DISCORD_BOT_TOKEN and start the server again. Nothing is lost by it."
            ),
        ),
        DiscordError::Blocked => Finding::keeps_out(
            "Discord refuses this machine's address.",
            "Wait an hour; if it goes on, look for another program that uses the same address or token.",
        ),
        error => Finding::keeps_out(
            format!("Discord cannot be asked: {error}."),
            "Look at this machine's network and at discordstatus.com, and run this again.",
        ),
    }
}

/// One thing that could not be looked at, where others could.
fn unasked(what: &str, error: &DiscordError) -> Finding {
    Finding::advice(
        format!("Discord did not tell of {what}: {error}."),
        "Run this again; if it goes on, look at discordstatus.com.",
    )
}

fn of_application(config: &Config, application: &Application, checked: &mut Vec<Checked>) {
    let settings = &config.discord;
    if application.id != settings.client_id {
        checked.push(
            Finding::keeps_out(
                format!(
                    "DISCORD_CLIENT_ID is {}, and DISCORD_BOT_TOKEN is of the application ‘{}’, {}: who is not in the server cannot be added.",
                    settings.client_id, application.name, application.id
                ),
                format!(
                    "discord.com/developers/applications → {} → OAuth2: put its Client ID and Client Secret into DISCORD_CLIENT_ID and DISCORD_CLIENT_SECRET.",
                    application.name
                ),
            )
            .into(),
        );
        return;
    }
    checked.push(if application.hears_members() {
        Checked::right("Server Members Intent is on")
    } else {
        Finding::keeps_out(
            "Server Members Intent is off: who pays and joins the server later is not noticed, nor a role that is taken by hand.",
            format!(
                "{PORTAL} → Bot → Privileged Gateway Intents: switch on Server Members Intent, press Save Changes; then start the server again."
            ),
        )
        .into()
    });
    let back = config.own_url("/auth/callback");
    match &application.redirect_uris {
        Some(known) if !known.contains(&back) => checked.push(
            Finding::keeps_out(
                format!("Nobody can sign in: the application does not know the redirect {back}."),
                format!("{PORTAL} → OAuth2 → Redirects: add {back}, letter for letter, and press Save Changes."),
            )
            .into(),
        ),
        Some(_) => checked.push(Checked::right(format!("sign-in leads back to {back}"))),
        None => {}
    }
    if application.bot_require_code_grant {
        checked.push(
            Finding::advice(
                "Requires OAuth2 Code Grant is on, so the bot's invite link does not work.",
                format!("{PORTAL} → Bot: switch off Requires OAuth2 Code Grant."),
            )
            .into(),
        );
    }
}

/// The server and the bot's roles.
async fn server(patient: &Patient<'_>, bot: &BotIdentity) -> Result<Server, Box<Finding>> {
    let read = async {
        let guild = patient.discord.guild().await?;
        let member = patient.discord.member(&bot.id).await?;
        Ok((guild, member.map(|member| member.roles).unwrap_or_default()))
    };
    match read.await {
        Ok((guild, bot_roles)) => Ok(Server { guild, bot_roles }),
        Err(DiscordError::NoGuildAccess { .. }) => Err(Box::new(Finding::keeps_out(
            format!(
                "The bot is not in the server {}.",
                patient.config.discord.guild_id
            ),
            format!(
                "Open {} and press Authorise; if it is the wrong server, right-click the right one in Discord, Copy Server ID, and set DISCORD_GUILD_ID.",
                setup::invite(patient.config)
            ),
        ))),
        Err(error) => Err(Box::new(no_answer(&error))),
    }
}

/// What the bot may do in the whole server: as little as it needs.
fn of_rights(server: &Server, checked: &mut Vec<Checked>) {
    let Server { guild, bot_roles } = server;
    let role = named_role(guild, bot_roles);
    let permissions = bot_permissions(guild, bot_roles);
    let place = format!("Discord → Server Settings → Roles → {role} → Permissions");
    let before = checked.len();
    if !may_manage_roles(permissions) {
        checked.push(
            Finding::keeps_out(
                "The bot may not give roles: it lacks Manage Roles.",
                format!("{place}: switch on Manage Roles, press Save Changes."),
            )
            .into(),
        );
    }
    if !may_add_people(permissions) {
        checked.push(
            Finding::keeps_out(
                "Who pays and is not in the server cannot be added to it: the bot lacks Create Invite.",
                format!("{place}: switch on Create Invite, press Save Changes."),
            )
            .into(),
        );
    }
    if checked.len() == before {
        checked.push(Checked::right("the bot has Manage Roles and Create Invite"));
    }
    let own = guild
        .roles
        .iter()
        .filter(|role| bot_roles.contains(&role.id))
        .fold(0, |sum, role| sum | role.permissions);
    let more: Vec<&str> = dangerous(own)
        .into_iter()
        .filter(|right| *right != "Manage Roles")
        .collect();
    if !more.is_empty() {
        checked.push(
            Finding::advice(
                format!(
                    "The bot has rights that it never uses: {}.",
                    more.join(", ")
                ),
                format!("{place}: switch off all but Manage Roles and Create Invite."),
            )
            .into(),
        );
    }
}

async fn commands(patient: &Patient<'_>) -> Checked {
    match patient
        .discord
        .commands(&patient.config.discord.client_id)
        .await
    {
        Ok(known) if bot::are_ours(&known) => {
            Checked::right("the slash commands are registered")
        }
        Ok(_) => Finding::advice(
            "The slash commands are not registered yet, or are old ones.",
            "Nothing, before the first start; otherwise start the server again, which registers them.",
        )
        .into(),
        Err(DiscordError::Refused { status: 403, .. }) => Finding::advice(
            "The bot was invited without the scope applications.commands, so there are no slash commands.",
            format!(
                "Open {} and press Authorise; the bot keeps its place.",
                setup::invite(patient.config)
            ),
        )
        .into(),
        Err(error) => unasked("the slash commands", &error).into(),
    }
}
