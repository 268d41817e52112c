//! Passes: bought once, shown, stacked, and ended by time alone.

pub mod debit;

use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::{Person, World, session_of};
use app::billing::{BillingPort, Dashboard, PassState, Standing};
use sandbox::faults::{Fault, FaultRule, Target};
use server::db::dirty::{self, SubjectKind};
use server::sync::passes;
use std::time::Duration;

const DAY: i64 = 24 * 60 * 60 * 1000;
const PASS: &str = "Season pass";
const CARD: &str = "4242424242424242";

async fn dashboard(world: &World, person: &Person<'_>) -> Dashboard {
    server::billing::Billing(world.state.clone())
        .dashboard(&person.user_id)
        .await
        .unwrap()
}

/// (state, reason) of each pass's entitlement, the first bought first.
async fn entitled(world: &World, person: &Person<'_>) -> Vec<(String, String)> {
    sqlx::query_as(
        "SELECT entitlements.state, entitlements.reason FROM entitlements \
         JOIN passes ON passes.id = entitlements.source_id AND entitlements.source = 'pass' \
         WHERE entitlements.user_id = $1 ORDER BY passes.paid_at, passes.id",
    )
    .bind(&person.user_id)
    .fetch_all(world.state.db.reader())
    .await
    .unwrap()
}

/// (starts, ends) of every pass, the first bought first.
pub async fn spans(world: &World) -> Vec<(i64, Option<i64>)> {
    sqlx::query_as("SELECT starts_at, ends_at FROM passes ORDER BY paid_at, id")
        .fetch_all(world.state.db.reader())
        .await
        .unwrap()
}

fn words(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(state, reason)| ((*state).to_owned(), (*reason).to_owned()))
        .collect()
}

pub fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

/// A plan that is sold for life.
async fn sell_for_life(world: &World) {
    let roles = world.plan_roles("Patron").await.join(",");
    let product = world
        .at_stripe(
            "/v1/products",
            &[
                ("name", "Founder"),
                ("metadata[rollcall_audience]", "individual"),
                ("metadata[rollcall_roles]", &roles),
                ("metadata[rollcall_pass_days]", "life"),
            ],
        )
        .await;
    let product = product["id"].as_str().unwrap();
    let price = [
        ("product", product),
        ("currency", "eur"),
        ("unit_amount", "49900"),
    ];
    world.at_stripe("/v1/prices", &price).await;
    world.settle().await;
}

async fn a_pass_is_bought_once_shown_and_ended_by_time_alone(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let roles = world.plan_roles(PASS).await;
    let paid_at = world.state.clock.policy_ms() / 1000 * 1000;
    ada.buy_pass(PASS).await;
    assert!(ada.has_roles(&roles));
    assert_eq!(
        entitled(world, &ada).await,
        words(&[("granted", "pass_running")])
    );
    assert_eq!(spans(world).await, [(paid_at, Some(paid_at + 90 * DAY))]);
    let seen = dashboard(world, &ada).await;
    assert_eq!(seen.standing, Standing::Pass);
    assert_eq!(seen.passes[0].state, PassState::Running);
    let page = ada.page("/billing").await;
    assert!(page.contains("You’re in until") && page.contains("Season pass"));
    assert!(page.contains("nothing more is charged"));

    // An hour before the end, and then no event and no person: the timer ends it.
    world.advance(days(89) + Duration::from_hours(23));
    world.work().await;
    assert!(ada.has_roles(&roles));
    world.advance(Duration::from_hours(1));
    world.work().await;
    assert_eq!(
        entitled(world, &ada).await,
        words(&[("denied", "pass_over")])
    );
    assert!(world.roles_of(ADA).is_empty());
    let seen = dashboard(world, &ada).await;
    assert_eq!(seen.standing, Standing::Ended);
    assert_eq!(seen.passes[0].state, PassState::Over);
    assert!(ada.page("/billing").await.contains("Your pass ended on"));
    world.settle().await;
}
on_both!(a_pass_is_bought_once_shown_and_ended_by_time_alone);

