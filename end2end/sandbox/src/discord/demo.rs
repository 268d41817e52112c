//! The demo community: the same ids for every seed, so that a start script can name them.

use std::collections::BTreeMap;

use super::permissions::{
    ADMINISTRATOR, BAN_MEMBERS, CHANGE_NICKNAME, CREATE_INSTANT_INVITE, KICK_MEMBERS,
    MANAGE_MESSAGES, MANAGE_ROLES, MODERATE_MEMBERS, READ_MESSAGE_HISTORY, SEND_MESSAGES,
    USE_APPLICATION_COMMANDS, VIEW_CHANNEL,
};
use super::state::{Application, Guild, Member, PrivilegedIntents, Role, TextChannel, User};
use super::{Discord, ids};

/// The application and its bot's user.
pub const APPLICATION: u64 = 1_100_000_000_000_000_001;
/// The server, and its @everyone.
pub const GUILD: u64 = 1_100_000_000_000_000_010;
pub const ROLE_MEMBER: u64 = 1_100_000_000_000_000_021;
pub const ROLE_PATRON: u64 = 1_100_000_000_000_000_022;
pub const ROLE_TEAM: u64 = 1_100_000_000_000_000_023;
/// Carries dangerous rights, below the bot.
pub const ROLE_MODERATOR: u64 = 1_100_000_000_000_000_024;
/// The bot's own, managed.
pub const ROLE_BOT: u64 = 1_100_000_000_000_000_025;
/// Above the bot: it can neither grant nor change this one.
pub const ROLE_FOUNDER: u64 = 1_100_000_000_000_000_026;
pub const CHANNEL_GENERAL: u64 = 1_100_000_000_000_000_031;
pub const CHANNEL_LOUNGE: u64 = 1_100_000_000_000_000_032;
pub const PERSON_OWNER: u64 = 1_100_000_000_000_000_100;
pub const PERSON_ADA: u64 = 1_100_000_000_000_000_101;
pub const PERSON_GRACE: u64 = 1_100_000_000_000_000_102;
pub const PERSON_LINUS: u64 = 1_100_000_000_000_000_103;
pub const PERSON_MARGARET: u64 = 1_100_000_000_000_000_104;
/// Has no e-mail on the account.
pub const PERSON_KATHERINE: u64 = 1_100_000_000_000_000_105;
/// Is not in the server.
pub const PERSON_BARBARA: u64 = 1_100_000_000_000_000_106;
/// Has an e-mail that was never confirmed, and is not in the server.
pub const PERSON_RADIA: u64 = 1_100_000_000_000_000_107;
/// No id made later is below this one.
pub(super) const HIGHEST: u64 = 1_100_000_000_000_009_999;

pub(super) const CLIENT_SECRET: &str = "sandbox-client-secret";
/// Base64 of the bot's id, of a moment, and a mark, as real tokens are built.
pub(super) const BOT_TOKEN: &str = "MTEwMDAwMDAwMDAwMDAwMDAwMQ.GSandQ.sandbox-bot-token-000000000";

/// What the bot is invited with.
pub(super) const BOT_PERMISSIONS: u64 =
    CREATE_INSTANT_INVITE | VIEW_CHANNEL | SEND_MESSAGES | MANAGE_ROLES;
const EVERYONE: u64 = VIEW_CHANNEL
    | SEND_MESSAGES
    | READ_MESSAGE_HISTORY
    | CHANGE_NICKNAME
    | USE_APPLICATION_COMMANDS;

pub(super) fn application() -> Application {
    Application {
        id: APPLICATION,
        name: "Rollcall".into(),
        client_secret: CLIENT_SECRET.into(),
        bot_id: APPLICATION,
        bot_token: BOT_TOKEN.into(),
        redirect_uris: Vec::new(),
        allow_any_redirect: true,
        requires_code_grant: false,
        intents: PrivilegedIntents {
            members: true,
            presence: false,
            message_content: false,
        },
    }
}

