//! Keys, parameters, pages, expansion, idempotency, errors.

use sandbox::ApiRequest;
use serde_json::json;

use super::world::{DAY, HOUR, KEY, Play, body, header, number, text};

#[test]
fn only_the_key_opens() {
    let mut play = Play::new();
    let mut ask = |headers: Vec<(String, String)>| {
        let request = ApiRequest {
            method: "GET".into(),
            path: "/v1/account".into(),
            headers,
            ..ApiRequest::default()
        };
        let response = play.stripe.request(play.now, &request);
        assert!(header(&response, "request-id").unwrap().starts_with("req_"));
        (response.status, body(&response))
    };
    assert_eq!(ask(vec![]).0, 401);
    let (status, error) = ask(vec![(
        "authorization".into(),
        "Bearer sk_test_other".into(),
    )]);
    assert_eq!(
        (status, error["error"]["type"].as_str()),
        (401, Some("invalid_request_error"))
    );
    assert!(!text(&error, "/error/message").contains("sk_test_other"));
    assert_eq!(ask(vec![("authorization".into(), KEY.into())]).0, 200);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn answers_carry_version_and_refusals_name_what_is_wrong() {
    let mut play = Play::new();
    let response = play.call(
        "GET",
        "/v1/account",
        "",
        &[("stripe-version", "2026-09-30.endive")],
    );
    assert_eq!(
        header(&response, "stripe-version"),
        Some("2026-09-30.endive")
    );
    for (method, target, form, status, code, param) in [
        (
            "GET",
            "/v1/customers/cus_none",
            "",
            404,
            Some("resource_missing"),
            Some("id"),
        ),
        (
            "GET",
            "/v1/subscriptions?customer=cus_none",
            "",
            400,
            Some("resource_missing"),
            Some("customer"),
        ),
        (
            "POST",
            "/v1/customers",
            "nickname=x",
            400,
            Some("parameter_unknown"),
            Some("nickname"),
        ),
        (
            "POST",
            "/v1/customers",
            "address[planet]=x",
            400,
            Some("parameter_unknown"),
            Some("address[planet]"),
        ),
        (
            "POST",
            "/v1/products",
            "",
            400,
            Some("parameter_missing"),
            Some("name"),
        ),
        (
            "POST",
            "/v1/customers",
            "email=nobody",
            400,
            Some("email_invalid"),
            Some("email"),
        ),
        ("GET", "/v1/customers?limit=0", "", 400, None, Some("limit")),
        (
            "GET",
            "/v1/customers?limit=101",
            "",
            400,
            None,
            Some("limit"),
        ),
        (
            "GET",
            "/v1/customers?limit=ten",
            "",
            400,
            Some("parameter_invalid_integer"),
            Some("limit"),
        ),
        (
            "GET",
            "/v1/customers?starting_after=cus_none",
            "",
            400,
            Some("resource_missing"),
            Some("starting_after"),
        ),
        (
            "GET",
            "/v1/subscriptions?status=odd",
            "",
            400,
            None,
            Some("status"),
        ),
        ("GET", "/v1/nothing", "", 404, None, None),
        ("DELETE", "/v1/account", "", 404, None, None),
        ("POST", "/v1/customers", "metadata[", 400, None, None),
        (
            "POST",
            "/v1/customers",
            "metadata=a&metadata[b]=c",
            400,
            None,
            Some("metadata"),
        ),
    ] {
        let (got, error) = play.refused(method, target, form);
        assert_eq!(
            (got, error["code"].as_str(), error["param"].as_str()),
            (status, code, param),
            "{method} {target} {form}: {error}"
        );
        assert_eq!(error["type"], "invalid_request_error");
    }
    assert_eq!(play.get("/v1/customers")["data"], json!([]));
}

#[test]
fn pages_follow_one_another_without_gap_or_overlap() {
    let mut play = Play::new();
    let mut made: Vec<String> = (0..25)
        .map(|n| play.customer(&format!("c{n}@example.com")))
        .collect();
    play.delete(&format!("/v1/customers/{}", made.remove(12)));
    made.reverse();
    for limit in [1, 7, 24, 100] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = play.get(&format!("/v1/customers?limit={limit}{after}"));
            assert_eq!(
                (page["object"].as_str(), page["url"].as_str()),
                (Some("list"), Some("/v1/customers"))
            );
            seen.extend(
                page["data"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|row| text(row, "/id")),
            );
            if page["has_more"] == false {
                break;
            }
            after = format!("&starting_after={}", seen.last().unwrap());
        }
        assert_eq!(seen, made, "limit {limit}");
    }
    let page = play.get(&format!("/v1/customers?limit=3&ending_before={}", made[10]));
    let ids: Vec<String> = page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| text(row, "/id"))
        .collect();
    assert_eq!(
        (ids, page["has_more"].as_bool()),
        (made[7..10].to_vec(), Some(true))
    );
    let page = play.get(&format!("/v1/customers?limit=10&ending_before={}", made[2]));
    assert_eq!(
        (
            page["data"].as_array().unwrap().len(),
            page["has_more"].as_bool()
        ),
        (2, Some(false))
    );
    let found = play.get("/v1/customers?email=c3@example.com");
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    play.wait(DAY);
    let newest = play.customer("late@example.com");
    let later = play.get(&format!(
        "/v1/customers?created[gt]={}",
        play.now / 1000 - 1
    ));
    assert_eq!(later["data"][0]["id"], newest.as_str());
    assert_eq!(later["data"].as_array().unwrap().len(), 1);
}

