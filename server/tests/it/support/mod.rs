//! A whole installation beside a sandbox: the real router over HTTP, a database of either kind,
//! webhooks and work moved by hand, so that a test decides what happens when.

pub mod acme;
pub mod crowd;
mod database;
pub mod logs;
mod wires;

use crate::login::site::{Browser, consent, environment, location};
use reqwest::StatusCode;
use sandbox::clock::Clock as SandboxClock;
use sandbox::shell::{Deliveries, Options, Sandbox, SharedWorld, Webhook};
use server::clock::{Clock, SystemClock};
use server::config::Config;
use server::db::dirty;
use server::rng::Rng;
use server::state::AppState;
use server::{pins, router, serve, sync};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use database::{Database, Kind};
pub use wires::Struck;

pub const WEBHOOK_SECRET: &str = "whsec_integration";
/// Barbara Liskov, who is not in the server.
pub const OUTSIDE: &str = "1100000000000000106";

/// Wall time is the machine's, as signatures are; policy time is the sandbox's.
struct SandboxTime {
    wall: SystemClock,
    world: SharedWorld,
}

impl Clock for SandboxTime {
    fn wall_ms(&self) -> i64 {
        self.wall.wall_ms()
    }

    fn policy_ms(&self) -> i64 {
        self.world.lock().unwrap().clock.now_ms()
    }
}

pub struct World {
    pub base: String,
    pub state: AppState,
    pub sandbox: Sandbox,
    variables: HashMap<String, String>,
    serving: JoinHandle<()>,
    database: Database,
}

/// Runs a test on both kinds of database, and fails it when it leaves work or an incident behind.
#[macro_export]
macro_rules! on_both {
    ($name:ident) => {
        $crate::on_both!($name,);
    };
    // With variables of its own: `on_both!(name, "GRACE_DAYS" = "1")`.
    ($name:ident, $($variable:literal = $value:literal),*) => {
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                let own: &[(&str, &str)] = &[$(($variable, $value)),*];
                let world =
                    $crate::support::World::start_with($crate::support::Kind::Sqlite, own).await;
                super::$name(&world).await;
                world.finish().await;
            }

            #[tokio::test]
            async fn postgres() {
                let own: &[(&str, &str)] = &[$(($variable, $value)),*];
                let world =
                    $crate::support::World::start_with($crate::support::Kind::Postgres, own).await;
                super::$name(&world).await;
                world.finish().await;
            }
        }
    };
}

/// The same with mail on.
#[macro_export]
macro_rules! on_both_with_mail {
    ($name:ident) => {
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                let world = $crate::support::World::with_mail($crate::support::Kind::Sqlite).await;
                super::$name(&world).await;
                world.finish().await;
            }

            #[tokio::test]
            async fn postgres() {
                let world =
                    $crate::support::World::with_mail($crate::support::Kind::Postgres).await;
                super::$name(&world).await;
                world.finish().await;
            }
        }
    };
}

impl World {
    pub async fn start(kind: Kind) -> Self {
        Self::made(kind, false, &[], |_| {}).await
    }

    /// In a world that was prepared before the server first looked at it.
    pub async fn prepared(kind: Kind, prepare: impl FnOnce(&Sandbox)) -> Self {
        Self::made(kind, false, &[], prepare).await
    }

    /// With variables of its own beside those every test has.
    pub async fn start_with(kind: Kind, own: &[(&str, &str)]) -> Self {
        Self::made(kind, false, own, |_| {}).await
    }

    /// With the sandbox's mailbox for a mail server.
    pub async fn with_mail(kind: Kind) -> Self {
        Self::made(kind, true, &[], |_| {}).await
    }

