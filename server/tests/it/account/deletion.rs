//! Leaving for good: what ends, in which order, what is erased and what stays.

use super::{
    HOUR, LINUS, ask_deletion, carried_out, everything, metadata, post, stage, story, user,
};
use crate::lifecycle::support::{ask, incidents};
use crate::login::site::{ADA, GRACE, location};
use crate::support::{Person, World};
use crate::{on_both, on_both_with_mail};
use app::admin::AdminPort;
use sandbox::faults::{Fault, FaultRule, Target};
use server::admin::Admin;

fn status(world: &World, customer: &str) -> Vec<String> {
    let form = format!("customer={customer}&status=all");
    let list = ask(world, "GET", "/v1/subscriptions", &form);
    list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["status"].as_str().unwrap().to_owned())
        .collect()
}

async fn nothing_is_deleted_without_the_word(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let page = ada.page("/account/delete").await;
    for told in [
        "Delete your account?",
        "Your subscription to Member ends at once.",
        "We wait until Discord confirms that they are gone.",
        "Type “delete” to confirm",
    ] {
        assert!(page.contains(told), "{told}");
    }
    for typed in ["", "yes"] {
        let form = [("typed", typed)];
        let to = post(&mut ada.browser, "/api/delete_account", &form).await;
        assert_eq!(to, "/account/delete?problem=not-confirmed");
    }
    let to = post(&mut ada.browser, "/api/delete_account", &[]).await;
    assert_eq!(to, "/account/delete?problem=not-confirmed");
    assert!(ada.page(&to).await.contains("The word was not typed."));
    assert_eq!(stage(world, &ada.user_id).await, None);
}
on_both!(nothing_is_deleted_without_the_word);

async fn an_account_goes_in_order_and_leaves_what_the_law_asks_for(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    ada.buy_pass("Season pass").await;
    ada.page("/billing").await;
    let customer = ada.customer().await;
    let before = world.roles_of(ADA);
    assert!(!before.is_empty());
    ask_deletion(&mut ada).await;
    world.settle().await;
    // For an hour nothing happens, and it can be seen.
    assert_eq!(status(world, &customer), ["active"]);
    assert_eq!(world.roles_of(ADA), before);
    let page = ada.page("/account").await;
    assert!(page.contains("Your account will be deleted from"), "{page}");
    assert!(page.contains("Keep my account"));
    let mails = world.sandbox.with(|w| w.mail.messages().to_vec());
    let told = mails.last().unwrap();
    assert!(
        told.subject.ends_with("will be deleted"),
        "{}",
        told.subject
    );

    carried_out(world).await;
    assert_eq!(stage(world, &ada.user_id).await.as_deref(), Some("erased"));
    assert_eq!(status(world, &customer), ["canceled"]);
    assert!(world.roles_of(ADA).is_empty());
    assert_eq!(user(world, ADA).await, None);
    // Each step after the one before it.
    let calls = world.sandbox.with(|w| {
        w.calls
            .iter()
            .filter(|call| call.method == "DELETE")
            .map(|call| call.path.split('/').nth(2).unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    });
    assert_eq!(calls.first().map(String::as_str), Some("subscriptions"));
    assert!(calls[1..].iter().all(|of| of == "v10"), "{calls:?}");

    let left = everything(world).await;
    for gone in ["Ada", "ada@", ADA, "4242"] {
        let line = left.lines().find(|line| line.contains(gone));
        assert_eq!(line, None, "{gone}");
    }
    for stays in [
        &ada.user_id,
        &customer,
        "subscriptions.status=canceled",
        "passes.id=cs_",
    ] {
        assert!(left.contains(stays), "{stays}");
    }
    assert_eq!(
        metadata(world, &customer)["rollcall_discord_user"],
        serde_json::Value::Null
    );
    let details: Vec<String> = story(world, &ada.user_id)
        .await
        .into_iter()
        .map(|(_, _, detail)| detail)
        .collect();
    assert!(
        details.contains(
            &"the account was deleted: what was known of the person is erased".to_owned()
        )
    );
    // The session leads nowhere, and the operator still reads the story by the id that stays.
    let out = ada.browser.get("/account").await;
    assert_eq!(location(&out), "/login?next=%2Faccount");
    let found = Admin(world.state.clone())
        .people(&ada.user_id)
        .await
        .unwrap();
    assert_eq!(found[0].name, "Deleted account");
    assert!(found[0].lines.len() >= details.len());
}
on_both_with_mail!(an_account_goes_in_order_and_leaves_what_the_law_asks_for);

async fn it_is_taken_back_as_long_as_nothing_has_ended(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let customer = ada.customer().await;
    ask_deletion(&mut ada).await;
    // Nothing is sold meanwhile.
    let price = world.pass_price("Season pass").await;
    let told = ada.start_checkout(&price).await;
    assert_eq!(told, "/?problem=leaving");
    // Signing in again shows how far it is.
    let mut again = world.sign_in(ADA).await;
    assert!(again.page("/account").await.contains("Keep my account"));
    // Sent twice it is one, and the first one's hour counts.
    world.advance(HOUR / 2);
    ask_deletion(&mut ada).await;
    let kept = post(&mut again.browser, "/api/keep_account", &[]).await;
    assert_eq!(kept, "/account?kept=1");
    assert!(again.page(&kept).await.contains("Your account stays."));
    world.advance(HOUR);
    world.settle().await;
    assert_eq!(stage(world, &ada.user_id).await, None);
    assert_eq!(status(world, &customer), ["active"]);
    assert!(!world.roles_of(ADA).is_empty());
    let kept = post(&mut again.browser, "/api/keep_account", &[]).await;
    assert_eq!(kept, "/account?problem=too-late");
}
on_both!(it_is_taken_back_as_long_as_nothing_has_ended);

/// Somebody who has had the plan on trial, and is gone.
async fn gone_after_a_trial(world: &World) -> Person<'_> {
    let product: String = sqlx::query_scalar("SELECT id FROM plans WHERE name = 'Patron'")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let form = "metadata[rollcall_trial_days]=14";
    ask(world, "POST", &format!("/v1/products/{product}"), form);
    world.settle().await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    assert_eq!(status(world, &ada.customer().await), ["trialing"]);
    ask_deletion(&mut ada).await;
    carried_out(world).await;
    assert_eq!(user(world, ADA).await, None);
    ada
}

