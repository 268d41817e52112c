//! Why a change that has to be paid first is not paid yet.

use super::{Failure, intent};
use crate::db::dirty::Lease;
use crate::state::AppState;
use crate::stripe::objects::{Expandable, Subscription};

/// The page says what the payment waits for; not knowing it costs only the words.
pub async fn note(
    state: &AppState,
    held: &Lease,
    id: &str,
    changed: &Subscription,
) -> Result<(), Failure> {
    if changed.pending_update.is_none() {
        return Ok(());
    }
    let invoice = match &changed.latest_invoice {
        Some(Expandable::Object(invoice)) => &invoice.id,
        Some(Expandable::Id(id)) => id,
        None => return Ok(()),
    };
    match state.stripe.unpaid_because(invoice).await {
        Ok(Some(reason)) => {
            tracing::info!(change = id, %reason, "a change waits for its payment");
            intent::waits_because(state, held, id, &reason).await
        }
        Ok(None) => Ok(()),
        Err(error) => {
            tracing::warn!(change = id, error = %error, "why a change waits could not be read");
            Ok(())
        }
    }
}
