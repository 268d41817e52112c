//! What is done with seats: taken, freed, given back, chosen to make way. Each is one transaction
//! under the pool's lock; roles follow by the users it marks.

use super::entitle::{self, By};
use super::pool::{self, PoolRow};
use super::{balance, story};
use crate::account;
use crate::company::{Failure, guard};
use crate::db::DbError;
use crate::db::dirty::Class;
use crate::guards::LimitKind;
use crate::state::AppState;
use app::company::CompanyError;
use sqlx::{AnyConnection, FromRow};

/// For so long a freed seat can be given back.
pub const UNDO_MS: i64 = 10 * 60 * 1000;

/// A seat as its row has it.
#[derive(FromRow)]
pub struct SeatRow {
    pub id: String,
    pub plan_id: String,
    pub state: String,
    pub was: Option<String>,
    pub because: Option<String>,
    pub user_id: Option<String>,
    pub email: Option<String>,
    pub domain: Option<String>,
    pub changed_at: i64,
}

/// A seat of a company; one of another is not there.
pub async fn find(
    conn: &mut AnyConnection,
    company_id: &str,
    seat_id: &str,
) -> Result<Option<SeatRow>, DbError> {
    Ok(sqlx::query_as(
        "SELECT id, plan_id, state, was, because, user_id, email, domain, changed_at FROM seats \
         WHERE id = $1 AND company_id = $2",
    )
    .bind(seat_id)
    .bind(company_id)
    .fetch_optional(conn)
    .await?)
}

/// The seat under its pool's lock. Its plan may have changed before the lock was ours: then that
/// pool is locked instead.
pub async fn locked(
    conn: &mut AnyConnection,
    company_id: &str,
    seat_id: &str,
    now: i64,
) -> Result<Option<(SeatRow, PoolRow)>, DbError> {
    let mut found = find(conn, company_id, seat_id).await?;
    for _ in 0..3 {
        let Some(seat) = found else { return Ok(None) };
        let pool = pool::lock(conn, company_id, &seat.plan_id, now).await?;
        let again = find(conn, company_id, seat_id).await?;
        match (pool, again) {
            (Some(pool), Some(again)) if again.plan_id == seat.plan_id => {
                return Ok(Some((again, pool)));
            }
            (_, again) => found = again,
        }
    }
    Ok(None)
}

/// Counts against whoever asks.
pub fn limited(state: &AppState, user_id: &str) -> Result<(), Failure> {
    state
        .limits
        .check(LimitKind::CompanyUser, user_id, state.clock.wall_ms())
        .map_err(|_| CompanyError::TooMany.into())
}

/// Whether a person holds a seat of the pool, suspended or not.
pub async fn has_seat(
    conn: &mut AnyConnection,
    pool: &PoolRow,
    user_id: &str,
) -> Result<bool, DbError> {
    let has: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM seats WHERE user_id = $1 AND company_id = $2 AND plan_id = $3 \
         AND state IN ('claimed', 'suspended')",
    )
    .bind(user_id)
    .bind(&pool.company_id)
    .bind(&pool.plan_id)
    .fetch_optional(conn)
    .await?;
    Ok(has.is_some())
}

/// Whether one more can be held; why not, otherwise.
pub async fn free_one(conn: &mut AnyConnection, pool: &PoolRow) -> Result<(), Failure> {
    if !pool.open() {
        return Err(CompanyError::NotPaid.into());
    }
    if pool::room(conn, pool).await? > 0 {
        return Ok(());
    }
    Err(if pool.over_since.is_some() {
        CompanyError::Over
    } else {
        CompanyError::Full
    }
    .into())
}

/// Somebody begins to hold a new seat at once; answers its id.
pub async fn seat(
    state: &AppState,
    conn: &mut AnyConnection,
    pool: &PoolRow,
    user_id: &str,
    by: By<'_>,
    now: i64,
) -> Result<String, DbError> {
    let id = state.rng.id("seat_");
    sqlx::query(
        "INSERT INTO seats (id, company_id, plan_id, state, user_id, made_by, created_at, claimed_at, changed_at) \
         VALUES ($1, $2, $3, 'claimed', $4, $4, $5, $5, $5)",
    )
    .bind(&id)
    .bind(&pool.company_id)
    .bind(&pool.plan_id)
    .bind(user_id)
    .bind(now)
    .execute(&mut *conn)
    .await?;
    entitle::one(conn, pool, &id, by, now).await?;
    Ok(id)
}

