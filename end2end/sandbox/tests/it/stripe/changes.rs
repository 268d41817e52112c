//! Changes of plan and quantity, what they cost, and when they count.

use sandbox::stripe::CardKind;
use serde_json::{Value, json};
use time::macros::datetime;

use super::world::{DAY, HOUR, Play, number, text};

/// A play at the middle of a 30-day period, with the subscription and its item.
fn half_way(quantity: i64) -> (Play, super::world::Plan, String, String, String) {
    let mut play = Play::at(datetime!(2026-04-01 00:00 UTC));
    let plan = play.plan("Team", 2400, 24_000);
    let customer = play.payer("pm_card_visa");
    let made = play.subscribe(
        &customer,
        &plan.monthly,
        &format!("&items[0][quantity]={quantity}"),
    );
    let (id, item) = (text(&made, "/id"), text(&made, "/items/data/0/id"));
    play.wait(15 * DAY);
    (play, plan, customer, id, item)
}

fn sum(invoice: &Value) -> i64 {
    invoice["lines"]["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| number(line, "/amount"))
        .sum()
}

#[test]
fn more_seats_cost_the_rest_of_the_period_and_previews_tell_it_exactly() {
    let (mut play, _, _, id, item) = half_way(10);
    let change = format!(
        "items[0][id]={item}&items[0][quantity]=15&proration_behavior=always_invoice&proration_date={}",
        play.now / 1000
    );
    let inner = format!(
        "subscription={id}&subscription_details[items][0][id]={item}&subscription_details[items][0][quantity]=15&subscription_details[proration_behavior]=always_invoice&subscription_details[proration_date]={}",
        play.now / 1000
    );
    let events = play.kinds().len();
    let preview = play.post("/v1/invoices/create_preview", &inner);
    assert_eq!(play.kinds().len(), events, "a preview changes nothing");
    assert_eq!(number(&preview, "/amount_due"), 5 * 1200);
    let lines: Vec<i64> = preview["lines"]["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| number(line, "/amount"))
        .collect();
    assert_eq!(lines, [-12_000, 18_000]);

    let changed = play.post(
        &format!("/v1/subscriptions/{id}"),
        &format!("{change}&payment_behavior=pending_if_incomplete"),
    );
    assert_eq!(number(&changed, "/items/data/0/quantity"), 15);
    assert!(changed["pending_update"].is_null());
    let invoice = play.get(&format!(
        "/v1/invoices/{}",
        text(&changed, "/latest_invoice")
    ));
    assert_eq!(
        (invoice["status"].as_str(), number(&invoice, "/amount_paid")),
        (Some("paid"), 6000)
    );
    assert_eq!(invoice["billing_reason"], "subscription_update");
    assert_eq!(sum(&invoice), sum(&preview));
    let updated = play
        .events()
        .into_iter()
        .rfind(|event| event["type"] == "customer.subscription.updated")
        .unwrap();
    assert_eq!(
        number(&updated, "/data/previous_attributes/items/data/0/quantity"),
        10
    );
    assert_eq!(number(&updated, "/data/object/items/data/0/quantity"), 15);
}

#[test]
fn fewer_seats_become_credit_at_once_as_their_preview_says() {
    let (mut play, _, customer, id, item) = half_way(10);
    let at = play.now / 1000;
    let inner = format!(
        "subscription={id}&subscription_details[items][0][id]={item}&subscription_details[items][0][quantity]=4&subscription_details[proration_behavior]=always_invoice&subscription_details[proration_date]={at}"
    );
    let preview = play.post("/v1/invoices/create_preview", &inner);
    assert_eq!(number(&preview, "/total"), -6 * 1200);
    assert_eq!(number(&preview, "/amount_due"), 0);
    let changed = play.post(
        &format!("/v1/subscriptions/{id}"),
        &format!(
            "items[0][id]={item}&items[0][quantity]=4&proration_behavior=always_invoice&proration_date={at}&payment_behavior=pending_if_incomplete"
        ),
    );
    assert_eq!(number(&changed, "/items/data/0/quantity"), 4);
    assert!(changed["pending_update"].is_null());
    let invoice = play.get(&format!(
        "/v1/invoices/{}",
        text(&changed, "/latest_invoice")
    ));
    assert_eq!(invoice["status"], "paid");
    assert_eq!(number(&invoice, "/total"), -6 * 1200);
    let customer = play.get(&format!("/v1/customers/{customer}"));
    assert_eq!(number(&customer, "/balance"), -6 * 1200);
}

#[test]
fn a_pending_update_counts_when_paid_and_expires_when_not() {
    let (mut play, _, customer, id, item) = half_way(10);
    play.stripe
        .set_default_card(play.now, &customer, CardKind::AttachThenFail)
        .unwrap();
    let form = format!(
        "items[0][id]={item}&items[0][quantity]=15&proration_behavior=always_invoice&payment_behavior=pending_if_incomplete"
    );
    let path = format!("/v1/subscriptions/{id}");
    let held = play.post(&path, &form);
    assert_eq!(
        (
            held["status"].as_str(),
            number(&held, "/items/data/0/quantity")
        ),
        (Some("active"), 10)
    );
    assert_eq!(
        number(&held, "/pending_update/subscription_items/0/quantity"),
        15
    );
    assert_eq!(
        number(&held, "/pending_update/expires_at"),
        play.now / 1000 + 23 * 3600
    );
    let first = text(&held, "/latest_invoice");
    play.wait(23 * HOUR);
    let back = play.subscription(&id);
    assert!(back["pending_update"].is_null());
    assert_eq!(number(&back, "/items/data/0/quantity"), 10);
    assert_eq!(play.get(&format!("/v1/invoices/{first}"))["status"], "void");
    assert!(
        play.kinds()
            .contains(&"customer.subscription.pending_update_expired".to_owned())
    );

    let held = play.post(&path, &form);
    play.stripe
        .set_default_card(play.now, &customer, CardKind::Visa)
        .unwrap();
    play.post(
        &format!("/v1/invoices/{}/pay", text(&held, "/latest_invoice")),
        "",
    );
    let done = play.subscription(&id);
    assert!(done["pending_update"].is_null());
    assert_eq!(number(&done, "/items/data/0/quantity"), 15);
    assert!(
        play.kinds()
            .contains(&"customer.subscription.pending_update_applied".to_owned())
    );
    let (status, error) = play.refused("POST", &path, &format!("{form}&metadata[a]=1"));
    assert_eq!((status, error["param"].as_str()), (400, Some("metadata")));
}

#[test]
fn allow_incomplete_counts_at_once_and_error_if_incomplete_not_at_all() {
    let (mut play, _, customer, id, item) = half_way(10);
    play.stripe
        .set_default_card(play.now, &customer, CardKind::AttachThenFail)
        .unwrap();
    let path = format!("/v1/subscriptions/{id}");
    let form =
        format!("items[0][id]={item}&items[0][quantity]=15&proration_behavior=always_invoice");
    let before = play.subscription(&id);
    let (status, error) = play.refused(
        "POST",
        &path,
        &format!("{form}&payment_behavior=error_if_incomplete&metadata[a]=1"),
    );
    assert_eq!(
        (status, error["code"].as_str()),
        (402, Some("card_declined"))
    );
    assert_eq!(
        play.subscription(&id),
        before,
        "a refused change leaves nothing behind"
    );
    let changed = play.post(&path, &form);
    assert_eq!(
        (
            changed["status"].as_str(),
            number(&changed, "/items/data/0/quantity")
        ),
        (Some("past_due"), 15)
    );
}

#[test]
fn prorations_wait_for_the_next_invoice() {
    let (mut play, _, customer, id, item) = half_way(10);
    let path = format!("/v1/subscriptions/{id}");
    play.post(&path, &format!("items[0][id]={item}&items[0][quantity]=4"));
    let waiting = play.get(&format!(
        "/v1/invoiceitems?customer={customer}&pending=true"
    ));
    assert_eq!(waiting["data"].as_array().unwrap().len(), 2);
    let preview = play.post("/v1/invoices/create_preview", &format!("subscription={id}"));
    assert_eq!(number(&preview, "/total"), 4 * 2400 - 6 * 1200);
    play.wait(15 * DAY + HOUR);
    let invoice = &play.get(&format!("/v1/invoices?subscription={id}"))["data"][0].clone();
    assert_eq!(number(invoice, "/total"), 4 * 2400 - 6 * 1200);
    assert_eq!(number(invoice, "/amount_paid"), 2400);
    assert_eq!(
        play.get(&format!(
            "/v1/invoiceitems?customer={customer}&pending=true"
        ))["data"],
        json!([])
    );
    play.post(
        &path,
        &format!("items[0][id]={item}&items[0][quantity]=1&proration_behavior=none"),
    );
    assert_eq!(
        play.get(&format!(
            "/v1/invoiceitems?customer={customer}&pending=true"
        ))["data"],
        json!([])
    );
}

#[test]
fn a_downgrade_makes_credit_that_later_invoices_use_up() {
    let (mut play, _, customer, id, item) = half_way(10);
    play.post(
        &format!("/v1/subscriptions/{id}"),
        &format!("items[0][id]={item}&items[0][quantity]=1&proration_behavior=always_invoice"),
    );
    let path = format!("/v1/customers/{customer}");
    assert_eq!(number(&play.get(&path), "/balance"), -9 * 1200);
    let invoice = &play.get(&format!("/v1/invoices?subscription={id}"))["data"][0].clone();
    assert_eq!(
        (number(invoice, "/total"), number(invoice, "/amount_due")),
        (-10_800, 0)
    );
    assert_eq!(
        (
            number(invoice, "/ending_balance"),
            invoice["status"].as_str()
        ),
        (-10_800, Some("paid"))
    );
    for left in [-8400, -6000, -3600, -1200, 0] {
        play.now =
            number(&play.subscription(&id), "/items/data/0/current_period_end") * 1000 + HOUR;
        assert_eq!(number(&play.get(&path), "/balance"), left);
    }
    let invoice = &play.get(&format!("/v1/invoices?subscription={id}"))["data"][0].clone();
    assert_eq!(
        (number(invoice, "/total"), number(invoice, "/amount_paid")),
        (2400, 1200)
    );
}

#[test]
fn another_rhythm_begins_a_new_period_at_once() {
    let (mut play, plan, _, id, item) = half_way(2);
    let changed = play.post(
        &format!("/v1/subscriptions/{id}"),
        &format!(
            "items[0][id]={item}&items[0][price]={}&items[0][quantity]=2",
            plan.yearly
        ),
    );
    assert_eq!(
        number(&changed, "/items/data/0/current_period_start"),
        play.now / 1000
    );
    assert_eq!(number(&changed, "/billing_cycle_anchor"), play.now / 1000);
    let invoice = play.get(&format!(
        "/v1/invoices/{}",
        text(&changed, "/latest_invoice")
    ));
    assert_eq!(number(&invoice, "/amount_paid"), 48_000 - 2400);
    let end = number(&changed, "/items/data/0/current_period_end") * 1000;
    assert_eq!(end - play.now, 365 * DAY);
    play.now = end + HOUR;
    assert_eq!(number(&play.get("/v1/charges"), "/data/0/amount"), 48_000);
}

#[test]
fn a_change_of_price_forgets_the_quantity_unless_it_is_said() {
    let (mut play, _, _, id, item) = half_way(7);
    let other = play.plan("Better", 3000, 30_000);
    let changed = play.post(
        &format!("/v1/subscriptions/{id}"),
        &format!("items[0][id]={item}&items[0][price]={}", other.monthly),
    );
    assert_eq!(number(&changed, "/items/data/0/quantity"), 1);
    for form in [
        "items[0][id]=si_none&items[0][quantity]=1".to_owned(),
        format!("items[0][id]={item}&items[0][deleted]=true"),
        format!("items[0][price]={}", other.monthly),
        format!("items[0][price]={}", other.yearly),
        format!("items[0][id]={item}&items[0][quantity]=-1"),
        format!(
            "items[0][id]={item}&items[0][quantity]=2&proration_date={}",
            play.now / 1000 + 99 * DAY / 1000
        ),
    ] {
        let (status, _) = play.refused("POST", &format!("/v1/subscriptions/{id}"), &form);
        assert_eq!(status, 400, "{form}");
    }
}

#[test]
fn schedules_change_the_plan_at_the_turn_of_the_period() {
    let (mut play, _, _, id, _) = half_way(2);
    let other = play.plan("Better", 3000, 30_000);
    let schedule = play.post(
        "/v1/subscription_schedules",
        &format!("from_subscription={id}"),
    );
    let path = format!("/v1/subscription_schedules/{}", text(&schedule, "/id"));
    let phase = &schedule["phases"][0];
    let form = format!(
        "phases[0][start_date]={}&phases[0][end_date]={}&phases[0][items][0][price]={}&phases[0][items][0][quantity]=2&phases[1][items][0][price]={}&phases[1][items][0][quantity]=3",
        number(phase, "/start_date"),
        number(phase, "/end_date"),
        text(phase, "/items/0/price"),
        other.monthly
    );
    play.post(&path, &form);
    let (status, error) = play.refused(
        "POST",
        &format!("/v1/subscriptions/{id}"),
        "cancel_at_period_end=true",
    );
    assert!(
        status == 400 && text(&error, "/message").contains("managed by the subscription schedule")
    );
    play.wait(15 * DAY + HOUR);
    let subscription = play.subscription(&id);
    assert_eq!(text(&subscription, "/items/data/0/price/id"), other.monthly);
    assert_eq!(number(&play.get("/v1/charges"), "/data/0/amount"), 9000);
    play.post(&format!("{path}/release"), "");
    assert!(play.subscription(&id)["schedule"].is_null());
    assert_eq!(
        play.post(
            &format!("/v1/subscriptions/{id}"),
            "cancel_at_period_end=true"
        )["cancel_at_period_end"],
        true
    );
}

#[test]
fn a_phase_has_the_discounts_it_names_and_loses_the_others() {
    for (named, expected) in [(true, 1), (false, 0)] {
        let (mut play, _, _, id, _) = half_way(2);
        let coupon = play.post("/v1/coupons", "percent_off=50&duration=forever");
        let form = format!("discounts[0][coupon]={}", text(&coupon, "/id"));
        play.post(&format!("/v1/subscriptions/{id}"), &form);
        let form = format!("from_subscription={id}");
        let schedule = play.post("/v1/subscription_schedules", &form);
        let path = format!("/v1/subscription_schedules/{}", text(&schedule, "/id"));
        let phase = &schedule["phases"][0];
        let discount = text(phase, "/discounts/0/discount");
        let price = text(phase, "/items/0/price");
        let keeps = |nth: u8| {
            if named {
                format!("&phases[{nth}][discounts][0][discount]={discount}")
            } else {
                String::new()
            }
        };
        let form = format!(
            "phases[0][start_date]={}&phases[0][end_date]={}&phases[0][items][0][price]={price}&phases[1][items][0][price]={price}{}{}",
            number(phase, "/start_date"),
            number(phase, "/end_date"),
            keeps(0),
            keeps(1)
        );
        play.post(&path, &form);
        let kept = play.subscription(&id)["discounts"]
            .as_array()
            .unwrap()
            .len();
        assert_eq!(kept, expected, "named: {named}");
        let unknown = format!("{form}&phases[1][discounts][1][discount]=di_unknown");
        play.refused("POST", &path, &unknown);
    }
}
