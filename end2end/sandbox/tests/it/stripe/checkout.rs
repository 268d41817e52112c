//! Checkout, from the session to the page and back.

use serde_json::json;

use super::world::{BASE, DAY, GOOD_CARD, HOUR, Play, card, number, text};

#[test]
fn a_good_card_completes_the_session_and_sends_the_person_back() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let customer = play.customer("ada@example.com");
    let more = format!(
        "&customer={customer}&client_reference_id=u1&metadata[a]=1&subscription_data[metadata][payer]=p1"
    );
    let session = play.session(&plan.monthly, &more);
    assert_eq!(
        session["url"],
        format!("{BASE}/checkout/{}", text(&session, "/id"))
    );
    assert_eq!(session["payment_status"], "unpaid");
    assert!(session["subscription"].is_null());

    let (status, _, html) = play.page("GET", &text(&session, "/url"), "");
    assert_eq!(status, 200);
    for part in [
        "id=\"pay\"",
        "name=\"card_number\"",
        "name=\"exp\"",
        "name=\"cvc\"",
        "id=\"cancel\"",
        "Member",
        "€29.00",
    ] {
        assert!(html.contains(part), "{part} is not on the page");
    }

    let (status, location, _) = play.page("POST", &text(&session, "/url"), GOOD_CARD);
    assert_eq!(status, 303);
    let id = text(&session, "/id");
    assert_eq!(
        location,
        format!("https://app.test/billing?session_id={id}")
    );
    let session = play.get(&format!(
        "/v1/checkout/sessions/{id}?expand[]=subscription&expand[]=invoice"
    ));
    assert_eq!(session["status"], "complete");
    assert_eq!(session["payment_status"], "paid");
    assert!(session["url"].is_null());
    let subscription = &session["subscription"];
    assert_eq!(subscription["status"], "active");
    assert_eq!(subscription["metadata"], json!({"payer": "p1"}));
    assert_eq!(subscription["customer"], customer.as_str());
    assert!(subscription["default_payment_method"].is_string());
    let item = &subscription["items"]["data"][0];
    assert_eq!(number(item, "/current_period_start"), play.now / 1000);
    assert_eq!(
        number(item, "/current_period_end"),
        play.now / 1000 + 28 * DAY / 1000
    );
    let invoice = &session["invoice"];
    assert_eq!(invoice["status"], "paid");
    assert_eq!(number(invoice, "/amount_paid"), 2900);
    assert_eq!(number(invoice, "/amount_due"), 2900);
    assert_eq!(number(invoice, "/amount_remaining"), 0);
    assert_eq!(invoice["billing_reason"], "subscription_create");
    assert_eq!(
        text(invoice, "/parent/subscription_details/subscription"),
        text(subscription, "/id")
    );
    assert!(invoice.get("subscription").is_none());
    let charges = play.get(&format!("/v1/charges?customer={customer}"));
    assert_eq!(number(&charges, "/data/0/amount"), 2900);
    assert_eq!(charges["data"].as_array().unwrap().len(), 1);
    let sessions = play.get(&format!(
        "/v1/checkout/sessions?subscription={}",
        text(subscription, "/id")
    ));
    assert_eq!(sessions["data"].as_array().unwrap().len(), 1);

    let (_, _, html) = play.page("GET", &format!("{BASE}/checkout/{id}"), "");
    assert!(html.contains("already paid") && !html.contains("id=\"pay\""));
    let (_, _, html) = play.page("POST", &format!("{BASE}/checkout/{id}"), GOOD_CARD);
    assert!(html.contains("already paid"));
    assert_eq!(
        play.get("/v1/subscriptions")["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn events_come_in_stripes_usual_order() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let session = play.session(&plan.monthly, "");
    let kinds = play.caused(|play| {
        play.page("POST", &text(&session, "/url"), GOOD_CARD);
    });
    assert_eq!(
        kinds,
        [
            "customer.created",
            "payment_method.attached",
            "customer.updated",
            "customer.subscription.created",
            "invoice.created",
            "customer.updated",
            "payment_intent.created",
            "invoice.finalized",
            "charge.succeeded",
            "payment_intent.succeeded",
            "invoice.updated",
            "invoice.paid",
            "invoice.payment_succeeded",
            "invoice_payment.paid",
            "customer.subscription.updated",
            "checkout.session.completed",
        ]
    );
    let events = play.events();
    let created = events
        .iter()
        .find(|event| event["type"] == "customer.subscription.created")
        .unwrap();
    assert_eq!(created["data"]["object"]["status"], "incomplete");
    let updated = events
        .iter()
        .find(|event| event["type"] == "customer.subscription.updated")
        .unwrap();
    assert_eq!(updated["data"]["object"]["status"], "active");
    assert_eq!(
        updated["data"]["previous_attributes"],
        json!({"status": "incomplete"})
    );
}

#[test]
fn declined_cards_leave_the_session_open_and_nothing_behind() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let customer = play.customer("ada@example.com");
    let session = play.session(&plan.monthly, &format!("&customer={customer}"));
    let url = text(&session, "/url");
    for (number, message) in [
        ("4000000000000002", "Your card was declined."),
        ("4000000000009995", "insufficient funds"),
        ("4000000000000069", "expired"),
        ("4000000000000127", "security code is incorrect"),
        ("4000000000000341", "Your card was declined."),
        ("4242424242424241", "Your card number is invalid."),
        ("4111111111111111", "non test card"),
    ] {
        let (status, location, _) = play.page("POST", &url, &card(number));
        assert_eq!((status, location.as_str()), (303, url.as_str()), "{number}");
        let (_, _, html) = play.page("GET", &url, "");
        assert!(
            html.contains(message) && html.contains("id=\"pay\""),
            "{number}: {html}"
        );
    }
    let (_, _, html) = {
        play.page(
            "POST",
            &url,
            "email=a@b&card_number=4242424242424242&exp=01/20&cvc=123",
        );
        play.page("GET", &url, "")
    };
    assert!(html.contains("expiration date"));
    let id = text(&session, "/id");
    assert_eq!(
        play.get(&format!("/v1/checkout/sessions/{id}"))["status"],
        "open"
    );
    assert_eq!(play.get("/v1/subscriptions?status=all")["data"], json!([]));
    assert_eq!(
        play.get(&format!("/v1/invoices?customer={customer}"))["data"],
        json!([])
    );
    assert_eq!(
        play.get(&format!("/v1/customers/{customer}/payment_methods"))["data"],
        json!([])
    );
    let charges = play.get(&format!("/v1/charges?customer={customer}"));
    assert!(
        charges["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|charge| charge["status"] == "failed")
    );
    let (status, _, _) = play.page("POST", &url, GOOD_CARD);
    assert_eq!(status, 303);
    assert_eq!(play.get("/v1/subscriptions")["data"][0]["status"], "active");
}

#[test]
fn three_d_secure_asks_and_both_answers_count() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    for number in ["4000002500003155", "4000002760003184"] {
        let session = play.session(&plan.monthly, "");
        let url = text(&session, "/url");
        let (_, asked, _) = play.page("POST", &url, &card(number));
        assert_eq!(asked, format!("{url}/authenticate"));
        let (_, _, html) = play.page("GET", &asked, "");
        assert!(html.contains("id=\"complete-3ds\"") && html.contains("id=\"fail-3ds\""));
        let before = play.get("/v1/subscriptions?status=all&limit=100")["data"]
            .as_array()
            .unwrap()
            .len();
        let (_, back, _) = play.page("POST", &asked, "result=fail");
        assert_eq!(back, url);
        let (_, _, html) = play.page("GET", &url, "");
        assert!(html.contains("unable to authenticate"));
        let after = play.get("/v1/subscriptions?status=all&limit=100")["data"]
            .as_array()
            .unwrap()
            .len();
        assert_eq!(before, after);
        // An old question cannot be answered later.
        let (_, back, _) = play.page("POST", &asked, "result=complete");
        assert_eq!(back, url);
        play.page("POST", &url, &card(number));
        let (_, done, _) = play.page("POST", &asked, "result=complete");
        assert!(
            done.starts_with("https://app.test/billing?session_id=cs_test_"),
            "{done}"
        );
        assert_eq!(play.get("/v1/subscriptions")["data"][0]["status"], "active");
    }
    let session = play.session(&plan.monthly, "");
    let url = text(&session, "/url");
    play.page("POST", &url, &card("4000008260003178"));
    let (_, back, _) = play.page("POST", &format!("{url}/authenticate"), "result=complete");
    assert_eq!(back, url);
    let (_, _, html) = play.page("GET", &url, "");
    assert!(html.contains("insufficient funds"));
}

