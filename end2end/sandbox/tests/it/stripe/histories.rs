//! Random histories: whatever happens, money adds up and events tell all of it.

use std::collections::HashMap;

use rand::{Rng, SeedableRng, rngs::StdRng};
use sandbox::stripe::CardKind;
use serde_json::{Map, Value};

use super::world::{DAY, GOOD_CARD, HOUR, Plan, Play, number, text};

struct History {
    play: Play,
    rng: StdRng,
    plans: Vec<Plan>,
    customers: Vec<String>,
    /// Every event so far, oldest first.
    events: Vec<Value>,
    log: Vec<String>,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut play = Play::new();
        let plans = vec![
            play.plan("Member", 2900, 29_000),
            play.plan("Patron", 7901, 79_013),
        ];
        let customers = (0..4).map(|_| play.payer("pm_card_visa")).collect();
        Self {
            play,
            rng: StdRng::seed_from_u64(seed),
            plans,
            customers,
            events: Vec::new(),
            log: Vec::new(),
        }
    }

    fn price(&mut self) -> String {
        let plan = &self.plans[self.rng.random_range(0..self.plans.len())];
        if self.rng.random_range(0..4) == 0 {
            plan.yearly.clone()
        } else {
            plan.monthly.clone()
        }
    }

    fn subscription(&mut self, customer: &str) -> Option<Value> {
        let rows = self
            .play
            .get(&format!("/v1/subscriptions?customer={customer}"));
        let rows = rows["data"].as_array().unwrap();
        (!rows.is_empty()).then(|| rows[self.rng.random_range(0..rows.len())].clone())
    }

    /// One thing that somebody does; refusals are part of life.
    fn step(&mut self) {
        let customer = self.customers[self.rng.random_range(0..self.customers.len())].clone();
        let what = self.rng.random_range(0..14);
        self.log
            .push(format!("{} {what} {customer}", self.play.now));
        match what {
            0 => {
                let price = self.price();
                let session = self.play.session(&price, &format!("&customer={customer}"));
                self.play.page("POST", &text(&session, "/url"), GOOD_CARD);
            }
            1 | 2 => {
                let kinds: Vec<CardKind> = CardKind::all().collect();
                let kind = kinds[self.rng.random_range(0..kinds.len())];
                self.play
                    .stripe
                    .set_default_card(self.play.now, &customer, kind)
                    .unwrap();
            }
            3 => {
                let price = self.price();
                let trial = self.rng.random_range(0..20);
                let form = format!(
                    "customer={customer}&items[0][price]={price}&items[0][quantity]=2&trial_period_days={trial}"
                );
                self.play.call("POST", "/v1/subscriptions", &form, &[]);
            }
            4..=6 => self.change(&customer),
            7 => self.end(&customer),
            8 => {
                for invoice in self
                    .play
                    .get(&format!("/v1/invoices?customer={customer}&status=open"))["data"]
                    .as_array()
                    .unwrap()
                {
                    self.play.call(
                        "POST",
                        &format!("/v1/invoices/{}/pay", text(invoice, "/id")),
                        "",
                        &[],
                    );
                }
            }
            9 => {
                if let Some(charge) = self.play.stripe.latest_charge(&customer) {
                    let amount = self.rng.random_range(1..2000);
                    let _ = self.play.stripe.refund_charge(&charge, Some(amount));
                    if amount % 5 == 0 {
                        let _ = self.play.stripe.open_dispute(&charge, "general");
                    }
                }
            }
            _ => {
                let wait = [HOUR, 3 * DAY, 17 * DAY, 28 * DAY][self.rng.random_range(0..4)];
                let shift = self.rng.random_range(0..7_200_000);
                self.play.wait(wait + shift);
            }
        }
        self.gather();
    }

    fn change(&mut self, customer: &str) {
        let Some(row) = self.subscription(customer) else {
            return;
        };
        let price = self.price();
        let quantity = self.rng.random_range(0..6);
        let proration =
            ["create_prorations", "always_invoice", "none"][self.rng.random_range(0..3)];
        let payment = [
            "allow_incomplete",
            "pending_if_incomplete",
            "error_if_incomplete",
            "default_incomplete",
        ][self.rng.random_range(0..4)];
        let form = format!(
            "items[0][id]={}&items[0][price]={price}&items[0][quantity]={quantity}&proration_behavior={proration}&payment_behavior={payment}",
            text(&row, "/items/data/0/id")
        );
        self.log.push(form.clone());
        self.play.call(
            "POST",
            &format!("/v1/subscriptions/{}", text(&row, "/id")),
            &form,
            &[],
        );
    }

    fn end(&mut self, customer: &str) {
        let Some(row) = self.subscription(customer) else {
            return;
        };
        let path = format!("/v1/subscriptions/{}", text(&row, "/id"));
        match self.rng.random_range(0..6) {
            0 => drop(self.play.call("DELETE", &path, "", &[])),
            1 => drop(
                self.play
                    .call("POST", &path, "cancel_at_period_end=true", &[]),
            ),
            2 => drop(self.play.call("POST", &path, "cancel_at=", &[])),
            3 => drop(
                self.play
                    .call("POST", &path, "pause_collection[behavior]=void", &[]),
            ),
            4 => drop(self.play.call(
                "POST",
                &path,
                "pause_collection[behavior]=keep_as_draft",
                &[],
            )),
            _ => drop(self.play.call("POST", &path, "pause_collection=", &[])),
        }
    }

    /// Reads the events since the last look; a history outlives the 30 days they are kept.
    fn gather(&mut self) {
        let mut fresh: Vec<Value> = Vec::new();
        let last = self.events.last().map(|event| text(event, "/id"));
        let mut after = String::new();
        'pages: loop {
            let page = self.play.get(&format!("/v1/events?limit=30{after}"));
            for event in page["data"].as_array().unwrap() {
                if Some(text(event, "/id")) == last {
                    break 'pages;
                }
                fresh.push(event.clone());
            }
            if page["has_more"] == false {
                break;
            }
            after = format!("&starting_after={}", text(fresh.last().unwrap(), "/id"));
        }
        fresh.reverse();
        self.events.extend(fresh);
    }

    fn all(&mut self, path: &str) -> Vec<Value> {
        let (mut rows, mut after) = (Vec::<Value>::new(), String::new());
        let join = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = self.play.get(&format!("{path}{join}limit=100{after}"));
            rows.extend(page["data"].as_array().unwrap().iter().cloned());
            if page["has_more"] == false {
                return rows;
            }
            after = format!("&starting_after={}", text(rows.last().unwrap(), "/id"));
        }
    }
}

