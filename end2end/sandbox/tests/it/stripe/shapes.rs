//! Every object, made through the API, against Stripe's published fixtures.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::world::{GOOD_CARD, Play, text};

/// Fixture keys that ours lack, and why.
const ABSENT: [(&str, &str); 2] = [
    (
        "invoice.subscription",
        "gone from the API since 2025-03-31; parent.subscription_details has it",
    ),
    ("charge.refunds", "only there when expanded"),
];

/// Keys of ours that the fixtures lack, and why.
const EXTRA: [(&str, &str); 12] = [
    (
        ".pricing.price_details",
        "the fixture's pricing is of another type",
    ),
    (
        ".flexible.proration_discounts",
        "the fixture is of the classic billing mode",
    ),
    (
        "payment_intent.payment_method_options.card",
        "options of the one method played",
    ),
    (
        "payment_intent.last_payment_error.",
        "the fixture's error is an idempotency error",
    ),
    (
        "payment_intent.next_action.",
        "the fixture's action is of no type",
    ),
    (
        "checkout.session.payment_method_options.card",
        "options of the one method played",
    ),
    (
        "checkout.session.tax_id_collection",
        "documented; the fixture leaves it out",
    ),
    ("event.data.previous_attributes", "only on updates"),
    (
        "invoice_payment.payment.payment_intent",
        "the fixture names only the type",
    ),
    (
        "invoiceitem.parent.subscription_details.subscription_item",
        "documented; the fixture leaves it out",
    ),
    (
        "billing_portal.configuration.features.subscription_update.products",
        "only when expanded there",
    ),
    (
        "webhook_endpoint.secret",
        "only in the answer to its creation",
    ),
];

