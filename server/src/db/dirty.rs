//! Subjects whose truth has to be read, with leases, fences and classes.
//!
//! A trigger only marks. A worker claims (takes the lease and a new fence), reads the outside,
//! and writes in one transaction that first checks the fence and last finishes with a
//! compare-and-set on the generation: a mark made meanwhile brings the subject back at once.

use super::{Db, DbError, Kind};
use crate::clock::Clock;
use crate::incidents;
use sqlx::{AnyConnection, AssertSqlSafe, FromRow};
use std::fmt::{self, Display, Formatter};

/// A `due_at` no clock reaches: nothing to look at until somebody marks the subject.
pub const NEVER: i64 = 9_000_000_000_000_000;
/// How long a lease lasts, ms. Longer than the longest sequence of calls made under it without
/// renewing, so that an unknown outcome can be read after it can no longer land.
pub const LEASE_MS: i64 = 60_000;
/// The longest head start of a class.
pub const LONGEST_WAIT_MS: i64 = 60_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    Payer,
    User,
    /// A Stripe customer we have no payer for (yet).
    Customer,
    /// A Stripe charge that was refunded or disputed.
    Charge,
    /// All plans: Stripe's products and prices.
    Plans,
    /// The guild and its roles.
    Guild,
    /// Stripe's events, read by our own cursor.
    Events,
    /// A mail that waits to be sent.
    Mail,
    /// A direct message that waits to be sent.
    Message,
    /// Everybody in the server.
    Sweep,
    /// A customer whose metadata at Stripe is to name somebody else.
    Relabel,
    /// Who holds seats of a pool, to be told until when it is paid.
    Holders,
    /// Somebody's account that is being deleted.
    Deletion,
    /// The gateway's connection. Its lease is the right to hold it; there is nothing to work off.
    Gateway,
}

impl SubjectKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Payer => "payer",
            Self::User => "user",
            Self::Customer => "customer",
            Self::Charge => "charge",
            Self::Plans => "plans",
            Self::Guild => "guild",
            Self::Events => "events",
            Self::Mail => "mail",
            Self::Message => "message",
            Self::Sweep => "sweep",
            Self::Relabel => "relabel",
            Self::Holders => "holders",
            Self::Deletion => "deletion",
            Self::Gateway => "gateway",
        }
    }

    /// The kind of a word in our rows.
    pub fn from_word(word: &str) -> Result<Self, DbError> {
        [
            Self::Payer,
            Self::User,
            Self::Customer,
            Self::Charge,
            Self::Plans,
            Self::Guild,
            Self::Events,
            Self::Mail,
            Self::Message,
            Self::Sweep,
            Self::Relabel,
            Self::Holders,
            Self::Deletion,
            Self::Gateway,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == word)
        .ok_or_else(|| DbError::Impossible(format!("dirty.kind {word}")))
    }
}

/// How soon. Later classes start behind and catch up by waiting, so none starves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A person waits.
    Urgent,
    Event,
    Bulk,
}

impl Class {
    fn number(self) -> i64 {
        match self {
            Self::Urgent => 0,
            Self::Event => 1,
            Self::Bulk => 2,
        }
    }

    fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Urgent,
            1 => Self::Event,
            _ => Self::Bulk,
        }
    }

    fn head_start_ms(self) -> i64 {
        match self {
            Self::Urgent => 0,
            Self::Event => 5_000,
            Self::Bulk => LONGEST_WAIT_MS,
        }
    }
}

/// The lease on one subject. Holding it is the right to read the outside for it and to write.
#[derive(Clone, Debug)]
pub struct Lease {
    pub kind: SubjectKind,
    pub id: String,
    pub generation: i64,
    pub fence: i64,
    pub class: Class,
    pub attempts: i64,
    /// What it failed of last, when others fail of the same.
    pub cause: Option<String>,
    pub trace: String,
}

#[derive(FromRow)]
struct LeaseRow {
    kind: String,
    id: String,
    generation: i64,
    fence: i64,
    class: i64,
    attempts: i64,
    cause: Option<String>,
    trace: String,
}

/// The subject, as incidents name it: `payer pay_1`.
impl Display for Lease {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.id)
    }
}

impl TryFrom<LeaseRow> for Lease {
    type Error = DbError;

    fn try_from(row: LeaseRow) -> Result<Self, DbError> {
        Ok(Self {
            kind: SubjectKind::from_word(&row.kind)?,
            id: row.id,
            generation: row.generation,
            fence: row.fence,
            class: Class::from_number(row.class),
            attempts: row.attempts,
            cause: row.cause,
            trace: row.trace,
        })
    }
}

