//! `rollcall setup` and `rollcall replay` beside a sandbox.

use crate::login::site::{ADA, environment};
use crate::on_both;
use crate::support::World;
use sandbox::ApiRequest;
use sandbox::stripe::DeliveryFaults;
use serde_json::Value;
use server::config::Config;
use server::rng::Rng;
use server::setup::{self, Outcome};
use server::state::AppState;
use server::webhooks::{self, Handled};
use server::{db::installation, serve};
use std::collections::HashMap;

/// An installation as it is before its first start: no signing secret, an address of its own.
async fn installation(world: &World, more: &[(&str, &str)]) -> AppState {
    let mut variables = environment(&world.sandbox, &world.base);
    variables.remove("STRIPE_WEBHOOK_SECRETS");
    variables.insert("PUBLIC_URL".into(), "https://members.example.org".into());
    let url = &world.state.config.database_url;
    variables.insert("DATABASE_URL".into(), url.clone());
    for (name, value) in more {
        variables.insert((*name).to_owned(), (*value).to_owned());
    }
    let get = |name: &str| variables.get(name).cloned();
    assert!(Config::read(get).is_err(), "the server does not start so");
    let config = Config::read_for_setup(get).unwrap();
    let clock = world.state.clock.clone();
    serve::build(config, clock, Rng::from_os()).await.unwrap()
}

/// Runs it with that answer; what it did and said.
async fn run(state: &AppState, answer: bool) -> (Outcome, String) {
    let mut said = Vec::new();
    let outcome = setup::run(state, &mut said, |_| Ok(answer)).await.unwrap();
    (outcome, String::from_utf8(said).unwrap())
}

fn stripe(world: &World, method: &str, path: &str, form: &str) -> Value {
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        let answer = w.stripe.request(
            now,
            &ApiRequest {
                method: method.into(),
                path: path.into(),
                headers: vec![("authorization".into(), "Bearer sk_test_sandbox".into())],
                body: form.into(),
                ..ApiRequest::default()
            },
        );
        assert_eq!(answer.status, 200, "{method} {path}");
        serde_json::from_slice(&answer.body).unwrap()
    })
}

fn endpoint(world: &World) -> Value {
    let all = stripe(world, "GET", "/v1/webhook_endpoints", "");
    let ours: Vec<&Value> = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["url"] == "https://members.example.org/webhooks/stripe")
        .collect();
    assert_eq!(ours.len(), 1);
    ours[0].clone()
}

async fn changes_nothing(world: &World, state: &AppState) {
    let writes = |world: &World| {
        world
            .sandbox
            .with(|w| w.calls.iter().filter(|call| call.method != "GET").count())
    };
    let before = writes(world);
    let (outcome, said) = run(state, true).await;
    assert_eq!(outcome, Outcome::Right, "{said}");
    assert_eq!(writes(world), before);
}

/// Manage Roles and Create Invite, and the scopes of a bot with slash commands: nothing else.
fn invites_with_the_least(said: &str) {
    let link = said.lines().find_map(|line| line.strip_prefix("invite"));
    let link = url::Url::parse(link.unwrap().trim()).unwrap();
    let asked: HashMap<String, String> = link.query_pairs().into_owned().collect();
    assert_eq!(asked["scope"], "bot applications.commands");
    assert_eq!(asked["permissions"], ((1 << 28) | 1).to_string());
    assert_eq!(asked["guild_id"], sandbox::discord::GUILD.to_string());
    assert_eq!(
        asked["client_id"],
        sandbox::discord::APPLICATION.to_string()
    );
}

