//! Who somebody is here, and what they have that a move takes along and a deletion ends.

use super::{Failure, deletion, trials};
use crate::db::DbError;
use crate::state::AppState;
use crate::sync::payers;
use app::account::{Account, AccountError, Holding, HoldingKind};
use sqlx::AnyConnection;

pub async fn account(state: &AppState, user_id: &str) -> Result<Account, Failure> {
    let mut conn = state.db.reader().acquire().await?;
    let row: Option<(Option<String>, i64, i64)> =
        sqlx::query_as("SELECT email, email_verified, created_at FROM users WHERE id = $1")
            .bind(user_id)
            .fetch_optional(&mut *conn)
            .await?;
    // Erased between the session's check and here.
    let (email, confirmed, since) = row.ok_or(AccountError::NotSignedIn)?;
    let now = state.clock.policy_ms();
    let payer = payers::find_of_user(&mut conn, user_id).await?;
    let (holdings, had_trial) = match &payer {
        Some(payer) => (
            of_payer(&mut conn, payer, now).await?,
            trials::began(&mut conn, payer).await?,
        ),
        None => (Vec::new(), false),
    };
    Ok(Account {
        email: email.filter(|email| !email.is_empty()),
        email_confirmed: confirmed != 0,
        since,
        holdings,
        had_trial,
        deletion: deletion::of(&mut conn, user_id).await?,
    })
}

/// Subscriptions that are not over and passes that are not past, oldest first.
pub async fn of_payer(
    conn: &mut AnyConnection,
    payer_id: &str,
    now: i64,
) -> Result<Vec<Holding>, DbError> {
    let subscriptions: Vec<Option<String>> = sqlx::query_scalar(
        "SELECT plans.name FROM subscriptions LEFT JOIN plans ON plans.id = subscriptions.plan_id \
         WHERE subscriptions.payer_id = $1 \
         AND subscriptions.status NOT IN ('canceled', 'incomplete_expired') \
         ORDER BY subscriptions.created_at, subscriptions.id",
    )
    .bind(payer_id)
    .fetch_all(&mut *conn)
    .await?;
    let passes: Vec<(Option<String>, Option<i64>)> = sqlx::query_as(
        "SELECT plans.name, passes.ends_at FROM passes LEFT JOIN plans ON plans.id = passes.plan_id \
         WHERE passes.payer_id = $1 AND passes.state IN ('paid', 'waiting') \
         AND (passes.ends_at IS NULL OR passes.ends_at > $2) ORDER BY passes.starts_at, passes.id",
    )
    .bind(payer_id)
    .bind(now)
    .fetch_all(conn)
    .await?;
    let named = |name: Option<String>| name.unwrap_or_else(|| "another product".to_owned());
    let subscriptions = subscriptions.into_iter().map(|plan| Holding {
        plan: named(plan),
        kind: HoldingKind::Subscription,
    });
    let passes = passes.into_iter().map(|(plan, until)| Holding {
        plan: named(plan),
        kind: HoldingKind::Pass { until },
    });
    Ok(subscriptions.chain(passes).collect())
}