#[test]
fn a_key_makes_a_request_once() {
    let mut play = Play::new();
    let key = [("idempotency-key", "k1")];
    let first = play.call("POST", "/v1/customers", "email=a@b.c&name=A", &key);
    let again = play.call("POST", "/v1/customers", "name=A&email=a%40b.c", &key);
    assert_eq!(first.body, again.body);
    assert_eq!(header(&again, "idempotent-replayed"), Some("true"));
    assert_eq!(header(&first, "idempotent-replayed"), None);
    assert_ne!(header(&first, "request-id"), header(&again, "request-id"));
    assert_eq!(
        header(&again, "original-request"),
        header(&first, "request-id")
    );
    for (path, form) in [
        ("/v1/customers", "email=other@b.c"),
        ("/v1/products", "email=a@b.c&name=A"),
    ] {
        let other = play.call("POST", path, form, &key);
        assert_eq!(
            (other.status, body(&other)["error"]["type"].as_str()),
            (400, Some("idempotency_error"))
        );
    }
    assert_eq!(
        play.get("/v1/customers")["data"].as_array().unwrap().len(),
        1
    );
    let event = play.events().pop().unwrap();
    assert_eq!(event["request"]["idempotency_key"], "k1");
    play.wait(24 * HOUR);
    let later = play.call("POST", "/v1/customers", "email=a@b.c&name=A", &key);
    assert_ne!(body(&later)["id"], body(&first)["id"]);

    // A refused parameter is not kept; a declined card is.
    let key = [("idempotency-key", "k2")];
    assert_eq!(
        play.call("POST", "/v1/customers", "odd=1", &key).status,
        400
    );
    assert_eq!(
        play.call("POST", "/v1/customers", "name=B", &key).status,
        200
    );
    let plan = play.plan("Member", 2900, 29_000);
    let customer = play.payer("pm_card_chargeCustomerFail");
    let form = format!(
        "customer={customer}&items[0][price]={}&payment_behavior=error_if_incomplete",
        plan.monthly
    );
    let key = [("idempotency-key", "k3")];
    assert_eq!(
        play.call("POST", "/v1/subscriptions", &form, &key).status,
        402
    );
    play.stripe
        .set_default_card(play.now, &customer, sandbox::stripe::CardKind::Visa)
        .unwrap();
    let again = play.call("POST", "/v1/subscriptions", &form, &key);
    assert_eq!(
        (again.status, header(&again, "idempotent-replayed")),
        (402, Some("true"))
    );
}

#[test]
fn ids_expand_into_what_they_name() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    play.post(
        &format!("/v1/products/{}", plan.product),
        &format!("default_price={}", plan.monthly),
    );
    let products = play.get("/v1/products?expand[]=data.default_price");
    assert_eq!(number(&products, "/data/0/default_price/unit_amount"), 2900);
    let prices = play.get("/v1/prices?active=true&type=recurring&expand[0]=data.product&limit=100");
    assert_eq!(text(&prices, "/data/1/product/name"), "Member");
    let customer = play.payer("pm_card_visa");
    let made = play.subscribe(
        &customer,
        &plan.monthly,
        "&expand[]=latest_invoice.payments&expand[]=customer&expand[]=items.data.price.product&expand[]=default_payment_method",
    );
    assert_eq!(text(&made, "/customer/id"), customer);
    assert_eq!(text(&made, "/items/data/0/price/product/name"), "Member");
    assert_eq!(
        text(&made, "/latest_invoice/payments/data/0/status"),
        "paid"
    );
    assert!(made["default_payment_method"].is_null());
    let customer = play.get(&format!("/v1/customers/{customer}?expand[]=subscriptions&expand[]=invoice_settings.default_payment_method"));
    assert_eq!(customer["subscriptions"]["data"][0]["id"], made["id"]);
    assert_eq!(
        text(
            &customer,
            "/invoice_settings/default_payment_method/card/last4"
        ),
        "4242"
    );
    let charge = play.get("/v1/charges?expand[]=data.refunds&expand[]=data.payment_intent");
    assert_eq!(charge["data"][0]["refunds"]["data"], json!([]));
    assert_eq!(
        text(&charge, "/data/0/payment_intent/object"),
        "payment_intent"
    );
    for path in [
        "nothing",
        "email",
        "data.customer",
        "subscriptions.data.latest_invoice.payments.data.x",
    ] {
        let (status, _) = play.refused(
            "GET",
            &format!("/v1/customers/{}?expand[]={path}", text(&customer, "/id")),
            "",
        );
        assert_eq!(status, 400, "{path}");
    }
    let before = play.get("/v1/customers?limit=100")["data"]
        .as_array()
        .unwrap()
        .len();
    play.refused("POST", "/v1/customers", "name=X&expand[]=nothing");
    assert_eq!(
        play.get("/v1/customers?limit=100")["data"]
            .as_array()
            .unwrap()
            .len(),
        before
    );
}

#[test]
fn metadata_merges_and_empties() {
    let mut play = Play::new();
    let customer = play.customer("a@b.c");
    let path = format!("/v1/customers/{customer}");
    play.post(&path, "metadata[a]=1&metadata[b]=2&metadata[7]=seven");
    let merged = play.post(&path, "metadata[b]=&metadata[c]=3");
    assert_eq!(
        merged["metadata"],
        json!({"7": "seven", "a": "1", "c": "3"})
    );
    let event = play.events().pop().unwrap();
    assert_eq!(
        event["data"]["previous_attributes"],
        json!({"metadata": {"b": "2", "c": null}})
    );
    assert_eq!(play.post(&path, "metadata=")["metadata"], json!({}));
    let events = play.kinds().len();
    play.post(&path, "email=a@b.c");
    assert_eq!(play.kinds().len(), events, "nothing changed, nothing told");
    let (status, _) = play.refused("POST", &path, &format!("metadata[a]={}", "x".repeat(501)));
    assert_eq!(status, 400);
}
