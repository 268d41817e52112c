//! The way into the server: a person's `guilds.join` token, used once and deleted.

use super::RolesError;
use super::record::{banned, in_guild};
use super::sync::Person;
use crate::db::DbError;
use crate::db::dirty::{self, Lease};
use crate::discord::{DiscordError, FailureClass, Joined};
use crate::incidents;
use crate::state::AppState;
use secrecy::SecretString;
use std::collections::BTreeSet;

/// The person's roles in the server, after adding them to it with their token when `joins`.
/// `None`: not in the server.
pub async fn in_the_server(
    state: &AppState,
    lease: &Lease,
    person: &Person,
    joins: bool,
) -> Result<Option<BTreeSet<String>>, RolesError> {
    let mut member = state.discord.member(&person.discord_id).await?;
    let token = join_token(state, &person.user_id).await?;
    if member.is_none()
        && joins
        && let Some(token) = &token
    {
        // The lease has to outlive waiting in line once more.
        dirty::renew(&state.db, lease, state.clock.wall_ms()).await?;
        match state.discord.join(&person.discord_id, &token.secret).await {
            Ok(Joined::Added | Joined::AlreadyMember) => {
                tracing::info!(trace = %lease.trace, "the person was added to the server");
                dirty::renew(&state.db, lease, state.clock.wall_ms()).await?;
                member = state.discord.member(&person.discord_id).await?;
            }
            Err(error) if error.class() == FailureClass::NeedsPerson => {
                tracing::warn!(error = %error, trace = %lease.trace, "the person could not be added to the server");
                if error == DiscordError::InvalidUserToken {
                    forget_token(state, &person.user_id, &token.sealed).await?;
                } else {
                    let mut tx = state.db.begin().await?;
                    let now = state.clock.policy_ms();
                    let subject = &person.user_id;
                    if error == DiscordError::Banned {
                        banned(&mut tx, subject, true).await?;
                    }
                    incidents::open(&mut tx, "join refused", subject, &error.advice(), now).await?;
                    tx.commit().await?;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    in_guild(state, lease, &person.user_id, member.is_some()).await?;
    if let (Some(_), Some(token)) = (&member, &token) {
        // The token has done what it was for.
        forget_token(state, &person.user_id, &token.sealed).await?;
    }
    Ok(member.map(|member| member.roles.into_iter().collect()))
}

/// A `guilds.join` token, and the sealed form that names it in its row.
struct JoinToken {
    secret: SecretString,
    sealed: String,
}

async fn join_token(state: &AppState, user_id: &str) -> Result<Option<JoinToken>, DbError> {
    let row: Option<(String, i64)> =
        sqlx::query_as("SELECT sealed, expires_at FROM join_tokens WHERE user_id = $1")
            .bind(user_id)
            .fetch_optional(state.db.reader())
            .await?;
    let Some((sealed, expires_at)) = row else {
        return Ok(None);
    };
    if expires_at <= state.clock.wall_ms() {
        forget_token(state, user_id, &sealed).await?;
        return Ok(None);
    }
    match state.seal.open(&format!("join_tokens/{user_id}"), &sealed) {
        Ok(secret) => Ok(Some(JoinToken { secret, sealed })),
        Err(error) => {
            tracing::warn!(error = %error, "a join token was dropped");
            forget_token(state, user_id, &sealed).await?;
            Ok(None)
        }
    }
}

/// Deletes that token; one that a newer sign-in brought meanwhile stays.
async fn forget_token(state: &AppState, user_id: &str, sealed: &str) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    sqlx::query("DELETE FROM join_tokens WHERE user_id = $1 AND sealed = $2")
        .bind(user_id)
        .bind(sealed)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}
