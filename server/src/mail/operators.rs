//! A mail to an operator: one per matter.

use super::outbox::{Draft, enqueue};
use super::texts::{About, Desk};
use crate::db::DbError;
use crate::state::AppState;
use crate::tell::Matter;
use sqlx::AnyConnection;

pub async fn to_operator(
    state: &AppState,
    conn: &mut AnyConnection,
    user_id: &str,
    matter: &Matter,
    now: i64,
) -> Result<(), DbError> {
    let [title, detail, meaning, todo] = matter.words().map(str::to_owned);
    let about = About::Desk(Desk {
        matter: matter.kind.clone(),
        subject: matter.subject.clone(),
        opened_at: matter.opened_at,
        title,
        paragraphs: vec![detail, meaning, todo],
    });
    let draft = Draft {
        user_id,
        once_key: &format!(
            "desk:{}:{}:{}:{user_id}",
            matter.kind, matter.subject, matter.opened_at
        ),
        about: &about,
        due_at: now,
    };
    enqueue(state, conn, &draft, "desk", now).await
}
