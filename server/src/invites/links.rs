//! Links: made, sent anew, shown once, and those for a group. A new one ends the old.

use super::invite::{self, For, Making};
use super::tokens;
use crate::company::{Failure, guard};
use crate::db::DbError;
use crate::guards::LimitKind;
use crate::seal::SealError;
use crate::seats::{self, PoolRow, SeatRow};
use crate::state::AppState;
use app::company::{CompanyError, MOST};
use app::invites::{FreshLink, GroupLink, NewGroupLink, lines};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// For so long a link that was just made can be shown to who made it.
const SHOWN_MS: i64 = 10 * 60 * 1000;

/// A link that was just made.
pub struct Link {
    pub id: String,
    pub token: SecretString,
}

/// Counts against whoever asks.
pub fn limited(state: &AppState, user_id: &str) -> Result<(), Failure> {
    state
        .limits
        .check(LimitKind::CompanyUser, user_id, state.clock.wall_ms())
        .map_err(|_| CompanyError::TooMany.into())
}

/// Begins making invites: until when they are good, and that somebody looks then.
pub async fn making<'a>(
    state: &AppState,
    conn: &mut AnyConnection,
    admin: &'a guard::Admin,
    trace: &str,
    now: i64,
) -> Result<Making<'a>, DbError> {
    let expires_at = now + i64::from(state.config.invite_days) * DAY_MS;
    invite::look_at_expiry(conn, &admin.payer_id, expires_at, trace).await?;
    Ok(Making {
        user_id: &admin.user_id,
        now,
        expires_at,
    })
}

/// Writes a link for a seat; none is for a group.
pub async fn make(
    state: &AppState,
    conn: &mut AnyConnection,
    pool: &PoolRow,
    seat_id: Option<&str>,
    making: &Making<'_>,
) -> Result<Link, DbError> {
    let id = state.rng.id("inv_");
    let token = tokens::new(&state.rng);
    sqlx::query(
        "INSERT INTO invites (id, company_id, plan_id, seat_id, token_hash, state, made_by, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $8)",
    )
    .bind(&id)
    .bind(&pool.company_id)
    .bind(&pool.plan_id)
    .bind(seat_id)
    .bind(&token.hash)
    .bind(making.user_id)
    .bind(making.now)
    .bind(making.expires_at)
    .execute(conn)
    .await?;
    Ok(Link {
        id,
        token: token.token,
    })
}

/// A new link for a seat that waits, which ends the old one.
async fn renewed(
    state: &AppState,
    conn: &mut AnyConnection,
    pool: &PoolRow,
    seat: &SeatRow,
    making: &Making<'_>,
) -> Result<Link, Failure> {
    let waits = matches!(seat.state.as_str(), "invited" | "suspended") && seat.user_id.is_none();
    if !waits {
        return Err(CompanyError::SeatMoved.into());
    }
    sqlx::query(
        "UPDATE invites SET state = 'replaced', settled_at = $1 WHERE seat_id = $2 AND state = 'open'",
    )
    .bind(making.now)
    .bind(&seat.id)
    .execute(&mut *conn)
    .await?;
    Ok(make(state, conn, pool, Some(&seat.id), making).await?)
}

pub async fn resend(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    seat_id: &str,
) -> Result<(), Failure> {
    limited(state, user_id)?;
    let now = state.clock.policy_ms();
    let trace = state.rng.id("st_");
    let mut tx = state.db.begin().await?;
    let admin = guard::admin(&mut tx, user_id, company_id).await?;
    let making = making(state, &mut tx, &admin, &trace, now).await?;
    let (seat, pool) = seats::locked(&mut tx, &admin.company_id, seat_id, now)
        .await?
        .ok_or(CompanyError::SeatMoved)?;
    let email = seat.email.clone().ok_or(CompanyError::SeatMoved)?;
    let link = renewed(state, &mut tx, &pool, &seat, &making).await?;
    let words = invite::words(&mut tx, &pool, user_id).await?;
    invite::post(state, &mut tx, &words, (&email, &link), &making).await?;
    let actor = seats::by_admin(user_id);
    let told = "invited anew by mail; the old link is over";
    seats::tell(&mut tx, &seat.id, None, &actor, told, &trace, now).await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}

