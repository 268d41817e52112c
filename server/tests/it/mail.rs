//! Mail against the sandbox's mailbox: what causes one, once each, and what becomes of it.

use crate::login::site::{ADA, GRACE, RADIA_UNCONFIRMED};
use crate::support::{Person, World};
use crate::{on_both, on_both_with_mail};
use reqwest::StatusCode;
use sandbox::discord::{Effect, Fault};
use sandbox::mail::Message;
use sandbox::shell::{Options, Sandbox};
use serde_json::{Value, json};
use server::config::{MailSettings, SmtpSettings, SmtpTls};
use server::db::dirty::{self, Class, SubjectKind};
use server::mail::{Letter, MailDoor, MailError, Outgoing, Smtp};
use std::time::Duration;
use tokio::net::TcpListener;

const DAY: Duration = Duration::from_hours(24);

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

async fn a_mail_is_sealed_until_it_is_sent_and_then_gone(world: &World) {
    world.sandbox.with(|w| w.mail.go_down());
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    assert_eq!(rows(world).await, [row("welcome", "queued")]);
    let everything =
        |row: (String, String, String, Option<String>, Option<String>)| format!("{row:?}");
    let at_rest = async || {
        let row =
            sqlx::query_as("SELECT id, kind, once_key, body_sealed, last_error FROM mails LIMIT 1")
                .fetch_one(world.state.db.reader())
                .await
                .unwrap();
        everything(row)
    };
    let before = at_rest().await;
    for secret in ["Member", "http", "token=", "@", "Revenue"] {
        assert!(!before.contains(secret), "{secret} in {before}");
    }
    assert!(before.contains("does not take mail now (421)"), "{before}");
    world.sandbox.with(|w| w.mail.without_faults());
    world.advance(Duration::from_mins(16));
    world.settle().await;
    assert_eq!(subjects(world), ["Welcome to The Revenue Council"]);
    assert_eq!(rows(world).await, [row("welcome", "sent")]);
}
on_both_with_mail!(a_mail_is_sealed_until_it_is_sent_and_then_gone);

async fn a_mail_server_that_is_down_is_an_incident_until_it_is_back(world: &World) {
    world.sandbox.with(|w| w.mail.go_down());
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    assert_eq!(incidents(world).await, [""; 0], "a moment is not an outage");
    assert!(ada.has_roles(&world.plan_roles("Member").await));
    world.advance(Duration::from_mins(16));
    world.settle().await;
    assert_eq!(incidents(world).await, ["mail_down"]);
    assert_eq!(rows(world).await, [row("welcome", "queued")]);
    assert!(
        ada.page("/billing")
            .await
            .contains("Mail to you is delayed.")
    );
    world.sandbox.with(|w| w.mail.without_faults());
    world.advance(Duration::from_mins(16));
    world.settle().await;
    assert_eq!(incidents(world).await, [""; 0]);
    assert_eq!(rows(world).await, [row("welcome", "sent")]);
    assert!(!ada.page("/billing").await.contains("delayed"));
}
on_both_with_mail!(a_mail_server_that_is_down_is_an_incident_until_it_is_back);

async fn when_it_is_back_nobody_waits_for_their_own_turn(world: &World) {
    world.sandbox.with(|w| w.mail.go_down());
    let mut ada = world.sign_in(ADA).await;
    let mut grace = world.sign_in(GRACE).await;
    ada.subscribe("Member").await;
    grace.subscribe("Member").await;
    world.advance(Duration::from_hours(1));
    world.settle().await;
    // The one would come in a minute, the other after a quarter of an hour.
    let mut tx = world.state.db.begin().await.unwrap();
    let now = world.state.clock.policy_ms();
    sqlx::query(
        "UPDATE dirty SET due_at = $1, rank_at = $1 WHERE kind = 'mail' \
         AND id = (SELECT id FROM mails WHERE user_id = $2)",
    )
    .bind(now + 60_000)
    .bind(&ada.user_id)
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    world.sandbox.with(|w| w.mail.without_faults());
    world.advance(Duration::from_mins(1));
    world.settle().await;
    assert_eq!(subjects(world).len(), 2);
}
on_both_with_mail!(when_it_is_back_nobody_waits_for_their_own_turn);

