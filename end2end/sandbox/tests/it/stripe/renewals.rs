//! What time does: renewals, retries, endings.

use sandbox::stripe::{AfterLastRetry, CardKind};
use serde_json::{Value, json};
use time::macros::datetime;

use super::world::{DAY, HOUR, Play, ms, number, text};

fn period(subscription: &Value) -> (i64, i64) {
    (
        number(subscription, "/items/data/0/current_period_start"),
        number(subscription, "/items/data/0/current_period_end"),
    )
}

#[test]
fn a_renewal_is_a_draft_for_an_hour_and_keeps_the_day_of_the_month() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let customer = play.payer("pm_card_visa");
    let id = text(&play.subscribe(&customer, &plan.monthly, ""), "/id");

    play.wait_until(datetime!(2026-02-28 09:59:59 UTC));
    assert_eq!(
        play.get(&format!("/v1/invoices?subscription={id}"))["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let kinds = play.caused(|play| play.wait(1000));
    assert_eq!(kinds, ["invoice.created", "customer.subscription.updated"]);
    let subscription = play.subscription(&id);
    assert_eq!(subscription["status"], "active");
    let (start, end) = (
        ms(datetime!(2026-02-28 10:00 UTC)) / 1000,
        ms(datetime!(2026-03-31 10:00 UTC)) / 1000,
    );
    assert_eq!(period(&subscription), (start, end));
    let invoice = play.get(&format!(
        "/v1/invoices/{}",
        text(&subscription, "/latest_invoice")
    ));
    assert_eq!(invoice["status"], "draft");
    assert_eq!(invoice["billing_reason"], "subscription_cycle");
    assert_eq!(
        number(&invoice, "/automatically_finalizes_at"),
        start + 3600
    );
    assert_eq!(
        number(&invoice, "/period_end"),
        start,
        "an invoice's own period is the one gone by"
    );
    assert_eq!(number(&invoice, "/lines/data/0/period/start"), start);
    assert_eq!(number(&invoice, "/lines/data/0/period/end"), end);
    assert!(invoice["status_transitions"]["finalized_at"].is_null());

    let kinds = play.caused(|play| play.wait(HOUR));
    assert_eq!(
        kinds,
        [
            "customer.updated",
            "payment_intent.created",
            "invoice.finalized",
            "charge.succeeded",
            "payment_intent.succeeded",
            "invoice.updated",
            "invoice.paid",
            "invoice.payment_succeeded",
            "invoice_payment.paid",
        ]
    );
    let invoice = play.get(&format!("/v1/invoices/{}", text(&invoice, "/id")));
    assert_eq!(invoice["status"], "paid");
    assert_eq!(
        number(&invoice, "/status_transitions/finalized_at"),
        start + 3600
    );

    for end in [
        datetime!(2026-04-30 10:00 UTC),
        datetime!(2026-05-31 10:00 UTC),
        datetime!(2026-06-30 10:00 UTC),
    ] {
        play.now = period(&play.subscription(&id)).1 * 1000;
        assert_eq!(period(&play.subscription(&id)).1, ms(end) / 1000);
    }
}

#[test]
fn one_long_step_is_the_same_as_many_short_ones() {
    let run = |step: i64| {
        let mut play = Play::new();
        let plan = play.plan("Member", 2900, 29_000);
        let customer = play.payer("pm_card_visa");
        play.subscribe(&customer, &plan.monthly, "");
        play.stripe
            .set_default_card(play.now, &customer, CardKind::AttachThenFail)
            .unwrap();
        let end = play.now + 100 * DAY;
        while play.now < end {
            play.wait(step.min(end - play.now));
        }
        // Events are only kept 30 days: the state tells all.
        play.stripe.state_json()
    };
    assert_eq!(run(100 * DAY), run(7 * HOUR + 13));
}

fn fail_until_the_end(setting: AfterLastRetry) -> (Play, String, String) {
    let mut play = Play::new();
    play.stripe.settings.after_last_retry = setting;
    let plan = play.plan("Member", 2900, 29_000);
    let customer = play.payer("pm_card_visa");
    let id = text(&play.subscribe(&customer, &plan.monthly, ""), "/id");
    play.stripe
        .set_default_card(play.now, &customer, CardKind::AttachThenFail)
        .unwrap();
    play.wait_until(datetime!(2026-02-28 11:00 UTC));
    (play, customer, id)
}

#[test]
fn an_unpaid_renewal_is_retried_and_then_ends() {
    let (mut play, customer, id) = fail_until_the_end(AfterLastRetry::Cancel);
    let subscription = play.subscription(&id);
    assert_eq!(subscription["status"], "past_due");
    let path = format!("/v1/invoices/{}", text(&subscription, "/latest_invoice"));
    let invoice = play.get(&path);
    assert_eq!(invoice["status"], "open");
    assert_eq!(
        (
            number(&invoice, "/attempt_count"),
            invoice["attempted"] == true
        ),
        (1, true)
    );
    assert_eq!(
        number(&invoice, "/next_payment_attempt"),
        play.now / 1000 + 3 * DAY / 1000
    );
    assert_eq!(
        play.get(&format!("/v1/customers/{customer}"))["delinquent"],
        true
    );
    assert_eq!(
        play.kinds().split_off(play.kinds().len() - 7),
        [
            "invoice.finalized",
            "charge.failed",
            "payment_intent.payment_failed",
            "invoice.updated",
            "invoice.payment_failed",
            "customer.subscription.updated",
            "customer.updated",
        ]
    );
    for (days, attempts) in [(3, 2), (5, 3)] {
        play.wait(days * DAY);
        assert_eq!(number(&play.get(&path), "/attempt_count"), attempts);
        assert_eq!(play.subscription(&id)["status"], "past_due");
    }
    play.wait(7 * DAY);
    let subscription = play.subscription(&id);
    assert_eq!(subscription["status"], "canceled");
    assert_eq!(
        subscription["cancellation_details"]["reason"],
        "payment_failed"
    );
    assert_eq!(number(&subscription, "/ended_at"), play.now / 1000);
    let invoice = play.get(&path);
    assert_eq!(
        (
            number(&invoice, "/attempt_count"),
            invoice["status"].as_str()
        ),
        (4, Some("open"))
    );
    assert!(invoice["next_payment_attempt"].is_null());
    assert_eq!(
        play.kinds()
            .iter()
            .filter(|kind| *kind == "customer.subscription.deleted")
            .count(),
        1
    );
    assert_eq!(
        play.get(&format!("/v1/subscriptions?customer={customer}"))["data"],
        json!([])
    );
    assert_eq!(
        play.get(&format!("/v1/subscriptions?customer={customer}&status=all"))["data"][0]["id"],
        id.as_str()
    );
    play.wait(40 * DAY);
    assert_eq!(
        play.get(&format!("/v1/invoices?subscription={id}"))["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_new_card_and_a_retry_bring_it_back() {
    let (mut play, customer, id) = fail_until_the_end(AfterLastRetry::Cancel);
    play.stripe
        .set_default_card(play.now, &customer, CardKind::Visa)
        .unwrap();
    assert_eq!(
        play.subscription(&id)["status"],
        "past_due",
        "a card alone pays nothing"
    );
    let kinds = play.caused(|play| play.wait(3 * DAY));
    assert!(
        kinds.contains(&"invoice.paid".to_owned())
            && kinds.contains(&"customer.subscription.updated".to_owned())
    );
    assert_eq!(play.subscription(&id)["status"], "active");
    assert_eq!(
        play.get(&format!("/v1/customers/{customer}"))["delinquent"],
        false
    );
}

#[test]
fn unpaid_subscriptions_keep_drafting_and_paying_the_latest_revives_them() {
    let (mut play, customer, id) = fail_until_the_end(AfterLastRetry::MarkUnpaid);
    play.wait(15 * DAY);
    assert_eq!(play.subscription(&id)["status"], "unpaid");
    play.wait_until(datetime!(2026-03-31 12:00 UTC));
    let subscription = play.subscription(&id);
    assert_eq!(subscription["status"], "unpaid");
    let latest = text(&subscription, "/latest_invoice");
    let invoice = play.get(&format!("/v1/invoices/{latest}"));
    assert_eq!(
        (
            invoice["status"].as_str(),
            invoice["auto_advance"].as_bool()
        ),
        (Some("draft"), Some(false))
    );
    play.stripe
        .set_default_card(play.now, &customer, CardKind::Visa)
        .unwrap();
    assert_eq!(
        play.post(&format!("/v1/invoices/{latest}/pay"), "")["status"],
        "paid"
    );
    assert_eq!(play.subscription(&id)["status"], "active");
}

#[test]
fn cards_that_ask_every_time_need_their_owner_at_renewal() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let mut last = String::new();
    for (number, status) in [
        ("4000002500003155", "active"),
        ("4000002760003184", "past_due"),
    ] {
        let session = play.session(&plan.monthly, "");
        let url = text(&session, "/url");
        play.page("POST", &url, &super::world::card(number));
        play.page("POST", &format!("{url}/authenticate"), "result=complete");
        let id = text(
            &play.get(&format!("/v1/checkout/sessions/{}", text(&session, "/id"))),
            "/subscription",
        );
        assert_eq!(play.subscription(&id)["status"], "active");
        let kinds = play.caused(|play| play.wait(32 * DAY));
        assert_eq!(play.subscription(&id)["status"], status, "{number}");
        assert_eq!(
            kinds.contains(&"invoice.payment_action_required".to_owned()),
            status == "past_due"
        );
        last = id;
    }
    let invoice = text(&play.subscription(&last), "/latest_invoice");
    let (status, error) = play.refused("POST", &format!("/v1/invoices/{invoice}/pay"), "");
    assert_eq!(
        (status, error["code"].as_str()),
        (402, Some("invoice_payment_intent_requires_action"))
    );
    let url = text(
        &play.get(&format!("/v1/invoices/{invoice}")),
        "/hosted_invoice_url",
    );
    play.page("POST", &url, &super::world::card("4000002760003184"));
    play.page("POST", &format!("{url}/authenticate"), "result=complete");
    assert_eq!(
        play.get(&format!("/v1/invoices/{invoice}"))["status"],
        "paid"
    );
    assert_eq!(play.subscription(&last)["status"], "active");
}

#[test]
fn incomplete_expires_after_23_hours() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let customer = play.payer("pm_card_chargeCustomerFail");
    let made = play.subscribe(&customer, &plan.monthly, "");
    assert_eq!(made["status"], "incomplete");
    let id = text(&made, "/id");
    play.wait(23 * HOUR - 1);
    assert_eq!(play.subscription(&id)["status"], "incomplete");
    let kinds = play.caused(|play| play.wait(1));
    assert!(kinds.contains(&"invoice.voided".to_owned()));
    assert_eq!(play.subscription(&id)["status"], "incomplete_expired");
    let (status, error) = play.refused(
        "POST",
        "/v1/subscriptions",
        &format!(
            "customer={customer}&items[0][price]={}&payment_behavior=error_if_incomplete",
            plan.monthly
        ),
    );
    assert_eq!(
        (status, error["code"].as_str()),
        (402, Some("card_declined"))
    );
    let made = play.subscribe(
        &customer,
        &plan.monthly,
        "&payment_behavior=default_incomplete",
    );
    assert_eq!(made["status"], "incomplete");
    play.stripe
        .set_default_card(play.now, &customer, CardKind::Visa)
        .unwrap();
    play.post(
        &format!("/v1/invoices/{}/pay", text(&made, "/latest_invoice")),
        "",
    );
    assert_eq!(play.subscription(&text(&made, "/id"))["status"], "active");
}

#[test]
fn planned_endings_happen_at_their_time_and_can_be_taken_back() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let customer = play.payer("pm_card_visa");
    let id = text(&play.subscribe(&customer, &plan.monthly, ""), "/id");
    let path = format!("/v1/subscriptions/{id}");
    let end = period(&play.subscription(&id)).1;

    let planned = play.post(&path, "cancel_at_period_end=true");
    assert_eq!(
        (number(&planned, "/cancel_at"), planned["status"].as_str()),
        (end, Some("active"))
    );
    let kept = play.post(&path, "cancel_at_period_end=false");
    assert!(kept["cancel_at"].is_null() && kept["canceled_at"].is_null());
    play.wait_until(datetime!(2026-02-28 12:00 UTC));
    assert_eq!(play.subscription(&id)["status"], "active");

    let end = period(&play.subscription(&id)).1;
    play.stripe
        .cancel_later(play.now, &id, true, false)
        .unwrap();
    let planned = play.subscription(&id);
    assert_eq!(
        (
            number(&planned, "/cancel_at"),
            planned["cancel_at_period_end"].as_bool()
        ),
        (end, Some(false))
    );
    let kept = play.post(&path, "cancel_at_period_end=false");
    assert_eq!(
        number(&kept, "/cancel_at"),
        end,
        "only clearing cancel_at takes this plan back"
    );
    let kept = play.post(&path, "cancel_at=");
    assert!(kept["cancel_at"].is_null());

    play.post(&path, "cancel_at_period_end=true");
    let kinds = play.caused(|play| {
        play.now = end * 1000;
    });
    assert_eq!(kinds, ["customer.subscription.deleted"]);
    let ended = play.subscription(&id);
    assert_eq!(
        (ended["status"].as_str(), number(&ended, "/ended_at")),
        (Some("canceled"), end)
    );
    let (status, _) = play.refused("DELETE", &path, "");
    assert_eq!(status, 404);
    let (status, _) = play.refused("POST", &path, "cancel_at_period_end=true");
    assert_eq!(status, 400);
}