#[test]
fn sessions_expire_by_themselves_and_by_hand() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let first = play.session(&plan.monthly, "");
    let second = play.session(
        &plan.monthly,
        &format!("&expires_at={}", play.now / 1000 + 1800),
    );
    let path = format!("/v1/checkout/sessions/{}", text(&first, "/id"));
    assert_eq!(
        play.post(&format!("{path}/expire"), "")["status"],
        "expired"
    );
    let (status, error) = play.refused("POST", &format!("{path}/expire"), "");
    assert_eq!(status, 400);
    assert!(text(&error, "/message").contains("status of expired"));
    let (_, _, html) = play.page("POST", &text(&first, "/url"), GOOD_CARD);
    assert!(html.contains("expired"));
    play.wait(1800 * 1000);
    let path = format!("/v1/checkout/sessions/{}", text(&second, "/id"));
    assert_eq!(play.get(&path)["status"], "expired");
    assert!(play.get(&path)["url"].is_null());
    let third = play.session(&plan.monthly, "");
    play.wait(24 * HOUR - 1);
    assert_eq!(
        play.get(&format!("/v1/checkout/sessions/{}", text(&third, "/id")))["status"],
        "open"
    );
    play.wait(1);
    assert_eq!(
        play.get(&format!("/v1/checkout/sessions/{}", text(&third, "/id")))["status"],
        "expired"
    );
    assert_eq!(
        play.kinds()
            .iter()
            .filter(|kind| *kind == "checkout.session.expired")
            .count(),
        3
    );
    assert_eq!(play.get("/v1/subscriptions?status=all")["data"], json!([]));
    let (status, _, _) = play.page("GET", "/checkout/cs_test_nobody", "");
    assert_eq!(status, 404);
}

