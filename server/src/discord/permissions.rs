//! Which roles are dangerous to give, and which a bot is able to give at all.

use super::GuildView;

const ADMINISTRATOR: u64 = 1 << 3;
const MANAGE_ROLES: u64 = 1 << 28;
/// Discord wants it of a bot that adds people.
const CREATE_INSTANT_INVITE: u64 = 1;

/// All the bot needs in a server.
pub const LEAST: u64 = MANAGE_ROLES | CREATE_INSTANT_INVITE;

#[must_use]
pub fn may_manage_roles(permissions: u64) -> bool {
    permissions & (ADMINISTRATOR | MANAGE_ROLES) != 0
}

#[must_use]
pub fn may_add_people(permissions: u64) -> bool {
    permissions & (ADMINISTRATOR | CREATE_INSTANT_INVITE) != 0
}

/// Rights that let their holder run the server, or throw people out of it: ADMINISTRATOR, every
/// `MANAGE_…`, `KICK_MEMBERS` and `BAN_MEMBERS`, by Discord's bits.
const DANGEROUS: [(u64, &str); 12] = [
    (ADMINISTRATOR, "Administrator"),
    (1 << 5, "Manage Server"),
    (MANAGE_ROLES, "Manage Roles"),
    (1 << 4, "Manage Channels"),
    (1 << 29, "Manage Webhooks"),
    (1 << 13, "Manage Messages"),
    (1 << 27, "Manage Nicknames"),
    (1 << 30, "Manage Expressions"),
    (1 << 33, "Manage Events"),
    (1 << 34, "Manage Threads"),
    (1 << 1, "Kick Members"),
    (1 << 2, "Ban Members"),
];

/// The rights among `permissions` that need the operator's yes before a role carrying them is
/// given, by the names Discord's settings show. Empty when there are none.
#[must_use]
pub fn dangerous(permissions: u64) -> Vec<&'static str> {
    DANGEROUS
        .iter()
        .filter(|(right, _)| permissions & right != 0)
        .map(|(_, name)| *name)
        .collect()
}

/// The same of a row, where the bits are text. What cannot be read is taken for all of them.
#[must_use]
pub fn dangerous_in(permissions: &str) -> Vec<&'static str> {
    dangerous(permissions.parse().unwrap_or(u64::MAX))
}

/// The highest position among the bot's roles; 0, that of `@everyone`, when it has none. The bot
/// gives only roles below it.
#[must_use]
pub fn highest_position(guild: &GuildView, bot_role_ids: &[String]) -> i64 {
    guild
        .roles
        .iter()
        .filter(|role| bot_role_ids.contains(&role.id))
        .map(|role| role.position)
        .max()
        .unwrap_or(0)
}

/// The bot's rights in the whole server: its roles' and `@everyone`'s (whose id is the
/// server's).
#[must_use]
pub fn bot_permissions(guild: &GuildView, bot_role_ids: &[String]) -> u64 {
    guild
        .roles
        .iter()
        .filter(|role| role.id == guild.id || bot_role_ids.contains(&role.id))
        .fold(0, |sum, role| sum | role.permissions)
}

/// Why the bot cannot give a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleObstacle {
    /// The role is not in the server.
    Gone,
    /// `@everyone` is everybody's.
    Everyone,
    /// The role belongs to an integration.
    Managed { role: String },
    /// None of the bot's roles has Manage Roles.
    PermissionMissing { bot_role: String },
    /// The role stands at or above the bot's highest one. Positions.
    Hierarchy {
        role: String,
        role_at: i64,
        bot_role: String,
        bot_at: i64,
    },
    /// Nothing in the roles as they were read says why: they may have changed since.
    NotInTheRoles,
}

impl RoleObstacle {
    /// What is wrong, in plain words.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Gone => "The role was deleted at Discord.".into(),
            Self::Everyone => "The plan names @everyone, which everybody has.".into(),
            Self::Managed { role } => {
                format!("The role ‘{role}’ belongs to an integration, and nobody else can give it.")
            }
            Self::PermissionMissing { .. } => "The bot lacks the permission Manage Roles.".into(),
            Self::Hierarchy { role, bot_role, .. } => format!(
                "The role ‘{role}’ stands above the bot's own, ‘{bot_role}’, so the bot cannot give it."
            ),
            Self::NotInTheRoles => "The bot's rights and its place look right now.".into(),
        }
    }

    /// The clicks that mend it.
    #[must_use]
    pub fn todo(&self) -> String {
        match self {
            Self::Gone | Self::Managed { .. } => "Discord → Server Settings → Roles: right-click \
                the role to give, Copy Role ID; Stripe dashboard → Product catalogue → the plan → \
                Metadata: put it into rollcall_roles."
                .into(),
            Self::Everyone => "Discord → Server Settings → Roles: make a role of its own, \
                right-click it, Copy Role ID; put that into the plan's rollcall_roles at Stripe."
                .into(),
            Self::PermissionMissing { bot_role } => format!(
                "Discord → Server Settings → Roles → {bot_role} → Permissions: switch on Manage \
                 Roles, press Save Changes."
            ),
            Self::Hierarchy { role, bot_role, .. } => format!(
                "Discord → Server Settings → Roles: drag ‘{bot_role}’ above ‘{role}’, press Save \
                 Changes."
            ),
            Self::NotInTheRoles => "Try again; if Discord still refuses, read the server's roles \
                anew."
                .into(),
        }
    }

    /// Both, one after the other.
    #[must_use]
    pub fn advice(&self) -> String {
        format!("{} {}", self.what(), self.todo())
    }
}