pub async fn link(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    seat_id: &str,
) -> Result<String, Failure> {
    limited(state, user_id)?;
    let now = state.clock.policy_ms();
    let trace = state.rng.id("st_");
    let mut tx = state.db.begin().await?;
    let admin = guard::admin(&mut tx, user_id, company_id).await?;
    let making = making(state, &mut tx, &admin, &trace, now).await?;
    let (seat, pool) = seats::locked(&mut tx, &admin.company_id, seat_id, now)
        .await?
        .ok_or(CompanyError::SeatMoved)?;
    let link = renewed(state, &mut tx, &pool, &seat, &making).await?;
    let actor = seats::by_admin(user_id);
    let told = "a new link was made; the old one is over";
    seats::tell(&mut tx, &seat.id, None, &actor, told, &trace, now).await?;
    let whom = whom(seat.email.as_deref(), seat.domain.as_deref());
    let fresh = fresh_of(state, &admin, &link, whom, making.expires_at)?;
    tx.commit().await?;
    Ok(fresh)
}

/// A seat for anybody with the link, or anybody at a domain.
pub async fn open_invite(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    plan_id: &str,
    domain: Option<&str>,
) -> Result<String, Failure> {
    limited(state, user_id)?;
    let domain = at_domain(domain)?;
    let now = state.clock.policy_ms();
    let trace = state.rng.id("st_");
    let mut tx = state.db.begin().await?;
    let admin = guard::admin(&mut tx, user_id, company_id).await?;
    let making = making(state, &mut tx, &admin, &trace, now).await?;
    let pool = seats::lock(&mut tx, &admin.company_id, plan_id, now)
        .await?
        .ok_or(CompanyError::NotPaid)?;
    seats::free_one(&mut tx, &pool).await?;
    let to = For {
        email: None,
        domain: domain.as_deref(),
    };
    let (seat, link) = invite::one(state, &mut tx, &pool, to, &making).await?;
    let actor = seats::by_admin(user_id);
    seats::tell(
        &mut tx,
        &seat,
        None,
        &actor,
        "invited by a link",
        &trace,
        now,
    )
    .await?;
    let whom = whom(None, domain.as_deref());
    let fresh = fresh_of(state, &admin, &link, whom, making.expires_at)?;
    tx.commit().await?;
    Ok(fresh)
}

/// A domain as it was typed: nothing is none.
fn at_domain(typed: Option<&str>) -> Result<Option<String>, Failure> {
    match typed.map(str::trim).filter(|typed| !typed.is_empty()) {
        None => Ok(None),
        Some(typed) => match lines::domain(typed) {
            Some(domain) => Ok(Some(domain)),
            None => Err(CompanyError::Lines.into()),
        },
    }
}

fn whom(email: Option<&str>, domain: Option<&str>) -> String {
    match (email, domain) {
        (Some(email), _) => email.to_owned(),
        (None, Some(domain)) => format!("anybody at {domain}"),
        (None, None) => "anybody who has it".to_owned(),
    }
}

pub async fn group_link(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    new: &NewGroupLink,
) -> Result<String, Failure> {
    limited(state, user_id)?;
    let domain = at_domain(new.domain.as_deref())?;
    if !(1..=MOST).contains(&new.most) {
        return Err(CompanyError::BadNumber.into());
    }
    let now = state.clock.policy_ms();
    let trace = state.rng.id("st_");
    let mut tx = state.db.begin().await?;
    let admin = guard::admin(&mut tx, user_id, company_id).await?;
    let making = making(state, &mut tx, &admin, &trace, now).await?;
    let pool = seats::lock(&mut tx, &admin.company_id, &new.plan_id, now)
        .await?
        .filter(PoolRow::open)
        .ok_or(CompanyError::NotPaid)?;
    let link = make(state, &mut tx, &pool, None, &making).await?;
    sqlx::query("UPDATE invites SET most = $1, domain = $2 WHERE id = $3")
        .bind(new.most)
        .bind(&domain)
        .bind(&link.id)
        .execute(&mut *tx)
        .await?;
    let actor = seats::by_admin(user_id);
    let told = format!("a link for a group was made, for {} at most", new.most);
    seats::tell(&mut tx, &link.id, None, &actor, &told, &trace, now).await?;
    let whom = whom(None, domain.as_deref());
    let fresh = fresh_of(state, &admin, &link, whom, making.expires_at)?;
    tx.commit().await?;
    Ok(fresh)
}

