//! The user behind a Discord account, made or brought up to date at each sign-in.

use super::LoginError;
use super::discord::Person;
use crate::db::dirty::{self, Class, SubjectKind};
use crate::mail;
use crate::state::AppState;

/// Stores who signed in, with the sealed token by which they can be added to the server, and
/// marks them, in one transaction. Answers our id of the user.
pub(super) async fn signed_in(state: &AppState, person: &Person) -> Result<String, LoginError> {
    let now = state.clock.wall_ms();
    let mut tx = state.db.begin().await?;
    let user_id: String = sqlx::query_scalar(
        "INSERT INTO users (id, discord_user_id, name, avatar_url, email, email_verified, \
         in_guild, created_at, signed_in_at) VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, $7) \
         ON CONFLICT (discord_user_id) DO UPDATE SET name = excluded.name, \
         avatar_url = excluded.avatar_url, email = excluded.email, \
         email_verified = excluded.email_verified, signed_in_at = excluded.signed_in_at \
         RETURNING id",
    )
    .bind(state.rng.id("usr_"))
    .bind(&person.discord_user_id)
    .bind(&person.name)
    .bind(&person.avatar_url)
    .bind(&person.email)
    .bind(i64::from(person.email_verified))
    .bind(now)
    .fetch_one(&mut *tx)
    .await?;
    if let Some(join) = &person.join {
        let sealed = state
            .seal
            .seal(&format!("join_tokens/{user_id}"), &join.token)?;
        sqlx::query(
            "INSERT INTO join_tokens (user_id, sealed, expires_at) VALUES ($1, $2, $3) \
             ON CONFLICT (user_id) DO UPDATE SET sealed = excluded.sealed, \
             expires_at = excluded.expires_at",
        )
        .bind(&user_id)
        .bind(sealed)
        .bind(now + join.lives_ms)
        .execute(&mut *tx)
        .await?;
    }
    mail::signed_in(state, &mut tx, &user_id, now).await?;
    dirty::mark(
        &mut tx,
        SubjectKind::User,
        &user_id,
        state.clock.policy_ms(),
        Class::Urgent,
        &state.rng.id("login_"),
    )
    .await?;
    tx.commit().await?;
    Ok(user_id)
}
