//! The dashboard: what it says, to whom, and the way to Stripe's portal.

use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::World;
use app::billing::{BillingPort, Standing, StationState};
use reqwest::StatusCode;
use sandbox::faults::{Fault, FaultRule, Target};
use server::billing::Billing;

async fn a_member_sees_state_price_card_invoices_and_why(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let seen = Billing(world.state.clone())
        .dashboard(&ada.user_id)
        .await
        .unwrap();
    assert_eq!(seen.standing, Standing::Active);
    let membership = seen.membership.unwrap();
    assert_eq!(membership.plan_name, "Patron");
    assert!(membership.renews_at.unwrap() > world.state.clock.policy_ms());
    assert_eq!(seen.card.unwrap().last4, "4242");
    assert_eq!(seen.invoices.len(), 1);
    assert_eq!(seen.invoices[0].status, "paid");
    for station in [&seen.payment, &seen.access, &seen.discord] {
        assert_eq!(station.state, StationState::Granted, "{}", station.text);
    }
    let kinds: Vec<&str> = seen.why.iter().map(|step| step.kind.as_str()).collect();
    assert_eq!(kinds[..2], ["subscription", "entitlement"]);
    assert!(kinds.contains(&"role"));
    let page = ada.page("/billing").await;
    for text in ["Patron", "4242", "Visa"] {
        assert!(page.contains(text), "{text}");
    }
    // Card and invoices are in no row in clear.
    let sealed: (String, String) =
        sqlx::query_as("SELECT card_sealed, invoices_sealed FROM payers WHERE user_id = $1")
            .bind(&ada.user_id)
            .fetch_one(world.state.db.reader())
            .await
            .unwrap();
    assert!(!sealed.0.contains("4242") && !sealed.1.contains("http"));
}
on_both!(a_member_sees_state_price_card_invoices_and_why);

async fn the_page_stands_when_stripe_does_not_answer(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    world.sandbox.with(|w| {
        w.faults.add(FaultRule::always(
            Target::Stripe,
            Fault::Answer {
                status: 500,
                effect: false,
            },
        ));
    });
    let page = ada.page("/billing").await;
    assert!(page.contains("Member"));
    let portal = ada.browser.post_form("/api/open_portal", &[]).await;
    let to = portal.headers()["location"].to_str().unwrap();
    assert!(to.contains("problem=stripe-failing"), "{to}");
    world.sandbox.with(|w| w.faults.clear());
    let portal = ada.browser.post_form("/api/open_portal", &[]).await;
    assert!(
        portal.headers()["location"]
            .to_str()
            .unwrap()
            .contains("/portal/")
    );
}
on_both!(the_page_stands_when_stripe_does_not_answer);

async fn the_page_is_ones_own_and_not_stored(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let mut grace = world.sign_in(GRACE).await;
    let page = grace.page("/billing").await;
    assert!(!page.contains("4242"));
    let answer = ada.browser.get("/billing").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(
        policy.contains("'nonce-")
            && !policy.contains("unsafe-inline")
            && !policy.contains("'unsafe-eval'")
    );
    let portal = grace.browser.post_form("/api/open_portal", &[]).await;
    assert!(
        portal.headers()["location"]
            .to_str()
            .unwrap()
            .contains("problem=no-customer")
    );
}
on_both!(the_page_is_ones_own_and_not_stored);

async fn health_readiness_and_figures(world: &World) {
    for (path, status) in [
        ("/healthz", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/no/such/page", 404),
    ] {
        let answer = reqwest::get(format!("{}{path}", world.base)).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
    }
    let proxied = reqwest::Client::new()
        .get(format!("{}/metrics", world.base))
        .header("x-forwarded-for", "203.0.113.9")
        .send()
        .await
        .unwrap();
    assert_eq!(proxied.status(), StatusCode::NOT_FOUND);
}
on_both!(health_readiness_and_figures);