/// What a mark does to a subject that is there.
const MERGED: &str = "ON CONFLICT (kind, id) DO UPDATE SET generation = dirty.generation + 1, \
    due_at = CASE WHEN dirty.attempts > 0 AND dirty.parked = 0 AND excluded.class > 0 THEN dirty.due_at \
    WHEN excluded.due_at < dirty.due_at THEN excluded.due_at ELSE dirty.due_at END, \
    class = CASE WHEN dirty.attempts > 0 AND dirty.parked = 0 AND excluded.class > 0 THEN dirty.class \
    WHEN excluded.rank_at < dirty.rank_at THEN excluded.class ELSE dirty.class END, \
    rank_at = CASE WHEN dirty.attempts > 0 AND dirty.parked = 0 AND excluded.class > 0 THEN dirty.rank_at \
    WHEN excluded.rank_at < dirty.rank_at THEN excluded.rank_at ELSE dirty.rank_at END, \
    parked = 0, trace = excluded.trace";

/// Marks a subject: its truth may have changed. `due_at` is on the policy clock; the sooner of
/// old and new counts. Unparks, for a mark is news. A subject that is backing off keeps its
/// moment, for however many events arrive, what it needs is not to be had yet; only a person
/// (urgent) brings it forward.
pub async fn mark(
    conn: &mut AnyConnection,
    kind: SubjectKind,
    id: &str,
    due_at: i64,
    class: Class,
    trace: &str,
) -> Result<(), DbError> {
    let sql = format!(
        "INSERT INTO dirty (kind, id, generation, due_at, class, rank_at, attempts, parked, \
         lease_until, fence, last_error, trace) \
         VALUES ($1, $2, 1, $3, $4, $5, 0, 0, 0, 0, NULL, $6) {MERGED}"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(kind.as_str())
        .bind(id)
        .bind(due_at)
        .bind(class.number())
        .bind(due_at.saturating_add(class.head_start_ms()))
        .bind(trace)
        .execute(conn)
        .await?;
    Ok(())
}

/// Marks every user whose id a statement selects, in one statement and one order, so that two who
/// mark many do not wait for each other. The column is `id`; its parameters, texts, begin at `$5`.
pub async fn mark_users(
    conn: &mut AnyConnection,
    select: &str,
    params: &[&str],
    due_at: i64,
    class: Class,
    trace: &str,
) -> Result<(), DbError> {
    let sql = format!(
        "INSERT INTO dirty (kind, id, generation, due_at, class, rank_at, attempts, parked, \
         lease_until, fence, last_error, trace) \
         SELECT 'user', who.id, 1, $1, $2, $3, 0, 0, 0, 0, CAST(NULL AS TEXT), $4 \
         FROM ({select}) AS who WHERE who.id IS NOT NULL ORDER BY who.id {MERGED}"
    );
    let mut query = sqlx::query(AssertSqlSafe(sql))
        .bind(due_at)
        .bind(class.number())
        .bind(due_at.saturating_add(class.head_start_ms()))
        .bind(trace);
    for param in params {
        query = query.bind(*param);
    }
    query.execute(conn).await?;
    Ok(())
}

/// Holds a subject's row to the end of the transaction, without marking it.
pub async fn hold(conn: &mut AnyConnection, kind: SubjectKind, id: &str) -> Result<(), DbError> {
    sqlx::query("UPDATE dirty SET trace = trace WHERE kind = $1 AND id = $2")
        .bind(kind.as_str())
        .bind(id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Whose subjects are claimed: what is asked of Discord for users has other limits than the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Users,
    Others,
}

impl Whose {
    fn only(self) -> &'static str {
        match self {
            Self::Users => " AND kind = 'user'",
            Self::Others => " AND kind <> 'user'",
        }
    }
}

/// What a person waits for.
const ONLY_URGENT: &str = " AND class = 0";

/// Claims up to `limit` due subjects, most urgent first.
pub async fn claim(db: &Db, clock: &dyn Clock, limit: i64) -> Result<Vec<Lease>, DbError> {
    claim_where(db, clock, limit, "").await
}

/// The same of some of them.
pub async fn claim_of(
    db: &Db,
    clock: &dyn Clock,
    whose: Whose,
    limit: i64,
) -> Result<Vec<Lease>, DbError> {
    claim_where(db, clock, limit, whose.only()).await
}

/// Claims up to `limit` subjects that somebody waits for, however old the other work is.
pub async fn claim_urgent(db: &Db, clock: &dyn Clock, limit: i64) -> Result<Vec<Lease>, DbError> {
    // Mostly there is none, and then nobody's transaction is in the way.
    let any: Option<i64> = sqlx::query_scalar(
        "SELECT due_at FROM dirty WHERE class = 0 AND parked = 0 AND due_at <= $1 LIMIT 1",
    )
    .bind(clock.policy_ms())
    .fetch_optional(db.reader())
    .await?;
    if any.is_none() {
        return Ok(Vec::new());
    }
    claim_where(db, clock, limit, ONLY_URGENT).await
}

async fn claim_where(
    db: &Db,
    clock: &dyn Clock,
    limit: i64,
    only: &'static str,
) -> Result<Vec<Lease>, DbError> {
    let sql = claiming(db.kind(), only);
    let now = clock.policy_ms();
    let mut tx = db.begin().await?;
    let lease_now = db.lease_now(&mut tx, clock.wall_ms()).await?;
    let rows: Vec<LeaseRow> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(lease_now + LEASE_MS)
        .bind(now + LONGEST_WAIT_MS)
        .bind(now)
        .bind(lease_now)
        .bind(limit)
        .fetch_all(&mut *tx)
        .await?;
    tx.commit().await?;
    rows.into_iter().map(Lease::try_from).collect()
}

fn claiming(kind: Kind, only: &str) -> String {
    let skip_locked = match kind {
        Kind::Sqlite => "",
        Kind::Postgres => " FOR UPDATE SKIP LOCKED",
    };
    format!(
        "UPDATE dirty SET lease_until = $1, fence = fence + 1 WHERE (kind, id) IN \
         (SELECT kind, id FROM dirty WHERE parked = 0 AND rank_at <= $2 AND due_at <= $3 \
         AND lease_until <= $4{only} ORDER BY rank_at LIMIT $5{skip_locked}) \
         RETURNING kind, id, generation, fence, class, attempts, cause, trace"
    )
}

/// Claims one subject, due or not, parked or not; `None` while another holds its lease.
/// The subject must have been marked once.
pub async fn claim_one(
    db: &Db,
    clock: &dyn Clock,
    kind: SubjectKind,
    id: &str,
) -> Result<Option<Lease>, DbError> {
    let mut tx = db.begin().await?;
    let lease_now = db.lease_now(&mut tx, clock.wall_ms()).await?;
    let row: Option<LeaseRow> = sqlx::query_as(
        "UPDATE dirty SET lease_until = $1, fence = fence + 1 \
         WHERE kind = $2 AND id = $3 AND lease_until <= $4 \
         RETURNING kind, id, generation, fence, class, attempts, cause, trace",
    )
    .bind(lease_now + LEASE_MS)
    .bind(kind.as_str())
    .bind(id)
    .bind(lease_now)
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    row.map(Lease::try_from).transpose()
}

/// First statement of a transaction that writes under a lease: fails when the lease was lost,
/// and holds the row until the end.
pub async fn check_fence(
    db: &Db,
    conn: &mut AnyConnection,
    lease: &Lease,
    wall_ms: i64,
) -> Result<(), DbError> {
    let lease_now = db.lease_now(conn, wall_ms).await?;
    let done = sqlx::query(
        "UPDATE dirty SET lease_until = $1 \
         WHERE kind = $2 AND id = $3 AND fence = $4 AND lease_until > $5",
    )
    .bind(lease_now + LEASE_MS)
    .bind(lease.kind.as_str())
    .bind(&lease.id)
    .bind(lease.fence)
    .bind(lease_now)
    .execute(conn)
    .await?;
    one_row(done.rows_affected())
}

/// Renews a lease between calls of a long reading.
pub async fn renew(db: &Db, lease: &Lease, wall_ms: i64) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    check_fence(db, &mut tx, lease, wall_ms).await?;
    tx.commit().await?;
    Ok(())
}

