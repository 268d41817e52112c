//! A company whose paid time is over and of whom Stripe cannot be read: held for a day like anybody
//! else, and then its seats give nothing.

use super::entitle::{self, By};
use super::pool;
use crate::db::DbError;
use crate::db::dirty::{self, Lease};
use crate::state::AppState;
use app::access::{Reason, Unread, unread};

/// What a look found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Something is held, or over.
    pub told: bool,
    pub over: bool,
    pub again_at: Option<i64>,
}

/// Under the payer's lease: what time alone has ended is held for 24 hours, and then withdrawn.
pub async fn without_stripe(
    state: &AppState,
    lease: &Lease,
    company_id: &str,
) -> Result<Looked, DbError> {
    let now = state.clock.policy_ms();
    let pools: Vec<(String, String, Option<i64>)> = sqlx::query_as(
        "SELECT plan_id, reason, until_at FROM seat_pools WHERE company_id = $1 \
         AND state IN ('granted', 'grace') AND until_at IS NOT NULL",
    )
    .bind(company_id)
    .fetch_all(state.db.reader())
    .await?;
    let mut looked = Looked::default();
    for (plan, word, until) in pools {
        let reason = Reason::from_word(&word)
            .ok_or_else(|| DbError::Impossible(format!("seat_pools.reason {word}")))?;
        let look = match unread(reason, until, now) {
            Unread::Stands => until,
            Unread::Held { until } => {
                tracing::error!(payer = %lease.id, plan = %plan, trace = %lease.trace, "seats would end by time, and Stripe cannot be read: they are held");
                looked.told = true;
                Some(until)
            }
            Unread::Over(reason) => {
                looked.told = true;
                looked.over = true;
                withdraw(state, lease, (company_id, &plan), reason, now).await?;
                None
            }
        };
        looked.again_at = crate::sync::sooner(looked.again_at, look);
    }
    Ok(looked)
}

async fn withdraw(
    state: &AppState,
    lease: &Lease,
    (company_id, plan_id): (&str, &str),
    reason: Reason,
    now: i64,
) -> Result<(), DbError> {
    tracing::error!(payer = %lease.id, plan = %plan_id, trace = %lease.trace, "seats ended by time, and Stripe could not be read for 24 hours: they give nothing now");
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    sqlx::query(
        "UPDATE seat_pools SET state = 'denied', reason = $1, until_at = NULL, proof = 'ended' \
         WHERE company_id = $2 AND plan_id = $3",
    )
    .bind(reason.as_str())
    .bind(company_id)
    .bind(plan_id)
    .execute(&mut *tx)
    .await?;
    if let Some(pool) = pool::lock(&mut tx, company_id, plan_id, now).await? {
        let by = By {
            actor: "timer",
            class: lease.class,
            trace: &lease.trace,
        };
        entitle::all(&mut tx, &pool, by, now).await?;
    }
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}
