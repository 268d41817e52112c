//! The way to Stripe: one budget, keys, and nobody there.

use crate::login::site::ADA;
use crate::on_both;
use crate::support::World;
use crate::support::logs::Logs;
use server::stripe::{FailureClass, StripeError};

#[tokio::test]
async fn two_nodes_share_one_budget() {
    let world = World::start(crate::support::Kind::Postgres).await;
    let mut variables = crate::login::site::environment(&world.sandbox, &world.base);
    variables.insert(
        "DATABASE_URL".into(),
        world.state.config.database_url.clone(),
    );
    variables.insert("STRIPE_RATE".into(), "10".into());
    let mut nodes = Vec::new();
    for seed in 0..2 {
        let config = server::config::Config::read(|name| variables.get(name).cloned()).unwrap();
        let clock = std::sync::Arc::new(server::clock::SystemClock::default());
        let rng = server::rng::Rng::seeded(seed);
        nodes.push(server::serve::build(config, clock, rng).await.unwrap());
    }
    let began = tokio::time::Instant::now();
    let ask = |node: server::state::AppState| async move {
        for _ in 0..12 {
            node.stripe.account().await.unwrap();
        }
    };
    tokio::join!(ask(nodes[0].clone()), ask(nodes[1].clone()));
    let took = began.elapsed().as_secs_f64();
    // 24 at ten a second, less what may be borrowed: either alone would be through in 0.7 s.
    assert!(took >= 1.6, "{took}");
    for node in nodes {
        node.db.close().await;
    }
    world.finish().await;
}

async fn an_idempotency_clash_is_told_and_needs_a_person(world: &World) {
    let logs = Logs::capture();
    let new = |name: &str| server::stripe::NewCustomer {
        payer_id: "pay_1".into(),
        of: server::stripe::CustomerOf::Person {
            discord_user_id: ADA.into(),
        },
        name: name.into(),
        email: None,
    };
    let stripe = &world.state.stripe;
    let first = stripe.create_customer(&new("Ada"), "one-key").await;
    let again = stripe.create_customer(&new("Ada"), "one-key").await;
    assert_eq!(
        first.unwrap().id,
        again.unwrap().id,
        "the same key, one customer"
    );
    let clash = stripe.create_customer(&new("Augusta"), "one-key").await;
    let clash = clash.unwrap_err();
    assert_eq!(clash, StripeError::KeyReused);
    assert_eq!(clash.class(), FailureClass::NeedsPerson);
    let text = logs.text();
    let line = text
        .lines()
        .find(|line| line.contains("stripe request failed"))
        .unwrap();
    assert!(
        line.contains("an idempotency key was used for something else")
            && line.contains("request_id=\"req_")
            && line.contains("tries=1"),
        "{line}"
    );
    // Answers that are well have theirs in the log too.
    assert!(text.contains("stripe answered path=/customers status=200 request_id=\"req_"));
}
on_both!(an_idempotency_clash_is_told_and_needs_a_person);

#[tokio::test]
async fn nobody_listening_is_unreachable_and_nothing_happened() {
    let world = World::start(crate::support::Kind::Sqlite).await;
    let logs = Logs::capture();
    let mut variables = crate::login::site::environment(&world.sandbox, &world.base);
    let url = &world.state.config.database_url;
    variables.insert("DATABASE_URL".into(), url.clone());
    // The discard port of this machine: nobody is there.
    variables.insert("STRIPE_API_BASE".into(), "http://127.0.0.1:9".into());
    let config = server::config::Config::read(|name| variables.get(name).cloned()).unwrap();
    let clock = world.state.clock.clone();
    let rng = server::rng::Rng::seeded(1);
    let state = server::serve::build(config, clock, rng).await.unwrap();
    let asked = state.stripe.account().await;
    assert_eq!(asked.unwrap_err(), StripeError::Unreachable);
    assert!(logs.text().contains("error=Stripe is unreachable"));
    state.db.close().await;
    world.finish().await;
}