/// Puts `previous` over `after`: what the object was.
fn rewind(after: &Value, previous: &Map<String, Value>) -> Value {
    let mut before = after.clone();
    for (key, old) in previous {
        before[key] = match (old, &before[key]) {
            (Value::Object(old), Value::Object(_)) => rewind(&before[key], old),
            _ => old.clone(),
        };
    }
    before
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), without_nulls(value)))
            .collect(),
        Value::Array(list) => list.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// The last event about an object shows it as it is, and each update starts where the one before ended.
fn events_tell_all(history: &mut History) {
    let mut last: HashMap<String, Value> = HashMap::new();
    for event in &history.events {
        let object = event["data"]["object"].clone();
        let id = text(&object, "/id");
        if let (Some(previous), Some(seen)) = (
            event["data"]["previous_attributes"].as_object(),
            last.get(&id),
        ) {
            let was = rewind(&object, previous);
            assert_eq!(
                without_nulls(&was),
                without_nulls(seen),
                "{} {id}",
                event["type"]
            );
            for (key, old) in previous {
                assert_ne!(&object[key], old, "{} told {key} as changed", event["type"]);
            }
        }
        last.insert(id, object);
    }
    for path in [
        "/v1/subscriptions?status=all",
        "/v1/invoices",
        "/v1/charges",
        "/v1/customers",
        "/v1/payment_intents",
    ] {
        for row in history.all(path) {
            let id = text(&row, "/id");
            assert_eq!(
                last.get(&id),
                Some(&row),
                "the last event about {id} is not what it is"
            );
        }
    }
}

