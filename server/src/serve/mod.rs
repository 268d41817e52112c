//! From configuration to a running server.

pub mod assets;
pub mod posted;

use crate::bot;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, ConfigError, MetricsAccess};
use crate::db::{Db, DbError, Kind, dirty};
use crate::discord::{self, DiscordApi, DiscordClient, DiscordConfig};
use crate::guards::Limits;
use crate::mail::{self, MailDoor, Smtp};
use crate::pins::{self, PinError};
use crate::reconcile;
use crate::rng::Rng;
use crate::router;
use crate::seal::Seal;
use crate::seats;
use crate::state::{AppState, Services};
use crate::stripe::{StripeApi, StripeClient, StripeConfig};
use crate::sync;
use crate::telemetry::Metrics;
use crate::webhooks;
use crate::wire::{HttpWire, Wire};
use leptos::config::LeptosOptions;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

/// How long the gateway may take to end.
const GIVE_BACK: Duration = Duration::from_secs(3);

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Pin(#[from] PinError),
    #[error("an HTTP client could not be made: {0}")]
    Http(#[from] reqwest::Error),
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        addr: SocketAddr,
        source: std::io::Error,
    },
    #[error("the server stopped: {0}")]
    Stopped(std::io::Error),
}

/// Makes the services from a configuration, the machine's clock and chance.
pub async fn services(config: Config) -> Result<(AppState, Arc<SystemClock>), ServeError> {
    let clock = Arc::new(SystemClock::default());
    if let Some(url) = &config.clock_url {
        // Before anything is timed: a sandbox may be months ahead.
        sync::read_policy_clock(&clock, &reqwest::Client::new(), url)
            .await
            .ok();
    }
    let state = build(config, clock.clone(), Rng::from_os()).await?;
    Ok((state, clock))
}

/// The ways to the outside.
pub struct Outside {
    pub stripe: Arc<dyn Wire>,
    pub discord: Arc<dyn Wire>,
    /// For the calls of a sign-in.
    pub login: reqwest::Client,
}

impl Outside {
    pub fn over_http() -> Result<Self, reqwest::Error> {
        let stripe = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(3))
            .build()?;
        let login = discord::http_client()?;
        Ok(Self {
            stripe: Arc::new(HttpWire(stripe)),
            discord: Arc::new(HttpWire(login.clone())),
            login,
        })
    }
}

/// Makes the services from a configuration with the given clock and chance.
pub async fn build(
    config: Config,
    clock: Arc<dyn Clock>,
    rng: Rng,
) -> Result<AppState, ServeError> {
    let db = Db::connect(&config.database_url).await?;
    let shared = Some(db.clone());
    assemble(db, Outside::over_http()?, shared, config, clock, rng)
}

/// Makes the services on a database and ways to the outside that exist already. The budget of
/// requests is this process's own then: the database's clock is none of this clock's.
pub fn build_on(
    db: Db,
    outside: Outside,
    config: Config,
    clock: Arc<dyn Clock>,
    rng: Rng,
) -> Result<AppState, ServeError> {
    assemble(db, outside, None, config, clock, rng)
}

/// The doors to the outside.
pub struct Doors {
    pub stripe: Arc<dyn StripeApi>,
    pub discord: Arc<dyn DiscordApi>,
    /// `None`: mail is off.
    pub mail: Option<Arc<dyn MailDoor>>,
}

/// Opens nothing yet: the first question does. Without a `budget` that is shared the process has
/// one of its own.
pub fn doors(
    config: &Config,
    outside: &Outside,
    budget: Option<Db>,
    clock: Arc<dyn Clock>,
    rng: &Rng,
) -> Doors {
    let stripe = StripeClient::new(
        StripeConfig {
            api_base: config.stripe.api_base.clone(),
            secret_key: config.stripe.secret_key.clone(),
            rate: config.stripe.rate,
            budget,
        },
        outside.stripe.clone(),
        clock.clone(),
        rng.clone(),
    );
    let discord = DiscordClient::new(
        DiscordConfig {
            api_base: config.discord.api_base.clone(),
            bot_token: config.discord.bot_token.clone(),
            guild_id: config.discord.guild_id.clone(),
        },
        outside.discord.clone(),
        clock,
        rng.clone(),
    );
    let mail = config.mail.clone().map(|settings| -> Arc<dyn MailDoor> {
        let name = &config.community.name;
        Arc::new(Smtp::new(settings, name, &config.public_url))
    });
    Doors {
        stripe: Arc::new(stripe),
        discord: Arc::new(discord),
        mail,
    }
}

fn assemble(
    db: Db,
    outside: Outside,
    budget: Option<Db>,
    config: Config,
    clock: Arc<dyn Clock>,
    rng: Rng,
) -> Result<AppState, ServeError> {
    let Doors {
        stripe,
        discord,
        mail,
    } = doors(&config, &outside, budget, clock.clone(), &rng);
    let leptos = LeptosOptions::builder()
        .output_name("rollcall")
        .site_root(config.site_root.clone())
        .site_addr(config.site_addr)
        .build();
    Ok(AppState::new(Services {
        seal: Seal::new(&config.key_bytes()?, rng.clone()),
        stripe,
        discord,
        mail,
        login_http: outside.login,
        limits: Limits::new(),
        metrics: Metrics::default(),
        signatures: webhooks::Signatures::default(),
        leptos,
        refusals_told: std::sync::atomic::AtomicBool::new(false),
        intake: crate::webhooks::Batches::default(),
        work: tokio::sync::Notify::new(),
        released: tokio::sync::Notify::new(),
        config,
        clock,
        rng,
        db,
    }))
}

