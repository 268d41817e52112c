//! Another account's key, another mode, another server: refused before anything is read.

use crate::on_both;
use crate::support::World;
use sandbox::faults::{Fault, FaultRule, Target};
use server::pins::{self, PinError};

async fn pinned(world: &World, name: &str, value: &str) -> String {
    let before: String = sqlx::query_scalar("SELECT value FROM installation WHERE name = $1")
        .bind(name)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE installation SET value = $1 WHERE name = $2")
        .bind(value)
        .bind(name)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    before
}

/// The line the start ends with: it names the variable, and waiting does not help.
fn refused(result: Result<(), PinError>, variable: &str, what: &str) {
    let error = result.unwrap_err();
    assert!(!error.passes());
    let line = error.to_string();
    assert!(
        line.starts_with(variable)
            && line.contains(&format!(
                "another {what} than this database was started with"
            ))
            && line.ends_with("use the old one, or a new database"),
        "{line}"
    );
}

async fn a_key_of_another_account_is_refused(world: &World) {
    let marks = world
        .count("SELECT CAST(SUM(generation) AS BIGINT) FROM dirty")
        .await;
    let own = pinned(world, "stripe_account", "acct_another").await;
    let result = pins::check_outside(&world.state).await;
    refused(result, "STRIPE_SECRET_KEY", "account");
    // Nothing was marked to be read with that key.
    let now = world
        .count("SELECT CAST(SUM(generation) AS BIGINT) FROM dirty")
        .await;
    assert_eq!(now, marks);
    pinned(world, "stripe_account", &own).await;
    pins::check_outside(&world.state).await.unwrap();
    world.work().await;
}
on_both!(a_key_of_another_account_is_refused);

/// A restricted key may not ask for the account; a customer of ours tells.
async fn a_restricted_key_of_another_account_is_found_out(world: &World) {
    world.sandbox.with(|w| {
        let fault = Fault::Answer {
            status: 403,
            effect: false,
        };
        w.faults
            .add(FaultRule::always(Target::Stripe, fault).at("GET", "/v1/account"));
    });
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("INSERT INTO payers (id, created_at) VALUES ('pay_x', 0)")
        .execute(&mut *tx)
        .await
        .unwrap();
    sqlx::query("INSERT INTO customers (id, payer_id, deleted, created_at) VALUES ('cus_elsewhere', 'pay_x', 0, 0)")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let result = pins::check_outside(&world.state).await;
    refused(result, "STRIPE_SECRET_KEY", "account");
    world.sandbox.with(|w| w.faults.clear());
}
on_both!(a_restricted_key_of_another_account_is_found_out);

async fn another_mode_and_another_server_are_refused_unasked(world: &World) {
    let asked = world.sandbox.with(|w| w.calls.total());
    for (name, other, variable, what) in [
        ("stripe_mode", "live", "STRIPE_SECRET_KEY", "mode"),
        ("guild", "1100000000000000999", "DISCORD_GUILD_ID", "server"),
    ] {
        let own = pinned(world, name, other).await;
        let result = pins::check_configuration(&world.state).await;
        refused(result, variable, what);
        pinned(world, name, &own).await;
    }
    pins::check_configuration(&world.state).await.unwrap();
    assert_eq!(world.sandbox.with(|w| w.calls.total()), asked);
}
on_both!(another_mode_and_another_server_are_refused_unasked);

/// Whoever restarts the server while the bot is thrown out, or the key revoked, has the pages and
/// the inbox as before: the workers tell of what is wrong.
async fn a_start_needs_neither_the_bot_nor_a_valid_key(world: &World) {
    let now = world.state.clock.policy_ms();
    world.sandbox.with(|w| w.discord.remove_bot(now)).unwrap();
    pins::check_outside(&world.state).await.unwrap();
    world.sandbox.with(|w| w.discord.restore_bot(now)).unwrap();
    let fault = Fault::Answer {
        status: 401,
        effect: false,
    };
    world.sandbox.with(|w| {
        w.faults
            .add(FaultRule::always(Target::Stripe, fault).at("GET", "/v1/account"));
    });
    pins::check_outside(&world.state).await.unwrap();
    world.sandbox.with(|w| w.faults.clear());
    world.work().await;
}
on_both!(a_start_needs_neither_the_bot_nor_a_valid_key);
