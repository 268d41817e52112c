//! Rate limits, the ban for invalid requests, and faults asked for.

use sandbox::discord::{
    Effect, Fault, INVALID_LIMIT, INVALID_WINDOW_MS, NO_ANSWER, PERSON_ADA, PERSON_GRACE,
    ROLE_MEMBER, ROLE_PATRON, Scope,
};
use serde_json::json;

use super::Bench;

fn role_path(user: u64, role: u64) -> String {
    format!("/members/{user}/roles/{role}")
}

#[test]
fn a_bucket_counts_down_refuses_and_opens_again() {
    let mut bench = Bench::new();
    bench.limit("member-roles", 3, 5_000);
    let mut bucket = None;
    for left in ["2", "1", "0"] {
        let got = bench.guild("PUT", &role_path(PERSON_ADA, ROLE_MEMBER), None);
        assert_eq!(got.status, 204);
        assert_eq!(got.header("x-ratelimit-limit"), Some("3"));
        assert_eq!(got.header("x-ratelimit-remaining"), Some(left));
        let name = got.header("x-ratelimit-bucket").map(str::to_owned);
        assert!(bucket.is_none() || bucket == name);
        bucket = name;
        bench.wall_ms += 100;
    }
    let got = bench.guild("DELETE", &role_path(PERSON_GRACE, ROLE_PATRON), None);
    assert_eq!(got.status, 429);
    assert_eq!(got.body["retry_after"], 4.7);
    assert_eq!(got.body["global"], false);
    assert_eq!(got.header("retry-after"), Some("5"));
    assert_eq!(got.header("x-ratelimit-scope"), Some("user"));
    assert_eq!(got.header("x-ratelimit-reset-after"), Some("4.700"));
    let reset = format!("{}.000", (super::START + 5_000) / 1000);
    assert_eq!(got.header("x-ratelimit-reset"), Some(reset.as_str()));
    assert!(got.header("x-ratelimit-global").is_none());

    let other = bench.guild("GET", &format!("/members/{PERSON_ADA}"), None);
    assert_eq!(other.status, 200);
    assert_ne!(
        other.header("x-ratelimit-bucket").map(str::to_owned),
        bucket
    );
    bench.now_ms += 60_000;
    let got = bench.guild("PUT", &role_path(PERSON_ADA, ROLE_MEMBER), None);
    assert_eq!(
        got.status, 429,
        "buckets follow the wall, not the movable clock"
    );
    bench.wall_ms = super::START + 5_000;
    let got = bench.guild("PUT", &role_path(PERSON_ADA, ROLE_MEMBER), None);
    assert_eq!(
        (got.status, got.header("x-ratelimit-remaining")),
        (204, Some("2"))
    );
}

#[test]
fn the_global_limit_holds_over_all_routes() {
    let mut bench = Bench::new();
    for group in ["member-roles", "member", "members"] {
        bench.limit(group, 1000, 1000);
    }
    bench.discord.limits.global_per_second = 5;
    for _ in 0..5 {
        assert_eq!(
            bench
                .guild("GET", &format!("/members/{PERSON_ADA}"), None)
                .status,
            200
        );
    }
    let got = bench.guild("GET", "/members", None);
    assert_eq!((got.status, &got.body["global"]), (429, &json!(true)));
    assert_eq!(got.header("x-ratelimit-global"), Some("true"));
    assert_eq!(got.header("x-ratelimit-scope"), Some("global"));
    bench.wall_ms += 1000;
    assert_eq!(bench.guild("GET", "/members", None).status, 200);
}

#[test]
fn ten_thousand_invalid_requests_ban_the_address() {
    let mut bench = Bench::unlimited();
    let path = format!("/guilds/{}/members/{PERSON_ADA}", bench.discord.guild_id());
    bench.discord.faults.add(Fault {
        method: None,
        path: String::new(),
        times: 50,
        effect: Effect::RateLimit {
            scope: Scope::Shared,
            retry_after_ms: 10,
        },
    });
    for _ in 0..50 {
        bench.bot("GET", &path, None);
    }
    assert_eq!(bench.discord.limits.invalid_requests(), 0);
    for _ in 0..INVALID_LIMIT - 1 {
        assert_eq!(bench.ask("Bot wrong", "GET", &path, None).status, 401);
    }
    assert_eq!(bench.bot("GET", &path, None).status, 200);
    assert_eq!(bench.ask("Bot wrong", "GET", &path, None).status, 401);
    let request = sandbox::ApiRequest {
        method: "GET".into(),
        path: format!("/api/v10{path}"),
        headers: vec![(
            "authorization".into(),
            format!("Bot {}", bench.discord.bot_token()),
        )],
        ..sandbox::ApiRequest::default()
    };
    let banned = bench.send(&request);
    assert_eq!(
        (banned.status, banned.body.as_slice()),
        (429, b"error code: 1015".as_slice())
    );
    assert_eq!(
        bench.discord.state_json()["invalid_requests"],
        INVALID_LIMIT + 1
    );
    bench.wall_ms += INVALID_WINDOW_MS;
    assert_eq!(bench.send(&request).status, 200);
}

