//! Mail about companies' seats, in the transaction that causes it.

use super::holders;
use super::outbox::{Draft, enqueue};
use super::texts::{About, Invitation, Seats};
use crate::db::DbError;
use crate::seats::PoolRow;
use crate::state::AppState;
use sqlx::AnyConnection;

/// To whom an invite is for. Answers whether there is mail at all.
pub async fn invited(
    state: &AppState,
    conn: &mut AnyConnection,
    inviter_id: &str,
    invitation: Invitation,
    now: i64,
) -> Result<bool, DbError> {
    if state.mail.is_none() {
        return Ok(false);
    }
    let trace = invitation.invite_id.clone();
    let draft = Draft {
        user_id: inviter_id,
        once_key: &format!("invite:{trace}"),
        about: &About::Seats(Seats::Invite(invitation)),
        due_at: now,
    };
    enqueue(state, conn, &draft, &trace, now).await?;
    Ok(true)
}

/// A company by its name, and what its plan is called.
pub(super) async fn names(
    conn: &mut AnyConnection,
    pool: &PoolRow,
) -> Result<(String, String), DbError> {
    let company: String = sqlx::query_scalar("SELECT name FROM companies WHERE id = $1")
        .bind(&pool.company_id)
        .fetch_one(&mut *conn)
        .await?;
    let plan: Option<String> = sqlx::query_scalar("SELECT name FROM plans WHERE id = $1")
        .bind(&pool.plan_id)
        .fetch_optional(conn)
        .await?;
    Ok((company, plan.unwrap_or_else(|| "your plan".to_owned())))
}

async fn to_people(
    state: &AppState,
    conn: &mut AnyConnection,
    pool: &PoolRow,
    about: Seats,
    once: &str,
    trace: &str,
    now: i64,
) -> Result<(), DbError> {
    let people: Vec<String> =
        sqlx::query_scalar("SELECT user_id FROM company_people WHERE company_id = $1")
            .bind(&pool.company_id)
            .fetch_all(&mut *conn)
            .await?;
    let about = About::Seats(about);
    for person in people {
        let draft = Draft {
            user_id: &person,
            once_key: &format!("{once}:{}:{}:{person}", pool.company_id, pool.plan_id),
            about: &about,
            due_at: now,
        };
        enqueue(state, conn, &draft, trace, now).await?;
    }
    Ok(())
}

/// More seats are held than paid.
pub async fn seats_over(
    state: &AppState,
    conn: &mut AnyConnection,
    pool: &PoolRow,
    (held, deadline): (i64, i64),
    trace: &str,
    now: i64,
) -> Result<(), DbError> {
    let (company, plan) = names(conn, pool).await?;
    let about = Seats::Over {
        company_id: pool.company_id.clone(),
        company,
        plan_id: pool.plan_id.clone(),
        plan,
        held,
        paid: pool.paid,
        deadline,
    };
    to_people(
        state,
        conn,
        pool,
        about,
        &format!("over:{deadline}"),
        trace,
        now,
    )
    .await
}

/// The deadline came.
pub async fn seats_made_way(
    state: &AppState,
    conn: &mut AnyConnection,
    pool: &PoolRow,
    count: usize,
    trace: &str,
    now: i64,
) -> Result<(), DbError> {
    let (company, plan) = names(conn, pool).await?;
    let about = Seats::MadeWay {
        company_id: pool.company_id.clone(),
        company,
        plan,
        count: i64::try_from(count).unwrap_or(i64::MAX),
    };
    to_people(
        state,
        conn,
        pool,
        about,
        &format!("made-way:{now}"),
        trace,
        now,
    )
    .await
}

/// What is paid ends on a day it did not end before, or a payment is missing: told to those who look
/// after the company and, as work of its own, for they can be thousands, to everybody with a seat.
pub async fn seats_paid_until(
    state: &AppState,
    conn: &mut AnyConnection,
    pool: &PoolRow,
    trace: &str,
    now: i64,
) -> Result<(), DbError> {
    let Some(until) = pool.until_at.filter(|until| *until > now) else {
        return Ok(());
    };
    if state.mail.is_none() {
        return Ok(());
    }
    let (company, plan) = names(conn, pool).await?;
    let about = Seats::PaidUntil {
        company_id: pool.company_id.clone(),
        company: company.clone(),
        plan_id: pool.plan_id.clone(),
        plan: plan.clone(),
        until,
        payment_missing: pool.state == "grace",
    };
    let once = format!("paid-until:{}:{until}", pool.state);
    to_people(state, conn, pool, about, &once, trace, now).await?;
    holders::mark(conn, pool, trace, now).await
}