    async fn made(
        kind: Kind,
        mail: bool,
        own: &[(&str, &str)],
        prepare: impl FnOnce(&Sandbox),
    ) -> Self {
        let database = Database::create(kind).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let sandbox = Sandbox::start(Options {
            smtp: mail.then(|| SocketAddr::from(([127, 0, 0, 1], 0))),
            clock: SandboxClock::Manual {
                now_ms: SandboxClock::wall_ms(),
            },
            webhook: Some(Webhook {
                url: format!("{base}/webhooks/stripe"),
                secret: Some(WEBHOOK_SECRET.to_owned()),
            }),
            deliveries: Deliveries::ByHand,
            redirects: vec![format!("{base}/auth/callback")],
            ..Options::default()
        })
        .await
        .unwrap();
        prepare(&sandbox);
        let mut variables = environment(&sandbox, &base);
        variables.insert("DATABASE_URL".into(), database.url.clone());
        variables.insert("STRIPE_WEBHOOK_SECRETS".into(), WEBHOOK_SECRET.into());
        if let Some(smtp) = sandbox.smtp_addr {
            variables.insert("SMTP_URL".into(), format!("smtp://app:hush@{smtp}"));
            variables.insert("MAIL_FROM".into(), "members@council.test".into());
        }
        for (name, value) in own {
            variables.insert((*name).to_owned(), (*value).to_owned());
        }
        let config = Config::read(|name| variables.get(name).cloned()).unwrap();
        let clock = Arc::new(SandboxTime {
            wall: SystemClock::default(),
            world: sandbox.world.clone(),
        });
        let state = serve::build(config, clock, Rng::seeded(11)).await.unwrap();
        let app = router::router(&state).into_make_service_with_connect_info::<SocketAddr>();
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let world = Self {
            base,
            state,
            sandbox,
            variables,
            serving,
            database,
        };
        pins::check_configuration(&world.state).await.unwrap();
        pins::check_outside(&world.state).await.unwrap();
        world.work().await;
        world
    }

    /// Another process on the same database, whose way to Stripe fails like that.
    pub fn beside(&self, way: Struck) -> AppState {
        self.another(
            &[],
            serve::Outside {
                stripe: Arc::new(way),
                ..serve::Outside::over_http().unwrap()
            },
        )
    }

    /// Another process on the same database, with variables of its own beside the usual ones.
    pub fn process(&self, own: &[(&str, &str)]) -> AppState {
        self.another(own, serve::Outside::over_http().unwrap())
    }

    /// The variables of this installation.
    pub fn variables(&self) -> HashMap<String, String> {
        self.variables.clone()
    }

    fn another(&self, own: &[(&str, &str)], outside: serve::Outside) -> AppState {
        let mut variables = self.variables.clone();
        variables.extend(
            own.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let config = Config::read(|name| variables.get(name).cloned()).unwrap();
        let clock = self.state.clock.clone();
        serve::build_on(
            self.state.db.clone(),
            outside,
            config,
            clock,
            Rng::seeded(12),
        )
        .unwrap()
    }

    /// Another process on this database, whatever of it is tampered with.
    pub fn on(&self, db: server::db::Db) -> AppState {
        let config = Config::read(|name| self.variables.get(name).cloned()).unwrap();
        let outside = serve::Outside::over_http().unwrap();
        let clock = self.state.clock.clone();
        serve::build_on(db, outside, config, clock, Rng::seeded(13)).unwrap()
    }

    /// Fails when work is due or parked, or an incident is open; then ends everything.
    pub async fn finish(self) {
        sync::health::watch(&self.state).await.unwrap();
        let now = self.state.clock.policy_ms();
        let left: Vec<(String, String, Option<String>)> = sqlx::query_as(
            "SELECT kind, id, last_error FROM dirty WHERE (parked = 1 OR due_at <= $1)",
        )
        .bind(now)
        .fetch_all(self.state.db.reader())
        .await
        .unwrap();
        assert_eq!(left, [], "work was left behind");
        let open: Vec<(String, String, String)> =
            sqlx::query_as("SELECT kind, subject, detail FROM incidents WHERE closed_at IS NULL")
                .fetch_all(self.state.db.reader())
                .await
                .unwrap();
        assert_eq!(open, [], "an incident was left open");
        self.serving.abort();
        self.state.db.close().await;
        self.database.drop().await;
    }

    /// Works off what is due, without any webhook.
    pub async fn work(&self) {
        sync::drain(&self.state).await.unwrap();
    }

    /// Delivers every webhook and works everything off, until nothing is left to do.
    pub async fn settle(&self) {
        loop {
            let sent = self.sandbox.deliver_now().await;
            for delivered in &sent {
                assert_eq!(delivered.status, Some(200), "{delivered:?}");
            }
            let worked = sync::drain(&self.state).await.unwrap();
            if sent.is_empty() && worked == 0 {
                return;
            }
        }
    }

    /// Moves both clocks; what falls due at Stripe happens.
    pub fn advance(&self, by: Duration) {
        self.sandbox
            .advance_ms(i64::try_from(by.as_millis()).unwrap());
    }

    /// A signed-in person, by their id at Discord.
    pub async fn sign_in(&self, discord_id: &str) -> Person<'_> {
        let mut browser = Browser::new(&self.base, &self.base);
        let authorize = location(&browser.get("/login?next=%2Fbilling").await);
        let back = consent(&self.base, &authorize, discord_id, "authorize").await;
        let landed = browser.get(&back).await;
        assert_eq!(landed.status(), StatusCode::SEE_OTHER);
        assert_eq!(location(&landed), "/billing");
        let user_id: String = sqlx::query_scalar("SELECT id FROM users WHERE discord_user_id = $1")
            .bind(discord_id)
            .fetch_one(self.state.db.reader())
            .await
            .unwrap();
        self.work().await;
        Person {
            world: self,
            browser,
            user_id,
            discord_id: discord_id.to_owned(),
        }
    }