async fn neither_event_nor_person_comes_and_the_timer_finds_the_pass(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let checkout = ada.start_checkout(&world.pass_price(PASS).await).await;
    ada.pay(&checkout, CARD).await;
    world.work().await;
    assert!(world.roles_of(ADA).is_empty());
    world.advance(Duration::from_mins(11));
    world.work().await;
    assert!(ada.has_roles(&world.plan_roles(PASS).await));
    // The event that comes after all changes nothing.
    world.settle().await;
    assert_eq!(world.count("SELECT COUNT(*) FROM passes").await, 1);
}
on_both!(neither_event_nor_person_comes_and_the_timer_finds_the_pass);

async fn the_event_alone_is_enough(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let checkout = ada.start_checkout(&world.pass_price(PASS).await).await;
    ada.pay(&checkout, CARD).await;
    world.settle().await;
    assert!(ada.has_roles(&world.plan_roles(PASS).await));
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM checkouts WHERE state <> 'complete'")
            .await,
        0
    );
}
on_both!(the_event_alone_is_enough);

async fn a_double_click_opens_one_session_and_a_paid_one_is_not_sold_again_unseen(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let price = world.pass_price(PASS).await;
    let first = ada.start_checkout(&price).await;
    let second = ada.start_checkout(&price).await;
    assert_eq!(first, second);
    // Paid in one tab, chosen again in another that knows nothing of it: the dashboard says so.
    ada.pay(&first, CARD).await;
    let to = ada.start_checkout(&price).await;
    assert!(to.ends_with("/billing?already=paid"), "{to}");
    let page = ada.page("/billing?already=paid").await;
    assert!(page.contains("What you began before is paid."));
    assert_eq!(world.asked("POST", "/v1/checkout/sessions"), 1);
    assert!(ada.page("/billing").await.contains("You’re in until"));
    // Whoever chooses it then knows what they do.
    let again = ada.start_checkout(&price).await;
    assert_ne!(session_of(&again), session_of(&first));
    world.settle().await;
    assert_eq!(world.count("SELECT COUNT(*) FROM passes").await, 1);
}
on_both!(a_double_click_opens_one_session_and_a_paid_one_is_not_sold_again_unseen);

async fn another_choice_ends_the_open_pass_checkout_first(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let pass = ada.start_checkout(&world.pass_price(PASS).await).await;
    let subscription = ada.start_checkout(&world.price("Member").await).await;
    assert_ne!(session_of(&pass), session_of(&subscription));
    let expired = reqwest::get(&pass).await.unwrap().text().await.unwrap();
    assert!(!expired.contains("name=\"card_number\""));
    world.settle().await;
}
on_both!(another_choice_ends_the_open_pass_checkout_first);

async fn a_second_pass_starts_when_the_first_ends(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.buy_pass(PASS).await;
    world.advance(days(30));
    let page = ada.page("/").await;
    assert!(page.contains("Extend Season pass") && page.contains("You have it until"));
    ada.buy_pass(PASS).await;
    let (first, second) = match spans(world).await.as_slice() {
        [first, second] => (*first, *second),
        other => panic!("{other:?}"),
    };
    assert_eq!(Some(second.0), first.1);
    assert_eq!(second.1, Some(first.0 + 180 * DAY));
    let seen = dashboard(world, &ada).await;
    assert_eq!(seen.membership.unwrap().ends_at, second.1);
    assert_eq!(
        seen.passes.iter().map(|p| p.state).collect::<Vec<_>>(),
        [PassState::Ahead, PassState::Running]
    );

    // Worked out from what Stripe says alone: our rows may be lost.
    let before = spans(world).await;
    forget(world).await;
    world.work().await;
    assert_eq!(spans(world).await, before);

    // No gap where one ends and the other begins.
    world.advance(days(61));
    world.work().await;
    assert!(ada.has_roles(&world.plan_roles(PASS).await));
    assert_eq!(
        entitled(world, &ada).await,
        words(&[("denied", "pass_over"), ("granted", "pass_running")])
    );
    world.advance(days(90));
    world.work().await;
    assert!(world.roles_of(ADA).is_empty());
    // One bought after the end starts at once.
    ada.buy_pass(PASS).await;
    let last = spans(world).await[2];
    assert!(Some(last.0) > second.1);
    assert!(ada.has_roles(&world.plan_roles(PASS).await));
}
on_both!(a_second_pass_starts_when_the_first_ends);

