//! Inviting: seats that wait for somebody, each with a link. All of a list, or nothing of it.

use super::links::{self, Link};
use crate::company::{Failure, guard};
use crate::db::DbError;
use crate::db::dirty::{self, Class, SubjectKind};
use crate::mail::{self, Invitation};
use crate::seats::{self, PoolRow};
use crate::state::AppState;
use app::company::CompanyError;
use app::invites::Sent;
use app::invites::lines::{self, Line, LineProblem, LineTrouble};
use secrecy::ExposeSecret;
use sqlx::AnyConnection;
use std::collections::HashSet;

/// Whom a seat waits for.
#[derive(Clone, Copy)]
pub struct For<'a> {
    pub email: Option<&'a str>,
    pub domain: Option<&'a str>,
}

/// An invite is made by somebody, at a moment.
pub struct Making<'a> {
    pub user_id: &'a str,
    pub now: i64,
    pub expires_at: i64,
}

/// What an invite's mail says beside its link.
pub struct Words {
    pub company: String,
    pub inviter: String,
    pub plan: String,
}

pub async fn words(
    conn: &mut AnyConnection,
    pool: &PoolRow,
    user_id: &str,
) -> Result<Words, DbError> {
    let (company, inviter): (String, String) = sqlx::query_as(
        "SELECT companies.name, users.name FROM companies, users \
         WHERE companies.id = $1 AND users.id = $2",
    )
    .bind(&pool.company_id)
    .bind(user_id)
    .fetch_one(&mut *conn)
    .await?;
    let plan: Option<String> = sqlx::query_scalar("SELECT name FROM plans WHERE id = $1")
        .bind(&pool.plan_id)
        .fetch_optional(conn)
        .await?;
    Ok(Words {
        company,
        inviter,
        plan: plan.unwrap_or_else(|| "a membership".to_owned()),
    })
}

pub async fn invite(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    plan_id: &str,
    list: &str,
) -> Result<Sent, Failure> {
    links::limited(state, user_id)?;
    let read = lines::read(list);
    let now = state.clock.policy_ms();
    let trace = state.rng.id("st_");
    let mut tx = state.db.begin().await?;
    let admin = guard::admin(&mut tx, user_id, company_id).await?;
    let lines = match read {
        Ok(lines) if lines.is_empty() => return Err(CompanyError::Lines.into()),
        Ok(lines) => lines,
        Err(problems) => return Ok(Sent::None(problems)),
    };
    let making = links::making(state, &mut tx, &admin, &trace, now).await?;
    let pool = seats::lock(&mut tx, &admin.company_id, plan_id, now)
        .await?
        .ok_or(CompanyError::NotPaid)?;
    if !pool.open() {
        return Err(CompanyError::NotPaid.into());
    }
    let problems = problems(&mut tx, &pool, &lines, list).await?;
    if !problems.is_empty() {
        return Ok(Sent::None(problems));
    }
    let words = words(&mut tx, &pool, user_id).await?;
    for line in &lines {
        let whom = For {
            email: Some(&line.email),
            domain: None,
        };
        let (seat, link) = one(state, &mut tx, &pool, whom, &making).await?;
        post(state, &mut tx, &words, (&line.email, &link), &making).await?;
        let actor = seats::by_admin(user_id);
        seats::tell(&mut tx, &seat, None, &actor, "invited by mail", &trace, now).await?;
    }
    tx.commit().await?;
    tracing::info!(company = %admin.company_id, plan = plan_id, invited = lines.len(), trace, "people were invited");
    state.work.notify_one();
    Ok(Sent::All(lines.len()))
}

