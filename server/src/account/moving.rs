//! A membership moves to another account at Discord: the payer and all that rests on it, in one
//! transaction under the payer's lease. Roles follow by the sync of both people, and Stripe is told
//! afterwards.

use super::{Failure, deletion, holdings, relabel, trials};
use crate::audit;
use crate::db::DbError;
use crate::db::dirty::{self, Class, Lease, SubjectKind};
use crate::mail::{self, Moved};
use crate::patience::lease;
use crate::seats;
use crate::state::AppState;
use crate::sync::payers;
use app::account::{AccountError, Move, Party};
use sqlx::AnyConnection;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Who moves it.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    Member,
    /// Their id at Discord, and why.
    Operator {
        id: &'a str,
        reason: &'a str,
    },
}

/// A membership to be moved. Ids of users are ours.
#[derive(Clone, Copy, Debug)]
pub struct Mover<'a> {
    pub by: By<'a>,
    pub from: &'a str,
    pub to: &'a str,
}

impl Mover<'_> {
    /// Why it may not be, if so.
    pub(super) async fn refused(
        &self,
        conn: &mut AnyConnection,
        now: i64,
    ) -> Result<Option<AccountError>, DbError> {
        if self.from == self.to {
            return Ok(Some(AccountError::SameAccount));
        }
        for user in [self.from, self.to] {
            if deletion::under_way(conn, user).await? {
                return Ok(Some(AccountError::Deleting));
            }
        }
        if payers::find_of_user(conn, self.to).await?.is_some() {
            return Ok(Some(AccountError::OtherPays));
        }
        let banned: Option<i64> = sqlx::query_scalar("SELECT banned FROM users WHERE id = $1")
            .bind(self.to)
            .fetch_optional(&mut *conn)
            .await?;
        if banned == Some(1) {
            return Ok(Some(AccountError::OtherBanned));
        }
        let withheld: Option<String> = sqlx::query_scalar(
            "SELECT user_id FROM entitlements WHERE user_id IN ($1, $2) \
             AND reason = 'withheld' AND state = 'denied' LIMIT 1",
        )
        .bind(self.from)
        .bind(self.to)
        .fetch_optional(&mut *conn)
        .await?;
        if withheld.is_some() {
            return Ok(Some(AccountError::Withheld));
        }
        let often = matches!(self.by, By::Member) && lately(conn, self, now).await?;
        Ok(often.then_some(AccountError::OnceADay))
    }
}

/// Whether one of the two was a part of a move within a day.
async fn lately(conn: &mut AnyConnection, mover: &Mover<'_>, now: i64) -> Result<bool, DbError> {
    let last: Option<i64> = sqlx::query_scalar(
        "SELECT MAX(moved_at) FROM (SELECT moved_at FROM account_moves WHERE from_user IN ($1, $2) \
         UNION ALL SELECT moved_at FROM account_moves WHERE to_user IN ($1, $2)) AS moves",
    )
    .bind(mover.from)
    .bind(mover.to)
    .fetch_one(conn)
    .await?;
    Ok(last.is_some_and(|at| at > now - DAY_MS))
}

/// The payer that moves, when there is something of it to move.
pub(super) async fn payer(
    conn: &mut AnyConnection,
    user_id: &str,
    now: i64,
) -> Result<Result<String, AccountError>, DbError> {
    let Some(payer) = payers::find_of_user(conn, user_id).await? else {
        return Ok(Err(AccountError::NothingToMove));
    };
    let holds = holdings::of_payer(conn, &payer, now).await?;
    Ok(if holds.is_empty() {
        Err(AccountError::NothingToMove)
    } else {
        Ok(payer)
    })
}

