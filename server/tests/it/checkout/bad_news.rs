//! What can go wrong on the way to Stripe's page and on it: each with its own words for the person,
//! its log line, and a next try that works.

use crate::login::site::ADA;
use crate::on_both;
use crate::support::{Person, Struck, World, logs::Logs};
use app::checkout::{CheckoutError, CheckoutPort};
use app::stripe::StripeTrouble;
use sandbox::faults::{Fault, FaultRule, Target};
use server::checkout::Checkout;

const SESSIONS: &str = "/v1/checkout/sessions";

fn strike(world: &World, fault: Fault) {
    let rule = FaultRule::always(Target::Stripe, fault).at("POST", SESSIONS);
    world.sandbox.with(|w| w.faults.add(rule));
}

/// A click while Stripe fails like that: the words, the log line, and the same page afterwards.
async fn told(world: &World, person: &mut Person<'_>, fault: Fault, slug: &str, words: &str) {
    let price = world.price("Member").await;
    let logs = Logs::capture();
    strike(world, fault);
    let to = person.start_checkout(&price).await;
    assert!(
        to.ends_with(&format!("/?problem={slug}")),
        "{fault:?}: {to}"
    );
    logs.has(&["a person's request", "what=\"checkout\"", slug]);
    world.sandbox.with(|w| w.faults.clear());
    let page = person.page(&format!("/?problem={slug}")).await;
    assert!(page.contains(words), "{slug}: {words}");
    assert!(page.contains("You were not charged"), "{slug}");
}

fn answer(status: u16) -> Fault {
    Fault::Answer {
        status,
        effect: false,
    }
}

async fn each_failure_of_stripe_has_its_own_words_and_log_line(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    for (status, slug, words) in [
        (500, "stripe-failing", "Stripe has trouble of its own."),
        (429, "stripe-busy", "Stripe is busy and asks us to wait."),
        (409, "under-way", "Another try of yours is still under way."),
        (
            401,
            "key-refused",
            "Stripe does not let us in at the moment.",
        ),
        (
            403,
            "key-lacks-right",
            "We are not allowed to do this at Stripe.",
        ),
    ] {
        told(world, &mut ada, answer(status), slug, words).await;
        // Six tries a minute are a person's; this test is several people.
        world.state.limits.forget();
    }
    // One intent all the while, and the next try opens it.
    let price = world.price("Member").await;
    assert!(ada.start_checkout(&price).await.contains("/checkout/"));
    assert_eq!(world.count("SELECT COUNT(*) FROM checkouts").await, 1);
    world.settle().await;
}
on_both!(each_failure_of_stripe_has_its_own_words_and_log_line);

async fn a_stripe_nobody_reaches_is_told_and_nothing_has_started(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let price = world.price("Member").await;
    let logs = Logs::capture();
    let beside = Checkout(world.beside(Struck::Unreachable));
    let refused = beside.start(&ada.user_id, &price, None).await;
    assert_eq!(
        refused.unwrap_err(),
        CheckoutError::Stripe(StripeTrouble::Unreachable)
    );
    logs.has(&[
        "a person's request failed",
        "error=Stripe is unreachable",
        "problem=\"stripe-unreachable\"",
    ]);
    let page = ada.page("/?problem=stripe-unreachable").await;
    assert!(page.contains("Stripe cannot be reached."));
    assert!(page.contains("You were not charged, and nothing has started."));
    assert_eq!(world.count("SELECT COUNT(*) FROM customers").await, 0);
    assert!(ada.start_checkout(&price).await.contains("/checkout/"));
    world.settle().await;
}
on_both!(a_stripe_nobody_reaches_is_told_and_nothing_has_started);

async fn a_time_out_whose_effect_is_unknown_leads_to_the_same_session(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let hang = Fault::Hang { effect: true };
    let words = "Stripe did not answer in time.";
    told(world, &mut ada, hang, "stripe-timed-out", words).await;
    let price = world.price("Member").await;
    let checkout = ada.start_checkout(&price).await;
    ada.pay(&checkout, "4242424242424242").await;
    world.settle().await;
    assert_eq!(
        sessions(world).await.len(),
        1,
        "a second session was opened"
    );
    assert_eq!(
        ada.membership().await,
        Some(("active".into(), "granted".into()))
    );
}
on_both!(a_time_out_whose_effect_is_unknown_leads_to_the_same_session);

/// Status of every session Stripe has.
async fn sessions(world: &World) -> Vec<String> {
    let list: serde_json::Value = reqwest::Client::new()
        .get(format!("{}{SESSIONS}", world.sandbox.base_url()))
        .bearer_auth("sk_test_sandbox")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|session| session["status"].as_str().unwrap().to_owned())
        .collect()
}

