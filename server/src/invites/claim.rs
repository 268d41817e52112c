//! A link: what it shows, and the seat that is claimed by it.

use super::tokens;
use crate::account;
use crate::db::DbError;
use crate::db::dirty::Class;
use crate::guards::LimitKind;
use crate::seats::{self, By, PoolRow};
use crate::state::AppState;
use app::invites::{Bound, Claimed, Invite, InviteError, lines};
use sqlx::{AnyConnection, FromRow};

/// Any failure of a claim, before it is told to the person.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Told(#[from] InviteError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl Failure {
    /// What the person is told; what is ours to mend is logged.
    pub fn told(self, what: &'static str) -> InviteError {
        match self {
            Self::Told(error) => {
                tracing::info!(
                    what,
                    problem = error.slug(),
                    "a person's request was refused"
                );
                error
            }
            Self::Db(error) => {
                tracing::warn!(what, error = %error, "a person's request failed");
                InviteError::Unavailable
            }
        }
    }
}

/// Somebody who claimed by a link for a group is not told that they have a seat already when the
/// same press arrives twice.
const SAME_PRESS_MS: i64 = 60_000;

/// A link with what it leads to.
#[derive(FromRow)]
struct Row {
    id: String,
    company_id: String,
    plan_id: String,
    seat_id: Option<String>,
    state: String,
    most: Option<i64>,
    claims: i64,
    group_domain: Option<String>,
    made_by: String,
    expires_at: i64,
    seat_state: Option<String>,
    holder: Option<String>,
    email: Option<String>,
    domain: Option<String>,
}

async fn find(conn: &mut AnyConnection, hash: &str) -> Result<Option<Row>, DbError> {
    Ok(sqlx::query_as(
        "SELECT invites.id, invites.company_id, invites.plan_id, invites.seat_id, invites.state, invites.most, \
         invites.claims, invites.domain AS group_domain, invites.made_by, invites.expires_at, \
         seats.state AS seat_state, seats.user_id AS holder, seats.email, seats.domain \
         FROM invites LEFT JOIN seats ON seats.id = invites.seat_id WHERE invites.token_hash = $1",
    )
    .bind(hash)
    .fetch_optional(conn)
    .await?)
}

impl Row {
    fn bound(&self) -> Bound {
        let domain = self.domain.as_ref().or(self.group_domain.as_ref());
        match (&self.email, domain) {
            (Some(email), _) => Bound::Address(email.clone()),
            (None, Some(domain)) => Bound::Domain(domain.clone()),
            (None, None) => Bound::Anybody,
        }
    }

    /// Why nobody can claim by it any more, if so.
    fn over(&self, now: i64) -> Option<InviteError> {
        match self.state.as_str() {
            "used" => Some(InviteError::Used),
            "replaced" => Some(InviteError::Replaced),
            "withdrawn" => Some(InviteError::Revoked),
            "expired" => Some(InviteError::Expired),
            _ if self.expires_at <= now => Some(InviteError::Expired),
            _ if self.most.is_some_and(|most| self.claims >= most) => Some(InviteError::UsedUp),
            _ => None,
        }
    }
}

/// Whether the person is whom it is for.
async fn fits(
    conn: &mut AnyConnection,
    bound: &Bound,
    user_id: &str,
) -> Result<Option<InviteError>, DbError> {
    if *bound == Bound::Anybody {
        return Ok(None);
    }
    let row: Option<(Option<String>, i64)> =
        sqlx::query_as("SELECT email, email_verified FROM users WHERE id = $1")
            .bind(user_id)
            .fetch_optional(conn)
            .await?;
    let Some((Some(email), 1)) = row else {
        return Ok(Some(InviteError::Unverified));
    };
    let email = email.to_lowercase();
    Ok(match bound {
        Bound::Address(address) if *address != email => Some(InviteError::OtherAddress),
        Bound::Domain(domain) if !lines::is_at(&email, domain) => Some(InviteError::OtherDomain),
        _ => None,
    })
}

