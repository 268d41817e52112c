//! What the running server holds back, and the mail server.

use super::{advises, found, is_right, keeps_out, look};
use crate::support::World;
use crate::{on_both, on_both_with_mail};
use server::doctor::Severity;
use server::incidents;
use sqlx::AssertSqlSafe;

async fn write(world: &World, sql: &'static str) {
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query(AssertSqlSafe(sql.to_owned()))
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn switches_and_brakes(world: &World) {
    write(world, "DELETE FROM switches").await;
    write(world, "INSERT INTO switches (name, value, changed_by, changed_at) VALUES ('mode', 'observe', 'server', 1)").await;
    keeps_out(
        &look(world).await,
        "Rollcall only observes",
        "/admin/brake → Go",
    );
    write(world, "UPDATE switches SET value = 'active'").await;
    write(world, "INSERT INTO switches (name, value, changed_by, changed_at) VALUES ('freeze', 'on', 'operator:1', 1)").await;
    write(
        world,
        "INSERT INTO brakes (cause, held_at, counted_at) VALUES ('missing', 1, 1)",
    )
    .await;
    let report = look(world).await;
    advises(&report, "Removals are frozen", "Let removals go on");
    advises(
        &report,
        "A brake holds: Stripe does not know many customers",
        "Lift the brake",
    );
}
on_both!(switches_and_brakes);

async fn what_waits_for_somebody(world: &World) {
    let mut ada = world.sign_in(crate::login::site::ADA).await;
    ada.subscribe("Member").await;
    write(world, "UPDATE grants SET state = 'refused', code = 30001").await;
    keeps_out(
        &look(world).await,
        "Roles that Discord refuses to be given: 1",
        "/admin/brake says which",
    );
    write(world, "UPDATE grants SET state = 'granted', code = NULL").await;
    write(world, "UPDATE dirty SET parked = 1 WHERE kind = 'payer'").await;
    keeps_out(
        &look(world).await,
        "Work stands still until somebody acts: 1",
        "/admin/work says why",
    );
    write(world, "UPDATE dirty SET parked = 0").await;
    is_right(&look(world).await, "nothing waits for an operator");
}
on_both!(what_waits_for_somebody);

async fn incidents_of_the_running_server(world: &World) {
    let now = world.state.clock.policy_ms();
    for (kind, severity) in [
        ("gateway", Severity::KeepsOut),
        ("join refused", Severity::KeepsOut),
        ("webhook_secret", Severity::Advice),
        ("wrong_mode", Severity::Advice),
        ("role by hand", Severity::Advice),
    ] {
        let mut tx = world.state.db.begin().await.unwrap();
        incidents::open(&mut tx, kind, "x", "The detail of it.", now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let report = look(world).await;
        let (_, finding) = found(&report, "The detail of it.");
        assert_eq!(finding.severity, severity, "{kind}");
        let mut tx = world.state.db.begin().await.unwrap();
        incidents::close(&mut tx, kind, "x", now).await.unwrap();
        tx.commit().await.unwrap();
    }
}
on_both!(incidents_of_the_running_server);

async fn an_operator_who_takes_no_messages(world: &World) {
    write(
        world,
        "INSERT INTO messages (id, operator, kind, subject, opened_at, state, created_at, settled_at) \
         VALUES ('msg_1', '1100000000000000102', 'brake', 'missing', 1, 'refused', 1, 1)",
    )
    .await;
    advises(
        &look(world).await,
        "The operator 1100000000000000102 takes no direct messages",
        "Privacy Settings: switch on Direct Messages",
    );
}
on_both!(an_operator_who_takes_no_messages);

async fn a_mail_server_that_answers_and_one_that_does_not(world: &World) {
    let mails = || world.sandbox.with(|w| w.mail.messages().len());
    let before = mails();
    is_right(&look(world).await, "the mail server answers and lets us in");
    assert_eq!(mails(), before, "no mail is sent");
    world.sandbox.with(|w| w.mail.go_down());
    advises(&look(world).await, "No mail goes out", "SMTP_URL");
    world.sandbox.with(|w| w.mail.without_faults());
}
on_both_with_mail!(a_mail_server_that_answers_and_one_that_does_not);
