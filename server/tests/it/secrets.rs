//! A full run of the program itself, with everything logged; afterwards no secret is in its logs,
//! its pages, its errors, its metrics or its database.

use crate::bot::until;
use crate::login::site::{ADA, Browser, GRACE, consent, environment, location};
use crate::support::{Database, Kind, OUTSIDE, session_of};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbox::faults::{Fault, FaultRule, Target};
use sandbox::shell::{Options, Sandbox, Webhook};
use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

const WEBHOOK_SECRET: &str = "whsec_of_a_full_run";
const SMTP_PASSWORD: &str = "hush-hush-mail";
const STRIPE_KEY: &str = "sk_test_sandbox";
const METRICS_TOKEN: &str = "metrics-of-a-full-run";
/// Linus, in the server; his address at Discord is `linus@example.org`.
const LINUS: &str = "1100000000000000103";
/// Where a page's form says what it is for.
const PRICE: &str = "value=\"price_";
/// A bot token that Discord refuses once it has another.
const NEW_BOT_TOKEN: &str = "MTEwMDAwMDAwMDAwMDAwMDAwMQ.replaced.by-another-one";

/// Everything that somebody without the environment can get to see.
#[derive(Default)]
struct Seen(Vec<(String, String)>);

impl Seen {
    fn keep(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.0.push((place.into(), text.into()));
    }

    async fn page(&mut self, who: &mut Browser, path: &str) -> String {
        let answer = who.get(path).await;
        let headers = format!("{:?}", answer.headers());
        let text = answer.text().await.unwrap();
        self.keep(format!("headers of {path}"), headers);
        self.keep(path, text.clone());
        text
    }

    fn of(&self, place: &str) -> &str {
        let (_, text) = self.0.iter().find(|(of, _)| of == place).unwrap();
        text
    }
}

struct Run {
    sandbox: Sandbox,
    database: Database,
    variables: HashMap<String, String>,
    base: String,
    logs: PathBuf,
    program: Child,
}

