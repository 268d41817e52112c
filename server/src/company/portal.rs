//! The way to Stripe's portal for a company, and the return from Stripe's pages.

use super::guard::{self, Admin};
use super::{Failure, LATE};
use crate::billing;
use crate::checkout;
use crate::guards::LimitKind;
use crate::patience::within;
use crate::state::AppState;
use app::company::CompanyError;
use std::time::Duration;

/// The return shows what is known already when Stripe is slower than this.
const RETURN_PATIENCE: Duration = Duration::from_secs(6);

async fn guarded(state: &AppState, user_id: &str, company_id: &str) -> Result<Admin, Failure> {
    let mut conn = state.db.reader().acquire().await?;
    guard::admin(&mut conn, user_id, company_id).await
}

pub async fn portal(state: &AppState, user_id: &str, company_id: &str) -> Result<String, Failure> {
    let admin = guarded(state, user_id, company_id).await?;
    state
        .limits
        .check(LimitKind::CheckoutUser, user_id, state.clock.wall_ms())
        .map_err(|_| CompanyError::TooMany)?;
    let back = format!("/company/{}?from=portal", admin.company_id);
    Ok(billing::visit(state, &admin.payer_id, &back, None).await?)
}

/// Reads Stripe for whoever comes back from one of its pages. Too often in a minute, and the
/// worker's own pace has to do.
pub async fn returned(
    state: &AppState,
    user_id: &str,
    company_id: &str,
) -> Result<(), CompanyError> {
    let (state, user_id) = (state.clone(), user_id.to_owned());
    let company_id = company_id.to_owned();
    within(RETURN_PATIENCE, "company return", LATE, async move {
        let admin = guarded(&state, &user_id, &company_id).await?;
        let too_often = state
            .limits
            .check(LimitKind::PreviewUser, &user_id, state.clock.wall_ms())
            .is_err();
        if too_often {
            return Ok(());
        }
        Ok(checkout::read_back(&state, &admin.payer_id).await?)
    })
    .await
}
