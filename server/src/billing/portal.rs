//! The way to Stripe's portal, and the return from it.

use crate::checkout::lease;
use crate::db::DbError;
use crate::db::dirty::{self, Class, SubjectKind};
use crate::guards::LimitKind;
use crate::state::AppState;
use crate::stripe::{FailureClass, PortalFlow, PortalVisit, StripeError};
use crate::sync::{payers, sync_payer};
use app::access::Status;
use app::billing::{BillingError, PortalPage};
use std::time::Duration;

/// A person waits.
const PATIENCE: Duration = Duration::from_secs(9);
/// The return shows what is known already when Stripe is slower than this.
const RETURN_PATIENCE: Duration = Duration::from_secs(6);

/// The row of `installation` that names our own configuration.
const CONFIGURATION: &str = "portal_configuration";

/// Why a portal session was not opened.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("the customer portal is not configured at Stripe")]
    NotConfigured,
    #[error(transparent)]
    Stripe(#[from] StripeError),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Opens a session for a customer, by our own configuration where there is one.
pub async fn open_portal(
    state: &AppState,
    customer_id: &str,
    flow: Option<PortalFlow>,
) -> Result<String, Refused> {
    let configuration: Option<String> =
        sqlx::query_scalar("SELECT value FROM installation WHERE name = $1")
            .bind(CONFIGURATION)
            .fetch_optional(state.db.reader())
            .await
            .map_err(DbError::from)?;
    let visit = PortalVisit {
        customer_id: customer_id.to_owned(),
        configuration,
        return_url: state.config.own_url("/billing?from=portal"),
        flow,
    };
    let error = match state.stripe.portal(&visit).await {
        Ok(url) => return Ok(url),
        Err(error) => error,
    };
    let not_configured = match &error {
        // Stripe names neither code nor parameter when its default was never saved.
        StripeError::Refused { code, param } => {
            visit.configuration.is_none() && code.is_empty() && param.is_empty()
        }
        // Either of two ids is unknown: the customer's, or our configuration's.
        StripeError::Missing if visit.configuration.is_some() => state
            .stripe
            .customer(customer_id)
            .await?
            .is_some_and(|customer| !customer.deleted),
        _ => false,
    };
    if not_configured {
        tracing::error!(configuration = ?visit.configuration, "the customer portal is not configured at Stripe: run `rollcall setup`, or save its settings in the Dashboard");
        return Err(Refused::NotConfigured);
    }
    Err(error.into())
}

pub async fn portal(
    state: &AppState,
    user_id: &str,
    page: PortalPage,
) -> Result<String, BillingError> {
    state
        .limits
        .check(LimitKind::CheckoutUser, user_id, state.clock.wall_ms())
        .map_err(|_| BillingError::TooMany)?;
    let found = customer(state, user_id).await.map_err(|error| {
        tracing::error!(error = %error, "a customer cannot be read");
        BillingError::Unavailable
    })?;
    let (payer_id, customer) = found.ok_or(BillingError::NoCustomer)?;
    let flow = match page {
        PortalPage::Home => None,
        PortalPage::Card => Some(PortalFlow::Card),
    };
    match tokio::time::timeout(PATIENCE, open_portal(state, &customer, flow)).await {
        Ok(Ok(url)) => Ok(url),
        Ok(Err(refused)) => Err(told(state, &payer_id, &refused).await),
        Err(_) => {
            tracing::warn!("Stripe did not open the portal in time");
            Err(BillingError::StripeUnreachable)
        }
    }
}

async fn told(state: &AppState, payer_id: &str, refused: &Refused) -> BillingError {
    let error = match refused {
        Refused::NotConfigured => return BillingError::NotConfigured,
        Refused::Db(error) => {
            tracing::error!(error = %error, "the portal's configuration cannot be read");
            return BillingError::Unavailable;
        }
        Refused::Stripe(error) => error,
    };
    tracing::warn!(error = %error, payer = payer_id, "Stripe did not open the portal");
    match error {
        StripeError::Unreachable | StripeError::NotAsked | StripeError::TimedOut => {
            BillingError::StripeUnreachable
        }
        StripeError::RateLimited | StripeError::Locked => BillingError::StripeBusy,
        StripeError::KeyRefused => BillingError::KeyRefused,
        StripeError::KeyLacksRight { .. } => BillingError::KeyLacksRight,
        StripeError::Missing => {
            if let Err(error) = mark(state, payer_id).await {
                tracing::error!(error = %error, "a payer whose customer is gone could not be marked");
            }
            BillingError::CustomerGone
        }
        error if error.class() == FailureClass::Retry => BillingError::StripeFailing,
        _ => BillingError::StripeRefused,
    }
}

/// The payer, and the customer of the subscription the dashboard is about, or else the oldest.
async fn customer(state: &AppState, user_id: &str) -> Result<Option<(String, String)>, DbError> {
    let mut conn = state.db.reader().acquire().await?;
    let Some(payer) = payers::find_of_user(&mut conn, user_id).await? else {
        return Ok(None);
    };
    let customers = payers::customers(&mut conn, &payer).await?;
    let theirs: Vec<(String, String)> = sqlx::query_as(
        "SELECT customer_id, status FROM subscriptions WHERE payer_id = $1 ORDER BY created_at DESC",
    )
    .bind(&payer)
    .fetch_all(&mut *conn)
    .await?;
    let there = |id: &str| {
        customers
            .iter()
            .any(|(known, deleted)| known == id && !deleted)
    };
    let of_subscription = theirs
        .into_iter()
        .filter(|(customer, _)| there(customer))
        .min_by_key(|(_, status)| crate::changes::rank(&Status::from_stripe(status)))
        .map(|(customer, _)| customer);
    let oldest = customers
        .iter()
        .find(|(_, deleted)| !deleted)
        .map(|(id, _)| id.clone());
    Ok(of_subscription.or(oldest).map(|customer| (payer, customer)))
}

/// Reads Stripe for whoever comes back from the portal. Too often in a minute, and the worker's
/// own pace has to do.
pub async fn returned(state: &AppState, user_id: &str) -> Result<(), BillingError> {
    if state
        .limits
        .check(LimitKind::PreviewUser, user_id, state.clock.wall_ms())
        .is_err()
    {
        return Ok(());
    }
    let (state, user_id) = (state.clone(), user_id.to_owned());
    // Runs to its end even when the page does not wait for it.
    let reading = tokio::spawn(async move { read_again(&state, &user_id).await });
    match tokio::time::timeout(RETURN_PATIENCE, reading).await {
        Ok(Ok(read)) => read,
        Ok(Err(stopped)) => {
            tracing::error!(error = %stopped, "a reading on return from the portal stopped");
            Err(BillingError::Unavailable)
        }
        Err(_) => Err(BillingError::StripeUnreachable),
    }
}

async fn read_again(state: &AppState, user_id: &str) -> Result<(), BillingError> {
    let payer = {
        let mut conn = state.db.reader().acquire().await.map_err(unavailable)?;
        payers::find_of_user(&mut conn, user_id)
            .await
            .map_err(unavailable)?
    };
    let Some(payer) = payer else { return Ok(()) };
    // Nobody has to come again for it: whatever happens here, the worker does.
    mark(state, &payer).await.map_err(unavailable)?;
    let Ok(held) = lease::take(state, &payer).await else {
        return Err(BillingError::StripeUnreachable);
    };
    let synced = sync_payer(state, &held).await;
    lease::give_back(state, &held).await;
    synced.map_err(|error| {
        tracing::warn!(error = %error, "Stripe could not be read on return from the portal");
        BillingError::StripeUnreachable
    })
}

fn unavailable(error: impl Into<DbError>) -> BillingError {
    tracing::error!(error = %error.into(), "a return from the portal cannot be noted");
    BillingError::Unavailable
}

async fn mark(state: &AppState, payer_id: &str) -> Result<(), DbError> {
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    let kind = SubjectKind::Payer;
    dirty::mark(&mut tx, kind, payer_id, now, Class::Urgent, "portal").await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}
