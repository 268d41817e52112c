//! The gateway cuts, forgets and refuses us, and another process holds it.

use super::{connected, grants, open_incidents, run, start, until, worked_until};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::World;
use std::time::Duration;

/// How often the bot identified.
fn sessions(world: &World) -> usize {
    super::asked(world, "GET", &super::commands_path(world))
}

async fn what_happens_during_a_cut_is_told_on_resuming(world: &World) {
    let bot = start(world).await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let roles = world.plan_roles("Member").await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.gateway_drop(4000);
        w.discord.remove_role_by_hand(now, ADA, &roles[0]).unwrap();
    });
    worked_until(world, "it is seen", || async {
        world.count("SELECT COUNT(*) FROM role_changes").await == 1
    })
    .await;
    assert!(ada.has_roles(&roles));
    assert_eq!(sessions(world), 1, "resumed, not begun anew");
    bot.stop(world).await;
}
on_both!(what_happens_during_a_cut_is_told_on_resuming);

async fn a_session_that_cannot_be_resumed_is_followed_by_a_full_look(world: &World) {
    let bot = start(world).await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let roles = world.plan_roles("Member").await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.gateway_invalidate(false);
        // Told to nobody, ever.
        w.discord.remove_role_by_hand(now, ADA, &roles[0]).unwrap();
    });
    connected(world, 2).await;
    worked_until(world, "the role is back", || async {
        ada.has_roles(&roles)
    })
    .await;
    assert_eq!(grants(world).await, [("granted".to_owned(), None)]);
    bot.stop(world).await;
}
on_both!(a_session_that_cannot_be_resumed_is_followed_by_a_full_look);

async fn a_refused_token_is_told_and_not_tried_again(world: &World) {
    let bot = start(world).await;
    // Reset in the portal: the connection is cut with 4004.
    world.sandbox.with(|w| w.discord.set_token("a.new.token"));
    until("the operator is told", || async {
        open_incidents(world)
            .await
            .iter()
            .any(|(kind, detail)| kind == "gateway" && detail.contains("DISCORD_BOT_TOKEN"))
    })
    .await;
    bot.stop(world).await;
    // The old one is put back, as a restart with the new one would be.
    world.sandbox.with(|w| {
        let token = "MTEwMDAwMDAwMDAwMDAwMDAwMQ.GSandQ.sandbox-bot-token-000000000";
        token.clone_into(&mut w.discord.application.bot_token);
    });
    let bot = run(&world.state);
    connected(world, 2).await;
    // A look at the server that the wrong token failed comes again by the policy's time, and is
    // let through by the machine's.
    for _ in 0..200 {
        if open_incidents(world).await.is_empty() {
            break;
        }
        world.advance(Duration::from_secs(20));
        world.work().await;
    }
    bot.stop(world).await;
}
on_both!(a_refused_token_is_told_and_not_tried_again);

async fn an_intent_that_is_off_is_told_with_the_switch(world: &World) {
    world
        .sandbox
        .with(|w| w.discord.application.intents.members = false);
    let bot = run(&world.state);
    until("the operator is told", || async {
        open_incidents(world)
            .await
            .iter()
            .any(|(kind, detail)| kind == "gateway" && detail.contains("Server Members Intent"))
    })
    .await;
    bot.stop(world).await;
    world
        .sandbox
        .with(|w| w.discord.application.intents.members = true);
    let bot = start(world).await;
    until("the incident is closed", || async {
        open_incidents(world).await.is_empty()
    })
    .await;
    bot.stop(world).await;
}
on_both!(an_intent_that_is_off_is_told_with_the_switch);

async fn other_final_closes_are_found_out(world: &World) {
    for (code, told) in [
        (4010, "shard"),
        (4011, "servers"),
        (4012, "version 10"),
        (4013, "intents"),
    ] {
        world.sandbox.with(|w| w.discord.gateway_refuse(Some(code)));
        let bot = run(&world.state);
        until("the operator is told", || async {
            open_incidents(world).await.iter().any(|(kind, detail)| {
                kind == "gateway" && detail.contains(&format!("({code})")) && detail.contains(told)
            })
        })
        .await;
        bot.stop(world).await;
    }
    world.sandbox.with(|w| w.discord.gateway_refuse(None));
    let bot = start(world).await;
    until("the incident is closed", || async {
        open_incidents(world).await.is_empty()
    })
    .await;
    bot.stop(world).await;
}
on_both!(other_final_closes_are_found_out);

async fn one_process_holds_it_and_another_takes_over(world: &World) {
    let first = start(world).await;
    let second = run(&world.state);
    let lease = || world.count("SELECT fence FROM dirty WHERE kind = 'gateway'");
    let fence = lease().await;
    first.stop(world).await;
    connected(world, 2).await;
    assert_eq!(lease().await, fence + 1);
    until("the first has gone", || async {
        world.sandbox.with(|w| w.discord.sessions.live() == 1)
    })
    .await;
    world.work().await;
    second.stop(world).await;
    until("the lease is free", || async {
        world
            .count("SELECT COUNT(*) FROM dirty WHERE kind = 'gateway' AND lease_until = 0")
            .await
            == 1
    })
    .await;
}
on_both!(one_process_holds_it_and_another_takes_over);

async fn heartbeats_keep_the_connection(world: &World) {
    world.sandbox.with(|w| w.discord.sessions.heartbeat_ms = 50);
    let bot = start(world).await;
    // Without them the gateway would have ended it after 1.1 s.
    until("a good many heartbeats", || async {
        world.sandbox.with(|w| w.discord.sessions.beats >= 30)
    })
    .await;
    assert_eq!(sessions(world), 1);
    bot.stop(world).await;
}
on_both!(heartbeats_keep_the_connection);

async fn asked_to_reconnect_it_resumes(world: &World) {
    let bot = start(world).await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let roles = world.plan_roles("Member").await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.gateway_reconnect();
        w.discord.remove_role_by_hand(now, ADA, &roles[0]).unwrap();
    });
    worked_until(world, "it is seen", || async {
        world.count("SELECT COUNT(*) FROM role_changes").await == 1
    })
    .await;
    assert!(ada.has_roles(&roles));
    assert_eq!(sessions(world), 1, "resumed, not begun anew");
    bot.stop(world).await;
}
on_both!(asked_to_reconnect_it_resumes);

async fn after_an_outage_it_comes_back_by_itself(world: &World) {
    let bot = start(world).await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let roles = world.plan_roles("Member").await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.gateway_down(true);
        w.discord.remove_role_by_hand(now, ADA, &roles[0]).unwrap();
    });
    until("the connection is gone", || async {
        world.sandbox.with(|w| w.discord.sessions.live() == 0)
    })
    .await;
    world.sandbox.with(|w| w.discord.gateway_down(false));
    worked_until(world, "the role is back", || async {
        ada.has_roles(&roles)
    })
    .await;
    worked_until(world, "Discord's answer is recorded", || async {
        grants(world).await == [("granted".to_owned(), None)]
    })
    .await;
    bot.stop(world).await;
}
on_both!(after_an_outage_it_comes_back_by_itself);