/// The server with its roles, its owner and the bot, before anybody else joined.
pub(super) fn guild() -> Guild {
    let mut roles: BTreeMap<u64, Role> = [
        Role::new(GUILD, "@everyone", EVERYONE, 0),
        Role::new(ROLE_MEMBER, "Member", 0, 1),
        Role::new(ROLE_PATRON, "Patron", 0, 2),
        Role::new(ROLE_TEAM, "Team", 0, 3),
        Role::new(
            ROLE_MODERATOR,
            "Moderator",
            KICK_MEMBERS | BAN_MEMBERS | MANAGE_MESSAGES | MODERATE_MEMBERS | MANAGE_ROLES,
            4,
        ),
        Role::new(ROLE_BOT, "Rollcall", BOT_PERMISSIONS, 5),
        Role::new(ROLE_FOUNDER, "Founder", ADMINISTRATOR, 6),
    ]
    .into_iter()
    .map(|role| (role.id, role))
    .collect();
    for (id, color) in [
        (ROLE_MEMBER, 0x2f_80ed),
        (ROLE_PATRON, 0x9b_51e0),
        (ROLE_TEAM, 0x21_9653),
        (ROLE_MODERATOR, 0xf2_994a),
        (ROLE_FOUNDER, 0xeb_5757),
    ] {
        if let Some(role) = roles.get_mut(&id) {
            role.color = color;
            role.hoist = true;
        }
    }
    if let Some(role) = roles.get_mut(&ROLE_BOT) {
        role.bot_id = Some(APPLICATION);
    }
    let founded = ids::made_ms(GUILD);
    let mut owner = Member::new(PERSON_OWNER, founded);
    owner.roles.insert(ROLE_FOUNDER);
    let mut bot = Member::new(APPLICATION, founded);
    bot.roles.insert(ROLE_BOT);
    Guild {
        id: GUILD,
        name: "The Revenue Council".into(),
        owner_id: PERSON_OWNER,
        roles,
        members: [(owner.user_id, owner), (bot.user_id, bot)].into(),
        bans: BTreeMap::new(),
        channels: [(CHANNEL_GENERAL, "general"), (CHANNEL_LOUNGE, "lounge")]
            .into_iter()
            .zip(0..)
            .map(|((id, name), position)| {
                let channel = TextChannel {
                    id,
                    name: name.into(),
                    position,
                };
                (id, channel)
            })
            .collect(),
    }
}

pub(super) fn person(id: u64, name: &str, email: Option<&str>) -> User {
    User {
        id,
        username: name.to_lowercase().replace(' ', "."),
        global_name: Some(name.to_owned()),
        verified: email.is_some(),
        email: email.map(str::to_owned),
        bot: false,
        dms_closed: false,
    }
}

pub(super) fn first_users() -> BTreeMap<u64, User> {
    let bot = User {
        global_name: None,
        bot: true,
        ..person(APPLICATION, "Rollcall", None)
    };
    let owner = person(PERSON_OWNER, "Mary Somerville", Some("mary@example.org"));
    [(bot.id, bot), (owner.id, owner)].into()
}

impl Discord {
    /// Brings the demo people: most of them in the server, one with nothing but a name.
    pub fn seed_demo(&mut self, now_ms: i64) {
        let people = [
            (PERSON_ADA, "Ada Lovelace", Some("ada@example.org"), true),
            (
                PERSON_GRACE,
                "Grace Hopper",
                Some("grace@example.org"),
                true,
            ),
            (
                PERSON_LINUS,
                "Linus Pauling",
                Some("linus@example.org"),
                true,
            ),
            (
                PERSON_MARGARET,
                "Margaret Hamilton",
                Some("margaret@example.org"),
                true,
            ),
            (PERSON_KATHERINE, "Katherine Johnson", None, true),
            (
                PERSON_BARBARA,
                "Barbara Liskov",
                Some("barbara@example.org"),
                false,
            ),
            (
                PERSON_RADIA,
                "Radia Perlman",
                Some("radia@example.org"),
                false,
            ),
        ];
        for (id, name, email, inside) in people {
            let mut person = person(id, name, email);
            person.verified &= id != PERSON_RADIA;
            self.usernames.insert(person.username.clone());
            self.users.insert(id, person);
            if inside {
                let mut member = Member::new(id, now_ms);
                if id == PERSON_MARGARET {
                    member.roles.insert(ROLE_MODERATOR);
                }
                self.guild.members.insert(id, member);
            }
        }
    }

    /// Ids of the roles Member, Patron and Team.
    #[must_use]
    pub fn demo_roles(&self) -> (String, String, String) {
        (
            ROLE_MEMBER.to_string(),
            ROLE_PATRON.to_string(),
            ROLE_TEAM.to_string(),
        )
    }

    #[must_use]
    pub fn guild_id(&self) -> String {
        self.guild.id.to_string()
    }

    #[must_use]
    pub fn client_id(&self) -> String {
        self.application.id.to_string()
    }

    #[must_use]
    pub fn client_secret(&self) -> String {
        self.application.client_secret.clone()
    }

    #[must_use]
    pub fn bot_token(&self) -> String {
        self.application.bot_token.clone()
    }
}
