//! Races for the last seat: however many ask at once, no more are held than paid.

use crate::support::acme::{Acme, Colleague};
use crate::support::{Kind, World};
use app::invites::{InvitesPort, NewGroupLink};
use app::seats::SeatsPort;
use futures::future::join_all;
use server::seats;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// Fewer seats are asked for while others claim the last one: either of them is refused. One more
/// is bought while they claim it: nobody has it before it is paid, and then one of them.
async fn lowered_while_claimed(kind: Kind, rounds: usize) {
    let world = World::start(kind).await;
    let acme = world.acme(3).await;
    let people = world.colleagues("p", 3).await;
    for resident in world.colleagues("resident", 2).await {
        acme.seat(&resident).await;
    }
    let owner = acme.owner.user_id.clone();
    let new = NewGroupLink {
        plan_id: acme.plan.clone(),
        most: 10_000,
        domain: None,
    };
    let fresh = acme
        .invites()
        .group_link(&owner, &acme.id, &new)
        .await
        .unwrap();
    let mut group = acme.token_of(&fresh).await;
    let (mut lowered, mut claimed) = (0, 0);
    for round in 0..rounds {
        world.state.limits.forget();
        let seats = acme.seats();
        let shown = seats.preview(&owner, &acme.id, 2).await.unwrap();
        let claims = all_claim(&world, &acme, &people, &group, round);
        let lowering = seats.confirm(&owner, &acme.id, &shown.seen);
        let (won, fewer) = tokio::join!(claims, lowering);
        world.settle().await;
        let pool = acme.pool().await;
        assert!(
            pool.held() <= pool.paid && pool.over.is_none(),
            "round {round}: {pool:?}"
        );
        assert_eq!(pool.ceiling, None, "round {round}");
        let is_lower = fewer.is_ok();
        assert_eq!(
            (won, is_lower),
            (usize::from(!is_lower), is_lower),
            "round {round}: {fewer:?}"
        );
        if is_lower {
            lowered += 1;
            world.state.limits.forget();
            claimed_as_bought(&world, &acme, &people, &group, round).await;
        } else {
            claimed += 1;
        }
        free_all(&world, &acme, &people).await;
        // Stripe makes twenty invoices of a subscription a day.
        if round % 8 == 7 {
            world.advance(std::time::Duration::from_hours(25));
            world.settle().await;
            // Links last a week.
            let invites = acme.invites();
            let fresh = invites.group_link(&owner, &acme.id, &new).await.unwrap();
            group = acme.token_of(&fresh).await;
        }
        world.settle().await;
    }
    println!("{rounds} races: {lowered} lowered and bought again, {claimed} claimed");
    assert!(
        lowered > 0 && claimed > 0,
        "{lowered} lowered, {claimed} claimed"
    );
    world.finish().await;
}

/// One more is bought while all of them claim it, again and again until it is paid.
async fn claimed_as_bought(
    world: &World,
    acme: &Acme<'_>,
    people: &[Colleague],
    group: &str,
    round: usize,
) {
    let (owner, seats) = (&acme.owner.user_id, acme.seats());
    let shown = seats.preview(owner, &acme.id, 3).await.unwrap();
    let bought = Arc::new(AtomicBool::new(false));
    let claims: Vec<_> = people
        .iter()
        .map(|one| {
            let (state, bought) = (world.state.clone(), bought.clone());
            let (user, token) = (one.user_id.clone(), group.to_owned());
            tokio::spawn(async move {
                loop {
                    let is_last = bought.load(Ordering::SeqCst);
                    state.limits.forget();
                    let invites = server::invites::Invites(state.clone());
                    let has_seat = invites.claim(&user, &token).await.is_ok();
                    if has_seat || is_last {
                        return has_seat;
                    }
                }
            })
        })
        .collect();
    seats.confirm(owner, &acme.id, &shown.seen).await.unwrap();
    bought.store(true, Ordering::SeqCst);
    let done = join_all(claims).await;
    let won = done.iter().filter(|done| *done.as_ref().unwrap()).count();
    let pool = acme.pool().await;
    assert_eq!(
        (won, pool.held(), pool.paid),
        (1, 3, 3),
        "round {round}: {pool:?}"
    );
}

/// All of them claim by that link at once: now, when the price is looked up again, or when Stripe is
/// asked for the other number. Answers how many got a seat.
async fn all_claim(
    world: &World,
    acme: &Acme<'_>,
    people: &[Colleague],
    group: &str,
    round: usize,
) -> usize {
    let (path, before) = waited(world, acme, round);
    let claims = people.iter().map(|one| {
        let (state, stripe) = (world.state.clone(), world.sandbox.world.clone());
        let (user, token) = (one.user_id.clone(), group.to_owned());
        let path = path.clone();
        tokio::spawn(async move {
            while path
                .as_ref()
                .is_some_and(|path| asked_for(&stripe, path) == before)
            {
                tokio::task::yield_now().await;
            }
            server::invites::Invites(state)
                .claim(&user, &token)
                .await
                .is_ok()
        })
    });
    let done = join_all(claims).await;
    done.into_iter()
        .filter(|done| *done.as_ref().unwrap())
        .count()
}

/// What claims wait for in this round, and how often it was asked before.
fn waited(world: &World, acme: &Acme<'_>, round: usize) -> (Option<String>, usize) {
    let path = match round % 3 {
        0 => return (None, 0),
        1 => "/v1/invoices/create_preview".to_owned(),
        _ => format!("/v1/subscriptions/{}", acme.subscription),
    };
    let before = asked_for(&world.sandbox.world, &path);
    (Some(path), before)
}

fn asked_for(world: &sandbox::shell::SharedWorld, path: &str) -> usize {
    let world = world.lock().unwrap();
    let calls = world.calls.iter();
    calls
        .filter(|call| call.method == "POST" && call.path == path)
        .count()
}

async fn free_all(world: &World, acme: &Acme<'_>, people: &[Colleague]) {
    for one in people {
        if let Some((seat, state)) = acme.seat_of(one).await
            && state == "claimed"
        {
            acme.seats()
                .free(&acme.owner.user_id, &acme.id, &seat)
                .await
                .unwrap();
        }
    }
    world.settle().await;
}

mod lowering {
    use super::{Kind, asked, lowered_while_claimed};

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn sqlite() {
        lowered_while_claimed(Kind::Sqlite, 16).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn postgres() {
        lowered_while_claimed(Kind::Postgres, 16).await;
    }

    #[ignore = "long: RACES=n"]
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn asked_sqlite() {
        lowered_while_claimed(Kind::Sqlite, asked()).await;
    }

    #[ignore = "long: RACES=n"]
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn asked_postgres() {
        lowered_while_claimed(Kind::Postgres, asked()).await;
    }
}
