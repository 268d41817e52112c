//! The server as it is served, on a database of its own, beside a sandbox in process.

use crate::outside::{Counts, InProcess};
use crate::{Outcome, Size};
use sandbox::clock::Clock as SandboxClock;
use sandbox::shell::{Deliveries, Options, Sandbox, SharedWorld, Webhook};
use server::clock::{Clock, SystemClock};
use server::config::Config;
use server::db::{Db, dirty};
use server::rng::Rng;
use server::serve::{self, Outside};
use server::state::AppState;
use server::{pins, router, sync};
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub const SECRET: &str = "whsec_bench";

pub enum Store {
    /// A file in the machine's folder for temporary ones, with durable commits.
    Sqlite,
    /// A database of its own in this cluster.
    Postgres(String),
}

impl Store {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }
}

/// Wall time is the machine's, policy time the sandbox's.
struct Time {
    wall: SystemClock,
    world: SharedWorld,
}

impl Clock for Time {
    fn wall_ms(&self) -> i64 {
        self.wall.wall_ms()
    }

    fn policy_ms(&self) -> i64 {
        let world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.clock.now_ms()
    }
}

/// A customer of the wave, and whose they are.
#[derive(Clone)]
pub struct Payer {
    pub customer: String,
    pub discord_id: String,
}

pub struct Installation {
    pub name: &'static str,
    pub size: Size,
    pub base: String,
    pub sandbox: Sandbox,
    pub counts: Arc<Counts>,
    /// Asks Stripe as often as it likes: what is timed is us.
    pub eager: AppState,
    /// Keeps to the 100 requests a second that Stripe allows in live mode.
    pub paced: AppState,
    /// Like `eager`, and with mail, which is written and never sent.
    pub mailing: AppState,
    pub payers: Vec<Payer>,
    serving: JoinHandle<()>,
    file: Option<PathBuf>,
    cluster: Option<(String, String)>,
}

