//! The same events of the next renewal, spread over an hour of policy time, second by second.

use crate::installation::Installation;
use crate::table::Table;
use crate::wave::{ratio, renewals};
use crate::{Outcome, intake};
use server::sync;
use std::time::Duration;
use tokio::time::Instant;

const SECONDS: usize = 3600;

pub async fn run(house: &mut Installation, table: &mut Table) -> Outcome<()> {
    let bodies = renewals(house, 2)?;
    sync::drain(&house.eager).await?;
    house.counts.clear();
    let from = Instant::now();
    // Some in each second, as evenly as whole events allow.
    let mut sent = 0;
    for second in 1..=SECONDS {
        let until = bodies.len() * second / SECONDS;
        let texts: Vec<&str> = bodies[sent..until].iter().map(String::as_str).collect();
        sent = until;
        intake::deliver(house, &texts).await?;
        sync::drain(&house.eager).await?;
        house.advance(Duration::from_secs(1));
    }
    let took = from.elapsed().as_secs_f64();
    let customers = house.customers();
    let (reads, _) = house.counts.reads_of(&customers);
    let calls = house.calls_to_discord();
    let per_customer = ratio(reads, customers.len());
    let name = house.name;
    let figure = |what: &str| format!("the same over an hour: {what}");
    table.told(
        name,
        &figure("reads of Stripe a customer"),
        &format!("{per_customer:.3}"),
    );
    table.at_most(name, &figure("calls to Discord"), ratio(calls, 1), 0.0, "");
    table.told(
        name,
        &figure("our own time, intake and sync"),
        &format!("{took:.1} s"),
    );
    Ok(())
}
