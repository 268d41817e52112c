//! Webhooks: what is stored, what is refused, and that order, loss and doubling end alike.

use crate::login::site::ADA;
use crate::on_both;
use crate::support::{WEBHOOK_SECRET, World, logs::Logs};
use reqwest::StatusCode;
use sandbox::clock::Clock;
use sandbox::stripe::{DeliveryFaults, sign};

async fn post(world: &World, body: Vec<u8>, signature: Option<String>) -> StatusCode {
    let mut request = reqwest::Client::new()
        .post(format!("{}/webhooks/stripe", world.base))
        .body(body);
    if let Some(signature) = signature {
        request = request.header("stripe-signature", signature);
    }
    request.send().await.unwrap().status()
}

fn signed(body: &str) -> String {
    sign(body, WEBHOOK_SECRET, Clock::wall_ms() / 1000)
}

fn event(id: &str, kind: &str, livemode: bool, object: &str) -> String {
    format!(
        r#"{{"id":"{id}","object":"event","type":"{kind}","created":1,"livemode":{livemode},"data":{{"object":{object}}}}}"#
    )
}

async fn outcome(world: &World, id: &str) -> Option<String> {
    sqlx::query_scalar("SELECT outcome FROM inbox WHERE id = $1")
        .bind(id)
        .fetch_optional(world.state.db.reader())
        .await
        .unwrap()
}

async fn nothing_changed(world: &World) {
    assert_eq!(world.count("SELECT COUNT(*) FROM inbox").await, 0);
    assert_eq!(world.backlog().await, (0, 0));
}

async fn forged_stale_and_broken_bodies_change_nothing(world: &World) {
    let whole = event(
        "evt_1",
        "invoice.paid",
        false,
        r#"{"id":"in_1","customer":"cus_1"}"#,
    );
    let now = Clock::wall_ms() / 1000;
    for (body, signature) in [
        (whole.as_bytes().to_vec(), None),
        (
            whole.as_bytes().to_vec(),
            Some(sign(&whole, "whsec_forged", now)),
        ),
        (
            whole.as_bytes().to_vec(),
            Some(sign(&whole, WEBHOOK_SECRET, now - 301)),
        ),
        (whole.as_bytes().to_vec(), Some("t=1".to_owned())),
        (whole.as_bytes()[..40].to_vec(), Some(signed(&whole[..40]))),
        (b"[]".to_vec(), Some(signed("[]"))),
        (Vec::new(), Some(signed(""))),
    ] {
        assert_eq!(post(world, body, signature).await, StatusCode::BAD_REQUEST);
    }
    // Signed by us, and not text at all.
    let nested = event(
        "evt_2",
        "invoice.paid",
        false,
        &format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000)),
    );
    assert_eq!(
        post(world, nested.clone().into_bytes(), Some(signed(&nested))).await,
        StatusCode::BAD_REQUEST
    );
    let mut raw = whole.clone().into_bytes();
    raw.push(0xff);
    assert_eq!(
        post(world, raw, Some(signed(&whole))).await,
        StatusCode::BAD_REQUEST
    );
    let big = "x".repeat(1024 * 1024 + 1);
    assert_eq!(
        post(world, big.clone().into_bytes(), Some(signed(&big))).await,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    nothing_changed(world).await;
}
on_both!(forged_stale_and_broken_bodies_change_nothing);

async fn what_is_not_for_us_is_stored_and_answered(world: &World) {
    let strange = event(
        "evt_strange",
        "terminal.reader.action_failed",
        false,
        r#"{"id":"tmr_1"}"#,
    );
    let live = event(
        "evt_live",
        "invoice.paid",
        true,
        r#"{"id":"in_1","customer":"cus_1"}"#,
    );
    let logs = Logs::capture();
    for body in [&strange, &live, &live] {
        assert_eq!(
            post(world, body.clone().into_bytes(), Some(signed(body))).await,
            StatusCode::OK
        );
    }
    assert_eq!(
        outcome(world, "evt_strange").await.as_deref(),
        Some("not for us")
    );
    assert_eq!(
        outcome(world, "evt_live").await.as_deref(),
        Some("wrong mode")
    );
    logs.has(&[
        "an event of the wrong mode",
        "trace=evt_live",
        "livemode=true",
    ]);
    assert_eq!(world.count("SELECT COUNT(*) FROM inbox").await, 2);
    assert_eq!(world.backlog().await, (0, 0));
    // The operator sees it until it has not happened for a day.
    let open = "SELECT COUNT(*) FROM incidents WHERE kind = 'wrong_mode' AND closed_at IS NULL";
    server::webhooks::tidy(&world.state).await.unwrap();
    assert_eq!(world.count(open).await, 1);
    let day = 24 * 60 * 60 * 1000 + 1;
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE inbox SET received_at = received_at - $1")
        .bind(day)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    server::webhooks::tidy(&world.state).await.unwrap();
    assert_eq!(world.count(open).await, 0);
}
on_both!(what_is_not_for_us_is_stored_and_answered);

