//! The desk: who may see it, what it lists, and what its buttons do.

use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::{Kind, Person, World};
use app::admin::{AdminPort, Counts, InboxAsked, RoleChange};
use app::login::Viewer;
use axum::body::Body;
use reqwest::{Method, StatusCode};
use sandbox::faults::{Fault, FaultRule, Target};
use server::admin::{Admin, listing};
use sqlx::{AssertSqlSafe, Row};
use std::collections::BTreeSet;
use std::sync::Arc;

const PAGES: [&str; 6] = [
    "/admin",
    "/admin/inbox",
    "/admin/work",
    "/admin/incidents",
    "/admin/roles",
    "/admin/people",
];
/// Each of the desk's functions with fields it would take.
const FUNCTIONS: [(&str, &[(&str, &str)]); 6] = [
    ("desk_replay", &[("event_id", "evt_1")]),
    ("desk_retry", &[("kind", "plans"), ("id", "all")]),
    ("desk_retry_all", &[("kind", "payer")]),
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

async fn the_inbox_is_listed_by_pages_and_filtered(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let customer = ada.customer().await;
    let mut tx = world.state.db.begin().await.unwrap();
    // Two at the same moment, so that the id decides; older than everything that came.
    for at in 0..130_i64 {
        sqlx::query(
            "INSERT INTO inbox (id, type, created_at, livemode, object_id, customer_id, received_at, outcome, trace) \
             VALUES ($1, $2, 1, 0, 'x_1', 'cus_other', $3, 'not for us', $1)",
        )
        .bind(format!("evt_old_{at:03}"))
        .bind(if at % 2 == 0 { "old.even" } else { "old.odd" })
        .bind(1_000 + at / 2)
        .execute(&mut *tx)
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    let desk = desk(world);
    let mut asked = InboxAsked::default();
    let mut ids = Vec::new();
    loop {
        let page = desk.inbox(&asked).await.unwrap();
        assert!(page.lines.len() <= 50);
        ids.extend(page.lines.iter().map(|line| line.id.clone()));
        if !page.more {
            break;
        }
        asked.before = page.lines.last().map(app::admin::InboxLine::key);
    }
    let all = world.count("SELECT COUNT(*) FROM inbox").await;
    assert_eq!(i64::try_from(ids.len()).unwrap(), all, "every event once");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    let old: Vec<&String> = ids.iter().filter(|id| id.starts_with("evt_old")).collect();
    assert!(old.is_sorted_by(|a, b| a > b), "newest first");

    let of = async |asked: InboxAsked| desk.inbox(&asked).await.unwrap().lines;
    let odd = of(InboxAsked {
        kind: Some("old.odd".into()),
        ..InboxAsked::default()
    })
    .await;
    assert_eq!(odd.len(), 50);
    assert!(odd.iter().all(|line| line.kind == "old.odd"));
    let hers = of(InboxAsked {
        customer: Some(customer.clone()),
        outcome: Some("marked".into()),
        ..InboxAsked::default()
    })
    .await;
    assert!(!hers.is_empty());
    for line in &hers {
        assert_eq!(line.customer_id.as_ref(), Some(&customer));
        assert_eq!(line.person.as_ref().unwrap().0, ada.user_id);
    }
    let mut grace = world.sign_in(GRACE).await;
    let page = grace
        .page(&format!(
            "/admin/inbox?customer={customer}&type=invoice.paid"
        ))
        .await;
    assert!(page.contains("invoice.paid") && page.contains("Replay") && !page.contains("evt_old"));
    let page = grace.page("/admin/inbox?type=nonsense%3Cb%3E").await;
    assert!(page.contains("No event fits.") && !page.contains("<b>"));
}
on_both!(the_inbox_is_listed_by_pages_and_filtered);

/// The plan of a statement on SQLite, a line each.
async fn plan(world: &World, sql: &str, asked: &InboxAsked, texts: &[String]) -> String {
    let mut query = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).bind(50_i64);
    for text in texts {
        query = query.bind(text);
    }
    if let Some((at, id)) = &asked.before {
        query = query.bind(*at).bind(id);
    }
    let rows = query.fetch_all(world.state.db.reader()).await.unwrap();
    let lines: Vec<String> = rows
        .iter()
        .map(|row| row.get::<String, _>("detail"))
        .collect();
    lines.join("\n")
}

#[tokio::test]
async fn a_page_of_ten_thousand_events_reads_an_index_in_its_order() {
    let world = World::start(Kind::Sqlite).await;
    let mut tx = world.state.db.begin().await.unwrap();
    for at in 0..10_000_i64 {
        sqlx::query(
            "INSERT INTO inbox (id, type, created_at, livemode, object_id, customer_id, received_at, outcome, trace) \
             VALUES ($1, $2, $3, 0, $1, $4, $3, $5, $1)",
        )
        .bind(format!("evt_{at:05}"))
        .bind(format!("type.{}", at % 7))
        .bind(1_000_000 + at)
        .bind(format!("cus_{}", at % 900))
        .bind(if at % 50 == 0 { "wrong mode" } else { "marked" })
        .execute(&mut *tx)
        .await
        .unwrap();
    }
    sqlx::query("ANALYZE").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let text = |text: &str| Some(text.to_owned());
    for (kind, customer, outcome, index) in [
        (None, None, None, "inbox_newest"),
        (text("type.3"), None, None, "inbox_type"),
        (None, text("cus_7"), None, "inbox_customer"),
        (None, None, text("wrong mode"), "inbox_outcome"),
        (text("type.3"), text("cus_7"), text("marked"), "inbox_"),
    ] {
        for before in [None, Some((1_005_000, "evt_05000".to_owned()))] {
            let asked = InboxAsked {
                kind: kind.clone(),
                customer: customer.clone(),
                outcome: outcome.clone(),
                before,
            };
            let (sql, texts) = listing(&asked);
            let plan = plan(&world, &sql, &asked, &texts).await;
            assert!(
                plan.contains(&format!("USING INDEX {index}")),
                "{asked:?}\n{plan}"
            );
            // The fifty of the page may be put in order again; the ten thousand may not.
            let inner = plan
                .lines()
                .take_while(|line| !line.contains("SCAN page"))
                .collect::<Vec<_>>();
            assert!(
                inner.iter().all(|line| !line.contains("TEMP B-TREE")),
                "{asked:?}\n{plan}"
            );
        }
    }
    world.finish().await;
}

async fn a_replayed_event_is_handled_again(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let mut grace = world.sign_in(GRACE).await;
    let event: String =
        sqlx::query_scalar("SELECT id FROM inbox WHERE type = 'invoice.paid' LIMIT 1")
            .fetch_one(world.state.db.reader())
            .await
            .unwrap();
    // Something Stripe knows and no event told.
    let subscription: String = sqlx::query_scalar("SELECT id FROM subscriptions")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_now(now, &subscription).unwrap();
    });
    world.work().await;
    assert_eq!(ada.membership().await.unwrap().1, "granted");
    let to = press(&mut grace, "desk_replay", &[("event_id", &event)]).await;
    assert_eq!(to, "/admin/work?done=replayed");
    world.work().await;
    assert_eq!(ada.membership().await.unwrap().1, "denied");
    assert_eq!(acts(world).await, [("replay".into(), event.clone())].into());
    world.settle().await;
    // It is a part of her story.
    let found = desk(world).people(ADA).await.unwrap();
    assert_eq!(found[0].user_id, ada.user_id);
    assert!(
        found[0]
            .lines
            .iter()
            .any(|line| line.event == "replay" && line.subject == event)
    );

    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE inbox SET outcome = 'wrong mode', livemode = 1 WHERE id = $1")
        .bind(&event)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let to = press(&mut grace, "desk_replay", &[("event_id", &event)]).await;
    assert_eq!(to, "/admin/work?problem=wrong-mode");
}
on_both!(a_replayed_event_is_handled_again);