/// Loses every pass, and hints that there is something to read.
async fn forget(world: &World) {
    let mut tx = world.state.db.begin().await.unwrap();
    for sql in [
        "DELETE FROM passes",
        "UPDATE customers SET sessions_hinted = sessions_hinted + 1",
    ] {
        sqlx::query(sql).execute(&mut *tx).await.unwrap();
    }
    let now = world.state.clock.policy_ms();
    let payer: String = sqlx::query_scalar("SELECT id FROM payers")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    dirty::mark(
        &mut tx,
        SubjectKind::Payer,
        &payer,
        now,
        dirty::Class::Event,
        "test",
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

async fn a_pass_for_life_is_for_good_and_not_sold_twice(world: &World) {
    sell_for_life(world).await;
    let mut ada = world.sign_in(ADA).await;
    let offer = ada.page("/").await;
    assert!(offer.contains("for life, paid once"));
    ada.buy_pass("Founder").await;
    let page = ada.page("/billing").await;
    assert!(page.contains("You’re in, for life."), "{page}");
    let to = ada.start_checkout(&world.pass_price("Founder").await).await;
    assert!(to.ends_with("/?problem=for-life"), "{to}");
    let told = ada.page("/?problem=for-life").await;
    assert!(told.contains("You have this for life.") && told.contains("not charged again"));
    assert!(told.contains("Yours, for life") && !told.contains("Get Founder"));
    world.advance(days(5_000));
    world.settle().await;
    assert!(ada.has_roles(&world.plan_roles("Founder").await));
}
on_both!(a_pass_for_life_is_for_good_and_not_sold_twice);

async fn a_pass_and_a_subscription_stack(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    // The return from the second checkout is about what it bought, not about what was there.
    let checkout = ada.start_checkout(&world.pass_price(PASS).await).await;
    let session = ada.pay(&checkout, CARD).await;
    let back = ada.page(&format!("/billing?session_id={session}")).await;
    assert!(back.contains("Payment received."));
    world.settle().await;
    let seen = dashboard(world, &ada).await;
    assert_eq!(seen.standing, Standing::Active);
    assert_eq!(seen.membership.unwrap().plan_name, "Patron");
    assert_eq!(seen.passes[0].plan_name, PASS);
    assert!(ada.has_roles(&world.plan_roles("Patron").await));
    assert!(ada.has_roles(&world.plan_roles(PASS).await));
    let page = ada.page("/billing").await;
    assert!(page.contains("Renews on") && page.contains("Passes"));
    // A second subscription is still refused.
    let other = world.price("Member").await;
    let to = ada.start_checkout(&other).await;
    assert!(to.contains("/billing?already="), "{to}");

    // The pass ends, the subscription goes on.
    world.advance(days(91));
    world.settle().await;
    assert!(ada.has_roles(&world.plan_roles("Patron").await));
    assert!(!ada.has_roles(&world.plan_roles(PASS).await));
}
on_both!(a_pass_and_a_subscription_stack);

async fn a_subscription_is_bought_beside_a_pass_and_its_return_waits_for_it(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.buy_pass(PASS).await;
    let checkout = ada.start_checkout(&world.price("Patron").await).await;
    let session = ada.pay(&checkout, CARD).await;
    // Before any event: the return reads Stripe although the person is in already.
    ada.page(&format!("/billing?session_id={session}")).await;
    assert_eq!(
        ada.membership().await,
        Some(("active".into(), "granted".into()))
    );
    world.settle().await;
    // The subscription ends, the pass is what is left.
    let id: String = sqlx::query_scalar("SELECT id FROM subscriptions")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    reqwest::Client::new()
        .delete(format!(
            "{}/v1/subscriptions/{id}",
            world.sandbox.base_url()
        ))
        .bearer_auth("sk_test_sandbox")
        .send()
        .await
        .unwrap();
    world.settle().await;
    assert_eq!(dashboard(world, &ada).await.standing, Standing::Pass);
    assert!(ada.has_roles(&world.plan_roles(PASS).await));
    assert!(!ada.has_roles(&world.plan_roles("Patron").await));
}
on_both!(a_subscription_is_bought_beside_a_pass_and_its_return_waits_for_it);

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
