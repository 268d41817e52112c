//! Mail about an account itself: a membership that moved, a deletion that was asked for.

use super::outbox::{Draft, enqueue};
use super::texts::{About, Moved};
use crate::db::DbError;
use crate::state::AppState;
use sqlx::AnyConnection;

/// To one of the two people of a move.
pub async fn moved(
    state: &AppState,
    conn: &mut AnyConnection,
    user_id: &str,
    about: Moved,
    move_id: &str,
    now: i64,
) -> Result<(), DbError> {
    let draft = Draft {
        user_id,
        once_key: &format!("moved:{move_id}:{user_id}"),
        about: &About::Moved(about),
        due_at: now,
    };
    enqueue(state, conn, &draft, move_id, now).await
}

/// To whoever asked for their account to be deleted, while it can be taken back.
pub async fn leaving(
    state: &AppState,
    conn: &mut AnyConnection,
    user_id: &str,
    begins_at: i64,
    now: i64,
    trace: &str,
) -> Result<(), DbError> {
    let draft = Draft {
        user_id,
        once_key: &format!("leaving:{user_id}:{begins_at}"),
        about: &About::Leaving { begins_at },
        due_at: now,
    };
    enqueue(state, conn, &draft, trace, now).await
}
