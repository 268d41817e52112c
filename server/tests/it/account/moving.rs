//! A membership goes along to another account at Discord.

use super::{
    LINUS, MARGARET, ask_deletion, at_discord, confirm, metadata, post, story, ticket, user,
};
use crate::login::site::{ADA, GRACE, location};
use crate::support::{OUTSIDE, Person, World};
use crate::{on_both, on_both_with_mail};
use reqwest::StatusCode;
use std::time::Duration;

/// (plan, state, reason) of what somebody has.
async fn access(world: &World, discord_id: &str) -> Vec<(String, String)> {
    sqlx::query_as(
        "SELECT entitlements.state, entitlements.reason FROM entitlements \
         JOIN users ON users.id = entitlements.user_id WHERE users.discord_user_id = $1 \
         ORDER BY entitlements.source_id",
    )
    .bind(discord_id)
    .fetch_all(world.state.db.reader())
    .await
    .unwrap()
}

fn pair(state: &str, reason: &str) -> (String, String) {
    (state.to_owned(), reason.to_owned())
}

/// Both sign-ins, refused at the second; answers the word of why.
async fn refused(world: &World, from: &mut Person<'_>, to: &str) -> String {
    let discord_id = from.discord_id.clone();
    at_discord(world, &mut from.browser, "/account/move/old", &discord_id).await;
    let to = at_discord(world, &mut from.browser, "/account/move/new", to).await;
    let slug = to.strip_prefix("/account/move?problem=");
    slug.unwrap_or_else(|| panic!("{to}")).to_owned()
}

async fn the_membership_and_its_roles_go_to_the_other_account(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    ada.buy_pass("Season pass").await;
    let customer = ada.customer().await;
    let roles = world.roles_of(ADA);
    assert!(!roles.is_empty());
    let page = ada.page("/account").await;
    assert!(page.contains("Move your membership"));
    assert!(
        ada.page("/account/move")
            .await
            .contains("Sign in again as Ada Lovelace")
    );
    let id = ticket(world, &mut ada, LINUS).await;
    let page = ada.page(&format!("/account/move?ticket={id}")).await;
    for told in [
        "Move your membership to Linus Pauling?",
        "Ada Lovelace, Discord id 1100000000000000101",
        "Linus Pauling, Discord id 1100000000000000103",
        "Member, a subscription",
        "Season pass, a pass until",
        "neither account gets another",
        "A notice goes to ada@example.org",
        "Move it to Linus Pauling",
    ] {
        assert!(page.contains(told), "{told}");
    }
    // So far nothing has moved.
    world.settle().await;
    assert_eq!(world.roles_of(ADA), roles);
    world.sandbox.with(|w| w.mail.clear());

    assert_eq!(confirm(&mut ada, &id).await, "/account?moved=1");
    // The browser goes on as the account that has it now.
    let page = ada.page("/account?moved=1").await;
    assert!(page.contains("Your membership is with this account now."));
    assert!(page.contains("<h1>Linus Pauling</h1>"), "{page}");
    world.settle().await;
    assert!(world.roles_of(ADA).is_empty());
    for role in &roles {
        assert!(world.roles_of(LINUS).contains(role), "{role}");
    }
    assert_eq!(metadata(world, &customer)["rollcall_discord_user"], LINUS);
    assert_eq!(
        access(world, ADA).await,
        [pair("denied", "moved"), pair("denied", "moved")]
    );
    let has: Vec<String> = access(world, LINUS)
        .await
        .into_iter()
        .map(|(state, _)| state)
        .collect();
    assert_eq!(has, ["granted", "granted"]);

    let (from, to) = (ada.user_id.clone(), user(world, LINUS).await.unwrap());
    let line = |detail: String| ("member".to_owned(), "move".to_owned(), detail);
    assert_eq!(
        story(world, &from).await,
        [line(format!("the membership moved to {to}"))]
    );
    assert_eq!(
        story(world, &to).await,
        [line(format!("the membership moved here from {from}"))]
    );
    let mails = world.sandbox.with(|w| w.mail.messages().to_vec());
    let mut told: Vec<(String, String)> = mails
        .into_iter()
        .map(|mail| (mail.recipients.join(","), mail.subject))
        .collect();
    told.sort();
    let subject = "Your membership was moved to Linus Pauling".to_owned();
    assert_eq!(
        told,
        [
            ("ada@example.org".to_owned(), subject.clone()),
            ("linus@example.org".to_owned(), subject)
        ]
    );
    // What is heard of it later is heard of the new one.
    let mut ada = world.sign_in(ADA).await;
    assert!(
        ada.page("/billing")
            .await
            .contains("You have no membership yet.")
    );
    let mut linus = world.sign_in(LINUS).await;
    assert!(linus.page("/billing").await.contains("You’re in."));
}
on_both_with_mail!(the_membership_and_its_roles_go_to_the_other_account);

