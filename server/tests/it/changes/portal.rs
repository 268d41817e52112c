//! Stripe's portal: straight to the page that is meant, and what is done there shows on return.

use super::{dashboard, port, post, stripe, subscription_id};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::{World, logs::Logs};
use app::billing::{BillingError, BillingPort, PortalPage, Standing};
use app::changes::{ChangeError, ChangesPort};
use sandbox::faults::{Fault, FaultRule, Target};
use server::billing::Billing;

async fn keep_configuration(world: &World, id: &str) {
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("INSERT INTO installation (name, value) VALUES ('portal_configuration', $1)")
        .bind(id)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn a_new_card_is_given_on_its_own_page_and_shows_on_return(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let answer = ada
        .browser
        .post_form("/api/open_portal", &[("page", "card")])
        .await;
    let url = answer.headers()["location"].to_str().unwrap().to_owned();
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let page = http.get(&url).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("id=\"save-card\"") && !page.contains("cancel-subscription"));
    let card = [
        ("card_number", "5555555555554444"),
        ("exp", "12/34"),
        ("cvc", "123"),
    ];
    let done = http
        .post(format!("{url}/card"))
        .form(&card)
        .send()
        .await
        .unwrap();
    let back = done.headers()["location"].to_str().unwrap();
    assert_eq!(back, format!("{}/billing?from=portal", world.base));
    assert_eq!(dashboard(world, &ada).await.card.unwrap().last4, "4242");
    let page = ada.page("/billing?from=portal").await;
    assert!(page.contains("4444"), "read on return, before any event");
    world.settle().await;
}
on_both!(a_new_card_is_given_on_its_own_page_and_shows_on_return);

async fn a_return_stripe_cannot_be_read_on_shows_what_is_known_and_heals(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let id = subscription_id(world).await;
    let now = world.state.clock.policy_ms();
    world.sandbox.with(|w| {
        w.stripe.cancel_later(now, &id, true, false).unwrap();
        let fault = Fault::Answer {
            status: 500,
            effect: false,
        };
        w.faults.add(FaultRule::always(Target::Stripe, fault));
    });
    let page = ada.page("/billing?from=portal").await;
    assert!(page.contains("Stripe could not be asked just now.") && page.contains("Renews on"));
    world.sandbox.with(|w| w.faults.clear());
    // Nobody comes back and no event arrives: the worker reads all the same.
    world.work().await;
    assert_eq!(dashboard(world, &ada).await.standing, Standing::Ending);
    world.settle().await;
}
on_both!(a_return_stripe_cannot_be_read_on_shows_what_is_known_and_heals);

async fn our_own_configuration_is_used_where_there_is_one(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let made = stripe(
        world,
        "POST",
        "/billing_portal/configurations",
        &[("features[payment_method_update][enabled]", "true")],
    )
    .await;
    let id = made["id"].as_str().unwrap();
    keep_configuration(world, id).await;
    let billing = Billing(world.state.clone());
    let url = billing
        .portal(&ada.user_id, PortalPage::Home)
        .await
        .unwrap();
    let page = reqwest::get(&url).await.unwrap().text().await.unwrap();
    assert!(page.contains("save-card") && !page.contains("id=\"invoices\""));
    // Stripe no longer has it: that is a thing to set up, not a mystery.
    stripe(
        world,
        "POST",
        &format!("/billing_portal/configurations/{id}"),
        &[("active", "false")],
    )
    .await;
    let refused = billing.portal(&ada.user_id, PortalPage::Card).await;
    assert_eq!(refused.unwrap_err(), BillingError::NotConfigured);
}
on_both!(our_own_configuration_is_used_where_there_is_one);

