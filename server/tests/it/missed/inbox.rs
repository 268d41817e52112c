//! What the inbox keeps and forgets, and who signs what arrives there.

use super::{begin, lose_events, open_incidents, poll};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::World;
use crate::support::logs::Logs;
use sandbox::ApiRequest;
use server::webhooks;
use std::time::Duration;

/// A signed post of an event that is not for us, and one that somebody else signed.
async fn posted(world: &World, n: usize, secret: &str) -> u16 {
    let body = format!(
        r#"{{"id":"evt_posted{n}","object":"event","type":"topup.created","created":1,"livemode":false,"data":{{"object":{{"id":"tu_1"}}}}}}"#
    );
    let now = sandbox::clock::Clock::wall_ms() / 1000;
    let signature = sandbox::stripe::sign(&body, secret, now);
    let sent = reqwest::Client::new()
        .post(format!("{}/webhooks/stripe", world.base))
        .header("stripe-signature", signature)
        .body(body);
    sent.send().await.unwrap().status().as_u16()
}

async fn a_wrong_webhook_secret_is_seen_by_the_operator(world: &World) {
    let good = crate::support::WEBHOOK_SECRET;
    assert_eq!(posted(world, 0, good).await, 200);
    let logs = Logs::capture();
    for n in 1..=4 {
        assert_eq!(posted(world, n, "whsec_other").await, 400);
    }
    assert_eq!(open_incidents(world).await, [], "four may be a stranger's");
    for n in 5..=20 {
        assert_eq!(posted(world, n, "whsec_other").await, 400);
    }
    assert_eq!(
        open_incidents(world).await,
        [("webhook_secret".into(), "STRIPE_WEBHOOK_SECRETS".into())]
    );
    let told = logs
        .text()
        .matches("webhooks arrive with signatures")
        .count();
    assert_eq!(told, 1);
    assert_eq!(posted(world, 21, good).await, 200);
    assert_eq!(open_incidents(world).await, []);
}
on_both!(a_wrong_webhook_secret_is_seen_by_the_operator);

async fn the_inbox_forgets_what_is_past_its_time(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    begin(world).await;
    let all = world.count("SELECT COUNT(*) FROM inbox").await;
    let day: i64 = 24 * 60 * 60 * 1000;
    let age = |days: i64, id_like: &'static str| async move {
        let mut tx = world.state.db.begin().await.unwrap();
        sqlx::query("UPDATE inbox SET received_at = received_at - $1 WHERE type LIKE $2")
            .bind(days * day)
            .bind(id_like)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    };
    age(89, "%").await;
    assert_eq!(webhooks::tidy(&world.state).await.unwrap(), 0);
    age(2, "invoice.%").await;
    let gone = webhooks::tidy(&world.state).await.unwrap();
    assert!(gone > 0);
    let left = world.count("SELECT COUNT(*) FROM inbox").await;
    assert_eq!(left, all - i64::try_from(gone).unwrap());
    assert_eq!(webhooks::tidy(&world.state).await.unwrap(), 0);
    assert!(world.count("SELECT COUNT(*) FROM audit").await > 0);
}
on_both!(the_inbox_forgets_what_is_past_its_time);

/// Every value of every text column, with where it stands.
async fn all_texts(world: &World) -> Vec<(String, String)> {
    let tables =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'";
    let tables: Vec<String> = sqlx::query_scalar(tables)
        .fetch_all(world.state.db.reader())
        .await
        .unwrap();
    assert!(tables.len() > 12);
    let mut all = Vec::new();
    for table in tables {
        let columns = format!("SELECT name FROM pragma_table_info('{table}') WHERE type = 'TEXT'");
        let columns: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(columns))
            .fetch_all(world.state.db.reader())
            .await
            .unwrap();
        for column in columns {
            let values = format!("SELECT {column} FROM {table} WHERE {column} IS NOT NULL");
            let values: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(values))
                .fetch_all(world.state.db.reader())
                .await
                .unwrap();
            let place = format!("{table}.{column}");
            all.extend(values.into_iter().map(|value| (place.clone(), value)));
        }
    }
    all
}

#[tokio::test]
async fn no_card_address_or_e_mail_of_an_event_is_at_rest() {
    let world = World::start(crate::support::Kind::Sqlite).await;
    let logs = Logs::capture();
    let mut ada = world.sign_in(ADA).await;
    begin(&world).await;
    ada.subscribe("Patron").await;
    // At Stripe the person has another address than at Discord, and a card.
    let customer = ada.customer().await;
    let key = world.state.config.stripe.secret_key.clone();
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        let bearer = format!("Bearer {}", secrecy::ExposeSecret::expose_secret(&key));
        let form =
            "email=private%40elsewhere.example&address[line1]=12+Analytical+Row&name=Augusta+King";
        let changed = w.stripe.request(
            now,
            &ApiRequest {
                method: "POST".into(),
                path: format!("/v1/customers/{customer}"),
                headers: vec![("authorization".into(), bearer)],
                body: form.into(),
                ..ApiRequest::default()
            },
        );
        assert_eq!(changed.status, 200);
    });
    world.settle().await;
    lose_events(&world);
    world.advance(Duration::from_hours(24 * 31 + 4));
    world.work().await;
    poll(&world).await;
    ada.page("/billing").await;
    let texts = all_texts(&world).await;
    assert!(texts.iter().any(|(place, _)| place == "inbox.id"));
    for word in [
        "elsewhere.example",
        "Analytical",
        "Augusta",
        "424242424242",
        "last4",
        "\"4242\"",
        "visa",
        "exp_month",
        "hosted_invoice_url",
    ] {
        let found: Vec<_> = texts
            .iter()
            .filter(|(_, text)| text.contains(word))
            .collect();
        assert!(found.is_empty(), "{word}: {found:?}");
        assert!(!logs.text().contains(word), "{word} is in the log");
    }
    poll(&world).await;
    world.finish().await;
}
