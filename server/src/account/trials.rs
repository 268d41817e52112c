//! A free trial is given once per account at Discord. While a payer stands behind it, its
//! subscriptions tell; where none does any more, a keyed digest of the id does.

use crate::db::DbError;
use crate::seal::SealError;
use crate::state::AppState;
use sqlx::AnyConnection;

fn digest(state: &AppState, discord_id: &str) -> Result<String, SealError> {
    state.seal.digest("spent_trials/discord", discord_id)
}

/// Whether this payer has begun a subscription: what never began used no trial up.
pub async fn began(conn: &mut AnyConnection, payer_id: &str) -> Result<bool, DbError> {
    let begun: Option<String> = sqlx::query_scalar(
        "SELECT id FROM subscriptions WHERE payer_id = $1 \
         AND status NOT IN ('incomplete', 'incomplete_expired') LIMIT 1",
    )
    .bind(payer_id)
    .fetch_optional(conn)
    .await?;
    Ok(begun.is_some())
}

/// Keeps that the account at Discord behind a user has had its trial.
pub async fn spend(
    state: &AppState,
    conn: &mut AnyConnection,
    user_id: &str,
    now: i64,
) -> Result<(), super::Failure> {
    let discord_id: Option<String> =
        sqlx::query_scalar("SELECT discord_user_id FROM users WHERE id = $1")
            .bind(user_id)
            .fetch_optional(&mut *conn)
            .await?;
    let Some(discord_id) = discord_id else {
        return Ok(());
    };
    sqlx::query(
        "INSERT INTO spent_trials (account_digest, spent_at) VALUES ($1, $2) \
         ON CONFLICT (account_digest) DO NOTHING",
    )
    .bind(digest(state, &discord_id)?)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether the account at Discord behind a user had a trial with a payer it has no more.
pub async fn spent(state: &AppState, user_id: &str) -> Result<bool, super::Failure> {
    let discord_id: Option<String> =
        sqlx::query_scalar("SELECT discord_user_id FROM users WHERE id = $1")
            .bind(user_id)
            .fetch_optional(state.db.reader())
            .await?;
    let Some(discord_id) = discord_id else {
        return Ok(false);
    };
    let found: Option<i64> =
        sqlx::query_scalar("SELECT spent_at FROM spent_trials WHERE account_digest = $1")
            .bind(digest(state, &discord_id)?)
            .fetch_optional(state.db.reader())
            .await?;
    Ok(found.is_some())
}