#[test]
fn a_trial_charges_nothing_until_it_ends() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let session = play.session(&plan.monthly, "&subscription_data[trial_period_days]=14");
    assert_eq!(number(&session, "/amount_total"), 0);
    play.page("POST", &text(&session, "/url"), GOOD_CARD);
    let session = play.get(&format!("/v1/checkout/sessions/{}", text(&session, "/id")));
    assert_eq!(session["payment_status"], "no_payment_required");
    let id = text(&session, "/subscription");
    let subscription = play.subscription(&id);
    assert_eq!(subscription["status"], "trialing");
    assert_eq!(
        number(&subscription, "/trial_end"),
        play.now / 1000 + 14 * DAY / 1000
    );
    assert_eq!(play.get("/v1/charges")["data"], json!([]));
    play.wait(11 * DAY);
    assert!(
        play.kinds()
            .contains(&"customer.subscription.trial_will_end".to_owned())
    );
    play.wait(3 * DAY);
    assert_eq!(play.subscription(&id)["status"], "active");
    assert_eq!(
        play.get("/v1/charges")["data"],
        json!([]),
        "the first invoice is a draft for an hour"
    );
    play.wait(HOUR);
    assert_eq!(number(&play.get("/v1/charges"), "/data/0/amount"), 2900);
}

