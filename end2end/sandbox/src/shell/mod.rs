//! The HTTP, WebSocket and SMTP around the engines.
//!
//! [`Sandbox::start`] runs it inside another process (the server's integration tests); the
//! `sandbox` binary is the same with a command line. The world lies behind a standard mutex that
//! is held for one request's work and never across an `await`.
//!
//! | address | what |
//! |---|---|
//! | `/v1/…`, `/checkout/…`, `/portal/…`, `/invoice/…` | Stripe |
//! | `/api/…`, `/oauth2/…`, `/gateway` | Discord |
//! | `/_sandbox/…` | [`control`] |
//! | `/`, `/mail`, `/mail.json`, `/mail/{id}` | pages for people |

pub mod control;
mod deliveries;
mod http;
mod pages;
mod smtp;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{Router, extract::WebSocketUpgrade, response::Response};
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
    task::JoinHandle,
};

pub use deliveries::Delivered;

use crate::{World, clock::Clock, discord::gateway_socket};

/// The world, shared by every connection.
pub type SharedWorld = Arc<Mutex<World>>;

/// How long a webhook's receiver may take, as at Stripe's.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// An endpoint that exists from the start.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub url: String,
    /// `whsec_…`; made from the seed when there is none.
    pub secret: Option<String>,
}

/// Who sends the webhooks that are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deliveries {
    /// A task, as soon as they are.
    Pumped,
    /// Nobody, until [`Sandbox::deliver_now`].
    ByHand,
}

/// What to start with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where mail is taken; `None` takes none.
    pub smtp: Option<SocketAddr>,
    /// Decides every id and every chance.
    pub seed: u64,
    pub clock: Clock,
    /// Whether plans, people and a server exist from the start.
    pub demo: bool,
    pub webhook: Option<Webhook>,
    pub deliveries: Deliveries,
    /// The address people and the app use, when it is not the listening one.
    pub base: Option<String>,
    /// Redirects registered with Discord's application.
    pub redirects: Vec<String>,
}

impl Default for Options {
    /// Any free port of the loopback, demo data, the machine's clock, webhooks sent at once.
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            smtp: Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)),
            seed: 1,
            clock: Clock::Wall { offset_ms: 0 },
            demo: true,
            webhook: None,
            deliveries: Deliveries::Pumped,
            base: None,
            redirects: Vec::new(),
        }
    }
}

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {addr}: {source}")]
    Listen { addr: SocketAddr, source: io::Error },
    #[error("cannot make an HTTP client for webhooks: {0}")]
    Client(#[from] reqwest::Error),
}

/// What the tasks share.
pub(crate) struct Shell {
    world: SharedWorld,
    /// Told after everything that may have made a delivery due.
    changed: Notify,
    stop: watch::Sender<bool>,
    client: reqwest::Client,
    options: Options,
    base: String,
}

impl Shell {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the world, then lets the pump look for what fell due.
    fn with<R>(&self, work: impl FnOnce(&mut World) -> R) -> R {
        let result = {
            let mut world = self.lock();
            world.tick();
            work(&mut world)
        };
        self.changed.notify_one();
        result
    }

    /// Begins again with that seed: the endpoints of the start, and demo data if it had them.
    fn reset(&self, seed: u64) {
        let mut fresh = furnished(&self.options, seed, self.options.clock, &self.base);
        self.with(|world| {
            // Gateway connections outlive the world they were made in, and identify again.
            std::mem::swap(&mut fresh.discord.sessions, &mut world.discord.sessions);
            *world = fresh;
            world.discord.gateway_invalidate(false);
        });
    }

    async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        // An error means that the sender is gone, which is a stop too.
        let _ = stop.wait_for(|stopped| *stopped).await;
    }
}

