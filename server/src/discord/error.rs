//! What went wrong at Discord, and what to do about it.

/// What a failure asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// May do better later; not before `after_ms` milliseconds, when Discord said so.
    Retry { after_ms: Option<i64> },
    /// The person is not in the server: an absence, not a failure.
    Absent,
    /// The same call will be refused until somebody changes something.
    NeedsPerson,
    /// No call can succeed: the token, the bot's place in the server, or our address.
    StopAll,
}

/// How long a write whose answer never came may still take effect, in milliseconds.
pub const MAY_STILL_LAND_MS: i64 = 15_000;

/// The closed list of what Discord, or the way to it, can answer instead of what was asked.
/// Numbers are Discord's JSON error codes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscordError {
    /// 401.
    #[error("Discord refused the bot's token")]
    Unauthorized,
    /// 10004, or 50001 (every route of ours but one is inside the server).
    #[error("the bot has no access to the server (code {code})")]
    NoGuildAccess { code: i64 },
    /// 403 without one of Discord's codes: answered by its edge, not by its API.
    #[error("Discord's edge refused this address")]
    Blocked,
    /// 10007, 10013.
    #[error("the person is not in the server (code {code})")]
    UnknownMember { code: i64 },
    /// 10011.
    #[error("the role does not exist")]
    UnknownRole,
    /// 50028.
    #[error("the role cannot be given")]
    InvalidRole,
    /// 50013. [`explain_50013`](super::explain_50013) tells its two causes apart.
    #[error("the bot may not do this")]
    MissingPermissions,
    /// 40007.
    #[error("the person is banned from the server")]
    Banned,
    /// 50025.
    #[error("the person's permission to be added is no longer valid")]
    InvalidUserToken,
    /// 30001.
    #[error("the person is in as many servers as Discord allows")]
    TooManyGuilds,
    /// 50007.
    #[error("the person takes no direct messages from the bot")]
    CannotMessage,
    /// 50001 where everybody is listed.
    #[error("the bot may not list the members")]
    IntentMissing,
    /// 429, or held back here because the limit is known to be used up.
    #[error("Discord's limit is used up for {after_ms} ms")]
    RateLimited { after_ms: i64, global: bool },
    /// 5xx.
    #[error("Discord answered {status}")]
    Server { status: u16 },
    /// The request did not reach Discord, or a reading was not answered.
    #[error("Discord could not be reached: {0}")]
    Network(String),
    /// A write was sent and its answer never came.
    #[error("Discord did not say whether this was done")]
    UnknownOutcome,
    /// An answer that is not what Discord documents.
    #[error("Discord's answer could not be read: {0}")]
    Unreadable(String),
    /// Any other 3xx or 4xx.
    #[error("Discord refused with {status} (code {code:?}): {message}")]
    Refused {
        status: u16,
        code: Option<i64>,
        message: String,
    },
    /// An id, address or token of ours that cannot be sent.
    #[error("the request could not be made: {0}")]
    Unsendable(&'static str),
}

impl DiscordError {
    /// From an answer that is neither a success nor 429.
    pub(super) fn from_answer(status: u16, code: Option<i64>, message: &str) -> Self {
        match (status, code) {
            (_, Some(code @ (10_007 | 10_013))) => Self::UnknownMember { code },
            (_, Some(code @ (10_004 | 50_001))) => Self::NoGuildAccess { code },
            (_, Some(10_011)) => Self::UnknownRole,
            (_, Some(50_028)) => Self::InvalidRole,
            (_, Some(50_013)) => Self::MissingPermissions,
            (_, Some(40_007)) => Self::Banned,
            (_, Some(50_025)) => Self::InvalidUserToken,
            (_, Some(30_001)) => Self::TooManyGuilds,
            (_, Some(50_007)) => Self::CannotMessage,
            (401, _) => Self::Unauthorized,
            (403, None) => Self::Blocked,
            (500.., _) => Self::Server { status },
            _ => Self::Refused {
                status,
                code,
                message: message.chars().take(200).collect(),
            },
        }
    }

    #[must_use]
    pub fn class(&self) -> FailureClass {
        match self {
            Self::RateLimited { after_ms, .. } => FailureClass::Retry {
                after_ms: Some(*after_ms),
            },
            Self::UnknownOutcome => FailureClass::Retry {
                after_ms: Some(MAY_STILL_LAND_MS),
            },
            Self::Server { .. } | Self::Network(_) | Self::Unreadable(_) => {
                FailureClass::Retry { after_ms: None }
            }
            Self::UnknownMember { .. } => FailureClass::Absent,
            Self::Unauthorized | Self::NoGuildAccess { .. } | Self::Blocked => {
                FailureClass::StopAll
            }
            Self::UnknownRole
            | Self::InvalidRole
            | Self::MissingPermissions
            | Self::Banned
            | Self::InvalidUserToken
            | Self::TooManyGuilds
            | Self::CannotMessage
            | Self::IntentMissing
            | Self::Refused { .. }
            | Self::Unsendable(_) => FailureClass::NeedsPerson,
        }
    }