#[test]
fn payment_and_setup_modes() {
    let mut play = Play::new();
    let product = text(&play.post("/v1/products", "name=Pass"), "/id");
    let price = text(
        &play.post(
            "/v1/prices",
            &format!("product={product}&currency=eur&unit_amount=9900"),
        ),
        "/id",
    );
    let form = format!(
        "mode=payment&line_items[0][price]={price}&line_items[0][quantity]=2&success_url=https://app.test/&payment_intent_data[metadata][pass]=1"
    );
    let session = play.post("/v1/checkout/sessions", &form);
    play.page("POST", &text(&session, "/url"), &card("4000000000000002"));
    play.page("POST", &text(&session, "/url"), GOOD_CARD);
    let path = format!(
        "/v1/checkout/sessions/{}?expand[]=payment_intent.latest_charge",
        text(&session, "/id")
    );
    let session = play.get(&path);
    assert_eq!(session["payment_status"], "paid");
    assert_eq!(number(&session, "/payment_intent/amount_received"), 19_800);
    assert_eq!(session["payment_intent"]["metadata"], json!({"pass": "1"}));
    assert_eq!(session["payment_intent"]["latest_charge"]["paid"], true);
    let refund = play.post(
        "/v1/refunds",
        &format!("payment_intent={}", text(&session, "/payment_intent/id")),
    );
    assert_eq!(number(&refund, "/amount"), 19_800);

    let customer = play.customer("ada@example.com");
    let setup = play.post(
        "/v1/checkout/sessions",
        &format!("mode=setup&customer={customer}&success_url=https://app.test/"),
    );
    play.page("POST", &text(&setup, "/url"), GOOD_CARD);
    let methods = play.get(&format!(
        "/v1/payment_methods?customer={customer}&type=card"
    ));
    assert_eq!(methods["data"][0]["card"]["last4"], "4242");
}

#[test]
fn seats_may_be_adjusted_within_their_bounds() {
    let mut play = Play::new();
    let plan = play.plan("Team", 2400, 24_000);
    let more = "&line_items[0][adjustable_quantity][enabled]=true&line_items[0][adjustable_quantity][minimum]=3&line_items[0][adjustable_quantity][maximum]=50";
    let session = play.session(&plan.monthly, more);
    let id = text(&session, "/id");
    let line = text(
        &play.get(&format!("/v1/checkout/sessions/{id}/line_items")),
        "/data/0/id",
    );
    play.page(
        "POST",
        &text(&session, "/url"),
        &format!("{GOOD_CARD}&quantity_{line}=51"),
    );
    assert_eq!(
        play.get(&format!("/v1/checkout/sessions/{id}"))["status"],
        "open"
    );
    play.page(
        "POST",
        &text(&session, "/url"),
        &format!("{GOOD_CARD}&quantity_{line}=12"),
    );
    let subscription = &play.get("/v1/subscriptions")["data"][0];
    assert_eq!(number(subscription, "/items/data/0/quantity"), 12);
    assert_eq!(
        number(&play.get("/v1/charges"), "/data/0/amount"),
        12 * 2400
    );
}

const BUSINESS: &str = "line1=Ockham+Street+1&postal_code=10115&city=Berlin&country=de";

#[test]
fn a_company_leaves_its_address_its_name_and_its_tax_id() {
    let mut play = Play::new();
    let plan = play.plan("Team", 2400, 24_000);
    let customer = play.customer("ada@example.com");
    let collect = "billing_address_collection=required&tax_id_collection[enabled]=true&customer_update[name]=auto&customer_update[address]=auto";
    let session = play.session(&plan.monthly, &format!("&customer={customer}&{collect}"));
    assert_eq!(session["tax_id_collection"]["enabled"], true);
    assert_eq!(session["billing_address_collection"], "required");
    let url = text(&session, "/url");
    let session = format!("/v1/checkout/sessions/{}", text(&session, "/id"));
    let (_, _, html) = play.page("GET", &url, "");
    for name in [
        "line1",
        "postal_code",
        "city",
        "country",
        "business_name",
        "tax_id",
    ] {
        assert!(html.contains(&format!("name=\"{name}\"")), "{name}");
    }
    for (typed, told) in [
        (String::new(), "Your billing address is incomplete."),
        (
            format!("&{BUSINESS}&tax_id=DE123456789"),
            "Your business name is incomplete.",
        ),
        (
            format!("&{BUSINESS}&business_name=Engines&tax_id=12"),
            "Your tax ID is invalid.",
        ),
    ] {
        play.page("POST", &url, &format!("{GOOD_CARD}{typed}"));
        let (_, _, html) = play.page("GET", &url, "");
        assert!(html.contains(told), "{typed}");
        assert_eq!(play.get(&session)["status"], "open");
    }
    let typed = format!("{GOOD_CARD}&{BUSINESS}&business_name=Engines&tax_id=de123456789");
    play.page("POST", &url, &typed);
    let paid = play.get(&session);
    assert_eq!(paid["status"], "complete");
    let tax_id = json!([{ "type": "eu_vat", "value": "DE123456789" }]);
    let details = &paid["customer_details"];
    assert_eq!(details["tax_ids"], tax_id);
    assert_eq!(details["business_name"], "Engines");
    assert_eq!(details["address"]["country"], "DE");
    let kept = play.get(&format!("/v1/customers/{customer}"));
    assert_eq!(kept["name"], "Engines");
    assert_eq!(kept["address"]["line1"], "Ockham Street 1");
    let ids = play.get(&format!("/v1/customers/{customer}/tax_ids"));
    assert_eq!(ids["data"][0]["value"], "DE123456789");
    assert_eq!(ids["data"][0]["owner"]["customer"], customer.as_str());
    let invoices = play.get("/v1/invoices");
    assert_eq!(invoices["data"][0]["customer_tax_ids"], tax_id);
    assert_eq!(invoices["data"][0]["customer_name"], "Engines");
}

