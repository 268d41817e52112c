//! What causes a mail: money that is missing, ends, trials, cards.

use super::{again, control, empty, header, letters, row, rows, subjects, subscription};
use crate::login::site::ADA;
use crate::on_both_with_mail;
use crate::roles::change_plan;
use crate::support::{Person, World};
use reqwest::StatusCode;
use sandbox::discord::{Effect, Fault};
use serde_json::json;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

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

async fn another_plan_of_the_same_subscription_is_neither_an_end_nor_a_welcome(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    empty(world);
    let patron = world.price("Patron").await;
    change_plan(world, &subscription(world).await, &patron).await;
    world.settle().await;
    assert!(ada.has_roles(&world.plan_roles("Patron").await));
    let gone = "SELECT COUNT(*) FROM grants WHERE state = 'gone'";
    assert_eq!(
        world.count(gone).await,
        1,
        "Discord has confirmed that the old role is gone"
    );
    assert_eq!(subjects(world), [""; 0]);
}
on_both_with_mail!(another_plan_of_the_same_subscription_is_neither_an_end_nor_a_welcome);

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
pub async fn pay_with_an_old_card(world: &World, person: &mut Person<'_>) {
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
