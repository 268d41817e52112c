//! What every handler and worker shares.

use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::discord::DiscordApi;
use crate::guards::Limits;
use crate::mail::MailDoor;
use crate::rng::Rng;
use crate::seal::Seal;
use crate::stripe::StripeApi;
use crate::telemetry::Metrics;
use crate::webhooks::{Batches, Signatures};
use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::Notify;

/// Cheap to clone; everything is behind one `Arc`.
#[derive(Clone)]
pub struct AppState(Arc<Services>);

pub struct Services {
    pub config: Config,
    pub clock: Arc<dyn Clock>,
    pub rng: Rng,
    pub db: Db,
    pub seal: Seal,
    pub stripe: Arc<dyn StripeApi>,
    pub discord: Arc<dyn DiscordApi>,
    /// `None`: mail is off.
    pub mail: Option<Arc<dyn MailDoor>>,
    /// For the calls of a sign-in, which follow no redirects.
    pub login_http: reqwest::Client,
    pub limits: Limits,
    pub metrics: Metrics,
    /// How the signatures of webhooks have been.
    pub signatures: Signatures,
    pub leptos: LeptosOptions,
    /// Whether the operator was told that Discord refuses too much.
    pub refusals_told: AtomicBool,
    /// Webhooks on their way into the database.
    pub intake: Batches,
    /// Told when something was marked; the worker waits for it.
    pub work: Notify,
    /// Told when a lease was given back in this process.
    pub released: Notify,
}

impl AppState {
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self(Arc::new(services))
    }
}

impl Deref for AppState {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.0
    }
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.leptos.clone()
    }
}
