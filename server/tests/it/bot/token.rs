//! The token is replaced, without anything being lost by it.

use super::{connected, grants, open_incidents, start, until};
use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::World;
use server::{bot, pins, serve, sync};
use std::time::Duration;
use tokio::sync::watch;

fn put(world: &World) -> usize {
    world.sandbox.with(|w| {
        w.discord
            .calls
            .count("PUT", "/guilds/{guild}/members/{id}/roles/{id}")
    })
}

async fn a_new_token_takes_up_where_the_old_one_was_refused(world: &World) {
    let running = start(world).await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let roles = world.plan_roles("Member").await;
    assert!(ada.has_roles(&roles));
    // Reset in the developer portal.
    world.sandbox.with(|w| w.discord.set_token("a.new.token"));
    let mut grace = world.sign_in(GRACE).await;
    grace.subscribe("Member").await;
    assert!(!grace.has_roles(&roles));
    until("both are told", || async {
        let kinds: Vec<String> = open_incidents(world)
            .await
            .into_iter()
            .map(|(kind, _)| kind)
            .collect();
        kinds == ["discord_token", "gateway"]
    })
    .await;
    let waits: i64 = world
        .count("SELECT COUNT(*) FROM dirty WHERE kind = 'user' AND cause = 'discord_token DISCORD_BOT_TOKEN'")
        .await;
    assert!(waits >= 1);
    running.stop(world).await;
    let before = put(world);

    // The new one in the environment, and the server started again.
    let state = world.process(&[("DISCORD_BOT_TOKEN", "a.new.token")]);
    pins::check_configuration(&state).await.unwrap();
    pins::check_outside(&state).await.unwrap();
    serve::catch_up(&state).await.unwrap();
    let (stop, stopping) = watch::channel(false);
    let gateway = tokio::spawn(bot::run(state.clone(), stopping));
    let worker = tokio::spawn(sync::run(state.clone()));
    connected(world, 2).await;
    // Nobody presses anything, and no clock is moved.
    until("who waited has the role", || async {
        grace.has_roles(&roles)
    })
    .await;
    until("nothing is open", || async {
        open_incidents(world).await.is_empty()
    })
    .await;
    until("all is worked off", || async {
        world.backlog().await == (0, 0)
    })
    .await;
    assert!(ada.has_roles(&roles));
    assert_eq!(grants(world).await.len(), 2);
    assert_eq!(put(world) - before, 1, "nobody else was touched");
    stop.send_replace(true);
    gateway.await.unwrap();
    worker.abort();
    assert!(worker.await.unwrap_err().is_cancelled());
    world.advance(Duration::from_mins(5));
    sync::drain(&state).await.unwrap();
}
on_both!(a_new_token_takes_up_where_the_old_one_was_refused);
