//! The desk: who may see it, what it lists, and what its buttons do.

mod inbox;
mod roles;
mod work;

use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::{Person, World};
use app::admin::AdminPort;
use app::login::Viewer;
use axum::body::Body;
use reqwest::{Method, StatusCode};
use server::admin::Admin;
use std::collections::BTreeSet;
use std::sync::Arc;

const PAGES: [&str; 7] = [
    "/admin",
    "/admin/inbox",
    "/admin/work",
    "/admin/incidents",
    "/admin/roles",
    "/admin/people",
    "/admin/move",
];
/// Each of the desk's functions with fields it would take.
const FUNCTIONS: [(&str, &[(&str, &str)]); 7] = [
    ("desk_replay", &[("event_id", "evt_1")]),
    ("desk_retry", &[("kind", "plans"), ("id", "all")]),
    ("desk_retry_all", &[("kind", "payer")]),
    (
        "desk_move",
        &[("from", "usr_1"), ("to", "1"), ("reason", "x")],
    ),
    ("desk_dismiss", &[("kind", "a"), ("subject", "b")]),
    (
        "desk_answer_role",
        &[
            ("plan_id", "p"),
            ("role_id", "1"),
            ("rights", ""),
            ("yes", "true"),
        ],
    ),
    (
        "desk_allow_role",
        &[("role_id", "1"), ("rights", ""), ("yes", "true")],
    ),
];

fn desk(world: &World) -> Admin {
    Admin(world.state.clone())
}

/// Presses a button of the desk; answers where it leads.
async fn press(operator: &mut Person<'_>, function: &str, form: &[(&str, &str)]) -> String {
    let mut form = form.to_vec();
    form.push(("back", "/admin/work"));
    let answer = operator
        .browser
        .post_form(&format!("/api/{function}"), &form)
        .await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{function}");
    answer.headers()["location"].to_str().unwrap().to_owned()
}

/// (event, subject) of what operators did, in any order.
async fn acts(world: &World) -> BTreeSet<(String, String)> {
    sqlx::query_as("SELECT event, subject FROM audit WHERE actor = $1")
        .bind(format!("operator:{GRACE}"))
        .fetch_all(world.state.db.reader())
        .await
        .unwrap()
        .into_iter()
        .collect()
}

/// What can tell one answer from another, without what differs between any two requests.
async fn seen(
    answer: reqwest::Response,
    path: &str,
) -> (StatusCode, Vec<(String, String)>, String) {
    let status = answer.status();
    let headers: BTreeSet<(String, String)> = answer
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("").to_owned()))
        .filter(|(name, _)| !matches!(name.as_str(), "date" | "set-cookie" | "content-length"))
        .collect();
    // A nonce is of this answer alone.
    let nonce = answer
        .headers()
        .get("content-security-policy")
        .and_then(|policy| policy.to_str().ok()?.split_once("'nonce-"))
        .and_then(|(_, rest)| rest.split_once('\''))
        .map(|(nonce, _)| nonce.to_owned())
        .unwrap_or_default();
    let text = answer.text().await.unwrap();
    let plain = |text: &str| {
        let mut text = text
            .replace(&path.replace('/', "%2F"), "PATH")
            .replace(path, "PATH");
        if !nonce.is_empty() {
            text = text.replace(&nonce, "NONCE");
        }
        text
    };
    let headers = headers
        .into_iter()
        .map(|(name, value)| (name, plain(&value)))
        .collect();
    (status, headers, plain(&text))
}

async fn nobody_but_an_operator_learns_that_it_exists(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let mut stranger = ada.browser.clone();
    stranger.cookies.clear();
    for browser in [&mut ada.browser, &mut stranger] {
        for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT] {
            let origin = world.base.clone();
            let headers = [("origin", origin.as_str())];
            let missing = browser.send(method.clone(), "/nothing", &headers).await;
            let missing = seen(missing, "/nothing").await;
            assert_eq!(missing.0, StatusCode::NOT_FOUND);
            for path in PAGES {
                let answer = browser.send(method.clone(), path, &headers).await;
                assert_eq!(seen(answer, path).await, missing, "{method} {path}");
            }
        }
        let missing = browser.post_form("/api/nothing", &[("a", "b")]).await;
        let missing = seen(missing, "/api/nothing").await;
        assert_eq!(missing.0, StatusCode::NOT_FOUND);
        for (function, form) in FUNCTIONS {
            let path = format!("/api/{function}");
            let answer = browser.post_form(&path, form).await;
            assert_eq!(seen(answer, &path).await, missing, "{function}");
        }
        let landing = browser.get("/").await.text().await.unwrap();
        assert!(!landing.contains("/admin"));
    }
    assert!(acts(world).await.is_empty());
}
on_both!(nobody_but_an_operator_learns_that_it_exists);

