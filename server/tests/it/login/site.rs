//! Sign-in and the guards, served over HTTP beside a sandbox that plays Discord.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use app::login::Viewer;
use axum::Router;
use axum::extract::Extension;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use reqwest::header::{HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Method, Response, StatusCode};
use sandbox::discord::Discord;
use sandbox::shell::{Options, Sandbox};
use server::clock::ManualClock;
use server::config::Config;
use server::guards::{self, ClientAddr};
use server::login;
use server::rng::Rng;
use server::serve;
use server::state::AppState;
use sqlx::Connection;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

use crate::support::Kind;

pub const ADA: &str = "1100000000000000101";
pub const GRACE: &str = "1100000000000000102";
pub const KATHERINE_WITHOUT_EMAIL: &str = "1100000000000000105";
pub const RADIA_UNCONFIRMED: &str = "1100000000000000107";

static SITES: AtomicU32 = AtomicU32::new(0);

pub struct Site {
    /// Where it is served, whatever `PUBLIC_URL` says.
    pub base: String,
    pub public_url: String,
    pub state: AppState,
    pub clock: Arc<ManualClock>,
    pub sandbox: Sandbox,
    serving: JoinHandle<()>,
    file: PathBuf,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.file.display()));
        }
    }
}

impl Site {
    pub async fn start(kind: Kind) -> Self {
        Self::start_with(kind, &[]).await
    }