pub async fn group_links(
    state: &AppState,
    user_id: &str,
    company_id: &str,
) -> Result<Vec<GroupLink>, Failure> {
    let mut conn = state.db.reader().acquire().await?;
    let admin = guard::admin(&mut conn, user_id, company_id).await?;
    let rows: Vec<GroupRow> = sqlx::query_as(
        "SELECT id, plan_id, most, claims, domain, created_at, expires_at FROM invites \
         WHERE company_id = $1 AND state = 'open' AND seat_id IS NULL AND expires_at > $2 \
         ORDER BY created_at DESC",
    )
    .bind(&admin.company_id)
    .bind(state.clock.policy_ms())
    .fetch_all(&mut *conn)
    .await?;
    Ok(rows.into_iter().map(GroupRow::link).collect())
}

#[derive(sqlx::FromRow)]
struct GroupRow {
    id: String,
    plan_id: String,
    most: Option<i64>,
    claims: i64,
    domain: Option<String>,
    created_at: i64,
    expires_at: i64,
}

impl GroupRow {
    fn link(self) -> GroupLink {
        GroupLink {
            id: self.id,
            plan_id: self.plan_id,
            most: self.most.unwrap_or(0),
            claims: self.claims,
            domain: self.domain,
            created_at: self.created_at,
            expires_at: self.expires_at,
        }
    }
}

pub async fn end_group_link(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    id: &str,
) -> Result<(), Failure> {
    limited(state, user_id)?;
    let now = state.clock.policy_ms();
    let trace = state.rng.id("st_");
    let mut tx = state.db.begin().await?;
    let admin = guard::admin(&mut tx, user_id, company_id).await?;
    let done = sqlx::query(
        "UPDATE invites SET state = 'withdrawn', settled_at = $1 \
         WHERE id = $2 AND company_id = $3 AND seat_id IS NULL AND state = 'open'",
    )
    .bind(now)
    .bind(id)
    .bind(&admin.company_id)
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() > 0 {
        let actor = seats::by_admin(user_id);
        let told = "a link for a group was ended";
        seats::tell(&mut tx, id, None, &actor, told, &trace, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// What is carried to the page that shows a link once: sealed for who made it, and not for long.
#[derive(Serialize, Deserialize)]
struct Shown {
    link: FreshLink,
    /// Wall clock.
    until: i64,
}

fn place(user_id: &str, company_id: &str) -> String {
    format!("invites/{user_id}/{company_id}/fresh")
}

fn fresh_of(
    state: &AppState,
    admin: &guard::Admin,
    link: &Link,
    whom: String,
    expires_at: i64,
) -> Result<String, Failure> {
    let token = link.token.expose_secret();
    let shown = Shown {
        link: FreshLink {
            url: state.config.own_url(&format!("/invite/{token}")),
            whom,
            expires_at,
        },
        until: state.clock.wall_ms() + SHOWN_MS,
    };
    let plain = serde_json::to_string(&shown).map_err(|_| SealError::Unreadable)?;
    let place = place(&admin.user_id, &admin.company_id);
    Ok(state.seal.seal(&place, &SecretString::from(plain))?)
}

/// `None`: somebody else's, or too long ago.
pub fn fresh(state: &AppState, user_id: &str, company_id: &str, sealed: &str) -> Option<FreshLink> {
    let opened = state.seal.open(&place(user_id, company_id), sealed).ok()?;
    let shown: Shown = serde_json::from_str(opened.expose_secret()).ok()?;
    (shown.until > state.clock.wall_ms()).then_some(shown.link)
}
