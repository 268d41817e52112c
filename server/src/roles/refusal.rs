//! Why Discord refused a role, told so that it can be mended; and who it is not asked for again
//! until something changed, or for a while.

use super::record::{self, Step};
use super::{RolesError, guild};
use crate::db::DbError;
use crate::db::dirty::{self, Class, Lease, SubjectKind};
use crate::discord::{DiscordError, FailureClass, GuildView, RoleObstacle, explain_50013};
use crate::state::AppState;
use sqlx::AnyConnection;

/// Codes that are of the role and not of the person: whoever asks is refused.
const OF_THE_ROLE: &str = "(10011, 50013, 50028)";

/// How long a refusal is believed. What is mended without the server's roles changing (two-factor
/// wanted of the owner, say) would otherwise last for ever; one person asks then, for all who wait.
pub const BELIEVED_MS: i64 = 6 * 60 * 60 * 1000;

/// A refusal, with what to do.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Refusal {
    pub code: Option<i64>,
    pub detail: String,
    /// Policy clock, ms; of one that stands in our rows.
    pub answered_at: Option<i64>,
}

/// A refusal with what was seen of the server after it.
pub struct Explained {
    pub refusal: Refusal,
    seen: Seen,
}

enum Seen {
    /// The code says it all.
    NotLooked,
    /// The look was lost.
    Nothing,
    Server {
        guild: GuildView,
        bot_roles: Vec<String>,
        explains: bool,
    },
}

/// What an answer means. 50013 has two causes, and the server's roles as they are now tell which.
pub async fn explain(
    state: &AppState,
    role_id: &str,
    error: &DiscordError,
) -> Result<Explained, RolesError> {
    let mut detail = error.advice();
    let seen = if *error == DiscordError::MissingPermissions {
        match look(state).await {
            Ok((guild, bot_roles)) => {
                let obstacle = explain_50013(&guild, &bot_roles, role_id);
                detail = obstacle.advice();
                Seen::Server {
                    guild,
                    bot_roles,
                    explains: obstacle != RoleObstacle::NotInTheRoles,
                }
            }
            Err(error) if error.class() == FailureClass::StopAll => return Err(error.into()),
            Err(error) => {
                tracing::warn!(error = %error, "why Discord refused a role could not be looked up");
                Seen::Nothing
            }
        }
    } else {
        Seen::NotLooked
    };
    Ok(Explained {
        refusal: Refusal {
            code: error.code(),
            detail,
            answered_at: None,
        },
        seen,
    })
}

/// Writes a refusal and what was seen after it, so that mending it is seen as a change, and marks
/// the guild. Where nothing explains it, it may be mended already: then the next look is a change
/// whatever it sees, but not for whoever was refused `again`. Answers whether a look has seen
/// another server than there was at `before` (of [`changes`]); it saw nobody waiting yet.
pub async fn write(
    state: &AppState,
    lease: &Lease,
    explained: &Explained,
    step: &Step<'_>,
    again: bool,
    before: Option<i64>,
) -> Result<bool, DbError> {
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    one_at_a_time(&mut tx).await?;
    let changed = changes(&mut tx).await? != before;
    let is_seen = match &explained.seen {
        Seen::NotLooked => true,
        Seen::Nothing => false,
        Seen::Server {
            guild,
            bot_roles,
            explains,
        } => {
            guild::learn(&mut tx, guild, Some(bot_roles), now, &lease.trace).await?;
            *explains || again
        }
    };
    if !is_seen {
        guild::unseen(&mut tx).await?;
    }
    if !matches!(explained.seen, Seen::NotLooked) {
        let (kind, id) = (SubjectKind::Guild, super::GUILD_SUBJECT);
        dirty::mark(&mut tx, kind, id, now, Class::Event, &lease.trace).await?;
    }
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    record::step_in(state, &mut tx, lease, step).await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(changed)
}

/// Whoever writes what was read of the server, or that somebody waits for it to be mended, holds the
/// guild's subject from here to the end of the transaction. Otherwise, on PostgreSQL, a look sees
/// nobody waiting whose refusal is not committed yet, the refusal sees no change that is not
/// committed yet, and nobody asks again. Taken before users' subjects.
pub async fn one_at_a_time(conn: &mut AnyConnection) -> Result<(), DbError> {
    dirty::hold(conn, SubjectKind::Guild, super::GUILD_SUBJECT).await
}

/// The server as it is now, and the bot's roles in it.
pub async fn look(state: &AppState) -> Result<(GuildView, Vec<String>), DiscordError> {
    let guild = state.discord.guild().await?;
    let bot = state.discord.bot().await?;
    let member = state.discord.member(&bot.id).await?;
    Ok((guild, member.map(|member| member.roles).unwrap_or_default()))
}

/// How often the server's roles, or the bot's own, were read as others than before.
pub async fn changes(conn: &mut AnyConnection) -> Result<Option<i64>, DbError> {
    Ok(
        sqlx::query_scalar("SELECT changes FROM guild_bot WHERE id = 'bot'")
            .fetch_optional(conn)
            .await?,
    )
}

/// What Discord said last of this role to somebody, since the server's roles last changed and not
/// long ago. Every refusal counts against our address, and this one would be the same.
pub async fn known(
    conn: &mut AnyConnection,
    role_id: &str,
    now: i64,
) -> Result<Option<Refusal>, DbError> {
    let sql = format!(
        "SELECT code, detail, answered_at FROM grants WHERE role_id = $1 \
         AND state IN ('refused', 'revoking') AND code IN {OF_THE_ROLE} AND detail IS NOT NULL \
         AND answered_at > (SELECT changed_at FROM guild_bot WHERE id = 'bot') \
         AND answered_at > $2 ORDER BY answered_at DESC LIMIT 1"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(role_id)
        .bind(now - BELIEVED_MS)
        .fetch_optional(conn)
        .await?)
}

/// Whether somebody waits for this role to be mended.
pub async fn waiting(conn: &mut AnyConnection, role_id: &str) -> Result<bool, DbError> {
    let one: Option<String> = sqlx::query_scalar(
        "SELECT user_id FROM grants WHERE role_id = $1 AND (state = 'refused' \
         OR (state = 'revoking' AND code IS NOT NULL)) LIMIT 1",
    )
    .bind(role_id)
    .fetch_optional(conn)
    .await?;
    Ok(one.is_some())
}

/// Whether anybody waits for anything to be mended at Discord.
pub async fn anybody_waits(conn: &mut AnyConnection) -> Result<bool, DbError> {
    let one: Option<String> = sqlx::query_scalar(
        "SELECT user_id FROM grants WHERE state = 'refused' \
         OR (state = 'revoking' AND code IS NOT NULL) LIMIT 1",
    )
    .fetch_optional(conn)
    .await?;
    Ok(one.is_some())
}
