//! A pass paid by bank debit: nothing is given before the bank has answered, days later.

use super::{DAY, PASS, dashboard, days, entitled, spans, words};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::{Person, World, session_of};
use app::billing::{PassState, Standing};

/// Test accounts: the first pays after four days, the second is turned down then.
pub const PAYS: &str = "DE89370400440532013000";
pub const IS_TURNED_DOWN: &str = "DE62370400440532013001";

/// Gives the account on Stripe's page and comes back.
pub async fn buy(world: &World, person: &mut Person<'_>, iban: &str) {
    let price = world.pass_price(PASS).await;
    let checkout = person.start_checkout(&price).await;
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let form = [("email", "ada@example.org"), ("iban", iban)];
    let answer = http.post(&checkout).form(&form).send().await.unwrap();
    let to = answer.headers()["location"].to_str().unwrap();
    assert!(to.contains("/billing?session_id="), "{to}");
    let session = session_of(&checkout);
    let page = person.page(&format!("/billing?session_id={session}")).await;
    assert!(page.contains("Your payment is on its way."), "{page}");
    world.settle().await;
}

fn events(world: &World, kind: &str) -> usize {
    let state = world.sandbox.with(|w| w.stripe.state_json());
    let events = state["events"].as_array().unwrap();
    events.iter().filter(|event| event["type"] == kind).count()
}

async fn a_pass_by_debit_opens_when_the_bank_has_paid(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    buy(world, &mut ada, PAYS).await;
    let seen = dashboard(world, &ada).await;
    assert_eq!(seen.standing, Standing::Activating);
    assert_eq!(seen.passes[0].state, PassState::Waiting);
    assert_eq!(
        entitled(world, &ada).await,
        words(&[("denied", "not_paid")])
    );
    assert!(world.roles_of(ADA).is_empty());
    let page = ada.page("/billing").await;
    assert!(page.contains("Waits for its payment") && page.contains("Starts with the payment"));
    world.advance(days(3));
    world.settle().await;
    assert!(world.roles_of(ADA).is_empty(), "the bank takes four days");

    world.advance(days(1));
    world.settle().await;
    assert_eq!(events(world, "checkout.session.async_payment_succeeded"), 1);
    assert_eq!(
        entitled(world, &ada).await,
        words(&[("granted", "pass_running")])
    );
    assert!(ada.has_roles(&world.plan_roles(PASS).await));
    let seen = dashboard(world, &ada).await;
    assert_eq!(seen.standing, Standing::Pass);
    let (starts, ends) = spans(world).await[0];
    assert_eq!(ends, Some(starts + 90 * DAY));
    // Nothing of it comes again, and it ends like any other.
    world.settle().await;
    assert_eq!(spans(world).await, [(starts, ends)]);
    world.advance(days(91));
    world.work().await;
    assert!(world.roles_of(ADA).is_empty());
    world.settle().await;
}
on_both!(a_pass_by_debit_opens_when_the_bank_has_paid);

async fn the_banks_yes_is_found_though_no_event_comes(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    buy(world, &mut ada, PAYS).await;
    world.advance(days(4));
    world.work().await;
    assert!(ada.has_roles(&world.plan_roles(PASS).await));
    world.settle().await;
}
on_both!(the_banks_yes_is_found_though_no_event_comes);

async fn a_debit_that_is_turned_down_gives_nothing_and_stands_in_nobodys_way(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    buy(world, &mut ada, IS_TURNED_DOWN).await;
    world.advance(days(4));
    world.settle().await;
    assert_eq!(events(world, "checkout.session.async_payment_failed"), 1);
    assert_eq!(
        entitled(world, &ada).await,
        words(&[("denied", "not_paid")])
    );
    assert!(world.roles_of(ADA).is_empty());
    let seen = dashboard(world, &ada).await;
    assert_eq!(seen.standing, Standing::None);
    assert_eq!(seen.passes[0].state, PassState::Void);
    let page = ada.page("/billing").await;
    assert!(page.contains("You have no membership yet.") && page.contains("Not paid"));
    // Another one, paid by card, counts from its own payment.
    let paid_at = world.state.clock.policy_ms() / 1000 * 1000;
    ada.buy_pass(PASS).await;
    assert!(ada.has_roles(&world.plan_roles(PASS).await));
    assert_eq!(spans(world).await[1], (paid_at, Some(paid_at + 90 * DAY)));
}
on_both!(a_debit_that_is_turned_down_gives_nothing_and_stands_in_nobodys_way);
