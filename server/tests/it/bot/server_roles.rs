//! The server's roles change under us: deleted, moved, renamed; the bot thrown out and back.

use super::{connected, grants, open_incidents, start, until, worked_until};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::World;
use sandbox::discord::ROLE_BOT;

async fn a_deleted_role_of_a_plan_is_told_at_once(world: &World) {
    let bot = start(world).await;
    let role = world.plan_roles("Patron").await.remove(0);
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.delete_role(now, &role).unwrap();
    });
    worked_until(world, "it is told", || async {
        open_incidents(world)
            .await
            .iter()
            .any(|(kind, detail)| kind == "plan role" && detail.contains("was deleted"))
    })
    .await;
    bot.stop(world).await;
    // A role cannot come back; the operator would give the plan another one.
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE incidents SET closed_at = 1")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}
on_both!(a_deleted_role_of_a_plan_is_told_at_once);

async fn who_waits_for_a_role_gets_it_when_the_bot_is_moved_up(world: &World) {
    let bot = start(world).await;
    let move_bot = |position| {
        world.sandbox.with(|w| {
            let now = w.clock.now_ms();
            w.discord
                .move_role(now, &ROLE_BOT.to_string(), position)
                .unwrap();
        });
    };
    move_bot(1);
    worked_until(world, "the operator is told which role to move", || async {
        open_incidents(world)
            .await
            .iter()
            .any(|(kind, detail)| kind == "plan role" && detail.contains("drag ‘Rollcall’ above ‘"))
    })
    .await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    assert_eq!(grants(world).await, [("refused".to_owned(), Some(50_013))]);
    move_bot(6);
    // Nobody presses anything, and no clock is moved.
    worked_until(world, "the role has come", || async {
        grants(world).await == [("granted".to_owned(), None)]
    })
    .await;
    assert!(ada.has_roles(&world.plan_roles("Member").await));
    worked_until(world, "nothing is open", || async {
        open_incidents(world).await.is_empty()
    })
    .await;
    bot.stop(world).await;
}
on_both!(who_waits_for_a_role_gets_it_when_the_bot_is_moved_up);

async fn what_happened_while_the_bot_was_thrown_out_is_found(world: &World) {
    let bot = start(world).await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let roles = world.plan_roles("Member").await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.remove_bot(now).unwrap();
        // Told to nobody.
        w.discord.remove_role_by_hand(now, ADA, &roles[0]).unwrap();
    });
    until("it is heard of", || async {
        world
            .count("SELECT COUNT(*) FROM dirty WHERE kind = 'guild' AND due_at < 9000000000000000 AND class = 0")
            .await
            == 1
    })
    .await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.restore_bot(now).unwrap();
    });
    worked_until(world, "the role is back", || async {
        ada.has_roles(&roles)
    })
    .await;
    connected(world, 2).await;
    worked_until(world, "Discord's answer is recorded", || async {
        grants(world).await == [("granted".to_owned(), None)]
    })
    .await;
    bot.stop(world).await;
}
on_both!(what_happened_while_the_bot_was_thrown_out_is_found);