#[test]
fn promotion_codes_take_off_what_they_say() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    play.post("/v1/coupons", "id=half&percent_off=50&duration=once");
    play.post(
        "/v1/promotion_codes",
        "promotion[type]=coupon&promotion[coupon]=half&code=HALF&max_redemptions=1",
    );
    let session = play.session(&plan.monthly, "&allow_promotion_codes=true");
    play.page(
        "POST",
        &text(&session, "/url"),
        &format!("{GOOD_CARD}&promotion_code=nope"),
    );
    let (_, _, html) = play.page("GET", &text(&session, "/url"), "");
    assert!(html.contains("This code is invalid."));
    play.page(
        "POST",
        &text(&session, "/url"),
        &format!("{GOOD_CARD}&promotion_code=half"),
    );
    assert_eq!(number(&play.get("/v1/charges"), "/data/0/amount"), 1450);
    play.wait(28 * DAY + HOUR);
    assert_eq!(
        number(&play.get("/v1/charges"), "/data/0/amount"),
        2900,
        "a `once` coupon counts once"
    );
    assert_eq!(play.get("/v1/promotion_codes")["data"][0]["active"], false);
}

#[test]
fn a_code_is_used_when_the_session_is_paid_and_not_before() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let code = one_use(&mut play, "");
    let discount = format!("&discounts[0][promotion_code]={code}");
    let first = play.session(&plan.monthly, &discount);
    let second = play.session(&plan.monthly, &discount);
    assert_eq!(number(&first, "/amount_total"), 1450);
    play.page("POST", &text(&second, "/url"), GOOD_CARD);
    let used = play.get(&format!("/v1/promotion_codes/{code}"));
    assert_eq!(
        (&used["times_redeemed"], &used["active"]),
        (&1.into(), &false.into())
    );
}

/// A promotion code for half the price, once; its id.
fn one_use(play: &mut Play, more: &str) -> String {
    play.post("/v1/coupons", "id=half&percent_off=50&duration=once");
    let form =
        format!("promotion[type]=coupon&promotion[coupon]=half&code=HALF&max_redemptions=1{more}");
    text(&play.post("/v1/promotion_codes", &form), "/id")
}