impl Installation {
    pub async fn open(store: &Store, size: Size) -> Outcome<Self> {
        let name = format!("rollcall_bench_{}", std::process::id());
        let (url, file, cluster) = match store {
            Store::Sqlite => {
                let file = std::env::temp_dir().join(format!("{name}.db"));
                (format!("sqlite:{}", file.display()), Some(file), None)
            }
            Store::Postgres(cluster) => {
                command(cluster, &format!("CREATE DATABASE {name}")).await?;
                let url = format!("{cluster}/{name}");
                (url, None, Some((cluster.clone(), name)))
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let sandbox = Sandbox::start(Options {
            smtp: None,
            clock: SandboxClock::Manual {
                now_ms: SandboxClock::wall_ms(),
            },
            webhook: Some(Webhook {
                url: format!("{base}/webhooks/stripe"),
                secret: Some(SECRET.to_owned()),
            }),
            deliveries: Deliveries::ByHand,
            ..Options::default()
        })
        .await?;
        let counts = Arc::new(Counts::default());
        let db = Db::connect(&url).await?;
        let tended = db.clone();
        tokio::spawn(async move { tended.tend().await });
        let build = |rate: &str, mail: bool| -> Outcome<AppState> {
            let mut variables = environment(&sandbox, &base);
            variables.insert("DATABASE_URL", url.clone());
            variables.insert("STRIPE_RATE", rate.to_owned());
            if mail {
                variables.insert("SMTP_URL", "smtp://app:hush@127.0.0.1:9".to_owned());
                variables.insert("MAIL_FROM", "members@council.test".to_owned());
            }
            let config = Config::read(|name| variables.get(name).cloned())?;
            let wire = |discord| {
                Arc::new(InProcess {
                    world: sandbox.world.clone(),
                    counts: counts.clone(),
                    discord,
                })
            };
            let outside = Outside {
                stripe: wire(false),
                discord: wire(true),
                login: server::discord::http_client()?,
            };
            let clock = Arc::new(Time {
                wall: SystemClock::default(),
                world: sandbox.world.clone(),
            });
            Ok(serve::build_on(
                db.clone(),
                outside,
                config,
                clock,
                Rng::seeded(5),
            )?)
        };
        let (eager, paced) = (build("100000", false)?, build("100", false)?);
        let mailing = build("100000", true)?;
        pins::check_configuration(&paced).await?;
        pins::check_outside(&paced).await?;
        sync::drain(&paced).await?;
        let app = router::router(&paced).into_make_service_with_connect_info::<SocketAddr>();
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                eprintln!("the server stopped: {error}");
            }
        });
        Ok(Self {
            name: store.name(),
            size,
            base,
            sandbox,
            counts,
            eager,
            paced,
            mailing,
            payers: Vec::new(),
            serving,
            file,
            cluster,
        })
    }

    /// Waits until nothing is due; somebody else works.
    pub async fn until_quiet(&self) -> Outcome<()> {
        while dirty::backlog(&self.paced.db, self.paced.clock.policy_ms())
            .await?
            .0
            > 0
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Lets the time of the pretend world go on.
    pub fn advance(&self, by: Duration) {
        self.sandbox
            .advance_ms(i64::try_from(by.as_millis()).unwrap_or(0));
    }

    /// Lets the time of the pretend world go on with the machine's, until aborted.
    pub fn goes_on(&self) -> JoinHandle<()> {
        const STEP: Duration = Duration::from_millis(100);
        let world = self.sandbox.world.clone();
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(STEP);
            loop {
                tick.tick().await;
                let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
                let to_ms = world.clock.now_ms() + i64::try_from(STEP.as_millis()).unwrap_or(0);
                world.advance_to(to_ms);
            }
        })
    }

    /// Stripe takes that long to answer from now on.
    pub fn stripe_takes(&self, ms: u64) {
        self.counts.stripe_ms.store(ms, Ordering::Relaxed);
    }

    /// Calls to Discord about whoever is in the wave.
    pub fn calls_to_discord(&self) -> u64 {
        let people = self.payers.iter().map(|payer| payer.discord_id.as_str());
        self.counts.calls_about(people)
    }

    pub fn customers(&self) -> Vec<String> {
        let ids = self.payers.iter().map(|payer| payer.customer.clone());
        ids.collect()
    }

    pub async fn close(self) -> Outcome<()> {
        self.serving.abort();
        self.paced.db.close().await;
        if let Some((cluster, name)) = &self.cluster {
            command(cluster, &format!("DROP DATABASE {name} WITH (FORCE)")).await?;
        }
        if let Some(file) = &self.file {
            for end in ["", "-wal", "-shm"] {
                std::fs::remove_file(format!("{}{end}", file.display())).ok();
            }
        }
        Ok(())
    }
}

async fn command(cluster: &str, sql: &str) -> Outcome<()> {
    sqlx::any::install_default_drivers();
    let mut conn = sqlx::AnyConnection::connect(&format!("{cluster}/postgres")).await?;
    conn.execute(AssertSqlSafe(sql.to_owned())).await?;
    conn.close().await?;
    Ok(())
}

fn environment(sandbox: &Sandbox, base: &str) -> HashMap<&'static str, String> {
    let at = sandbox.base_url();
    let (guild, client, secret, bot) = sandbox.with(|world| {
        let discord = &world.discord;
        (
            discord.guild_id(),
            discord.client_id(),
            discord.client_secret(),
            discord.bot_token(),
        )
    });
    HashMap::from([
        ("PUBLIC_URL", base.to_owned()),
        (
            "ENCRYPTION_KEY",
            "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=".to_owned(),
        ),
        ("STRIPE_SECRET_KEY", "sk_test_sandbox".to_owned()),
        ("STRIPE_WEBHOOK_SECRETS", SECRET.to_owned()),
        ("STRIPE_API_BASE", at.clone()),
        ("DISCORD_CLIENT_ID", client),
        ("DISCORD_CLIENT_SECRET", secret),
        ("DISCORD_BOT_TOKEN", bot),
        ("DISCORD_GUILD_ID", guild),
        ("DISCORD_API_BASE", format!("{at}/api/v10")),
        ("DISCORD_AUTHORIZE_URL", format!("{at}/oauth2/authorize")),
    ])
}
