//! The ticket of a move: two fresh sign-ins give it, and it is used once.

use super::moving::{By, Mover, carry_out, payer, shown};
use super::{Failure, limited};
use crate::state::AppState;
use app::account::{AccountError, Move};

/// How long two sign-ins count, by the wall clock.
pub const FRESH_MS: i64 = 10 * 60 * 1000;

/// Both have signed in freshly, in one browser: answers the ticket that confirms their move.
pub async fn prepare(state: &AppState, from: &str, to: &str) -> Result<String, Failure> {
    limited(state, from)?;
    let now = state.clock.policy_ms();
    let by = By::Member;
    let mover = Mover { by, from, to };
    let ticket = state.rng.id("mov_");
    let mut tx = state.db.begin().await?;
    let payer = payer(&mut tx, from, now).await??;
    if let Some(error) = mover.refused(&mut tx, now).await? {
        return Err(error.into());
    }
    sqlx::query(
        "INSERT INTO account_moves (id, payer_id, from_user, to_user, prepared_at) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&ticket)
    .bind(&payer)
    .bind(from)
    .bind(to)
    .bind(state.clock.wall_ms())
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(ticket)
}

/// Whose membership a ticket moves to whom, as long as it counts and is that person's.
async fn ticket(state: &AppState, user_id: &str, id: &str) -> Result<String, Failure> {
    let to: Option<String> = sqlx::query_scalar(
        "SELECT to_user FROM account_moves WHERE id = $1 AND from_user = $2 \
         AND moved_at IS NULL AND prepared_at > $3",
    )
    .bind(id)
    .bind(user_id)
    .bind(state.clock.wall_ms() - FRESH_MS)
    .fetch_optional(state.db.reader())
    .await?;
    Ok(to.ok_or(AccountError::NotFresh)?)
}

/// What a ticket would move.
pub async fn prepared(state: &AppState, user_id: &str, id: &str) -> Result<Move, Failure> {
    let to = ticket(state, user_id, id).await?;
    let by = By::Member;
    let mover = Mover {
        by,
        from: user_id,
        to: &to,
    };
    shown(state, &mover, None).await
}

/// Does what a ticket says; answers whose the membership is now.
pub async fn confirm(state: &AppState, user_id: &str, id: &str) -> Result<String, Failure> {
    limited(state, user_id)?;
    let to = ticket(state, user_id, id).await?;
    let by = By::Member;
    let mover = Mover {
        by,
        from: user_id,
        to: &to,
    };
    carry_out(state, &mover, Some(id)).await?;
    Ok(to)
}
