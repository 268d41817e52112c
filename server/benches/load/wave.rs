//! Everybody renews at once: four events each, doubled and shuffled, all stored before a worker
//! begins. Meanwhile two people become members.

use crate::Outcome;
use crate::installation::Installation;
use crate::intake;
use crate::newcomer::{Arrival, Newcomer};
use crate::table::Table;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde::Deserialize;
use server::sync;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// What Stripe tells of a renewal, among others.
pub const TYPES: [&str; 4] = [
    "customer.subscription.updated",
    "invoice.created",
    "invoice.finalized",
    "invoice.paid",
];
/// Reads of Stripe a customer.
const MOST_READS: f64 = 1.05;
/// From the return, or the webhook, to the role at Discord, s.
const MOST_WAIT_S: f64 = 3.0;
/// A month, and the hour a renewal's invoice stays a draft. Timers look two hours after the period's end.
pub const RENEWED: Duration = Duration::from_mins((31 * 24 + 1) * 60 + 10);

#[derive(Deserialize)]
struct Event {
    r#type: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    customer: Option<String>,
}

/// Lets a month pass; the four events of each customer, doubled, shuffled.
pub fn renewals(house: &Installation, seed: u64) -> Outcome<Vec<String>> {
    let now = house.eager.clock.wall_ms();
    house.advance(RENEWED);
    let due = house
        .sandbox
        .with(|world| world.take_deliveries_even_if_paused(now));
    let mut each: HashMap<String, HashMap<String, String>> = HashMap::new();
    for delivery in due {
        let event: Event = serde_json::from_str(&delivery.body)?;
        if let Some(customer) = event.data.object.customer
            && TYPES.contains(&event.r#type.as_str())
        {
            let of_customer = each.entry(customer).or_default();
            of_customer.insert(event.r#type, delivery.body);
        }
    }
    let mut bodies = Vec::new();
    for payer in &house.payers {
        let events = each
            .remove(&payer.customer)
            .filter(|events| events.len() == TYPES.len())
            .ok_or_else(|| format!("{} did not renew with four events", payer.customer))?;
        for body in events.into_values() {
            bodies.push(body.clone());
            bodies.push(body);
        }
    }
    bodies.sort_unstable();
    bodies.shuffle(&mut StdRng::seed_from_u64(seed));
    Ok(bodies)
}

pub async fn run(house: &mut Installation, table: &mut Table) -> Outcome<()> {
    let name = house.name;
    let mut by_return = Newcomer::signed_in(house, "Karen Spärck Jones").await?;
    let mut by_webhook = Newcomer::signed_in(house, "Radia Perlman").await?;
    sync::drain(&house.eager).await?;
    let bodies = renewals(house, 1)?;
    // Whoever is not looked at in the wave's own hour is no part of it.
    sync::drain(&house.eager).await?;
    house.counts.clear();
    let from = Instant::now();
    let texts: Vec<&str> = bodies.iter().map(String::as_str).collect();
    intake::deliver(house, &texts).await?;
    let stored = from.elapsed().as_secs_f64();
    house.stripe_takes(house.size.stripe_ms);
    let from = Instant::now();
    let working = tokio::spawn(sync::run(house.paced.clone()));
    // Policy time goes on, so that the wave is older than whoever comes in the midst of it.
    let ageing = house.goes_on();
    // The wave is under way.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let returned = by_return.becomes_member(house, Arrival::Return).await?;
    let hooked = by_webhook.becomes_member(house, Arrival::Webhook).await?;
    let still = server::db::dirty::backlog(&house.paced.db, house.paced.clock.policy_ms()).await?;
    if still.0 == 0 {
        eprintln!(
            "{name}: the wave was over before the newcomers were; BENCH_CUSTOMERS is too small for that figure"
        );
    }
    house.until_quiet().await?;
    let took = from.elapsed().as_secs_f64();
    working.abort();
    ageing.abort();
    house.stripe_takes(0);
    let customers = house.customers();
    let (reads, most) = house.counts.reads_of(&customers);
    let calls = house.calls_to_discord();
    let figure = |what: &str| format!("wave of {} × 4 × 2: {what}", customers.len());
    let per_customer = ratio(reads, customers.len());
    table.at_most(
        name,
        &figure("reads of Stripe a customer"),
        per_customer,
        MOST_READS,
        "",
    );
    table.told(
        name,
        &figure("most reads of one customer"),
        &most.to_string(),
    );
    let others = house.counts.others.load(Ordering::Relaxed);
    table.told(
        name,
        &figure("other reads of Stripe, all together"),
        &others.to_string(),
    );
    table.at_most(name, &figure("calls to Discord"), ratio(calls, 1), 0.0, "");
    let rate = ratio(u64::try_from(bodies.len())?, 1) / stored;
    table.told(
        name,
        &figure("events stored"),
        &format!("{stored:.1} s, {rate:.0} a second"),
    );
    table.told(
        name,
        &figure(&format!(
            "synced at Stripe's 100 requests/s, {} ms each",
            house.size.stripe_ms
        )),
        &format!("{took:.1} s"),
    );
    table.at_most(
        name,
        "meanwhile, return page to role",
        returned,
        MOST_WAIT_S,
        " s",
    );
    table.at_most(
        name,
        "meanwhile, webhook to role",
        hooked,
        MOST_WAIT_S,
        " s",
    );
    Ok(())
}

/// A count over a count.
pub fn ratio(of: u64, among: usize) -> f64 {
    let number = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    number(of) / number(u64::try_from(among).unwrap_or(u64::MAX))
}