/// A running sandbox; dropping it stops it.
pub struct Sandbox {
    /// Where HTTP is served.
    pub addr: SocketAddr,
    /// Where mail is taken.
    pub smtp_addr: Option<SocketAddr>,
    pub world: SharedWorld,
    shell: Arc<Shell>,
    server: Option<JoinHandle<()>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Sandbox {
    /// Binds, furnishes the world and serves it in the current runtime.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let (listener, addr) = bind(options.listen).await?;
        let mail = match options.smtp {
            Some(at) => Some(bind(at).await?),
            None => None,
        };
        let base = options
            .base
            .as_ref()
            .map_or_else(|| reachable(addr), |base| base.trim_end_matches('/').into());
        let world = furnished(&options, options.seed, options.clock, &base);
        let world = Arc::new(Mutex::new(world));
        let client = reqwest::Client::builder()
            .timeout(DELIVERY_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent("Stripe/1.0 (+https://stripe.com/docs/webhooks)")
            .build()?;
        let pumped = options.deliveries == Deliveries::Pumped;
        let shell = Arc::new(Shell {
            world: Arc::clone(&world),
            changed: Notify::new(),
            stop: watch::Sender::new(false),
            client,
            options,
            base,
        });
        let mut tasks = Vec::new();
        if pumped {
            tasks.push(tokio::spawn(deliveries::pump(Arc::clone(&shell))));
        }
        let mut smtp_addr = None;
        if let Some((listener, addr)) = mail {
            smtp_addr = Some(addr);
            tasks.push(tokio::spawn(smtp::serve(listener, Arc::clone(&shell))));
        }
        let server = tokio::spawn(serve(listener, Arc::clone(&shell)));
        Ok(Self {
            addr,
            smtp_addr,
            world,
            shell,
            server: Some(server),
            tasks,
        })
    }

    /// `http://host:port`, without a trailing slash.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.shell.base.clone()
    }

    /// Works on the world with the clock caught up, and wakes the pump afterwards.
    pub fn with<R>(&self, work: impl FnOnce(&mut World) -> R) -> R {
        self.shell.with(work)
    }

    /// Moves the clock on; what falls due on the way happens.
    pub fn advance_ms(&self, by_ms: i64) {
        self.with(|world| {
            let to_ms = world.clock.now_ms().saturating_add(by_ms);
            world.advance_to(to_ms);
        });
    }

    /// Sends every webhook that is due now, one after the other, and tells what came of each.
    /// Those that arise meanwhile wait for the next call.
    pub async fn deliver_now(&self) -> Vec<Delivered> {
        self.deliver_at(Clock::wall_ms()).await
    }

    /// The same as if the machine's time were `wall_ms`: retries need no waiting.
    pub async fn deliver_at(&self, wall_ms: i64) -> Vec<Delivered> {
        deliveries::deliver_due(&self.shell, wall_ms).await
    }

    /// Ends it in order: open requests get at most two seconds.
    pub async fn stop(mut self) {
        self.shell.stop.send_replace(true);
        if let Some(server) = self.server.take() {
            let abort = server.abort_handle();
            if tokio::time::timeout(Duration::from_secs(2), server)
                .await
                .is_err()
            {
                abort.abort();
            }
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shell.stop.send_replace(true);
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Discord's gateway on an upgraded connection.
fn gateway(shell: &Arc<Shell>, upgrade: WebSocketUpgrade, query: &str) -> Response {
    let shell = Arc::clone(shell);
    let query = query.to_owned();
    upgrade.on_upgrade(|socket| async move {
        tokio::select! {
            () = gateway_socket::serve(socket, query, Arc::clone(&shell.world)) => {}
            () = shell.stopped() => {}
        }
    })
}

async fn bind(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let refused = |source| StartError::Listen { addr, source };
    let listener = TcpListener::bind(addr).await.map_err(refused)?;
    let addr = listener.local_addr().map_err(refused)?;
    Ok((listener, addr))
}

/// An address to connect to: a listener on every interface is reached over the loopback.
fn reachable(addr: SocketAddr) -> String {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, addr.port()))
}

async fn serve(listener: TcpListener, shell: Arc<Shell>) {
    let stopped = {
        let shell = Arc::clone(&shell);
        async move { shell.stopped().await }
    };
    let app = Router::new().fallback(http::handle).with_state(shell);
    if let Err(error) = axum::serve(listener, app)
        .with_graceful_shutdown(stopped)
        .await
    {
        tracing::error!(%error, "the sandbox stopped serving");
    }
}

/// A world with what the options ask for in it.
fn furnished(options: &Options, seed: u64, clock: Clock, base: &str) -> World {
    let mut world = World::new(clock, seed, base);
    if options.demo {
        world.furnish();
    }
    if let Some(webhook) = &options.webhook {
        world.add_webhook(&webhook.url, webhook.secret.as_deref());
    }
    let application = &mut world.discord.application;
    application.redirect_uris.clone_from(&options.redirects);
    world
}
