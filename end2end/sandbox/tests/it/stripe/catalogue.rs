//! Products, prices, and the demo plans.

use sandbox::stripe::DemoRoles;
use serde_json::json;

use super::world::{Play, number, text};

#[test]
fn products_and_prices_are_made_changed_and_told() {
    let mut play = Play::new();
    let form = "name=Member&metadata[rollcall_roles]=1,2&marketing_features[0][name]=Room&marketing_features[1][name]=Archive&default_price_data[currency]=EUR&default_price_data[unit_amount]=2900&default_price_data[recurring][interval]=month";
    let kinds = play.caused(|play| {
        let product = play.post("/v1/products", form);
        assert_eq!(
            product["marketing_features"],
            json!([{"name": "Room"}, {"name": "Archive"}])
        );
        let price = play.get(&format!("/v1/prices/{}", text(&product, "/default_price")));
        assert_eq!(
            (price["currency"].as_str(), number(&price, "/unit_amount")),
            (Some("eur"), 2900)
        );
        let path = format!("/v1/products/{}", text(&product, "/id"));
        play.post(&path, "metadata[rollcall_roles]=3&active=false");
        let (status, _) = play.refused("DELETE", &path, "");
        assert_eq!(status, 400);
        play.post(
            &format!("/v1/prices/{}", text(&price, "/id")),
            "active=false&nickname=old",
        );
    });
    assert_eq!(
        kinds,
        [
            "product.created",
            "price.created",
            "product.updated",
            "product.updated",
            "price.updated"
        ]
    );
    assert_eq!(play.get("/v1/products?active=true")["data"], json!([]));
    assert_eq!(play.get("/v1/prices?active=true")["data"], json!([]));
}

#[test]
fn lookup_keys_belong_to_one_price() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let make = |key: &str| {
        format!(
            "product={}&currency=eur&unit_amount=100&lookup_key={key}",
            plan.product
        )
    };
    let first = play.post("/v1/prices", &make("k"));
    play.refused("POST", "/v1/prices", &make("k"));
    let second = play.post(
        "/v1/prices",
        &format!("{}&transfer_lookup_key=true", make("k")),
    );
    let found = play.get("/v1/prices?lookup_keys[]=k");
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    assert_eq!(found["data"][0]["id"], second["id"]);
    assert!(play.get(&format!("/v1/prices/{}", text(&first, "/id")))["lookup_key"].is_null());
    let yearly = play.get(&format!(
        "/v1/prices?product={}&recurring[interval]=year",
        plan.product
    ));
    assert_eq!(yearly["data"][0]["id"], plan.yearly.as_str());
}

#[test]
fn the_demo_has_three_plans_with_both_rhythms_and_a_pass() {
    let mut play = Play::new();
    let roles = DemoRoles {
        member: "11".into(),
        patron: "22".into(),
        company: "33".into(),
    };
    play.stripe.seed_demo(play.now, &roles);
    let prices = play.get("/v1/prices?active=true&limit=100&expand[]=data.product");
    let mut plans: Vec<(String, i64, String, String)> = prices["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|price| {
            (
                text(price, "/product/metadata/rollcall_order"),
                number(price, "/unit_amount"),
                text(price, "/product/metadata/rollcall_roles"),
                text(price, "/product/metadata/rollcall_audience"),
            )
        })
        .collect();
    plans.sort();
    let plan = |order: &str, amount, role: &str, audience: &str| {
        (order.into(), amount, role.into(), audience.into())
    };
    assert_eq!(
        plans,
        [
            plan("1", 2900, "11", "individual"),
            plan("1", 29_000, "11", "individual"),
            plan("2", 7900, "22", "individual"),
            plan("2", 79_000, "22", "individual"),
            plan("3", 6900, "11", "individual"),
            plan("4", 2400, "33", "company"),
            plan("4", 24_000, "33", "company"),
        ]
    );
    assert_eq!(
        play.get("/v1/billing_portal/configurations?is_default=true")["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
