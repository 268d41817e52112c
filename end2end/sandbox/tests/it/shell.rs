//! What stands around the engines: start and stop, the clock, faults, calls.

mod by_hand;
mod deliveries;
mod mail;
mod world_page;

use std::{error::Error, time::Duration};

use reqwest::{Client, RequestBuilder, redirect::Policy};
use sandbox::{
    clock::Clock,
    faults::{Fault, FaultRule, Target},
    shell::{Deliveries, Options, Sandbox},
    stripe,
};
use serde_json::{Value, json};
use tokio::net::TcpStream;

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// 1 November 2026, 00:00 UTC.
const NOVEMBER_MS: i64 = 1_793_491_200_000;

struct Outside {
    sandbox: Sandbox,
    http: Client,
}

impl Outside {
    async fn start(options: Options) -> TestResult<Self> {
        Ok(Self {
            sandbox: Sandbox::start(options).await?,
            http: Client::builder()
                .no_proxy()
                .redirect(Policy::none())
                .timeout(Duration::from_secs(10))
                .build()?,
        })
    }

    async fn quiet() -> TestResult<Self> {
        Self::start(quiet()).await
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.base_url())
    }

    fn stripe(&self, method: &str, path: &str) -> TestResult<RequestBuilder> {
        Ok(self
            .http
            .request(method.parse()?, self.at(path))
            .bearer_auth("sk_test_sandbox"))
    }

    /// Makes a customer of that e-mail.
    async fn customer(&self, email: &str) -> TestResult<reqwest::Response> {
        Ok(self
            .stripe("POST", "/v1/customers")?
            .form(&[("email", email)])
            .send()
            .await?)
    }

    /// How many customers have that e-mail.
    async fn customers(&self, email: &str) -> TestResult<usize> {
        let listed: Value = self
            .stripe("GET", "/v1/customers")?
            .query(&[("email", email)])
            .send()
            .await?
            .json()
            .await?;
        Ok(listed["data"].as_array().map_or(0, Vec::len))
    }

    async fn get(&self, path: &str) -> TestResult<Value> {
        Ok(self.http.get(self.at(path)).send().await?.json().await?)
    }

    async fn control(&self, path: &str, body: &Value) -> TestResult<(u16, Value)> {
        let answer = self
            .http
            .post(self.at(&format!("/_sandbox/{path}")))
            .json(body)
            .send()
            .await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    async fn page(&self, path: &str) -> TestResult<String> {
        Ok(self.http.get(self.at(path)).send().await?.text().await?)
    }
}

/// An empty world whose clock stands and whose webhooks wait to be sent.
fn quiet() -> Options {
    Options {
        clock: Clock::Manual {
            now_ms: NOVEMBER_MS,
        },
        demo: false,
        deliveries: Deliveries::ByHand,
        ..Options::default()
    }
}

#[tokio::test]
async fn the_clock_is_told_and_moved() -> TestResult {
    let world = Outside::quiet().await?;
    assert_eq!(
        world.get("/_sandbox/clock").await?,
        json!({"now_ms": NOVEMBER_MS})
    );
    let (status, told) = world
        .control("clock", &json!({"advance_days": 1, "advance_ms": 5}))
        .await?;
    assert_eq!(
        (status, told),
        (200, json!({"now_ms": NOVEMBER_MS + 86_400_005}))
    );
    let (status, _) = world
        .control("clock", &json!({"to_ms": NOVEMBER_MS}))
        .await?;
    assert_eq!(status, 400, "it never goes back");
    let (status, _) = world
        .control("clock", &json!({"advance_days": i64::MAX}))
        .await?;
    assert_eq!(status, 400);
    let form = world
        .http
        .post(world.at("/_sandbox/clock"))
        .form(&[("advance_months", "1")])
        .send()
        .await?;
    assert_eq!(form.status(), 303, "a form leads back to its page");
    assert_eq!(
        world.get("/_sandbox/clock").await?["now_ms"],
        NOVEMBER_MS + (1 + 30) * 86_400_000 + 5
    );
    Ok(())
}

