//! What a seat gives follows what the company pays, and who holds it.

use crate::on_both;
use crate::support::World;
use app::company::CompanyError;
use app::seats::SeatsPort;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

async fn a_claimed_seat_gives_roles_and_a_freed_one_is_anothers(world: &World) {
    let acme = world.acme(1).await;
    let (ada, linus) = (world.colleague("ada").await, world.colleague("linus").await);
    acme.seat(&ada).await;
    assert!(acme.has_roles(&ada));
    let pool = acme.pool().await;
    assert_eq!((pool.paid, pool.claimed, pool.free()), (1, 1, 0));
    let owner = &acme.owner.user_id;
    let full = acme.seats().take(owner, &acme.id, &acme.plan).await;
    assert_eq!(full, Err(CompanyError::Full));

    let seat = acme.free(&ada).await;
    assert!(!acme.has_roles(&ada));
    assert_eq!(acme.pool().await.free(), 1);
    acme.seats().free(owner, &acme.id, &seat).await.unwrap();

    acme.seat(&linus).await;
    assert!(acme.has_roles(&linus));
    let undone = acme.seats().undo(owner, &acme.id, &seat).await;
    assert_eq!(undone, Err(CompanyError::Full));
    acme.free(&linus).await;
    acme.seats().undo(owner, &acme.id, &seat).await.unwrap();
    world.settle().await;
    assert!(acme.has_roles(&ada) && !acme.has_roles(&linus));
    world.advance(Duration::from_mins(11));
    world.settle().await;
    let (late, _) = acme.seat_of(&linus).await.unwrap();
    let undone = acme.seats().undo(owner, &acme.id, &late).await;
    assert_eq!(undone, Err(CompanyError::SeatMoved));
}
on_both!(a_claimed_seat_gives_roles_and_a_freed_one_is_anothers);

async fn who_looks_after_it_takes_a_seat_and_gives_it_back(world: &World) {
    let acme = world.acme(2).await;
    let owner = acme.owner.clone();
    assert!(!acme.has_roles(&owner));
    let take = || async {
        acme.seats()
            .take(&owner.user_id, &acme.id, &acme.plan)
            .await
    };
    take().await.unwrap();
    world.settle().await;
    assert!(acme.has_roles(&owner));
    assert_eq!(take().await, Err(CompanyError::HasSeat));
    let (seat, _) = acme.seat_of(&owner).await.unwrap();
    assert_eq!(acme.pool().await.own_seat.as_deref(), Some(seat.as_str()));
    let ada = world.colleague("ada").await;
    let foreign = acme.seats().leave(&ada.user_id, &seat).await;
    assert_eq!(foreign, Err(CompanyError::NotFound));
    acme.seats().leave(&owner.user_id, &seat).await.unwrap();
    world.settle().await;
    assert!(!acme.has_roles(&owner));
    // Whoever left is not put back by somebody else's undo.
    let undone = acme.seats().undo(&owner.user_id, &acme.id, &seat).await;
    assert_eq!(undone, Err(CompanyError::SeatMoved));
}
on_both!(who_looks_after_it_takes_a_seat_and_gives_it_back);

async fn seats_end_with_what_is_paid_and_come_back_with_it(world: &World) {
    let acme = world.acme(2).await;
    let ada = world.colleague("ada").await;
    acme.seat(&ada).await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_now(now, &acme.subscription).unwrap();
    });
    world.settle().await;
    assert!(!acme.has_roles(&ada));
    let pool = acme.pool().await;
    assert_eq!((pool.paid, pool.open, pool.claimed), (0, false, 1));
    assert!(pool.over.is_none(), "what gives nothing is not over");
    let owner = &acme.owner.user_id;
    let taken = acme.seats().take(owner, &acme.id, &acme.plan).await;
    assert_eq!(taken, Err(CompanyError::NotPaid));
    let price = world.price(crate::support::acme::TEAM).await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe
            .subscribe(now, &acme.customer, &price, 2, &[])
            .unwrap();
    });
    world.settle().await;
    assert!(acme.has_roles(&ada));
}
on_both!(seats_end_with_what_is_paid_and_come_back_with_it);

async fn grace_keeps_seats_until_it_is_over(world: &World) {
    let acme = world.acme(1).await;
    let ada = world.colleague("ada").await;
    acme.seat(&ada).await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        let card = sandbox::stripe::CardKind::AttachThenFail;
        w.stripe
            .set_default_card(now, &acme.customer, card)
            .unwrap();
    });
    world.advance(DAY * 32);
    world.settle().await;
    assert!(acme.has_roles(&ada), "in grace");
    let (state, until): (String, Option<i64>) = sqlx::query_as(
        "SELECT state, until_at FROM entitlements WHERE user_id = $1 AND source = 'seat'",
    )
    .bind(&ada.user_id)
    .fetch_one(world.state.db.reader())
    .await
    .unwrap();
    assert_eq!(state, "grace");
    assert!(until.is_some());
    world.advance(DAY * 8);
    world.settle().await;
    assert!(!acme.has_roles(&ada), "grace is over");
}
on_both!(grace_keeps_seats_until_it_is_over);

/// Another plan at Stripe's dashboard takes its seats along: who paid stays in.
async fn another_plan_takes_its_seats_along_without_a_gap(world: &World) {
    let acme = world.acme(2).await;
    let (ada, linus) = (world.colleague("ada").await, world.colleague("linus").await);
    acme.seat(&ada).await;
    let token = acme.token().await;
    let role = world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.discord.create_role(now, "Enterprise", 0).unwrap()
    });
    let product = world
        .at_stripe(
            "/v1/products",
            &[
                ("name", "Enterprise seats"),
                ("metadata[rollcall_audience]", "company"),
                ("metadata[rollcall_roles]", &role),
            ],
        )
        .await;
    let id = product["id"].as_str().unwrap();
    let price = world
        .at_stripe(
            "/v1/prices",
            &[
                ("product", id),
                ("currency", "eur"),
                ("unit_amount", "4900"),
                ("recurring[interval]", "month"),
            ],
        )
        .await;
    world.settle().await;
    let path = format!("/v1/subscriptions/{}", acme.subscription);
    let item = world.at_stripe(&path, &[("metadata[seen]", "1")]).await;
    let item = item["items"]["data"][0]["id"].as_str().unwrap().to_owned();
    let to = [
        ("items[0][id]", item.as_str()),
        ("items[0][price]", price["id"].as_str().unwrap()),
        ("items[0][quantity]", "2"),
    ];
    world.at_stripe(&path, &to).await;
    world.settle().await;
    assert!(world.roles_of(&ada.discord_id).contains(&role));
    assert!(!acme.has_roles(&ada), "the old plan's role has gone");
    let claimed = app::invites::InvitesPort::claim(&acme.invites(), &linus.user_id, &token).await;
    claimed.unwrap();
    world.settle().await;
    assert!(world.roles_of(&linus.discord_id).contains(&role));
}
on_both!(another_plan_takes_its_seats_along_without_a_gap);