async fn a_mail_that_waited_too_long_is_given_up(world: &World) {
    world.sandbox.with(|w| w.mail.go_down());
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    world.advance(4 * DAY);
    world.settle().await;
    assert_eq!(rows(world).await, [row("welcome", "failed")]);
    assert_eq!(incidents(world).await, ["mail_refused"]);
    world.sandbox.with(|w| w.mail.without_faults());
    let subscription = subscription(world).await;
    control(
        world,
        "stripe/cancel_at_period_end",
        json!({"subscription": subscription}),
    )
    .await;
    assert_eq!(
        incidents(world).await,
        [""; 0],
        "closed by the next that is sent"
    );
}
on_both_with_mail!(a_mail_that_waited_too_long_is_given_up);

async fn a_yes_that_was_not_heard_brings_the_same_message_again(world: &World) {
    world.sandbox.with(|w| w.mail.break_off_after(1));
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    assert_eq!(rows(world).await, [row("welcome", "queued")]);
    world.advance(Duration::from_mins(16));
    world.settle().await;
    let ids: Vec<_> = letters(world)
        .iter()
        .map(|mail| header(mail, "message-id").unwrap())
        .collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1], "a receiver knows it for the same");
    assert!(ids[0].ends_with("@council.test>"), "{}", ids[0]);
    assert_eq!(rows(world).await, [row("welcome", "sent")]);
}
on_both_with_mail!(a_yes_that_was_not_heard_brings_the_same_message_again);

async fn a_refused_address_is_told_and_that_mail_is_not_tried_again(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let mut grace = world.sign_in(GRACE).await;
    world.sandbox.with(|w| w.mail.refuse("ada"));
    ada.subscribe("Member").await;
    grace.subscribe("Member").await;
    assert_eq!(subjects(world).len(), 1, "the other is not held up");
    assert_eq!(
        rows(world).await,
        [row("welcome", "refused"), row("welcome", "sent")]
    );
    assert_eq!(incidents(world).await, ["mail_refused"]);
    let told = "We could not reach you by mail";
    assert!(ada.page("/billing").await.contains(told));
    assert!(!grace.page("/billing").await.contains(told));
    world.advance(DAY);
    world.settle().await;
    assert_eq!(subjects(world).len(), 1, "it is not tried again");
    // The next one gets through, and all is well.
    world.sandbox.with(|w| w.mail.without_faults());
    let subscription: String = sqlx::query_scalar(
        "SELECT subscriptions.id FROM subscriptions JOIN entitlements \
         ON entitlements.source_id = subscriptions.id WHERE entitlements.user_id = $1",
    )
    .bind(&ada.user_id)
    .fetch_one(world.state.db.reader())
    .await
    .unwrap();
    control(
        world,
        "stripe/cancel_at_period_end",
        json!({"subscription": subscription}),
    )
    .await;
    assert_eq!(incidents(world).await, [""; 0]);
    assert!(!ada.page("/billing").await.contains(told));
}
on_both_with_mail!(a_refused_address_is_told_and_that_mail_is_not_tried_again);

async fn another_address_closes_the_incident(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    world.sandbox.with(|w| w.mail.refuse("ada"));
    ada.subscribe("Member").await;
    assert_eq!(incidents(world).await, ["mail_refused"]);
    // Discord tells another address at the next sign-in.
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE users SET email = 'new@council.test' WHERE id = $1")
        .bind(&ada.user_id)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(
        !ada.page("/billing")
            .await
            .contains("We could not reach you")
    );
    let mut tx = world.state.db.begin().await.unwrap();
    let now = world.state.clock.policy_ms();
    server::mail::signed_in(&world.state, &mut tx, &ada.user_id, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(incidents(world).await, [""; 0]);
}
on_both_with_mail!(another_address_closes_the_incident);

async fn a_failed_renewal_is_told_at_once_and_before_grace_ends(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    empty(world);
    let subscription = subscription(world).await;
    control(
        world,
        "stripe/card_declines",
        json!({"subscription": subscription}),
    )
    .await;
    world.advance(31 * DAY + Duration::from_hours(3));
    world.settle().await;
    assert_eq!(
        ada.membership().await.unwrap(),
        ("past_due".into(), "grace".into())
    );
    assert_eq!(
        subjects(world),
        ["Your payment for Member did not go through"]
    );
    let mail = &letters(world)[0];
    assert!(
        mail.text.contains(&format!("{}/billing/card", world.base)),
        "{}",
        mail.text
    );
    assert_eq!(header(mail, "list-unsubscribe"), None, "it is essential");
    // Stripe tries again and fails again: no second mail, and no second grace.
    for _ in 0..5 {
        world.advance(DAY);
        world.settle().await;
        again(world, &ada).await;
    }
    let told = subjects(world);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[1].starts_with("Your access to Member ends on"),
        "{told:?}"
    );
    // Grace is over: told when Discord has confirmed it, and once.
    world.advance(3 * DAY);
    world.settle().await;
    again(world, &ada).await;
    assert!(world.roles_of(ADA).is_empty());
    let told = subjects(world);
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(told[2], "Your access to Member has ended");
}
on_both_with_mail!(a_failed_renewal_is_told_at_once_and_before_grace_ends);

