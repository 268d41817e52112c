//! The way to Stripe's portal, and the return from it.

use super::{Failure, LATE};
use crate::db::DbError;
use crate::db::dirty::{self, Class, SubjectKind};
use crate::guards::LimitKind;
use crate::patience::{lease, within};
use crate::state::AppState;
use crate::stripe::{PortalFlow, PortalVisit, StripeError};
use crate::sync::{payers, sync_payer};
use app::access::Status;
use app::billing::BillingError;
use sqlx::AnyConnection;
use std::time::Duration;

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

/// Where the portal leads a person back to.
pub const BACK: &str = "/billing?from=portal";

/// Opens a session for a customer, by our own configuration where there is one. `back` is the own
/// path it leads back to.
pub async fn open_portal(
    state: &AppState,
    customer_id: &str,
    back: &str,
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
        return_url: state.config.own_url(back),
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

/// The address of a new session, for a person.
pub async fn portal(
    state: &AppState,
    user_id: &str,
    flow: Option<PortalFlow>,
) -> Result<String, Failure> {
    state
        .limits
        .check(LimitKind::CheckoutUser, user_id, state.clock.wall_ms())
        .map_err(|_| BillingError::TooMany)?;
    let payer_id = {
        let mut conn = state.db.reader().acquire().await?;
        payers::find_of_user(&mut conn, user_id).await?
    };
    visit(
        state,
        &payer_id.ok_or(BillingError::NoCustomer)?,
        BACK,
        flow,
    )
    .await
}

/// The same for a payer, whoever that is.
pub async fn visit(
    state: &AppState,
    payer_id: &str,
    back: &str,
    flow: Option<PortalFlow>,
) -> Result<String, Failure> {
    let customer = {
        let mut conn = state.db.reader().acquire().await?;
        customer(&mut conn, payer_id).await?
    };
    let customer = customer.ok_or(BillingError::NoCustomer)?;
    match open_portal(state, &customer, back, flow).await {
        Ok(url) => Ok(url),
        Err(Refused::NotConfigured) => Err(BillingError::NotConfigured.into()),
        Err(Refused::Db(error)) => Err(error.into()),
        Err(Refused::Stripe(StripeError::Missing)) => {
            tracing::warn!(payer = %payer_id, customer = %customer, "a customer is gone at Stripe; the payer is read again");
            mark(state, payer_id).await?;
            Err(BillingError::CustomerGone.into())
        }
        Err(Refused::Stripe(error)) => Err(error.into()),
    }
}

/// The customer of the subscription a dashboard is about, or else the oldest.
async fn customer(conn: &mut AnyConnection, payer_id: &str) -> Result<Option<String>, DbError> {
    let customers = payers::customers(conn, payer_id).await?;
    let theirs: Vec<(String, String)> = sqlx::query_as(
        "SELECT customer_id, status FROM subscriptions WHERE payer_id = $1 ORDER BY created_at DESC",
    )
    .bind(payer_id)
    .fetch_all(conn)
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
    Ok(of_subscription.or(oldest))
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
    within(RETURN_PATIENCE, "portal return", LATE, async move {
        read_again(&state, &user_id).await
    })
    .await
}

async fn read_again(state: &AppState, user_id: &str) -> Result<(), Failure> {
    let payer = {
        let mut conn = state.db.reader().acquire().await?;
        payers::find_of_user(&mut conn, user_id).await?
    };
    let Some(payer) = payer else { return Ok(()) };
    // Nobody has to come again for it: whatever happens here, the worker does.
    mark(state, &payer).await?;
    let held = lease::take(state, &payer).await?;
    let synced = sync_payer(state, &held).await;
    lease::give_back(state, &held).await;
    Ok(synced?)
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
