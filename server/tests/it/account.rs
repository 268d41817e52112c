//! One's account: what is known of one, leaving for good, and a membership that goes along to
//! another account at Discord.

mod deletion;
mod desk;
mod export;
mod guards;
mod moving;
mod races;
mod stopped;

use crate::login::site::{Browser, consent, location};
use crate::support::{Person, World};
use reqwest::StatusCode;
use sqlx::{AssertSqlSafe, Column, Row};
use std::fmt::Write as _;

/// Linus Pauling, in the server.
pub const LINUS: &str = "1100000000000000103";
/// Margaret Hamilton, in the server.
pub const MARGARET: &str = "1100000000000000104";
pub const HOUR: std::time::Duration = std::time::Duration::from_hours(1);

/// Posts a form; answers where it leads.
pub async fn post(browser: &mut Browser, path: &str, form: &[(&str, &str)]) -> String {
    let answer = browser.post_form(path, form).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
    location(&answer)
}

/// Goes to Discord and comes back as that person; answers where that leads.
pub async fn at_discord(world: &World, browser: &mut Browser, path: &str, who: &str) -> String {
    let authorize = location(&browser.get(path).await);
    assert!(authorize.contains("prompt=consent"), "{authorize}");
    let back = consent(&world.base, &authorize, who, "authorize").await;
    location(&browser.get(&back).await)
}

/// Both sign-ins of a move; answers its ticket.
pub async fn ticket(world: &World, from: &mut Person<'_>, to: &str) -> String {
    let discord_id = from.discord_id.clone();
    let browser = &mut from.browser;
    let step = at_discord(world, browser, "/account/move/old", &discord_id).await;
    assert_eq!(step, "/account/move?step=new");
    let shown = at_discord(world, browser, "/account/move/new", to).await;
    let ticket = shown.strip_prefix("/account/move?ticket=");
    ticket.unwrap_or_else(|| panic!("{shown}")).to_owned()
}

pub async fn confirm(from: &mut Person<'_>, ticket: &str) -> String {
    post(
        &mut from.browser,
        "/account/move/confirm",
        &[("ticket", ticket)],
    )
    .await
}

pub async fn ask_deletion(person: &mut Person<'_>) {
    let to = post(
        &mut person.browser,
        "/api/delete_account",
        &[("typed", "delete")],
    )
    .await;
    assert_eq!(to, "/account");
}

/// The hour is over, and all of it is done. Whoever had the payer or the person at that very
/// moment is waited for.
pub async fn carried_out(world: &World) {
    world.advance(HOUR);
    world.settle().await;
    for _ in 0..3 {
        world.advance(std::time::Duration::from_secs(10));
        world.settle().await;
    }
}

pub async fn stage(world: &World, user_id: &str) -> Option<String> {
    sqlx::query_scalar("SELECT stage FROM account_deletions WHERE user_id = $1")
        .bind(user_id)
        .fetch_optional(world.state.db.reader())
        .await
        .unwrap()
}

/// Our id of whoever has that id at Discord.
pub async fn user(world: &World, discord_id: &str) -> Option<String> {
    sqlx::query_scalar("SELECT id FROM users WHERE discord_user_id = $1")
        .bind(discord_id)
        .fetch_optional(world.state.db.reader())
        .await
        .unwrap()
}

/// (actor, event, detail) of what happened to somebody, oldest first; changes of access and roles
/// left out.
pub async fn story(world: &World, user_id: &str) -> Vec<(String, String, String)> {
    sqlx::query_as(
        "SELECT actor, event, detail FROM audit WHERE user_id = $1 AND event IN ('move', 'account') \
         ORDER BY at, detail",
    )
    .bind(user_id)
    .fetch_all(world.state.db.reader())
    .await
    .unwrap()
}

/// What Stripe has of a customer's metadata.
pub fn metadata(world: &World, customer: &str) -> serde_json::Value {
    let path = format!("/v1/customers/{customer}");
    crate::lifecycle::support::ask(world, "GET", &path, "")["metadata"].clone()
}

/// Everything the database holds, as text.
pub async fn everything(world: &World) -> String {
    let sql = match world.state.db.kind() {
        server::db::Kind::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table'",
        server::db::Kind::Postgres => {
            "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public'"
        }
    };
    let tables: Vec<String> = sqlx::query_scalar(sql)
        .fetch_all(world.state.db.reader())
        .await
        .unwrap();
    let mut text = String::new();
    for table in tables.iter().filter(|table| !table.starts_with('_')) {
        let rows = sqlx::query(AssertSqlSafe(format!("SELECT * FROM {table}")))
            .fetch_all(world.state.db.reader())
            .await
            .unwrap();
        for row in rows {
            for column in row.columns() {
                if let Ok(Some(value)) = row.try_get::<Option<String>, _>(column.ordinal()) {
                    let _ = writeln!(text, "{table}.{}={value}", column.name());
                }
            }
        }
    }
    assert!(text.contains("plans.name="), "the tables were read");
    text
}
