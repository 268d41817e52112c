//! Companies: founding one, what it buys, who looks after it, and another number of seats.

mod fewer;
mod founding;
mod guarded;
mod more;
mod people;
mod returning;
mod view;

use crate::support::acme::Acme;
use crate::support::{Person, World, session_of};
use app::company::{Company, CompanyError, CompanyPort, Purchase, Seen};
use app::seats::{NumberPreview, SeatsPort};
use serde_json::Value;
use server::company::Companies;
use std::time::Duration;

pub const DAY: Duration = Duration::from_hours(24);
pub const TEAM: &str = "Team seats";
/// A seat of it, a month, minor units.
pub const EACH: i64 = 2_400;

pub fn port(world: &World) -> Companies {
    Companies(world.state.clone())
}

/// What the form of a company to be founded sends.
pub async fn purchase(world: &World, name: &str, seats: i64) -> Purchase {
    Purchase {
        company_id: port(world).new_id(),
        name: Some(name.to_owned()),
        price_id: world.price(TEAM).await,
        seats,
    }
}

/// Pays on Stripe's hosted page as a business does; answers where Stripe leads to, or where its
/// page stays.
pub async fn pay(checkout: &str, more: &[(&str, &str)]) -> String {
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let mut form = vec![
        ("card_number", "4242424242424242"),
        ("exp", "12/34"),
        ("cvc", "123"),
        ("email", "billing@engines.test"),
        ("line1", "Ockham Street 1"),
        ("postal_code", "10115"),
        ("city", "Berlin"),
        ("country", "DE"),
        ("business_name", "Engines Ltd"),
        ("tax_id", "DE123456789"),
    ];
    form.extend(more);
    let paid = http.post(checkout).form(&form).send().await.unwrap();
    paid.headers()["location"].to_str().unwrap().to_owned()
}

/// Founds a company with so many seats, pays and comes back; everything settled. Answers its id.
pub async fn bought(world: &World, person: &Person<'_>, seats: i64) -> String {
    let purchase = purchase(world, "Engines", seats).await;
    let port = port(world);
    let url = port.buy(&person.user_id, &purchase).await.unwrap();
    let to = pay(&url, &[]).await;
    assert!(to.contains(&format!("/company/{}?session_id=cs_", purchase.company_id)));
    let back = port.returned(&person.user_id, &purchase.company_id);
    back.await.unwrap();
    world.settle().await;
    purchase.company_id
}

pub async fn company(world: &World, user_id: &str, id: &str) -> Company {
    match port(world).company(user_id, id).await {
        Ok(Seen::Admin(company)) => *company,
        other => panic!("{other:?}"),
    }
}

/// Stripe, asked as an operator would.
pub async fn at_stripe(world: &World, path: &str) -> Value {
    let url = format!("{}/v1{path}", world.sandbox.base_url());
    let answer = reqwest::Client::new()
        .get(url)
        .bearer_auth("sk_test_sandbox")
        .send()
        .await
        .unwrap();
    answer.json().await.unwrap()
}

/// The session of an address, and its one line.
pub async fn session(world: &World, url: &str) -> (Value, Value) {
    let path = format!("/checkout/sessions/{}", session_of(url));
    let lines = at_stripe(world, &format!("{path}/line_items")).await;
    (at_stripe(world, &path).await, lines["data"][0].clone())
}

pub async fn quantity(world: &World, acme: &Acme<'_>) -> i64 {
    let path = format!("/subscriptions/{}", acme.subscription);
    let row = at_stripe(world, &path).await;
    row["items"]["data"][0]["quantity"].as_i64().unwrap()
}

/// What was charged in all, minor units.
pub async fn charged(world: &World, acme: &Acme<'_>) -> i64 {
    let path = format!("/charges?customer={}&limit=100", acme.customer);
    let rows = at_stripe(world, &path).await;
    let rows = rows["data"].as_array().unwrap().clone();
    rows.iter()
        .filter(|row| row["paid"] == true)
        .map(|row| row["amount"].as_i64().unwrap())
        .sum()
}

pub async fn preview(acme: &Acme<'_>, seats: i64) -> Result<NumberPreview, CompanyError> {
    let port = acme.seats();
    port.preview(&acme.owner.user_id, &acme.id, seats).await
}

pub async fn confirm(acme: &Acme<'_>, seen: &str) -> Result<app::changes::Confirmed, CompanyError> {
    let port = acme.seats();
    port.confirm(&acme.owner.user_id, &acme.id, seen).await
}

/// (paid, ceiling, held) of the one pool.
pub async fn pool(acme: &Acme<'_>) -> (i64, Option<i64>, i64) {
    let pool = acme.pool().await;
    (pool.paid, pool.ceiling, pool.held())
}

/// (kind, state) of every change.
pub async fn changes(world: &World) -> Vec<(String, String)> {
    sqlx::query_as("SELECT kind, state FROM changes ORDER BY kind, state")
        .fetch_all(world.state.db.reader())
        .await
        .unwrap()
}

pub fn row(state: &str) -> (String, String) {
    ("seats".to_owned(), state.to_owned())
}

/// How often Stripe was asked anything.
pub fn calls(world: &World) -> usize {
    world.sandbox.with(|w| {
        w.calls
            .iter()
            .filter(|call| call.path.starts_with("/v1/"))
            .count()
    })
}
