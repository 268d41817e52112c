//! Events, webhooks, signatures, and faults on the way.

use sandbox::stripe::{Delivery, DeliveryFaults, sign};
use serde_json::{Value, json};

use super::world::{DAY, Play, text};

fn hook(play: &mut Play, events: &str) -> Value {
    play.post(
        "/v1/webhook_endpoints",
        &format!("url=https://app.test/hook&{events}"),
    )
}

fn types(due: &[Delivery]) -> Vec<String> {
    due.iter()
        .map(|one| text(&serde_json::from_str(&one.body).unwrap(), "/type"))
        .collect()
}

#[test]
fn endpoints_get_what_they_asked_for_signed_and_once_acknowledged() {
    let mut play = Play::new();
    let endpoint = hook(
        &mut play,
        "enabled_events[]=customer.created&enabled_events[]=product.*&api_version=2026-09-30.endive",
    );
    let secret = text(&endpoint, "/secret");
    assert!(secret.starts_with("whsec_"));
    let path = format!("/v1/webhook_endpoints/{}", text(&endpoint, "/id"));
    assert!(play.get(&path).get("secret").is_none());
    let customer = play.customer("a@b.c");
    play.post(&format!("/v1/customers/{customer}"), "name=A");
    play.plan("Member", 2900, 29_000);

    let due = play.stripe.take_due_deliveries(1_000);
    assert_eq!(types(&due), ["customer.created", "product.created"]);
    assert_eq!(
        (due[0].attempt, due[0].secret.as_str()),
        (1, secret.as_str())
    );
    let event: Value = serde_json::from_str(&due[0].body).unwrap();
    assert_eq!(
        (event["object"].as_str(), event["pending_webhooks"].as_i64()),
        (Some("event"), Some(1))
    );
    assert_eq!(event["api_version"], "2026-09-30.endive");
    assert_eq!(event["data"]["object"]["id"], customer.as_str());
    assert!(sign(&due[0].body, &due[0].secret, 1).starts_with("t=1,v1="));
    assert_ne!(
        sign(&due[0].body, &due[0].secret, 1),
        sign(&due[0].body, "whsec_other", 1)
    );

    assert!(
        play.stripe.take_due_deliveries(2_000).is_empty(),
        "what is under way is not sent again"
    );
    play.stripe.record_delivery(due[0].id, Some(200), 2_000);
    assert_eq!(
        play.get("/v1/events?delivery_success=false")["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    play.stripe.record_delivery(due[1].id, Some(500), 2_000);
    let mut wall = 2_000;
    for (n, gap) in [1_000, 3_000, 10_000, 30_000, 60_000]
        .into_iter()
        .enumerate()
    {
        assert!(
            play.stripe.take_due_deliveries(wall + gap - 1).is_empty(),
            "gap {gap}"
        );
        wall += gap;
        let again = play.stripe.take_due_deliveries(wall);
        assert_eq!(
            (again.len(), again[0].attempt, &again[0].body),
            (1, u32::try_from(n).unwrap() + 2, &due[1].body)
        );
        play.stripe.record_delivery(
            again[0].id,
            if gap == 60_000 { Some(204) } else { None },
            wall,
        );
    }
    assert!(play.stripe.take_due_deliveries(wall + DAY).is_empty());
    assert_eq!(
        play.get("/v1/events?delivery_success=false")["data"],
        json!([])
    );
}

#[test]
fn a_disabled_endpoint_never_gets_what_happened_meanwhile() {
    let mut play = Play::new();
    let endpoint = hook(&mut play, "enabled_events[]=*");
    let path = format!("/v1/webhook_endpoints/{}", text(&endpoint, "/id"));
    assert_eq!(play.post(&path, "disabled=true")["status"], "disabled");
    play.customer("lost@b.c");
    play.post(&path, "disabled=false");
    play.customer("found@b.c");
    let due = play.stripe.take_due_deliveries(0);
    assert_eq!(due.len(), 1);
    assert!(due[0].body.contains("found@b.c"));
    assert!(play.stripe.resend_event(&due[0].event_id));
    assert!(!play.stripe.resend_event("evt_none"));
    assert_eq!(
        play.stripe.take_due_deliveries(0)[0].event_id,
        due[0].event_id
    );
    play.delete(&path);
    play.customer("gone@b.c");
    assert!(play.stripe.take_due_deliveries(0).is_empty());
}

#[test]
fn faults_lose_double_delay_and_shuffle() {
    let mut play = Play::new();
    hook(&mut play, "enabled_events[]=customer.created");
    let made = |play: &mut Play, faults: DeliveryFaults, count: usize| {
        play.stripe.set_delivery_faults(faults);
        for n in 0..count {
            play.customer(&format!("{n}@b.c"));
        }
        play.stripe.set_delivery_faults(DeliveryFaults::default());
    };
    made(
        &mut play,
        DeliveryFaults {
            drop: 100,
            ..DeliveryFaults::default()
        },
        5,
    );
    assert!(play.stripe.take_due_deliveries(0).is_empty());
    made(
        &mut play,
        DeliveryFaults {
            double: 100,
            ..DeliveryFaults::default()
        },
        5,
    );
    let due = play.stripe.take_due_deliveries(0);
    assert_eq!(due.len(), 10);
    assert_eq!(
        (&due[0].event_id, &due[0].body),
        (&due[1].event_id, &due[1].body)
    );
    made(
        &mut play,
        DeliveryFaults {
            delay_ms: 500,
            ..DeliveryFaults::default()
        },
        1,
    );
    assert!(play.stripe.take_due_deliveries(100).is_empty());
    assert!(play.stripe.take_due_deliveries(599).is_empty());
    assert_eq!(play.stripe.next_delivery_ms(), Some(600));
    assert_eq!(play.stripe.take_due_deliveries(600).len(), 1);
    made(
        &mut play,
        DeliveryFaults {
            shuffle: true,
            ..DeliveryFaults::default()
        },
        30,
    );
    let ids: Vec<u64> = play
        .stripe
        .take_due_deliveries(600)
        .iter()
        .map(|one| one.id)
        .collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    assert_eq!(sorted.len(), 30);
    assert_ne!(ids, sorted, "thirty in order would be no shuffle");
}

#[test]
fn events_are_listed_newest_first_filtered_and_kept_thirty_days() {
    let mut play = Play::new();
    let customer = play.customer("a@b.c");
    play.wait(29 * DAY);
    play.post(&format!("/v1/customers/{customer}"), "name=A");
    let all = play.get("/v1/events");
    assert_eq!(text(&all, "/data/0/type"), "customer.updated");
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
    let recent = play.get(&format!("/v1/events?created[gte]={}", play.now / 1000 - 60));
    assert_eq!(recent["data"].as_array().unwrap().len(), 1);
    let some = play.get("/v1/events?types[]=customer.created&types[]=customer.deleted");
    assert_eq!(text(&some, "/data/0/type"), "customer.created");
    let first = text(&some, "/data/0/id");
    assert_eq!(
        play.get("/v1/events?type=customer.*")["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        play.get(&format!("/v1/events/{first}"))["id"],
        first.as_str()
    );
    let after = play.get(&format!("/v1/events?ending_before={first}"));
    assert_eq!(text(&after, "/data/0/type"), "customer.updated");
    play.wait(DAY + 1000);
    let (status, _) = play.refused("GET", &format!("/v1/events/{first}"), "");
    assert_eq!(status, 404);
    assert_eq!(play.get("/v1/events")["data"].as_array().unwrap().len(), 1);
}

#[test]
fn refunds_and_disputes_are_told() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let customer = play.payer("pm_card_visa");
    play.subscribe(&customer, &plan.monthly, "");
    let charge = play.stripe.latest_charge(&customer).unwrap();
    let path = format!("/v1/charges/{charge}");
    play.post("/v1/refunds", &format!("charge={charge}&amount=900"));
    assert_eq!(play.get(&path)["refunded"], false);
    let (_, error) = play.refused(
        "POST",
        "/v1/refunds",
        &format!("charge={charge}&amount=2001"),
    );
    assert_eq!(error["param"], "amount");
    play.post("/v1/refunds", &format!("charge={charge}"));
    let refunded = play.get(&path);
    assert_eq!(
        (
            refunded["refunded"].as_bool(),
            refunded["amount_refunded"].as_i64()
        ),
        (Some(true), Some(2900))
    );
    let (_, error) = play.refused("POST", "/v1/refunds", &format!("charge={charge}"));
    assert_eq!(error["code"], "charge_already_refunded");
    assert_eq!(
        play.get(&format!("/v1/refunds?charge={charge}"))["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    let other = play.payer("pm_card_createDispute");
    play.subscribe(&other, &plan.monthly, "");
    let charge = play.stripe.latest_charge(&other).unwrap();
    let dispute = play.get(&format!("/v1/disputes?charge={charge}"))["data"][0].clone();
    assert_eq!(
        (dispute["reason"].as_str(), dispute["status"].as_str()),
        (Some("fraudulent"), Some("needs_response"))
    );
    assert!(
        dispute.get("customer").is_none(),
        "a dispute does not name its customer"
    );
    let kinds = play.caused(|play| {
        play.stripe
            .close_dispute(dispute["id"].as_str().unwrap(), true)
            .unwrap();
    });
    assert_eq!(
        kinds,
        ["charge.dispute.funds_reinstated", "charge.dispute.closed"]
    );
    assert!(
        play.stripe
            .close_dispute(dispute["id"].as_str().unwrap(), false)
            .is_err()
    );
    assert_eq!(play.get(&format!("/v1/charges/{charge}"))["disputed"], true);
}

#[test]
fn a_refund_can_fail_later_and_an_inquiry_become_a_dispute() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let customer = play.payer("pm_card_visa");
    play.subscribe(&customer, &plan.monthly, "");
    let charge = play.stripe.latest_charge(&customer).unwrap();
    let path = format!("/v1/charges/{charge}");
    let refund = play.post("/v1/refunds", &format!("charge={charge}"));
    let id = refund["id"].as_str().unwrap().to_owned();
    assert_eq!(play.get(&path)["refunded"], true);
    let kinds = play.caused(|play| play.stripe.fail_refund(&id).unwrap());
    assert_eq!(
        kinds,
        ["refund.updated", "charge.refund.updated", "refund.failed"]
    );
    let failed = play.get(&format!("/v1/refunds/{id}"));
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["failure_reason"], "expired_or_canceled_card");
    let back = play.get(&path);
    assert_eq!(
        (back["refunded"].as_bool(), back["amount_refunded"].as_i64()),
        (Some(false), Some(0))
    );
    assert!(play.stripe.fail_refund(&id).is_err());
    play.post("/v1/refunds", &format!("charge={charge}&amount=100"));

    let mut inquiry = String::new();
    let kinds = play.caused(|play| {
        inquiry = play.stripe.open_inquiry(&charge, "general").unwrap();
    });
    assert_eq!(kinds, ["charge.updated", "charge.dispute.created"]);
    let path = format!("/v1/disputes/{inquiry}");
    assert_eq!(play.get(&path)["status"], "warning_needs_response");
    let kinds = play.caused(|play| play.stripe.escalate_inquiry(&inquiry).unwrap());
    assert_eq!(
        kinds,
        ["charge.dispute.updated", "charge.dispute.funds_withdrawn"]
    );
    assert_eq!(play.get(&path)["status"], "needs_response");
    assert!(play.stripe.escalate_inquiry(&inquiry).is_err());
}

#[test]
fn the_list_takes_twenty_types_and_shows_a_late_event_with_its_old_time() {
    let mut play = Play::new();
    play.customer("a@b.c");
    let listed = |play: &mut Play| {
        let page = play.get("/v1/events?types[]=customer.created");
        page["data"].as_array().unwrap().len()
    };
    assert_eq!(listed(&mut play), 1);
    let id = play.stripe.latest_event("customer.created").unwrap();
    play.stripe.hide_event(&id, true);
    assert_eq!(listed(&mut play), 0);
    play.stripe.hide_event(&id, false);
    assert_eq!(listed(&mut play), 1);
    let many = |count: usize| vec!["types[]=customer.created"; count].join("&");
    play.get(&format!("/v1/events?{}", many(20)));
    let (status, _) = play.refused("GET", &format!("/v1/events?{}", many(21)), "");
    assert_eq!(status, 400);
}