    /// Whether something went wrong there or on the way, rather than that it is to be asked later.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        !matches!(self, Self::RateLimited { .. } | Self::UnknownOutcome)
    }

    /// Discord's JSON error code, when there was one.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        match self {
            Self::NoGuildAccess { code } | Self::UnknownMember { code } => Some(*code),
            Self::IntentMissing => Some(50_001),
            Self::UnknownRole => Some(10_011),
            Self::InvalidRole => Some(50_028),
            Self::MissingPermissions => Some(50_013),
            Self::Banned => Some(40_007),
            Self::InvalidUserToken => Some(50_025),
            Self::TooManyGuilds => Some(30_001),
            Self::CannotMessage => Some(50_007),
            Self::Refused { code, .. } => *code,
            Self::Unauthorized
            | Self::Blocked
            | Self::RateLimited { .. }
            | Self::Server { .. }
            | Self::Network(_)
            | Self::UnknownOutcome
            | Self::Unreadable(_)
            | Self::Unsendable(_) => None,
        }
    }

    /// What a person should do, in plain words.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Unauthorized => "Discord does not accept DISCORD_BOT_TOKEN. Copy the bot's \
                token again from the application's page at Discord and restart."
                .into(),
            Self::NoGuildAccess { .. } => "The bot is not in the server DISCORD_GUILD_ID names. \
                Invite it again; nobody's roles are touched until then."
                .into(),
            Self::Blocked => "Discord refuses requests from this server's address. It usually \
                lifts within an hour; if it does not, look for another program that uses the \
                same address or token."
                .into(),
            Self::UnknownMember { .. } => "The person is not in the server. Their roles follow \
                as soon as they join."
                .into(),
            Self::UnknownRole => "The role was deleted at Discord. Put an existing role into the \
                plan's rollcall_roles."
                .into(),
            Self::InvalidRole => "Discord does not let this role be given: it belongs to an \
                integration. Put another role into the plan's rollcall_roles."
                .into(),
            Self::MissingPermissions => "Give the bot's role the permission Manage Roles, and \
                drag it above the roles it is to give (Server Settings, Roles)."
                .into(),
            Self::Banned => "The person is banned from the server. Lift the ban, or end the \
                subscription."
                .into(),
            Self::InvalidUserToken => "Discord no longer lets us add this person. They join by \
                an invite of the server, or sign in here once more."
                .into(),
            Self::TooManyGuilds => "The person is in as many servers as Discord allows and has \
                to leave one before they can join."
                .into(),
            Self::CannotMessage => "The person takes no direct messages from the bot. In Discord \
                they right-click the server, open Privacy Settings and switch on Direct Messages."
                .into(),
            Self::IntentMissing => "Open discord.com/developers/applications, choose the \
                application, then Bot, and switch on Server Members Intent under Privileged \
                Gateway Intents; press Save Changes."
                .into(),
            Self::RateLimited { .. } => "Discord asked us to wait. It goes on by itself.".into(),
            Self::Server { .. } | Self::Network(_) | Self::Unreadable(_) => {
                "Discord has trouble answering. It is tried again by itself.".into()
            }
            Self::UnknownOutcome => "Discord did not answer in time. What it did is looked up \
                before anything else is tried."
                .into(),
            Self::Refused { status, code, .. } => format!(
                "Discord refused with {status}{}. Look the code up in Discord's list of JSON \
                 error codes.",
                code.map_or_else(String::new, |code| format!(" and code {code}"))
            ),
            Self::Unsendable(what) => format!("Check the configuration: {what}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_its_class() {
        let retry = FailureClass::Retry { after_ms: None };
        for (status, code, class) in [
            (401, Some(0), FailureClass::StopAll),
            (401, None, FailureClass::StopAll),
            (404, Some(10_004), FailureClass::StopAll),
            (403, Some(50_001), FailureClass::StopAll),
            (403, None, FailureClass::StopAll),
            (404, Some(10_007), FailureClass::Absent),
            (404, Some(10_013), FailureClass::Absent),
            (404, Some(10_011), FailureClass::NeedsPerson),
            (403, Some(50_013), FailureClass::NeedsPerson),
            (400, Some(50_028), FailureClass::NeedsPerson),
            (403, Some(40_007), FailureClass::NeedsPerson),
            (403, Some(50_025), FailureClass::NeedsPerson),
            (401, Some(50_025), FailureClass::NeedsPerson),
            (400, Some(30_001), FailureClass::NeedsPerson),
            (403, Some(50_007), FailureClass::NeedsPerson),
            (400, Some(50_035), FailureClass::NeedsPerson),
            (404, None, FailureClass::NeedsPerson),
            (302, None, FailureClass::NeedsPerson),
            (500, Some(0), retry),
            (502, None, retry),
            (599, None, retry),
        ] {
            let error = DiscordError::from_answer(status, code, "message");
            assert_eq!(error.class(), class, "{status} {code:?}");
            assert!(!error.advice().is_empty());
        }
    }

    #[test]
    fn codes_survive_the_way_in_and_out() {
        for code in [
            10_004, 10_007, 10_011, 10_013, 30_001, 40_007, 50_001, 50_007, 50_013, 50_025, 50_028,
            50_035,
        ] {
            let error = DiscordError::from_answer(400, Some(code), "");
            assert_eq!(error.code(), Some(code));
        }
    }

    #[test]
    fn an_unknown_outcome_is_looked_at_only_when_it_can_no_longer_land() {
        let FailureClass::Retry { after_ms: Some(ms) } = DiscordError::UnknownOutcome.class()
        else {
            panic!("not a retry with a wait");
        };
        assert!(ms >= 10_000);
    }
}