async fn a_portal_that_was_never_set_up_is_told(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let list = stripe(world, "GET", "/billing_portal/configurations", &[]).await;
    for row in list["data"].as_array().unwrap() {
        let path = format!(
            "/billing_portal/configurations/{}",
            row["id"].as_str().unwrap()
        );
        stripe(world, "POST", &path, &[("active", "false")]).await;
    }
    let logs = Logs::capture();
    let to = post(&mut ada, "/api/open_portal", &[("page", "card")]).await;
    assert_eq!(to, "/billing?problem=portal-not-configured");
    logs.has(&["the customer portal is not configured at Stripe: run `rollcall setup`"]);
    let page = ada.page(&to).await;
    assert!(page.contains("Stripe’s pages for members are not set up yet."));
    let id = subscription_id(world).await;
    let refused = port(world).cancel_at_stripe(&ada.user_id, &id).await;
    assert_eq!(refused.unwrap_err(), ChangeError::PortalNotConfigured);
    let to = post(&mut ada, "/api/cancel_at_stripe", &[("subscription", &id)]).await;
    assert!(ada.page(&to).await.contains("set up once"));
    world.settle().await;
}
on_both!(a_portal_that_was_never_set_up_is_told);

async fn each_failure_of_stripe_has_its_own_words(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    for (status, slug, words) in [
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
        (429, "stripe-busy", "Stripe is busy and asks us to wait."),
        (500, "stripe-failing", "Stripe has trouble of its own."),
    ] {
        let fault = Fault::Answer {
            status,
            effect: false,
        };
        let rule = FaultRule::always(Target::Stripe, fault).at("POST", "/billing_portal/sessions");
        world.sandbox.with(|w| w.faults.add(rule));
        let logs = Logs::capture();
        let to = post(&mut ada, "/api/open_portal", &[("page", "home")]).await;
        assert_eq!(to, format!("/billing?problem={slug}"));
        logs.has(&["a person's request failed", "what=\"portal\"", slug]);
        assert!(ada.page(&to).await.contains(words), "{status}");
        world.sandbox.with(|w| w.faults.clear());
    }
}
on_both!(each_failure_of_stripe_has_its_own_words);

async fn a_customer_deleted_at_stripe_is_told_and_the_page_follows(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let customer = ada.customer().await;
    let gone = reqwest::Client::new()
        .delete(format!(
            "{}/v1/customers/{customer}",
            world.sandbox.base_url()
        ))
        .bearer_auth("sk_test_sandbox")
        .send()
        .await
        .unwrap();
    assert!(gone.status().is_success());
    // No event has arrived: the page still offers the portal.
    let logs = Logs::capture();
    let to = post(&mut ada, "/api/open_portal", &[("page", "card")]).await;
    assert_eq!(to, "/billing?problem=customer-gone");
    logs.has(&[
        "a customer is gone at Stripe; the payer is read again",
        &customer,
    ]);
    logs.has(&[
        "a person's request was refused",
        "problem=\"customer-gone\"",
    ]);
    let page = ada.page(&to).await;
    assert!(page.contains("Stripe does not know you as a customer any more."));
    assert!(page.contains("nothing more is charged to you"));
    // The click itself has Stripe read again.
    world.work().await;
    logs.has(&["a customer is gone at Stripe", &customer]);
    assert_eq!(dashboard(world, &ada).await.standing, Standing::Ended);
    assert!(!ada.has_roles(&world.plan_roles("Member").await));
    world.settle().await;
}
on_both!(a_customer_deleted_at_stripe_is_told_and_the_page_follows);

async fn several_subscriptions_are_all_shown(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let customer = ada.customer().await;
    let patron = super::price(world, "Patron", "month").await;
    let now = world.state.clock.policy_ms();
    world.sandbox.with(|w| {
        let card = sandbox::stripe::CardKind::Visa;
        w.stripe.set_default_card(now, &customer, card).unwrap();
        w.stripe.subscribe(now, &customer, &patron, 1, &[]).unwrap()
    });
    world.settle().await;
    let board = dashboard(world, &ada).await;
    assert_eq!(board.others.len(), 1);
    let page = ada.page("/billing").await;
    assert!(page.contains("Also running"));
}
on_both!(several_subscriptions_are_all_shown);