async fn an_unknown_customer_is_looked_up_before_it_is_called_not_ours(world: &World) {
    let ada = world.sign_in(ADA).await;
    world.work().await;
    let calls = |world: &World, customer: &str| {
        let path = format!("/v1/customers/{customer}");
        world
            .sandbox
            .with(|w| w.calls.iter().filter(|call| call.path == path).count())
    };
    // Somebody's customer at the same account, and one of ours whose link was lost.
    let (foreign, lost) = world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        (
            w.stripe.add_customer(now, "x@example.org", &[]),
            w.stripe
                .add_customer(now, "ada@example.org", &[("rollcall_discord_user", ADA)]),
        )
    });
    world.settle().await;
    assert_eq!(calls(world, &foreign), 1);
    let links: Vec<(String, Option<String>)> = sqlx::query_as(
        "SELECT customers.id, payers.user_id FROM customers JOIN payers ON payers.id = customers.payer_id",
    )
    .fetch_all(world.state.db.reader())
    .await
    .unwrap();
    assert_eq!(links, [(lost, Some(ada.user_id.clone()))]);
}
on_both!(an_unknown_customer_is_looked_up_before_it_is_called_not_ours);

/// Pays, with the events treated as `arrive` says, and lands in the one state there is.
async fn pays(world: &World, faults: DeliveryFaults, before_return: bool, returns: bool) {
    let mut ada = world.sign_in(ADA).await;
    let price = world.price("Patron").await;
    world.sandbox.with(|w| w.stripe.set_delivery_faults(faults));
    let checkout = ada.start_checkout(&price).await;
    let session = ada.pay(&checkout, "4242424242424242").await;
    if before_return {
        world.settle().await;
    }
    if returns {
        ada.browser
            .get(&format!("/billing?session_id={session}"))
            .await;
    }
    world.settle().await;
    if !returns && ada.membership().await.is_none() {
        // Neither an event nor the person came: the timer set at the start of the checkout.
        world.advance(std::time::Duration::from_mins(11));
        world.work().await;
    }
    assert_eq!(
        ada.membership().await,
        Some(("active".into(), "granted".into()))
    );
    assert!(ada.has_roles(&world.plan_roles("Patron").await));
    assert_eq!(world.count("SELECT COUNT(*) FROM subscriptions").await, 1);
    assert_eq!(world.count("SELECT COUNT(*) FROM entitlements").await, 1);
    assert_eq!(
        world
            .count("SELECT COUNT(*) FROM grants WHERE state <> 'granted'")
            .await,
        0
    );
}

async fn the_event_arrives_before_the_return(world: &World) {
    pays(world, DeliveryFaults::default(), true, true).await;
}
on_both!(the_event_arrives_before_the_return);

async fn the_event_arrives_after_the_return(world: &World) {
    pays(world, DeliveryFaults::default(), false, true).await;
}
on_both!(the_event_arrives_after_the_return);

async fn every_event_arrives_twice_and_shuffled(world: &World) {
    let faults = DeliveryFaults {
        double: 100,
        shuffle: true,
        ..DeliveryFaults::default()
    };
    pays(world, faults, true, true).await;
}
on_both!(every_event_arrives_twice_and_shuffled);

async fn no_event_arrives_and_the_return_heals_it(world: &World) {
    let faults = DeliveryFaults {
        drop: 100,
        ..DeliveryFaults::default()
    };
    pays(world, faults, false, true).await;
}
on_both!(no_event_arrives_and_the_return_heals_it);

async fn neither_event_nor_person_comes_and_the_timer_heals_it(world: &World) {
    let faults = DeliveryFaults {
        drop: 100,
        ..DeliveryFaults::default()
    };
    pays(world, faults, false, false).await;
}
on_both!(neither_event_nor_person_comes_and_the_timer_heals_it);

async fn the_event_arrives_while_the_return_page_is_syncing(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let price = world.price("Patron").await;
    let checkout = ada.start_checkout(&price).await;
    let session = ada.pay(&checkout, "4242424242424242").await;
    // The return's read of Stripe takes a while, and the events come in the middle of it.
    world.sandbox.with(|w| {
        use sandbox::faults::{Fault, FaultRule, Target};
        w.faults.add(
            FaultRule::always(Target::Stripe, Fault::Slow { ms: 400 })
                .at("GET", "/v1/subscriptions"),
        );
    });
    let path = format!("/billing?session_id={session}");
    let (page, ()) = tokio::join!(ada.browser.get(&path), async {
        let read = || {
            world
                .sandbox
                .with(|w| w.calls.iter().any(|call| call.path == "/v1/subscriptions"))
        };
        while !read() {
            tokio::task::yield_now().await;
        }
        for delivered in world.sandbox.deliver_now().await {
            assert_eq!(delivered.status, Some(200));
        }
    });
    assert_eq!(page.status(), StatusCode::OK);
    world.sandbox.with(|w| w.faults.clear());
    world.settle().await;
    assert_eq!(
        ada.membership().await,
        Some(("active".into(), "granted".into()))
    );
    assert!(ada.has_roles(&world.plan_roles("Patron").await));
    assert_eq!(world.count("SELECT COUNT(*) FROM subscriptions").await, 1);
}
on_both!(the_event_arrives_while_the_return_page_is_syncing);

async fn a_database_that_cannot_store_answers_503(world: &World) {
    let body = event(
        "evt_1",
        "invoice.paid",
        false,
        r#"{"id":"in_1","customer":"cus_1"}"#,
    );
    sqlx::query("ALTER TABLE inbox RENAME TO inbox_away")
        .execute(world.state.db.reader())
        .await
        .unwrap();
    assert_eq!(
        post(world, body.clone().into_bytes(), Some(signed(&body))).await,
        StatusCode::SERVICE_UNAVAILABLE
    );
    sqlx::query("ALTER TABLE inbox_away RENAME TO inbox")
        .execute(world.state.db.reader())
        .await
        .unwrap();
    assert_eq!(
        post(world, body.clone().into_bytes(), Some(signed(&body))).await,
        StatusCode::OK
    );
    world.work().await;
}
on_both!(a_database_that_cannot_store_answers_503);
