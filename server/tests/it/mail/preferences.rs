//! Who wants only what is essential, and where the links of mails lead.

use super::causes::pay_with_an_old_card;
use super::{control, empty, header, letters, subjects, subscription};
use crate::login::site::{ADA, Browser};
use crate::on_both_with_mail;
use crate::support::World;
use reqwest::StatusCode;
use serde_json::json;
use std::time::Duration;

/// The address in the mail's header, without the origin.
fn unsubscribe_address(world: &World) -> String {
    let header = header(&letters(world)[0], "list-unsubscribe").unwrap();
    let address = header.trim_matches(['<', '>']);
    address.strip_prefix(&world.base).unwrap().to_owned()
}

async fn one_click(world: &World, path: &str, body: &'static str) -> StatusCode {
    reqwest::Client::new()
        .post(format!("{}{path}", world.base))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", "https://mail.example")
        .body(body)
        .send()
        .await
        .unwrap()
        .status()
}

async fn unsubscribing_takes_one_click_and_the_right_token(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let address = unsubscribe_address(world);
    let asked = "List-Unsubscribe=One-Click";
    let wrong = [
        format!("{address}x"),
        "/mail/unsubscribe".to_owned(),
        format!("/mail/unsubscribe?token={}.", ada.user_id),
    ];
    for path in &wrong {
        assert_eq!(
            one_click(world, path, asked).await,
            StatusCode::NOT_FOUND,
            "{path}"
        );
        let mut nobody = Browser::new(&world.base, &world.base);
        assert_eq!(
            nobody.get(path).await.status(),
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    assert_eq!(
        one_click(world, &address, "").await,
        StatusCode::BAD_REQUEST
    );
    // Looking is not asking: mail programs follow links.
    let mut nobody = Browser::new(&world.base, &world.base);
    let page = nobody.get(&address).await.text().await.unwrap();
    assert!(page.contains("You get all of our mail."), "{page}");
    let preferences = "SELECT COUNT(*) FROM mail_preferences WHERE essential_only = 1";
    assert_eq!(world.count(preferences).await, 0);
    assert_eq!(one_click(world, &address, asked).await, StatusCode::OK);
    assert_eq!(one_click(world, &address, asked).await, StatusCode::OK);
    assert_eq!(world.count(preferences).await, 1);
    let page = nobody.get(&address).await.text().await.unwrap();
    assert!(page.contains("You get only what is essential."), "{page}");
    // What is essential still comes.
    empty(world);
    let id = subscription(world).await;
    control(world, "stripe/cancel", json!({"subscription": id})).await;
    assert_eq!(subjects(world), ["Your access to Member has ended"]);
}
on_both_with_mail!(unsubscribing_takes_one_click_and_the_right_token);

async fn the_pages_switch_goes_both_ways(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let address = unsubscribe_address(world);
    let token = address.split_once("token=").unwrap().1.to_owned();
    let mut nobody = Browser::new(&world.base, &world.base);
    for (wish, kept) in [("yes", 1), ("no", 0)] {
        let form = [("token", token.as_str()), ("essential_only", wish)];
        let answer = nobody.post_form("/api/prefer_mail", &form).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(answer.headers()["location"].to_str().unwrap(), address);
        let preferences = "SELECT COUNT(*) FROM mail_preferences WHERE essential_only = 1";
        assert_eq!(world.count(preferences).await, kept);
    }
    // Another site's page cannot post for a person, nor a script without the token.
    let form = [("token", "usr_x.y"), ("essential_only", "yes")];
    let answer = nobody.post_form("/api/prefer_mail", &form).await;
    let told = nobody
        .get(answer.headers()["location"].to_str().unwrap())
        .await;
    assert_eq!(told.status(), StatusCode::NOT_FOUND);
    let refused = reqwest::Client::new()
        .post(format!("{}/api/prefer_mail", world.base))
        .header("origin", "https://evil.example")
        .form(&[("token", token.as_str()), ("essential_only", "yes")])
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
}
on_both_with_mail!(the_pages_switch_goes_both_ways);

async fn who_unsubscribed_is_not_told_of_a_card(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    assert_eq!(
        one_click(
            world,
            &unsubscribe_address(world),
            "List-Unsubscribe=One-Click"
        )
        .await,
        StatusCode::OK
    );
    let id = subscription(world).await;
    control(world, "stripe/cancel", json!({"subscription": id})).await;
    empty(world);
    world.advance(Duration::from_mins(1));
    pay_with_an_old_card(world, &mut ada).await;
    assert_eq!(ada.membership().await.unwrap().1, "granted");
    assert_eq!(subjects(world), [""; 0]);
}
on_both_with_mail!(who_unsubscribed_is_not_told_of_a_card);

async fn the_cards_link_leads_by_sign_in_to_the_portal(world: &World) {
    let mut nobody = Browser::new(&world.base, &world.base);
    let answer = nobody.get("/billing/card").await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        answer.headers()["location"],
        "/login?next=%2Fbilling%2Fcard"
    );
    let mut ada = world.sign_in(ADA).await;
    let answer = ada.browser.get("/billing/card").await;
    assert_eq!(answer.headers()["location"], "/billing?problem=no-customer");
    ada.subscribe("Member").await;
    let answer = ada.browser.get("/billing/card").await;
    let to = answer.headers()["location"].to_str().unwrap();
    assert!(
        to.starts_with(&format!("{}/portal/", world.sandbox.base_url())),
        "{to}"
    );
}
on_both_with_mail!(the_cards_link_leads_by_sign_in_to_the_portal);
