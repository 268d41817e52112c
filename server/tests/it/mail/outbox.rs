//! What becomes of a mail: sealed, sent, refused, waiting.

use super::{control, header, incidents, letters, row, rows, subjects, subscription};
use crate::login::site::{ADA, GRACE};
use crate::on_both_with_mail;
use crate::support::{World, logs::Logs};
use sandbox::shell::{Options, Sandbox};
use serde_json::json;
use server::config::{MailSettings, SmtpSettings, SmtpTls};
use server::mail::{Letter, MailDoor, MailError, Outgoing, Smtp};
use std::time::Duration;
use tokio::net::TcpListener;

const DAY: Duration = Duration::from_hours(24);

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
    let logs = Logs::capture();
    world.advance(Duration::from_mins(16));
    world.settle().await;
    assert_eq!(incidents(world).await, ["mail_down"]);
    logs.has(&[
        "mail is down; it is kept and tried again",
        "error=the mail server does not take mail now (421)",
    ]);
    assert!(!logs.text().contains('@'), "an address is in the log");
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
    let logs = Logs::capture();
    world.advance(4 * DAY);
    world.settle().await;
    logs.has(&["a mail is too old to be sent", "kind=welcome"]);
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
    let logs = Logs::capture();
    ada.subscribe("Member").await;
    logs.has(&[
        "a mail address was refused; this mail is not tried again",
        "kind=welcome",
        &format!("user={}", ada.user_id),
    ]);
    assert!(!logs.text().contains('@'), "an address is in the log");
    grace.subscribe("Member").await;
    logs.has(&["mail sent", &format!("user={}", grace.user_id)]);
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