#[test]
fn faults_strike_what_they_name_as_often_as_told() {
    let mut bench = Bench::unlimited();
    let path = role_path(PERSON_ADA, ROLE_MEMBER);
    let fault = |effect: serde_json::Value| -> Fault {
        serde_json::from_value(json!({
            "method": "PUT", "path": "/roles/", "times": 1, "effect": effect,
        }))
        .unwrap()
    };
    let ada = PERSON_ADA.to_string();
    let limit = json!({"kind": "rate_limit", "scope": "global", "retry_after_ms": 1500});
    bench.discord.faults.add(fault(limit));
    assert_eq!(bench.guild("DELETE", &path, None).status, 204);
    let got = bench.guild("PUT", &path, None);
    assert_eq!((got.status, &got.body["retry_after"]), (429, &json!(1.5)));
    assert_eq!(got.header("retry-after"), Some("2"));
    for (effect, status, landed) in [
        (json!({"kind": "status", "status": 503}), 503, false),
        (
            json!({"kind": "status", "status": 502, "landed": true}),
            502,
            true,
        ),
        (json!({"kind": "no_answer"}), NO_ANSWER, false),
        (
            json!({"kind": "no_answer", "landed": true}),
            NO_ANSWER,
            true,
        ),
    ] {
        bench.discord.faults.add(fault(effect.clone()));
        let got = if status == NO_ANSWER {
            let path = format!("/api/v10/guilds/{}{path}", bench.discord.guild_id());
            let auth = format!("Bot {}", bench.discord.bot_token());
            bench
                .send(&sandbox::ApiRequest {
                    method: "PUT".into(),
                    path,
                    headers: vec![("authorization".into(), auth)],
                    ..sandbox::ApiRequest::default()
                })
                .status
        } else {
            bench.guild("PUT", &path, None).status
        };
        assert_eq!(got, status, "{effect}");
        assert_eq!(!bench.discord.roles_of(&ada).is_empty(), landed, "{effect}");
        assert_eq!(bench.guild("DELETE", &path, None).status, 204);
    }
    bench.discord.faults.add(fault(
        json!({"kind": "status", "status": 403, "code": 50013}),
    ));
    assert_eq!(bench.guild("PUT", &path, None).refusal(), (403, 50013));
    assert_eq!(bench.guild("PUT", &path, None).status, 204);
    assert!(bench.discord.faults.waiting().is_empty());
    assert_eq!(
        bench.discord.calls.iter().filter(|call| call.fault).count(),
        6
    );
}

#[test]
fn the_log_of_calls_tells_route_outcome_and_reason_but_no_secret() {
    let mut bench = Bench::unlimited();
    let auth = format!("Bot {}", bench.discord.bot_token());
    let path = format!(
        "/guilds/{}{}",
        bench.discord.guild_id(),
        role_path(PERSON_ADA, 42)
    );
    bench.ask_because(&auth, "PUT", &path, None, Some("paid"));
    let call = bench.discord.calls.iter().next_back().unwrap().clone();
    assert_eq!(call.route, "/guilds/{guild}/members/{id}/roles/{id}");
    assert_eq!((call.status, call.code), (404, Some(10011)));
    assert_eq!(call.reason.as_deref(), Some("paid"));
    bench.ask(
        "",
        "POST",
        "/interactions/1/secret-token/callback",
        Some(json!({"type": 5})),
    );
    let call = bench.discord.calls.iter().next_back().unwrap();
    assert!(!call.path.contains("secret-token"));
}

#[test]
fn unknown_paths_and_versions_are_refused() {
    let mut bench = Bench::unlimited();
    for (path, status) in [
        ("/api/v10/nothing", 404),
        ("/api/v3/users/@me", 400),
        ("/api/v10", 404),
        ("/elsewhere", 404),
        ("/api/v10/guilds", 404),
    ] {
        let request = sandbox::ApiRequest {
            method: "GET".into(),
            path: path.into(),
            ..sandbox::ApiRequest::default()
        };
        assert_eq!(bench.send(&request).status, status, "{path}");
    }
    let url = |bench: &mut Bench, path: &str| {
        let response = bench.send(&sandbox::ApiRequest {
            method: "GET".into(),
            path: path.into(),
            ..sandbox::ApiRequest::default()
        });
        String::from_utf8(response.body).unwrap()
    };
    for path in ["/gateway", "/api/gateway", "/api/v10/gateway"] {
        assert_eq!(url(&mut bench, path), r#"{"url":"ws://127.0.0.1:4010"}"#);
    }
    assert_eq!(bench.bot("GET", "/gateway/bot", None).body["shards"], 1);
    let garbage = sandbox::ApiRequest {
        method: "PUT".into(),
        path: format!(
            "/api/v10/guilds/{}/members/{PERSON_ADA}",
            bench.discord.guild_id()
        ),
        query: String::new(),
        headers: vec![
            (
                "authorization".into(),
                format!("Bot {}", bench.discord.bot_token()),
            ),
            ("content-type".into(), "application/json".into()),
        ],
        body: b"{\xff".to_vec(),
    };
    assert_eq!(bench.send(&garbage).status, 400);
}