fn money_adds_up(history: &mut History) {
    let mut paid: HashMap<String, i64> = HashMap::new();
    let payments = history.all("/v1/invoice_payments");
    let charges = history.all("/v1/charges");
    for charge in charges
        .iter()
        .filter(|charge| charge["status"] == "succeeded")
    {
        *paid.entry(text(charge, "/payment_intent")).or_default() += number(charge, "/amount");
        assert!(number(charge, "/amount_refunded") <= number(charge, "/amount"));
    }
    let mut by_invoice: HashMap<String, i64> = HashMap::new();
    for payment in &payments {
        let got = paid
            .get(&text(payment, "/payment/payment_intent"))
            .copied()
            .unwrap_or(0);
        assert_eq!(
            got,
            payment["amount_paid"].as_i64().unwrap_or(0),
            "{payment:#}"
        );
        *by_invoice.entry(text(payment, "/invoice")).or_default() += got;
    }
    let mut balances: HashMap<String, i64> = HashMap::new();
    for invoice in history.all("/v1/invoices") {
        let sum: i64 = invoice["lines"]["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| number(line, "/amount"))
            .sum();
        assert_eq!(sum, number(&invoice, "/subtotal"));
        let (total, due) = (number(&invoice, "/total"), number(&invoice, "/amount_due"));
        assert_eq!(total, sum);
        assert_eq!(due, (total + number(&invoice, "/starting_balance")).max(0));
        assert_eq!(
            number(&invoice, "/amount_remaining"),
            due - number(&invoice, "/amount_paid")
        );
        let id = text(&invoice, "/id");
        match invoice["status"].as_str().unwrap() {
            "paid" => assert_eq!(
                by_invoice.get(&id).copied().unwrap_or(0),
                due,
                "{invoice:#}"
            ),
            _ => assert_eq!(by_invoice.get(&id).copied().unwrap_or(0), 0),
        }
        if let Some(ending) = invoice["ending_balance"]
            .as_i64()
            .filter(|_| invoice["status"] != "void")
        {
            *balances.entry(text(&invoice, "/customer")).or_default() +=
                ending - number(&invoice, "/starting_balance");
        }
    }
    for customer in history.all("/v1/customers") {
        let expected = balances.get(&text(&customer, "/id")).copied().unwrap_or(0);
        assert_eq!(number(&customer, "/balance"), expected, "{customer:#}");
    }
}

fn states_make_sense(history: &mut History) {
    let now = history.play.now / 1000;
    for row in history.all("/v1/subscriptions?status=all") {
        let status = text(&row, "/status");
        let (start, end) = (
            number(&row, "/items/data/0/current_period_start"),
            number(&row, "/items/data/0/current_period_end"),
        );
        assert!(start < end);
        match status.as_str() {
            "canceled" | "incomplete_expired" => assert!(number(&row, "/ended_at") <= now),
            "incomplete" => assert!(number(&row, "/created") + 23 * 3600 > now),
            "paused" => {}
            _ => {
                assert!(row["ended_at"].is_null());
                assert!(
                    (start..end).contains(&now),
                    "{status}: {start}..{end} at {now}"
                );
                assert!(row["cancel_at"].as_i64().is_none_or(|at| at > now));
            }
        }
        assert_eq!(
            status == "trialing",
            row["trial_end"].as_i64().is_some_and(|end| end > now) && row["ended_at"].is_null(),
            "{row:#}"
        );
        if let Some(pending) = row["pending_update"].as_object() {
            assert!(pending["expires_at"].as_i64().unwrap() > now);
        }
    }
}

#[test]
fn whatever_happens_money_adds_up_and_events_tell_it() {
    // More of them on wish: SANDBOX_HISTORIES=200.
    let seeds = std::env::var("SANDBOX_HISTORIES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(8);
    for seed in 0..seeds {
        let mut history = History::new(seed);
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..60 {
                history.step();
            }
            events_tell_all(&mut history);
            money_adds_up(&mut history);
            states_make_sense(&mut history);
        }));
        if let Err(cause) = run {
            eprintln!("seed {seed}:\n{}", history.log.join("\n"));
            std::panic::resume_unwind(cause);
        }
    }
}

#[test]
fn the_same_seed_makes_the_same_world() {
    let run = |seed| {
        let mut history = History::new(seed);
        for _ in 0..30 {
            history.step();
        }
        history.play.stripe.state_json()
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[test]
fn hundreds_of_customers_renew_each_on_their_own() {
    let mut play = Play::new();
    let plan = play.plan("Member", 2900, 29_000);
    for n in 0..300 {
        let customer = play.stripe.add_customer(play.now, &format!("{n}@b.c"), &[]);
        play.stripe
            .set_default_card(play.now, &customer, CardKind::Visa)
            .unwrap();
        play.stripe
            .subscribe(
                play.now,
                &customer,
                &plan.monthly,
                1,
                &[("n", &n.to_string())],
            )
            .unwrap();
    }
    let first = play.get("/v1/customers?email=0@b.c")["data"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let rows = play.get(&format!("/v1/subscriptions?customer={first}&status=all"));
    assert_eq!(text(&rows, "/data/0/metadata/n"), "0");
    play.wait(32 * DAY);
    let rows = play.get(&format!("/v1/invoices?customer={first}&status=paid"));
    assert_eq!(rows["data"].as_array().unwrap().len(), 2);
}
