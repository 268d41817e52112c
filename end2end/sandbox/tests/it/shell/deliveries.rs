//! Webhooks: signed, tried again, paused, lost and doubled.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use sandbox::{
    clock::Clock,
    shell::{Deliveries, Options, Webhook},
    stripe,
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
};

use super::{NOVEMBER_MS, Outside, TestResult, quiet};

const SECRET: &str = "whsec_from_the_test";

/// One webhook as it arrived.
struct Arrived {
    signature: String,
    body: String,
}

/// Takes webhooks, answering with the statuses in turn and then 200.
async fn receiver(
    statuses: Vec<StatusCode>,
) -> TestResult<(String, mpsc::UnboundedReceiver<Arrived>)> {
    type Shared = (
        mpsc::UnboundedSender<Arrived>,
        Arc<Mutex<std::vec::IntoIter<StatusCode>>>,
    );
    async fn take(
        State((arrived, statuses)): State<Shared>,
        headers: HeaderMap,
        body: Bytes,
    ) -> StatusCode {
        let signature = headers
            .get("stripe-signature")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let body = String::from_utf8_lossy(&body).into_owned();
        // A test that has ended wants no more of them.
        let _ = arrived.send(Arrived { signature, body });
        statuses.lock().await.next().unwrap_or(StatusCode::OK)
    }
    let (sender, arrivals) = mpsc::unbounded_channel();
    let statuses = Arc::new(Mutex::new(statuses.into_iter()));
    let app = Router::new()
        .route("/hook", post(take))
        .with_state((sender, statuses));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hook", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok((url, arrivals))
}

fn verified(arrived: &Arrived) -> TestResult<Value> {
    let at = arrived
        .signature
        .strip_prefix("t=")
        .and_then(|rest| rest.split(',').next())
        .ok_or("no time in the signature")?
        .parse::<i64>()?;
    assert!(
        (at - Clock::wall_ms() / 1000).abs() < 60,
        "signed with the machine's time"
    );
    assert_eq!(
        arrived.signature,
        stripe::sign(&arrived.body, SECRET, at),
        "signed with the endpoint's secret"
    );
    Ok(serde_json::from_str(&arrived.body)?)
}

#[tokio::test]
async fn webhooks_by_hand_are_signed_and_tried_again() -> TestResult {
    let (url, mut arrivals) = receiver(vec![StatusCode::INTERNAL_SERVER_ERROR]).await?;
    let world = Outside::start(Options {
        webhook: Some(Webhook {
            url,
            secret: Some(SECRET.into()),
        }),
        ..quiet()
    })
    .await?;
    assert_eq!(
        world.get("/_sandbox/state").await?["webhook_secret"],
        SECRET
    );
    world.customer("hook@x.test").await?;
    assert!(arrivals.try_recv().is_err(), "nothing goes by itself");
    let sent = world.sandbox.deliver_now().await;
    assert_eq!(
        sent.iter().map(|sent| sent.status).collect::<Vec<_>>(),
        [Some(500)]
    );
    let event = verified(&arrivals.recv().await.ok_or("nothing came")?)?;
    assert_eq!(event["type"], "customer.created");
    assert_eq!(
        event["created"],
        NOVEMBER_MS / 1000,
        "made by the movable clock"
    );
    assert_eq!(event["data"]["object"]["email"], "hook@x.test");
    assert!(
        world.sandbox.deliver_now().await.is_empty(),
        "the retry is not due"
    );
    let later = Clock::wall_ms() + 3_600_000;
    let sent = world.sandbox.deliver_at(later).await;
    assert_eq!(
        sent.iter().map(|sent| sent.status).collect::<Vec<_>>(),
        [Some(200)]
    );
    let again = verified(&arrivals.recv().await.ok_or("no retry came")?)?;
    assert_eq!(again["id"], event["id"]);
    assert!(
        world
            .sandbox
            .deliver_at(later + 86_400_000)
            .await
            .is_empty()
    );
    let id = event["id"].as_str().ok_or("no id")?;
    let (status, _) = world
        .control("deliveries/resend", &json!({"event": id}))
        .await?;
    assert_eq!(status, 200);
    let (_, flushed) = world.control("deliveries/flush", &json!({})).await?;
    assert_eq!(flushed["sent"][0]["event"], id);
    assert_eq!(flushed["sent"][0]["status"], 200);
    let (status, _) = world
        .control("deliveries/resend", &json!({"event": "evt_no"}))
        .await?;
    assert_eq!(status, 404);
    Ok(())
}

#[tokio::test]
async fn webhooks_pumped_come_by_themselves_until_paused() -> TestResult {
    let (url, mut arrivals) = receiver(Vec::new()).await?;
    let world = Outside::start(Options {
        webhook: Some(Webhook {
            url,
            secret: Some(SECRET.into()),
        }),
        deliveries: Deliveries::Pumped,
        ..quiet()
    })
    .await?;
    world.customer("one@x.test").await?;
    let one = verified(&arrivals.recv().await.ok_or("nothing came")?)?;
    assert_eq!(one["data"]["object"]["email"], "one@x.test");
    assert_eq!(world.control("deliveries/pause", &json!({})).await?.0, 200);
    world.customer("two@x.test").await?;
    world.customer("three@x.test").await?;
    assert_eq!(
        world.get("/_sandbox/state").await?["deliveries_paused"],
        true
    );
    assert!(arrivals.try_recv().is_err());
    assert_eq!(world.control("deliveries/resume", &json!({})).await?.0, 200);
    let mut emails = Vec::new();
    for _ in 0..2 {
        let event = verified(&arrivals.recv().await.ok_or("nothing came")?)?;
        emails.push(event["data"]["object"]["email"].to_string());
    }
    emails.sort();
    assert_eq!(emails, ["\"three@x.test\"", "\"two@x.test\""]);
    Ok(())
}

#[tokio::test]
async fn deliveries_can_be_lost_and_doubled() -> TestResult {
    let (url, mut arrivals) = receiver(Vec::new()).await?;
    let world = Outside::quiet().await?;
    let (status, made) = world
        .control("webhook", &json!({"url": url, "secret": SECRET}))
        .await?;
    assert_eq!((status, &made["secret"]), (200, &json!(SECRET)));
    let lost = json!({"target": "deliveries", "drop": true});
    assert_eq!(world.control("faults", &lost).await?.0, 200);
    world.customer("lost@x.test").await?;
    assert!(world.sandbox.deliver_now().await.is_empty());
    let doubled = json!({"target": "deliveries", "double": 100});
    assert_eq!(world.control("faults", &doubled).await?.0, 200);
    world.customer("twice@x.test").await?;
    assert_eq!(world.sandbox.deliver_now().await.len(), 2);
    let first = verified(&arrivals.recv().await.ok_or("nothing came")?)?;
    let second = verified(&arrivals.recv().await.ok_or("nothing came")?)?;
    assert_eq!(first["id"], second["id"]);
    world
        .http
        .delete(world.at("/_sandbox/faults"))
        .send()
        .await?;
    world.customer("once@x.test").await?;
    assert_eq!(world.sandbox.deliver_now().await.len(), 1);
    Ok(())
}
