//! Passes: bought once, shown, stacked, and ended by time alone.

pub mod debit;
mod odd;
mod stacking;

use crate::login::site::ADA;
use crate::on_both;
use crate::support::{Person, World, session_of};
use app::billing::{BillingPort, Dashboard, PassState, Standing};
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
