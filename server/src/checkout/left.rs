//! Why a checkout was left: what Stripe says of the last card that was tried on its page.

use crate::guards::LimitKind;
use crate::state::AppState;
use crate::sync::payers;
use app::checkout::CardRefusal;
use std::time::Duration;

/// A page waits no longer than this for a sentence it can do without.
const PATIENCE: Duration = Duration::from_secs(3);

/// The refusal of the newest payment tried since the user's own checkout was opened. What cannot
/// be found out is `None`: the page then says that nothing was charged, which is so either way.
pub async fn refusal(state: &AppState, user_id: &str, id: &str) -> Option<CardRefusal> {
    state
        .limits
        .check(LimitKind::LeftUser, user_id, state.clock.wall_ms())
        .ok()?;
    let (checkout, opened_at, customers) = own(state, user_id, id).await?;
    let asked = tokio::time::timeout(PATIENCE, newest(state, &customers, opened_at));
    let (code, decline_code) = asked.await.ok()??;
    let refusal = CardRefusal::from_stripe(&code, decline_code.as_deref());
    tracing::info!(checkout = %checkout, problem = refusal.as_str(), code = %code, "a card was refused at checkout");
    Some(refusal)
}

/// The checkout that is the user's and not paid, when it was opened (Unix seconds), and the
/// payer's customers.
async fn own(state: &AppState, user_id: &str, id: &str) -> Option<(String, i64, Vec<String>)> {
    let mut conn = state.db.reader().acquire().await.ok()?;
    let row: Option<(String, String, i64)> = sqlx::query_as(
        "SELECT checkouts.id, checkouts.payer_id, checkouts.created_at FROM checkouts \
         JOIN payers ON payers.id = checkouts.payer_id \
         WHERE (checkouts.id = $1 OR checkouts.session_id = $1) AND payers.user_id = $2 \
         AND checkouts.state IN ('open', 'returned')",
    )
    .bind(id)
    .bind(user_id)
    .fetch_optional(&mut *conn)
    .await
    .ok()?;
    let (checkout, payer_id, created_at) = row?;
    let customers = payers::customers(&mut conn, &payer_id).await.ok()?;
    let live = customers
        .into_iter()
        .filter(|(_, deleted)| !deleted)
        .map(|(id, _)| id)
        .collect();
    Some((checkout, created_at / 1000, live))
}

async fn newest(
    state: &AppState,
    customers: &[String],
    opened_at: i64,
) -> Option<(String, Option<String>)> {
    let mut tried = Vec::new();
    for customer in customers {
        match state.stripe.recent_payments(customer).await {
            Ok(payments) => tried.extend(payments),
            Err(error) => {
                tracing::warn!(error = %error, "the payments of a checkout that was left could not be read");
                return None;
            }
        }
    }
    let last = tried
        .into_iter()
        .filter(|payment| payment.created >= opened_at && payment.status != "succeeded")
        .max_by_key(|payment| payment.created)?;
    let error = last.last_payment_error?;
    Some((error.code?, error.decline_code))
}