/// What would keep the bot from giving this role; `None` when nothing would.
#[must_use]
pub fn role_obstacle(
    guild: &GuildView,
    bot_role_ids: &[String],
    role_id: &str,
) -> Option<RoleObstacle> {
    if role_id == guild.id {
        return Some(RoleObstacle::Everyone);
    }
    let Some(role) = guild.role(role_id) else {
        return Some(RoleObstacle::Gone);
    };
    if role.managed {
        return Some(RoleObstacle::Managed {
            role: role.name.clone(),
        });
    }
    if !may_manage_roles(bot_permissions(guild, bot_role_ids)) {
        return Some(RoleObstacle::PermissionMissing {
            bot_role: named_role(guild, bot_role_ids),
        });
    }
    let bot_at = highest_position(guild, bot_role_ids);
    // Discord breaks equal positions by id; at the same one the bot is taken to be below.
    (role.position >= bot_at).then(|| RoleObstacle::Hierarchy {
        role: role.name.clone(),
        role_at: role.position,
        bot_role: named_role(guild, bot_role_ids),
        bot_at,
    })
}

/// The name of the bot's highest role.
#[must_use]
pub fn named_role(guild: &GuildView, bot_role_ids: &[String]) -> String {
    guild
        .roles
        .iter()
        .filter(|role| bot_role_ids.contains(&role.id))
        .max_by_key(|role| role.position)
        .map_or_else(|| "the bot's role".to_owned(), |role| role.name.clone())
}

/// Which of its causes a 50013 on `role_id` had, as far as the roles tell.
#[must_use]
pub fn explain_50013(guild: &GuildView, bot_role_ids: &[String], role_id: &str) -> RoleObstacle {
    role_obstacle(guild, bot_role_ids, role_id).unwrap_or(RoleObstacle::NotInTheRoles)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discord::GuildRole;

    const SEND_MESSAGES: u64 = 1 << 11;

    fn role(id: &str, position: i64, permissions: u64, managed: bool) -> GuildRole {
        GuildRole {
            id: id.into(),
            name: format!("role {id}"),
            position,
            permissions,
            managed,
            color: 0,
        }
    }

    fn guild(everyone: u64, bot: u64) -> GuildView {
        GuildView {
            id: "1".into(),
            name: "guild".into(),
            owner_id: "9".into(),
            roles: vec![
                role("1", 0, everyone, false),
                role("10", 1, 0, false),
                role("11", 5, bot, true),
                role("12", 5, 0, false),
                role("13", 6, 0, false),
                role("14", 2, 0, true),
            ],
        }
    }

    #[test]
    fn only_what_runs_a_server_is_dangerous() {
        // Positions in Discord's table of permission flags.
        let expected = [1, 2, 3, 4, 5, 13, 27, 28, 29, 30, 33, 34];
        for bit in 0..64 {
            assert_eq!(
                !dangerous(1 << bit).is_empty(),
                expected.contains(&bit),
                "bit {bit}"
            );
        }
        assert!(dangerous(0).is_empty());
        assert_eq!(dangerous(1 << 2 | 1 << 3), ["Administrator", "Ban Members"]);
        assert!(dangerous_in("0").is_empty());
        assert_eq!(dangerous_in("12"), dangerous(12));
        assert_eq!(
            dangerous_in("many"),
            dangerous(u64::MAX),
            "what cannot be read"
        );
    }

    #[test]
    fn the_two_causes_of_50013_are_told_apart() {
        let bot = ["11".to_owned()];
        let able = guild(0, MANAGE_ROLES);
        let unable = guild(SEND_MESSAGES, SEND_MESSAGES);
        assert_eq!(highest_position(&able, &bot), 5);
        assert_eq!(highest_position(&able, &[]), 0);
        assert_eq!(role_obstacle(&able, &bot, "10"), None);
        assert_eq!(
            explain_50013(&unable, &bot, "10"),
            RoleObstacle::PermissionMissing {
                bot_role: "role 11".into()
            }
        );
        for (id, role_at) in [("12", 5), ("13", 6)] {
            assert_eq!(
                explain_50013(&able, &bot, id),
                RoleObstacle::Hierarchy {
                    role: format!("role {id}"),
                    role_at,
                    bot_role: "role 11".into(),
                    bot_at: 5
                }
            );
        }
        assert_eq!(
            explain_50013(&able, &bot, "14"),
            RoleObstacle::Managed {
                role: "role 14".into()
            }
        );
        assert_eq!(explain_50013(&able, &bot, "1"), RoleObstacle::Everyone);
        assert_eq!(explain_50013(&able, &bot, "99"), RoleObstacle::Gone);
        assert_eq!(
            explain_50013(&able, &bot, "10"),
            RoleObstacle::NotInTheRoles
        );
    }

    #[test]
    fn rights_come_from_everyone_and_administrator_too() {
        let bot = ["11".to_owned()];
        let by_everyone = guild(MANAGE_ROLES, 0);
        let by_administrator = guild(0, ADMINISTRATOR);
        assert_eq!(role_obstacle(&by_everyone, &bot, "10"), None);
        assert_eq!(role_obstacle(&by_administrator, &bot, "10"), None);
        assert!(matches!(
            role_obstacle(&by_administrator, &bot, "13"),
            Some(RoleObstacle::Hierarchy { .. })
        ));
    }
}