/// What would move, or why nothing does; changes nothing. `stranger` is the id at Discord of
/// somebody who is to have it and is not known here; `mover.to` is nobody then.
pub async fn shown(
    state: &AppState,
    mover: &Mover<'_>,
    stranger: Option<&str>,
) -> Result<Move, Failure> {
    let now = state.clock.policy_ms();
    let mut conn = state.db.reader().acquire().await?;
    let payer = payer(&mut conn, mover.from, now).await??;
    if let Some(error) = mover.refused(&mut conn, now).await? {
        return Err(error.into());
    }
    let email: Option<(Option<String>, i64)> =
        sqlx::query_as("SELECT email, email_verified FROM users WHERE id = $1")
            .bind(mover.from)
            .fetch_optional(&mut *conn)
            .await?;
    Ok(Move {
        from: party(&mut conn, mover.from).await?,
        to: match stranger {
            Some(discord_id) => Party {
                name: stranger_name(discord_id),
                discord_user_id: discord_id.to_owned(),
                stranger: true,
            },
            None => party(&mut conn, mover.to).await?,
        },
        holdings: holdings::of_payer(&mut conn, &payer, now).await?,
        had_trial: trials::began(&mut conn, &payer).await?,
        email: email.and_then(|(email, confirmed)| email.filter(|_| confirmed == 1)),
    })
}

/// What somebody is called of whom only the id is known.
pub fn stranger_name(discord_id: &str) -> String {
    format!("Discord account {discord_id}")
}

async fn party(conn: &mut AnyConnection, user_id: &str) -> Result<Party, Failure> {
    let row: Option<(String, String, i64)> =
        sqlx::query_as("SELECT name, discord_user_id, signed_in_at FROM users WHERE id = $1")
            .bind(user_id)
            .fetch_optional(conn)
            .await?;
    let (name, discord_user_id, signed_in_at) = row.ok_or(AccountError::NotFresh)?;
    Ok(Party {
        name,
        discord_user_id,
        stranger: signed_in_at == 0,
    })
}

/// Moves a membership: whatever the payer has, and what is given for it. `ticket` is used up.
pub async fn carry_out(
    state: &AppState,
    mover: &Mover<'_>,
    ticket: Option<&str>,
) -> Result<(), Failure> {
    let payer = {
        let mut conn = state.db.reader().acquire().await?;
        payer(&mut conn, mover.from, state.clock.policy_ms()).await??
    };
    // No reading of Stripe that began before writes to the one who had it.
    let held = lease::take(state, &payer).await?;
    let done = under_lease(state, &held, mover, ticket).await;
    lease::give_back(state, &held).await;
    done
}

async fn under_lease(
    state: &AppState,
    held: &Lease,
    mover: &Mover<'_>,
    ticket: Option<&str>,
) -> Result<(), Failure> {
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, held, state.clock.wall_ms()).await?;
    if payer(&mut tx, mover.from, now).await?? != held.id {
        return Err(AccountError::NothingToMove.into());
    }
    if let Some(error) = mover.refused(&mut tx, now).await? {
        return Err(error.into());
    }
    let id = used_up(state, &mut tx, held, mover, ticket, now).await?;
    let linked = sqlx::query("UPDATE payers SET user_id = $1 WHERE id = $2 AND user_id = $3")
        .bind(mover.to)
        .bind(&held.id)
        .bind(mover.from)
        .execute(&mut *tx)
        .await
        .map_err(taken)?;
    if linked.rows_affected() != 1 {
        return Err(AccountError::NothingToMove.into());
    }
    entitlements(&mut tx, mover, now).await?;
    seats::take_along(&mut tx, (mover.from, mover.to), &id, now).await?;
    if trials::began(&mut tx, &held.id).await? {
        trials::spend(state, &mut tx, mover.from, now).await?;
    }
    told(state, &mut tx, mover, &id, now).await?;
    for user in [mover.from, mover.to] {
        let (kind, class) = (SubjectKind::User, Class::Urgent);
        dirty::mark(&mut tx, kind, user, now, class, &id).await?;
    }
    let (kind, class) = (SubjectKind::Payer, Class::Urgent);
    dirty::mark(&mut tx, kind, &held.id, now, class, &id).await?;
    relabel::mark(&mut tx, &held.id, now, &id).await?;
    tx.commit().await?;
    tracing::info!(payer = %held.id, from = %mover.from, to = %mover.to, trace = %id, "a membership was moved");
    state.work.notify_one();
    Ok(())
}

/// Somebody began to pay with the other account at this very moment: a payer is one person's.
fn taken(error: sqlx::Error) -> Failure {
    let unique = error
        .as_database_error()
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation);
    if unique {
        AccountError::OtherPays.into()
    } else {
        error.into()
    }
}

