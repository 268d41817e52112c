//! What can be wrong at Stripe.

use super::{advises, found, is_right, keeps_out, look, look_with, set_up};
use crate::on_both;
use crate::support::World;
use sandbox::faults::{Fault, FaultRule, Target};
use server::doctor::Severity;

fn refuse(world: &World, path: &str, status: u16) {
    let fault = Fault::Answer {
        status,
        effect: false,
    };
    let rule = FaultRule::always(Target::Stripe, fault).at("GET", path);
    world.sandbox.with(|w| w.faults.add(rule));
}

async fn endpoint(world: &World) -> String {
    let answer = reqwest::Client::new()
        .get(format!("{}/v1/webhook_endpoints", world.sandbox.base_url()))
        .bearer_auth("sk_test_sandbox")
        .send()
        .await
        .unwrap();
    let all: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    all["data"][0]["id"].as_str().unwrap().to_owned()
}

async fn a_refused_key(world: &World) {
    let report = look_with(world, &[("STRIPE_SECRET_KEY", "sk_test_rolled")]).await;
    keeps_out(
        &report,
        "Stripe refuses STRIPE_SECRET_KEY",
        "Developers → API keys",
    );
    is_right(&report, "the bot is in the server");
}
on_both!(a_refused_key);

async fn a_stripe_nobody_reaches(world: &World) {
    let report = look_with(world, &[("STRIPE_API_BASE", "http://127.0.0.1:9/")]).await;
    keeps_out(&report, "Stripe cannot be asked", "status.stripe.com");
    is_right(&report, "the bot is in the server");
}
on_both!(a_stripe_nobody_reaches);

async fn rights_a_restricted_key_lacks(world: &World) {
    let key = "rk_test_sandbox";
    world
        .sandbox
        .with(|w| key.clone_into(&mut w.stripe.settings.api_key));
    let own = [("STRIPE_SECRET_KEY", key)];
    is_right(
        &look_with(world, &own).await,
        "the restricted key may read all it has to",
    );
    refuse(world, "/v1/subscriptions", 403);
    refuse(world, "/v1/events", 403);
    let report = look_with(world, &own).await;
    keeps_out(
        &report,
        "lacks the right to Subscriptions",
        "the restricted key → Edit: Subscriptions, write",
    );
    let (_, finding) = found(&report, "lacks the right to Events");
    assert_eq!(finding.severity, Severity::Advice);
    world.sandbox.with(|w| w.faults.clear());
    refuse(world, "/v1/account", 403);
    advises(
        &look_with(world, &own).await,
        "may not say for which account",
        "if it is the right one",
    );
    world.sandbox.with(|w| w.faults.clear());
    refuse(world, "/v1/products", 403);
    keeps_out(
        &look_with(world, &own).await,
        "may not read the plans",
        "Products and Prices, read",
    );
}
on_both!(rights_a_restricted_key_lacks);

async fn an_account_that_takes_no_payments(world: &World) {
    world
        .sandbox
        .with(|w| w.stripe.settings.charges_enabled = false);
    keeps_out(
        &look(world).await,
        "Stripe takes no payments for this account",
        "activate payments",
    );
}
on_both!(an_account_that_takes_no_payments);

async fn another_account_mode_or_server(world: &World) {
    let old: Vec<(String, String)> = sqlx::query_as("SELECT name, value FROM installation")
        .fetch_all(world.state.db.reader())
        .await
        .unwrap();
    for (pin, variable) in [
        ("stripe_account", "STRIPE_SECRET_KEY is for another account"),
        ("stripe_mode", "STRIPE_SECRET_KEY is for another mode"),
        ("guild", "DISCORD_GUILD_ID is for another server"),
    ] {
        let set = async |value: &str| {
            let mut tx = world.state.db.begin().await.unwrap();
            sqlx::query("UPDATE installation SET value = $1 WHERE name = $2")
                .bind(value)
                .bind(pin)
                .execute(&mut *tx)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        };
        set("another").await;
        keeps_out(&look(world).await, variable, "or a new database");
        let (_, before) = old.iter().find(|(name, _)| name == pin).unwrap();
        set(before).await;
    }
}
on_both!(another_account_mode_or_server);

async fn the_webhook_endpoint(world: &World) {
    let report = look_with(world, &[("PUBLIC_URL", "https://members.example.org")]).await;
    let (_, finding) = found(
        &report,
        "no webhook endpoint for https://members.example.org/webhooks/stripe",
    );
    assert_eq!(finding.severity, Severity::Advice, "events are polled");
    assert!(finding.todo.contains("rollcall setup"));
    set_up(world).await;
    is_right(&look(world).await, "the webhook endpoint is enabled");
    let path = format!("/v1/webhook_endpoints/{}", endpoint(world).await);
    let form = [
        ("disabled", "true"),
        ("enabled_events[]", "invoice.paid"),
        ("enabled_events[]", "topup.created"),
    ];
    world.at_stripe(&path, &form).await;
    let report = look(world).await;
    advises(
        &report,
        "it is disabled; it misses checkout.session.completed",
        "rollcall setup",
    );
    found(&report, "it is for 1 other events too");
    refuse(world, "/v1/webhook_endpoints", 403);
    advises(
        &look(world).await,
        "may not read the webhook endpoint",
        "Webhook Endpoints, read",
    );
}
on_both!(the_webhook_endpoint);

async fn an_endpoint_of_another_version(world: &World) {
    let form = [
        ("url", "https://members.example.org/webhooks/stripe"),
        ("api_version", "2025-03-31.basil"),
        ("enabled_events[]", "invoice.paid"),
    ];
    world.at_stripe("/v1/webhook_endpoints", &form).await;
    let report = look_with(world, &[("PUBLIC_URL", "https://members.example.org")]).await;
    let (_, finding) = found(&report, "sends in version 2025-03-31.basil");
    assert_eq!(finding.severity, Severity::Advice);
}
on_both!(an_endpoint_of_another_version);

async fn the_customer_portal(world: &World) {
    advises(
        &look(world).await,
        "The customer portal has no configuration of ours",
        "rollcall setup",
    );
    set_up(world).await;
    is_right(&look(world).await, "the customer portal is configured");
    let id: String =
        sqlx::query_scalar("SELECT value FROM installation WHERE name = 'portal_configuration'")
            .fetch_one(world.state.db.reader())
            .await
            .unwrap();
    let path = format!("/v1/billing_portal/configurations/{id}");
    world
        .at_stripe(&path, &[("features[invoice_history][enabled]", "false")])
        .await;
    advises(
        &look(world).await,
        "The customer portal's configuration bpc_",
        "rollcall setup",
    );
}
on_both!(the_customer_portal);
