//! What can be wrong at Discord.

use super::{advises, found, is_right, keeps_out, look, look_with};
use crate::on_both;
use crate::support::World;
use sandbox::discord::{Effect, Fault, ROLE_BOT};
use server::doctor::{Area, Severity};

fn order(world: &World, method: &str, path: &str, times: u32, effect: Effect) {
    world.sandbox.with(|w| {
        w.discord.faults.add(Fault {
            method: Some(method.into()),
            path: path.into(),
            times,
            effect,
        });
    });
}

fn status(status: u16, code: u32) -> Effect {
    Effect::Status {
        status,
        code,
        landed: false,
    }
}

fn permissions(world: &World, bits: u64) {
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.set_bot_permissions(now, bits).unwrap();
    });
}

async fn a_refused_token(world: &World) {
    let report = look_with(world, &[("DISCORD_BOT_TOKEN", "an.old.token")]).await;
    keeps_out(
        &report,
        "does not accept DISCORD_BOT_TOKEN",
        "Bot → Reset Token",
    );
    // The rest is looked at all the same.
    is_right(&report, "the key is of the account acct_");
}
on_both!(a_refused_token);

async fn a_discord_nobody_reaches(world: &World) {
    let report = look_with(world, &[("DISCORD_API_BASE", "http://127.0.0.1:9/")]).await;
    keeps_out(&report, "Discord cannot be asked", "discordstatus.com");
    is_right(&report, "the key is of the account acct_");
}
on_both!(a_discord_nobody_reaches);

async fn the_id_of_another_application(world: &World) {
    let report = look_with(world, &[("DISCORD_CLIENT_ID", "1100000000000000002")]).await;
    keeps_out(
        &report,
        "DISCORD_CLIENT_ID is 1100000000000000002, and DISCORD_BOT_TOKEN is of the application ‘Rollcall’",
        "Rollcall → OAuth2",
    );
}
on_both!(the_id_of_another_application);

async fn an_intent_that_is_off(world: &World) {
    world
        .sandbox
        .with(|w| w.discord.application.intents.members = false);
    keeps_out(
        &look(world).await,
        "Server Members Intent is off",
        "Privileged Gateway Intents: switch on Server Members Intent",
    );
}
on_both!(an_intent_that_is_off);

async fn a_redirect_nobody_registered(world: &World) {
    let back = format!("{}/auth/callback", world.base);
    world
        .sandbox
        .with(|w| w.discord.application.redirect_uris = vec!["https://elsewhere.example".into()]);
    keeps_out(
        &look(world).await,
        "Nobody can sign in",
        &format!("OAuth2 → Redirects: add {back}"),
    );
}
on_both!(a_redirect_nobody_registered);

async fn an_invite_link_that_does_not_work(world: &World) {
    world
        .sandbox
        .with(|w| w.discord.application.requires_code_grant = true);
    advises(
        &look(world).await,
        "Requires OAuth2 Code Grant is on",
        "switch off Requires OAuth2 Code Grant",
    );
}
on_both!(an_invite_link_that_does_not_work);

async fn a_bot_that_is_not_in_the_server(world: &World) {
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.remove_bot(now).unwrap();
    });
    let report = look(world).await;
    keeps_out(&report, "The bot is not in the server", "press Authorise");
    let (_, finding) = found(&report, "The bot is not in the server");
    for part in [
        "scope=bot+applications.commands",
        "permissions=268435457",
        "guild_id=1100000000000000010",
    ] {
        assert!(finding.todo.contains(part), "{finding:?}");
    }
}
on_both!(a_bot_that_is_not_in_the_server);

async fn rights_the_bot_lacks(world: &World) {
    permissions(world, 1);
    let report = look(world).await;
    // Once, and not for every role again.
    keeps_out(
        &report,
        "it lacks Manage Roles",
        "Server Settings → Roles → Rollcall → Permissions: switch on Manage Roles",
    );
    permissions(world, 1 << 28);
    keeps_out(
        &look(world).await,
        "lacks Create Invite",
        "Permissions: switch on Create Invite",
    );
}
on_both!(rights_the_bot_lacks);

async fn rights_the_bot_never_uses(world: &World) {
    permissions(world, 1 << 3 | 1 << 2);
    advises(
        &look(world).await,
        "rights that it never uses: Administrator, Ban Members",
        "switch off all but Manage Roles and Create Invite",
    );
}
on_both!(rights_the_bot_never_uses);

async fn slash_commands_that_are_not_there(world: &World) {
    advises(
        &look(world).await,
        "slash commands are not registered",
        "before the first start",
    );
    order(world, "GET", "/commands", 1, status(403, 50_001));
    advises(
        &look(world).await,
        "without the scope applications.commands",
        "scope=bot+applications.commands",
    );
}
on_both!(slash_commands_that_are_not_there);

async fn one_thing_discord_does_not_tell_is_advice(world: &World) {
    order(world, "GET", "/applications/@me", 3, status(500, 0));
    advises(
        &look(world).await,
        "Discord did not tell of the application",
        "Run this again",
    );
}
on_both!(one_thing_discord_does_not_tell_is_advice);

async fn what_is_wrong_at_discord_says_so(world: &World) {
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        let bot = ROLE_BOT.to_string();
        w.discord.move_role(now, &bot, 1).unwrap();
        w.discord.application.intents.members = false;
    });
    let report = look(world).await;
    let (area, finding) = found(&report, "Server Members Intent is off");
    assert_eq!(
        (area, finding.severity),
        (Area::Discord, Severity::KeepsOut)
    );
    let (area, _) = found(&report, "‘Patron’ stands above the bot's own");
    assert_eq!(area, Area::Plans);
}
on_both!(what_is_wrong_at_discord_says_so);