async fn whoever_is_not_in_the_server_is_brought_in(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let roles = world.plan_roles("Member").await;
    let id = ticket(world, &mut ada, OUTSIDE).await;
    confirm(&mut ada, &id).await;
    world.settle().await;
    assert!(
        roles
            .iter()
            .all(|role| world.roles_of(OUTSIDE).contains(role))
    );
    assert!(world.roles_of(ADA).is_empty());
}
on_both!(whoever_is_not_in_the_server_is_brought_in);

async fn both_sign_ins_are_asked_for_and_have_to_be_fresh(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let page = ada.browser.get("/account/move").await;
    assert_eq!(page.status(), StatusCode::CONFLICT);
    assert!(
        page.text()
            .await
            .unwrap()
            .contains("You have nothing that could move.")
    );
    ada.subscribe("Member").await;
    let problem = |slug: &str| format!("/account/move?problem={slug}");
    // The second without the first.
    let early = location(&ada.browser.get("/account/move/new").await);
    assert_eq!(early, problem("not-fresh"));
    // The first by another account, and the second by the same.
    let other = at_discord(world, &mut ada.browser, "/account/move/old", LINUS).await;
    assert_eq!(other, problem("other-account"));
    assert_eq!(refused(world, &mut ada, ADA).await, "same-account");
    // Too late.
    let id = ticket(world, &mut ada, LINUS).await;
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE account_moves SET prepared_at = prepared_at - 600001")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(confirm(&mut ada, &id).await, problem("not-fresh"));
    let page = ada.page(&problem("not-fresh")).await;
    assert!(page.contains("The two sign-ins are not fresh any more."));
    assert_eq!(
        user(world, ADA).await.as_deref(),
        Some(ada.user_id.as_str())
    );
    world.settle().await;
    assert_eq!(access(world, ADA).await, [pair("granted", "paid")]);
    // A made-up ticket is told alike.
    assert_eq!(confirm(&mut ada, "mov_made_up").await, problem("not-fresh"));
    assert_eq!(confirm(&mut ada, "").await, problem("not-fresh"));
}
on_both!(both_sign_ins_are_asked_for_and_have_to_be_fresh);

async fn another_browser_cannot_lend_its_sign_in(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let grace = world.sign_in(GRACE).await;
    let step = at_discord(world, &mut ada.browser, "/account/move/old", ADA).await;
    assert_eq!(step, "/account/move?step=new");
    // Begun in Ada's browser, brought back by another one.
    let authorize = location(&ada.browser.get("/account/move/new").await);
    let back = crate::login::site::consent(&world.base, &authorize, LINUS, "authorize").await;
    let mut stranger = grace.browser.clone();
    let landed = location(&stranger.get(&back).await);
    assert_eq!(landed, "/login/problem?reason=state");
    assert_eq!(world.count("SELECT COUNT(*) FROM account_moves").await, 0);
}
on_both!(another_browser_cannot_lend_its_sign_in);

