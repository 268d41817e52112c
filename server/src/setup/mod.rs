//! `rollcall setup`: makes what is missing at Stripe, and says how to invite the bot. It looks
//! first, says what it found, and asks before it changes anything; a second run changes nothing.

mod endpoint;
mod portal;

use crate::config::Config;
use crate::db::DbError;
use crate::db::installation::{Pin, pinned};
use crate::discord::LEAST;
use crate::pins::{self, PinError};
use crate::state::AppState;
use crate::stripe::StripeError;
use std::io::{self, Write};

#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("{what}: {source}{advice}")]
    Stripe {
        what: &'static str,
        source: StripeError,
        advice: &'static str,
    },
    #[error(transparent)]
    Pin(#[from] PinError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("the terminal cannot be written to: {0}")]
    Terminal(#[from] io::Error),
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was right already.
    Right,
    Changed,
    /// The answer was no.
    Declined,
}

/// What a look found.
pub(crate) enum Found {
    Right(String),
    /// What is wrong, and what would be done.
    Change(String, Change),
}

/// Something to be done at Stripe.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    MakeEndpoint,
    MendEndpoint(String),
    MakePortal,
    MendPortal(String),
}

/// Looks, tells `out` a line each, asks `agreed` if there is something to change, and changes it.
pub async fn run(
    state: &AppState,
    out: &mut impl Write,
    agreed: impl FnOnce(&mut dyn Write) -> io::Result<bool>,
) -> Result<Outcome, SetupError> {
    pins::check_configuration(state).await?;
    account(state, out).await?;
    let mut changes = Vec::new();
    for found in [
        endpoint::look(state, out).await?,
        portal::look(state).await?,
    ] {
        match found {
            Found::Right(line) => writeln!(out, "right    {line}")?,
            Found::Change(line, change) => {
                writeln!(out, "to do    {line}")?;
                changes.push(change);
            }
        }
    }
    let outcome = if changes.is_empty() {
        Outcome::Right
    } else if agreed(out)? {
        for change in changes {
            apply(state, out, &change).await?;
        }
        Outcome::Changed
    } else {
        writeln!(out, "Nothing was changed.")?;
        Outcome::Declined
    };
    writeln!(out, "invite   {}", invite(&state.config))?;
    Ok(outcome)
}

async fn account(state: &AppState, out: &mut impl Write) -> Result<(), SetupError> {
    let mode = if state.config.stripe.live {
        "live"
    } else {
        "test"
    };
    match state.stripe.account().await {
        Ok(account) => {
            if let Some(pinned) = pinned(&state.db, Pin::StripeAccount).await?
                && pinned != account.id
            {
                return Err(PinError::Mismatch {
                    variable: "STRIPE_SECRET_KEY",
                    what: "account",
                    pinned,
                }
                .into());
            }
            writeln!(out, "right    Stripe account {}, {mode} mode", account.id)?;
        }
        Err(StripeError::KeyLacksRight { .. }) => writeln!(
            out,
            "note     Stripe's {mode} mode; the restricted key may not say which account it is for"
        )?,
        Err(error) => return Err(failed("Stripe account", error)),
    }
    Ok(())
}

async fn apply(state: &AppState, out: &mut impl Write, change: &Change) -> Result<(), SetupError> {
    // One use: a key kept longer would bring back what somebody deleted since.
    let key = state.rng.id("setup-");
    match change {
        Change::MakeEndpoint => endpoint::make(state, out, &key).await,
        Change::MendEndpoint(id) => endpoint::mend(state, out, id, &key).await,
        Change::MakePortal => portal::make(state, out, &key).await,
        Change::MendPortal(id) => portal::mend(state, out, id, &key).await,
    }
}

fn failed(what: &'static str, source: StripeError) -> SetupError {
    let advice = match &source {
        StripeError::KeyRefused => {
            ". STRIPE_SECRET_KEY is not valid; Stripe's dashboard, Developers, API keys has it"
        }
        StripeError::KeyLacksRight { .. } => {
            ". For this command give the restricted key \"write\" on Webhook Endpoints and Customer portal, or use the secret key"
        }
        StripeError::Refused { param, .. } if param == "url" => {
            ". PUBLIC_URL must be reachable from the internet; on a laptop `stripe listen` carries the events instead"
        }
        _ => "",
    };
    SetupError::Stripe {
        what,
        source,
        advice,
    }
}

/// The address that invites the bot to the one server, with the least rights it needs and its
/// slash commands.
#[must_use]
pub fn invite(config: &Config) -> String {
    let mut url = config.discord.authorize_url.clone();
    url.query_pairs_mut()
        .append_pair("client_id", &config.discord.client_id)
        .append_pair("scope", "bot applications.commands")
        .append_pair("permissions", &LEAST.to_string())
        .append_pair("guild_id", &config.discord.guild_id)
        .append_pair("disable_guild_select", "true");
    url.into()
}