async fn who_pays_in_time_is_not_reminded(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let subscription = subscription(world).await;
    control(
        world,
        "stripe/card_declines",
        json!({"subscription": subscription}),
    )
    .await;
    world.advance(31 * DAY + Duration::from_hours(3));
    world.settle().await;
    empty(world);
    control(
        world,
        "stripe/card_works",
        json!({"subscription": subscription}),
    )
    .await;
    for _ in 0..8 {
        world.advance(DAY);
        world.settle().await;
        again(world, &ada).await;
    }
    assert_eq!(ada.membership().await.unwrap().0, "active");
    assert_eq!(subjects(world), [""; 0]);
    assert!(rows(world).await.contains(&row("ending", "dropped")));
}
on_both_with_mail!(who_pays_in_time_is_not_reminded);

async fn an_end_is_told_with_its_date_and_again_when_discord_confirms_it(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    empty(world);
    let id = subscription(world).await;
    control(
        world,
        "stripe/cancel_at_period_end",
        json!({"subscription": id, "by_cancel_at": true}),
    )
    .await;
    again(world, &ada).await;
    let ends: i64 = sqlx::query_scalar("SELECT until_at FROM entitlements")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let date = app::page::dates::day(ends).unwrap();
    assert_eq!(
        subjects(world),
        [format!("Your access to Member ends on {date}")]
    );
    // Discord does not answer when the role is to go: nobody is told that it is gone.
    world.sandbox.with(|w| {
        w.discord.faults.add(Fault {
            method: Some("DELETE".into()),
            path: "/roles/".into(),
            times: 3,
            effect: Effect::Status {
                status: 502,
                code: 0,
                landed: false,
            },
        });
    });
    world.advance(32 * DAY);
    world.settle().await;
    assert_eq!(ada.membership().await.unwrap().1, "denied");
    assert!(ada.has_roles(&world.plan_roles("Member").await));
    assert_eq!(subjects(world).len(), 1);
    world.sandbox.with(|w| w.discord.faults.clear());
    world.advance(Duration::from_mins(16));
    world.settle().await;
    again(world, &ada).await;
    assert!(world.roles_of(ADA).is_empty());
    assert_eq!(subjects(world)[1..], ["Your access to Member has ended"]);
}
on_both_with_mail!(an_end_is_told_with_its_date_and_again_when_discord_confirms_it);

async fn an_end_that_is_taken_back_and_set_again_is_one_mail(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    empty(world);
    let id = subscription(world).await;
    for action in ["cancel_at_period_end", "keep", "cancel_at_period_end"] {
        control(
            world,
            &format!("stripe/{action}"),
            json!({"subscription": id}),
        )
        .await;
    }
    assert_eq!(subjects(world).len(), 1);
}
on_both_with_mail!(an_end_that_is_taken_back_and_set_again_is_one_mail);

async fn a_cancellation_at_once_is_told_when_the_role_is_gone(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    empty(world);
    let id = subscription(world).await;
    control(world, "stripe/cancel", json!({"subscription": id})).await;
    assert!(world.roles_of(ADA).is_empty());
    assert_eq!(subjects(world), ["Your access to Member has ended"]);
}
on_both_with_mail!(a_cancellation_at_once_is_told_when_the_role_is_gone);

async fn a_trial_is_told_of_three_days_before_it_ends(world: &World) {
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE plans SET trial_days = 14")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    assert!(
        letters(world)[0]
            .text
            .contains("Your free trial runs until")
    );
    empty(world);
    world.advance(10 * DAY);
    world.settle().await;
    assert_eq!(subjects(world), [""; 0]);
    world.advance(DAY + Duration::from_mins(1));
    world.settle().await;
    let told = subjects(world);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("Your free trial ends on"), "{told:?}");
    assert!(
        letters(world)[0].text.contains("goes on for 29"),
        "{}",
        letters(world)[0].text
    );
}
on_both_with_mail!(a_trial_is_told_of_three_days_before_it_ends);

