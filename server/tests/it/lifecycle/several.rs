//! Several subscriptions, several customers, and a customer that is deleted.

use super::support::{ask, days, has_all_or_none, heading, seen, subscription, words};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::{Person, World};
use sandbox::stripe::CardKind;

/// A customer made at Stripe by hand for the same person, with a card; links itself by metadata.
async fn second_customer(world: &World, person: &Person<'_>, plan: &str) -> (String, String) {
    let price = world.price(plan).await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        let metadata = [("rollcall_discord_user", person.discord_id.as_str())];
        let customer = w.stripe.add_customer(now, "ada@work.test", &metadata);
        w.stripe
            .set_default_card(now, &customer, CardKind::Visa)
            .unwrap();
        let id = w.stripe.subscribe(now, &customer, &price, 1, &[]).unwrap();
        (customer, id)
    })
}

fn cancel(world: &World, id: &str) {
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_now(now, id).unwrap();
    });
}

async fn two_subscriptions_of_a_plan_end_only_with_the_second(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let first = subscription(world).await;
    let customer = ada.customer().await;
    let price = world.price("Patron").await;
    days(world, 1).await;
    let second = world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe
            .set_default_card(now, &customer, CardKind::Visa)
            .unwrap();
        w.stripe.subscribe(now, &customer, &price, 1, &[]).unwrap()
    });
    world.settle().await;
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM entitlements WHERE state = 'granted'")
            .await,
        2
    );
    cancel(world, &first);
    world.settle().await;
    assert!(has_all_or_none(world, &ada, "Patron").await);
    assert!(heading(&mut ada).await.starts_with("You’re in. Renews on"));
    cancel(world, &second);
    world.settle().await;
    assert!(!has_all_or_none(world, &ada, "Patron").await);
}
on_both!(two_subscriptions_of_a_plan_end_only_with_the_second);

async fn customers_of_one_payer_add_up(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let first = subscription(world).await;
    days(world, 1).await;
    let (_, second) = second_customer(world, &ada, "Patron").await;
    world.settle().await;
    assert_eq!(world.count("SELECT COUNT(*) FROM payers").await, 1);
    assert_eq!(
        world
            .count("SELECT COUNT(DISTINCT customer_id) FROM subscriptions")
            .await,
        2
    );
    assert!(has_all_or_none(world, &ada, "Member").await);
    assert!(has_all_or_none(world, &ada, "Patron").await);
    cancel(world, &first);
    world.settle().await;
    assert!(!has_all_or_none(world, &ada, "Member").await);
    assert!(has_all_or_none(world, &ada, "Patron").await);
    cancel(world, &second);
    world.settle().await;
    assert!(!has_all_or_none(world, &ada, "Patron").await);
}
on_both!(customers_of_one_payer_add_up);

async fn a_deleted_customer_takes_its_memberships_along(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let customer = ada.customer().await;
    world.sandbox.with(|w| w.stripe.delete_customer(&customer));
    world.settle().await;
    let gone = seen(world, &mut ada, "Patron").await;
    assert_eq!(gone.status, "canceled");
    assert_eq!(gone.access, words("denied", "ended"));
    assert!(!gone.roles && gone.heading.starts_with("Your membership ended on"));
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM payers WHERE card_sealed IS NOT NULL")
            .await,
        0
    );
    // There is nothing at Stripe to open a portal for, and the page says so.
    let portal = ada.browser.post_form("/api/open_portal", &[]).await;
    let to = portal.headers()["location"].to_str().unwrap();
    assert!(to.contains("problem=no-customer"), "{to}");
    // Coming back makes a new customer of the same payer.
    ada.subscribe("Patron").await;
    assert!(seen(world, &mut ada, "Patron").await.roles);
    assert_eq!(world.count("SELECT COUNT(*) FROM payers").await, 1);
    assert_eq!(world.count("SELECT COUNT(*) FROM customers").await, 2);
}
on_both!(a_deleted_customer_takes_its_memberships_along);

/// Deleted without a word: the next look at Stripe tells.
async fn a_customer_deleted_unheard_is_found_by_the_next_reading(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let customer = ada.customer().await;
    world.sandbox.with(|w| {
        w.stripe
            .set_delivery_faults(sandbox::stripe::DeliveryFaults {
                drop: 100,
                ..Default::default()
            });
        w.stripe.delete_customer(&customer);
    });
    days(world, 32).await;
    let gone = seen(world, &mut ada, "Patron").await;
    assert_eq!(gone.access, words("denied", "ended"));
    assert!(!gone.roles);
    let customers = ask(world, "GET", "/v1/customers", "");
    assert_eq!(customers["data"].as_array().unwrap().len(), 0);
}
on_both!(a_customer_deleted_unheard_is_found_by_the_next_reading);

async fn one_of_two_customers_deleted_leaves_the_other(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    days(world, 1).await;
    let (second, _) = second_customer(world, &ada, "Patron").await;
    world.settle().await;
    world.sandbox.with(|w| w.stripe.delete_customer(&second));
    world.settle().await;
    assert!(has_all_or_none(world, &ada, "Member").await);
    assert!(!has_all_or_none(world, &ada, "Patron").await);
    assert!(heading(&mut ada).await.starts_with("You’re in. Renews on"));
}
on_both!(one_of_two_customers_deleted_leaves_the_other);
