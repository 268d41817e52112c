//! The brake: losses are counted over a sliding hour, all nodes together, by cause. Past
//! max(5, `BRAKE_PERCENT`) everything of that cause is held until an operator lifts it.

use super::switches;
use crate::db::DbError;
use crate::db::rearm;
use crate::incidents;
use crate::state::AppState;
use app::admin::LossCause;
use sqlx::AnyConnection;

const WINDOW_MS: i64 = 60 * 60 * 1000;
/// So many are never a mass event.
const FEW: i64 = 5;
/// A customer Stripe does not know may be one of many: how long is looked whether it is.
const SETTLE_MS: i64 = 10 * 60 * 1000;
/// The incident of a brake that holds; its subject is the cause.
pub const INCIDENT: &str = "brake";

/// A role somebody is about to lose.
pub struct Loss<'a> {
    pub user_id: &'a str,
    pub role_id: &'a str,
    /// What held it until now, if it was held.
    pub held_by: Option<&'a str>,
}

/// Whether it may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Go,
    Held {
        /// `observe`, `freeze`, `brake CAUSE`, `settling`.
        by: String,
        /// For the operator.
        detail: String,
        /// When to ask again, on the policy clock; otherwise somebody lifts it.
        again_at: Option<i64>,
    },
}

fn held(by: &str, detail: &str) -> Verdict {
    Verdict::Held {
        by: by.to_owned(),
        detail: detail.to_owned(),
        again_at: None,
    }
}

/// Counts a loss and answers whether it may happen now.
pub async fn ask(
    state: &AppState,
    conn: &mut AnyConnection,
    loss: &Loss<'_>,
    now: i64,
) -> Result<Verdict, DbError> {
    if switches::observing(conn).await?.is_some() {
        return Ok(held(
            "observe",
            "would be taken; nothing is changed until you say go",
        ));
    }
    if switches::frozen(conn).await?.is_some() {
        return Ok(held("freeze", "removals are frozen"));
    }
    let (cause, unit) = cause_of(conn, loss, now).await?;
    let (closed_at, lifted_at) = lock(conn, cause, now).await?;
    let brake = format!("brake {}", cause.word());
    let waits = loss.held_by.is_some();
    let at = count(conn, cause, &unit, waits, now).await?;
    if closed_at.is_some() {
        return Ok(held(&brake, cause.held()));
    }
    // Counted, seen by an operator and allowed.
    if at <= lifted_at || loss.held_by == Some(brake.as_str()) {
        return Ok(Verdict::Go);
    }
    let since = lifted_at.max(now - WINDOW_MS);
    let lately: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM losses WHERE cause = $1 AND at > $2")
            .bind(cause.word())
            .bind(since)
            .fetch_one(&mut *conn)
            .await?;
    if lately > FEW {
        let most = most(conn, state.config.brake_percent, now).await?;
        if lately > most {
            close(conn, cause, lately, most, now).await?;
            return Ok(held(&brake, cause.held()));
        }
    }
    if cause == LossCause::Missing && now < at + SETTLE_MS {
        return Ok(Verdict::Held {
            by: "settling".to_owned(),
            detail: "Stripe does not know the customer; for ten minutes it is looked whether many are like that"
                .to_owned(),
            again_at: Some(at + SETTLE_MS),
        });
    }
    Ok(Verdict::Go)
}

/// Counts what a look at everybody found to be taken, before any of it is.
pub async fn found(conn: &mut AnyConnection, user_id: &str, now: i64) -> Result<(), DbError> {
    count(conn, LossCause::Reconcile, user_id, false, now).await?;
    Ok(())
}

/// Opens the brake of a cause; answers whether it held. What it held goes on.
pub async fn lift(conn: &mut AnyConnection, cause: LossCause, now: i64) -> Result<bool, DbError> {
    let done = sqlx::query(
        "UPDATE brakes SET held_at = NULL, lifted_at = $1 WHERE cause = $2 AND held_at IS NOT NULL",
    )
    .bind(now)
    .bind(cause.word())
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    incidents::close(conn, INCIDENT, cause.word(), now).await?;
    let brake = format!("brake {}", cause.word());
    rearm::mark_held(conn, &brake, now, &brake).await?;
    Ok(true)
}