#[test]
fn restrictions_of_codes_and_coupons_are_kept() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let customer = play.customer("ada@example.com");
    let minimum = "&restrictions[minimum_amount]=3000&restrictions[minimum_amount_currency]=eur";
    let code = one_use(&mut play, minimum);
    let sessions = |price: &str, discount: &str| {
        format!(
            "mode=subscription&line_items[0][price]={price}&line_items[0][quantity]=1&success_url=https://app.test/&customer={customer}&discounts[0]{discount}"
        )
    };
    let by_code = format!("[promotion_code]={code}");
    let form = sessions(&plan.monthly, &by_code);
    let (status, refused) = play.refused("POST", "/v1/checkout/sessions", &form);
    assert_eq!(status, 400);
    assert_eq!(text(&refused, "/param"), "discounts[0][promotion_code]");
    let form = sessions(&plan.yearly, &by_code);
    play.post("/v1/checkout/sessions", &form);

    let other = text(&play.post("/v1/products", "name=Other"), "/id");
    play.post(
        "/v1/coupons",
        &format!("id=other&percent_off=10&duration=once&applies_to[products][0]={other}"),
    );
    let (status, _) = play.refused(
        "POST",
        "/v1/checkout/sessions",
        &sessions(&plan.monthly, "[coupon]=other"),
    );
    assert_eq!(status, 400);
    play.post(
        "/v1/promotion_codes",
        "promotion[type]=coupon&promotion[coupon]=other&code=OTHER&restrictions[first_time_transaction]=true",
    );
    let found =
        play.get("/v1/promotion_codes?code=other&expand[]=data.promotion.coupon.applies_to");
    assert_eq!(
        text(&found, "/data/0/promotion/coupon/applies_to/products/0"),
        other
    );
    assert_eq!(
        found["data"][0]["restrictions"]["first_time_transaction"],
        true
    );
}

#[test]
fn a_bank_that_gets_no_confirmation_leaves_an_intent_that_says_so() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let customer = play.customer("ada@example.com");
    let session = play.session(&plan.monthly, &format!("&customer={customer}"));
    let card = card("4000002500003155");
    let url = text(&session, "/url");
    play.page("POST", &url, &card);
    play.page("POST", &format!("{url}/authenticate"), "result=fail");
    let intents = play.get(&format!("/v1/payment_intents?customer={customer}"));
    assert_eq!(
        text(&intents, "/data/0/last_payment_error/code"),
        "payment_intent_authentication_failure"
    );
    assert_eq!(play.get("/v1/charges")["data"], json!([]));
}

#[test]
fn sessions_are_refused_as_stripe_refuses_them() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let customer = play.customer("ada@example.com");
    let good = format!(
        "mode=subscription&line_items[0][price]={}&line_items[0][quantity]=1&success_url=https://app.test/",
        plan.monthly
    );
    for (form, param) in [
        (
            "mode=subscription&success_url=https://app.test/".to_owned(),
            "line_items",
        ),
        (
            format!("{good}&line_items[0][prize]=x"),
            "line_items[0][prize]",
        ),
        (good.replace("mode=subscription&", ""), "mode"),
        (
            good.replace("success_url=https://app.test/", ""),
            "success_url",
        ),
        (good.replace("https://app.test/", "/billing"), "success_url"),
        (
            good.replace(&plan.monthly, "price_none"),
            "line_items[0][price]",
        ),
        (format!("{good}&customer=cus_none"), "customer"),
        (
            format!("{good}&expires_at={}", play.now / 1000 + 60),
            "expires_at",
        ),
        (
            format!("{good}&expires_at={}", play.now / 1000 + 90_000),
            "expires_at",
        ),
        (
            format!("{good}&payment_intent_data[description]=x"),
            "payment_intent_data",
        ),
    ] {
        let (status, error) = play.refused("POST", "/v1/checkout/sessions", &form);
        assert_eq!(
            (status, error["param"].as_str()),
            (400, Some(param)),
            "{form}: {error}"
        );
    }
    for form in [
        format!("{good}&billing_address_collection=never"),
        format!(
            "{good}&line_items[0][adjustable_quantity][enabled]=true&line_items[0][adjustable_quantity][maximum]=1000000"
        ),
        format!("{good}&customer={customer}&customer_email=a@b.c"),
        good.replace("mode=subscription", "mode=payment"),
        format!("{good}&customer={customer}&tax_id_collection[enabled]=true"),
        format!("{good}&customer={customer}&automatic_tax[enabled]=true"),
    ] {
        play.refused("POST", "/v1/checkout/sessions", &form);
    }
    play.post(&format!("/v1/prices/{}", plan.monthly), "active=false");
    let (_, error) = play.refused("POST", "/v1/checkout/sessions", &good);
    assert!(text(&error, "/message").contains("inactive"));
    assert_eq!(play.get("/v1/checkout/sessions")["data"], json!([]));
}