/// What is wrong with a list that can be read: who is there already, and more than fit.
async fn problems(
    conn: &mut AnyConnection,
    pool: &PoolRow,
    lines: &[Line],
    list: &str,
) -> Result<Vec<LineProblem>, DbError> {
    let invited: HashSet<String> = sqlx::query_scalar::<_, Option<String>>(
        "SELECT email FROM seats WHERE company_id = $1 AND plan_id = $2 \
         AND state IN ('invited', 'suspended') AND user_id IS NULL",
    )
    .bind(&pool.company_id)
    .bind(&pool.plan_id)
    .fetch_all(&mut *conn)
    .await?
    .into_iter()
    .flatten()
    .collect();
    let seated: HashSet<String> = sqlx::query_as::<_, (Option<String>, Option<String>)>(
        "SELECT seats.email, CASE WHEN users.email_verified = 1 THEN LOWER(users.email) ELSE NULL END \
         FROM seats JOIN users ON users.id = seats.user_id \
         WHERE seats.company_id = $1 AND seats.plan_id = $2 AND seats.state IN ('claimed', 'suspended')",
    )
    .bind(&pool.company_id)
    .bind(&pool.plan_id)
    .fetch_all(&mut *conn)
    .await?
    .into_iter()
    .flat_map(|(invited_by, own)| [invited_by, own])
    .flatten()
    .collect();
    let free = seats::room(conn, pool).await?;
    let fit = usize::try_from(free).unwrap_or(0);
    let written: Vec<&str> = list.lines().collect();
    let mut taken = 0;
    let mut problems = Vec::new();
    for line in lines {
        let trouble = if invited.contains(&line.email) {
            LineTrouble::Invited
        } else if seated.contains(&line.email) {
            LineTrouble::HasSeat
        } else if taken >= fit {
            LineTrouble::NoSeat { free }
        } else {
            taken += 1;
            continue;
        };
        let text = written.get(line.line - 1).map_or("", |text| text.trim());
        problems.push(LineProblem {
            line: line.line,
            text: text.chars().take(80).collect(),
            trouble,
        });
    }
    Ok(problems)
}

/// A seat that waits for somebody, and its link. The pool's lock is held, and there is room.
pub async fn one(
    state: &AppState,
    conn: &mut AnyConnection,
    pool: &PoolRow,
    whom: For<'_>,
    making: &Making<'_>,
) -> Result<(String, Link), DbError> {
    let seat = state.rng.id("seat_");
    sqlx::query(
        "INSERT INTO seats (id, company_id, plan_id, state, email, domain, made_by, created_at, changed_at) \
         VALUES ($1, $2, $3, 'invited', $4, $5, $6, $7, $7)",
    )
    .bind(&seat)
    .bind(&pool.company_id)
    .bind(&pool.plan_id)
    .bind(whom.email)
    .bind(whom.domain)
    .bind(making.user_id)
    .bind(making.now)
    .execute(&mut *conn)
    .await?;
    let link = links::make(state, conn, pool, Some(&seat), making).await?;
    Ok((seat, link))
}

/// Puts the mail with the link in the outbox.
pub async fn post(
    state: &AppState,
    conn: &mut AnyConnection,
    words: &Words,
    (to, link): (&str, &Link),
    making: &Making<'_>,
) -> Result<(), DbError> {
    let invitation = Invitation {
        invite_id: link.id.clone(),
        to: to.to_owned(),
        token: link.token.expose_secret().to_owned(),
        company: words.company.clone(),
        inviter: words.inviter.clone(),
        plan: words.plan.clone(),
        expires_at: making.expires_at,
    };
    if !mail::invited(state, conn, making.user_id, invitation, making.now).await? {
        // Without mail it is the link that is handed over.
        mailed(conn, &link.id, "failed").await?;
    }
    Ok(())
}

/// What became of an invite's mail.
pub async fn mailed(conn: &mut AnyConnection, invite_id: &str, what: &str) -> Result<(), DbError> {
    sqlx::query("UPDATE invites SET mail = $1 WHERE id = $2")
        .bind(what)
        .bind(invite_id)
        .execute(conn)
        .await?;
    Ok(())
}

/// When invites made now expire; the payer's next look is then at the latest, for their seats are
/// free again. Before the pool is locked: that is the order.
pub async fn look_at_expiry(
    conn: &mut AnyConnection,
    payer_id: &str,
    expires_at: i64,
    trace: &str,
) -> Result<(), DbError> {
    let kind = SubjectKind::Payer;
    dirty::mark(conn, kind, payer_id, expires_at, Class::Bulk, trace).await
}
