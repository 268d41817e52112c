//! Founding and buying: once, for companies alone, and never a second subscription.

use super::{EACH, TEAM, at_stripe, bought, company, pay, port, purchase, session};
use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::World;
use app::checkout::{CheckoutError, CheckoutPort};
use app::company::{CompanyError, CompanyPort, CompanyStanding, MOST, Purchase};
use app::stripe::StripeTrouble;
use sandbox::faults::{Fault, FaultRule, Target};
use server::checkout::Checkout;
use std::collections::HashSet;

async fn sent_many_times_at_once_it_is_one_company_and_one_session(world: &World) {
    let ada = world.sign_in(ADA).await;
    let purchase = purchase(world, "  Analytical   Engines ", 5).await;
    let sent = (0..5).map(|_| {
        let (port, user, purchase) = (port(world), ada.user_id.clone(), purchase.clone());
        async move { port.buy(&user, &purchase).await.unwrap() }
    });
    let urls: HashSet<String> = futures::future::join_all(sent).await.into_iter().collect();
    assert_eq!(urls.len(), 1, "{urls:?}");
    let rows: Vec<(String, String)> = sqlx::query_as("SELECT id, name FROM companies")
        .fetch_all(world.state.db.reader())
        .await
        .unwrap();
    let expected = (purchase.company_id.clone(), "Analytical Engines".to_owned());
    assert_eq!(rows, [expected]);
    for (what, count) in [
        ("SELECT COUNT(*) FROM payers", 1),
        (
            "SELECT COUNT(*) FROM company_people WHERE role = 'owner'",
            1,
        ),
        ("SELECT COUNT(*) FROM customers", 1),
        ("SELECT COUNT(*) FROM checkouts", 1),
        ("SELECT COUNT(*) FROM audit WHERE event = 'company'", 1),
    ] {
        assert_eq!(world.count(what).await, count, "{what}");
    }
    assert_eq!(world.asked("POST", "/v1/customers"), 1);
    assert_eq!(world.asked("POST", "/v1/checkout/sessions"), 1);
    world.settle().await;
}
on_both!(sent_many_times_at_once_it_is_one_company_and_one_session);

async fn the_session_sells_seats_and_asks_what_an_invoice_needs(world: &World) {
    let ada = world.sign_in(ADA).await;
    let purchase = purchase(world, "Engines", 5).await;
    let id = &purchase.company_id;
    let url = port(world).buy(&ada.user_id, &purchase).await.unwrap();
    let (session, line) = session(world, &url).await;
    assert_eq!(line["quantity"], 5);
    assert_eq!(
        line["adjustable_quantity"],
        serde_json::json!({ "enabled": true, "minimum": 1, "maximum": MOST })
    );
    assert_eq!(session["tax_id_collection"]["enabled"], true);
    assert_eq!(session["billing_address_collection"], "required");
    let back = |more: &str| format!("{}/company/{id}?{more}", world.base);
    assert_eq!(
        session["success_url"],
        back("session_id={CHECKOUT_SESSION_ID}")
    );
    assert_eq!(session["cancel_url"], back("left=1"));
    let customer = session["customer"].as_str().unwrap().to_owned();
    let row = at_stripe(world, &format!("/customers/{customer}")).await;
    assert_eq!(row["name"], "Engines");
    assert_eq!(row["metadata"]["rollcall_company"], id.as_str());
    let payer: String = sqlx::query_scalar("SELECT id FROM payers WHERE company_id = $1")
        .bind(id)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    assert_eq!(row["metadata"]["rollcall_payer"], payer.as_str());
    assert!(row["metadata"]["rollcall_discord_user"].is_null());
    let person = company(world, &ada.user_id, id).await;
    assert_eq!(person.paying.standing, CompanyStanding::NotPaid);
    assert_eq!(person.paying.may_change, Err(CompanyError::NotPaid));

    // The number is chosen anew on Stripe's page, with name, address and tax id.
    let quantity = format!("quantity_{}", line["id"].as_str().unwrap());
    pay(&url, &[(&quantity, "7")]).await;
    port(world).returned(&ada.user_id, id).await.unwrap();
    world.settle().await;
    let ids = at_stripe(world, &format!("/customers/{customer}/tax_ids")).await;
    assert_eq!(ids["data"][0]["value"], "DE123456789");
    let seen = company(world, &ada.user_id, id).await;
    assert_eq!(seen.paying.standing, CompanyStanding::Active);
    assert_eq!(seen.paying.seats, 7);
    assert_eq!(seen.paying.sum.unwrap().minor, 7 * EACH);
    assert_eq!(seen.paying.seat.unwrap().amount.minor, EACH);
    assert_eq!((seen.pools[0].paid, seen.pools[0].held()), (7, 0));
    // Whoever buys holds no seat by that.
    assert!(world.roles_of(ADA).is_empty() || !ada.has_roles(&world.plan_roles(TEAM).await));
}
on_both!(the_session_sells_seats_and_asks_what_an_invoice_needs);

