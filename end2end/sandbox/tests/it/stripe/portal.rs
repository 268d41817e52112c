//! The billing portal.

use super::world::{BASE, GOOD_CARD, Play, card, number, text};

struct Portal {
    play: Play,
    customer: String,
    subscription: String,
    url: String,
}

fn portal(features: &str, token: &str) -> Portal {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let features = features
        .replace("PRODUCT", &plan.product)
        .replace("YEARLY", &plan.yearly)
        .replace("MONTHLY", &plan.monthly);
    let customer = play.payer(token);
    let subscription = text(&play.subscribe(&customer, &plan.monthly, ""), "/id");
    let form = format!("customer={customer}&return_url=https://app.test/billing");
    play.refused("POST", "/v1/billing_portal/sessions", &form);
    play.post("/v1/billing_portal/configurations", &features);
    let url = text(&play.post("/v1/billing_portal/sessions", &form), "/url");
    assert!(url.starts_with(&format!("{BASE}/portal/bps_")));
    Portal {
        play,
        customer,
        subscription,
        url,
    }
}

const PLAIN: &str = "features[invoice_history][enabled]=true&features[payment_method_update][enabled]=true&features[subscription_cancel][enabled]=true";

#[test]
fn cancelling_there_sets_cancel_at_and_can_be_taken_back() {
    let Portal {
        mut play,
        subscription,
        url,
        ..
    } = portal(PLAIN, "pm_card_visa");
    let (status, _, html) = play.page("GET", &url, "");
    assert_eq!(status, 200);
    for part in [
        "id=\"return\"",
        "https://app.test/billing",
        "id=\"cancel-subscription\"",
        "id=\"save-card\"",
        "id=\"invoices\"",
        "Renews on 28 Feb 2026",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("id=\"update-subscription\""));
    let (status, back, _) = play.page("POST", &format!("{url}/cancel/{subscription}"), "");
    assert_eq!((status, back.as_str()), (303, url.as_str()));
    let row = play.subscription(&subscription);
    assert_eq!(
        number(&row, "/cancel_at"),
        number(&row, "/items/data/0/current_period_end")
    );
    assert_eq!(row["cancel_at_period_end"], false);
    let (_, _, html) = play.page("GET", &url, "");
    assert!(html.contains("Cancels on 28 Feb 2026") && html.contains("id=\"reactivate\""));
    play.page("POST", &format!("{url}/reactivate/{subscription}"), "");
    assert!(play.subscription(&subscription)["cancel_at"].is_null());
}

#[test]
fn what_stands_on_invoices_is_changed_where_it_is_allowed() {
    let Portal {
        mut play,
        customer,
        url,
        ..
    } = portal(
        &format!(
            "{PLAIN}&features[customer_update][allowed_updates][0]=address&features[customer_update][allowed_updates][1]=name&features[customer_update][allowed_updates][2]=tax_id"
        ),
        "pm_card_visa",
    );
    let (_, _, html) = play.page("GET", &url, "");
    assert!(html.contains("id=\"save-details\"") && html.contains("name=\"tax_id\""));
    assert!(!html.contains("name=\"email\""));
    let details = format!("{url}/details");
    play.page("POST", &details, "name=Engines&tax_id=1");
    let (_, _, html) = play.page("GET", &url, "");
    assert!(html.contains("Your tax ID is invalid."));
    let typed = "name=Engines&line1=Ockham+Street+1&postal_code=10115&city=Berlin&country=DE&tax_id=DE123456789&email=x@y.z";
    play.page("POST", &details, typed);
    let row = play.get(&format!("/v1/customers/{customer}"));
    assert_eq!(row["name"], "Engines");
    assert_eq!(row["address"]["city"], "Berlin");
    assert_ne!(row["email"], "x@y.z");
    let ids = play.get(&format!("/v1/customers/{customer}/tax_ids"));
    assert_eq!(ids["data"][0]["type"], "eu_vat");
}

#[test]
fn where_nothing_of_it_is_allowed_nothing_is_changed() {
    let Portal {
        mut play,
        customer,
        url,
        ..
    } = portal(PLAIN, "pm_card_visa");
    let before = play.get(&format!("/v1/customers/{customer}"));
    let (_, _, html) = play.page("GET", &url, "");
    assert!(!html.contains("id=\"save-details\""));
    play.page("POST", &format!("{url}/details"), "name=Engines");
    assert_eq!(play.get(&format!("/v1/customers/{customer}")), before);
}

#[test]
fn a_new_card_pays_from_then_on() {
    let Portal {
        mut play,
        customer,
        subscription,
        url,
    } = portal(PLAIN, "pm_card_visa");
    play.page("POST", &format!("{url}/card"), &card("4000000000000002"));
    let (_, _, html) = play.page("GET", &url, "");
    assert!(html.contains("Your card was declined."));
    let (_, asked, _) = play.page("POST", &format!("{url}/card"), &card("4000002500003155"));
    assert_eq!(asked, format!("{url}/authenticate"));
    let (_, _, html) = play.page("GET", &asked, "");
    assert!(html.contains("id=\"complete-3ds\""));
    play.page("POST", &asked, "result=fail");
    let (_, _, html) = play.page("GET", &url, "");
    assert!(html.contains("unable to authenticate"));
    play.page(
        "POST",
        &format!("{url}/card"),
        &GOOD_CARD.replace("4242+4242+4242+4242", "5555555555554444"),
    );
    let row = play.get(&format!(
        "/v1/customers/{customer}?expand[]=invoice_settings.default_payment_method"
    ));
    assert_eq!(
        text(&row, "/invoice_settings/default_payment_method/card/last4"),
        "4444"
    );
    let method = text(&row, "/invoice_settings/default_payment_method/id");
    assert_eq!(
        text(&play.subscription(&subscription), "/default_payment_method"),
        method
    );
}

