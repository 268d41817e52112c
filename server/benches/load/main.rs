//! The load figures (`make bench`): the real server, database and HTTP intake, beside the sandbox in
//! process. What is counted is requests to Stripe and Discord; what is timed is our own work, the
//! latency of Stripe being the sandbox's plus `BENCH_STRIPE_MS`.
//!
//! | variable | means | default |
//! |---|---|---|
//! | `BENCH_CUSTOMERS` | paying customers in the wave | 10000 |
//! | `BENCH_EVENTS` | events of an intake run | 10000 |
//! | `BENCH_RATE` | of them a second | 500 |
//! | `BENCH_ROLE_CHANGES` | roles to give within Discord's limits | 2000 |
//! | `BENCH_MEMBERS` | members looked at, one of a hundred wrong | 10000 |
//! | `BENCH_SEATS` | seats of the company | 5000 |
//! | `BENCH_ONLY` | `stripe`, `roles` or `seats`: one part of it | |
//! | `BENCH_STRIPE_MS` | how long Stripe takes to answer in the wave | 100 |
//! | `ROLLCALL_TEST_POSTGRES` | a throw-away cluster; with it everything runs there too | |

mod installation;
mod intake;
mod newcomer;
mod outside;
mod roles;
mod seats;
mod seed;
mod spread;
mod table;
mod wave;

use installation::{Installation, Store};
use std::error::Error;
use table::Table;

/// A bench that cannot go on has no figure.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What is asked for by the environment.
#[derive(Clone, Copy, Debug)]
struct Size {
    customers: usize,
    events: usize,
    rate: usize,
    stripe_ms: u64,
    changes: usize,
    members: usize,
    seats: usize,
}

impl Size {
    fn read() -> Outcome<Self> {
        let number = |name: &str, default: u64| match std::env::var(name) {
            Ok(text) => text
                .parse::<u64>()
                .map_err(|error| format!("{name}: {error}")),
            Err(_) => Ok(default),
        };
        Ok(Self {
            customers: usize::try_from(number("BENCH_CUSTOMERS", 10_000)?)?,
            events: usize::try_from(number("BENCH_EVENTS", 10_000)?)?,
            rate: usize::try_from(number("BENCH_RATE", 500)?.max(1))?,
            stripe_ms: number("BENCH_STRIPE_MS", 100)?,
            changes: usize::try_from(number("BENCH_ROLE_CHANGES", 2_000)?)?,
            members: usize::try_from(number("BENCH_MEMBERS", 10_000)?)?,
            seats: usize::try_from(number("BENCH_SEATS", 5_000)?)?,
        })
    }
}

fn main() -> Outcome<()> {
    let filter = std::env::var("RUST_LOG").is_ok();
    if filter {
        server::telemetry::init(false, "info,sqlx=warn");
    }
    let size = Size::read()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut table = Table::new();
        figures(&Store::Sqlite, size, &mut table).await?;
        if let Ok(cluster) = std::env::var("ROLLCALL_TEST_POSTGRES") {
            figures(&Store::Postgres(cluster), size, &mut table).await?;
        }
        println!("\n{table}");
        table.verdict()
    })
}

async fn figures(store: &Store, size: Size, table: &mut Table) -> Outcome<()> {
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    let mut house = Installation::open(store, size).await?;
    let wanted = |part: &str| only.is_empty() || only == part;
    if wanted("stripe") {
        payments(&mut house, table).await?;
    }
    if wanted("roles") {
        eprintln!("{}: roles", house.name);
        roles::run(&mut house, table).await?;
    }
    if wanted("seats") {
        eprintln!("{}: seats", house.name);
        seats::run(&mut house, table).await?;
    }
    house.close().await
}

async fn payments(house: &mut Installation, table: &mut Table) -> Outcome<()> {
    let name = house.name;
    eprintln!("{name}: {} customers are made", house.size.customers);
    let seeded = seed::seed(house).await?;
    table.told(
        name,
        "first sync of all, one by one of nothing known",
        &seeded.to_string(),
    );
    eprintln!("{name}: intake, workers idle");
    intake::run(house, table, intake::Workers::Idle).await?;
    eprintln!("{name}: intake, workers busy");
    intake::run(house, table, intake::Workers::Busy).await?;
    eprintln!("{name}: renewal wave");
    wave::run(house, table).await?;
    eprintln!("{name}: the same events over an hour");
    spread::run(house, table).await
}
