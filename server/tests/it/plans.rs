//! Plans: read from Stripe, kept fresh by events, and what unreadable metadata does.

use crate::on_both;
use crate::support::World;
use app::plans::{Audience, Interval, PlansPort};
use server::plans::Plans;

async fn edit(world: &World, path: &str, form: &[(&str, &str)]) {
    let answer = reqwest::Client::new()
        .post(format!("{}{path}", world.sandbox.base_url()))
        .bearer_auth("sk_test_sandbox")
        .form(form)
        .send()
        .await
        .unwrap();
    assert!(
        answer.status().is_success(),
        "{}",
        answer.text().await.unwrap()
    );
}

async fn product(world: &World, name: &str) -> String {
    sqlx::query_scalar("SELECT id FROM plans WHERE name = $1")
        .bind(name)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap()
}

async fn the_landing_page_shows_the_plans_in_the_operators_order(world: &World) {
    let offered = Plans(world.state.clone()).offered().await.unwrap();
    let names: Vec<&str> = offered.iter().map(|plan| plan.name.as_str()).collect();
    assert_eq!(names, ["Member", "Patron", "Season pass", "Team seats"]);
    assert_eq!(offered[3].audience, Audience::Company);
    for plan in &offered {
        let sold = plan.price(Interval::Month).is_some() && plan.price(Interval::Year).is_some();
        assert_ne!(sold, plan.pass.is_some(), "{}", plan.name);
        assert!(!plan.features.is_empty());
    }
    let page = reqwest::get(&world.base)
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(page.contains("Member") && page.contains("Patron") && page.contains("29\u{a0}€"));
}
on_both!(the_landing_page_shows_the_plans_in_the_operators_order);

async fn an_edit_at_stripe_arrives_by_its_event(world: &World) {
    let id = product(world, "Member").await;
    edit(
        world,
        &format!("/v1/products/{id}"),
        &[("name", "Regular"), ("metadata[rollcall_badge]", "New")],
    )
    .await;
    world.settle().await;
    let offered = Plans(world.state.clone()).offered().await.unwrap();
    assert_eq!(
        (offered[0].name.as_str(), offered[0].badge.as_deref()),
        ("Regular", Some("New"))
    );
    edit(world, &format!("/v1/products/{id}"), &[("active", "false")]).await;
    world.settle().await;
    let offered = Plans(world.state.clone()).offered().await.unwrap();
    assert!(offered.iter().all(|plan| plan.id != id));
}
on_both!(an_edit_at_stripe_arrives_by_its_event);

async fn unreadable_metadata_keeps_the_last_mapping(world: &World) {
    let id = product(world, "Member").await;
    let before = world.plan_roles("Member").await;
    edit(
        world,
        &format!("/v1/products/{id}"),
        &[("metadata[rollcall_roles]", "@members")],
    )
    .await;
    world.settle().await;
    assert_eq!(world.plan_roles("Member").await, before);
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM plans WHERE problem IS NOT NULL")
            .await,
        1
    );
    edit(
        world,
        &format!("/v1/products/{id}"),
        &[("metadata[rollcall_roles]", &before.join(","))],
    )
    .await;
    world.settle().await;
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM plans WHERE problem IS NOT NULL")
            .await,
        0
    );
}
on_both!(unreadable_metadata_keeps_the_last_mapping);

async fn a_role_that_joins_a_plan_waits_for_a_yes(world: &World) {
    let id = product(world, "Member").await;
    let patron = world.plan_roles("Patron").await;
    let mut roles = world.plan_roles("Member").await;
    roles.extend(patron.clone());
    edit(
        world,
        &format!("/v1/products/{id}"),
        &[("metadata[rollcall_roles]", &roles.join(","))],
    )
    .await;
    world.settle().await;
    assert!(
        world
            .count("SELECT COUNT(*) FROM plan_roles WHERE state = 'joining'")
            .await
            >= 1
    );
    let mut ada = world.sign_in(crate::login::site::ADA).await;
    ada.subscribe("Member").await;
    assert!(!ada.has_roles(&patron));
}
on_both!(a_role_that_joins_a_plan_waits_for_a_yes);
