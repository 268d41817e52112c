//! A reason that changes: roles do not flicker. What Discord was asked tells.

use super::change_plan;
use crate::login::site::ADA;
use crate::on_both;
use crate::support::World;

/// Changes of Ada's roles so far, in order: method and role.
fn changes(world: &World) -> Vec<(String, String)> {
    world.sandbox.with(|w| {
        w.discord
            .calls
            .iter()
            .filter(|call| call.path.contains("/roles/") && call.path.contains(ADA))
            .map(|call| {
                let role = call.path.rsplit('/').next().unwrap_or_default();
                (call.method.clone(), role.to_owned())
            })
            .collect()
    })
}

async fn only_subscription(world: &World) -> String {
    sqlx::query_scalar("SELECT id FROM subscriptions")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap()
}

async fn another_plan_is_given_before_the_old_one_is_taken(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let (old, new) = (
        world.plan_roles("Member").await,
        world.plan_roles("Patron").await,
    );
    let before = changes(world).len();
    let subscription = only_subscription(world).await;
    change_plan(world, &subscription, &world.price("Patron").await).await;
    world.settle().await;
    let expected: Vec<(String, String)> = new
        .iter()
        .filter(|role| !old.contains(role))
        .map(|role| ("PUT".to_owned(), role.clone()))
        .chain(
            old.iter()
                .filter(|role| !new.contains(role))
                .map(|role| ("DELETE".to_owned(), role.clone())),
        )
        .collect();
    assert_eq!(changes(world)[before..], expected);
}
on_both!(another_plan_is_given_before_the_old_one_is_taken);

async fn one_subscription_for_another_asks_discord_for_nothing(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let before = changes(world);
    let first = only_subscription(world).await;
    let customer = ada.customer().await;
    let price = world.price("Member").await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        let card = sandbox::stripe::CardKind::Visa;
        w.stripe.set_default_card(now, &customer, card).unwrap();
        w.stripe.subscribe(now, &customer, &price, 1, &[]).unwrap();
        w.stripe.cancel_now(now, &first).unwrap();
    });
    world.settle().await;
    let given: i64 = world
        .count("SELECT COUNT(*) FROM entitlements WHERE state = 'granted'")
        .await;
    let ended: i64 = world
        .count("SELECT COUNT(*) FROM entitlements WHERE state = 'denied'")
        .await;
    assert_eq!((given, ended), (1, 1));
    assert!(ada.has_roles(&world.plan_roles("Member").await));
    assert_eq!(changes(world), before);
}
on_both!(one_subscription_for_another_asks_discord_for_nothing);

async fn one_subscription_for_anothers_plan_gives_before_it_takes(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let before = changes(world).len();
    let first = only_subscription(world).await;
    let customer = ada.customer().await;
    let price = world.price("Patron").await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        let card = sandbox::stripe::CardKind::Visa;
        w.stripe.set_default_card(now, &customer, card).unwrap();
        w.stripe.subscribe(now, &customer, &price, 1, &[]).unwrap();
        w.stripe.cancel_now(now, &first).unwrap();
        // The new role is refused: the old one stays meanwhile.
        w.discord.faults.add(sandbox::discord::Fault {
            method: Some("PUT".into()),
            path: "/roles/".into(),
            // Once more when no look at the server shows why.
            times: 2,
            effect: sandbox::discord::Effect::Status {
                status: 403,
                code: 50_013,
                landed: false,
            },
        });
    });
    world.settle().await;
    let methods: Vec<String> = changes(world)[before..]
        .iter()
        .map(|(method, _)| method.clone())
        .collect();
    assert_eq!(
        methods,
        ["PUT", "PUT"],
        "nothing is taken before its place is taken"
    );
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM grants WHERE state = 'held' AND held_by = 'replacement'")
            .await,
        1
    );
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        let role = "1100000000000000022";
        w.discord.rename_role(now, role, "Patrons").unwrap();
    });
    world.advance(std::time::Duration::from_secs(11));
    world.settle().await;
    let methods: Vec<String> = changes(world)[before..]
        .iter()
        .map(|(method, _)| method.clone())
        .collect();
    assert_eq!(methods, ["PUT", "PUT", "PUT", "DELETE"]);
    assert!(ada.has_roles(&world.plan_roles("Patron").await));
}
on_both!(one_subscription_for_anothers_plan_gives_before_it_takes);