async fn parked_work_is_shown_and_tried_again(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let mut grace = world.sign_in(GRACE).await;
    let break_stripe = |status| {
        world.sandbox.with(|w| {
            w.faults.add(FaultRule::always(
                Target::Stripe,
                Fault::Answer {
                    status,
                    effect: false,
                },
            ));
        });
    };
    let mend = || world.sandbox.with(|w| w.faults.clear());
    let payer: String = sqlx::query_scalar("SELECT id FROM payers WHERE user_id = $1")
        .bind(&ada.user_id)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let event: String =
        sqlx::query_scalar("SELECT id FROM inbox WHERE type = 'invoice.paid' LIMIT 1")
            .fetch_one(world.state.db.reader())
            .await
            .unwrap();
    break_stripe(401);
    press(&mut grace, "desk_replay", &[("event_id", &event)]).await;
    world.work().await;
    let counts = desk(world).counts().await.unwrap();
    assert_eq!((counts.parked, counts.failing), (1, 0));
    let work = desk(world).work().await.unwrap();
    assert_eq!(
        (work.parked[0].kind.as_str(), &work.parked[0].id),
        ("payer", &payer)
    );
    assert_eq!(work.parked[0].person.as_ref().unwrap().0, ada.user_id);
    assert!(!work.parked[0].error.is_empty());
    let page = grace.page("/admin/work").await;
    assert!(page.contains(&payer) && page.contains("Retry"));
    let page = grace.page("/admin/incidents").await;
    assert!(page.contains("What to do."));

    mend();
    let subject = [("kind", "payer"), ("id", payer.as_str())];
    let to = press(&mut grace, "desk_retry", &subject).await;
    assert_eq!(to, "/admin/work?done=retried");
    world.settle().await;
    assert_eq!(desk(world).counts().await.unwrap().parked, 0);
    let to = press(&mut grace, "desk_retry", &subject).await;
    assert_eq!(
        to, "/admin/work?problem=changed",
        "there is nothing to try again"
    );

    // All of a kind at once.
    break_stripe(401);
    press(&mut grace, "desk_replay", &[("event_id", &event)]).await;
    world.work().await;
    assert_eq!(desk(world).counts().await.unwrap().parked, 1);
    mend();
    let to = press(&mut grace, "desk_retry_all", &[("kind", "payer")]).await;
    assert_eq!(to, "/admin/work?done=retried-all");
    world.settle().await;

    // What passes by itself is shown with when it comes again, and can be tried now.
    break_stripe(500);
    press(&mut grace, "desk_replay", &[("event_id", &event)]).await;
    world.work().await;
    let work = desk(world).work().await.unwrap();
    assert_eq!(work.failing.len(), 1);
    assert!(work.failing[0].again_at.unwrap() > 0);
    mend();
    let to = press(&mut grace, "desk_retry", &subject).await;
    assert_eq!(to, "/admin/work?done=retried");
    world.settle().await;
    assert_eq!(
        desk(world).counts().await.unwrap(),
        Counts {
            incidents: desk(world).counts().await.unwrap().incidents,
            ..Counts::default()
        }
    );
    let events: Vec<String> = acts(world)
        .await
        .into_iter()
        .map(|(event, _)| event)
        .collect();
    for event in ["replay", "retry", "retry all"] {
        assert!(events.iter().any(|done| done == event), "{event}");
    }
    close_parked(world, &mut grace).await;
}
on_both!(parked_work_is_shown_and_tried_again);