async fn left_and_begun_again_leads_to_the_open_page_or_ends_it(world: &World) {
    let ada = world.sign_in(ADA).await;
    let first = purchase(world, "Engines", 5).await;
    let port = port(world);
    let url = port.buy(&ada.user_id, &first).await.unwrap();
    // From the company's page, without a name: the same choice finds the same page.
    let again = Purchase {
        name: None,
        ..first.clone()
    };
    assert_eq!(port.buy(&ada.user_id, &again).await.unwrap(), url);
    let more = Purchase {
        seats: 9,
        ..again.clone()
    };
    let other = port.buy(&ada.user_id, &more).await.unwrap();
    assert_ne!(other, url);
    let (ended, _) = session(world, &url).await;
    assert_eq!(ended["status"], "expired");
    let (open, line) = session(world, &other).await;
    assert_eq!(
        (open["status"].as_str(), &line["quantity"]),
        (Some("open"), &9.into())
    );
    assert_eq!(world.asked("POST", "/v1/customers"), 1);
    // It came back without paying: nothing is being confirmed.
    port.returned(&ada.user_id, &first.company_id)
        .await
        .unwrap();
    let seen = company(world, &ada.user_id, &first.company_id).await;
    assert_eq!(seen.paying.standing, CompanyStanding::NotPaid);
    world.settle().await;
}
on_both!(left_and_begun_again_leads_to_the_open_page_or_ends_it);

async fn a_second_subscription_is_never_sold(world: &World) {
    let ada = world.sign_in(ADA).await;
    let first = purchase(world, "Engines", 5).await;
    let port = port(world);
    let url = port.buy(&ada.user_id, &first).await.unwrap();
    pay(&url, &[]).await;
    // Paid in one tab and begun again in another, before anything was heard of it.
    let again = Purchase {
        name: None,
        seats: 8,
        ..first.clone()
    };
    let refused = port.buy(&ada.user_id, &again).await;
    assert_eq!(refused, Err(CompanyError::PaysAlready));
    world.settle().await;
    let refused = port.buy(&ada.user_id, &first).await;
    assert_eq!(refused, Err(CompanyError::PaysAlready));
    assert_eq!(world.count("SELECT COUNT(*) FROM subscriptions").await, 1);
    assert_eq!(world.asked("POST", "/v1/checkout/sessions"), 1);
    // A second company of the same person is another payer.
    let id = bought(world, &ada, 2).await;
    assert_ne!(id, first.company_id);
    assert_eq!(world.count("SELECT COUNT(*) FROM subscriptions").await, 2);
}
on_both!(a_second_subscription_is_never_sold);

async fn people_and_companies_do_not_buy_each_others_plans(world: &World) {
    let ada = world.sign_in(ADA).await;
    let team = world.price(TEAM).await;
    let alone = Checkout(world.state.clone());
    let refused = alone.start(&ada.user_id, &team, None).await;
    assert_eq!(refused, Err(CheckoutError::CompanyPlan));
    let port = port(world);
    for price_id in [
        world.price("Member").await,
        world.pass_price("Season pass").await,
        "price_unknown".to_owned(),
    ] {
        let purchase = Purchase {
            price_id,
            ..purchase(world, "Engines", 5).await
        };
        let refused = port.buy(&ada.user_id, &purchase).await;
        assert_eq!(refused, Err(CompanyError::PriceGone), "{purchase:?}");
    }
    // Nothing is founded for what is not sold.
    assert_eq!(world.count("SELECT COUNT(*) FROM companies").await, 0);
    assert_eq!(world.count("SELECT COUNT(*) FROM customers").await, 0);
}
on_both!(people_and_companies_do_not_buy_each_others_plans);