/// Pays with a card that is good until the end of this month, before the next renewal.
async fn pay_with_an_old_card(world: &World, person: &mut Person<'_>) {
    let price = world.price("Member").await;
    let checkout = person.start_checkout(&price).await;
    let now =
        time::OffsetDateTime::from_unix_timestamp(world.state.clock.policy_ms() / 1000).unwrap();
    let exp = format!("{:02}/{:02}", u8::from(now.month()), now.year() % 100);
    let form = [
        ("card_number", "4242424242424242"),
        ("exp", exp.as_str()),
        ("cvc", "123"),
    ];
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let paid = http.post(&checkout).form(&form).send().await.unwrap();
    assert_eq!(paid.status(), StatusCode::SEE_OTHER);
    world.settle().await;
}

async fn a_card_that_expires_before_the_renewal_is_told_once(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    pay_with_an_old_card(world, &mut ada).await;
    again(world, &ada).await;
    let mut told = subjects(world);
    told.sort();
    assert_eq!(
        told,
        [
            "Welcome to The Revenue Council",
            "Your card expires before your next payment"
        ]
    );
    let keys: Vec<String> = sqlx::query_scalar("SELECT once_key FROM mails")
        .fetch_all(world.state.db.reader())
        .await
        .unwrap();
    assert!(!keys.concat().contains("4242"), "{keys:?}");
}
on_both_with_mail!(a_card_that_expires_before_the_renewal_is_told_once);

/// The address in the mail's header, without the origin.
fn unsubscribe_address(world: &World) -> String {
    let header = header(&letters(world)[0], "list-unsubscribe").unwrap();
    let address = header.trim_matches(['<', '>']);
    address.strip_prefix(&world.base).unwrap().to_owned()
}

async fn one_click(world: &World, path: &str, body: &'static str) -> StatusCode {
    reqwest::Client::new()
        .post(format!("{}{path}", world.base))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", "https://mail.example")
        .body(body)
        .send()
        .await
        .unwrap()
        .status()
}