async fn every_function_guards_itself(world: &World) {
    let grace = world.sign_in(GRACE).await;
    let viewer = |operator| Viewer {
        user_id: grace.user_id.clone(),
        discord_user_id: GRACE.to_owned(),
        name: "Grace".to_owned(),
        avatar_url: None,
        operator,
    };
    for (function, form) in FUNCTIONS {
        for who in [None, Some(viewer(false))] {
            // Straight to the function, without the router in front of it.
            let mut form = form.to_vec();
            form.push(("back", "/admin"));
            let mut request = axum::http::Request::post(format!("/api/{function}"))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(Body::from(serde_urlencoded::to_string(&form).unwrap()))
                .unwrap();
            if let Some(who) = who {
                request.extensions_mut().insert(who);
            }
            let port: Arc<dyn AdminPort> = Arc::new(desk(world));
            let provide = move || leptos::prelude::provide_context(port.clone());
            let answer = leptos_axum::handle_server_fns_with_context(provide, request).await;
            let answer = axum::response::IntoResponse::into_response(answer);
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{function}");
        }
    }
    assert!(acts(world).await.is_empty());
}
on_both!(every_function_guards_itself);

async fn an_operator_sees_every_page(world: &World) {
    let mut grace = world.sign_in(GRACE).await;
    assert!(grace.page("/").await.contains("href=\"/admin\""));
    for path in PAGES {
        let page = grace.page(path).await;
        assert!(page.contains("aria-label=\"Desk\""), "{path}");
    }
    let unknown = grace.browser.get("/admin/nothing").await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    for (function, form) in FUNCTIONS {
        let to = press(&mut grace, function, form).await;
        assert_eq!(to, "/admin/work?problem=changed", "{function}");
    }
    // A form that wants to lead elsewhere does not.
    let form = [("event_id", "evt_1"), ("back", "https://evil.example/")];
    let answer = grace.browser.post_form("/api/desk_replay", &form).await;
    assert_eq!(answer.headers()["location"], "/admin?problem=changed");
}
on_both!(an_operator_sees_every_page);

async fn people_are_found_by_id_customer_and_name(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let customer = ada.customer().await;
    let (name,): (String,) = sqlx::query_as("SELECT name FROM users WHERE id = $1")
        .bind(&ada.user_id)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    for search in [ADA, &customer, &name.to_uppercase(), &ada.user_id] {
        let found = desk(world).people(search).await.unwrap();
        assert_eq!(found.len(), 1, "{search}");
        assert_eq!(found[0].user_id, ada.user_id);
        assert_eq!(found[0].customers, std::slice::from_ref(&customer));
        assert!(found[0].lines.is_sorted_by(|a, b| a.at >= b.at));
        assert!(
            found[0]
                .lines
                .iter()
                .any(|line| line.event == "entitlement")
        );
    }
    assert_eq!(desk(world).people("nobody").await.unwrap(), []);
    let mut grace = world.sign_in(GRACE).await;
    let page = grace.page(&format!("/admin/people?q={customer}")).await;
    assert!(page.contains(&name) && page.contains("entitlement"));
}
on_both!(people_are_found_by_id_customer_and_name);

async fn the_figures_say_what_came_and_what_was_refused(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let forged = reqwest::Client::new()
        .post(format!("{}/webhooks/stripe", world.base))
        .header("stripe-signature", "t=1,v1=00")
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(forged.status(), StatusCode::BAD_REQUEST);
    let overview = desk(world).overview().await.unwrap();
    let stored = world.count("SELECT COUNT(*) FROM inbox").await;
    assert_eq!(
        overview.received.iter().map(|(_, n)| n).sum::<i64>(),
        stored
    );
    assert_eq!(overview.by_hour.iter().sum::<i64>(), stored);
    assert_eq!(overview.refused, 1);
    assert_eq!(overview.people, [("granted".to_owned(), 1)]);
    let mut grace = world.sign_in(GRACE).await;
    let page = grace.page("/admin").await;
    assert!(
        page.contains("STRIPE_WEBHOOK_SECRETS"),
        "a wrong secret is seen by the operator"
    );
}
on_both!(the_figures_say_what_came_and_what_was_refused);
