//! Sending one mail, under its lease. Whoever crashes between the mail server's yes and our
//! commit sends it again; its Message-ID is the same, so that the receiver keeps one.

use super::moot::moot;
use super::outbox::{address, address_digest, place};
use super::smtp::{MailError, Outgoing};
use super::texts::{About, House, letter};
use super::{CARD, unsubscribe};
use crate::db::DbError;
use crate::db::dirty::{self, Lease};
use crate::incidents;
use crate::invites;
use crate::seal::SealError;
use crate::state::AppState;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{AnyConnection, FromRow};

/// How long a mail waits for the mail server before somebody is told.
pub(super) const DOWN_AFTER_MS: i64 = 5 * 60 * 1000;
/// How long it is tried before it is too old to be of use.
const GIVE_UP_AFTER_MS: i64 = 3 * 24 * 60 * 60 * 1000;
/// How often to look whether mail is on again.
const OFF_MS: i64 = 60 * 60 * 1000;

/// Why a mail is not settled yet.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error(transparent)]
    Db(#[from] DbError),
    /// It comes again.
    #[error(transparent)]
    Smtp(#[from] MailError),
}

impl From<sqlx::Error> for SendError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

#[derive(FromRow)]
struct Row {
    user_id: String,
    kind: String,
    once_key: String,
    body_sealed: Option<String>,
    state: String,
    due_at: i64,
}

/// How a mail ends.
struct End<'a> {
    state: &'static str,
    error: Option<&'a str>,
    refused_address: Option<String>,
}

impl<'a> End<'a> {
    fn dropped(why: &'a str) -> Self {
        Self {
            state: "dropped",
            error: Some(why),
            refused_address: None,
        }
    }

    fn failed(why: &'a str) -> Self {
        Self {
            state: "failed",
            error: Some(why),
            refused_address: None,
        }
    }
}

/// Sends the mail if it is still true and wanted, and gives the lease back. On an error the lease
/// is still held; the caller decides what becomes of it.
pub async fn sync_mail(state: &AppState, lease: &Lease) -> Result<(), SendError> {
    let mut conn = state.db.reader().acquire().await?;
    let row: Option<Row> = sqlx::query_as(
        "SELECT user_id, kind, once_key, body_sealed, state, due_at FROM mails WHERE id = $1",
    )
    .bind(&lease.id)
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row.filter(|row| matches!(row.state.as_str(), "queued" | "sending")) else {
        return Ok(forget(state, lease).await?);
    };
    let Some(door) = state.mail.clone() else {
        return Ok(wait(state, lease).await?);
    };
    let Some(sealed) = row.body_sealed.as_deref() else {
        let why = format!("mails.body_sealed of {} is empty", lease.id);
        return Err(DbError::Impossible(why).into());
    };
    let Ok(about) = opened(state, &row.once_key, sealed) else {
        let why = "it was sealed under another ENCRYPTION_KEY";
        tracing::error!(mail = %lease.id, kind = %row.kind, why, "a mail cannot be opened");
        return Ok(settle(state, lease, &row, End::failed(why)).await?);
    };
    let now = state.clock.policy_ms();
    if let Some(why) = moot(&mut conn, &row.user_id, &about, now).await? {
        tracing::info!(mail = %lease.id, kind = %row.kind, why, "a mail is not sent");
        return Ok(settle(state, lease, &row, End::dropped(why)).await?);
    }
    let to = match about.to() {
        Some(to) => Some(SecretString::from(to)),
        None => address(&mut conn, &row.user_id).await?,
    };
    let Some(to) = to else {
        let why = "the person has no confirmed address";
        return Ok(settle(state, lease, &row, End::dropped(why)).await?);
    };
    let house = house(state, &mut conn, &row.user_id).await?;
    drop(conn);
    begin(state, lease).await?;
    let outgoing = Outgoing {
        id: &lease.id,
        to: &to,
        date_ms: state.clock.wall_ms(),
        letter: &letter(&about, &house),
    };
    let outcome = door.send(&outgoing).await;
    record(state, lease, &row, &to, outcome).await
}

async fn record(
    state: &AppState,
    lease: &Lease,
    row: &Row,
    to: &SecretString,
    outcome: Result<(), MailError>,
) -> Result<(), SendError> {
    let (mail, user, kind) = (&lease.id, &row.user_id, &row.kind);
    match outcome {
        Ok(()) => {
            tracing::info!(mail = %mail, user = %user, kind = %kind, trace = %lease.trace, "mail sent");
            let end = End {
                state: "sent",
                error: None,
                refused_address: None,
            };
            settle(state, lease, row, end).await?;
            if lease.attempts > 0 {
                all_again(state).await?;
            }
        }
        Err(error @ MailError::Address(_)) => {
            tracing::warn!(mail = %mail, user = %user, kind = %kind, error = %error, "a mail address was refused; this mail is not tried again");
            let end = End {
                state: "refused",
                error: Some(&error.to_string()),
                refused_address: Some(address_digest(state, to)?),
            };
            settle(state, lease, row, end).await?;
        }
        Err(error @ MailError::Refused(_)) => {
            tracing::error!(mail = %mail, user = %user, kind = %kind, error = %error, "a mail was refused; it is not tried again");
            settle(state, lease, row, End::failed(&error.to_string())).await?;
        }
        Err(error) => {
            let waited = state.clock.policy_ms() - row.due_at;
            if waited > GIVE_UP_AFTER_MS {
                tracing::error!(mail = %mail, user = %user, kind = %kind, error = %error, "a mail is too old to be sent");
                settle(state, lease, row, End::failed(&error.to_string())).await?;
                return Ok(());
            }
            put_back(state, lease, error, waited).await?;
            return Err(error.into());
        }
    }
    Ok(())
}

