//! The webhook endpoint.

use super::{Change, Found, SetupError, failed};
use crate::state::AppState;
use crate::stripe::API_VERSION;
use crate::stripe::events::SUBSCRIBED;
use std::io::Write;

const WHAT: &str = "webhook endpoint";

fn url(state: &AppState) -> String {
    state.config.own_url("/webhooks/stripe")
}

pub(super) async fn look(state: &AppState, out: &mut impl Write) -> Result<Found, SetupError> {
    let url = url(state);
    let all = state.stripe.webhook_endpoints().await;
    let all = all.map_err(|error| failed(WHAT, error))?;
    let mut here = all.iter().filter(|endpoint| endpoint.url == url);
    let Some(endpoint) = here.next() else {
        let line = format!(
            "{WHAT} {url}: there is none; make one for {} events in version {API_VERSION}",
            SUBSCRIBED.len()
        );
        return Ok(Found::Change(line, Change::MakeEndpoint));
    };
    if let Some(other) = here.next() {
        writeln!(
            out,
            "note     {WHAT} {url}: there is a second one, {}; every event comes twice, which costs and does no harm",
            other.id
        )?;
    }
    match &endpoint.api_version {
        Some(version) if version != API_VERSION => writeln!(
            out,
            "note     {WHAT} {url}: sends version {version}, which cannot be changed. That does no harm: of an event only its envelope is read"
        )?,
        _ => {}
    }
    if state.config.stripe.webhook_secrets.is_empty() {
        writeln!(
            out,
            "note     STRIPE_WEBHOOK_SECRETS is not set: Stripe's dashboard, Developers, Webhooks shows the signing secret of {}",
            endpoint.id
        )?;
    }
    let wrong = endpoint.wrong();
    Ok(if wrong.is_empty() {
        Found::Right(format!(
            "{WHAT} {url}: enabled, for the {} events",
            SUBSCRIBED.len()
        ))
    } else {
        Found::Change(
            format!("{WHAT} {url}: {}; mend it", wrong.join("; ")),
            Change::MendEndpoint(endpoint.id.clone()),
        )
    })
}

pub(super) async fn make(
    state: &AppState,
    out: &mut impl Write,
    key: &str,
) -> Result<(), SetupError> {
    let url = url(state);
    let made = state.stripe.create_webhook_endpoint(&url, key).await;
    let made = made.map_err(|error| failed(WHAT, error))?;
    writeln!(out, "made     {WHAT} {}", made.id)?;
    if let Some(secret) = &made.secret {
        writeln!(
            out,
            "secret   STRIPE_WEBHOOK_SECRETS={secret}\n         Told this once: put it into the server's environment."
        )?;
    }
    Ok(())
}

pub(super) async fn mend(
    state: &AppState,
    out: &mut impl Write,
    id: &str,
    key: &str,
) -> Result<(), SetupError> {
    let mended = state.stripe.mend_webhook_endpoint(id, key).await;
    let mended = mended.map_err(|error| failed(WHAT, error))?;
    writeln!(out, "mended   {WHAT} {}", mended.id)?;
    Ok(())
}
