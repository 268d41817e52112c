//! Sessions in our database, known there only by a hash of their id.

use std::collections::HashMap;
use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};
use tower_sessions::session::{Error, Id, Record};
use tower_sessions::session_store::{self, Error as StoreError};
use tower_sessions::{Session, SessionStore};

use crate::clock::Clock;
use crate::db::{Db, DbError};
use crate::rng::Rng;

/// How long a session lasts without a visit: longer than any checkout.
pub(super) const LIFE: Duration = Duration::days(30);
/// A session in which nobody has signed in yet.
const ANONYMOUS_LIFE: Duration = Duration::hours(1);
/// A visit renews a session at most this often.
const RENEW_EVERY: Duration = Duration::days(1);
const DELETED_AT_ONCE: i64 = 500;

const USER: &str = "user";
const RENEWED_AT: &str = "renewed_at";
const BROWSER: &str = "browser";
const PROVED_AT: &str = "proved_at";

/// Hex of SHA-256.
pub(super) fn hashed(secret: &str) -> String {
    Sha256::digest(secret.as_bytes())
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// The id of the user signed in.
pub(super) async fn user_id(session: &Session) -> Result<Option<String>, Error> {
    session.get(USER).await
}

/// What tells this browser from others, through sign-ins, until it signs out. It stays in the
/// session's record: no page and no cookie shows it.
pub(super) async fn browser(session: &Session) -> Result<Option<String>, Error> {
    session.get(BROWSER).await
}

/// The same, given to a browser that has none. Unless somebody is signed in, the session is
/// renewed, so that it outlives the way to Discord and back.
pub(super) async fn of_browser(
    session: &Session,
    rng: &Rng,
    signed_in: bool,
    now_ms: i64,
) -> Result<String, Error> {
    if !signed_in {
        session.insert(RENEWED_AT, now_ms).await?;
    }
    if let Some(known) = browser(session).await? {
        return Ok(known);
    }
    let fresh = rng.id("browser_");
    session.insert(BROWSER, &fresh).await?;
    Ok(fresh)
}

/// Puts the user into the session, under a new id: whoever knew the old one knows nothing.
/// Sign-ins begun in other tabs stay good.
pub(super) async fn sign_in(session: &Session, user_id: &str, now_ms: i64) -> Result<(), Error> {
    let browser = browser(session).await?;
    session.clear().await;
    session.cycle_id().await?;
    session.insert(USER, user_id).await?;
    session.insert(RENEWED_AT, now_ms).await?;
    session.insert(BROWSER, browser).await
}

/// Whoever is signed in has just shown once more, at Discord, that it is them.
pub(super) async fn proved(session: &Session, now_ms: i64) -> Result<(), Error> {
    session.insert(PROVED_AT, now_ms).await
}

/// When they did, if they did since they signed in here.
pub(super) async fn proved_at(session: &Session) -> Result<Option<i64>, Error> {
    session.get(PROVED_AT).await
}

/// A visit: lengthens the session, seldom enough that most visits write nothing.
pub(super) async fn visited(session: &Session, now_ms: i64) -> Result<(), Error> {
    let renewed_at: i64 = session.get(RENEWED_AT).await?.unwrap_or_default();
    if now_ms - renewed_at >= ms(RENEW_EVERY) {
        session.insert(RENEWED_AT, now_ms).await?;
    }
    Ok(())
}

/// Deletes what has expired: sessions, begun sign-ins, and join tokens. Answers how many rows.
pub async fn delete_expired(db: &Db, clock: &dyn Clock) -> Result<u64, DbError> {
    let now = clock.wall_ms();
    let mut deleted = 0;
    for statement in [
        "DELETE FROM sessions WHERE id_hash IN \
         (SELECT id_hash FROM sessions WHERE expires_at <= $1 LIMIT $2)",
        "DELETE FROM join_tokens WHERE user_id IN \
         (SELECT user_id FROM join_tokens WHERE expires_at <= $1 LIMIT $2)",
        // Prepared, and never confirmed; those that can still be are minutes old.
        "DELETE FROM account_moves WHERE id IN \
         (SELECT id FROM account_moves WHERE moved_at IS NULL AND prepared_at <= $1 - 86400000 LIMIT $2)",
    ] {
        loop {
            let mut tx = db.begin().await?;
            let done = sqlx::query(statement)
                .bind(now)
                .bind(DELETED_AT_ONCE)
                .execute(&mut *tx)
                .await?
                .rows_affected();
            tx.commit().await?;
            deleted += done;
            if done < DELETED_AT_ONCE.unsigned_abs() {
                break;
            }
        }
    }
    Ok(deleted)
}

/// A session as its row keeps it.
struct Row {
    data: String,
    expires_at: i64,
    user_id: Option<String>,
}

/// The store behind [`tower_sessions`]. Expiries are by our own wall clock.
#[derive(Clone)]
pub struct DbSessions {
    db: Db,
    clock: Arc<dyn Clock>,
    rng: Rng,
}

impl fmt::Debug for DbSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DbSessions").finish_non_exhaustive()
    }
}

