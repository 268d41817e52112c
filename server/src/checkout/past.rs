//! What a payer had before: no second subscription, one trial, one pass for life.

use super::Failure;
use super::buyer::Buyer;
use crate::account;
use crate::state::AppState;
use crate::stripe::StripeError;
use crate::sync::payers;
use app::access::Status;
use app::checkout::CheckoutError;

/// What Stripe's subscriptions of a payer say of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// None ever began: what expired before its first payment used no trial up.
    Never,
    Begun,
    /// One is not over. One whose first payment is under way counts: a second one must not start
    /// beside it.
    Running,
}

/// Asks for all of the payer's customers.
pub async fn past(state: &AppState, payer_id: &str) -> Result<Past, Failure> {
    let customers = {
        let mut conn = state.db.reader().acquire().await?;
        payers::customers(&mut conn, payer_id).await?
    };
    let mut past = Past::Never;
    for (customer, _) in customers.iter().filter(|(_, deleted)| !deleted) {
        let subscriptions = match state.stripe.subscriptions(customer).await {
            Err(StripeError::Missing) => continue,
            read => read?,
        };
        for subscription in subscriptions {
            match Status::from_stripe(&subscription.status) {
                Status::IncompleteExpired => {}
                status if status.is_final() => past = Past::Begun,
                _ => return Ok(Past::Running),
            }
        }
    }
    Ok(past)
}

/// Whether the buyer has had no trial yet: a person by their account at Discord, a company by its
/// own payments.
pub async fn is_first(
    state: &AppState,
    payer_id: &str,
    buyer: &Buyer,
    past: Past,
) -> Result<bool, Failure> {
    if past != Past::Never || !never_began(state, payer_id).await? {
        return Ok(false);
    }
    Ok(buyer.company.is_some() || !trial_spent(state, &buyer.user_id).await?)
}

/// The same as [`past`] from our rows, which outlive a customer that was deleted at Stripe.
async fn never_began(state: &AppState, payer_id: &str) -> Result<bool, Failure> {
    let count: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM subscriptions WHERE payer_id = $1 \
         AND status NOT IN ('incomplete', 'incomplete_expired')",
    )
    .bind(payer_id)
    .fetch_one(state.db.reader())
    .await?;
    Ok(count == 0)
}

/// Whether the account at Discord had its trial with a payer it has no more.
async fn trial_spent(state: &AppState, user_id: &str) -> Result<bool, Failure> {
    match account::trial_spent(state, user_id).await {
        Ok(spent) => Ok(spent),
        Err(account::Failure::Db(error)) => Err(error.into()),
        Err(account::Failure::Seal(error)) => Err(error.into()),
        Err(_) => Err(CheckoutError::Unavailable.into()),
    }
}

/// Whether the plan is the person's for good, so that another pass of it adds nothing.
pub async fn for_life(state: &AppState, payer_id: &str, plan_id: &str) -> Result<bool, Failure> {
    let count: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM passes JOIN entitlements ON entitlements.source = 'pass' \
         AND entitlements.source_id = passes.id AND entitlements.state = 'granted' \
         WHERE passes.payer_id = $1 AND passes.plan_id = $2 AND passes.ends_at IS NULL",
    )
    .bind(payer_id)
    .bind(plan_id)
    .fetch_one(state.db.reader())
    .await?;
    Ok(count > 0)
}
