//! Webhook intake over HTTP: events sent on a schedule whatever came of the ones before (open loop),
//! each latency counted from the moment it was to be sent.

use crate::Outcome;
use crate::installation::{Installation, SECRET};
use crate::table::Table;
use sandbox::clock::Clock as SandboxClock;
use server::sync;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// What Stripe sends to people's endpoints is of this size.
const FILLING: usize = 3_000;
/// p99 with workers idle.
const MOST_MS: f64 = 5.0;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    Idle,
    Busy,
}

/// A signed event: body and header.
pub struct Signed {
    pub body: String,
    pub header: String,
}

pub fn signed(body: String) -> Signed {
    let at = SandboxClock::wall_ms() / 1000;
    let header = sandbox::stripe::sign(&body, SECRET, at);
    Signed { body, header }
}

pub async fn run(house: &Installation, table: &mut Table, workers: Workers) -> Outcome<()> {
    let word = match workers {
        Workers::Idle => "idle",
        Workers::Busy => "busy",
    };
    let filling = "x".repeat(FILLING);
    let created = house.eager.clock.policy_ms() / 1000;
    let events: Vec<Signed> = (0..house.size.events)
        .map(|number| {
            let payer = &house.payers[number % house.payers.len()];
            signed(format!(
                r#"{{"id":"evt_{word}_{number}","object":"event","type":"invoice.updated","created":{created},"livemode":false,"data":{{"object":{{"id":"in_{number}","object":"invoice","customer":"{}","description":"{filling}"}}}}}}"#,
                payer.customer
            ))
        })
        .collect();
    let working = (workers == Workers::Busy).then(|| tokio::spawn(sync::run(house.eager.clone())));
    let url = format!("{}/webhooks/stripe", house.base);
    let rate = u32::try_from(house.size.rate)?;
    // A runtime of its own, so that the sender is not late because the server is busy.
    let sender = std::thread::spawn(move || -> Outcome<Vec<Duration>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(send(url, events, rate))
    });
    let mut latencies = tokio::task::spawn_blocking(move || {
        sender
            .join()
            .unwrap_or_else(|_| Err("the sender stopped".into()))
    })
    .await??;
    if let Some(working) = working {
        house.until_quiet().await?;
        working.abort();
    } else {
        sync::drain(&house.eager).await?;
    }
    latencies.sort_unstable();
    let at = |share: f64| milliseconds(&latencies, share);
    let figure = |what: &str| format!("intake at {rate}/s, workers {word}: {what}");
    table.told(house.name, &figure("p50"), &format!("{:.2} ms", at(0.5)));
    if workers == Workers::Idle {
        table.at_most(house.name, &figure("p99"), at(0.99), MOST_MS, " ms");
    } else {
        table.told(house.name, &figure("p99"), &format!("{:.2} ms", at(0.99)));
    }
    table.told(
        house.name,
        &figure("longest"),
        &format!("{:.2} ms", at(1.0)),
    );
    Ok(())
}

/// The latency that this share of all does not exceed.
fn milliseconds(sorted: &[Duration], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank among some thousands"
    )]
    let rank = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1));
    sorted
        .get(rank - 1)
        .map_or(f64::INFINITY, |latency| latency.as_secs_f64() * 1000.0)
}

async fn send(url: String, events: Vec<Signed>, rate: u32) -> Outcome<Vec<Duration>> {
    let http = client()?;
    let mut latencies = Vec::with_capacity(events.len());
    let mut under_way = JoinSet::new();
    // Connections are there before the first is timed, as between Stripe and a server.
    for _ in 0..8 {
        http.get(url.replace("/webhooks/stripe", "/healthz"))
            .send()
            .await?;
    }
    let first = Instant::now() + Duration::from_millis(50);
    let gap = Duration::from_secs(1) / rate;
    for (event, number) in events.into_iter().zip(0_u32..) {
        let due = first + gap * number;
        sleep_until(due).await;
        let request = post(&http, &url, event);
        under_way.spawn(async move {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status(), due.elapsed()))
        });
        while let Some(done) = under_way.try_join_next() {
            latencies.push(stored(done??)?);
        }
    }
    while let Some(done) = under_way.join_next().await {
        latencies.push(stored(done??)?);
    }
    Ok(latencies)
}

fn stored((status, latency): (reqwest::StatusCode, Duration)) -> Outcome<Duration> {
    if status.is_success() {
        Ok(latency)
    } else {
        Err(format!("an event was answered {status}").into())
    }
}

pub fn client() -> Outcome<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(30))
        .build()?)
}

pub fn post(http: &reqwest::Client, url: &str, event: Signed) -> reqwest::RequestBuilder {
    http.post(url)
        .header("content-type", "application/json; charset=utf-8")
        .header("stripe-signature", event.header)
        .body(event.body)
}

/// Sends events as fast as they are taken, some at once.
pub async fn deliver(house: &Installation, bodies: &[&str]) -> Outcome<()> {
    let http = client()?;
    let url = format!("{}/webhooks/stripe", house.base);
    let mut under_way = JoinSet::new();
    for body in bodies {
        if under_way.len() >= 16
            && let Some(done) = under_way.join_next().await
        {
            stored(done??)?;
        }
        let request = post(&http, &url, signed((*body).to_owned()));
        under_way.spawn(async move {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status(), Duration::ZERO))
        });
    }
    while let Some(done) = under_way.join_next().await {
        stored(done??)?;
    }
    Ok(())
}