async fn setup_makes_what_is_missing_and_a_second_run_changes_nothing(world: &World) {
    let state = installation(world, &[]).await;
    // It asks first.
    let (outcome, said) = run(&state, false).await;
    assert_eq!(outcome, Outcome::Declined);
    assert!(
        said.contains("there is none; make one for 31 events"),
        "{said}"
    );
    assert!(said.contains("Nothing was changed."));
    let all = stripe(world, "GET", "/v1/webhook_endpoints", "");
    assert_eq!(all["data"].as_array().unwrap().len(), 1, "the tests' own");

    let (outcome, said) = run(&state, true).await;
    assert_eq!(outcome, Outcome::Changed);
    assert!(
        said.contains("secret   STRIPE_WEBHOOK_SECRETS=whsec_"),
        "{said}"
    );
    invites_with_the_least(&said);
    let made = endpoint(world);
    assert_eq!(made["api_version"], server::stripe::API_VERSION);
    assert_eq!(made["enabled_events"].as_array().unwrap().len(), 31);
    let id = installation::value(&state.db, installation::PORTAL_CONFIGURATION)
        .await
        .unwrap()
        .unwrap();
    let path = format!("/v1/billing_portal/configurations/{id}");
    let portal = stripe(world, "GET", &path, "");
    let features = &portal["features"];
    assert_eq!(features["subscription_cancel"]["mode"], "at_period_end");
    assert_eq!(features["subscription_update"]["enabled"], false);
    assert_eq!(features["payment_method_update"]["enabled"], true);
    assert_eq!(features["invoice_history"]["enabled"], true);
    assert_eq!(
        features["customer_update"]["allowed_updates"],
        serde_json::json!(["address", "name", "tax_id"])
    );
    assert_eq!(portal["metadata"]["rollcall"], "portal");
    changes_nothing(world, &state).await;
    state.db.close().await;
}
on_both!(setup_makes_what_is_missing_and_a_second_run_changes_nothing);

async fn setup_mends_what_somebody_changed(world: &World) {
    let state = installation(world, &[]).await;
    run(&state, true).await;
    let path = format!(
        "/v1/webhook_endpoints/{}",
        endpoint(world)["id"].as_str().unwrap()
    );
    stripe(
        world,
        "POST",
        &path,
        "disabled=true&enabled_events[]=invoice.paid&enabled_events[]=topup.created",
    );
    let id = installation::value(&state.db, installation::PORTAL_CONFIGURATION)
        .await
        .unwrap()
        .unwrap();
    let portal = format!("/v1/billing_portal/configurations/{id}");
    stripe(
        world,
        "POST",
        &portal,
        "features[invoice_history][enabled]=false",
    );
    // And the database is a new one, which knows of no configuration.
    let mut tx = state.db.begin().await.unwrap();
    sqlx::query("DELETE FROM installation WHERE name = 'portal_configuration'")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let (outcome, said) = run(&state, true).await;
    assert_eq!(outcome, Outcome::Changed);
    for part in [
        "it is disabled",
        "it misses checkout.session.completed",
        "for 1 other event",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("whsec_"), "a secret is told once");
    let mended = endpoint(world);
    assert_eq!(mended["status"], "enabled");
    assert_eq!(mended["enabled_events"].as_array().unwrap().len(), 31);
    let features = &stripe(world, "GET", &portal, "")["features"];
    assert_eq!(features["invoice_history"]["enabled"], true);
    assert_eq!(
        installation::value(&state.db, installation::PORTAL_CONFIGURATION)
            .await
            .unwrap(),
        Some(id),
        "found again by its mark"
    );
    changes_nothing(world, &state).await;
    state.db.close().await;
}
on_both!(setup_mends_what_somebody_changed);

async fn setup_refuses_another_account_and_says_which_right_is_missing(world: &World) {
    use sandbox::faults::{Fault, FaultRule, Target};
    let state = installation(world, &[]).await;
    let answer = |status| Fault::Answer {
        status,
        effect: false,
    };
    world.sandbox.with(|w| {
        let rule = FaultRule::always(Target::Stripe, answer(403));
        w.faults.add(rule.at("GET", "/v1/webhook_endpoints"));
    });
    let error = setup::run(&state, &mut Vec::new(), |_| Ok(true)).await;
    let told = error.unwrap_err().to_string();
    assert!(told.contains("\"write\" on Webhook Endpoints"), "{told}");
    world.sandbox.with(|w| w.faults.clear());
    let mut tx = state.db.begin().await.unwrap();
    sqlx::query("UPDATE installation SET value = 'acct_other' WHERE name = 'stripe_account'")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let error = setup::run(&state, &mut Vec::new(), |_| Ok(true)).await;
    let told = error.unwrap_err().to_string();
    assert!(
        told.contains("another account") && told.contains("acct_other"),
        "{told}"
    );
    state.db.close().await;
}
on_both!(setup_refuses_another_account_and_says_which_right_is_missing);