async fn a_key_that_clashes_is_given_up_and_the_next_session_opened(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let price = world.price("Member").await;
    strike(
        world,
        Fault::Answer {
            status: 500,
            effect: true,
        },
    );
    ada.start_checkout(&price).await;
    world.sandbox.with(|w| w.faults.clear());
    // What was to be asked is not what is asked now, under the same key.
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE checkouts SET trial_days = 3")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let logs = Logs::capture();
    let checkout = ada.start_checkout(&price).await;
    assert!(checkout.contains("/checkout/"), "{checkout}");
    logs.has(&[
        "an unheard checkout is given up",
        "an idempotency key was used for something else",
    ]);
    ada.pay(&checkout, "4242424242424242").await;
    world.settle().await;
    assert_eq!(world.count("SELECT COUNT(*) FROM subscriptions").await, 1);
}
on_both!(a_key_that_clashes_is_given_up_and_the_next_session_opened);

async fn a_key_that_clashes_for_a_new_session_is_told_and_the_next_try_works(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let price = world.price("Member").await;
    let logs = Logs::capture();
    let beside = Checkout(world.beside(Struck::KeyReused("/checkout/sessions")));
    let refused = beside.start(&ada.user_id, &price, None).await;
    assert_eq!(
        refused.unwrap_err(),
        CheckoutError::Stripe(StripeTrouble::KeyReused)
    );
    logs.has(&[
        "a person's request failed; somebody has to look",
        "error=an idempotency key was used for something else",
        "problem=\"key-reused\"",
    ]);
    let page = ada.page("/?problem=key-reused").await;
    assert!(page.contains("Stripe took this for another request."));
    assert!(page.contains("You were not charged, and nothing has started."));
    let checkout = ada.start_checkout(&price).await;
    ada.pay(&checkout, "4242424242424242").await;
    world.settle().await;
    assert_eq!(sessions(world).await.len(), 1);
    assert!(ada.has_roles(&world.plan_roles("Member").await));
}
on_both!(a_key_that_clashes_for_a_new_session_is_told_and_the_next_try_works);

async fn a_spent_key_of_the_customer_stands_in_nobodys_way(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let price = world.price("Member").await;
    let customers = "/v1/customers";
    let fault = FaultRule::always(Target::Stripe, answer(500)).at("POST", customers);
    world.sandbox.with(|w| w.faults.add(fault));
    let to = ada.start_checkout(&price).await;
    assert!(to.ends_with("/?problem=stripe-failing"), "{to}");
    world.sandbox.with(|w| w.faults.clear());
    // The key that was to make the customer makes somebody else.
    let key = world.sandbox.with(|w| {
        let asked = w.calls.iter().find(|call| call.path == customers).unwrap();
        asked.idempotency_key.clone().unwrap()
    });
    let spent = reqwest::Client::new()
        .post(format!("{}{customers}", world.sandbox.base_url()))
        .bearer_auth("sk_test_sandbox")
        .header("idempotency-key", &key)
        .form(&[("name", "Somebody")])
        .send()
        .await
        .unwrap();
    assert!(spent.status().is_success());
    let logs = Logs::capture();
    let checkout = ada.start_checkout(&price).await;
    assert!(checkout.contains("/checkout/"), "{checkout}");
    logs.has(&["the key of a new customer was used for something else"]);
    ada.pay(&checkout, "4242424242424242").await;
    world.settle().await;
    assert!(ada.has_roles(&world.plan_roles("Member").await));
}
on_both!(a_spent_key_of_the_customer_stands_in_nobodys_way);

async fn a_price_archived_before_the_click_is_told(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let price = world.price("Member").await;
    world
        .at_stripe(&format!("/v1/prices/{price}"), &[("active", "false")])
        .await;
    world.settle().await;
    let logs = Logs::capture();
    let to = ada.start_checkout(&price).await;
    assert!(to.ends_with("/?problem=price-gone"), "{to}");
    logs.has(&["a person's request was refused", "price-gone"]);
    let page = ada.page("/?problem=price-gone").await;
    assert!(page.contains("This price is no longer on offer.") && page.contains("not charged"));
    assert_eq!(world.asked("POST", SESSIONS), 0);
}
on_both!(a_price_archived_before_the_click_is_told);

async fn a_price_archived_behind_our_back_is_told_and_leaves_the_page(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let price = world.price("Member").await;
    // No event arrives: our catalogue still has it.
    world
        .at_stripe(&format!("/v1/prices/{price}"), &[("active", "false")])
        .await;
    assert!(ada.page("/").await.contains(&price));
    let logs = Logs::capture();
    let to = ada.start_checkout(&price).await;
    assert!(to.ends_with("/?problem=price-gone"), "{to}");
    logs.has(&["Stripe does not sell it like that", "price-gone", &price]);
    // The refusal itself has the plans read again.
    world.work().await;
    assert!(!ada.page("/?problem=price-gone").await.contains(&price));
    let other = world.price("Patron").await;
    assert!(ada.start_checkout(&other).await.contains("/checkout/"));
    world.settle().await;
}
on_both!(a_price_archived_behind_our_back_is_told_and_leaves_the_page);