impl Run {
    async fn start(kind: Kind) -> Self {
        let port = {
            let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
            free.local_addr().unwrap()
        };
        let base = format!("http://{port}");
        let sandbox = Sandbox::start(Options {
            webhook: Some(Webhook {
                url: format!("{base}/webhooks/stripe"),
                secret: Some(WEBHOOK_SECRET.to_owned()),
            }),
            ..Options::default()
        })
        .await
        .unwrap();
        let database = Database::create(kind).await;
        let smtp = sandbox.smtp_addr.unwrap();
        let mut variables = environment(&sandbox, &base);
        for (name, value) in [
            ("LEPTOS_SITE_ADDR", port.to_string()),
            ("DATABASE_URL", database.url.clone()),
            ("STRIPE_WEBHOOK_SECRETS", WEBHOOK_SECRET.into()),
            ("SMTP_URL", format!("smtp://app:{SMTP_PASSWORD}@{smtp}")),
            ("MAIL_FROM", "members@council.test".into()),
            ("METRICS_TOKEN", METRICS_TOKEN.into()),
            ("RUST_LOG", "trace".into()),
        ] {
            variables.insert(name.into(), value);
        }
        let logs = std::env::temp_dir().join(format!("rollcall_logs_{}", port.port()));
        let out = std::fs::File::create(&logs).unwrap();
        let program = Command::new(env!("CARGO_BIN_EXE_rollcall"))
            .arg("serve")
            .env_clear()
            .envs(&variables)
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let run = Self {
            sandbox,
            database,
            variables,
            base,
            logs,
            program,
        };
        let http = reqwest::Client::new();
        until("the program is ready", async || {
            let ready = http.get(format!("{}/readyz", run.base)).send().await;
            ready.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        run
    }

    async fn sign_in(&self, who: &str) -> Browser {
        let mut browser = Browser::new(&self.base, &self.base);
        let authorize = location(&browser.get("/login?next=%2Fbilling").await);
        let back = consent(&self.base, &authorize, who, "authorize").await;
        browser.get(&back).await;
        browser
    }

    async fn subscribe(&self, browser: &mut Browser, seen: &mut Seen) {
        until("the plans are read", async || {
            let plans = browser.get("/").await.text().await.unwrap();
            plans.contains(PRICE)
        })
        .await;
        let plans = seen.page(browser, "/").await;
        let price = offered(&plans);
        let to = browser
            .post_form("/api/start_checkout", &[("price_id", &price)])
            .await;
        let checkout = location(&to);
        assert!(checkout.contains("cs_"), "{checkout}");
        self.pay(&checkout).await;
        let back = format!("/billing?session_id={}", session_of(&checkout));
        seen.page(browser, &back).await;
    }

    async fn a_customer(&self) -> String {
        let listed: serde_json::Value = reqwest::Client::new()
            .get(format!("{}/v1/customers", self.sandbox.base_url()))
            .bearer_auth(STRIPE_KEY)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        listed["data"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Seats are bought, given away by a link of each kind, and one is claimed. Answers the tokens:
    /// that of a link nobody used first.
    async fn seats(&self, owner: &mut Browser, colleague: &str) -> Vec<String> {
        let page = owner.get("/company/new").await.text().await.unwrap();
        let (company, price) = (value_of(&page, "company"), value_of(&page, "price"));
        let form = [
            ("company", company.as_str()),
            ("name", "Acme"),
            ("price", price.as_str()),
            ("seats", "3"),
        ];
        let checkout = location(&owner.post_form("/api/buy_seats", &form).await);
        let back = crate::company::pay(&checkout, &[]).await;
        assert!(back.contains("session_id="), "{back}");
        let home = format!("/company/{company}");
        until("the seats are there", async || {
            let back = format!("{home}?session_id={}", session_of(&checkout));
            let page = owner.get(&back).await.text().await.unwrap();
            page.contains("name=\"list\"")
        })
        .await;
        let page = owner.get(&home).await.text().await.unwrap();
        let plan = value_of(&page, "plan");
        let open = [("company", company.as_str()), ("plan", plan.as_str())];
        let shown = location(&owner.post_form("/api/open_invite", &open).await);
        let shown = owner.get(&shown).await.text().await.unwrap();
        let list = [("plan", plan.as_str()), ("list", "linus@example.org")];
        owner.post_form(&format!("{home}/invite"), &list).await;
        let mut mailed = String::new();
        until("the invite is mailed", async || {
            mailed = self.sandbox.with(|w| {
                let texts = w.mail.messages().iter().map(|mail| mail.text.clone());
                texts.filter(|text| text.contains("/invite/")).collect()
            });
            !mailed.is_empty()
        })
        .await;
        let tokens = vec![token_in(&shown), token_in(&mailed)];
        // Claimed by way of a sign-in that has to remember the link.
        let path = format!("/invite/{}", tokens[1]);
        let mut browser = Browser::new(&self.base, &self.base);
        let next = path.replace('/', "%2F");
        let authorize = location(&browser.get(&format!("/login?next={next}")).await);
        let back = consent(&self.base, &authorize, colleague, "authorize").await;
        assert_eq!(location(&browser.get(&back).await), path);
        browser.get(&path).await;
        let claimed = browser.post_form(&path, &[("claim", "1")]).await;
        assert!(claimed.status().is_redirection(), "{}", claimed.status());
        let spent = browser.post_form(&path, &[("claim", "1")]).await;
        assert!(spent.status().is_redirection());
        tokens
    }

    async fn pay(&self, checkout: &str) {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let form = [
            ("card_number", "4242424242424242"),
            ("exp", "12/34"),
            ("cvc", "123"),
        ];
        http.post(checkout).form(&form).send().await.unwrap();
    }

    /// A command of the program: its output.
    async fn command(&self, arguments: &[&str]) -> String {
        let done = Command::new(env!("CARGO_BIN_EXE_rollcall"))
            .args(arguments)
            .env_clear()
            .envs(&self.variables)
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        String::from_utf8([done.stdout, done.stderr].concat()).unwrap()
    }

    /// Asks the program to end, as a service manager does, and answers what it logged.
    async fn stop(&mut self) -> String {
        let pid = self.program.id().unwrap().to_string();
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await
            .unwrap();
        self.program.wait().await.unwrap();
        let text = std::fs::read_to_string(&self.logs).unwrap();
        std::fs::remove_file(&self.logs).unwrap();
        text
    }

    fn secrets(&self) -> Vec<(&'static str, String)> {
        let of = |name: &str| self.variables[name].clone();
        let mut secrets = vec![
            ("the bot token", of("DISCORD_BOT_TOKEN")),
            ("another bot token", NEW_BOT_TOKEN.to_owned()),
            ("the client secret", of("DISCORD_CLIENT_SECRET")),
            ("the Stripe key", STRIPE_KEY.to_owned()),
            ("the webhook secret", WEBHOOK_SECRET.to_owned()),
            ("the encryption key", of("ENCRYPTION_KEY")),
            ("the mail password", SMTP_PASSWORD.to_owned()),
            ("the metrics token", METRICS_TOKEN.to_owned()),
        ];
        self.sandbox.with(|world| {
            for grant in world.discord.grants() {
                secrets.push(("a person's access token", grant.access_token.clone()));
                secrets.push(("a person's refresh token", grant.refresh_token.clone()));
            }
        });
        secrets
    }
}

/// The value of a page's field of that name, as its first form has it.
fn value_of(page: &str, name: &str) -> String {
    let field = format!("name=\"{name}\"");
    let at = page.find(&field).unwrap_or_else(|| panic!("no {name}"));
    // Before or behind its name, within one tag.
    let tag = &page[page[..at].rfind('<').unwrap()..];
    let tag = &tag[..tag.find('>').unwrap()];
    let from = tag.find("value=\"").unwrap_or_else(|| panic!("{tag}")) + "value=\"".len();
    tag[from..].split('"').next().unwrap().to_owned()
}

/// The token of the first link in a text.
fn token_in(text: &str) -> String {
    let from = text.find("/invite/").unwrap() + "/invite/".len();
    text[from..].chars().take(43).collect()
}

/// The first price a page of plans offers.
fn offered(page: &str) -> String {
    let from = page.find(PRICE).unwrap() + "value=\"".len();
    page[from..].chars().take_while(|c| *c != '"').collect()
}

/// Each table's rows as text.
async fn rows(kind: Kind, url: &str, seen: &mut Seen) {
    sqlx::any::install_default_drivers();
    let mut conn = AnyConnection::connect(url).await.unwrap();
    for (place, text) in every_column(kind == Kind::Sqlite, &mut conn).await {
        seen.keep(place, text);
    }
    conn.close().await.unwrap();
}

/// The same of a running installation, by `table.column`.
pub async fn every_row(db: &server::db::Db) -> Vec<(String, String)> {
    let mut conn = db.reader().acquire().await.unwrap();
    every_column(db.kind() == server::db::Kind::Sqlite, &mut conn).await
}

async fn every_column(sqlite: bool, conn: &mut AnyConnection) -> Vec<(String, String)> {
    let columns: Vec<(String, String)> = sqlx::query_as(if sqlite {
        "SELECT sqlite_master.name, columns.name FROM sqlite_master \
         JOIN pragma_table_info(sqlite_master.name) AS columns \
         WHERE sqlite_master.type = 'table' AND sqlite_master.name NOT LIKE '%sqlx%'"
    } else {
        "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) \
         FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name NOT LIKE '%sqlx%'"
    })
    .fetch_all(&mut *conn)
    .await
    .unwrap();
    let mut texts = Vec::new();
    for (table, column) in columns {
        let sql = format!("SELECT CAST(\"{column}\" AS TEXT) FROM {table}");
        let values: Vec<Option<String>> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_all(&mut *conn)
            .await
            .unwrap();
        let text: Vec<String> = values.into_iter().flatten().collect();
        texts.push((format!("{table}.{column}"), text.join("\n")));
    }
    texts
}

async fn no_secret_is_anywhere(kind: Kind) {
    let mut run = Run::start(kind).await;
    let mut seen = Seen::default();
    let mut ada = run.sign_in(ADA).await;
    run.subscribe(&mut ada, &mut seen).await;
    until("Ada has a role", async || {
        !run.sandbox.with(|w| w.discord.roles_of(ADA)).is_empty()
    })
    .await;
    // Brought into the server by her own token.
    let mut barbara = run.sign_in(OUTSIDE).await;
    run.subscribe(&mut barbara, &mut seen).await;
    until("Barbara is in the server", async || {
        run.sandbox.with(|w| w.discord.is_member(OUTSIDE))
    })
    .await;
    let mut grace = run.sign_in(GRACE).await;
    let tokens = run.seats(&mut grace, LINUS).await;

    // Both outsides refuse us, which is where errors are written.
    let old = run.variables["DISCORD_BOT_TOKEN"].clone();
    run.sandbox.with(|w| w.discord.set_token(NEW_BOT_TOKEN));
    let customer = run.a_customer().await;
    run.sandbox.with(|w| {
        let fault = Fault::Answer {
            status: 401,
            effect: false,
        };
        w.faults.add(FaultRule::always(Target::Stripe, fault));
        // The event makes us ask.
        let charge = w.stripe.latest_charge(&customer).unwrap();
        w.stripe.refund_charge(&charge, Some(1)).unwrap();
    });
    run.sign_in("1100000000000000103").await;
    let page = seen.page(&mut ada, "/").await;
    let refused = ada
        .post_form("/api/start_checkout", &[("price_id", &offered(&page))])
        .await;
    seen.keep("a refused checkout", refused.text().await.unwrap());
    until("the operator is told of both", async || {
        let told = grace.get("/admin/incidents").await.text().await.unwrap();
        told.contains("DISCORD_BOT_TOKEN") && told.contains("STRIPE_SECRET_KEY")
    })
    .await;
    for path in [
        "/admin",
        "/admin/inbox",
        "/admin/work",
        "/admin/incidents",
        "/admin/roles",
        "/admin/brake",
        "/admin/people",
        "/admin/nothing",
        "/billing",
        "/auth/callback?code=wrong&state=wrong",
        "/healthz",
        "/readyz",
        "/metrics",
    ] {
        seen.page(&mut grace, path).await;
    }
    let metrics = reqwest::Client::new()
        .get(format!("{}/metrics", run.base))
        .bearer_auth(METRICS_TOKEN)
        .send()
        .await
        .unwrap();
    seen.keep("the metrics", metrics.text().await.unwrap());
    for path in ["/billing", "/nothing"] {
        seen.page(&mut ada, path).await;
    }
    run.sandbox.with(|w| {
        w.faults.clear();
        w.discord.set_token(&old);
    });
    for arguments in [&["replay", "evt_unknown"][..], &["setup"]] {
        let said = run.command(arguments).await;
        seen.keep(format!("rollcall {}", arguments.join(" ")), said);
    }
    let logs = run.stop().await;
    seen.keep("the log", logs);
    rows(kind, &run.database.url, &mut seen).await;

    // What is searched is really there.
    assert!(seen.of("the log").contains("TRACE"));
    assert!(seen.of("the metrics").contains("rollcall_"));
    assert!(seen.of("users.name").contains("Ada"));
    assert!(seen.of("/admin/incidents").contains("STRIPE_SECRET_KEY"));
    let mut found = Vec::new();
    let tokens = tokens.into_iter().map(|token| ("an invite's token", token));
    for (what, secret) in run.secrets().into_iter().chain(tokens) {
        let encoded = STANDARD.encode(&secret);
        for (place, text) in &seen.0 {
            if text.contains(&secret) || text.contains(encoded.trim_end_matches('=')) {
                found.push(format!("{what} is in {place}"));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
    run.database.drop().await;
}

#[tokio::test]
async fn sqlite() {
    no_secret_is_anywhere(Kind::Sqlite).await;
}

#[tokio::test]
async fn postgres() {
    no_secret_is_anywhere(Kind::Postgres).await;
}
