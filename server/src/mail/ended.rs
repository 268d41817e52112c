//! Access that ended: told when Discord has confirmed that the roles are gone, not before.

use super::outbox::{Draft, enqueue};
use super::texts::About;
use crate::db::DbError;
use crate::db::dirty::Lease;
use crate::roles::{GrantState, Step};
use crate::state::AppState;
use app::access::Reason;
use sqlx::AnyConnection;

/// Enqueues the word for each plan that went with this role: denied, not replaced by another,
/// and none of its roles with the person any more except by a plan they still have.
pub async fn role_gone(
    state: &AppState,
    conn: &mut AnyConnection,
    lease: &Lease,
    step: &Step<'_>,
    now: i64,
) -> Result<(), DbError> {
    if state.mail.is_none() || step.state != GrantState::Gone || !step.answered {
        return Ok(());
    }
    let over: Vec<(String, String, String, i64)> = sqlx::query_as(
        "SELECT had.plan_id, plans.name, had.reason, had.changed_at FROM plan_roles \
         JOIN plans ON plans.id = plan_roles.plan_id \
         JOIN entitlements AS had ON had.plan_id = plan_roles.plan_id \
         WHERE plan_roles.role_id = $1 AND had.user_id = $2 AND had.state = 'denied' \
         AND had.reason NOT IN ('replaced', 'moved', 'deleted') \
         AND NOT EXISTS (SELECT 1 FROM entitlements AS has WHERE has.user_id = $2 \
         AND has.plan_id = had.plan_id AND has.state <> 'denied') \
         AND NOT EXISTS (SELECT 1 FROM plan_roles AS more \
         JOIN grants ON grants.role_id = more.role_id AND grants.user_id = $2 \
         WHERE more.plan_id = had.plan_id AND grants.state IN ('wanted', 'granted', 'revoking') \
         AND NOT EXISTS (SELECT 1 FROM plan_roles AS kept \
         JOIN entitlements AS keeps ON keeps.plan_id = kept.plan_id \
         WHERE kept.role_id = more.role_id AND keeps.user_id = $2 AND keeps.state <> 'denied')) \
         ORDER BY had.changed_at DESC",
    )
    .bind(step.role_id)
    .bind(step.user_id)
    .fetch_all(&mut *conn)
    .await?;
    // What ended earlier was told then.
    let newest = over.first().map(|(_, _, _, changed_at)| *changed_at);
    for (plan_id, plan, reason, changed_at) in over {
        if Some(changed_at) != newest {
            break;
        }
        let about = About::Ended {
            reason: Reason::from_word(&reason).unwrap_or(Reason::Ended),
            plan_id: plan_id.clone(),
            plan,
        };
        let draft = Draft {
            user_id: step.user_id,
            once_key: &format!("ended:{}:{plan_id}:{changed_at}", step.user_id),
            about: &about,
            due_at: now,
        };
        enqueue(state, conn, &draft, &lease.trace, now).await?;
    }
    Ok(())
}