/// Closes what is open about parked work, where nothing else does.
async fn close_parked(world: &World, grace: &mut Person<'_>) {
    for line in desk(world).incidents().await.unwrap().open {
        assert_eq!(line.kind, "parked");
        let form = [("kind", "parked"), ("subject", line.subject.as_str())];
        let to = press(grace, "desk_dismiss", &form).await;
        assert_eq!(to, "/admin/work?done=dismissed");
    }
}

async fn an_incident_is_told_with_advice_and_closed_once(world: &World) {
    let mut grace = world.sign_in(GRACE).await;
    let now = world.state.clock.policy_ms();
    let mut tx = world.state.db.begin().await.unwrap();
    for kind in ["join refused", "role refused"] {
        let subject = &grace.user_id;
        server::incidents::open(&mut tx, kind, subject, "the words of the day", now)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let page = grace.page("/admin/incidents").await;
    assert!(page.contains("the words of the day") && page.contains("send them an invite"));
    assert_eq!(desk(world).counts().await.unwrap().incidents, 2);
    let user = grace.user_id.clone();
    let join = [("kind", "join refused"), ("subject", user.as_str())];
    let to = press(&mut grace, "desk_dismiss", &join).await;
    assert_eq!(to, "/admin/work?done=dismissed");
    let to = press(&mut grace, "desk_dismiss", &join).await;
    assert_eq!(to, "/admin/work?problem=changed");
    // What closes when it is mended is not hidden by hand.
    let role = [("kind", "role refused"), ("subject", user.as_str())];
    let to = press(&mut grace, "desk_dismiss", &role).await;
    assert_eq!(to, "/admin/work?problem=changed");
    let lists = desk(world).incidents().await.unwrap();
    assert_eq!((lists.open.len(), lists.closed.len()), (1, 1));
    assert_eq!(lists.open[0].person.as_ref().unwrap().0, user);
    let mut tx = world.state.db.begin().await.unwrap();
    server::incidents::close(&mut tx, "role refused", &user, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}
on_both!(an_incident_is_told_with_advice_and_closed_once);

/// Sets a product's roles at Stripe.
async fn map(world: &World, plan: &str, roles: &str) -> String {
    let id: String = sqlx::query_scalar("SELECT id FROM plans WHERE name = $1")
        .bind(plan)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let answer = reqwest::Client::new()
        .post(format!("{}/v1/products/{id}", world.sandbox.base_url()))
        .bearer_auth("sk_test_sandbox")
        .form(&[("metadata[rollcall_roles]", roles)])
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success());
    world.settle().await;
    id
}

/// A role of the server that no plan has, below the bot's.
fn spare_role(world: &World) -> String {
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.create_role(now, "Guests", 0).unwrap()
    })
}