/// Why this person cannot claim by it now, if so.
async fn refused(
    conn: &mut AnyConnection,
    row: &Row,
    pool: &PoolRow,
    user_id: &str,
    now: i64,
) -> Result<Option<InviteError>, DbError> {
    if let Some(over) = row.over(now) {
        return Ok(Some(over));
    }
    if account::under_way(conn, user_id).await? {
        return Ok(Some(InviteError::Leaving));
    }
    if seats::has_seat(conn, pool, user_id).await? {
        return Ok(Some(InviteError::AlreadyMember));
    }
    if let Some(other) = fits(conn, &row.bound(), user_id).await? {
        return Ok(Some(other));
    }
    if !pool.open() {
        return Ok(Some(InviteError::Lapsed));
    }
    // An invited seat is held already; a suspended one, and one of a group's link, are not.
    let holds = row.seat_state.as_deref() == Some("invited");
    if !holds && seats::room(conn, pool).await? <= 0 {
        return Ok(Some(InviteError::NoSeat));
    }
    Ok(None)
}

async fn own_runs(conn: &mut AnyConnection, user_id: &str) -> Result<bool, DbError> {
    let runs: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM payers JOIN subscriptions ON subscriptions.payer_id = payers.id \
         WHERE payers.user_id = $1 AND subscriptions.status NOT IN ('canceled', 'incomplete_expired', 'incomplete') \
         AND subscriptions.cancel_at IS NULL AND subscriptions.cancel_at_period_end = 0 LIMIT 1",
    )
    .bind(user_id)
    .fetch_optional(conn)
    .await?;
    Ok(runs.is_some())
}

pub async fn look(state: &AppState, token: &str, user_id: Option<&str>) -> Result<Invite, Failure> {
    let hash = tokens::hash_of(token).ok_or(InviteError::Unknown)?;
    let now = state.clock.policy_ms();
    let mut conn = state.db.reader().acquire().await?;
    let row = find(&mut conn, &hash).await?.ok_or(InviteError::Unknown)?;
    let company: String = sqlx::query_scalar("SELECT name FROM companies WHERE id = $1")
        .bind(&row.company_id)
        .fetch_one(&mut *conn)
        .await?;
    let inviter: Option<String> = sqlx::query_scalar("SELECT name FROM users WHERE id = $1")
        .bind(&row.made_by)
        .fetch_optional(&mut *conn)
        .await?;
    let plan: Option<(String, String)> =
        sqlx::query_as("SELECT name, features FROM plans WHERE id = $1")
            .bind(&row.plan_id)
            .fetch_optional(&mut *conn)
            .await?;
    let (plan, features) = plan.unwrap_or_else(|| ("a membership".to_owned(), "[]".to_owned()));
    let pool = seats::find_pool(&mut conn, &row.company_id, &row.plan_id)
        .await?
        .ok_or(InviteError::Lapsed)?;
    let refused = match user_id {
        Some(user) => refused(&mut conn, &row, &pool, user, now).await?,
        None => row
            .over(now)
            .or((!pool.open()).then_some(InviteError::Lapsed)),
    };
    Ok(Invite {
        inviter: inviter.unwrap_or_else(|| company.clone()),
        company,
        plan,
        features: serde_json::from_str(&features).unwrap_or_default(),
        bound: row.bound(),
        expires_at: row.expires_at,
        group: row.seat_id.is_none(),
        refused,
        own_runs: match user_id {
            Some(user) => own_runs(&mut conn, user).await?,
            None => false,
        },
    })
}