async fn trial_days(world: &World, person: &mut Person<'_>) -> Option<i64> {
    let price = world.price("Patron").await;
    let session = crate::support::session_of(&person.start_checkout(&price).await);
    sqlx::query_scalar("SELECT trial_days FROM checkouts WHERE session_id = $1")
        .bind(session)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap()
}

async fn whoever_comes_back_begins_anew_without_a_second_trial(world: &World) {
    let gone = gone_after_a_trial(world).await;
    let mut ada = world.sign_in(ADA).await;
    assert_ne!(ada.user_id, gone.user_id);
    let page = ada.page("/account").await;
    assert!(!page.contains("Deletion"));
    assert_eq!(trial_days(world, &mut ada).await, None);
    let mut linus = world.sign_in(LINUS).await;
    assert_eq!(trial_days(world, &mut linus).await, Some(14));
    ada.subscribe("Patron").await;
    assert_eq!(status(world, &ada.customer().await), ["active"]);
    assert_eq!(world.count("SELECT COUNT(*) FROM payers").await, 3);
}
on_both!(whoever_comes_back_begins_anew_without_a_second_trial);

async fn what_discord_does_not_confirm_is_waited_for_and_told(world: &World) {
    let grace = world.sign_in(GRACE).await;
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let desk = Admin(world.state.clone());
    desk.freeze(GRACE, true).await.unwrap();
    ask_deletion(&mut ada).await;
    world.advance(HOUR);
    world.settle().await;
    assert_eq!(
        stage(world, &ada.user_id).await.as_deref(),
        Some("revoking")
    );
    let page = ada.page("/account").await;
    assert!(page.contains("Your account is being deleted: roles are being taken."));
    assert!(!page.contains("Keep my account"));
    let kept = post(&mut ada.browser, "/api/keep_account", &[]).await;
    assert_eq!(kept, "/account?problem=too-late");
    assert!(incidents(world).await.is_empty());
    world.advance(HOUR);
    world.settle().await;
    assert_eq!(incidents(world).await, ["account deletion"]);
    let detail: String =
        sqlx::query_scalar("SELECT detail FROM incidents WHERE kind = 'account deletion'")
            .fetch_one(world.state.db.reader())
            .await
            .unwrap();
    assert!(detail.contains("removals are frozen"), "{detail}");
    let email: Option<String> = sqlx::query_scalar("SELECT email FROM users WHERE id = $1")
        .bind(&ada.user_id)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    assert_eq!(email.as_deref(), Some("ada@example.org"));
    desk.freeze(GRACE, false).await.unwrap();
    world.settle().await;
    assert_eq!(user(world, ADA).await, None);
    assert!(world.roles_of(ADA).is_empty());
    drop(grace);
}
on_both!(what_discord_does_not_confirm_is_waited_for_and_told);

