//! Changing a membership: what is shown is what is charged, what is asked twice happens once, and
//! nobody is without their roles on the way.

mod go_on;
mod leave;
mod portal;
mod stripe_fails;
mod trouble;
mod upgrade;
mod wait;

use crate::support::{Person, World};
use app::billing::{BillingPort, Dashboard};
use app::changes::{ChangeError, ChangesPort, Preview};
use reqwest::StatusCode;
use serde_json::Value;
use server::billing::Billing;
use server::changes::Changes;
use std::time::Duration;

pub const DAY: Duration = Duration::from_hours(24);

/// A price of a plan, `month` or `year`.
pub async fn price(world: &World, plan: &str, period: &str) -> String {
    sqlx::query_scalar(
        "SELECT prices.id FROM prices JOIN plans ON plans.id = prices.plan_id \
         WHERE plans.name = $1 AND prices.period = $2",
    )
    .bind(plan)
    .bind(period)
    .fetch_one(world.state.db.reader())
    .await
    .unwrap()
}

pub fn port(world: &World) -> Changes {
    Changes(world.state.clone())
}

pub async fn preview(world: &World, person: &Person<'_>, plan: &str, period: &str) -> Preview {
    let price = price(world, plan, period).await;
    let preview = port(world).preview(&person.user_id, &price).await;
    preview.unwrap_or_else(|error| panic!("{plan} {period}: {error:?}"))
}

/// Confirms as the form does without JavaScript; answers where it leads.
pub async fn confirm(person: &mut Person<'_>, seen: &str) -> String {
    post(person, "/api/confirm_change", &[("seen", seen)]).await
}

/// Posts a form; answers the path it leads to.
pub async fn post(person: &mut Person<'_>, path: &str, form: &[(&str, &str)]) -> String {
    let answer = person.browser.post_form(path, form).await;
    assert!(answer.status().is_redirection(), "{}", answer.status());
    let to = answer.headers()["location"].to_str().unwrap();
    to.find("/billing").map_or(to, |at| &to[at..]).to_owned()
}

/// The same as a script does it: the status and the typed error.
pub async fn post_typed(
    person: &mut Person<'_>,
    path: &str,
    form: &[(&str, &str)],
) -> (StatusCode, ChangeError) {
    let answer = person.browser.post_form_as_script(path, form).await;
    let status = answer.status();
    (status, answer.json().await.unwrap())
}

pub async fn dashboard(world: &World, person: &Person<'_>) -> Dashboard {
    Billing(world.state.clone())
        .dashboard(&person.user_id)
        .await
        .unwrap()
}

/// Stripe, asked as an operator would.
pub async fn stripe(world: &World, method: &str, path: &str, form: &[(&str, &str)]) -> Value {
    let http = reqwest::Client::new();
    let url = format!("{}/v1{path}", world.sandbox.base_url());
    let request = match method {
        "GET" => http.get(url),
        _ => http.post(url).form(form),
    };
    let answer = request.bearer_auth("sk_test_sandbox").send().await.unwrap();
    let status = answer.status();
    let body: Value = answer.json().await.unwrap();
    assert!(status.is_success(), "{path}: {body}");
    body
}

/// The id of the newest subscription, as our rows have it.
pub async fn subscription_id(world: &World) -> String {
    sqlx::query_scalar("SELECT id FROM subscriptions ORDER BY created_at DESC, id LIMIT 1")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap()
}

pub async fn subscription(world: &World) -> Value {
    let id = subscription_id(world).await;
    stripe(world, "GET", &format!("/subscriptions/{id}"), &[]).await
}

pub async fn price_at_stripe(world: &World) -> String {
    let row = subscription(world).await;
    row["items"]["data"][0]["price"]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// What was charged in all, minor units.
pub async fn charged(world: &World, person: &Person<'_>) -> i64 {
    let customer = person.customer().await;
    let path = format!("/charges?customer={customer}&limit=100");
    let list = stripe(world, "GET", &path, &[]).await;
    let rows = list["data"].as_array().unwrap();
    rows.iter()
        .filter(|row| row["paid"] == true)
        .map(|row| row["amount"].as_i64().unwrap())
        .sum()
}

pub fn posts(world: &World, path: &str) -> usize {
    world.sandbox.with(|w| {
        w.calls
            .iter()
            .filter(|call| call.method == "POST" && call.path.contains(path))
            .count()
    })
}

/// (kind, state) of every change, by kind: the clock stands still, so time tells no order.
pub async fn changes(world: &World) -> Vec<(String, String)> {
    sqlx::query_as("SELECT kind, state FROM changes ORDER BY kind, state")
        .fetch_all(world.state.db.reader())
        .await
        .unwrap()
}

/// (kind, state), for comparison.
pub fn row(kind: &str, state: &str) -> (String, String) {
    (kind.to_owned(), state.to_owned())
}
