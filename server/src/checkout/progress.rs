//! How far the way from payment to Discord has come, from our rows.

use super::returned::Bought;
use crate::db::DbError;
use crate::state::AppState;
use app::checkout::Progress;

/// What a checkout bought decides what is looked at: somebody may have a pass already, and be
/// waiting for a subscription, or the other way round.
pub async fn progress(
    state: &AppState,
    user_id: &str,
    bought: &Bought,
) -> Result<Progress, DbError> {
    let (source, source_id) = match bought {
        Bought::Subscription => ("subscription", ""),
        Bought::Pass(session_id) => ("pass", session_id.as_str()),
    };
    let mut conn = state.db.reader().acquire().await?;
    let gives: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM entitlements WHERE user_id = $1 AND source = $2 \
         AND ($3 = '' OR source_id = $3) AND state IN ('granted', 'grace')",
    )
    .bind(user_id)
    .bind(source)
    .bind(source_id)
    .fetch_one(&mut *conn)
    .await?;
    if gives == 0 {
        let pass: Option<String> = sqlx::query_scalar("SELECT state FROM passes WHERE id = $1")
            .bind(source_id)
            .fetch_optional(&mut *conn)
            .await?;
        return Ok(match pass.as_deref() {
            Some("waiting") => Progress::Delayed,
            _ => Progress::Paying,
        });
    }
    // Each role a plan gives, with what Discord last said of it.
    let roles: Vec<(String, Option<String>, Option<i64>)> = sqlx::query_as(
        "SELECT DISTINCT plan_roles.role_id, grants.state, grants.code FROM entitlements \
         JOIN plan_roles ON plan_roles.plan_id = entitlements.plan_id AND plan_roles.state IN ('active', 'leaving') \
         LEFT JOIN grants ON grants.user_id = entitlements.user_id AND grants.role_id = plan_roles.role_id \
         WHERE entitlements.user_id = $1 AND entitlements.source = $2 \
         AND ($3 = '' OR entitlements.source_id = $3) AND entitlements.state IN ('granted', 'grace')",
    )
    .bind(user_id)
    .bind(source)
    .bind(source_id)
    .fetch_all(&mut *conn)
    .await?;
    let is = |wanted: &[&str], state: &Option<String>| {
        state
            .as_deref()
            .is_some_and(|state| wanted.contains(&state))
    };
    if roles
        .iter()
        .all(|(_, state, _)| is(&["granted", "present"], state))
    {
        return Ok(Progress::InDiscord);
    }
    let stuck = roles.iter().any(|(_, state, code)| {
        is(&["refused"], state) || (is(&["wanted"], state) && code.is_some())
    });
    Ok(if stuck {
        Progress::Attention
    } else {
        Progress::Member
    })
}