/// Last statement of the writing transaction: gives the lease back. Unless the subject was
/// marked meanwhile, the next look is at `next_look` (policy clock), or never.
pub async fn finish(
    conn: &mut AnyConnection,
    lease: &Lease,
    next_look: Option<i64>,
    now: i64,
) -> Result<(), DbError> {
    let next = next_look.unwrap_or(NEVER);
    let done = sqlx::query(
        "UPDATE dirty SET lease_until = 0, attempts = 0, last_error = NULL, cause = NULL, parked = 0, \
         due_at = CASE WHEN generation = $1 THEN $2 ELSE $3 END, \
         class = CASE WHEN generation = $1 THEN $4 ELSE class END, \
         rank_at = CASE WHEN generation = $1 THEN $5 ELSE $3 END \
         WHERE kind = $6 AND id = $7 AND fence = $8",
    )
    .bind(lease.generation)
    .bind(next)
    .bind(now)
    .bind(Class::Bulk.number())
    .bind(next.saturating_add(Class::Bulk.head_start_ms()))
    .bind(lease.kind.as_str())
    .bind(&lease.id)
    .bind(lease.fence)
    .execute(&mut *conn)
    .await?;
    one_row(done.rows_affected())?;
    if lease.attempts > 0 {
        incidents::close(conn, incidents::PARKED, &lease.to_string(), now).await?;
    }
    Ok(())
}