async fn what_stands_in_its_way_is_told(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let mut linus = world.sign_in(LINUS).await;
    linus.subscribe("Member").await;
    assert_eq!(refused(world, &mut ada, LINUS).await, "other-pays");
    let page = ada.page("/account/move?problem=other-pays").await;
    assert!(page.contains("The other account has billing of its own."));

    let margaret = world.sign_in(MARGARET).await;
    let set = async |sql: &'static str| {
        let mut tx = world.state.db.begin().await.unwrap();
        sqlx::query(sql)
            .bind(&margaret.user_id)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    };
    set("UPDATE users SET banned = 1 WHERE id = $1").await;
    assert_eq!(refused(world, &mut ada, MARGARET).await, "other-banned");
    set("UPDATE users SET banned = 0 WHERE id = $1").await;
    set(
        "INSERT INTO entitlements (user_id, plan_id, source, source_id, state, reason, changed_at, proof) \
         VALUES ($1, 'prod_x', 'exception', 'exc_1', 'denied', 'withheld', 0, 'ended')",
    )
    .await;
    assert_eq!(refused(world, &mut ada, MARGARET).await, "withheld");
    set("DELETE FROM entitlements WHERE user_id = $1").await;
    let mut margaret = world.sign_in(MARGARET).await;
    ask_deletion(&mut margaret).await;
    assert_eq!(refused(world, &mut ada, MARGARET).await, "deleting");
    let kept = post(&mut margaret.browser, "/api/keep_account", &[]).await;
    assert_eq!(kept, "/account?kept=1");
    // It may all come about after the sign-ins, too.
    let id = ticket(world, &mut ada, MARGARET).await;
    let price = world.price("Member").await;
    margaret.start_checkout(&price).await;
    assert_eq!(
        confirm(&mut ada, &id).await,
        "/account/move?problem=other-pays"
    );
    assert_eq!(access(world, ADA).await, [pair("granted", "paid")]);
    world.settle().await;
}
on_both!(what_stands_in_its_way_is_told);

async fn once_a_day_and_back_again(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let roles = world.plan_roles("Member").await;
    let id = ticket(world, &mut ada, LINUS).await;
    confirm(&mut ada, &id).await;
    world.settle().await;
    let mut linus = world.sign_in(LINUS).await;
    assert_eq!(refused(world, &mut linus, MARGARET).await, "once-a-day");
    world.advance(Duration::from_hours(24));
    world.settle().await;
    let id = ticket(world, &mut linus, ADA).await;
    confirm(&mut linus, &id).await;
    world.settle().await;
    assert_eq!(access(world, ADA).await, [pair("granted", "paid")]);
    assert_eq!(access(world, LINUS).await, [pair("denied", "moved")]);
    assert!(ada.has_roles(&roles) && world.roles_of(LINUS).is_empty());
}
on_both!(once_a_day_and_back_again);

/// Neither account gets a trial after one was used by the membership that moved.
async fn the_history_of_trials_goes_along_and_stays(world: &World) {
    let product: String = sqlx::query_scalar("SELECT id FROM plans WHERE name = 'Patron'")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let form = "metadata[rollcall_trial_days]=14";
    crate::lifecycle::support::ask(world, "POST", &format!("/v1/products/{product}"), form);
    world.settle().await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let id = ticket(world, &mut ada, LINUS).await;
    confirm(&mut ada, &id).await;
    world.settle().await;
    let trial = async |person: &mut Person<'_>| -> Option<i64> {
        let price = world.price("Patron").await;
        let session = crate::support::session_of(&person.start_checkout(&price).await);
        sqlx::query_scalar("SELECT trial_days FROM checkouts WHERE session_id = $1")
            .bind(session)
            .fetch_one(world.state.db.reader())
            .await
            .unwrap()
    };
    let mut old = world.sign_in(ADA).await;
    assert_eq!(trial(&mut old).await, None);
    let mut linus = world.sign_in(LINUS).await;
    linus.cancel().await;
    world.settle().await;
    assert_eq!(trial(&mut linus).await, None);
}
on_both!(the_history_of_trials_goes_along_and_stays);
