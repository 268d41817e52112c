//! A direct message to an operator, sent under its lease. Whoever crashes between Discord's yes and
//! our commit asks again: within a minute by the same nonce, which Discord sends once, and later
//! only when the channel does not show it.

use super::{Matter, holds};
use crate::db::DbError;
use crate::db::dirty::{self, Class, Lease, SubjectKind};
use crate::discord::{DiscordError, FailureClass, Message, fitting};
use crate::state::AppState;
use sqlx::{AnyConnection, FromRow};

/// Discord knows a nonce for "a few minutes".
const NONCE_KNOWN_MS: i64 = 60 * 1000;
/// How long it is tried before it is too old to be of use.
const GIVE_UP_AFTER_MS: i64 = 24 * 60 * 60 * 1000;

/// Leaves room for what it means and what to do.
const LONGEST_DETAIL: usize = 1_000;

/// Why a message is not settled yet; it comes again.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Discord(#[from] DiscordError),
}

impl From<sqlx::Error> for MessageError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

#[derive(FromRow)]
struct Row {
    operator: String,
    kind: String,
    subject: String,
    opened_at: i64,
    state: String,
    channel_id: Option<String>,
    content: Option<String>,
    /// Wall ms.
    asked_at: Option<i64>,
    created_at: i64,
}

/// Writes a message and marks it, unless there is one of this matter for this operator already.
pub(super) async fn enqueue(
    state: &AppState,
    conn: &mut AnyConnection,
    operator: &str,
    matter: &Matter,
    now: i64,
) -> Result<(), DbError> {
    let id: Option<String> = sqlx::query_scalar(
        "INSERT INTO messages (id, operator, kind, subject, opened_at, state, created_at) \
         VALUES ($1, $2, $3, $4, $5, 'queued', $6) \
         ON CONFLICT (kind, subject, opened_at, operator) DO NOTHING RETURNING id",
    )
    .bind(state.rng.id("msg_"))
    .bind(operator)
    .bind(&matter.kind)
    .bind(&matter.subject)
    .bind(matter.opened_at)
    .bind(now)
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(id) = id {
        dirty::mark(conn, SubjectKind::Message, &id, now, Class::Event, "desk").await?;
    }
    Ok(())
}

/// Sends the message if it is still true, and gives the lease back. On an error the lease is
/// still held; the caller decides what becomes of it.
pub async fn sync_message(state: &AppState, lease: &Lease) -> Result<(), MessageError> {
    let mut conn = state.db.reader().acquire().await?;
    let row: Option<Row> = sqlx::query_as(
        "SELECT operator, kind, subject, opened_at, state, channel_id, content, asked_at, created_at \
         FROM messages WHERE id = $1",
    )
    .bind(&lease.id)
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row.filter(|row| matches!(row.state.as_str(), "queued" | "sending")) else {
        drop(conn);
        return Ok(forget(state, lease).await?);
    };
    let matter: Option<Matter> = sqlx::query_as(
        "SELECT kind, subject, detail, opened_at FROM incidents WHERE kind = $1 AND subject = $2",
    )
    .bind(&row.kind)
    .bind(&row.subject)
    .fetch_optional(&mut *conn)
    .await?;
    let true_still = holds(&mut conn, &row.kind, &row.subject, row.opened_at).await?;
    drop(conn);
    let end = match tried(state, lease, &row, matter.filter(|_| true_still)).await {
        Ok(end) => end,
        Err(MessageError::Discord(error)) => match ended_by(state, lease, &row, &error) {
            Some(end) => end,
            None => return Err(error.into()),
        },
        Err(error) => return Err(error),
    };
    Ok(settle(state, lease, end).await?)
}