async fn a_customer_deleted_at_stripe_gets_a_successor(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.start_checkout(&world.price("Patron").await).await;
    let customer = ada.customer().await;
    reqwest::Client::new()
        .delete(format!(
            "{}/v1/customers/{customer}",
            world.sandbox.base_url()
        ))
        .bearer_auth("sk_test_sandbox")
        .send()
        .await
        .unwrap();
    let logs = Logs::capture();
    let checkout = ada.start_checkout(&world.price("Member").await).await;
    assert!(checkout.contains("/checkout/"), "{checkout}");
    logs.has(&["a customer is gone at Stripe", &customer]);
    ada.pay(&checkout, "4242424242424242").await;
    world.settle().await;
    assert_eq!(
        ada.membership().await,
        Some(("active".into(), "granted".into()))
    );
}
on_both!(a_customer_deleted_at_stripe_gets_a_successor);

async fn a_refused_card_is_told_on_the_way_back(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    for (card, word, title) in [
        (
            "4000000000000002",
            "declined",
            "Your bank declined the card.",
        ),
        (
            "4000000000009995",
            "insufficient_funds",
            "There was not enough money on the card.",
        ),
        ("4000000000000069", "expired", "The card has expired."),
        (
            "4000000000000127",
            "wrong_details",
            "The card’s details were not right.",
        ),
    ] {
        // By subscription and by pass.
        for price in [
            world.price("Member").await,
            world.pass_price("Season pass").await,
        ] {
            let checkout = ada.start_checkout(&price).await;
            try_card(&checkout, card).await;
            let back = way_back(&checkout).await;
            let logs = Logs::capture();
            let page = ada.page(&back).await;
            assert!(page.contains(title), "{card} at {back}");
            assert!(page.contains("You were not charged, and nothing has started."));
            logs.has(&["a card was refused at checkout", word]);
            // The same for whoever comes back by the other address.
            let session = crate::support::session_of(&checkout);
            let page = ada.page(&format!("/billing?session_id={session}")).await;
            assert!(page.contains(title) && page.contains("This checkout was not finished."));
            // Time passes, so that the newest refusal is the last card's.
            world.advance(std::time::Duration::from_secs(5));
            world.state.limits.forget();
        }
    }
    world.settle().await;
    assert!(world.roles_of(ADA).is_empty());
}
on_both!(a_refused_card_is_told_on_the_way_back);

async fn a_payment_the_bank_got_no_confirmation_for_is_told(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let checkout = ada.start_checkout(&world.price("Member").await).await;
    let asked = try_card(&checkout, "4000002500003155").await;
    assert!(asked.ends_with("/authenticate"), "{asked}");
    let http = reqwest::Client::new();
    let form = [("result", "fail")];
    http.post(format!("{checkout}/authenticate"))
        .form(&form)
        .send()
        .await
        .unwrap();
    let logs = Logs::capture();
    let page = ada.page(&way_back(&checkout).await).await;
    assert!(page.contains("Your bank did not get your confirmation."));
    logs.has(&["a card was refused at checkout", "not_authenticated"]);
    world.settle().await;
}
on_both!(a_payment_the_bank_got_no_confirmation_for_is_told);

async fn why_somebody_elses_checkout_was_left_is_not_told(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    let checkout = ada.start_checkout(&world.price("Member").await).await;
    try_card(&checkout, "4000000000000002").await;
    let back = way_back(&checkout).await;
    let mut grace = world.sign_in(crate::login::site::GRACE).await;
    let page = grace.page(&back).await;
    assert!(page.contains("You left the payment page.") && !page.contains("declined"));
    let anybody = reqwest::get(format!("{}{back}", world.base)).await.unwrap();
    assert!(!anybody.text().await.unwrap().contains("declined"));
    world.settle().await;
}
on_both!(why_somebody_elses_checkout_was_left_is_not_told);

/// Types a card that will not pay; answers where the page leads.
async fn try_card(checkout: &str, card: &str) -> String {
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let form = [("card_number", card), ("exp", "12/34"), ("cvc", "123")];
    let tried = http.post(checkout).form(&form).send().await.unwrap();
    tried.headers()["location"].to_str().unwrap().to_owned()
}

/// Our own address behind the page's link back.
async fn way_back(checkout: &str) -> String {
    let page = reqwest::get(checkout).await.unwrap().text().await.unwrap();
    let from = page.find("/?left=").unwrap();
    page[from..]
        .chars()
        .take_while(|letter| *letter != '"')
        .collect()
}
