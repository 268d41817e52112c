//! Several passes of a plan, and passes beside a subscription.

use super::{CARD, DAY, PASS, dashboard, days, entitled, spans, words};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::World;
use app::billing::{PassState, Standing};
use server::db::dirty::{self, SubjectKind};

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
