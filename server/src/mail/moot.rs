//! Whether a mail is still to be sent when it is due: our rows may have moved on since it was
//! written.

use super::outbox::essential_only;
use super::texts::{About, EndsBy, Seats};
use crate::db::DbError;
use crate::tell;
use sqlx::AnyConnection;

/// Why it is not to be sent any more, if so.
pub(super) async fn moot(
    conn: &mut AnyConnection,
    user_id: &str,
    about: &About,
    now: i64,
) -> Result<Option<&'static str>, DbError> {
    const UNTRUE: Option<&str> = Some("it is no longer true");
    if !about.essential() && essential_only(conn, user_id).await? {
        return Ok(Some("the person wants only what is essential"));
    }
    let holds = match about {
        About::Welcome(about) => gives(conn, user_id, &about.source_id, None, None).await?,
        About::PaymentFailed {
            source_id, until, ..
        } => *until > now && gives(conn, user_id, source_id, Some("grace"), Some(*until)).await?,
        About::Ending {
            source_id,
            until,
            by,
            ..
        } => {
            let state = match by {
                EndsBy::PaymentMissing => "grace",
                EndsBy::Cancelled | EndsBy::PassOver => "granted",
            };
            *until > now
                && gives(conn, user_id, source_id, Some(state), Some(*until)).await?
                && !goes_on(conn, user_id, source_id, *until).await?
        }
        About::Ended { plan_id, .. } => {
            let still: i64 = sqlx::query_scalar(
                "SELECT COUNT(*) FROM entitlements \
                 WHERE user_id = $1 AND plan_id = $2 AND state <> 'denied'",
            )
            .bind(user_id)
            .bind(plan_id)
            .fetch_one(conn)
            .await?;
            still == 0
        }
        About::TrialEnding { source_id, at, .. } => {
            let trials: i64 = sqlx::query_scalar(
                "SELECT COUNT(*) FROM entitlements \
                 JOIN subscriptions ON subscriptions.id = entitlements.source_id \
                 WHERE entitlements.user_id = $1 AND entitlements.source_id = $2 \
                 AND entitlements.reason = 'trial' AND entitlements.until_at IS NULL \
                 AND subscriptions.trial_end = $3",
            )
            .bind(user_id)
            .bind(source_id)
            .bind(at)
            .fetch_one(conn)
            .await?;
            *at > now && trials > 0
        }
        About::CardExpiring(card) => card.renews_at > now,
        About::Moved(_) => true,
        About::Leaving { begins_at } => {
            let asked: i64 = sqlx::query_scalar(
                "SELECT COUNT(*) FROM account_deletions \
                 WHERE user_id = $1 AND stage = 'asked' AND begins_at = $2",
            )
            .bind(user_id)
            .bind(begins_at)
            .fetch_one(conn)
            .await?;
            asked > 0
        }
        About::Seats(about) => seats(conn, about, now).await?,
        About::Desk(about) => {
            tell::holds(conn, &about.matter, &about.subject, about.opened_at).await?
        }
    };
    Ok(if holds { None } else { UNTRUE })
}

/// Whether what is said of seats still holds.
async fn seats(conn: &mut AnyConnection, about: &Seats, now: i64) -> Result<bool, DbError> {
    let count: i64 = match about {
        Seats::Invite(invitation) => {
            sqlx::query_scalar(
                "SELECT COUNT(*) FROM invites JOIN seats ON seats.id = invites.seat_id \
                 WHERE invites.id = $1 AND invites.state = 'open' AND invites.expires_at > $2 \
                 AND seats.state = 'invited'",
            )
            .bind(&invitation.invite_id)
            .bind(now)
            .fetch_one(conn)
            .await?
        }
        Seats::Over {
            company_id,
            plan_id,
            deadline,
            ..
        } => {
            sqlx::query_scalar(
                "SELECT COUNT(*) FROM seat_pools \
                 WHERE company_id = $1 AND plan_id = $2 AND deadline = $3",
            )
            .bind(company_id)
            .bind(plan_id)
            .bind(deadline)
            .fetch_one(conn)
            .await?
        }
        Seats::MadeWay { .. } => 1,
        Seats::PaidUntil {
            company_id,
            plan_id,
            until,
            ..
        } => {
            sqlx::query_scalar(
                "SELECT COUNT(*) FROM seat_pools WHERE company_id = $1 AND plan_id = $2 \
                 AND state IN ('granted', 'grace') AND until_at = $3 AND until_at > $4",
            )
            .bind(company_id)
            .bind(plan_id)
            .bind(until)
            .bind(now)
            .fetch_one(conn)
            .await?
        }
        Seats::Ending { seat_id, until, .. } => {
            sqlx::query_scalar(
                "SELECT COUNT(*) FROM entitlements WHERE source_id = $1 AND source = 'seat' \
                 AND state IN ('granted', 'grace') AND until_at = $2 AND until_at > $3",
            )
            .bind(seat_id)
            .bind(until)
            .bind(now)
            .fetch_one(conn)
            .await?
        }
    };
    Ok(count > 0)
}

/// Whether the source gives something: in that state and until then, where they are asked for.
async fn gives(
    conn: &mut AnyConnection,
    user_id: &str,
    source_id: &str,
    state: Option<&str>,
    until: Option<i64>,
) -> Result<bool, DbError> {
    let rows: Vec<(String, Option<i64>)> = sqlx::query_as(
        "SELECT state, until_at FROM entitlements \
         WHERE user_id = $1 AND source_id = $2 AND state IN ('granted', 'grace')",
    )
    .bind(user_id)
    .bind(source_id)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().any(|(is, ends)| {
        state.is_none_or(|state| state == is) && (until.is_none() || until == *ends)
    }))
}

/// Whether something else gives the same plan for longer.
async fn goes_on(
    conn: &mut AnyConnection,
    user_id: &str,
    source_id: &str,
    until: i64,
) -> Result<bool, DbError> {
    let others: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM entitlements AS other \
         JOIN entitlements AS mine ON mine.user_id = other.user_id AND mine.plan_id = other.plan_id \
         WHERE mine.user_id = $1 AND mine.source_id = $2 AND other.source_id <> $2 \
         AND other.state IN ('granted', 'grace') \
         AND (other.until_at IS NULL OR other.until_at > $3)",
    )
    .bind(user_id)
    .bind(source_id)
    .bind(until)
    .fetch_one(conn)
    .await?;
    Ok(others > 0)
}