/// Serves until told to stop.
pub async fn serve(config: Config) -> Result<(), ServeError> {
    let (state, clock) = services(config).await?;
    pins::check_configuration(&state).await?;
    mail::announce(&state);
    let mut background = JoinSet::new();
    let (stop, stopping) = watch::channel(false);
    let (sure, is_sure) = oneshot::channel();
    let mut gateway = JoinSet::new();
    gateway.spawn(hear_when_sure(state.clone(), is_sure, stopping));
    if let Some(url) = state.config.clock_url.clone() {
        background.spawn(sync::follow_policy_clock(
            clock,
            reqwest::Client::new(),
            url,
        ));
    }
    if state.db.kind() == Kind::Sqlite {
        dirty::free_all_leases(&state.db).await?;
    }
    let listener = listen(state.config.site_addr).await?;
    if let MetricsAccess::Address(addr) = state.config.metrics {
        let listener = listen(addr).await?;
        let router = router::metrics_router(&state);
        background.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(error = %error, "the metrics server stopped");
            }
        });
    }
    match pins::check_outside(&state).await {
        Ok(()) => {
            catch_up(&state).await?;
            reconcile::soon(&state, "start").await?;
            background.spawn(sync::run(state.clone()));
            sure.send(()).ok();
        }
        Err(error) if error.passes() => {
            tracing::error!(error = %error, "serving, but nothing is synced until Stripe and Discord answer");
            background.spawn(work_when_sure(state.clone(), sure));
        }
        Err(error) => return Err(error.into()),
    }
    background.spawn(sweep(state.clone()));
    let db = state.db.clone();
    background.spawn(async move { db.tend().await });
    tracing::info!(addr = %state.config.site_addr, url = %state.config.public_url, "serving");
    let app = router::router(&state).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app)
        .with_graceful_shutdown(told_to_stop())
        .await
        .map_err(ServeError::Stopped)?;
    // It gives its lease back, so that another process can take the gateway over at once.
    stop.send_replace(true);
    let given_back = tokio::time::timeout(GIVE_BACK, gateway.join_next());
    if given_back.await.is_err() {
        tracing::debug!("the gateway was cut off");
    }
    background.shutdown().await;
    state.db.close().await;
    Ok(())
}

async fn listen(addr: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(addr)
        .await
        .map_err(|source| ServeError::Listen { addr, source })
}

/// Tries until the outside is known to be the pinned one, then works. One that is another ends
/// the process: nothing may be synced with it.
async fn work_when_sure(state: AppState, sure: oneshot::Sender<()>) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        match pins::check_outside(&state).await {
            Ok(()) => break,
            Err(error) if error.passes() => {
                tracing::warn!(error = %error, "Stripe or Discord does not answer yet");
            }
            Err(error) => {
                tracing::error!(error = %error, "stopping");
                std::process::exit(1);
            }
        }
    }
    if let Err(error) = catch_up(&state).await {
        tracing::error!(error = %error, "what was missed could not be marked; the timers come to it");
    }
    if let Err(error) = reconcile::soon(&state, "start").await {
        tracing::error!(error = %error, "the look at everybody could not be marked");
    }
    sure.send(()).ok();
    sync::run(state).await;
}

/// Hears Discord's gateway once the outside is known to be the pinned one.
async fn hear_when_sure(
    state: AppState,
    is_sure: oneshot::Receiver<()>,
    mut stopping: watch::Receiver<bool>,
) {
    let sure = tokio::select! {
        sure = is_sure => sure.is_ok(),
        _ = stopping.wait_for(|stop| *stop) => false,
    };
    if sure {
        bot::run(state, stopping).await;
    }
}

/// At the start: what failed of an old key tries again, and the events of the time without us are
/// read.
pub async fn catch_up(state: &AppState) -> Result<(), DbError> {
    sync::health::started(state).await?;
    webhooks::start_cursor(state).await
}

/// Deletes what is over: sessions and join tokens past their time, the inbox past its own.
async fn sweep(state: AppState) {
    loop {
        if let Err(error) = crate::login::delete_expired(&state.db, &*state.clock).await {
            tracing::warn!(error = %error, "expired sessions could not be deleted");
        }
        if let Err(error) = webhooks::tidy(&state).await {
            tracing::warn!(error = %error, "the inbox could not be tidied");
        }
        if let Err(error) = seats::tidy(&state).await {
            tracing::warn!(error = %error, "old invites could not be tidied");
        }
        tokio::time::sleep(Duration::from_hours(1)).await;
    }
}

async fn told_to_stop() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    interrupted.await.ok();
}