/// The same for a subject that is done for good: it goes, unless it was marked meanwhile.
pub async fn forget(conn: &mut AnyConnection, lease: &Lease, now: i64) -> Result<(), DbError> {
    finish(&mut *conn, lease, None, now).await?;
    sqlx::query("DELETE FROM dirty WHERE kind = $1 AND id = $2 AND fence = $3 AND generation = $4")
        .bind(lease.kind.as_str())
        .bind(&lease.id)
        .bind(lease.fence)
        .bind(lease.generation)
        .execute(conn)
        .await?;
    Ok(())
}

/// What becomes of a subject whose reading failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// Again at this moment of the policy clock.
    RetryAt(i64),
    /// Needs a person; stands still until marked.
    Park,
}

/// Gives the lease back after a failure. `error` is our own words, never an outside text; `cause`
/// is what others fail of too. A retry keeps its moment even when the subject was marked
/// meanwhile, or events that keep arriving would undo every back-off; a subject marked meanwhile
/// is not parked, for the mark may be the mending.
pub async fn fail(
    db: &Db,
    lease: &Lease,
    after: AfterFailure,
    error: &str,
    cause: Option<&str>,
) -> Result<(), DbError> {
    let (due_at, parked) = match after {
        AfterFailure::RetryAt(at) => (at, 0_i64),
        AfterFailure::Park => (NEVER, 1),
    };
    let mut tx = db.begin().await?;
    let done = sqlx::query(
        "UPDATE dirty SET lease_until = 0, attempts = attempts + 1, last_error = $1, \
         cause = $8, parked = CASE WHEN generation = $2 THEN $3 ELSE 0 END, \
         due_at = CASE WHEN generation = $2 OR $3 = 0 THEN $4 ELSE due_at END, \
         rank_at = CASE WHEN generation = $2 OR $3 = 0 THEN $4 ELSE rank_at END \
         WHERE kind = $5 AND id = $6 AND fence = $7",
    )
    .bind(error)
    .bind(lease.generation)
    .bind(parked)
    .bind(due_at)
    .bind(lease.kind.as_str())
    .bind(&lease.id)
    .bind(lease.fence)
    .bind(cause)
    .execute(&mut *tx)
    .await?;
    one_row(done.rows_affected())?;
    tx.commit().await?;
    Ok(())
}

/// Gives the lease back without having done anything.
pub async fn release(db: &Db, lease: &Lease) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    sqlx::query("UPDATE dirty SET lease_until = 0 WHERE kind = $1 AND id = $2 AND fence = $3")
        .bind(lease.kind.as_str())
        .bind(&lease.id)
        .bind(lease.fence)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Frees the leases a crash left behind. Only where one process owns the database (SQLite).
pub async fn free_all_leases(db: &Db) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    sqlx::query("UPDATE dirty SET lease_until = 0, fence = fence + 1 WHERE lease_until > 0")
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// How many subjects are due now, and how many are parked.
pub async fn backlog(db: &Db, now: i64) -> Result<(i64, i64), DbError> {
    let due = sqlx::query_scalar(
        "SELECT COUNT(*) FROM dirty WHERE parked = 0 AND rank_at <= $1 AND due_at <= $2",
    )
    .bind(now + LONGEST_WAIT_MS)
    .bind(now)
    .fetch_one(db.reader())
    .await?;
    let parked = sqlx::query_scalar("SELECT COUNT(*) FROM dirty WHERE parked = 1")
        .fetch_one(db.reader())
        .await?;
    Ok((due, parked))
}

fn one_row(rows: u64) -> Result<(), DbError> {
    if rows == 1 {
        Ok(())
    } else {
        Err(DbError::Fenced)
    }
}

#[cfg(test)]
mod tests {
    use super::{ONLY_URGENT, Whose, claiming};
    use crate::db::{Db, Kind};
    use sqlx::{AssertSqlSafe, Row};

    /// Otherwise a claim walks over every due subject of the other kind: with thousands of them
    /// due, the workers do little else.
    #[tokio::test]
    async fn each_kind_of_claim_has_its_own_index() {
        let db = Db::connect("sqlite:file:claims?mode=memory&cache=shared")
            .await
            .unwrap();
        for (only, index) in [
            (Whose::Users.only(), "dirty_users"),
            (Whose::Others.only(), "dirty_others"),
            (ONLY_URGENT, "dirty_urgent"),
        ] {
            let sql = format!("EXPLAIN QUERY PLAN {}", claiming(Kind::Sqlite, only));
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for _ in 0..5 {
                query = query.bind(1_i64);
            }
            let plan: Vec<String> = query
                .fetch_all(db.reader())
                .await
                .unwrap()
                .iter()
                .map(|row| row.get("detail"))
                .collect();
            let searched = format!("USING INDEX {index} (parked=? AND rank_at<?)");
            assert!(
                plan.iter().any(|line| line.contains(&searched)),
                "{only}: {plan:?}"
            );
        }
    }
}