    /// With these variables instead of the usual ones.
    pub async fn start_with(kind: Kind, variables: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::start(Options::default()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let name = format!(
            "rollcall_login_{}_{}",
            std::process::id(),
            SITES.fetch_add(1, Ordering::Relaxed)
        );
        let file = std::env::temp_dir().join(format!("{name}.db"));
        let database = match kind {
            Kind::Postgres => new_postgres(&name).await,
            Kind::Sqlite => format!("sqlite:{}", file.display()),
        };
        let mut environment = environment(&sandbox, &base);
        for (name, value) in variables {
            environment.insert((*name).to_owned(), (*value).to_owned());
        }
        environment.insert("DATABASE_URL".into(), database);
        let config = Config::read(|name| environment.get(name).cloned()).unwrap();
        let clock = Arc::new(ManualClock::new(sandbox::clock::Clock::wall_ms()));
        let public_url = environment["PUBLIC_URL"].clone();
        let state = state(config, clock.clone()).await;
        let router = router(&state);
        let serving = tokio::spawn(async move {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            axum::serve(listener, service).await.unwrap();
        });
        Self {
            base,
            public_url,
            state,
            clock,
            sandbox,
            serving,
            file,
        }
    }

    pub fn browser(&self) -> Browser {
        Browser::new(&self.base, &self.public_url)
    }

    pub fn discord<R>(&self, work: impl FnOnce(&mut Discord) -> R) -> R {
        self.sandbox.with(|world| work(&mut world.discord))
    }

    pub async fn count(&self, table: &str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")))
            .fetch_one(self.state.db.reader())
            .await
            .unwrap()
    }

    /// What a failed sign-in must not leave.
    pub async fn assert_nobody_stored(&self) {
        for table in ["users", "join_tokens", "dirty"] {
            assert_eq!(self.count(table).await, 0, "{table}");
        }
    }

    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The person's answer on Discord's consent page: the address it leads back to.
    pub async fn consent(&self, authorize: &str, person: &str, decision: &str) -> String {
        consent(&self.public_url, authorize, person, decision).await
    }

    /// Signs in from the start to the landing; answers the address landed on.
    pub async fn sign_in(&self, browser: &mut Browser, person: &str, login: &str) -> String {
        let authorize = location(&browser.get(login).await);
        let back = self.consent(&authorize, person, "authorize").await;
        let landed = browser.get(&back).await;
        assert_eq!(landed.status(), StatusCode::SEE_OTHER);
        location(&landed)
    }
}

/// The person's answer on Discord's consent page: the address it leads back to, without the
/// origin.
pub async fn consent(public_url: &str, authorize: &str, person: &str, decision: &str) -> String {
    let authorize = Url::parse(authorize).unwrap();
    let mut form: Vec<(String, String)> = authorize.query_pairs().into_owned().collect();
    form.push(("user".into(), person.into()));
    form.push(("decision".into(), decision.into()));
    let mut page = authorize.clone();
    page.set_query(None);
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let answer = http.post(page).form(&form).send().await.unwrap();
    let back = location(&answer);
    let (origin, path) = back.split_at(public_url.len());
    assert_eq!(origin, public_url);
    path.to_owned()
}

pub fn environment(sandbox: &Sandbox, base: &str) -> HashMap<String, String> {
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
    [
        ("PUBLIC_URL", base),
        (
            "ENCRYPTION_KEY",
            "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
        ),
        ("STRIPE_SECRET_KEY", "sk_test_sandbox"),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_1"),
        ("STRIPE_API_BASE", &at),
        ("DISCORD_CLIENT_ID", &client),
        ("DISCORD_CLIENT_SECRET", &secret),
        ("DISCORD_BOT_TOKEN", &bot),
        ("DISCORD_GUILD_ID", &guild),
        ("DISCORD_API_BASE", &format!("{at}/api/v10")),
        ("DISCORD_AUTHORIZE_URL", &format!("{at}/oauth2/authorize")),
        ("OPERATOR_DISCORD_IDS", GRACE),
        ("PAUSE_OFFER_MONTHS", "1,2,3"),
        // The pretend Stripe has no limit, and tests have no time.
        ("STRIPE_RATE", "10000"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// A database of its own in the tests' throw-away cluster, which goes as a whole.
async fn new_postgres(name: &str) -> String {
    let server = std::env::var("ROLLCALL_TEST_POSTGRES").unwrap();
    sqlx::any::install_default_drivers();
    let mut conn = sqlx::AnyConnection::connect(&format!("{server}/postgres"))
        .await
        .unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut conn)
        .await
        .unwrap();
    format!("{server}/{name}")
}

async fn state(config: Config, clock: Arc<ManualClock>) -> AppState {
    serve::build(config, clock, Rng::seeded(7)).await.unwrap()
}

fn router(state: &AppState) -> Router {
    let pages = Router::new()
        .route("/whoami", get(whoami))
        .merge(login::routes())
        .layer(from_fn_with_state(state.clone(), login::load_viewer))
        .layer(login::session_layer(state))
        .route("/address", get(address))
        .route("/webhooks/stripe", post(async || "stored"))
        .with_state(state.clone());
    guards::guarded(pages, state)
}

async fn whoami(viewer: Option<Extension<Viewer>>) -> String {
    viewer.map_or_else(
        || "nobody".to_owned(),
        |Extension(viewer)| {
            format!(
                "{} {}{}",
                viewer.discord_user_id,
                viewer.name,
                if viewer.operator { ", operator" } else { "" }
            )
        },
    )
}

async fn address(client: ClientAddr) -> String {
    client.limit_key()
}

pub fn location(answer: &Response) -> String {
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    answer.headers()[LOCATION].to_str().unwrap().to_owned()
}

/// Keeps cookies, follows no redirects.
#[derive(Clone)]
pub struct Browser {
    base: String,
    public_url: String,
    http: reqwest::Client,
    pub cookies: HashMap<String, String>,
}

impl Browser {
    /// `base` is where it is served, `public_url` the origin our own pages have.
    pub fn new(base: &str, public_url: &str) -> Self {
        Self {
            base: base.to_owned(),
            public_url: public_url.to_owned(),
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()
                .unwrap(),
            cookies: HashMap::new(),
        }
    }

    /// A form of ours, posted as a browser without JavaScript does.
    pub async fn post_form(&mut self, path: &str, form: &[(&str, &str)]) -> Response {
        self.post_accepting(path, form, "text/html").await
    }

    /// As our own script does, which reads typed answers.
    pub async fn post_form_as_script(&mut self, path: &str, form: &[(&str, &str)]) -> Response {
        self.post_accepting(path, form, "application/json").await
    }

    async fn post_accepting(
        &mut self,
        path: &str,
        form: &[(&str, &str)],
        accept: &str,
    ) -> Response {
        let body = serde_urlencoded::to_string(form).unwrap();
        let mut request = self
            .http
            .post(format!("{}{path}", self.base))
            .header("origin", &self.public_url)
            .header("accept", accept)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        if let Some(cookies) = self.cookie_header() {
            request = request.header("cookie", cookies);
        }
        let answer = request.send().await.unwrap();
        self.keep(answer.headers());
        answer
    }

    fn cookie_header(&self) -> Option<String> {
        let pairs: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    pub async fn get(&mut self, path: &str) -> Response {
        self.send(Method::GET, path, &[]).await
    }

    /// As one of our own pages does.
    pub async fn post(&mut self, path: &str) -> Response {
        let origin = self.public_url.clone();
        self.send(Method::POST, path, &[("origin", &origin)]).await
    }

    pub async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(cookies) = self.cookie_header() {
            request = request.header("cookie", cookies);
        }
        if !headers.iter().any(|(name, _)| *name == "accept") {
            request = request.header("accept", "text/html");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        self.keep(answer.headers());
        answer
    }

    fn keep(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// The session's id as the browser knows it.
    pub fn session_id(&self) -> Option<&str> {
        self.cookies.get("rollcall").map(String::as_str)
    }

    pub async fn whoami(&mut self) -> String {
        self.get("/whoami").await.text().await.unwrap()
    }
}