    /// The monthly price of the plan with that name.
    pub async fn price(&self, plan: &str) -> String {
        sqlx::query_scalar(
            "SELECT prices.id FROM prices JOIN plans ON plans.id = prices.plan_id \
             WHERE plans.name = $1 AND prices.period = 'month' AND prices.active = 1",
        )
        .bind(plan)
        .fetch_one(self.state.db.reader())
        .await
        .unwrap()
    }

    /// The one-time price of the plan with that name.
    pub async fn pass_price(&self, plan: &str) -> String {
        sqlx::query_scalar(
            "SELECT prices.id FROM prices JOIN plans ON plans.id = prices.plan_id \
             WHERE plans.name = $1 AND prices.period = 'once' AND prices.active = 1",
        )
        .bind(plan)
        .fetch_one(self.state.db.reader())
        .await
        .unwrap()
    }

    /// How often Stripe or Discord were asked that.
    pub fn asked(&self, method: &str, path: &str) -> usize {
        self.sandbox.with(|world| {
            world
                .calls
                .iter()
                .filter(|call| call.method == method && call.path == path)
                .count()
        })
    }

    /// A request to Stripe as an operator's tools make it.
    pub async fn at_stripe(&self, path: &str, form: &[(&str, &str)]) -> serde_json::Value {
        let answer = reqwest::Client::new()
            .post(format!("{}{path}", self.sandbox.base_url()))
            .bearer_auth("sk_test_sandbox")
            .form(form)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The roles a plan gives.
    pub async fn plan_roles(&self, plan: &str) -> Vec<String> {
        sqlx::query_scalar(
            "SELECT role_id FROM plan_roles JOIN plans ON plans.id = plan_roles.plan_id WHERE plans.name = $1",
        )
        .bind(plan)
        .fetch_all(self.state.db.reader())
        .await
        .unwrap()
    }

    pub fn roles_of(&self, discord_id: &str) -> Vec<String> {
        self.sandbox
            .with(|world| world.discord.roles_of(discord_id))
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql)
            .fetch_one(self.state.db.reader())
            .await
            .unwrap()
    }

    /// How many subjects wait or failed; for tests that make them on purpose.
    pub async fn backlog(&self) -> (i64, i64) {
        dirty::backlog(&self.state.db, self.state.clock.policy_ms())
            .await
            .unwrap()
    }
}

/// Somebody with a browser, signed in.
pub struct Person<'a> {
    world: &'a World,
    pub browser: Browser,
    pub user_id: String,
    pub discord_id: String,
}

