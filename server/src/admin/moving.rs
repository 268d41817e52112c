//! Moving a membership for somebody who lost their account at Discord.

use super::DeskError;
use crate::account::{self, By, Failure, Mover};
use crate::db::DbError;
use crate::db::dirty::{self, Class, NEVER, SubjectKind};
use crate::state::AppState;
use app::account::AccountError;
use app::admin::{Done, MoveShown};

/// Letters of a reason that are kept.
const LONGEST: usize = 300;

pub async fn shown(state: &AppState, from: &str, to: &str) -> Result<MoveShown, DeskError> {
    if !is_id(to) {
        return Ok(MoveShown::NoSuchId);
    }
    let known = user(state, to).await?;
    let by = By::Operator { id: "", reason: "" };
    let mover = Mover {
        by,
        from,
        to: known.as_deref().unwrap_or_default(),
    };
    let stranger = known.is_none().then_some(to);
    match account::shown(state, &mover, stranger).await {
        Ok(shown) => Ok(MoveShown::Can(Box::new(shown))),
        Err(Failure::Db(error)) => Err(error.into()),
        Err(failure) => Ok(MoveShown::Refused(failure.told("show a move"))),
    }
}

pub async fn carry_out(
    state: &AppState,
    operator: &str,
    from: &str,
    to: &str,
    reason: &str,
) -> Result<Done, DeskError> {
    let reason: String = reason
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(LONGEST)
        .collect();
    if reason.is_empty() {
        return Err(DeskError::NoReason);
    }
    if !is_id(to) {
        return Err(DeskError::Changed);
    }
    let to = made(state, to).await?;
    let by = By::Operator {
        id: operator,
        reason: &reason,
    };
    let mover = Mover { by, from, to: &to };
    match account::carry_out(state, &mover, None).await {
        Ok(()) => Ok(Done::Moved),
        Err(Failure::Db(error)) => Err(error.into()),
        Err(failure) => match failure.told("move at the desk") {
            AccountError::Unavailable => Err(DbError::Fenced.into()),
            _ => Err(DeskError::Changed),
        },
    }
}

/// As Discord makes ids: <https://docs.discord.com/developers/reference#snowflakes>.
fn is_id(text: &str) -> bool {
    (17..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

async fn user(state: &AppState, discord_id: &str) -> Result<Option<String>, DbError> {
    Ok(
        sqlx::query_scalar("SELECT id FROM users WHERE discord_user_id = $1")
            .bind(discord_id)
            .fetch_optional(state.db.reader())
            .await?,
    )
}

/// Our id of whoever has that id at Discord; somebody who was never here is written down with
/// nothing but the id.
async fn made(state: &AppState, discord_id: &str) -> Result<String, DbError> {
    if let Some(known) = user(state, discord_id).await? {
        return Ok(known);
    }
    let mut tx = state.db.begin().await?;
    sqlx::query(
        "INSERT INTO users (id, discord_user_id, name, email_verified, created_at, signed_in_at) \
         VALUES ($1, $2, $3, 0, $4, 0) ON CONFLICT (discord_user_id) DO NOTHING",
    )
    .bind(state.rng.id("usr_"))
    .bind(discord_id)
    .bind(account::stranger_name(discord_id))
    .bind(state.clock.wall_ms())
    .execute(&mut *tx)
    .await?;
    let id: String = sqlx::query_scalar("SELECT id FROM users WHERE discord_user_id = $1")
        .bind(discord_id)
        .fetch_one(&mut *tx)
        .await?;
    let (kind, class) = (SubjectKind::User, Class::Bulk);
    dirty::mark(&mut tx, kind, &id, NEVER, class, "desk").await?;
    tx.commit().await?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::is_id;

    #[test]
    fn an_id_is_a_long_number() {
        assert!(is_id("1100000000000000101"));
        for text in [
            "",
            "usr_1",
            "11",
            "110000000000000010x",
            "111111111111111111111",
        ] {
            assert!(!is_id(text), "{text}");
        }
    }
}
