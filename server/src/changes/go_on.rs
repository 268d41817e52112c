//! Going on after a trial that Stripe paused, because no card was left to charge.

use super::intent::{self, Intent};
use super::{Failure, subject};
use crate::db::dirty::Lease;
use crate::state::AppState;
use crate::stripe::objects::{Expandable, Subscription};
use app::access::Status;
use app::changes::{ChangeError, Confirmed};

/// Stripe's word for such a pause (`status_details.paused.subscription.type`).
pub const NO_CARD: &str = "trial_end_without_payment_method";
/// The word of such a change in `changes.kind`.
pub const KIND: &str = "go_on";

pub async fn go_on(
    state: &AppState,
    user_id: &str,
    subscription_id: &str,
    amount: i64,
) -> Result<Confirmed, Failure> {
    let held = subject::begin(state, user_id).await?;
    let done = under_lease(state, &held, subscription_id, amount).await;
    subject::give_back(state, &held).await;
    done
}

async fn under_lease(
    state: &AppState,
    held: &Lease,
    subscription_id: &str,
    amount: i64,
) -> Result<Confirmed, Failure> {
    let open = {
        let mut conn = state.db.reader().acquire().await?;
        subject::open_change(&mut conn, &held.id).await?.is_some()
    };
    let truth = subject::fresh(state, held).await?;
    let read = subject::own(&truth, subscription_id).ok_or(ChangeError::NoMembership)?;
    match &read.facts.status {
        // Sent twice, or done meanwhile from elsewhere: it goes on, and nothing is charged by this.
        Status::Active | Status::Trialing => return Ok(Confirmed::Done),
        Status::Paused if read.resuming || open => return Err(ChangeError::Pending.into()),
        Status::Paused if read.paused_because.as_deref() == Some(NO_CARD) => {}
        Status::Paused => return Err(ChangeError::Paused.into()),
        status if status.is_final() => return Err(ChangeError::NoMembership.into()),
        _ => return Err(ChangeError::PastDue.into()),
    }
    if !read.has_card {
        return Err(ChangeError::NoCard.into());
    }
    if read.unit_amount != Some(amount) {
        return Err(ChangeError::Outdated.into());
    }
    let id = state.rng.id("chg_");
    let intent = Intent {
        id: &id,
        subscription_id,
        kind: KIND,
        from_price_id: None,
        price_id: None,
        seats: None,
    };
    intent::write(state, held, &intent).await?;
    let asked = state.stripe.go_on(subscription_id, &id).await;
    if let Ok(subscription) = &asked {
        note_why_it_waits(state, held, &id, subscription).await?;
    }
    Ok(intent::after(state, held, &id, asked).await?.told()?)
}

/// The page says what the payment waits for; not knowing it costs only the words.
async fn note_why_it_waits(
    state: &AppState,
    held: &Lease,
    id: &str,
    subscription: &Subscription,
) -> Result<(), Failure> {
    let invoice = match &subscription.latest_invoice {
        Some(Expandable::Id(invoice)) if subscription.status == "paused" => invoice,
        _ => return Ok(()),
    };
    match state.stripe.unpaid_because(invoice).await {
        Ok(Some(reason)) => {
            tracing::info!(change = id, %reason, "going on waits for its payment");
            intent::waits_because(state, held, id, &reason).await
        }
        Ok(None) => Ok(()),
        Err(error) => {
            tracing::warn!(change = id, error = %error, "why going on waits could not be read");
            Ok(())
        }
    }
}
