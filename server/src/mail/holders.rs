//! Everybody with a seat of a pool is told until when it is paid: a few in each transaction, so that
//! nobody waits for a company of thousands.

use super::outbox::{Draft, enqueue};
use super::seats::names;
use super::texts::{About, Seats};
use crate::db::DbError;
use crate::db::dirty::{self, Class, Lease, SubjectKind};
use crate::seats::{self, PoolRow};
use crate::state::AppState;
use sqlx::AnyConnection;

/// Mails a transaction.
const AT_ONCE: usize = 50;

/// Who holds seats of this pool is to be told.
pub(super) async fn mark(
    conn: &mut AnyConnection,
    pool: &PoolRow,
    trace: &str,
    now: i64,
) -> Result<(), DbError> {
    let id = format!("{} {}", pool.company_id, pool.plan_id);
    dirty::mark(conn, SubjectKind::Holders, &id, now, Class::Event, trace).await
}

/// Puts a mail in the outbox for everybody who has a seat now, about the end the pool has now. Who
/// was told of that end is not told again.
pub async fn sync_holders(state: &AppState, lease: &Lease) -> Result<(), DbError> {
    let Some((company, plan)) = lease.id.split_once(' ') else {
        return Err(DbError::Impossible(format!("dirty.id {}", lease.id)));
    };
    let now = state.clock.policy_ms();
    let mut conn = state.db.reader().acquire().await?;
    let pool = seats::find_pool(&mut conn, company, plan).await?;
    let until = pool.as_ref().and_then(|pool| pool.until_at);
    if let (Some(pool), Some(until)) = (pool, until.filter(|until| *until > now))
        && pool.open()
    {
        let (company, plan) = names(&mut conn, &pool).await?;
        let holders: Vec<(String, String)> = sqlx::query_as(
            "SELECT id, user_id FROM seats WHERE company_id = $1 AND plan_id = $2 \
             AND state = 'claimed' AND user_id IS NOT NULL",
        )
        .bind(&pool.company_id)
        .bind(&pool.plan_id)
        .fetch_all(&mut *conn)
        .await?;
        drop(conn);
        for some in holders.chunks(AT_ONCE) {
            let mut tx = state.db.begin().await?;
            dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
            for (seat_id, holder) in some {
                let about = About::Seats(Seats::Ending {
                    seat_id: seat_id.clone(),
                    company: company.clone(),
                    plan: plan.clone(),
                    until,
                });
                let draft = Draft {
                    user_id: holder,
                    once_key: &format!("seat-ending:{seat_id}:{until}"),
                    about: &about,
                    due_at: now,
                };
                enqueue(state, &mut tx, &draft, &lease.trace, now).await?;
            }
            tx.commit().await?;
            state.work.notify_one();
        }
    } else {
        drop(conn);
    }
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    dirty::forget(&mut tx, lease, now).await?;
    tx.commit().await?;
    Ok(())
}