impl DbSessions {
    #[must_use]
    pub fn new(db: Db, clock: Arc<dyn Clock>, rng: Rng) -> Self {
        Self { db, clock, rng }
    }

    /// What is written for a record.
    fn row(&self, record: &Record) -> session_store::Result<Row> {
        let data = serde_json::to_string(&record.data)
            .map_err(|error| StoreError::Encode(error.to_string()))?;
        let life = if record.data.contains_key(USER) {
            LIFE
        } else {
            ANONYMOUS_LIFE
        };
        Ok(Row {
            data,
            expires_at: self.clock.wall_ms() + ms(life),
            user_id: record
                .data
                .get(USER)
                .and_then(Value::as_str)
                .map(str::to_owned),
        })
    }

    async fn insert(&self, id: Id, row: &Row) -> Result<bool, DbError> {
        let mut tx = self.db.begin().await?;
        let done = sqlx::query(
            "INSERT INTO sessions (id_hash, data, expires_at, user_id) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (id_hash) DO NOTHING",
        )
        .bind(hashed(&id.to_string()))
        .bind(&row.data)
        .bind(row.expires_at)
        .bind(&row.user_id)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    async fn update(&self, id: Id, row: &Row) -> Result<(), DbError> {
        let mut tx = self.db.begin().await?;
        // No row: signed out meanwhile by another request, and so it stays.
        sqlx::query(
            "UPDATE sessions SET data = $1, expires_at = $2, user_id = $3 WHERE id_hash = $4",
        )
        .bind(&row.data)
        .bind(row.expires_at)
        .bind(&row.user_id)
        .bind(hashed(&id.to_string()))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn remove(&self, id: Id) -> Result<(), DbError> {
        let mut tx = self.db.begin().await?;
        sqlx::query("DELETE FROM sessions WHERE id_hash = $1")
            .bind(hashed(&id.to_string()))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

#[async_trait]
impl SessionStore for DbSessions {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        let row = self.row(record)?;
        for _ in 0..3 {
            record.id = Id(i128::from_le_bytes(self.rng.bytes()));
            if self.insert(record.id, &row).await.map_err(backend)? {
                return Ok(());
            }
        }
        Err(StoreError::Backend("no free session id was found".into()))
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        let row = self.row(record)?;
        self.update(record.id, &row).await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let row: Option<(String, i64)> = sqlx::query_as(
            "SELECT data, expires_at FROM sessions WHERE id_hash = $1 AND expires_at > $2",
        )
        .bind(hashed(&id.to_string()))
        .bind(self.clock.wall_ms())
        .fetch_optional(self.db.reader())
        .await
        .map_err(|error| backend(error.into()))?;
        let Some((data, expires_at)) = row else {
            return Ok(None);
        };
        let data: HashMap<String, Value> =
            serde_json::from_str(&data).map_err(|error| StoreError::Decode(error.to_string()))?;
        let expiry_date =
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(expires_at) * 1_000_000)
                .map_err(|error| StoreError::Decode(error.to_string()))?;
        Ok(Some(Record {
            id: *id,
            data,
            expiry_date,
        }))
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        self.remove(*id).await.map_err(backend)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape map_err wants")]
fn backend(error: DbError) -> StoreError {
    StoreError::Backend(error.to_string())
}

fn ms(duration: Duration) -> i64 {
    duration.whole_seconds() * 1_000
}
