//! Fewer seats are paid than held: told, a deadline, who makes way, and who comes back.

use crate::on_both_with_mail;
use crate::support::World;
use app::company::CompanyError;
use app::invites::{InviteError, InvitesPort};
use app::seats::SeatsPort;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

async fn cut_outside_the_newest_make_way_after_three_days_and_come_back_oldest_first(
    world: &World,
) {
    let acme = world.acme(5).await;
    let people = world.colleagues("p", 3).await;
    for person in &people {
        world.advance(Duration::from_mins(5));
        acme.seat(person).await;
    }
    let pending = acme.token().await;
    assert_eq!(acme.pool().await.held(), 4);

    acme.dashboard(1).await;
    let pool = acme.pool().await;
    let over = pool.over.unwrap();
    assert_eq!((over.by, over.deadline - over.since), (3, 3 * 86_400_000));
    assert!(
        people.iter().all(|one| acme.has_roles(one)),
        "nobody goes yet"
    );
    let told = mails(world, "more people than seats");
    assert_eq!(told, 1, "the owner is told");
    let owner = &acme.owner.user_id;
    let taken = acme.seats().take(owner, &acme.id, &acme.plan).await;
    assert_eq!(taken, Err(CompanyError::Over));
    let fallback = acme
        .seats()
        .fallback(owner, &acme.id, &acme.plan)
        .await
        .unwrap();
    let names: Vec<_> = fallback.iter().map(|seat| seat.holder.as_deref()).collect();
    assert_eq!(
        names,
        [None, Some("p2"), Some("p1")],
        "the invite, then the newest"
    );

    world.advance(Duration::from_mins(3 * 24 * 60 - 1));
    world.settle().await;
    assert!(
        people.iter().all(|one| acme.has_roles(one)),
        "a minute early"
    );
    world.advance(Duration::from_mins(2));
    world.settle().await;
    let has: Vec<bool> = people.iter().map(|one| acme.has_roles(one)).collect();
    assert_eq!(has, [true, false, false]);
    let pool = acme.pool().await;
    assert_eq!((pool.held(), pool.suspended, pool.over), (1, 3, None));
    let linus = world.colleague("linus").await;
    let claimed = acme.invites().claim(&linus.user_id, &pending).await;
    assert_eq!(claimed.unwrap_err(), InviteError::NoSeat);

    acme.dashboard(2).await;
    let has: Vec<bool> = people.iter().map(|one| acme.has_roles(one)).collect();
    assert_eq!(
        has,
        [true, true, false],
        "the oldest claim comes back first"
    );
    acme.free(&people[0]).await;
    assert!(acme.has_roles(&people[2]), "and the next by itself");
    acme.dashboard(3).await;
    assert_eq!(
        acme.pool().await.invited,
        1,
        "and the invite, with its token"
    );
    acme.invites()
        .claim(&linus.user_id, &pending)
        .await
        .unwrap();
    world.settle().await;
    assert!(acme.has_roles(&linus));
}
on_both_with_mail!(cut_outside_the_newest_make_way_after_three_days_and_come_back_oldest_first);

async fn an_admin_picks_who_makes_way(world: &World) {
    let acme = world.acme(3).await;
    let people = world.colleagues("p", 3).await;
    for person in &people {
        acme.seat(person).await;
    }
    acme.dashboard(2).await;
    let owner = &acme.owner.user_id;
    let (first, _) = acme.seat_of(&people[0]).await.unwrap();
    let none = acme.seats().suspend(owner, &acme.id, &acme.plan, &[]).await;
    assert_eq!(none, Err(CompanyError::TooManyStay));
    acme.seats()
        .suspend(owner, &acme.id, &acme.plan, &[first])
        .await
        .unwrap();
    world.settle().await;
    let has: Vec<bool> = people.iter().map(|one| acme.has_roles(one)).collect();
    assert_eq!(has, [false, true, true]);
    assert_eq!(acme.pool().await.over, None);
    world.advance(DAY * 4);
    world.settle().await;
    assert!(acme.has_roles(&people[2]), "the deadline is gone");
    acme.free(&people[2]).await;
    assert!(acme.has_roles(&people[0]));
}
on_both_with_mail!(an_admin_picks_who_makes_way);

async fn raised_in_time_nobody_makes_way(world: &World) {
    let acme = world.acme(2).await;
    let people = world.colleagues("p", 2).await;
    for person in &people {
        acme.seat(person).await;
    }
    acme.dashboard(1).await;
    assert!(acme.pool().await.over.is_some());
    acme.dashboard(2).await;
    assert!(acme.pool().await.over.is_none());
    world.advance(DAY * 4);
    world.settle().await;
    assert!(people.iter().all(|one| acme.has_roles(one)));
    assert_eq!(mails(world, "without a seat now"), 0);
}
on_both_with_mail!(raised_in_time_nobody_makes_way);

async fn an_invite_that_expires_gives_its_seat_to_who_waits(world: &World) {
    let acme = world.acme(2).await;
    let ada = world.colleague("ada").await;
    acme.seat(&ada).await;
    let pending = acme.token().await;
    acme.dashboard(1).await;
    world.advance(DAY * 3 + Duration::from_mins(1));
    world.settle().await;
    let pool = acme.pool().await;
    assert_eq!((pool.claimed, pool.invited, pool.suspended), (1, 0, 1));
    world.advance(DAY * 5);
    world.settle().await;
    let pool = acme.pool().await;
    assert_eq!((pool.claimed, pool.suspended), (1, 0));
    let linus = world.colleague("linus").await;
    let late = acme.invites().claim(&linus.user_id, &pending).await;
    assert_eq!(late.unwrap_err(), InviteError::Expired);
}
on_both_with_mail!(an_invite_that_expires_gives_its_seat_to_who_waits);

async fn who_holds_a_seat_is_told_when_the_company_ends(world: &World) {
    let acme = world.acme(2).await;
    let ada = world.colleague("ada").await;
    acme.seat(&ada).await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe
            .cancel_later(now, &acme.subscription, false, false)
            .unwrap();
    });
    world.settle().await;
    assert_eq!(mails(world, "Your seat at Acme lasts until"), 1);
    assert_eq!(mails(world, "Acme: Team seats ends on"), 1);
    assert!(acme.has_roles(&ada));
    world.advance(DAY * 32);
    world.settle().await;
    assert!(!acme.has_roles(&ada));
}
on_both_with_mail!(who_holds_a_seat_is_told_when_the_company_ends);

/// How many mails have that in their subject.
fn mails(world: &World, subject: &str) -> usize {
    world.sandbox.with(|w| {
        w.mail
            .messages()
            .iter()
            .filter(|mail| mail.subject.contains(subject))
            .count()
    })
}
