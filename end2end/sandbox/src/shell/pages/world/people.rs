//! Who is in the server with which roles, who is not, and what can be done to them.

use std::collections::BTreeSet;

use super::super::html::{button, each, escape};
use crate::discord::{Discord, Role, User};

/// Rows that are shown; a load test brings thousands.
const SHOWN: usize = 100;

pub(super) fn sections(discord: &Discord) -> String {
    let guild = &discord.guild;
    let mut inside: Vec<&User> = discord
        .users
        .values()
        .filter(|user| guild.members.contains_key(&user.id))
        .collect();
    // Those who came last are looked for first; the bot is at the end.
    inside.sort_by_key(|user| {
        let joined_ms = guild
            .members
            .get(&user.id)
            .map_or(0, |member| member.joined_ms);
        (user.bot, std::cmp::Reverse(joined_ms), user.id)
    });
    let outside: Vec<&User> = discord
        .users
        .values()
        .filter(|user| !guild.members.contains_key(&user.id))
        .collect();
    format!(
        "<h2>In the server ({})</h2>{}<h2>Not in the server ({})</h2>{}{}{}",
        inside.len(),
        rows(discord, &inside),
        outside.len(),
        rows(discord, &outside),
        newcomer(),
        roles(discord),
    )
}

fn rows(discord: &Discord, users: &[&User]) -> String {
    if users.is_empty() {
        return "<p class=\"empty\">Nobody.</p>".into();
    }
    let shown = each(users.iter().take(SHOWN), |user| row(discord, user));
    let more = users.len().saturating_sub(SHOWN);
    let rest = if more > 0 {
        format!("<p class=\"quiet\">And {more} more.</p>")
    } else {
        String::new()
    };
    format!("<ul class=\"rows\">{shown}</ul>{rest}")
}

fn row(discord: &Discord, user: &User) -> String {
    let guild = &discord.guild;
    let member = guild.members.get(&user.id);
    let none = BTreeSet::new();
    let held = member.map_or(&none, |member| &member.roles);
    let mut chips: Vec<&Role> = held.iter().filter_map(|id| guild.roles.get(id)).collect();
    chips.sort_by_key(|role| std::cmp::Reverse(role.position));
    let chips = each(chips, chip);
    let chips = if member.is_some() && chips.is_empty() {
        "<small>no roles</small>".to_owned()
    } else {
        chips
    };
    let about = match (user.bot, guild.bans.contains_key(&user.id), &user.email) {
        (true, ..) => "bot".to_owned(),
        (_, true, _) => "banned".to_owned(),
        (_, _, None) => "no e-mail on the account".to_owned(),
        (_, _, Some(email)) if user.verified => escape(email),
        (_, _, Some(email)) => format!("{} (not confirmed)", escape(email)),
    };
    format!(
        "<li data-user=\"{id}\" data-in-server=\"{inside}\"><div class=\"who\"><strong>{name}</strong>\
         <small>{about}</small><span class=\"id\">{id}</span></div>\
         <div class=\"chips\">{chips}</div>{controls}</li>",
        id = user.id,
        inside = member.is_some(),
        name = escape(user.global_name.as_deref().unwrap_or(&user.username)),
        controls = controls(discord, user, held),
    )
}

fn chip(role: &Role) -> String {
    let color = if role.color == 0 {
        String::new()
    } else {
        format!(" style=\"--chip:#{:06x}\"", role.color)
    };
    let name = escape(&role.name);
    format!("<span class=\"chip\" data-role=\"{name}\"{color}>{name}</span>")
}

fn controls(discord: &Discord, user: &User, held: &BTreeSet<u64>) -> String {
    if user.bot {
        return String::new();
    }
    let guild = &discord.guild;
    let id = user.id.to_string();
    let one =
        |action: &str, label: &str| button(&format!("discord/{action}"), label, &[("user", &id)]);
    let buttons = if guild.members.contains_key(&user.id) {
        let mut roles: Vec<&Role> = guild
            .roles
            .values()
            .filter(|role| role.id != guild.id && role.bot_id.is_none())
            .collect();
        roles.sort_by_key(|role| role.position);
        let roles = each(roles, |role| {
            let (action, verb) = if held.contains(&role.id) {
                ("discord/role_remove", "Take")
            } else {
                ("discord/role_add", "Give")
            };
            let role_id = role.id.to_string();
            button(
                action,
                &format!("{verb} {}", role.name),
                &[("user", &id), ("role", &role_id)],
            )
        });
        format!("{roles}{}{}", one("leave", "Leave"), one("ban", "Ban"))
    } else if guild.bans.contains_key(&user.id) {
        one("unban", "Lift the ban")
    } else {
        return format!("<div class=\"actions\">{}</div>", one("join", "Join"));
    };
    format!(
        "<details id=\"user-{id}\"><summary>By hand</summary><div class=\"actions\">{buttons}</div></details>"
    )
}

fn newcomer() -> String {
    "<details id=\"newcomer\"><summary>Someone new</summary>\
     <form method=\"post\" action=\"/_sandbox/discord/user\" class=\"actions\">\
     <label>Name <input name=\"name\" required></label>\
     <label>E-mail <input name=\"email\" type=\"email\"></label>\
     <button>Create the account</button></form></details>"
        .into()
}

fn roles(discord: &Discord) -> String {
    let mut roles: Vec<&Role> = discord.guild.roles.values().collect();
    roles.sort_by_key(|role| std::cmp::Reverse(role.position));
    let rows = each(roles, |role| {
        let holders = if role.id == discord.guild.id {
            discord.guild.members.len()
        } else {
            discord
                .guild
                .members
                .values()
                .filter(|member| member.roles.contains(&role.id))
                .count()
        };
        format!(
            "<tr><td>{}</td><td class=\"id\">{}</td><td class=\"number\">{holders}</td></tr>",
            chip_without_mark(role),
            role.id,
        )
    });
    format!(
        "<h2>Roles, highest first</h2><div class=\"scroll\"><table><thead><tr><th>Role</th><th>Id</th>\
         <th>Holders</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

/// A chip that no test takes for somebody's role.
fn chip_without_mark(role: &Role) -> String {
    chip(role).replacen("data-role", "data-role-listed", 1)
}