/// Why a role is lost, and who that is counted for: a payer where an ended subscription or pass
/// proves it, otherwise the user.
async fn cause_of(
    conn: &mut AnyConnection,
    loss: &Loss<'_>,
    now: i64,
) -> Result<(LossCause, String), DbError> {
    let user = || loss.user_id.to_owned();
    let found: Option<i64> =
        sqlx::query_scalar("SELECT at FROM losses WHERE cause = $1 AND unit = $2")
            .bind(LossCause::Reconcile.word())
            .bind(loss.user_id)
            .fetch_optional(&mut *conn)
            .await?;
    if found.is_some_and(|at| at > now - WINDOW_MS || loss.held_by == Some("brake reconcile")) {
        return Ok((LossCause::Reconcile, user()));
    }
    let ended: Option<(String, Option<String>)> = sqlx::query_as(
        "SELECT entitlements.proof, COALESCE(subscriptions.payer_id, passes.payer_id, payers.id) \
         FROM entitlements JOIN plan_roles ON plan_roles.plan_id = entitlements.plan_id \
         AND plan_roles.role_id = $1 AND plan_roles.state IN ('active', 'leaving', 'kept') \
         LEFT JOIN subscriptions ON subscriptions.id = entitlements.source_id \
         LEFT JOIN passes ON passes.id = entitlements.source_id \
         LEFT JOIN seats ON seats.id = entitlements.source_id AND entitlements.source = 'seat' \
         LEFT JOIN payers ON payers.company_id = seats.company_id \
         WHERE entitlements.user_id = $2 AND entitlements.state = 'denied' \
         ORDER BY entitlements.changed_at DESC LIMIT 1",
    )
    .bind(loss.role_id)
    .bind(loss.user_id)
    .fetch_optional(conn)
    .await?;
    Ok(match ended {
        None => (LossCause::Mapping, user()),
        Some((proof, _)) if proof == "missing" => (LossCause::Missing, user()),
        Some((_, payer)) => (LossCause::Ended, payer.unwrap_or_else(user)),
    })
}

/// Takes the cause's row until the transaction ends, so that nobody counts beside us. Answers
/// when its brake closed, if it holds, and when one was last lifted.
async fn lock(
    conn: &mut AnyConnection,
    cause: LossCause,
    now: i64,
) -> Result<(Option<i64>, i64), DbError> {
    let (held_at, lifted_at): (Option<i64>, Option<i64>) = sqlx::query_as(
        "INSERT INTO brakes (cause, counted_at) VALUES ($1, $2) \
         ON CONFLICT (cause) DO UPDATE SET counted_at = excluded.counted_at \
         RETURNING held_at, lifted_at",
    )
    .bind(cause.word())
    .bind(now)
    .fetch_one(conn)
    .await?;
    Ok((held_at, lifted_at.unwrap_or(i64::MIN)))
}

/// Answers since when it counts: one that waits, or that was counted within the hour, is not
/// counted anew.
async fn count(
    conn: &mut AnyConnection,
    cause: LossCause,
    unit: &str,
    waits: bool,
    now: i64,
) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar(
        "INSERT INTO losses (cause, unit, at) VALUES ($1, $2, $3) \
         ON CONFLICT (cause, unit) DO UPDATE SET \
         at = CASE WHEN losses.at <= $4 AND $5 = 0 THEN excluded.at ELSE losses.at END \
         RETURNING at",
    )
    .bind(cause.word())
    .bind(unit)
    .bind(now)
    .bind(now - WINDOW_MS)
    .bind(i64::from(waits))
    .fetch_one(conn)
    .await?)
}

/// As many as may go within an hour: of those who have a role of ours, or had one an hour ago.
async fn most(conn: &mut AnyConnection, percent: i64, now: i64) -> Result<i64, DbError> {
    let people: i64 = sqlx::query_scalar(
        "SELECT COUNT(DISTINCT user_id) FROM grants \
         WHERE state IN ('granted', 'present', 'revoking', 'held') \
         OR (state = 'gone' AND changed_at > $1)",
    )
    .bind(now - WINDOW_MS)
    .fetch_one(conn)
    .await?;
    Ok(FEW.max(people * percent / 100))
}

async fn close(
    conn: &mut AnyConnection,
    cause: LossCause,
    lately: i64,
    most: i64,
    now: i64,
) -> Result<(), DbError> {
    tracing::error!(
        cause = cause.word(),
        lately,
        most,
        "the brake closes: losses of this cause are held"
    );
    sqlx::query("UPDATE brakes SET held_at = $1 WHERE cause = $2")
        .bind(now)
        .bind(cause.word())
        .execute(&mut *conn)
        .await?;
    let detail = format!(
        "{lately} {} within an hour, more than {most}. Nobody else loses a role for this cause until you lift the \
         brake, under Brake.",
        cause.counted()
    );
    incidents::open(conn, INCIDENT, cause.word(), &detail, now).await
}