async fn replay_marks_again_fetches_and_says_what_is_unknown(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    // A second process on the same database, as the command is.
    let beside = installation(world, &[("STRIPE_WEBHOOK_SECRETS", " ")]).await;
    let stored: String = sqlx::query_scalar("SELECT id FROM inbox WHERE type = 'invoice.paid'")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let handled = webhooks::handle_again(&beside, &stored).await.unwrap();
    assert_eq!(handled, Handled::Again);
    assert_eq!(world.backlog().await, (1, 0), "it only marks");
    let reads = |world: &World| {
        let is = |path: &str| path == "/v1/subscriptions";
        world
            .sandbox
            .with(|w| w.calls.iter().filter(|call| is(&call.path)).count())
    };
    let before = reads(world);
    world.work().await;
    assert_eq!(reads(world), before + 1, "the server reads");

    // One that never arrived.
    let id: String = sqlx::query_scalar("SELECT id FROM subscriptions")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let lost = world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.set_delivery_faults(DeliveryFaults {
            drop: 100,
            ..DeliveryFaults::default()
        });
        w.stripe.cancel_now(now, &id).unwrap();
        w.stripe
            .latest_event("customer.subscription.deleted")
            .unwrap()
    });
    let handled = webhooks::handle_again(&beside, &lost).await.unwrap();
    assert_eq!(handled, Handled::Fetched);
    world.work().await;
    assert_eq!(
        ada.membership().await,
        Some(("canceled".into(), "denied".into()))
    );
    let again = webhooks::handle_again(&beside, &lost).await.unwrap();
    assert_eq!(again, Handled::Again);
    world.work().await;
    for unknown in ["evt_unknown", "../customers", ""] {
        let handled = webhooks::handle_again(&beside, unknown).await.unwrap();
        assert_eq!(handled, Handled::Unknown, "{unknown}");
    }
    beside.db.close().await;
}
on_both!(replay_marks_again_fetches_and_says_what_is_unknown);

/// The program itself; its exit code and what it printed.
async fn rollcall(world: &World, secrets: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let mut variables = environment(&world.sandbox, &world.base);
    variables.insert("PUBLIC_URL".into(), "https://members.example.org".into());
    variables.insert("STRIPE_WEBHOOK_SECRETS".into(), secrets.into());
    let url = &world.state.config.database_url;
    variables.insert("DATABASE_URL".into(), url.clone());
    let done = tokio::process::Command::new(env!("CARGO_BIN_EXE_rollcall"))
        .args(arguments)
        .env_clear()
        .envs(variables)
        .current_dir(std::env::temp_dir())
        .stdin(std::process::Stdio::null())
        .output()
        .await
        .unwrap();
    let said = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8(said).unwrap())
}

async fn the_program_answers_with_lines_and_an_exit_code(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let (code, said) = rollcall(world, "", &["serve"]).await;
    assert_eq!(code, Some(1));
    assert!(
        said.starts_with("rollcall: STRIPE_WEBHOOK_SECRETS is missing"),
        "{said}"
    );
    // Nobody answers the question: that is a no.
    let (code, said) = rollcall(world, "", &["setup"]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("Do this at Stripe? [y/N] Nothing was changed."),
        "{said}"
    );
    let (code, said) = rollcall(world, "", &["setup", "--yes"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("STRIPE_WEBHOOK_SECRETS=whsec_"), "{said}");
    let (code, said) = rollcall(world, "whsec_1", &["setup", "--yes"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        !said.contains("to do") && !said.contains("whsec_"),
        "{said}"
    );

    let stored: String = sqlx::query_scalar("SELECT id FROM inbox WHERE type = 'invoice.paid'")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let (code, said) = rollcall(world, "whsec_1", &["replay", &stored]).await;
    assert_eq!(
        (code, said),
        (Some(0), format!("{stored}: handled again\n"))
    );
    let (code, said) = rollcall(world, "whsec_1", &["replay", "evt_unknown", &stored]).await;
    assert_eq!(code, Some(1));
    assert!(
        said.starts_with("evt_unknown: unknown: not stored here"),
        "{said}"
    );
    // The program's clock is the machine's, the pretend world's stands still.
    world.advance(std::time::Duration::from_mins(5));
    world.settle().await;
}
on_both!(the_program_answers_with_lines_and_an_exit_code);