async fn unsubscribing_takes_one_click_and_the_right_token(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let address = unsubscribe_address(world);
    let asked = "List-Unsubscribe=One-Click";
    let wrong = [
        format!("{address}x"),
        "/mail/unsubscribe".to_owned(),
        format!("/mail/unsubscribe?token={}.", ada.user_id),
    ];
    for path in &wrong {
        assert_eq!(
            one_click(world, path, asked).await,
            StatusCode::NOT_FOUND,
            "{path}"
        );
        let mut nobody = crate::login::site::Browser::new(&world.base, &world.base);
        assert_eq!(
            nobody.get(path).await.status(),
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    assert_eq!(
        one_click(world, &address, "").await,
        StatusCode::BAD_REQUEST
    );
    // Looking is not asking: mail programs follow links.
    let mut nobody = crate::login::site::Browser::new(&world.base, &world.base);
    let page = nobody.get(&address).await.text().await.unwrap();
    assert!(page.contains("You get all of our mail."), "{page}");
    let preferences = "SELECT COUNT(*) FROM mail_preferences WHERE essential_only = 1";
    assert_eq!(world.count(preferences).await, 0);
    assert_eq!(one_click(world, &address, asked).await, StatusCode::OK);
    assert_eq!(one_click(world, &address, asked).await, StatusCode::OK);
    assert_eq!(world.count(preferences).await, 1);
    let page = nobody.get(&address).await.text().await.unwrap();
    assert!(page.contains("You get only what is essential."), "{page}");
    // What is essential still comes.
    empty(world);
    let id = subscription(world).await;
    control(world, "stripe/cancel", json!({"subscription": id})).await;
    assert_eq!(subjects(world), ["Your access to Member has ended"]);
}
on_both_with_mail!(unsubscribing_takes_one_click_and_the_right_token);

async fn the_pages_switch_goes_both_ways(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let address = unsubscribe_address(world);
    let token = address.split_once("token=").unwrap().1.to_owned();
    let mut nobody = crate::login::site::Browser::new(&world.base, &world.base);
    for (wish, kept) in [("yes", 1), ("no", 0)] {
        let form = [("token", token.as_str()), ("essential_only", wish)];
        let answer = nobody.post_form("/api/prefer_mail", &form).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(answer.headers()["location"].to_str().unwrap(), address);
        let preferences = "SELECT COUNT(*) FROM mail_preferences WHERE essential_only = 1";
        assert_eq!(world.count(preferences).await, kept);
    }
    // Another site's page cannot post for a person, nor a script without the token.
    let form = [("token", "usr_x.y"), ("essential_only", "yes")];
    let answer = nobody.post_form("/api/prefer_mail", &form).await;
    let told = nobody
        .get(answer.headers()["location"].to_str().unwrap())
        .await;
    assert_eq!(told.status(), StatusCode::NOT_FOUND);
    let refused = reqwest::Client::new()
        .post(format!("{}/api/prefer_mail", world.base))
        .header("origin", "https://evil.example")
        .form(&[("token", token.as_str()), ("essential_only", "yes")])
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
}
on_both_with_mail!(the_pages_switch_goes_both_ways);

async fn who_unsubscribed_is_not_told_of_a_card(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    assert_eq!(
        one_click(
            world,
            &unsubscribe_address(world),
            "List-Unsubscribe=One-Click"
        )
        .await,
        StatusCode::OK
    );
    let id = subscription(world).await;
    control(world, "stripe/cancel", json!({"subscription": id})).await;
    empty(world);
    world.advance(Duration::from_mins(1));
    pay_with_an_old_card(world, &mut ada).await;
    assert_eq!(ada.membership().await.unwrap().1, "granted");
    assert_eq!(subjects(world), [""; 0]);
}
on_both_with_mail!(who_unsubscribed_is_not_told_of_a_card);

async fn the_cards_link_leads_by_sign_in_to_the_portal(world: &World) {
    let mut nobody = crate::login::site::Browser::new(&world.base, &world.base);
    let answer = nobody.get("/billing/card").await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        answer.headers()["location"],
        "/login?next=%2Fbilling%2Fcard"
    );
    let mut ada = world.sign_in(ADA).await;
    let answer = ada.browser.get("/billing/card").await;
    assert_eq!(answer.headers()["location"], "/billing?problem=no-customer");
    ada.subscribe("Member").await;
    let answer = ada.browser.get("/billing/card").await;
    let to = answer.headers()["location"].to_str().unwrap();
    assert!(
        to.starts_with(&format!("{}/portal/", world.sandbox.base_url())),
        "{to}"
    );
}
on_both_with_mail!(the_cards_link_leads_by_sign_in_to_the_portal);

/// What the door makes of the mail server's answers.
#[tokio::test]
async fn the_step_that_is_refused_decides_whose_business_it_is() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let at = sandbox.smtp_addr.unwrap();
    sandbox.with(|w| w.mail.refuse("gone@"));
    let letter = Letter {
        subject: "Subject".to_owned(),
        paragraphs: vec!["Text.".to_owned()],
        action: ("Do", "https://m.example.org/".to_owned()),
        because: "You get this.".to_owned(),
        unsubscribe: None,
    };
    let nobody = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let tls = "the mail server refuses TLS".to_owned();
    for (server, tls_mode, to, expected) in [
        (at, SmtpTls::None, "ada@example.org", None),
        (at, SmtpTls::Opportunistic, "ada@example.org", None),
        (at, SmtpTls::Required, "ada@example.org", Some(tls)),
        (
            nobody,
            SmtpTls::None,
            "ada@example.org",
            Some(MailError::Later(None).to_string()),
        ),
        (
            at,
            SmtpTls::None,
            "gone@example.org",
            Some(MailError::Address(Some(550)).to_string()),
        ),
        (
            at,
            SmtpTls::None,
            "no address",
            Some(MailError::Address(None).to_string()),
        ),
    ] {
        let settings = MailSettings {
            smtp: SmtpSettings {
                host: server.ip().to_string(),
                port: server.port(),
                tls: tls_mode,
                login: Some(("app".to_owned(), "hush".into())),
            },
            from: "Council <members@example.org>".parse().unwrap(),
        };
        let public = url::Url::parse("https://m.example.org").unwrap();
        let outcome = Smtp::new(settings, "Unused", &public)
            .send(&Outgoing {
                id: "mail_1",
                to: &to.into(),
                date_ms: 1_800_000_000_000,
                letter: &letter,
            })
            .await;
        assert_eq!(
            outcome.err().map(|error| error.to_string()),
            expected,
            "{to}"
        );
    }
    let (from, date) = sandbox.with(|w| {
        let mail = &w.mail.messages()[0];
        (mail.from.clone(), header(mail, "date").unwrap())
    });
    assert_eq!(from, "Council <members@example.org>");
    assert!(date.contains("15 Jan 2027 08:00:00"), "{date}");
}
