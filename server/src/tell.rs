//! What operators are told of, once per matter: an incident that is open and that nobody was told
//! of on that way yet. Whoever opens incidents knows nothing of this.

mod message;

pub use message::{MessageError, sync_message};

use crate::db::DbError;
use crate::incidents;
use crate::mail;
use crate::state::AppState;
use app::admin::advice::advice;
use sqlx::{AnyConnection, AssertSqlSafe};

/// How they are told. Each way keeps its own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Mail,
    /// A direct message of the bot.
    Message,
}

impl Way {
    fn column(self) -> &'static str {
        match self {
            Self::Mail => "mailed_at",
            Self::Message => "messaged_at",
        }
    }
}

/// What is about one person, or one subject of work, is on the desk and not in anybody's mailbox.
const TOLD: [&str; 17] = [
    "brake",
    "observe",
    "role refused",
    "plan role",
    "plan_unreadable",
    "members_intent",
    "discord_token",
    "discord_access",
    "discord_blocked",
    "discord_refusals",
    "gateway",
    "role by hand",
    "stripe_key",
    "stripe_right",
    "webhook_secret",
    "missed_events",
    "account deletion",
];
/// Matters looked at in one go.
const AT_ONCE: i64 = 20;

/// An incident to tell of.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Matter {
    pub kind: String,
    pub subject: String,
    pub detail: String,
    /// UTC epoch ms, policy clock.
    pub opened_at: i64,
}

impl Matter {
    /// What happened, what it means and what to do, in plain words.
    #[must_use]
    pub fn words(&self) -> [&str; 4] {
        let told = advice(&self.kind);
        [told.title, &self.detail, told.meaning, told.todo]
    }
}

/// Matters nobody was told of on this way, oldest first. Those that are not told are settled.
pub async fn untold(conn: &mut AnyConnection, way: Way, now: i64) -> Result<Vec<Matter>, DbError> {
    let sql = format!(
        "SELECT kind, subject, detail, opened_at FROM incidents \
         WHERE closed_at IS NULL AND {} IS NULL ORDER BY opened_at LIMIT $1",
        way.column()
    );
    let found: Vec<Matter> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(AT_ONCE)
        .fetch_all(&mut *conn)
        .await?;
    let mut matters = Vec::new();
    for matter in found {
        if TOLD.contains(&matter.kind.as_str()) {
            matters.push(matter);
        } else {
            told(conn, &matter, way, now).await?;
        }
    }
    Ok(matters)
}

/// They were told of it on this way.
pub async fn told(
    conn: &mut AnyConnection,
    matter: &Matter,
    way: Way,
    now: i64,
) -> Result<(), DbError> {
    let sql = format!(
        "UPDATE incidents SET {} = $1 WHERE kind = $2 AND subject = $3",
        way.column()
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(now)
        .bind(&matter.kind)
        .bind(&matter.subject)
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether it is still open, and the same opening.
pub async fn holds(
    conn: &mut AnyConnection,
    kind: &str,
    subject: &str,
    opened_at: i64,
) -> Result<bool, DbError> {
    Ok(incidents::open_since(conn, kind, subject).await? == Some(opened_at))
}

/// Whether something is open that nobody was told of on this way.
async fn any_untold(state: &AppState, way: Way) -> Result<bool, DbError> {
    let sql = format!(
        "SELECT opened_at FROM incidents WHERE closed_at IS NULL AND {} IS NULL LIMIT 1",
        way.column()
    );
    let any: Option<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_optional(state.db.reader())
        .await?;
    Ok(any.is_some())
}

/// Writes a mail to every operator for each matter they were not told of.
pub async fn by_mail(state: &AppState) -> Result<(), DbError> {
    if state.mail.is_none() {
        return Ok(());
    }
    if !any_untold(state, Way::Mail).await? {
        return Ok(());
    }
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    for matter in untold(&mut tx, Way::Mail, now).await? {
        for operator in &state.config.operator_discord_ids {
            let user: Option<String> =
                sqlx::query_scalar("SELECT id FROM users WHERE discord_user_id = $1")
                    .bind(operator)
                    .fetch_optional(&mut *tx)
                    .await?;
            match user {
                Some(user) => mail::to_operator(state, &mut tx, &user, &matter, now).await?,
                None => {
                    tracing::warn!(operator = %operator, kind = %matter.kind, "an operator has never signed in, so there is no address to write to");
                }
            }
        }
        told(&mut tx, &matter, Way::Mail, now).await?;
    }
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}

/// Writes a direct message to every operator for each matter they were not told of. It is sent
/// when this is committed.
pub async fn by_message(state: &AppState) -> Result<(), DbError> {
    if !any_untold(state, Way::Message).await? {
        return Ok(());
    }
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    for matter in untold(&mut tx, Way::Message, now).await? {
        for operator in &state.config.operator_discord_ids {
            message::enqueue(state, &mut tx, operator, &matter, now).await?;
        }
        told(&mut tx, &matter, Way::Message, now).await?;
    }
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}
