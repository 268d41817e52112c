//! Races for the last seat: however many ask at once, no more are held than paid.

use crate::support::acme::{Acme, Colleague};
use crate::support::{Kind, World};
use app::invites::{InvitesPort, NewGroupLink};
use app::seats::SeatsPort;
use futures::future::join_all;
use server::seats;

/// Races in `make test`; `RACES=n` runs as many with `--ignored`.
const FEW: usize = 40;

/// What happens at once in one race.
async fn race(world: &World, acme: &Acme<'_>, people: &[Colleague], group: &str, round: usize) {
    world.state.limits.forget();
    let owner = &acme.owner.user_id;
    let claims = people.iter().map(|one| {
        let state = world.state.clone();
        let (user, token) = (one.user_id.clone(), group.to_owned());
        tokio::spawn(async move {
            server::invites::Invites(state)
                .claim(&user, &token)
                .await
                .is_ok()
        })
    });
    let invites = (0..3).map(|_| {
        let state = world.state.clone();
        let (owner, company, plan) = (owner.clone(), acme.id.clone(), acme.plan.clone());
        tokio::spawn(async move {
            let invites = server::invites::Invites(state);
            invites
                .open_invite(&owner, &company, &plan, None)
                .await
                .is_ok()
        })
    });
    let took = {
        let state = world.state.clone();
        let (owner, company, plan) = (owner.clone(), acme.id.clone(), acme.plan.clone());
        tokio::spawn(async move {
            let seats = server::seats::Seats(state);
            seats.take(&owner, &company, &plan).await.is_ok()
        })
    };
    let won: usize = join_all(claims.chain(invites).chain([took]))
        .await
        .into_iter()
        .map(|done| usize::from(done.unwrap()))
        .sum();
    let mut conn = world.state.db.reader().acquire().await.unwrap();
    let held = seats::held(&mut conn, &acme.id, &acme.plan).await.unwrap();
    let paid = acme.pool().await.paid;
    assert!(held <= paid, "round {round}: {held} held, {paid} paid");
    assert_eq!(won, 1, "round {round}: one seat was free");
    assert_eq!(held, paid, "round {round}");
}

async fn races(kind: Kind, rounds: usize) {
    let world = World::start(kind).await;
    let acme = world.acme(2).await;
    let people = world.colleagues("p", 4).await;
    let resident = world.colleague("resident").await;
    acme.seat(&resident).await;
    let new = NewGroupLink {
        plan_id: acme.plan.clone(),
        most: 10_000,
        domain: None,
    };
    let fresh = acme
        .invites()
        .group_link(&acme.owner.user_id, &acme.id, &new)
        .await
        .unwrap();
    let group = acme.token_of(&fresh).await;
    for round in 0..rounds {
        race(&world, &acme, &people, &group, round).await;
        empty(&world, &acme, &resident).await;
    }
    world.settle().await;
    world.finish().await;
}

/// Whoever won gives their seat back.
async fn empty(world: &World, acme: &Acme<'_>, resident: &Colleague) {
    let won: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM seats WHERE company_id = $1 AND state IN ('invited', 'claimed') \
         AND (user_id IS NULL OR user_id <> $2)",
    )
    .bind(&acme.id)
    .bind(&resident.user_id)
    .fetch_all(world.state.db.reader())
    .await
    .unwrap();
    for seat in won {
        acme.seats()
            .free(&acme.owner.user_id, &acme.id, &seat)
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite() {
    races(Kind::Sqlite, FEW).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres() {
    races(Kind::Postgres, FEW).await;
}

fn asked() -> usize {
    let races = std::env::var("RACES").ok();
    races.and_then(|races| races.parse().ok()).unwrap_or(10_000)
}

#[ignore = "long: RACES=n"]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn asked_sqlite() {
    races(Kind::Sqlite, asked()).await;
}

#[ignore = "long: RACES=n"]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn asked_postgres() {
    races(Kind::Postgres, asked()).await;
}
