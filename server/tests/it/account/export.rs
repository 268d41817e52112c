//! One's own data as a file, and nobody else's.

use crate::login::site::{ADA, GRACE, location};
use crate::on_both;
use crate::support::World;
use reqwest::StatusCode;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

async fn the_file_has_all_of_ones_own_and_nothing_of_others(world: &World) {
    let mut grace = world.sign_in(GRACE).await;
    grace.subscribe("Member").await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    // Card and invoices are kept once the page was opened.
    ada.page("/billing").await;
    let answer = ada.browser.get("/account/export").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(
        answer.headers()["content-disposition"],
        "attachment; filename=\"my-data.json\""
    );
    let text = answer.text().await.unwrap();
    let data: Value = serde_json::from_str(&text).unwrap();
    let account = &data["account"][0];
    assert_eq!(account["name"], "Ada Lovelace");
    assert_eq!(account["email"], "ada@example.org");
    assert_eq!(account["is_email_confirmed"], true);
    assert_eq!(account["discord_id"], ADA);
    let created = account["created_at"].as_str().unwrap();
    assert!(
        created.starts_with("20") && created.ends_with('Z'),
        "{created}"
    );
    assert_eq!(data["subscriptions"][0]["plan"], "Member");
    assert_eq!(data["subscriptions"][0]["status"], "active");
    let until = data["subscriptions"][0]["period_until"].as_str().unwrap();
    assert!(until.ends_with('Z'), "{until}");
    assert_eq!(data["access"][0]["state"], "granted");
    assert_eq!(data["roles"][0]["state"], "granted");
    assert_eq!(data["card"]["last4"], "4242");
    assert_eq!(data["invoices"].as_array().unwrap().len(), 1);
    assert_eq!(
        data["stripe_customers"][0]["customer_id"],
        ada.customer().await
    );
    assert_eq!(data["checkouts"].as_array().unwrap().len(), 1);
    assert_eq!(data["sessions"].as_array().unwrap().len(), 1);
    assert!(!data["history"].as_array().unwrap().is_empty());

    for foreign in [
        "Grace",
        "grace@example.org",
        GRACE,
        &grace.user_id,
        &grace.customer().await,
    ] {
        assert!(!text.contains(foreign), "{foreign}");
    }
    // No secret: neither the session's id nor its hash, nor a sealed value.
    let session = ada.browser.session_id().unwrap();
    let hash = Sha256::digest(session.as_bytes())
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
    let sealed: Vec<String> =
        sqlx::query_scalar("SELECT card_sealed FROM payers WHERE card_sealed IS NOT NULL")
            .fetch_all(world.state.db.reader())
            .await
            .unwrap();
    for secret in [session, &hash]
        .into_iter()
        .chain(sealed.iter().map(String::as_str))
    {
        assert!(!text.contains(secret));
    }
}
on_both!(the_file_has_all_of_ones_own_and_nothing_of_others);

async fn whoever_never_paid_has_a_file_too(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let data: Value = serde_json::from_str(&ada.page("/account/export").await).unwrap();
    assert_eq!(data["account"][0]["name"], "Ada Lovelace");
    assert_eq!(data["payer"], serde_json::json!([]));
    assert_eq!(data["card"], Value::Null);

    let mut stranger = ada.browser.clone();
    stranger.cookies.clear();
    let answer = stranger.get("/account/export").await;
    assert_eq!(location(&answer), "/login?next=%2Faccount");
    assert_eq!(answer.headers()["cache-control"], "no-store");
}
on_both!(whoever_never_paid_has_a_file_too);