/// Is the path excused? Notes which excuse was needed.
fn listed(list: &[(&'static str, &str)], path: &str, used: &mut BTreeSet<&'static str>) -> bool {
    let found = list.iter().find(|(part, _)| path.contains(part));
    used.extend(found.map(|(part, _)| *part));
    found.is_some()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Notes where `ours` does not fit `theirs`; null fits anything.
fn compare(
    path: &str,
    theirs: &Value,
    ours: &Value,
    notes: &mut Vec<String>,
    used: &mut BTreeSet<&'static str>,
) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            // Metadata is the caller's own.
            if path.ends_with(".metadata") {
                return;
            }
            for (key, value) in theirs {
                let path = format!("{path}.{key}");
                match ours.get(key) {
                    Some(own) => compare(&path, value, own, notes, used),
                    None if listed(&ABSENT, &path, used) => {}
                    None => notes.push(format!("{path} is missing")),
                }
            }
            for key in ours.keys().filter(|key| !theirs.contains_key(*key)) {
                let path = format!("{path}.{key}");
                if !listed(&EXTRA, &path, used) {
                    notes.push(format!("{path} is not in the fixture"));
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            if let Some(first) = theirs.first() {
                for own in ours {
                    compare(&format!("{path}[]"), first, own, notes, used);
                }
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        // An expandable field: an id or the object itself.
        (Value::String(_), Value::Object(_)) if ours.get("object").is_some() => {}
        _ if kind(theirs) == kind(ours) => {}
        _ => notes.push(format!(
            "{path} is a {}, the fixture's a {}",
            kind(ours),
            kind(theirs)
        )),
    }
}

struct Check {
    shapes: Map<String, Value>,
    seen: Vec<String>,
    notes: Vec<String>,
    used: BTreeSet<&'static str>,
}

impl Check {
    fn that(&mut self, name: &str, ours: &Value) {
        let theirs = self
            .shapes
            .get(name)
            .unwrap_or_else(|| panic!("no fixture {name}"));
        assert!(ours.is_object(), "{name}: {ours}");
        compare(name, theirs, ours, &mut self.notes, &mut self.used);
        self.seen.push(name.to_owned());
    }
}

#[test]
fn every_object_has_the_shape_stripe_publishes() {
    let shapes: Map<String, Value> =
        serde_json::from_str(include_str!("../stripe-shapes.json")).unwrap();
    let mut check = Check {
        shapes,
        seen: Vec::new(),
        notes: Vec::new(),
        used: BTreeSet::new(),
    };
    let mut play = Play::new();

    check.that("account", &play.get("/v1/account"));
    let endpoint = play.post(
        "/v1/webhook_endpoints",
        "url=https://app.test/hook&enabled_events[]=*",
    );
    check.that("webhook_endpoint", &endpoint);
    let plan = play.plan("Member", 2900, 29_000);
    check.that(
        "product",
        &play.get(&format!("/v1/products/{}", plan.product)),
    );
    check.that("price", &play.get(&format!("/v1/prices/{}", plan.monthly)));

    let session = play.session(&plan.monthly, "&client_reference_id=u1");
    check.that("checkout.session", &session);
    let (status, location, _) = play.page("POST", &text(&session, "/url"), GOOD_CARD);
    assert_eq!(status, 303, "{location}");
    let id = text(&session, "/id");
    let session = play.get(&format!("/v1/checkout/sessions/{id}?expand[]=line_items"));
    check.that("item", &session["line_items"]["data"][0]);
    let mut session = session;
    session.as_object_mut().unwrap().remove("line_items");
    check.that("checkout.session", &session);

    let customer = text(&session, "/customer");
    check.that("customer", &play.get(&format!("/v1/customers/{customer}")));
    let subscription = play.subscription(&text(&session, "/subscription"));
    check.that("subscription", &subscription);
    check.that("subscription_item", &subscription["items"]["data"][0]);
    check.that("plan", &subscription["items"]["data"][0]["plan"]);
    let invoice = play.get(&format!("/v1/invoices/{}", text(&session, "/invoice")));
    check.that("invoice", &invoice);
    check.that("line_item", &invoice["lines"]["data"][0]);
    let payments = play.get(&format!(
        "/v1/invoice_payments?invoice={}",
        text(&invoice, "/id")
    ));
    check.that("invoice_payment", &payments["data"][0]);
    let intent = play.get(&format!(
        "/v1/payment_intents/{}",
        text(&payments, "/data/0/payment/payment_intent")
    ));
    check.that("payment_intent", &intent);
    let charge = text(&intent, "/latest_charge");
    check.that("charge", &play.get(&format!("/v1/charges/{charge}")));
    let methods = play.get(&format!("/v1/customers/{customer}/payment_methods"));
    check.that("payment_method", &methods["data"][0]);

    rarer(
        &mut check,
        &mut play,
        &customer,
        &subscription,
        &charge,
        &plan.monthly,
    );
    // An event holds any object, in the shape that object has everywhere.
    check.shapes["event"]["data"]
        .as_object_mut()
        .unwrap()
        .remove("object");
    for mut event in play.events() {
        let object = event["data"]
            .as_object_mut()
            .unwrap()
            .remove("object")
            .unwrap();
        check.that("event", &event);
        check.that(object["object"].as_str().unwrap(), &object);
    }
    assert!(check.notes.is_empty(), "{}", check.notes.join("\n"));
    let idle: Vec<&str> = ABSENT
        .iter()
        .chain(&EXTRA)
        .map(|(part, _)| *part)
        .filter(|part| !check.used.contains(part))
        .collect();
    assert!(idle.is_empty(), "excuses that nothing needs: {idle:?}");
    let unseen: Vec<&String> = check
        .shapes
        .keys()
        .filter(|name| !check.seen.contains(name))
        .collect();
    assert!(unseen.is_empty(), "never checked: {unseen:?}");
}

fn rarer(
    check: &mut Check,
    play: &mut Play,
    customer: &str,
    subscription: &Value,
    charge: &str,
    price: &str,
) {
    let id = text(subscription, "/id");
    let item = text(subscription, "/items/data/0/id");
    play.wait(5 * super::world::DAY);
    play.post(
        &format!("/v1/subscriptions/{id}"),
        &format!("items[0][id]={item}&items[0][quantity]=3&pause_collection[behavior]=void"),
    );
    check.that(
        "invoiceitem",
        &play.get(&format!("/v1/invoiceitems?customer={customer}"))["data"][0],
    );
    let preview = play.post("/v1/invoices/create_preview", &format!("subscription={id}"));
    check.that("invoice", &preview);
    check.that(
        "refund",
        &play.post("/v1/refunds", &format!("charge={charge}&amount=100")),
    );
    play.stripe.open_dispute(charge, "fraudulent").unwrap();
    check.that(
        "dispute",
        &play.get(&format!("/v1/disputes?charge={charge}"))["data"][0],
    );
    let configuration = play.post(
        "/v1/billing_portal/configurations",
        "features[invoice_history][enabled]=true&features[payment_method_update][enabled]=true&features[subscription_cancel][enabled]=true",
    );
    check.that("billing_portal.configuration", &configuration);
    let form = format!(
        "customer={customer}&return_url=https://app.test/&flow_data[type]=payment_method_update"
    );
    check.that(
        "billing_portal.session",
        &play.post("/v1/billing_portal/sessions", &form),
    );
    let schedule = play.post(
        "/v1/subscription_schedules",
        &format!("from_subscription={id}"),
    );
    check.that("subscription_schedule", &schedule);
    play.post(
        &format!(
            "/v1/subscription_schedules/{}/release",
            text(&schedule, "/id")
        ),
        "",
    );

    let coupon = play.post(
        "/v1/coupons",
        "percent_off=25.5&duration=repeating&duration_in_months=3",
    );
    check.that("coupon", &coupon);
    let form = format!(
        "promotion[type]=coupon&promotion[coupon]={}&code=FALL20",
        text(&coupon, "/id")
    );
    check.that("promotion_code", &play.post("/v1/promotion_codes", &form));
    let form = format!("discounts[0][coupon]={}", text(&coupon, "/id"));
    let discounted = play.post(&format!("/v1/subscriptions/{id}?expand[]=discounts"), &form);
    check.that("discount", &discounted["discounts"][0]);

    let form = format!("mode=setup&customer={customer}&currency=eur&success_url=https://app.test/");
    let setup = play.post("/v1/checkout/sessions", &form);
    check.that("checkout.session", &setup);
    play.page("POST", &text(&setup, "/url"), GOOD_CARD);
    let setup = play.get(&format!(
        "/v1/checkout/sessions/{}?expand[]=setup_intent",
        text(&setup, "/id")
    ));
    check.that("setup_intent", &setup["setup_intent"]);

    // A declined charge and a payment that waits for its owner.
    for token in [
        "pm_card_chargeCustomerFail",
        "pm_card_authenticationRequired",
    ] {
        let payer = play.payer(token);
        play.subscribe(&payer, price, "");
        check.that(
            "payment_intent",
            &play.get(&format!("/v1/payment_intents?customer={payer}"))["data"][0],
        );
        if let Some(charge) = play.get(&format!("/v1/charges?customer={payer}"))["data"].get(0) {
            check.that("charge", charge);
        }
    }
    let lone = play.post("/v1/products", "name=Alone");
    check.that(
        "deleted_product",
        &play.delete(&format!("/v1/products/{}", text(&lone, "/id"))),
    );
    check.that(
        "deleted_customer",
        &play.delete(&format!("/v1/customers/{customer}")),
    );
    let endpoint = play.get("/v1/webhook_endpoints")["data"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    check.that(
        "deleted_webhook_endpoint",
        &play.delete(&format!("/v1/webhook_endpoints/{endpoint}")),
    );
}