#[test]
fn pauses_void_invoices_and_resume_by_themselves() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    let customer = play.payer("pm_card_visa");
    let id = text(&play.subscribe(&customer, &plan.monthly, ""), "/id");
    let resumes = ms(datetime!(2026-03-15 00:00 UTC)) / 1000;
    let form = format!("pause_collection[behavior]=void&pause_collection[resumes_at]={resumes}");
    let paused = play.post(&format!("/v1/subscriptions/{id}"), &form);
    assert_eq!(paused["status"], "active");
    play.wait_until(datetime!(2026-03-01 00:00 UTC));
    let subscription = play.subscription(&id);
    let invoice = play.get(&format!(
        "/v1/invoices/{}",
        text(&subscription, "/latest_invoice")
    ));
    assert_eq!(invoice["status"], "void");
    play.wait_until(datetime!(2026-04-01 00:00 UTC));
    let subscription = play.subscription(&id);
    assert!(subscription["pause_collection"].is_null());
    let invoice = play.get(&format!(
        "/v1/invoices/{}",
        text(&subscription, "/latest_invoice")
    ));
    assert_eq!(invoice["status"], "paid");
}

#[test]
fn a_trial_without_a_card_does_what_it_was_told() {
    for (behavior, status) in [
        ("cancel", "canceled"),
        ("pause", "paused"),
        ("create_invoice", "past_due"),
    ] {
        let mut play = Play::new();
        let plan = play.plan("Member", 2900, 29_000);
        let customer = play.customer("ada@example.com");
        let more = format!(
            "&trial_period_days=7&trial_settings[end_behavior][missing_payment_method]={behavior}"
        );
        let id = text(&play.subscribe(&customer, &plan.monthly, &more), "/id");
        play.wait(7 * DAY + HOUR);
        assert_eq!(play.subscription(&id)["status"], status, "{behavior}");
        if behavior == "pause" {
            assert!(
                play.kinds()
                    .contains(&"customer.subscription.paused".to_owned())
            );
            play.stripe
                .set_default_card(play.now, &customer, CardKind::Visa)
                .unwrap();
            let back = play.post(
                &format!("/v1/subscriptions/{id}/resume"),
                "billing_cycle_anchor[type]=now&payment_behavior=resume_on_payment_success",
            );
            assert_eq!(back["status"], "active");
            assert_eq!(number(&play.get("/v1/charges"), "/data/0/amount"), 2900);
        }
    }
}