async fn a_role_joins_and_leaves_a_plan_with_a_yes(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let mut grace = world.sign_in(GRACE).await;
    let old = world.plan_roles("Member").await;
    let new = spare_role(world);
    let plan = map(world, "Member", &format!("{},{new}", old.join(","))).await;
    assert!(
        !ada.has_roles(std::slice::from_ref(&new)),
        "not before the yes"
    );
    let waiting = desk(world).roles().await.unwrap().waiting;
    assert_eq!(waiting.len(), 1);
    assert_eq!(
        (waiting[0].change, waiting[0].people),
        (RoleChange::Joining, 1)
    );
    assert_eq!(waiting[0].role_name.as_deref(), Some("Guests"));
    let page = grace.page("/admin/roles").await;
    assert!(page.contains("Guests joins Member") && page.contains("1 person who has"));

    let answer = |yes| {
        [
            ("plan_id", plan.as_str()),
            ("role_id", new.as_str()),
            ("rights", ""),
            ("yes", yes),
        ]
    };
    let to = press(&mut grace, "desk_answer_role", &answer("true")).await;
    assert_eq!(to, "/admin/work?done=approved");
    let to = press(&mut grace, "desk_answer_role", &answer("false")).await;
    assert_eq!(to, "/admin/work?problem=changed", "answered once");
    world.settle().await;
    assert!(ada.has_roles(std::slice::from_ref(&new)));

    map(world, "Member", &old.join(",")).await;
    assert!(
        ada.has_roles(std::slice::from_ref(&new)),
        "nobody loses it before the yes"
    );
    assert_eq!(
        desk(world).roles().await.unwrap().waiting[0].change,
        RoleChange::Leaving
    );
    press(&mut grace, "desk_answer_role", &answer("false")).await;
    map(world, "Member", &old.join(",")).await;
    assert!(ada.has_roles(std::slice::from_ref(&new)));
    assert_eq!(
        desk(world).roles().await.unwrap().waiting,
        [],
        "a no is not asked again"
    );

    map(world, "Member", &format!("{},{new}", old.join(","))).await;
    map(world, "Member", &old.join(",")).await;
    press(&mut grace, "desk_answer_role", &answer("true")).await;
    world.settle().await;
    assert!(!ada.has_roles(std::slice::from_ref(&new)));
    assert!(ada.has_roles(&old));
    assert_eq!(
        acts(world).await,
        [("role answered".into(), new.clone())].into()
    );
    let details: Vec<String> =
        sqlx::query_scalar("SELECT detail FROM audit WHERE event = 'role answered' ORDER BY at")
            .fetch_all(world.state.db.reader())
            .await
            .unwrap();
    assert_eq!(details.len(), 3);
}
on_both!(a_role_joins_and_leaves_a_plan_with_a_yes);

