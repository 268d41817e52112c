//! Bringing many subjects back at once: those that failed of what is mended now, and all of a
//! kind when what happened to them is not known.

use super::dirty::{self, Class, SubjectKind};
use super::{Db, DbError};
use sqlx::AnyConnection;

/// Rows a transaction, so that none is long.
const AT_ONCE: i64 = 500;
/// Where `Class::Bulk` starts behind.
const BULK: i64 = 2;
const BULK_BEHIND_MS: i64 = 60_000;
/// And `Class::Event`.
const EVENT: i64 = 1;
const EVENT_BEHIND_MS: i64 = 5_000;

/// Everything that is parked, or backs off, because of `cause` is due now, after what is waiting
/// already. Answers how many. Their generations stay: nothing new is known of them.
pub async fn rearm(db: &Db, cause: &str, now: i64) -> Result<u64, DbError> {
    let mut all = 0;
    loop {
        let mut tx = db.begin().await?;
        let done = sqlx::query(
            "UPDATE dirty SET parked = 0, cause = NULL, due_at = $1, class = $2, rank_at = $3 \
             WHERE cause = $4 AND (kind, id) IN (SELECT kind, id FROM dirty WHERE cause = $4 LIMIT $5)",
        )
        .bind(now)
        .bind(BULK)
        .bind(now + BULK_BEHIND_MS)
        .bind(cause)
        .bind(AT_ONCE)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        tx.commit().await?;
        all += done;
        if done == 0 {
            return Ok(all);
        }
    }
}

/// What subjects fail of at the moment.
pub async fn causes(db: &Db) -> Result<Vec<String>, DbError> {
    Ok(
        sqlx::query_scalar("SELECT DISTINCT cause FROM dirty WHERE cause IS NOT NULL")
            .fetch_all(db.reader())
            .await?,
    )
}

/// Lets one parked subject of that cause try: if it succeeds, the others follow it.
pub async fn let_one_try(conn: &mut AnyConnection, cause: &str, now: i64) -> Result<bool, DbError> {
    let done = sqlx::query(
        "UPDATE dirty SET parked = 0, due_at = $1, class = $2, rank_at = $3 WHERE (kind, id) IN \
         (SELECT kind, id FROM dirty WHERE cause = $4 AND parked = 1 LIMIT 1)",
    )
    .bind(now)
    .bind(BULK)
    .bind(now + BULK_BEHIND_MS)
    .bind(cause)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Marks every subject of a kind, in bulk, 500 a transaction. Answers how many.
pub async fn mark_every(db: &Db, kind: &str, now: i64, trace: &str) -> Result<u64, DbError> {
    let mut all = 0;
    let mut after = String::new();
    loop {
        let mut tx = db.begin().await?;
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM dirty WHERE kind = $1 AND id > $2 ORDER BY id LIMIT $3",
        )
        .bind(kind)
        .bind(&after)
        .bind(AT_ONCE)
        .fetch_all(&mut *tx)
        .await?;
        let Some(last) = ids.last() else {
            return Ok(all);
        };
        let done = sqlx::query(
            "UPDATE dirty SET generation = generation + 1, parked = 0, trace = $1, \
             due_at = CASE WHEN due_at < $2 THEN due_at ELSE $2 END, \
             class = CASE WHEN rank_at < $3 THEN class ELSE $4 END, \
             rank_at = CASE WHEN rank_at < $3 THEN rank_at ELSE $3 END \
             WHERE kind = $5 AND id > $6 AND id <= $7",
        )
        .bind(trace)
        .bind(now)
        .bind(now + BULK_BEHIND_MS)
        .bind(BULK)
        .bind(kind)
        .bind(&after)
        .bind(last)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        all += done.rows_affected();
        last.clone_into(&mut after);
    }
}

/// Marks every user who has an entitlement or a grant, in bulk, 500 a transaction: what happened
/// to their roles is not known. Answers how many.
pub async fn mark_holders(db: &Db, now: i64, trace: &str) -> Result<u64, DbError> {
    let mut all = 0;
    let mut after = String::new();
    loop {
        let mut tx = db.begin().await?;
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM users WHERE id > $1 AND \
             (EXISTS (SELECT 1 FROM entitlements WHERE entitlements.user_id = users.id) \
             OR EXISTS (SELECT 1 FROM grants WHERE grants.user_id = users.id)) \
             ORDER BY id LIMIT $2",
        )
        .bind(&after)
        .bind(AT_ONCE)
        .fetch_all(&mut *tx)
        .await?;
        let Some(last) = ids.last() else {
            return Ok(all);
        };
        last.clone_into(&mut after);
        for id in &ids {
            dirty::mark(&mut tx, SubjectKind::User, id, now, Class::Bulk, trace).await?;
            all += 1;
        }
        tx.commit().await?;
    }
}

/// Marks whoever a grant is held back for by that, in bulk: in one statement, for it goes with the
/// transaction that lifts it.
pub async fn mark_held(
    conn: &mut AnyConnection,
    held_by: &str,
    now: i64,
    trace: &str,
) -> Result<(), DbError> {
    let who = "SELECT user_id FROM grants WHERE state = 'held' AND held_by = $5";
    mark_users(conn, who, held_by, (BULK, BULK_BEHIND_MS), now, trace).await
}

/// Marks whoever waits for something to be mended at Discord.
pub async fn mark_waiting(conn: &mut AnyConnection, now: i64, trace: &str) -> Result<(), DbError> {
    let who = "SELECT user_id FROM grants WHERE state = 'refused' \
         OR (state = 'revoking' AND code IS NOT NULL) OR (state = 'held' AND held_by = $5)";
    mark_users(
        conn,
        who,
        "replacement",
        (EVENT, EVENT_BEHIND_MS),
        now,
        trace,
    )
    .await
}

async fn mark_users(
    conn: &mut AnyConnection,
    who: &'static str,
    bound: &str,
    (class, behind_ms): (i64, i64),
    now: i64,
    trace: &str,
) -> Result<(), DbError> {
    let sql = format!(
        "UPDATE dirty SET generation = generation + 1, parked = 0, trace = $1, \
         due_at = CASE WHEN due_at < $2 THEN due_at ELSE $2 END, \
         class = CASE WHEN rank_at < $3 THEN class ELSE $4 END, \
         rank_at = CASE WHEN rank_at < $3 THEN rank_at ELSE $3 END \
         WHERE kind = 'user' AND id IN ({who})"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(trace)
        .bind(now)
        .bind(now + behind_ms)
        .bind(class)
        .bind(bound)
        .execute(conn)
        .await?;
    Ok(())
}

/// How many subjects of a kind were due at `then` and have not been read since.
pub async fn still_due(conn: &mut AnyConnection, kind: &str, then: i64) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar(
        "SELECT COUNT(*) FROM dirty WHERE parked = 0 AND rank_at <= $1 AND due_at <= $2 AND kind = $3",
    )
    .bind(then + BULK_BEHIND_MS)
    .bind(then)
    .bind(kind)
    .fetch_one(conn)
    .await?)
}
