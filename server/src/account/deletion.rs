//! A deletion that was asked for: its row, taking it back, and how far it has come.

use super::{Failure, limited};
use crate::audit;
use crate::db::DbError;
use crate::db::dirty::{self, Class, SubjectKind};
use crate::mail;
use crate::seats;
use crate::state::AppState;
use app::account::{AccountError, Deletion, Stage, confirms};
use sqlx::AnyConnection;

/// For so long it can be taken back, though nothing stands in its way.
const BEGINS_AFTER_MS: i64 = 60 * 60 * 1000;
/// The incident of one that does not come to its end; its subject is the user.
pub const STUCK: &str = "account deletion";

/// A deletion as its row has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub stage: Step,
    pub asked_at: i64,
    pub begins_at: i64,
    pub stage_at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Asked,
    Ending,
    Revoking,
    Erased,
}

impl Step {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Ending => "ending",
            Self::Revoking => "revoking",
            Self::Erased => "erased",
        }
    }

    fn from_word(word: &str) -> Result<Self, DbError> {
        [Self::Asked, Self::Ending, Self::Revoking, Self::Erased]
            .into_iter()
            .find(|step| step.as_str() == word)
            .ok_or_else(|| DbError::Impossible(format!("account_deletions.stage {word}")))
    }
}

pub async fn row(conn: &mut AnyConnection, user_id: &str) -> Result<Option<Row>, DbError> {
    let row: Option<(String, i64, i64, i64)> = sqlx::query_as(
        "SELECT stage, asked_at, begins_at, stage_at FROM account_deletions WHERE user_id = $1",
    )
    .bind(user_id)
    .fetch_optional(conn)
    .await?;
    row.map(|(stage, asked_at, begins_at, stage_at)| {
        Ok(Row {
            stage: Step::from_word(&stage)?,
            asked_at,
            begins_at,
            stage_at,
        })
    })
    .transpose()
}

/// Whether a person's account is on its way to be deleted.
pub async fn under_way(conn: &mut AnyConnection, user_id: &str) -> Result<bool, DbError> {
    Ok(row(conn, user_id).await?.is_some())
}

/// The same for the person's page.
pub async fn of(conn: &mut AnyConnection, user_id: &str) -> Result<Option<Deletion>, DbError> {
    let Some(row) = row(conn, user_id).await? else {
        return Ok(None);
    };
    Ok(Some(Deletion {
        stage: match row.stage {
            Step::Asked => Stage::Asked,
            Step::Ending => Stage::Ending,
            Step::Revoking | Step::Erased => Stage::Revoking,
        },
        asked_at: row.asked_at,
        begins_at: row.begins_at,
    }))
}

/// The same for operators, in a few words.
pub async fn in_words(
    conn: &mut AnyConnection,
    user_id: &str,
) -> Result<Option<&'static str>, DbError> {
    Ok(row(conn, user_id).await?.map(|row| match row.stage {
        Step::Asked => "is to be deleted; they can still take it back",
        Step::Ending => "is being deleted: subscriptions are being ended",
        Step::Revoking => "is being deleted: roles are being taken",
        Step::Erased => "was deleted",
    }))
}

/// Asks for it. Sent twice it is one: the first one's time counts.
pub async fn ask(state: &AppState, user_id: &str, typed: &str) -> Result<(), Failure> {
    limited(state, user_id)?;
    if !confirms(typed) {
        return Err(AccountError::NotConfirmed.into());
    }
    let now = state.clock.policy_ms();
    let trace = state.rng.id("del_");
    let mut tx = state.db.begin().await?;
    if seats::last_owner(&mut tx, user_id).await? {
        return Err(AccountError::LastOwner.into());
    }
    let done = sqlx::query(
        "INSERT INTO account_deletions (user_id, stage, asked_at, begins_at, stage_at) \
         SELECT id, 'asked', $1, $2, $1 FROM users WHERE id = $3 \
         ON CONFLICT (user_id) DO NOTHING",
    )
    .bind(now)
    .bind(now + BEGINS_AFTER_MS)
    .bind(user_id)
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(());
    }
    let told = "asked for the account to be deleted";
    said(&mut tx, user_id, "member", told, now, &trace).await?;
    dirty::mark(
        &mut tx,
        SubjectKind::Deletion,
        user_id,
        now + BEGINS_AFTER_MS,
        Class::Event,
        &trace,
    )
    .await?;
    mail::leaving(state, &mut tx, user_id, now + BEGINS_AFTER_MS, now, &trace).await?;
    tx.commit().await?;
    tracing::info!(user = %user_id, trace, "an account is to be deleted");
    state.work.notify_one();
    Ok(())
}

/// Takes it back, as long as it has not begun.
pub async fn keep(state: &AppState, user_id: &str) -> Result<(), Failure> {
    limited(state, user_id)?;
    let now = state.clock.policy_ms();
    let trace = state.rng.id("del_");
    let mut tx = state.db.begin().await?;
    let done = sqlx::query("DELETE FROM account_deletions WHERE user_id = $1 AND stage = 'asked'")
        .bind(user_id)
        .execute(&mut *tx)
        .await?;
    if done.rows_affected() == 0 {
        return Err(AccountError::TooLate.into());
    }
    let told = "took the deletion of the account back";
    said(&mut tx, user_id, "member", told, now, &trace).await?;
    tx.commit().await?;
    Ok(())
}

/// Goes on from one step to the next; false when it is not where it was thought to be.
pub async fn step(
    conn: &mut AnyConnection,
    user_id: &str,
    (from, to): (Step, Step),
    now: i64,
) -> Result<bool, DbError> {
    let done = sqlx::query(
        "UPDATE account_deletions SET stage = $1, stage_at = $2 WHERE user_id = $3 AND stage = $4",
    )
    .bind(to.as_str())
    .bind(now)
    .bind(user_id)
    .bind(from.as_str())
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A line of the story, under the id that stays.
pub async fn said(
    conn: &mut AnyConnection,
    user_id: &str,
    actor: &str,
    detail: &str,
    now: i64,
    trace: &str,
) -> Result<(), DbError> {
    audit::record(
        conn,
        &audit::Entry {
            user_id: Some(user_id),
            at: now,
            actor,
            event: "account",
            subject: user_id,
            detail,
            trace,
        },
    )
    .await
}

/// A role is gone: whoever waits for that is looked at.
pub async fn role_gone(
    conn: &mut AnyConnection,
    user_id: &str,
    now: i64,
    trace: &str,
) -> Result<(), DbError> {
    let waits: Option<i64> = sqlx::query_scalar(
        "SELECT stage_at FROM account_deletions WHERE user_id = $1 AND stage = 'revoking'",
    )
    .bind(user_id)
    .fetch_optional(&mut *conn)
    .await?;
    if waits.is_some() {
        dirty::mark(
            conn,
            SubjectKind::Deletion,
            user_id,
            now,
            Class::Event,
            trace,
        )
        .await?;
    }
    Ok(())
}
