//! What goes wrong with passes: lost answers, money that went back, nothing to pay, other people.

use super::{CARD, DAY, PASS, dashboard, days, entitled, spans, words};
use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::World;
use app::billing::PassState;
use sandbox::faults::{Fault, FaultRule, Target};
use server::db::dirty::{self, SubjectKind};
use server::sync::passes;
use std::time::Duration;

async fn a_renewal_costs_no_reading_of_sessions(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    ada.buy_pass(PASS).await;
    let sessions = || world.asked("GET", "/v1/checkout/sessions");
    let subscriptions = || world.asked("GET", "/v1/subscriptions");
    let (before, reads) = (sessions(), subscriptions());
    world.advance(days(32));
    world.settle().await;
    assert!(subscriptions() > reads, "the renewal was read");
    assert_eq!(sessions(), before);
}
on_both!(a_renewal_costs_no_reading_of_sessions);

async fn a_hint_during_a_reading_is_not_lost(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.buy_pass(PASS).await;
    let customer = ada.customer().await;
    let payer: String = sqlx::query_scalar("SELECT id FROM payers")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let now = world.state.clock.policy_ms();
    let wanted = async || {
        let mut conn = world.state.db.reader().acquire().await.unwrap();
        passes::wanted(&mut conn, &payer, now).await.unwrap()
    };
    assert_eq!(wanted().await.len(), 0, "all was read");
    let hint = async || {
        let mut tx = world.state.db.begin().await.unwrap();
        passes::hint(&mut tx, &customer).await.unwrap();
        tx.commit().await.unwrap();
    };
    hint().await;
    let lease = dirty::claim_one(
        &world.state.db,
        &*world.state.clock,
        SubjectKind::Payer,
        &payer,
    )
    .await
    .unwrap()
    .unwrap();
    let read = passes::read(&world.state, &lease, wanted().await, &[])
        .await
        .unwrap();
    // The next hint comes after Stripe was asked and before the rows are written.
    hint().await;
    let mut tx = world.state.db.begin().await.unwrap();
    passes::write(&mut tx, &payer, &read, now).await.unwrap();
    tx.commit().await.unwrap();
    dirty::release(&world.state.db, &lease).await.unwrap();
    assert_eq!(wanted().await.len(), 1, "the hint was lost");
    world.settle().await;
}
on_both!(a_hint_during_a_reading_is_not_lost);

async fn a_lost_answer_leads_to_the_same_session(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let price = world.pass_price(PASS).await;
    let lost = Fault::Answer {
        status: 503,
        effect: true,
    };
    let rule = FaultRule::always(Target::Stripe, lost).at("POST", "/v1/checkout/sessions");
    world.sandbox.with(|w| w.faults.add(rule));
    assert!(
        ada.start_checkout(&price)
            .await
            .ends_with("/?problem=stripe-failing")
    );
    world.sandbox.with(|w| w.faults.clear());
    let checkout = ada.start_checkout(&price).await;
    ada.pay(&checkout, CARD).await;
    world.settle().await;
    let made: serde_json::Value = reqwest::Client::new()
        .get(format!("{}/v1/checkout/sessions", world.sandbox.base_url()))
        .bearer_auth("sk_test_sandbox")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(made["data"].as_array().unwrap().len(), 1);
    assert!(ada.has_roles(&world.plan_roles(PASS).await));
}
on_both!(a_lost_answer_leads_to_the_same_session);

async fn a_disputed_pass_gives_nothing_and_takes_up_no_time(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let price = world.pass_price(PASS).await;
    // This card pays, and its owner disputes the payment at once.
    let checkout = ada.start_checkout(&price).await;
    ada.pay(&checkout, "4000000000000259").await;
    world.settle().await;
    assert_eq!(
        entitled(world, &ada).await,
        words(&[("denied", "disputed")])
    );
    assert!(world.roles_of(ADA).is_empty());
    assert_eq!(
        dashboard(world, &ada).await.passes[0].state,
        PassState::Void
    );
    world.advance(days(1));
    ada.buy_pass(PASS).await;
    let spans = spans(world).await;
    assert!(Some(spans[1].0) < spans[0].1, "{spans:?}");
    assert!(ada.has_roles(&world.plan_roles(PASS).await));
    close_incidents(world).await;
}
on_both!(a_disputed_pass_gives_nothing_and_takes_up_no_time);

/// A dispute is for the operator to look at; here it is what the test is about.
async fn close_incidents(world: &World) {
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE incidents SET closed_at = 1 WHERE closed_at IS NULL")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn a_refunded_pass_follows_the_policy(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.buy_pass(PASS).await;
    let intent: String = sqlx::query_scalar("SELECT payment_intent FROM passes")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    world
        .at_stripe("/v1/refunds", &[("payment_intent", &intent)])
        .await;
    world.settle().await;
    assert_eq!(
        entitled(world, &ada).await,
        words(&[("denied", "refunded")])
    );
    assert!(world.roles_of(ADA).is_empty());
    close_incidents(world).await;
}
on_both!(a_refunded_pass_follows_the_policy, "ON_REFUND" = "deny");

async fn a_pass_that_costs_nothing_starts_with_its_session(world: &World) {
    let coupon = world
        .at_stripe(
            "/v1/coupons",
            &[("percent_off", "100"), ("duration", "once")],
        )
        .await;
    let coupon = coupon["id"].as_str().unwrap();
    let code = [
        ("promotion[type]", "coupon"),
        ("promotion[coupon]", coupon),
        ("code", "GUEST"),
    ];
    world.at_stripe("/v1/promotion_codes", &code).await;
    let mut ada = world.sign_in(ADA).await;
    let price = world.pass_price(PASS).await;
    let form = [("price_id", price.as_str()), ("code", "guest")];
    let answer = ada.browser.post_form("/api/start_checkout", &form).await;
    let checkout = answer.headers()["location"].to_str().unwrap().to_owned();
    let opened_at = world.state.clock.policy_ms() / 1000 * 1000;
    world.advance(Duration::from_mins(5));
    ada.pay(&checkout, CARD).await;
    world.settle().await;
    assert!(ada.has_roles(&world.plan_roles(PASS).await));
    assert_eq!(
        spans(world).await,
        [(opened_at, Some(opened_at + 90 * DAY))]
    );
}
on_both!(
    a_pass_that_costs_nothing_starts_with_its_session,
    "PROMOTION_CODES" = "on"
);

async fn a_pass_is_its_buyers_alone(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let session = ada.buy_pass(PASS).await;
    let mut grace = world.sign_in(GRACE).await;
    let page = grace
        .browser
        .get(&format!("/billing?session_id={session}"))
        .await;
    assert_eq!(page.status(), reqwest::StatusCode::NOT_FOUND);
    assert_eq!(dashboard(world, &grace).await.passes, []);
    let polled = grace
        .browser
        .post_form("/api/checkout_progress", &[("session_id", &session)])
        .await;
    assert_ne!(polled.status(), reqwest::StatusCode::OK);
    world.settle().await;
    assert!(world.roles_of(GRACE).is_empty());
}
on_both!(a_pass_is_its_buyers_alone);
