//! The simulation: seeded, deterministic histories of payments and mishaps, at whose end our rows
//! and Discord's roles have to equal what an oracle says from Stripe's books and the policy alone.
//!
//! `make sim SEEDS=n FROM=k DB=sqlite|postgres` runs any number; `make test` a few hundred. Real are
//! the database, the handlers, the workers, the request builders, the transport and the decoders;
//! pretended are Stripe and Discord, behind the wire. One future at a time goes on, from one gate
//! (an exchange, a writing transaction, a pause) to the next, so that the seed alone decides every
//! interleaving; a process can be stopped at any gate.

mod acts;
mod cast;
mod company;
mod gateway;
mod membership;
mod oracle;
mod passes;
mod play;
mod quiet;
mod room;
mod server;
mod stage;
mod weather;

use crate::support::Kind;
use play::Play;
use room::Room;
use std::collections::HashMap;
use std::sync::Mutex;

fn variables(discord: &sandbox::discord::Discord, secret: &str) -> HashMap<String, String> {
    [
        ("PUBLIC_URL", play::SITE.to_owned()),
        (
            "ENCRYPTION_KEY",
            "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=".to_owned(),
        ),
        ("STRIPE_SECRET_KEY", "sk_test_sandbox".to_owned()),
        ("STRIPE_WEBHOOK_SECRETS", secret.to_owned()),
        ("STRIPE_API_BASE", play::BASE.to_owned()),
        ("BRAKE_PERCENT", "100".to_owned()),
        ("DISCORD_CLIENT_ID", discord.client_id()),
        ("DISCORD_CLIENT_SECRET", discord.client_secret()),
        ("DISCORD_BOT_TOKEN", discord.bot_token()),
        ("DISCORD_GUILD_ID", discord.guild_id()),
        ("DISCORD_API_BASE", format!("{}/api/v10", play::BASE)),
        ("PAUSE_OFFER_MONTHS", "1,3".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

struct Failure {
    seed: u64,
    differences: Vec<String>,
    story: String,
}

/// Plays one history, with a rest in its midst; its differences and its story.
async fn history(room: &Room, seed: u64) -> (Vec<String>, String) {
    let mut play = Play::new(room.clean().await, seed).await;
    let acts = 20 + seed % 30;
    let mut differences = Vec::new();
    for part in [acts / 2, acts - acts / 2] {
        let weather = *play.stage.weather.lock().unwrap();
        for _ in 0..part {
            play.act().await;
        }
        differences.extend(play.settle().await);
        *play.stage.weather.lock().unwrap() = weather;
    }
    (differences, play.stage.story())
}

/// Plays the seeds on two threads, each with a database of its own.
fn run(kind: Kind, from: u64, count: u64) {
    let next = Mutex::new(from);
    let failures: Mutex<Vec<Failure>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    let room = Room::open(kind).await;
                    loop {
                        let seed = {
                            let mut next = next.lock().unwrap();
                            if *next >= from + count {
                                break;
                            }
                            *next += 1;
                            *next - 1
                        };
                        let (differences, story) = history(&room, seed).await;
                        if count == 1 {
                            println!("{story}\n");
                        }
                        if (seed - from + 1).is_multiple_of(200) && count > 200 {
                            eprintln!("{} of {count} seeds", seed - from + 1);
                        }
                        if !differences.is_empty() {
                            failures.lock().unwrap().push(Failure {
                                seed,
                                differences,
                                story,
                            });
                        }
                    }
                    room.close().await;
                });
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort_by_key(|failure| failure.seed);
    let differences: usize = failures
        .iter()
        .map(|failure| failure.differences.len())
        .sum();
    if let Some(first) = failures.first().filter(|_| count > 1) {
        println!("{}\n", first.story);
    }
    for failure in &failures {
        println!(
            "seed {} (run again: make sim FROM={} SEEDS=1):",
            failure.seed, failure.seed
        );
        for difference in &failure.differences {
            println!("    {difference}");
        }
    }
    println!(
        "simulation on {kind:?}: {count} seeds from {from}, {differences} differences in {} seeds",
        failures.len()
    );
    assert!(
        failures.is_empty(),
        "our rows differ from what Stripe and the policy say"
    );
}

mod quick {
    use super::{Kind, run};

    #[test]
    fn sqlite() {
        run(Kind::Sqlite, 0, 200);
    }

    #[test]
    fn postgres() {
        run(Kind::Postgres, 0, 20);
    }
}

/// `make sim`.
#[test]
#[ignore = "asked for by `make sim`"]
fn asked() {
    let number = |name: &str, otherwise: u64| {
        std::env::var(name)
            .ok()
            .filter(|text| !text.is_empty())
            .map_or(otherwise, |text| text.parse().unwrap())
    };
    let kind = match std::env::var("DB").as_deref() {
        Ok("postgres") => Kind::Postgres,
        _ => Kind::Sqlite,
    };
    run(kind, number("FROM", 0), number("SEEDS", 200));
}