pub async fn take(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    plan_id: &str,
) -> Result<(), Failure> {
    limited(state, user_id)?;
    let now = state.clock.policy_ms();
    let trace = state.rng.id("st_");
    let mut tx = state.db.begin().await?;
    let admin = guard::admin(&mut tx, user_id, company_id).await?;
    if account::under_way(&mut tx, user_id).await? {
        return Err(CompanyError::Leaving.into());
    }
    let pool = pool::lock(&mut tx, &admin.company_id, plan_id, now)
        .await?
        .ok_or(CompanyError::NotPaid)?;
    if has_seat(&mut tx, &pool, user_id).await? {
        return Err(CompanyError::HasSeat.into());
    }
    free_one(&mut tx, &pool).await?;
    let by = By {
        actor: "member",
        class: Class::Urgent,
        trace: &trace,
    };
    let id = seat(state, &mut tx, &pool, user_id, by, now).await?;
    let told = "took a seat of the company they look after";
    story::tell(&mut tx, &id, Some(user_id), "member", told, &trace, now).await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}

pub async fn free(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    seat_id: &str,
) -> Result<(), Failure> {
    limited(state, user_id)?;
    let now = state.clock.policy_ms();
    let trace = state.rng.id("st_");
    let actor = story::by_admin(user_id);
    let mut tx = state.db.begin().await?;
    let admin = guard::admin(&mut tx, user_id, company_id).await?;
    let (seat, pool) = locked(&mut tx, &admin.company_id, seat_id, now)
        .await?
        .ok_or(CompanyError::SeatMoved)?;
    let because = if seat.user_id.is_some() {
        "freed"
    } else {
        "withdrawn"
    };
    let by = By {
        actor: &actor,
        class: Class::Urgent,
        trace: &trace,
    };
    revoke(&mut tx, &pool, &seat, because, by, now).await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}

/// A holder gives their own seat back.
pub async fn leave(state: &AppState, user_id: &str, seat_id: &str) -> Result<(), Failure> {
    limited(state, user_id)?;
    let now = state.clock.policy_ms();
    let trace = state.rng.id("st_");
    let mut tx = state.db.begin().await?;
    let company: Option<String> =
        sqlx::query_scalar("SELECT company_id FROM seats WHERE id = $1 AND user_id = $2")
            .bind(seat_id)
            .bind(user_id)
            .fetch_optional(&mut *tx)
            .await?;
    let company = company.ok_or(CompanyError::NotFound)?;
    let (seat, pool) = locked(&mut tx, &company, seat_id, now)
        .await?
        .filter(|(seat, _)| seat.user_id.as_deref() == Some(user_id))
        .ok_or(CompanyError::NotFound)?;
    let by = By {
        actor: "member",
        class: Class::Urgent,
        trace: &trace,
    };
    revoke(&mut tx, &pool, &seat, "left", by, now).await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}

/// Ends a seat, its link with it; what waits for a seat gets it. One that is revoked stays so.
pub async fn revoke(
    conn: &mut AnyConnection,
    pool: &PoolRow,
    seat: &SeatRow,
    because: &str,
    by: By<'_>,
    now: i64,
) -> Result<(), DbError> {
    let done = sqlx::query(
        "UPDATE seats SET state = 'revoked', because = $1, changed_at = $2, \
         was = CASE WHEN user_id IS NULL THEN 'invited' ELSE 'claimed' END \
         WHERE id = $3 AND state <> 'revoked'",
    )
    .bind(because)
    .bind(now)
    .bind(&seat.id)
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query(
        "UPDATE invites SET state = 'withdrawn', settled_at = $1 WHERE seat_id = $2 AND state = 'open'",
    )
    .bind(now)
    .bind(&seat.id)
    .execute(&mut *conn)
    .await?;
    let holder = seat.user_id.as_deref();
    let told = match because {
        "withdrawn" => "the invite was taken back",
        "left" => "the seat was given back by its holder",
        "deleted" => "the seat was given back: its holder's account is deleted",
        _ => "the seat was freed by the company",
    };
    story::tell(conn, &seat.id, holder, by.actor, told, by.trace, now).await?;
    entitle::one(conn, pool, &seat.id, by, now).await?;
    balance::refill(conn, pool, by, now).await?;
    let held = pool::held(conn, &pool.company_id, &pool.plan_id).await?;
    balance::settle_over(conn, pool, held).await
}

