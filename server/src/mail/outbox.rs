//! The outbox: a mail is a row and a dirty subject, written in the transaction that causes it.

use super::texts::About;
use crate::db::DbError;
use crate::db::dirty::{self, Class, SubjectKind};
use crate::state::AppState;
use secrecy::{ExposeSecret, SecretString};
use sqlx::AnyConnection;

/// A mail to be.
pub(super) struct Draft<'a> {
    pub user_id: &'a str,
    /// There is one mail for it, whoever asks and how often.
    pub once_key: &'a str,
    pub about: &'a About,
    /// On the policy clock.
    pub due_at: i64,
}

/// Where the body is sealed.
pub(super) fn place(once_key: &str) -> String {
    format!("mails/{once_key}")
}

/// The address mail goes to; only one that Discord says is confirmed.
pub(super) async fn address(
    conn: &mut AnyConnection,
    user_id: &str,
) -> Result<Option<SecretString>, DbError> {
    let row: Option<(Option<String>, i64)> =
        sqlx::query_as("SELECT email, email_verified FROM users WHERE id = $1")
            .bind(user_id)
            .fetch_optional(conn)
            .await?;
    Ok(match row {
        Some((Some(email), 1)) if !email.is_empty() => Some(email.into()),
        _ => None,
    })
}

/// By which an address is known again without being kept.
pub(super) fn address_digest(state: &AppState, address: &SecretString) -> Result<String, DbError> {
    state
        .seal
        .digest("mails/address", address.expose_secret())
        .map_err(|error| DbError::Impossible(error.to_string()))
}

/// Whether somebody asked for what is essential only.
pub(super) async fn essential_only(
    conn: &mut AnyConnection,
    user_id: &str,
) -> Result<bool, DbError> {
    let asked: Option<i64> =
        sqlx::query_scalar("SELECT essential_only FROM mail_preferences WHERE user_id = $1")
            .bind(user_id)
            .fetch_optional(conn)
            .await?;
    Ok(asked == Some(1))
}

/// Writes a mail and marks it, unless there is one for this already, mail is off, or the person
/// has no confirmed address or does not want it. One that was dropped unsent is taken up again.
pub(super) async fn enqueue(
    state: &AppState,
    conn: &mut AnyConnection,
    draft: &Draft<'_>,
    trace: &str,
    now: i64,
) -> Result<(), DbError> {
    if state.mail.is_none() {
        return Ok(());
    }
    let kind = draft.about.kind();
    if draft.about.to().is_none() && address(conn, draft.user_id).await?.is_none() {
        tracing::debug!(user = %draft.user_id, kind, "no mail: the person has no confirmed address");
        return Ok(());
    }
    if !draft.about.essential() && essential_only(conn, draft.user_id).await? {
        return Ok(());
    }
    let plain = serde_json::to_string(draft.about)
        .map_err(|error| DbError::Impossible(format!("a mail's body: {error}")))?;
    let sealed = state
        .seal
        .seal(&place(draft.once_key), &SecretString::from(plain))
        .map_err(|error| DbError::Impossible(format!("a mail's body: {error}")))?;
    let id: Option<String> = sqlx::query_scalar(
        "INSERT INTO mails (id, user_id, kind, once_key, body_sealed, state, attempts, due_at, created_at) \
         VALUES ($1, $2, $3, $4, $5, 'queued', 0, $6, $7) \
         ON CONFLICT (once_key) DO UPDATE SET body_sealed = excluded.body_sealed, state = 'queued', \
         due_at = excluded.due_at, settled_at = NULL, last_error = NULL \
         WHERE mails.state = 'dropped' RETURNING id",
    )
    .bind(state.rng.id("mail_"))
    .bind(draft.user_id)
    .bind(kind)
    .bind(draft.once_key)
    .bind(sealed)
    .bind(draft.due_at)
    .bind(now)
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(id) = id {
        tracing::info!(mail = %id, user = %draft.user_id, kind, trace, "a mail waits");
        dirty::mark(
            conn,
            SubjectKind::Mail,
            &id,
            draft.due_at,
            Class::Event,
            trace,
        )
        .await?;
    }
    Ok(())
}
