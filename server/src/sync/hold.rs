//! A payer whose time is over and of whom Stripe cannot be read: held for a day, told to the
//! operator, and then withdrawn on what was read last.

use super::entitle::{By, Entitled, Proof, put_by};
use super::payers;
use super::write::sooner;
use crate::db::DbError;
use crate::db::dirty::{self, Lease, SubjectKind};
use crate::incidents;
use crate::seats;
use crate::state::AppState;
use app::access::{Reason, Unread, unread};
use sqlx::{AnyConnection, FromRow};

const INCIDENT: &str = "stripe_unreadable";

#[derive(FromRow)]
struct Given {
    plan_id: String,
    source: String,
    source_id: String,
    reason: String,
    until_at: Option<i64>,
}

/// After a reading of this payer failed, under its lease: what time alone has ended is held, and
/// after 24 hours withdrawn. The lease stays with the caller. Answers when to look again at what
/// ends by time (policy clock); none where nothing does.
pub async fn without_stripe(state: &AppState, lease: &Lease) -> Result<Option<i64>, DbError> {
    let now = state.clock.policy_ms();
    let given: Vec<Given> = sqlx::query_as(
        "SELECT entitlements.plan_id, entitlements.source, entitlements.source_id, \
         entitlements.reason, entitlements.until_at \
         FROM payers JOIN entitlements ON entitlements.user_id = payers.user_id \
         WHERE payers.id = $1 AND entitlements.source IN ('subscription', 'pass') \
         AND entitlements.state IN ('granted', 'grace') AND entitlements.until_at IS NOT NULL",
    )
    .bind(&lease.id)
    .fetch_all(state.db.reader())
    .await?;
    let mut over = Vec::new();
    let mut held = false;
    let mut again_at: Option<i64> = None;
    for row in given {
        let reason = Reason::from_word(&row.reason)
            .ok_or_else(|| DbError::Impossible(format!("entitlements.reason {}", row.reason)))?;
        let look = match unread(reason, row.until_at, now) {
            Unread::Stands => row.until_at,
            Unread::Held { until } => {
                tracing::error!(payer = %lease.id, source = %row.source_id, trace = %lease.trace,
                    "access would end by time, and Stripe cannot be read: it is held");
                held = true;
                Some(until)
            }
            Unread::Over(reason) => {
                over.push((row, reason));
                None
            }
        };
        again_at = sooner(again_at, look);
    }
    let company = {
        let mut conn = state.db.reader().acquire().await?;
        payers::company_of(&mut conn, &lease.id).await?
    };
    if let Some(company) = company {
        let looked = seats::without_stripe(state, lease, &company).await?;
        again_at = sooner(again_at, looked.again_at);
        if looked.told {
            tell(state, lease, looked.over, now).await?;
        }
    }
    if held || !over.is_empty() {
        settle(state, lease, &over, now).await?;
    }
    Ok(again_at)
}

/// Tells the operator, and withdraws what is over.
async fn settle(
    state: &AppState,
    lease: &Lease,
    over: &[(Given, Reason)],
    now: i64,
) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    let Some(user) = payers::user_of(&mut tx, &lease.id).await? else {
        return Ok(());
    };
    let mut withdrawn = false;
    for (row, reason) in over {
        tracing::error!(payer = %lease.id, source = %row.source_id, trace = %lease.trace,
            "access ended by time, and Stripe could not be read for 24 hours: it is withdrawn");
        let entitled = Entitled {
            user_id: &user,
            plan_id: &row.plan_id,
            source: &row.source,
            source_id: &row.source_id,
            state: "denied",
            reason: *reason,
            until: None,
            proof: Proof::Read,
        };
        let by = By {
            actor: "timer",
            note: Some("Stripe could not be read for 24 hours past that moment"),
            trace: &lease.trace,
        };
        withdrawn |= put_by(&mut tx, &entitled, by, now).await?;
    }
    incident(&mut tx, lease, !over.is_empty(), now).await?;
    if withdrawn {
        let kind = SubjectKind::User;
        dirty::mark(&mut tx, kind, &user, now, lease.class, &lease.trace).await?;
    }
    tx.commit().await?;
    if withdrawn {
        state.work.notify_one();
    }
    Ok(())
}

/// Tells the operator of a company whose seats are held, or were withdrawn.
async fn tell(state: &AppState, lease: &Lease, over: bool, now: i64) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    incident(&mut tx, lease, over, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn incident(
    conn: &mut AnyConnection,
    lease: &Lease,
    over: bool,
    now: i64,
) -> Result<(), DbError> {
    let detail = if over {
        "Stripe could not be read for 24 hours after access should have ended: it was withdrawn on what was read last."
    } else {
        "Stripe cannot be read while access should end by time. It is held for up to 24 hours, and then withdrawn."
    };
    incidents::open(conn, INCIDENT, &lease.id, detail, now).await
}

/// After a good reading.
pub async fn read_again(conn: &mut AnyConnection, payer_id: &str, now: i64) -> Result<(), DbError> {
    incidents::close(conn, INCIDENT, payer_id, now).await
}
