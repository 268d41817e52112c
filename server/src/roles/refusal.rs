//! Why Discord refused a role, told so that it can be mended; and who it is not asked for again
//! until something changed.

use super::{RolesError, guild};
use crate::db::DbError;
use crate::db::dirty::{self, Class, SubjectKind};
use crate::discord::{DiscordError, FailureClass, GuildView, RoleObstacle, explain_50013};
use crate::state::AppState;
use sqlx::AnyConnection;

/// Codes that are of the role and not of the person: whoever asks is refused.
const OF_THE_ROLE: &str = "(10011, 50013, 50028)";

/// A refusal, with what to do.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Refusal {
    pub code: Option<i64>,
    pub detail: String,
}

/// What an answer means. 50013 has two causes, and the server's roles as they are now tell which;
/// our rows learn of them, so that mending them is seen as a change, and the guild is marked. Where
/// they do not tell, it may be mended already: then the next look is a change whatever it sees, but
/// not for whoever was refused `again`.
pub async fn told(
    state: &AppState,
    role_id: &str,
    error: &DiscordError,
    again: bool,
    trace: &str,
) -> Result<Refusal, RolesError> {
    let mut detail = error.advice();
    if *error == DiscordError::MissingPermissions {
        let seen = match look(state).await {
            Ok(seen) => Some(seen),
            Err(error) if error.class() == FailureClass::StopAll => return Err(error.into()),
            Err(error) => {
                tracing::warn!(error = %error, "why Discord refused a role could not be looked up");
                None
            }
        };
        let now = state.clock.policy_ms();
        let mut tx = state.db.begin().await?;
        // In the order of a look of its own, which holds the subject first.
        let kind = SubjectKind::Guild;
        dirty::mark(
            &mut tx,
            kind,
            super::GUILD_SUBJECT,
            now,
            Class::Event,
            trace,
        )
        .await?;
        let is_seen = match &seen {
            Some((guild, roles)) => {
                let obstacle = explain_50013(guild, roles, role_id);
                detail = obstacle.advice();
                guild::learn(&mut tx, guild, Some(roles), now, trace).await?;
                obstacle != RoleObstacle::NotInTheRoles || again
            }
            None => false,
        };
        if !is_seen {
            guild::unseen(&mut tx).await?;
        }
        tx.commit().await?;
        state.work.notify_one();
    }
    Ok(Refusal {
        code: error.code(),
        detail,
    })
}

/// The server as it is now, and the bot's roles in it.
pub async fn look(state: &AppState) -> Result<(GuildView, Vec<String>), DiscordError> {
    let guild = state.discord.guild().await?;
    let bot = state.discord.bot().await?;
    let member = state.discord.member(&bot.id).await?;
    Ok((guild, member.map(|member| member.roles).unwrap_or_default()))
}

/// How often the server's roles, or the bot's own, were read as others than before.
pub async fn changes(state: &AppState) -> Result<Option<i64>, DbError> {
    Ok(
        sqlx::query_scalar("SELECT changes FROM guild_bot WHERE id = 'bot'")
            .fetch_optional(state.db.reader())
            .await?,
    )
}

/// What Discord said of this role to somebody since the server's roles last changed. Every
/// refusal counts against our address, and this one would be the same.
pub async fn known(conn: &mut AnyConnection, role_id: &str) -> Result<Option<Refusal>, DbError> {
    let sql = format!(
        "SELECT code, detail FROM grants WHERE role_id = $1 AND state IN ('refused', 'revoking') \
         AND code IN {OF_THE_ROLE} AND detail IS NOT NULL AND answered_at > \
         (SELECT changed_at FROM guild_bot WHERE id = 'bot') LIMIT 1"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(role_id)
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
