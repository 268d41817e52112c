//! The way to Stripe's portal.

use crate::guards::LimitKind;
use crate::state::AppState;
use crate::stripe::FailureClass;
use crate::sync::payers;
use app::billing::BillingError;
use std::time::Duration;

/// A person waits.
const PATIENCE: Duration = Duration::from_secs(9);

pub async fn portal(state: &AppState, user_id: &str) -> Result<String, BillingError> {
    state
        .limits
        .check(LimitKind::CheckoutUser, user_id, state.clock.wall_ms())
        .map_err(|_| BillingError::TooMany)?;
    let customer = customer(state, user_id).await.map_err(|error| {
        tracing::error!(error = %error, "a customer cannot be read");
        BillingError::Unavailable
    })?;
    let customer = customer.ok_or(BillingError::NoCustomer)?;
    let back = state.config.own_url("/billing");
    match tokio::time::timeout(PATIENCE, state.stripe.portal(&customer, &back)).await {
        Ok(Ok(url)) => Ok(url),
        Ok(Err(error)) if error.class() == FailureClass::Retry => {
            Err(BillingError::StripeUnreachable)
        }
        Ok(Err(error)) => {
            tracing::error!(error = %error, "Stripe refused to open the portal");
            Err(BillingError::StripeRefused)
        }
        Err(_) => Err(BillingError::StripeUnreachable),
    }
}

async fn customer(state: &AppState, user_id: &str) -> Result<Option<String>, crate::db::DbError> {
    let mut conn = state.db.reader().acquire().await?;
    let Some(payer) = payers::find_of_user(&mut conn, user_id).await? else {
        return Ok(None);
    };
    let customers = payers::customers(&mut conn, &payer).await?;
    Ok(customers
        .into_iter()
        .find(|(_, deleted)| !deleted)
        .map(|(id, _)| id))
}