impl Person<'_> {
    /// Asks for a checkout as the page's form does without JavaScript; answers where it leads.
    pub async fn start_checkout(&mut self, price_id: &str) -> String {
        let answer = self
            .browser
            .post_form("/api/start_checkout", &[("price_id", price_id)])
            .await;
        assert!(answer.status().is_redirection(), "{}", answer.status());
        answer.headers()["location"].to_str().unwrap().to_owned()
    }

    /// Pays on Stripe's hosted page; answers the session's id.
    pub async fn pay(&self, checkout: &str, card: &str) -> String {
        let session = session_of(checkout);
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let form = [("card_number", card), ("exp", "12/34"), ("cvc", "123")];
        let paid = http.post(checkout).form(&form).send().await.unwrap();
        let to = paid.headers()["location"].to_str().unwrap();
        assert!(
            to.starts_with(&format!("{}/billing?session_id=cs_", self.world.base)),
            "{to}"
        );
        session
    }

    /// Buys a pass and comes back; everything settled. Answers its session.
    pub async fn buy_pass(&mut self, plan: &str) -> String {
        let price = self.world.pass_price(plan).await;
        let checkout = self.start_checkout(&price).await;
        let session = self.pay(&checkout, "4242424242424242").await;
        self.browser
            .get(&format!("/billing?session_id={session}"))
            .await;
        self.world.settle().await;
        session
    }

    /// Subscribes to a plan and comes back; everything settled.
    pub async fn subscribe(&mut self, plan: &str) {
        let price = self.world.price(plan).await;
        let checkout = self.start_checkout(&price).await;
        let session = self.pay(&checkout, "4242424242424242").await;
        self.browser
            .get(&format!("/billing?session_id={session}"))
            .await;
        self.world.settle().await;
    }

    /// Marks them to be looked at, as an event does.
    pub async fn mark(&self) {
        let mut tx = self.world.state.db.begin().await.unwrap();
        let now = self.world.state.clock.policy_ms();
        let (kind, class) = (dirty::SubjectKind::User, dirty::Class::Event);
        dirty::mark(&mut tx, kind, &self.user_id, now, class, "test")
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// Cancels their newest subscription at Stripe, at once.
    pub async fn cancel(&self) {
        let id: String = sqlx::query_scalar(
            "SELECT subscriptions.id FROM subscriptions JOIN payers ON payers.id = subscriptions.payer_id \
             WHERE payers.user_id = $1 ORDER BY subscriptions.created_at DESC LIMIT 1",
        )
        .bind(&self.user_id)
        .fetch_one(self.world.state.db.reader())
        .await
        .unwrap();
        self.world.sandbox.with(|w| {
            let now = w.clock.now_ms();
            w.stripe.cancel_now(now, &id).unwrap();
        });
    }

    /// The text of a page, 200.
    pub async fn page(&mut self, path: &str) -> String {
        let answer = self.browser.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    /// Stripe's customer of this person.
    pub async fn customer(&self) -> String {
        sqlx::query_scalar(
            "SELECT customers.id FROM customers JOIN payers ON payers.id = customers.payer_id WHERE payers.user_id = $1",
        )
        .bind(&self.user_id)
        .fetch_one(self.world.state.db.reader())
        .await
        .unwrap()
    }

    /// (status, entitlement's state) of the newest subscription.
    pub async fn membership(&self) -> Option<(String, String)> {
        sqlx::query_as(
            "SELECT subscriptions.status, entitlements.state FROM subscriptions \
             JOIN entitlements ON entitlements.source_id = subscriptions.id \
             WHERE entitlements.user_id = $1 ORDER BY subscriptions.created_at DESC LIMIT 1",
        )
        .bind(&self.user_id)
        .fetch_optional(self.world.state.db.reader())
        .await
        .unwrap()
    }

    pub fn has_roles(&self, roles: &[String]) -> bool {
        let actual = self.world.roles_of(&self.discord_id);
        roles.iter().all(|role| actual.contains(role))
    }
}

/// The session's id in the address of its hosted page.
pub fn session_of(checkout: &str) -> String {
    let from = checkout.find("cs_").unwrap();
    checkout[from..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect()
}