async fn a_declined_role_is_not_asked_about_again(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let mut grace = world.sign_in(GRACE).await;
    let old = world.plan_roles("Member").await;
    let new = spare_role(world);
    let both = format!("{},{new}", old.join(","));
    let plan = map(world, "Member", &both).await;
    let no = [
        ("plan_id", plan.as_str()),
        ("role_id", new.as_str()),
        ("rights", ""),
        ("yes", "false"),
    ];
    let to = press(&mut grace, "desk_answer_role", &no).await;
    assert_eq!(to, "/admin/work?done=declined");
    map(world, "Member", &both).await;
    assert_eq!(desk(world).roles().await.unwrap().waiting, []);
    assert!(!ada.has_roles(std::slice::from_ref(&new)));
    // Taken out and put in again is another question.
    map(world, "Member", &old.join(",")).await;
    map(world, "Member", &both).await;
    assert_eq!(desk(world).roles().await.unwrap().waiting.len(), 1);
}
on_both!(a_declined_role_is_not_asked_about_again);

async fn dangerous_rights_need_a_yes_of_their_own(world: &World) {
    let role = world.plan_roles("Member").await.remove(0);
    let carries = |rights: u64| {
        world.sandbox.with(|w| {
            let now = w.clock.now_ms();
            w.discord.set_role_permissions(now, &role, rights).unwrap();
        });
    };
    carries(1 << 1);
    world.advance(std::time::Duration::from_mins(11));
    world.work().await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    assert!(world.roles_of(ADA).is_empty());
    let mut grace = world.sign_in(GRACE).await;
    let listed = desk(world).roles().await.unwrap().dangerous;
    assert_eq!(
        (listed[0].rights.clone(), listed[0].people),
        (vec!["Kick Members".to_owned()], 1)
    );
    let page = grace.page("/admin/roles").await;
    assert!(page.contains("Carries Kick Members"));

    // It got more rights after the page was shown: the yes was not to those.
    carries((1 << 1) | (1 << 2));
    world.advance(std::time::Duration::from_mins(11));
    world.work().await;
    let yes = |rights| {
        [
            ("role_id", role.as_str()),
            ("rights", rights),
            ("yes", "true"),
        ]
    };
    let to = press(&mut grace, "desk_allow_role", &yes("Kick Members")).await;
    assert_eq!(to, "/admin/work?problem=changed");
    assert!(world.roles_of(ADA).is_empty());

    let to = press(
        &mut grace,
        "desk_allow_role",
        &yes("Kick Members, Ban Members"),
    )
    .await;
    assert_eq!(to, "/admin/work?done=allowed");
    world.settle().await;
    assert!(ada.has_roles(std::slice::from_ref(&role)));
    let allowed = desk(world).roles().await.unwrap().dangerous[0]
        .allowed
        .clone();
    assert_eq!(allowed.unwrap().0, format!("operator:{GRACE}"));
    assert_eq!(desk(world).counts().await.unwrap().incidents, 0);

    // A right it gets later is not covered; who has the role keeps it.
    carries((1 << 1) | (1 << 2) | (1 << 3));
    world.advance(std::time::Duration::from_mins(11));
    world.work().await;
    assert_eq!(
        desk(world).roles().await.unwrap().dangerous[0].allowed,
        None
    );
    assert_eq!(desk(world).counts().await.unwrap().incidents, 1);
    assert!(ada.has_roles(std::slice::from_ref(&role)));
    carries(0);
    world.advance(std::time::Duration::from_mins(11));
    world.settle().await;
}
on_both!(dangerous_rights_need_a_yes_of_their_own);

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