/// Gives a seat back that was freed a moment ago.
pub async fn undo(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    seat_id: &str,
) -> Result<(), Failure> {
    limited(state, user_id)?;
    let now = state.clock.policy_ms();
    let trace = state.rng.id("st_");
    let actor = story::by_admin(user_id);
    let mut tx = state.db.begin().await?;
    let admin = guard::admin(&mut tx, user_id, company_id).await?;
    let (seat, pool) = locked(&mut tx, &admin.company_id, seat_id, now)
        .await?
        .ok_or(CompanyError::SeatMoved)?;
    if seat.state != "revoked" {
        return Ok(());
    }
    let undoable = matches!(seat.because.as_deref(), Some("freed" | "withdrawn"))
        && now - seat.changed_at <= UNDO_MS;
    if !undoable {
        return Err(CompanyError::SeatMoved.into());
    }
    free_one(&mut tx, &pool).await?;
    if seat.was.as_deref() == Some("claimed") {
        back_to_holder(&mut tx, &pool, &seat, now).await?;
    } else {
        back_to_invite(&mut tx, &pool, &seat, now).await?;
    }
    let by = By {
        actor: &actor,
        class: Class::Urgent,
        trace: &trace,
    };
    entitle::one(&mut tx, &pool, &seat.id, by, now).await?;
    let holder = seat.user_id.as_deref();
    let told = "given back: freeing it was undone";
    story::tell(&mut tx, &seat.id, holder, &actor, told, &trace, now).await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}

async fn back_to_holder(
    conn: &mut AnyConnection,
    pool: &PoolRow,
    seat: &SeatRow,
    now: i64,
) -> Result<(), Failure> {
    let Some(holder) = &seat.user_id else {
        return Err(CompanyError::SeatMoved.into());
    };
    if has_seat(conn, pool, holder).await? {
        return Err(CompanyError::HasSeat.into());
    }
    sqlx::query(
        "UPDATE seats SET state = 'claimed', was = NULL, because = NULL, changed_at = $1 WHERE id = $2",
    )
    .bind(now)
    .bind(&seat.id)
    .execute(conn)
    .await?;
    Ok(())
}

async fn back_to_invite(
    conn: &mut AnyConnection,
    pool: &PoolRow,
    seat: &SeatRow,
    now: i64,
) -> Result<(), Failure> {
    let again: Option<String> = sqlx::query_scalar(
        "SELECT id FROM seats WHERE company_id = $1 AND plan_id = $2 AND email = $3 \
         AND state IN ('invited', 'suspended') AND user_id IS NULL",
    )
    .bind(&pool.company_id)
    .bind(&pool.plan_id)
    .bind(&seat.email)
    .fetch_optional(&mut *conn)
    .await?;
    if again.is_some() {
        return Err(CompanyError::HasSeat.into());
    }
    let link = sqlx::query(
        "UPDATE invites SET state = 'open', settled_at = NULL \
         WHERE seat_id = $1 AND state = 'withdrawn' AND expires_at > $2 AND settled_at = $3",
    )
    .bind(&seat.id)
    .bind(now)
    .bind(seat.changed_at)
    .execute(&mut *conn)
    .await?;
    if link.rows_affected() == 0 {
        return Err(CompanyError::SeatMoved.into());
    }
    sqlx::query(
        "UPDATE seats SET state = 'invited', was = NULL, because = NULL, changed_at = $1 WHERE id = $2",
    )
    .bind(now)
    .bind(&seat.id)
    .execute(conn)
    .await?;
    Ok(())
}

/// Of a pool that is over: these make way now.
pub async fn suspend(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    plan_id: &str,
    seats: &[String],
) -> Result<(), Failure> {
    limited(state, user_id)?;
    let now = state.clock.policy_ms();
    let trace = state.rng.id("st_");
    let actor = story::by_admin(user_id);
    let mut tx = state.db.begin().await?;
    let admin = guard::admin(&mut tx, user_id, company_id).await?;
    let pool = pool::lock(&mut tx, &admin.company_id, plan_id, now)
        .await?
        .ok_or(CompanyError::NotPaid)?;
    if pool.over_since.is_none() {
        return Err(CompanyError::SeatMoved.into());
    }
    if seats.is_empty() {
        return Err(CompanyError::TooManyStay.into());
    }
    let by = By {
        actor: &actor,
        class: Class::Urgent,
        trace: &trace,
    };
    balance::suspend(&mut tx, &pool, seats, by, now).await?;
    // Whoever was chosen beyond what is needed comes back at once.
    balance::refill(&mut tx, &pool, by, now).await?;
    let held = pool::held(&mut tx, &pool.company_id, &pool.plan_id).await?;
    balance::settle_over(&mut tx, &pool, held).await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}