/// Uses the ticket up, or writes the move an operator makes; answers its id.
async fn used_up(
    state: &AppState,
    conn: &mut AnyConnection,
    held: &Lease,
    mover: &Mover<'_>,
    ticket: Option<&str>,
    now: i64,
) -> Result<String, Failure> {
    let Some(id) = ticket else {
        let id = state.rng.id("mov_");
        sqlx::query(
            "INSERT INTO account_moves (id, payer_id, from_user, to_user, prepared_at, moved_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&id)
        .bind(&held.id)
        .bind(mover.from)
        .bind(mover.to)
        .bind(state.clock.wall_ms())
        .bind(now)
        .execute(conn)
        .await?;
        return Ok(id);
    };
    let done = sqlx::query(
        "UPDATE account_moves SET moved_at = $1 WHERE id = $2 AND payer_id = $3 AND moved_at IS NULL",
    )
    .bind(now)
    .bind(id)
    .bind(&held.id)
    .execute(conn)
    .await?;
    if done.rows_affected() != 1 {
        return Err(AccountError::NotFresh.into());
    }
    Ok(id.to_owned())
}

/// What is given goes along as it is, so that nobody waits for Stripe; what is left says why. Mail
/// that waits is about the membership and goes along too.
async fn entitlements(
    conn: &mut AnyConnection,
    mover: &Mover<'_>,
    now: i64,
) -> Result<(), DbError> {
    for statement in [
        "INSERT INTO entitlements (user_id, plan_id, source, source_id, state, reason, until_at, changed_at, proof) \
         SELECT $1, plan_id, source, source_id, state, reason, until_at, $2, proof FROM entitlements \
         WHERE user_id = $3 AND source IN ('subscription', 'pass') AND reason <> 'moved' \
         ON CONFLICT (user_id, plan_id, source, source_id) DO UPDATE SET state = excluded.state, \
         reason = excluded.reason, until_at = excluded.until_at, changed_at = excluded.changed_at, \
         proof = excluded.proof",
        "UPDATE mails SET user_id = $1 WHERE user_id = $3 AND settled_at IS NULL AND created_at <= $2 \
         AND kind IN ('welcome', 'payment_failed', 'ending', 'trial_ending', 'card_expiring')",
    ] {
        sqlx::query(statement)
            .bind(mover.to)
            .bind(now)
            .bind(mover.from)
            .execute(&mut *conn)
            .await?;
    }
    sqlx::query(
        "UPDATE entitlements SET state = 'denied', reason = 'moved', until_at = NULL, \
         changed_at = $1, proof = 'ended' \
         WHERE user_id = $2 AND source IN ('subscription', 'pass') AND reason <> 'moved'",
    )
    .bind(now)
    .bind(mover.from)
    .execute(conn)
    .await?;
    Ok(())
}

/// The story of both, and the notice to the address on file. The audit names our ids alone: they
/// lead to nobody once an account is deleted.
async fn told(
    state: &AppState,
    conn: &mut AnyConnection,
    mover: &Mover<'_>,
    id: &str,
    now: i64,
) -> Result<(), Failure> {
    let (actor, why) = match mover.by {
        By::Member => ("member".to_owned(), String::new()),
        By::Operator { id, reason } => (format!("operator:{id}"), format!(": {reason}")),
    };
    let (from, to) = (mover.from, mover.to);
    for (user, detail) in [
        (from, format!("the membership moved to {to}{why}")),
        (to, format!("the membership moved here from {from}{why}")),
    ] {
        let entry = audit::Entry {
            user_id: Some(user),
            at: now,
            actor: &actor,
            event: "move",
            subject: id,
            detail: &detail,
            trace: id,
        };
        audit::record(conn, &entry).await?;
    }
    let by_operator = matches!(mover.by, By::Operator { .. });
    let from_name = party(conn, from).await?.name;
    let to_name = party(conn, to).await?.name;
    for (user, here) in [(from, false), (to, true)] {
        let about = Moved {
            from: from_name.clone(),
            to: to_name.clone(),
            here,
            by_operator,
        };
        mail::moved(state, conn, user, about, id, now).await?;
    }
    Ok(())
}
