//! The way to Stripe's portal and back, and back from paying.

use super::{at_stripe, bought, company, pay, port, purchase};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::World;
use app::company::{CompanyError, CompanyPort, CompanyStanding};
use app::stripe::StripeTrouble;
use sandbox::faults::{Fault, FaultRule, Target};
use std::time::Duration;

async fn the_portal_is_the_companys_and_leads_back_to_it(world: &World) {
    let ada = world.sign_in(ADA).await;
    let port = port(world);
    let new = purchase(world, "Engines", 4).await;
    let id = &new.company_id;
    // Their own portal is another one.
    let url = port.buy(&ada.user_id, &new).await.unwrap();
    pay(&url, &[]).await;
    port.returned(&ada.user_id, id).await.unwrap();
    world.settle().await;
    let portal = port.portal(&ada.user_id, id).await.unwrap();
    let page = reqwest::get(&portal).await.unwrap().text().await.unwrap();
    assert!(
        page.contains(&format!("/company/{id}?from=portal")),
        "{page}"
    );
    assert!(page.contains("Team seats"));
    // Cancelled there, and back before any event: it is told at once.
    let subscription: String = sqlx::query_scalar("SELECT id FROM subscriptions")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe
            .cancel_later(now, &subscription, true, false)
            .unwrap();
    });
    port.returned(&ada.user_id, id).await.unwrap();
    let paying = company(world, &ada.user_id, id).await.paying;
    assert_eq!(paying.standing, CompanyStanding::Ending);
    assert!(paying.ends_at.is_some() && paying.renews_at.is_none());
    assert_eq!(paying.may_change, Err(CompanyError::Ending));
    world.settle().await;
}
on_both!(the_portal_is_the_companys_and_leads_back_to_it);

async fn without_a_customer_there_is_no_portal(world: &World) {
    let acme = world.acme(2).await;
    let owner = acme.owner.user_id.as_str();
    world
        .sandbox
        .with(|w| w.stripe.delete_customer(&acme.customer));
    // Not heard of yet: Stripe says so, and the payer is read again.
    let refused = port(world).portal(owner, &acme.id).await;
    assert_eq!(refused, Err(CompanyError::NotPaid));
    world.settle().await;
    let refused = port(world).portal(owner, &acme.id).await;
    assert_eq!(refused, Err(CompanyError::NotPaid));
    let paying = company(world, owner, &acme.id).await.paying;
    assert_eq!(paying.standing, CompanyStanding::Ended);
}
on_both!(without_a_customer_there_is_no_portal);

async fn who_comes_back_while_stripe_is_silent_is_told_that_it_is_confirmed_later(world: &World) {
    let ada = world.sign_in(ADA).await;
    let port = port(world);
    let new = purchase(world, "Engines", 4).await;
    let id = &new.company_id;
    let url = port.buy(&ada.user_id, &new).await.unwrap();
    pay(&url, &[]).await;
    let fault = Fault::Answer {
        status: 500,
        effect: false,
    };
    let rule = FaultRule::always(Target::Stripe, fault).at("GET", "/v1/subscriptions");
    world.sandbox.with(|w| w.faults.add(rule));
    let told = port.returned(&ada.user_id, id).await;
    assert_eq!(told, Err(CompanyError::Stripe(StripeTrouble::Failing)));
    let seen = company(world, &ada.user_id, id).await;
    assert_eq!(seen.paying.standing, CompanyStanding::Activating);
    world.sandbox.with(|w| w.faults.clear());
    // Nobody has to come again for it.
    world.advance(Duration::from_mins(2));
    world.settle().await;
    let seen = company(world, &ada.user_id, id).await;
    assert_eq!(seen.paying.standing, CompanyStanding::Active);
    assert_eq!(seen.pools[0].paid, 4);
}
on_both!(who_comes_back_while_stripe_is_silent_is_told_that_it_is_confirmed_later);

async fn invoices_and_card_are_the_companys(world: &World) {
    let ada = world.sign_in(ADA).await;
    let id = bought(world, &ada, 3).await;
    let seen = company(world, &ada.user_id, &id).await;
    assert_eq!(seen.paying.invoices.len(), 1);
    assert_eq!(seen.paying.card.unwrap().last4, "4242");
    // The invoice names the business and its tax id, at Stripe.
    let invoices = at_stripe(world, "/invoices").await;
    assert_eq!(invoices["data"][0]["customer_name"], "Engines Ltd");
    assert_eq!(
        invoices["data"][0]["customer_tax_ids"][0]["value"],
        "DE123456789"
    );
}
on_both!(invoices_and_card_are_the_companys);
