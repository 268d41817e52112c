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

/// The operator is told once per product, and told when it is mended.
async fn unreadable(world: &World) -> Vec<(String, String)> {
    sqlx::query_as(
        "SELECT subject, detail FROM incidents WHERE kind = 'plan_unreadable' AND closed_at IS NULL",
    )
    .fetch_all(world.state.db.reader())
    .await
    .unwrap()
}

async fn an_unreadable_length_keeps_what_is_sold_and_alerts(world: &World) {
    let id = product(world, "Season pass").await;
    let logs = crate::support::logs::Logs::capture();
    let path = format!("/v1/products/{id}");
    edit(
        world,
        &path,
        &[("metadata[rollcall_pass_days]", "a season")],
    )
    .await;
    world.settle().await;
    let open = unreadable(world).await;
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].0, id);
    assert!(open[0].1.contains("Season pass") && open[0].1.contains("rollcall_pass_days"));
    logs.has(&[
        "a plan's metadata cannot be read",
        &id,
        "rollcall_pass_days",
    ]);
    // What is sold is what the plan last meant.
    let offered = Plans(world.state.clone()).offered().await.unwrap();
    let pass = offered.iter().find_map(|plan| plan.pass.as_ref()).unwrap();
    assert_eq!(pass.length, app::plans::PassLength::Days(90));
    let mut ada = world.sign_in(crate::login::site::ADA).await;
    ada.buy_pass("Season pass").await;
    assert!(ada.has_roles(&world.plan_roles("Season pass").await));
    edit(world, &path, &[("metadata[rollcall_pass_days]", "30")]).await;
    world.settle().await;
    assert_eq!(unreadable(world).await, []);
    // What was bought keeps the length it was sold with.
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM passes WHERE days = '90'")
            .await,
        1
    );
}
on_both!(an_unreadable_length_keeps_what_is_sold_and_alerts);

async fn a_product_that_was_never_readable_is_not_on_offer_and_alerts(world: &World) {
    let form = [
        ("name", "Guest"),
        ("metadata[rollcall_audience]", "individual"),
    ];
    let made = world.at_stripe("/v1/products", &form).await;
    let id = made["id"].as_str().unwrap();
    let price = [
        ("product", id),
        ("currency", "eur"),
        ("unit_amount", "500"),
        ("recurring[interval]", "month"),
    ];
    let price = world.at_stripe("/v1/prices", &price).await;
    let logs = crate::support::logs::Logs::capture();
    world.settle().await;
    assert_eq!(unreadable(world).await.len(), 1);
    logs.has(&["a plan's metadata cannot be read", id, "rollcall_roles"]);
    let mut ada = world.sign_in(crate::login::site::ADA).await;
    assert!(!ada.page("/").await.contains("Guest"));
    let to = ada.start_checkout(price["id"].as_str().unwrap()).await;
    assert!(to.ends_with("/?problem=price-gone"), "{to}");
    let path = format!("/v1/products/{id}");
    edit(world, &path, &[("metadata[rollcall_audience]", "")]).await;
    world.settle().await;
    assert_eq!(unreadable(world).await, []);
}
on_both!(a_product_that_was_never_readable_is_not_on_offer_and_alerts);

async fn a_one_time_price_without_a_length_is_not_sold(world: &World) {
    let id = product(world, "Member").await;
    let price = [
        ("product", id.as_str()),
        ("currency", "eur"),
        ("unit_amount", "500"),
    ];
    world.at_stripe("/v1/prices", &price).await;
    world.settle().await;
    let offered = Plans(world.state.clone()).offered().await.unwrap();
    assert_eq!(offered[0].pass, None);
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM prices WHERE period = 'once'")
            .await,
        1
    );
}
on_both!(a_one_time_price_without_a_length_is_not_sold);