fn opened(state: &AppState, once_key: &str, sealed: &str) -> Result<About, SealError> {
    let plain = state.seal.open(&place(once_key), sealed)?;
    serde_json::from_str(plain.expose_secret()).map_err(|_| SealError::Unreadable)
}

async fn house(
    state: &AppState,
    conn: &mut AnyConnection,
    user_id: &str,
) -> Result<House, DbError> {
    let cards: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM payers WHERE user_id = $1 AND card_sealed IS NOT NULL",
    )
    .bind(user_id)
    .fetch_one(conn)
    .await?;
    let config = &state.config;
    Ok(House {
        community: config.community.name.clone(),
        plans: config.own_url("/"),
        billing: config.own_url("/billing"),
        account: config.own_url("/account"),
        card: config.own_url(CARD),
        unsubscribe: unsubscribe::address(state, user_id)?,
        has_card: cards > 0,
    })
}

/// Written before the mail server is called, so that an outcome nobody heard is seen for what it
/// is; renews the lease for the call.
async fn begin(state: &AppState, lease: &Lease) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    sqlx::query("UPDATE mails SET state = 'sending', attempts = attempts + 1 WHERE id = $1")
        .bind(&lease.id)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// The end of a mail: nothing of its text stays.
async fn settle(state: &AppState, lease: &Lease, row: &Row, end: End<'_>) -> Result<(), DbError> {
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    sqlx::query(
        "UPDATE mails SET state = $1, body_sealed = NULL, settled_at = $2, last_error = $3, \
         refused_address = $4 WHERE id = $5",
    )
    .bind(end.state)
    .bind(now)
    .bind(end.error)
    .bind(&end.refused_address)
    .bind(&lease.id)
    .execute(&mut *tx)
    .await?;
    if let Some(invite) = row.once_key.strip_prefix("invite:") {
        // It went to somebody else, and those who invite see what came of it.
        invites::mailed(&mut tx, invite, end.state).await?;
    }
    match end.state {
        "sent" | "refused" if row.kind == "invite" => {
            incidents::close(&mut tx, "mail_down", "smtp", now).await?;
        }
        "failed" if row.kind == "invite" => {}
        "sent" => {
            incidents::close(&mut tx, "mail_down", "smtp", now).await?;
            incidents::close(&mut tx, "mail_refused", &row.user_id, now).await?;
        }
        "refused" => {
            // It was heard, so the mail server is there.
            incidents::close(&mut tx, "mail_down", "smtp", now).await?;
            let detail = end.error.unwrap_or_default();
            incidents::open(&mut tx, "mail_refused", &row.user_id, detail, now).await?;
        }
        "failed" => {
            let detail = end.error.unwrap_or_default();
            incidents::open(&mut tx, "mail_refused", &row.user_id, detail, now).await?;
        }
        _ => {}
    }
    dirty::forget(&mut tx, lease, now).await?;
    tx.commit().await?;
    Ok(())
}

/// The mail server is back: whatever waited for it comes at once. In a transaction of its own: it
/// takes other subjects' rows, and what was sent must not wait for them.
async fn all_again(state: &AppState) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    sqlx::query(
        "UPDATE dirty SET due_at = $1, rank_at = $1 \
         WHERE kind = 'mail' AND attempts > 0 AND parked = 0 AND due_at > $1",
    )
    .bind(state.clock.policy_ms())
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}

/// Not taken now. Somebody is told when it has waited for long, and at once when it is for a
/// person to mend.
async fn put_back(
    state: &AppState,
    lease: &Lease,
    error: MailError,
    waited: i64,
) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    sqlx::query("UPDATE mails SET state = 'queued', last_error = $1 WHERE id = $2")
        .bind(error.to_string())
        .bind(&lease.id)
        .execute(&mut *tx)
        .await?;
    if waited >= DOWN_AFTER_MS || matches!(error, MailError::Settings { .. }) {
        let now = state.clock.policy_ms();
        tracing::error!(error = %error, "mail is down; it is kept and tried again");
        incidents::open(&mut tx, "mail_down", "smtp", &error.to_string(), now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Mail was switched off: what was written before waits.
async fn wait(state: &AppState, lease: &Lease) -> Result<(), DbError> {
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    dirty::finish(&mut tx, lease, Some(now + OFF_MS), now).await?;
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
