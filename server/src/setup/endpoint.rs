//! The webhook endpoint.

use super::{Change, Found, SetupError, failed};
use crate::state::AppState;
use crate::stripe::API_VERSION;
use crate::stripe::endpoints::Endpoint;
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
    let wrong = wrong(endpoint);
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

fn wrong(endpoint: &Endpoint) -> Vec<String> {
    let mut wrong = Vec::new();
    if endpoint.status != "enabled" {
        wrong.push(format!("it is {}", endpoint.status));
    }
    let has = |name: &&str| endpoint.enabled_events.iter().any(|has| has == name);
    let missing: Vec<&str> = SUBSCRIBED.into_iter().filter(|name| !has(name)).collect();
    let others = endpoint
        .enabled_events
        .iter()
        .filter(|name| !SUBSCRIBED.contains(&name.as_str()))
        .count();
    if endpoint.enabled_events == ["*"] {
        wrong.push("it is for every event there is".to_owned());
    } else {
        if !missing.is_empty() {
            wrong.push(format!("it misses {}", missing.join(", ")));
        }
        if others > 0 {
            wrong.push(format!("it is for {others} other events too"));
        }
    }
    wrong
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