async fn an_outage_of_stripe_delays_it_and_takes_nothing_before(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let customer = ada.customer().await;
    let roles = world.roles_of(ADA);
    ask_deletion(&mut ada).await;
    world.sandbox.with(|w| {
        let fault = Fault::Answer {
            status: 503,
            effect: false,
        };
        let rule = FaultRule::always(Target::Stripe, fault);
        w.faults.add(rule.at("DELETE", "/v1/subscriptions"));
    });
    world.advance(HOUR);
    world.work().await;
    assert_eq!(stage(world, &ada.user_id).await.as_deref(), Some("ending"));
    assert!(
        ada.page("/account")
            .await
            .contains("your subscriptions are being ended")
    );
    assert_eq!(status(world, &customer), ["active"]);
    assert_eq!(world.roles_of(ADA), roles);
    world.sandbox.with(|w| w.faults.clear());
    world.advance(HOUR / 60);
    world.settle().await;
    assert_eq!(status(world, &customer), ["canceled"]);
    assert_eq!(user(world, ADA).await, None);
}
on_both!(an_outage_of_stripe_delays_it_and_takes_nothing_before);

/// The answer to the end of the subscription is lost: the next try finds it ended.
async fn an_end_whose_answer_is_lost_is_found_out(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let customer = ada.customer().await;
    ask_deletion(&mut ada).await;
    world.sandbox.with(|w| {
        let fault = Fault::Answer {
            status: 500,
            effect: true,
        };
        let rule = FaultRule::always(Target::Stripe, fault);
        w.faults
            .add(rule.at("DELETE", "/v1/subscriptions").times(1));
    });
    carried_out(world).await;
    world.advance(HOUR / 60);
    world.settle().await;
    assert_eq!(status(world, &customer), ["canceled"]);
    assert_eq!(user(world, ADA).await, None);
}
on_both!(an_end_whose_answer_is_lost_is_found_out);

async fn an_open_checkout_can_not_be_paid_afterwards(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let price = world.price("Member").await;
    let checkout = ada.start_checkout(&price).await;
    let customer = ada.customer().await;
    let session = crate::support::session_of(&checkout);
    ask_deletion(&mut ada).await;
    carried_out(world).await;
    let read = ask(
        world,
        "GET",
        &format!("/v1/checkout/sessions/{session}"),
        "",
    );
    assert_eq!(read["status"], "expired");
    assert_eq!(user(world, ADA).await, None);
    assert!(status(world, &customer).is_empty());
}
on_both!(an_open_checkout_can_not_be_paid_afterwards);

async fn whoever_never_paid_is_erased_too(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ask_deletion(&mut ada).await;
    carried_out(world).await;
    assert_eq!(user(world, ADA).await, None);
    assert_eq!(world.count("SELECT COUNT(*) FROM spent_trials").await, 0);
    let left = everything(world).await;
    assert!(!left.contains("ada@") && !left.contains(ADA));
}
on_both!(whoever_never_paid_is_erased_too);