#[tokio::test]
async fn what_is_no_control_is_refused() -> TestResult {
    let world = Outside::quiet().await?;
    for (path, body, expected) in [
        ("nothing", json!({}), 404),
        ("stripe/nothing", json!({}), 404),
        ("discord/nothing", json!({}), 404),
        ("deliveries/nothing", json!({}), 404),
        ("clock", json!([]), 400),
        ("clock", json!({"advance_ms": "soon"}), 400),
        ("faults", json!({"target": "moon", "kind": "hang"}), 400),
        (
            "faults",
            json!({"target": "stripe", "kind": "answer", "status": 200}),
            400,
        ),
        (
            "faults",
            json!({"target": "stripe", "kind": "answer", "status": 500, "count": 0}),
            400,
        ),
    ] {
        let (status, told) = world.control(path, &body).await?;
        assert_eq!(status, expected, "{path} {body}");
        assert!(told["error"].is_string(), "{told}");
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_can_be_replaced_with_or_without_the_effect() -> TestResult {
    let world = Outside::quiet().await?;
    for (effect, email, left) in [(false, "before@x.test", 0), (true, "after@x.test", 1)] {
        let rule = json!({
            "target": "stripe", "kind": "answer", "status": 503, "effect": effect,
            "method": "POST", "path": "/v1/cust", "count": 1,
        });
        assert_eq!(world.control("faults", &rule).await?.0, 200);
        assert_eq!(
            world.customers(email).await?,
            0,
            "another method is not struck"
        );
        let answer = world.customer(email).await?;
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["stripe-should-retry"], "true");
        let body: Value = answer.json().await?;
        assert_eq!(body["error"]["type"], "api_error");
        assert_eq!(world.customers(email).await?, left, "effect {effect}");
    }
    assert_eq!(
        world.customer("well@x.test").await?.status(),
        200,
        "each struck once"
    );
    Ok(())
}

#[tokio::test]
async fn an_answer_can_fail_to_come() -> TestResult {
    let world = Outside::quiet().await?;
    world.sandbox.with(|inner| {
        let hang = Fault::Hang { effect: true };
        inner.faults.add(
            FaultRule::always(Target::Stripe, hang)
                .at("POST", "")
                .times(1),
        );
    });
    let asked = world
        .stripe("POST", "/v1/customers")?
        .form(&[("email", "hung@x.test")])
        .timeout(Duration::from_millis(200))
        .send()
        .await;
    assert!(asked.is_err_and(|error| error.is_timeout()));
    assert_eq!(
        world.customers("hung@x.test").await?,
        1,
        "and it had landed"
    );
    let cut = json!({"target": "stripe", "kind": "cut", "count": 1});
    assert_eq!(world.control("faults", &cut).await?.0, 200);
    let answer = world.customer("cut@x.test").await;
    let broken = match answer {
        Ok(answer) => answer.bytes().await.is_err(),
        Err(_) => true,
    };
    assert!(broken, "the connection broke inside the answer");
    assert_eq!(world.customers("cut@x.test").await?, 0);
    Ok(())
}

#[tokio::test]
async fn an_answer_can_be_late_and_rules_skip_and_clear() -> TestResult {
    let world = Outside::quiet().await?;
    let slow = json!({"target": "stripe", "kind": "slow", "ms": 150, "skip": 1, "count": 1});
    assert_eq!(world.control("faults", &slow).await?.0, 200);
    assert_eq!(world.customer("a@x.test").await?.status(), 200);
    let started = tokio::time::Instant::now();
    assert_eq!(world.customer("a@x.test").await?.status(), 200);
    assert!(started.elapsed() >= Duration::from_millis(150));
    let always = json!({"target": "stripe", "kind": "answer", "status": 429});
    assert_eq!(world.control("faults", &always).await?.0, 200);
    for _ in 0..3 {
        assert_eq!(world.customer("a@x.test").await?.status(), 429);
    }
    assert_eq!(
        world.get("/_sandbox/state").await?["faults"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    let cleared = world
        .http
        .delete(world.at("/_sandbox/faults"))
        .send()
        .await?;
    assert_eq!(cleared.status(), 200);
    assert_eq!(world.customer("a@x.test").await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn calls_to_stripe_are_told() -> TestResult {
    let world = Outside::quiet().await?;
    world
        .stripe("POST", "/v1/customers")?
        .header("idempotency-key", "key-1")
        .header("stripe-version", stripe::API_VERSION)
        .form(&[("name", "Ada")])
        .send()
        .await?;
    world.customers("none@x.test").await?;
    let told = world
        .get("/_sandbox/calls?method=POST&path=/v1/customers&last=5")
        .await?;
    assert_eq!(told["total"], 2);
    assert_eq!(told["calls"].as_array().map(Vec::len), Some(1));
    let call = &told["calls"][0];
    assert_eq!(call["idempotency_key"], "key-1");
    assert_eq!(call["api_version"], stripe::API_VERSION);
    assert_eq!(call["status"], 200);
    assert_eq!(call["at_ms"], NOVEMBER_MS);
    let count = world
        .sandbox
        .with(|inner| inner.calls.count("GET", "/v1/customers"));
    assert_eq!(count, 1);
    Ok(())
}

#[tokio::test]
async fn the_same_seed_makes_the_same_world() -> TestResult {
    let world = Outside::start(Options {
        demo: true,
        ..quiet()
    })
    .await?;
    let first = world.get("/_sandbox/state").await?;
    let made: Value = world.customer("a@x.test").await?.json().await?;
    world.control("clock", &json!({"advance_days": 3})).await?;
    assert_eq!(world.control("reset", &json!({"seed": 1})).await?.0, 200);
    assert_eq!(world.get("/_sandbox/state").await?, first);
    let again: Value = world.customer("a@x.test").await?.json().await?;
    assert_eq!(again["id"], made["id"]);
    assert_eq!(world.control("reset", &json!({"seed": 2})).await?.0, 200);
    let other: Value = world.customer("a@x.test").await?.json().await?;
    assert_ne!(other["id"], made["id"]);
    Ok(())
}

#[tokio::test]
async fn long_bodies_and_unknown_addresses_are_refused() -> TestResult {
    let world = Outside::quiet().await?;
    let long = vec![b'a'; 2 * 1024 * 1024 + 1];
    let answer = world
        .stripe("POST", "/v1/customers")?
        .body(long)
        .send()
        .await?;
    assert_eq!(answer.status(), 413);
    assert_eq!(
        world.http.get(world.at("/nowhere")).send().await?.status(),
        404
    );
    assert_eq!(world.http.post(world.at("/")).send().await?.status(), 404);
    Ok(())
}

#[tokio::test]
async fn dropping_it_ends_it_with_its_open_requests() -> TestResult {
    let world = Outside::quiet().await?;
    let (addr, base) = (world.sandbox.addr, world.sandbox.base_url());
    let hang = json!({"target": "stripe", "kind": "hang"});
    world.control("faults", &hang).await?;
    let asked = world.stripe("GET", "/v1/customers")?;
    let waiting = tokio::spawn(asked.send());
    while world.sandbox.with(|inner| inner.calls.total()) == 0 {
        tokio::task::yield_now().await;
    }
    world.sandbox.stop().await;
    let ended = waiting.await?;
    assert!(ended.is_err() || ended.is_ok_and(|answer| answer.status() == 503));
    assert!(
        TcpStream::connect(addr).await.is_err(),
        "nobody listens at {base}"
    );
    Ok(())
}