async fn what_cannot_be_founded_is_not(world: &World) {
    let ada = world.sign_in(ADA).await;
    let grace = world.sign_in(GRACE).await;
    let port = port(world);
    let good = purchase(world, "Engines", 5).await;
    for (name, seats, told) in [
        (" \n ", 5, CompanyError::NameMissing),
        ("Engines", 0, CompanyError::BadNumber),
        ("Engines", -1, CompanyError::BadNumber),
        ("Engines", MOST + 1, CompanyError::BadNumber),
    ] {
        let bad = Purchase {
            name: Some(name.to_owned()),
            seats,
            ..good.clone()
        };
        assert_eq!(
            port.buy(&ada.user_id, &bad).await,
            Err(told),
            "{name:?} {seats}"
        );
    }
    world.state.limits.forget();
    for id in ["", "com_1", "com_'; DROP", "com_\0aaaaaaaaaaaaaaaaaaa"] {
        let bad = Purchase {
            company_id: id.to_owned(),
            ..good.clone()
        };
        let refused = port.buy(&ada.user_id, &bad).await;
        assert_eq!(refused, Err(CompanyError::NotFound), "{id:?}");
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM companies").await, 0);
    world.state.limits.forget();
    // Somebody else's id is no id, with a name or without; nor is one that was never given.
    port.buy(&ada.user_id, &good).await.unwrap();
    let unknown = Purchase {
        company_id: port.new_id(),
        name: None,
        ..good.clone()
    };
    let nameless = Purchase {
        name: None,
        ..good.clone()
    };
    for purchase in [&good, &nameless, &unknown] {
        let refused = port.buy(&grace.user_id, purchase).await;
        assert_eq!(refused, Err(CompanyError::NotFound));
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM company_people").await, 1);
    assert_eq!(world.asked("POST", "/v1/checkout/sessions"), 1);
    world.settle().await;
}
on_both!(what_cannot_be_founded_is_not);

async fn a_lost_answer_is_asked_for_again_with_the_same_key(world: &World) {
    let ada = world.sign_in(ADA).await;
    let purchase = purchase(world, "Engines", 5).await;
    let port = port(world);
    let lost = Fault::Answer {
        status: 500,
        effect: true,
    };
    let rule = FaultRule::always(Target::Stripe, lost).at("POST", "/v1/checkout/sessions");
    world.sandbox.with(|w| w.faults.add(rule));
    let told = port.buy(&ada.user_id, &purchase).await;
    assert_eq!(told, Err(CompanyError::Stripe(StripeTrouble::Failing)));
    world.sandbox.with(|w| w.faults.clear());
    // The company is there, and goes on where it was.
    let url = port.buy(&ada.user_id, &purchase).await.unwrap();
    assert!(url.contains("/checkout/cs_"), "{url}");
    let keys: HashSet<_> = world.sandbox.with(|w| {
        w.calls
            .iter()
            .filter(|call| call.method == "POST" && call.path == "/v1/checkout/sessions")
            .map(|call| call.idempotency_key.clone())
            .collect()
    });
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_eq!(world.count("SELECT COUNT(*) FROM companies").await, 1);
    world.settle().await;
}
on_both!(a_lost_answer_is_asked_for_again_with_the_same_key);

async fn a_trial_is_the_companys_once(world: &World) {
    let ada = world.sign_in(ADA).await;
    let product: String = sqlx::query_scalar("SELECT id FROM plans WHERE name = $1")
        .bind(TEAM)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let trial = [("metadata[rollcall_trial_days]", "14")];
    world
        .at_stripe(&format!("/v1/products/{product}"), &trial)
        .await;
    world.settle().await;
    let id = bought(world, &ada, 3).await;
    let seen = company(world, &ada.user_id, &id).await;
    assert_eq!(seen.paying.standing, CompanyStanding::Trial);
    assert_eq!(seen.pools[0].paid, 3);
    let subscription: String = sqlx::query_scalar("SELECT id FROM subscriptions")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_now(now, &subscription).unwrap();
    });
    world.settle().await;
    let seen = company(world, &ada.user_id, &id).await;
    assert_eq!(seen.paying.standing, CompanyStanding::Ended);
    // Begun anew it is paid from the first day.
    let anew = Purchase {
        company_id: id.clone(),
        name: None,
        price_id: world.price(TEAM).await,
        seats: 4,
    };
    let url = port(world).buy(&ada.user_id, &anew).await.unwrap();
    let (session, _) = session(world, &url).await;
    assert_eq!(session["amount_total"], 4 * EACH);
    pay(&url, &[]).await;
    port(world).returned(&ada.user_id, &id).await.unwrap();
    world.settle().await;
    let seen = company(world, &ada.user_id, &id).await;
    assert_eq!(seen.paying.standing, CompanyStanding::Active);
    assert_eq!(seen.pools[0].paid, 4);
}
on_both!(a_trial_is_the_companys_once);

async fn a_link_that_was_lost_is_rebuilt_from_the_company_the_customer_names(world: &World) {
    let ada = world.sign_in(ADA).await;
    let id = bought(world, &ada, 3).await;
    let customer: String = sqlx::query_scalar("SELECT id FROM customers")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    // Somebody made another one at Stripe's dashboard, and named the company.
    let made = world
        .at_stripe(
            "/v1/customers",
            &[
                ("metadata[rollcall_company]", id.as_str()),
                ("email", "b@engines.test"),
            ],
        )
        .await;
    world.settle().await;
    let payers: Vec<(String, String)> = sqlx::query_as(
        "SELECT customers.id, payers.company_id FROM customers \
         JOIN payers ON payers.id = customers.payer_id ORDER BY customers.created_at, customers.id",
    )
    .fetch_all(world.state.db.reader())
    .await
    .unwrap();
    let mut linked: Vec<&str> = payers
        .iter()
        .map(|(customer, _)| customer.as_str())
        .collect();
    linked.sort_unstable();
    let mut expected = vec![customer.as_str(), made["id"].as_str().unwrap()];
    expected.sort_unstable();
    assert_eq!(linked, expected);
    assert!(payers.iter().all(|(_, company)| *company == id));
}
on_both!(a_link_that_was_lost_is_rebuilt_from_the_company_the_customer_names);
