//! The portal's configuration, whose id is kept beside what is pinned.

use super::{Change, Found, SetupError, failed};
use crate::db::installation;
use crate::state::AppState;
use std::io::Write;

const WHAT: &str = "portal configuration";

fn return_url(state: &AppState) -> String {
    state.config.own_url("/billing")
}

/// Ours is the one whose id we keep, or else one that carries our mark.
pub(super) async fn look(state: &AppState) -> Result<Found, SetupError> {
    let kept = installation::value(&state.db, installation::PORTAL_CONFIGURATION).await?;
    let all = state.stripe.portal_configurations().await;
    let all = all.map_err(|error| failed(WHAT, error))?;
    let by_id = all
        .iter()
        .find(|one| kept.as_deref() == Some(one.id.as_str()));
    let marked = || all.iter().find(|one| one.is_ours());
    let Some(ours) = by_id.or_else(marked) else {
        let line = format!(
            "{WHAT}: there is none of ours; make one for cards, invoices, what stands on them, and cancelling at the end of the period"
        );
        return Ok(Found::Change(line, Change::MakePortal));
    };
    if !ours.is_right(&return_url(state)) {
        let line = format!(
            "{WHAT} {}: was changed; make it again what it was: cards, invoices, what stands on them, cancelling at the end of the period, no change of plan or quantity",
            ours.id
        );
        return Ok(Found::Change(line, Change::MendPortal(ours.id.clone())));
    }
    keep(state, &ours.id).await?;
    Ok(Found::Right(format!(
        "{WHAT} {}: cards, invoices, what stands on them, cancelling at the end of the period",
        ours.id
    )))
}

async fn keep(state: &AppState, id: &str) -> Result<(), SetupError> {
    installation::set_value(&state.db, installation::PORTAL_CONFIGURATION, id).await?;
    Ok(())
}

pub(super) async fn make(
    state: &AppState,
    out: &mut impl Write,
    key: &str,
) -> Result<(), SetupError> {
    let url = return_url(state);
    let made = state.stripe.create_portal_configuration(&url, key).await;
    let made = made.map_err(|error| failed(WHAT, error))?;
    keep(state, &made.id).await?;
    writeln!(out, "made     {WHAT} {}", made.id)?;
    Ok(())
}

pub(super) async fn mend(
    state: &AppState,
    out: &mut impl Write,
    id: &str,
    key: &str,
) -> Result<(), SetupError> {
    let url = return_url(state);
    let mended = state.stripe.mend_portal_configuration(id, &url, key).await;
    let mended = mended.map_err(|error| failed(WHAT, error))?;
    keep(state, &mended.id).await?;
    writeln!(out, "mended   {WHAT} {}", mended.id)?;
    Ok(())
}