#[test]
fn plans_change_only_where_the_configuration_allows() {
    let Portal {
        mut play,
        subscription,
        url,
        ..
    } = portal(PLAIN, "pm_card_visa");
    play.page(
        "POST",
        &format!("{url}/update/{subscription}"),
        "quantity=5",
    );
    assert_eq!(
        number(&play.subscription(&subscription), "/items/data/0/quantity"),
        1
    );

    let features = format!(
        "{PLAIN}&features[subscription_update][enabled]=true&features[subscription_update][default_allowed_updates][]=price&features[subscription_update][default_allowed_updates][]=quantity&features[subscription_update][proration_behavior]=always_invoice&features[subscription_update][products][0][product]=PRODUCT&features[subscription_update][products][0][prices][]=MONTHLY&features[subscription_update][products][0][prices][]=YEARLY"
    );
    let Portal {
        mut play,
        subscription,
        url,
        customer,
    } = portal(&features, "pm_card_visa");
    play.page(
        "POST",
        &format!("{url}/update/{subscription}"),
        "quantity=3",
    );
    assert_eq!(
        number(&play.subscription(&subscription), "/items/data/0/quantity"),
        3
    );
    assert_eq!(
        number(
            &play.get(&format!("/v1/charges?customer={customer}")),
            "/data/0/amount"
        ),
        5800
    );
    play.page(
        "POST",
        &format!("{url}/update/{subscription}"),
        "price=price_other",
    );
    let (_, _, html) = play.page("GET", &url, "");
    assert!(html.contains("not offered here"));
}

#[test]
fn strangers_see_nothing() {
    let Portal { mut play, url, .. } = portal(PLAIN, "pm_card_visa");
    let plan = play.plan("Other", 100, 1000);
    let other = play.payer("pm_card_visa");
    let foreign = text(&play.subscribe(&other, &plan.monthly, ""), "/id");
    let (status, _, _) = play.page("POST", &format!("{url}/cancel/{foreign}"), "");
    assert_eq!(status, 404);
    assert!(play.subscription(&foreign)["cancel_at"].is_null());
    for path in ["/portal/bps_none", "/invoice/in_none", "/nothing"] {
        assert_eq!(play.page("GET", path, "").0, 404);
    }
}

#[test]
fn a_flow_shows_its_one_page_and_leads_back_when_it_is_done() {
    let Portal {
        mut play,
        customer,
        subscription,
        ..
    } = portal(PLAIN, "pm_card_visa");
    let back = "flow_data[after_completion][type]=redirect&flow_data[after_completion][redirect][return_url]=https://app.test/billing?from=portal";
    let flow = |kind: &str, more: &str| {
        format!(
            "customer={customer}&return_url=https://app.test/billing&flow_data[type]={kind}&{back}{more}"
        )
    };
    let sessions = "/v1/billing_portal/sessions";
    let card_flow = text(
        &play.post(sessions, &flow("payment_method_update", "")),
        "/url",
    );
    let (_, _, html) = play.page("GET", &card_flow, "");
    assert!(html.contains("id=\"save-card\"") && !html.contains("id=\"cancel-subscription\""));
    let (_, to, _) = play.page(
        "POST",
        &format!("{card_flow}/card"),
        &card("4000000000000002"),
    );
    assert_eq!(to, card_flow, "a refused card leads nowhere");
    let (_, to, _) = play.page("POST", &format!("{card_flow}/card"), GOOD_CARD);
    assert_eq!(to, "https://app.test/billing?from=portal");

    play.refused("POST", sessions, &flow("subscription_cancel", ""));
    let named = format!("&flow_data[subscription_cancel][subscription]={subscription}");
    let cancel_flow = text(
        &play.post(sessions, &flow("subscription_cancel", &named)),
        "/url",
    );
    let (_, _, html) = play.page("GET", &cancel_flow, "");
    assert!(html.contains("id=\"confirm-cancel\"") && !html.contains("id=\"save-card\""));
    let (_, to, _) = play.page("POST", &format!("{cancel_flow}/cancel/{subscription}"), "");
    assert_eq!(to, "https://app.test/billing?from=portal");
    assert!(play.subscription(&subscription)["cancel_at"].is_number());
    // It is ending already, and changing plans is off here.
    play.refused("POST", sessions, &flow("subscription_cancel", &named));
    let update = format!("&flow_data[subscription_update][subscription]={subscription}");
    play.refused("POST", sessions, &flow("subscription_update", &update));
}
