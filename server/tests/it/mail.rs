//! Mail against the sandbox's mailbox: who gets one, what causes one, and what becomes of it.

mod causes;
mod outbox;
mod passes;
mod preferences;
mod seats;

use crate::login::site::{ADA, RADIA_UNCONFIRMED};
use crate::support::{Person, World};
use crate::{on_both, on_both_with_mail};
use reqwest::StatusCode;
use sandbox::mail::Message;
use serde_json::{Value, json};
use server::db::dirty::{self, Class, SubjectKind};

fn letters(world: &World) -> Vec<Message> {
    world.sandbox.with(|w| w.mail.messages().to_vec())
}

fn subjects(world: &World) -> Vec<String> {
    letters(world)
        .into_iter()
        .map(|mail| mail.subject)
        .collect()
}

fn header(mail: &Message, name: &str) -> Option<String> {
    mail.headers
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.clone())
}

fn empty(world: &World) {
    world.sandbox.with(|w| w.mail.clear());
}

/// What nobody can do at the real Stripe, or somebody does there by hand.
async fn control(world: &World, path: &str, body: Value) {
    let answer = reqwest::Client::new()
        .post(format!("{}/_sandbox/{path}", world.sandbox.base_url()))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    world.settle().await;
}

async fn subscription(world: &World) -> String {
    sqlx::query_scalar("SELECT id FROM subscriptions ORDER BY created_at DESC LIMIT 1")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap()
}

/// (kind, state, whether a body is left) of every mail, oldest first.
async fn rows(world: &World) -> Vec<(String, String, bool)> {
    let rows: Vec<(String, String, Option<String>)> =
        sqlx::query_as("SELECT kind, state, body_sealed FROM mails ORDER BY created_at, kind")
            .fetch_all(world.state.db.reader())
            .await
            .unwrap();
    rows.into_iter()
        .map(|(kind, state, body)| (kind, state, body.is_some()))
        .collect()
}

fn row(kind: &str, state: &str) -> (String, String, bool) {
    (kind.to_owned(), state.to_owned(), state == "queued")
}

async fn incidents(world: &World) -> Vec<String> {
    sqlx::query_scalar("SELECT kind FROM incidents WHERE closed_at IS NULL ORDER BY kind")
        .fetch_all(world.state.db.reader())
        .await
        .unwrap()
}

/// Reads the person's payer again, as any event would.
async fn again(world: &World, person: &Person<'_>) {
    let payer: String = sqlx::query_scalar("SELECT id FROM payers WHERE user_id = $1")
        .bind(&person.user_id)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let now = world.state.clock.policy_ms();
    let mut tx = world.state.db.begin().await.unwrap();
    dirty::mark(
        &mut tx,
        SubjectKind::Payer,
        &payer,
        now,
        Class::Event,
        "again",
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    world.settle().await;
}

async fn a_newcomer_is_welcomed_once(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    again(world, &ada).await;
    let mails = letters(world);
    assert_eq!(mails.len(), 1, "{:?}", subjects(world));
    let mail = &mails[0];
    assert_eq!(mail.subject, "Welcome to The Revenue Council");
    assert_eq!(mail.sender, "members@council.test");
    assert!(mail.from.contains("The Revenue Council"), "{}", mail.from);
    assert_eq!(mail.recipients.len(), 1);
    assert!(mail.text.contains("You are in: Member"), "{}", mail.text);
    assert!(mail.html.contains("You are in: Member"), "{}", mail.html);
    assert!(mail.text.contains(&format!("{}/billing", world.base)));
    assert_eq!(
        header(mail, "auto-submitted").as_deref(),
        Some("auto-generated")
    );
    let one_click = header(mail, "list-unsubscribe-post");
    assert_eq!(one_click.as_deref(), Some("List-Unsubscribe=One-Click"));
    assert_eq!(rows(world).await, [row("welcome", "sent")]);
    let left = world
        .count("SELECT COUNT(*) FROM dirty WHERE kind = 'mail'")
        .await;
    assert_eq!(left, 0, "a mail that is done is no subject any more");
}
on_both_with_mail!(a_newcomer_is_welcomed_once);

async fn without_a_mail_server_nothing_is_written(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    assert_eq!(rows(world).await, []);
}
on_both!(without_a_mail_server_nothing_is_written);

async fn an_address_that_is_not_confirmed_gets_nothing(world: &World) {
    let mut radia = world.sign_in(RADIA_UNCONFIRMED).await;
    radia.subscribe("Member").await;
    assert!(radia.has_roles(&world.plan_roles("Member").await));
    assert_eq!(subjects(world), [""; 0]);
    assert_eq!(rows(world).await, []);
}
on_both_with_mail!(an_address_that_is_not_confirmed_gets_nothing);

async fn two_workers_and_doubled_events_make_one_mail(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let price = world.price("Member").await;
    let checkout = ada.start_checkout(&price).await;
    ada.pay(&checkout, "4242424242424242").await;
    world.sandbox.deliver_now().await;
    let (one, two) = tokio::join!(
        server::sync::drain(&world.state),
        server::sync::drain(&world.state)
    );
    one.unwrap();
    two.unwrap();
    world.settle().await;
    again(world, &ada).await;
    assert_eq!(subjects(world), ["Welcome to The Revenue Council"]);
}
on_both_with_mail!(two_workers_and_doubled_events_make_one_mail);

async fn what_a_first_reading_finds_is_not_announced(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    empty(world);
    // As after a restored database: the link was rebuilt, nothing else is known.
    let mut tx = world.state.db.begin().await.unwrap();
    for table in ["entitlements", "subscriptions", "checkouts", "mails"] {
        sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM {table}")))
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    again(world, &ada).await;
    assert_eq!(ada.membership().await.unwrap().1, "granted");
    assert_eq!(subjects(world), [""; 0]);
    // What changes from here on is.
    let subscription = subscription(world).await;
    control(
        world,
        "stripe/cancel_at_period_end",
        json!({"subscription": subscription}),
    )
    .await;
    assert_eq!(subjects(world).len(), 1);
}
on_both_with_mail!(what_a_first_reading_finds_is_not_announced);