/// What becomes of a message; `None` of `matter`: it is no longer true.
async fn tried(
    state: &AppState,
    lease: &Lease,
    row: &Row,
    matter: Option<Matter>,
) -> Result<&'static str, MessageError> {
    let now = state.clock.wall_ms();
    let forgotten = row.asked_at.is_some_and(|at| now - at >= NONCE_KNOWN_MS);
    if forgotten
        && let (Some(channel), Some(content)) = (&row.channel_id, &row.content)
        && state.discord.said(channel).await?.contains(content)
    {
        return Ok("sent");
    }
    let Some(matter) = matter else {
        return Ok("dropped");
    };
    let channel = match &row.channel_id {
        Some(channel) => channel.clone(),
        None => state.discord.direct_channel(&row.operator).await?,
    };
    let content = row
        .content
        .clone()
        .unwrap_or_else(|| text(&matter, &state.config.own_url("/admin/incidents")));
    begin(state, lease, &channel, &content).await?;
    let message = Message {
        content: &content,
        nonce: &lease.id,
    };
    state.discord.say(&channel, &message).await?;
    tracing::info!(message = %lease.id, kind = %row.kind, "an operator was told by a direct message");
    Ok("sent")
}

/// How a message ends by a failure; `None`: it does not, and comes again.
fn ended_by(
    state: &AppState,
    lease: &Lease,
    row: &Row,
    error: &DiscordError,
) -> Option<&'static str> {
    let (message, kind) = (&lease.id, &row.kind);
    let end = match (error, error.class()) {
        (DiscordError::CannotMessage, _) | (_, FailureClass::Absent) => "refused",
        (_, FailureClass::NeedsPerson) => "failed",
        _ if state.clock.policy_ms() - row.created_at > GIVE_UP_AFTER_MS => "failed",
        _ => return None,
    };
    tracing::warn!(message = %message, operator = %row.operator, kind = %kind, error = %error, "an operator could not be told by a direct message; it is not tried again");
    Some(end)
}

/// In Discord's marks: bold, and a moment that everybody sees in their own time.
fn text(matter: &Matter, desk: &str) -> String {
    let [title, detail, meaning, todo] = matter.words();
    let detail: String = detail.chars().take(LONGEST_DETAIL).collect();
    let since = matter.opened_at / 1000;
    fitting(&format!(
        "**{title}**, since <t:{since}:f>\n{detail}\n{meaning}\n**What to do:** {todo}\nThe desk: <{desk}>"
    ))
}

/// Written before Discord is asked, so that an outcome nobody heard is seen for what it is; renews
/// the lease for the call.
async fn begin(
    state: &AppState,
    lease: &Lease,
    channel: &str,
    content: &str,
) -> Result<(), DbError> {
    let wall = state.clock.wall_ms();
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, wall).await?;
    sqlx::query(
        "UPDATE messages SET state = 'sending', channel_id = $1, content = $2, asked_at = $3 WHERE id = $4",
    )
    .bind(channel)
    .bind(content)
    .bind(wall)
    .bind(&lease.id)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

async fn settle(state: &AppState, lease: &Lease, end: &str) -> Result<(), DbError> {
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    sqlx::query("UPDATE messages SET state = $1, content = NULL, settled_at = $2 WHERE id = $3")
        .bind(end)
        .bind(now)
        .bind(&lease.id)
        .execute(&mut *tx)
        .await?;
    dirty::forget(&mut tx, lease, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn forget(state: &AppState, lease: &Lease) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    dirty::forget(&mut tx, lease, state.clock.policy_ms()).await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_it_means_and_what_to_do() {
        let matter = Matter {
            kind: "brake".to_owned(),
            subject: "missing".to_owned(),
            detail: "x".repeat(3_000),
            opened_at: 1_772_366_400_123,
        };
        let said = text(&matter, "https://members.example.org/admin/incidents");
        assert!(said.chars().count() <= 2_000);
        assert!(said.starts_with("**The brake holds**, since <t:1772366400:f>\nxxx"));
        assert!(
            said.contains("**What to do:** Look"),
            "however long the detail"
        );
        let short = Matter {
            detail: "12 people".to_owned(),
            ..matter
        };
        let said = text(&short, "https://members.example.org/admin/incidents");
        assert!(said.contains("12 people\n") && said.contains("**What to do:** Look"));
        assert!(said.ends_with("<https://members.example.org/admin/incidents>"));
    }
}