pub async fn claim(state: &AppState, user_id: &str, token: &str) -> Result<Claimed, Failure> {
    state
        .limits
        .check(LimitKind::ClaimUser, user_id, state.clock.wall_ms())
        .map_err(|_| InviteError::TooMany)?;
    let hash = tokens::hash_of(token).ok_or(InviteError::Unknown)?;
    let now = state.clock.policy_ms();
    let trace = state.rng.id("st_");
    let mut tx = state.db.begin().await?;
    let (row, pool) = locked(&mut tx, &hash, now).await?;
    let claimed = Claimed {
        company_id: row.company_id.clone(),
        own_runs: own_runs(&mut tx, user_id).await?,
    };
    if same_press(&mut tx, &row, user_id, now).await? {
        return Ok(claimed);
    }
    if let Some(error) = refused(&mut tx, &row, &pool, user_id, now).await? {
        // Whatever expired under the lock stays so.
        tx.commit().await?;
        return Err(error.into());
    }
    let by = By {
        actor: "member",
        class: Class::Urgent,
        trace: &trace,
    };
    let seat = match &row.seat_id {
        Some(seat) => {
            take(&mut tx, seat, user_id, now).await?;
            seats::entitle_one(&mut tx, &pool, seat, by, now).await?;
            seat.clone()
        }
        None => seats::seat(state, &mut tx, &pool, user_id, by, now).await?,
    };
    let spent = if row.seat_id.is_some() {
        "UPDATE invites SET state = 'used', claims = 1, settled_at = $1 WHERE id = $2"
    } else {
        "UPDATE invites SET claims = claims + 1, settled_at = $1 WHERE id = $2"
    };
    sqlx::query(spent)
        .bind(now)
        .bind(&row.id)
        .execute(&mut *tx)
        .await?;
    let told = if row.seat_id.is_some() {
        "claimed by an invite"
    } else {
        "claimed by a link for a group"
    };
    seats::tell(&mut tx, &seat, Some(user_id), "member", told, &trace, now).await?;
    tx.commit().await?;
    tracing::info!(company = %row.company_id, seat = %seat, user = %user_id, trace, "a seat was claimed");
    state.work.notify_one();
    Ok(claimed)
}

/// The link as it is under its pool's lock; a plan that changed before the lock was ours has taken
/// its links along.
async fn locked(conn: &mut AnyConnection, hash: &str, now: i64) -> Result<(Row, PoolRow), Failure> {
    let mut found = find(conn, hash).await?.ok_or(InviteError::Unknown)?;
    for _ in 0..3 {
        let pool = seats::lock(conn, &found.company_id, &found.plan_id, now).await?;
        let again = find(conn, hash).await?.ok_or(InviteError::Unknown)?;
        if again.plan_id == found.plan_id {
            return Ok((again, pool.ok_or(InviteError::Lapsed)?));
        }
        found = again;
    }
    Err(InviteError::Unavailable.into())
}

/// The same press arrived before: what it did is done.
async fn same_press(
    conn: &mut AnyConnection,
    row: &Row,
    user_id: &str,
    now: i64,
) -> Result<bool, DbError> {
    if row.seat_id.is_some() {
        return Ok(
            row.seat_state.as_deref() == Some("claimed") && row.holder.as_deref() == Some(user_id)
        );
    }
    let just: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM seats WHERE user_id = $1 AND company_id = $2 AND plan_id = $3 \
         AND state = 'claimed' AND claimed_at > $4",
    )
    .bind(user_id)
    .bind(&row.company_id)
    .bind(&row.plan_id)
    .bind(now - SAME_PRESS_MS)
    .fetch_optional(conn)
    .await?;
    Ok(just.is_some())
}

async fn take(
    conn: &mut AnyConnection,
    seat_id: &str,
    user_id: &str,
    now: i64,
) -> Result<(), Failure> {
    let done = sqlx::query(
        "UPDATE seats SET state = 'claimed', was = NULL, user_id = $1, claimed_at = $2, changed_at = $2 \
         WHERE id = $3 AND state IN ('invited', 'suspended') AND user_id IS NULL",
    )
    .bind(user_id)
    .bind(now)
    .bind(seat_id)
    .execute(conn)
    .await?;
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(InviteError::Used.into())
    }
}
