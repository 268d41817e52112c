//! Who may not: nobody signed in, somebody else, another site.

use super::{ask_deletion, confirm, post, stage, ticket};
use crate::login::site::{ADA, GRACE, location};
use crate::on_both;
use crate::support::World;
use app::account::AccountError;
use reqwest::{Method, StatusCode};

use super::LINUS;

const FUNCTIONS: [(&str, &[(&str, &str)]); 3] = [
    ("/api/delete_account", &[("typed", "delete")]),
    ("/api/keep_account", &[]),
    ("/account/move/confirm", &[("ticket", "mov_1")]),
];

async fn nobody_signed_in_is_led_to_sign_in(world: &World) {
    let ada = world.sign_in(ADA).await;
    let mut stranger = ada.browser.clone();
    stranger.cookies.clear();
    for (path, form) in FUNCTIONS {
        let to = post(&mut stranger, path, form).await;
        assert!(to.starts_with("/login?next=%2Faccount"), "{path} {to}");
        let answer = stranger.post_form_as_script(path, form).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
        let error: AccountError = answer.json().await.unwrap();
        assert_eq!(error, AccountError::NotSignedIn);
    }
    for page in ["/account", "/account/delete", "/account/move"] {
        let to = location(&stranger.get(page).await);
        assert_eq!(to, format!("/login?next={}", page.replace('/', "%2F")));
    }
    let begun = location(&stranger.get("/account/move/old").await);
    assert_eq!(begun, "/login?next=%2Faccount%2Fmove");
    assert_eq!(stage(world, &ada.user_id).await, None);
}
on_both!(nobody_signed_in_is_led_to_sign_in);

async fn another_site_cannot_post(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let ticket = ticket(world, &mut ada, LINUS).await;
    let evil = [
        ("origin", "https://evil.example"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    for (path, _) in FUNCTIONS {
        let answer = ada.browser.send(Method::POST, path, &evil).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(stage(world, &ada.user_id).await, None);
    assert_eq!(confirm(&mut ada, &ticket).await, "/account?moved=1");
    world.settle().await;
}
on_both!(another_site_cannot_post);

async fn somebody_else_changes_nothing_of_mine(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let moving = ticket(world, &mut ada, LINUS).await;
    let mut grace = world.sign_in(GRACE).await;
    // Whoever knows the ticket, and even whom it is for, cannot use it.
    assert_eq!(
        confirm(&mut grace, &moving).await,
        "/account/move?problem=not-fresh"
    );
    let page = grace
        .browser
        .get(&format!("/account/move?ticket={moving}"))
        .await;
    assert_eq!(page.status(), StatusCode::CONFLICT);
    assert!(!page.text().await.unwrap().contains("Ada Lovelace"));
    let mut linus = world.sign_in(LINUS).await;
    assert_eq!(
        confirm(&mut linus, &moving).await,
        "/account/move?problem=not-fresh"
    );

    ask_deletion(&mut ada).await;
    let kept = post(&mut grace.browser, "/api/keep_account", &[]).await;
    assert_eq!(kept, "/account?problem=too-late");
    assert_eq!(stage(world, &ada.user_id).await.as_deref(), Some("asked"));
    let typed = grace
        .browser
        .post_form_as_script("/api/keep_account", &[])
        .await;
    assert_eq!(typed.status(), StatusCode::CONFLICT);
    let kept = post(&mut ada.browser, "/api/keep_account", &[]).await;
    assert_eq!(kept, "/account?kept=1");
}
on_both!(somebody_else_changes_nothing_of_mine);
