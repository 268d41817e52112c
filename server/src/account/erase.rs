//! The last step of a deletion: whatever is known of the person is erased, in one transaction.
//! The audit stays under the user's id, which leads to nobody then; so do the payer's rows, which
//! are the records of what was paid.

use super::deletion::{self, STUCK, Step};
use crate::db::DbError;
use crate::db::dirty::{self, Lease, SubjectKind};
use crate::incidents;
use crate::patience::lease;
use crate::roles;
use crate::state::AppState;
use crate::sync::payers;
use sqlx::AnyConnection;

/// What came of trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased {
    Done,
    /// Discord has not confirmed that every role of ours is gone.
    RolesLeft,
    /// There is a payer again.
    Pays,
    /// Another worker has the user.
    Busy,
}

/// Erases the person if nothing of theirs is left at Stripe and Discord.
pub async fn erase(state: &AppState, lease: &Lease, now: i64) -> Result<Erased, DbError> {
    if let Some(left) = standing(state, lease).await? {
        return Ok(left);
    }
    // Roles are not worked on while their rows go.
    let claimed = dirty::claim_one(&state.db, &*state.clock, SubjectKind::User, &lease.id).await?;
    let Some(user) = claimed else {
        return Ok(Erased::Busy);
    };
    let done = under_leases(state, lease, &user, now).await;
    if !matches!(done, Ok(Erased::Done)) {
        lease::give_back(state, &user).await;
    }
    done
}

/// What stands in the way, if anything.
async fn standing(state: &AppState, lease: &Lease) -> Result<Option<Erased>, DbError> {
    let mut conn = state.db.reader().acquire().await?;
    in_the_way(&mut conn, &lease.id).await
}

async fn in_the_way(conn: &mut AnyConnection, user_id: &str) -> Result<Option<Erased>, DbError> {
    if payers::find_of_user(conn, user_id).await?.is_some() {
        return Ok(Some(Erased::Pays));
    }
    let left = roles::left(conn, user_id).await?;
    Ok((!left.is_empty()).then_some(Erased::RolesLeft))
}

async fn under_leases(
    state: &AppState,
    lease: &Lease,
    user: &Lease,
    now: i64,
) -> Result<Erased, DbError> {
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    dirty::check_fence(&state.db, &mut tx, user, state.clock.wall_ms()).await?;
    if let Some(left) = in_the_way(&mut tx, &lease.id).await? {
        return Ok(left);
    }
    roles::by_hand::over(&mut tx, &lease.id, now).await?;
    rows(&mut tx, &lease.id).await?;
    for kind in [STUCK, "mail_refused", "join refused"] {
        incidents::close(&mut tx, kind, &lease.id, now).await?;
    }
    deletion::step(&mut tx, &lease.id, (Step::Revoking, Step::Erased), now).await?;
    let told = "the account was deleted: what was known of the person is erased";
    deletion::said(&mut tx, &lease.id, "rollcall", told, now, &lease.trace).await?;
    dirty::forget(&mut tx, lease, now).await?;
    tx.commit().await?;
    tracing::info!(user = %lease.id, trace = %lease.trace, "an account was erased");
    Ok(Erased::Done)
}

/// Every row that is theirs, what points at the person last.
async fn rows(conn: &mut AnyConnection, user_id: &str) -> Result<(), DbError> {
    let discord_id: Option<String> =
        sqlx::query_scalar("SELECT discord_user_id FROM users WHERE id = $1")
            .bind(user_id)
            .fetch_optional(&mut *conn)
            .await?;
    if let Some(discord_id) = &discord_id {
        // An operator's acts are told of the id that stays.
        sqlx::query("UPDATE audit SET actor = $1 WHERE actor = $2")
            .bind(format!("operator:{user_id}"))
            .bind(format!("operator:{discord_id}"))
            .execute(&mut *conn)
            .await?;
        for statement in [
            "DELETE FROM dirty WHERE kind = 'message' AND id IN (SELECT id FROM messages WHERE operator = $1)",
            "DELETE FROM messages WHERE operator = $1",
        ] {
            sqlx::query(statement)
                .bind(discord_id)
                .execute(&mut *conn)
                .await?;
        }
    }
    for statement in [
        "DELETE FROM dirty WHERE kind = 'mail' AND id IN (SELECT id FROM mails WHERE user_id = $1)",
        "DELETE FROM mails WHERE user_id = $1",
        "DELETE FROM mail_preferences WHERE user_id = $1",
        "DELETE FROM join_tokens WHERE user_id = $1",
        "DELETE FROM sessions WHERE user_id = $1",
        "DELETE FROM account_moves WHERE from_user = $1 AND moved_at IS NULL",
        "DELETE FROM account_moves WHERE to_user = $1 AND moved_at IS NULL",
        "DELETE FROM role_changes WHERE user_id = $1",
        "DELETE FROM grants WHERE user_id = $1",
        "UPDATE seats SET user_id = NULL, email = NULL WHERE user_id = $1",
        "DELETE FROM company_people WHERE user_id = $1",
        "DELETE FROM entitlements WHERE user_id = $1",
        "DELETE FROM dirty WHERE kind = 'user' AND id = $1",
        "DELETE FROM users WHERE id = $1",
    ] {
        sqlx::query(statement)
            .bind(user_id)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}
