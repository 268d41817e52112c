//! What admins and holders see, through a company's life.

use super::{DAY, EACH, company, port};
use crate::on_both;
use crate::support::World;
use crate::support::acme::{Acme, Colleague};
use app::billing::BillingPort;
use app::company::{
    CompanyError, CompanyPort, CompanyRole, CompanyStanding, HeldSeat, SeatGives, Seen,
};
use app::page::dates;
use sandbox::stripe::CardKind;
use server::billing::Billing;

async fn held(world: &World, acme: &Acme<'_>, who: &Colleague) -> HeldSeat {
    match port(world).company(&who.user_id, &acme.id).await {
        Ok(Seen::Holder(seat)) => seat,
        other => panic!("{other:?}"),
    }
}

/// Payment and membership, as the holder's own page tells them.
async fn chain(world: &World, who: &Colleague) -> [String; 2] {
    let billing = Billing(world.state.clone());
    let page = billing.dashboard(&who.user_id).await.unwrap();
    [page.payment, page.access].map(|station| {
        let advice = station.advice.map(|advice| format!(" {advice}"));
        let advice = advice.unwrap_or_default();
        format!("{:?}: {}{advice}", station.state, station.text)
    })
}

async fn a_companys_life_as_both_sides_see_it(world: &World) {
    let acme = world.acme(2).await;
    let owner = acme.owner.user_id.as_str();
    let ada = world.colleague("ada").await;
    acme.seat(&ada).await;
    let paying = company(world, owner, &acme.id).await.paying;
    assert_eq!(paying.standing, CompanyStanding::Active);
    assert_eq!(paying.sum.unwrap().minor, 2 * EACH);
    assert_eq!(paying.may_change, Ok(()));
    assert_eq!((paying.owed, paying.pending_seats), (None, None));
    let seat = held(world, &acme, &ada).await;
    assert_eq!(seat.gives, SeatGives::Access);
    assert_eq!(seat.company, "Acme");
    assert_eq!(seat.plan, super::TEAM);
    assert_eq!(seat.ask, ["acmeowner"]);
    assert!(!seat.own_runs);
    assert_eq!(
        chain(world, &ada).await,
        [
            "Granted: Acme pays for your seat.",
            "Granted: The membership is paid."
        ]
    );

    // It is to end: until then everything stays.
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe
            .cancel_later(now, &acme.subscription, false, false)
            .unwrap();
    });
    world.settle().await;
    let paying = company(world, owner, &acme.id).await.paying;
    assert_eq!(paying.standing, CompanyStanding::Ending);
    let ends_at = paying.ends_at.unwrap();
    let until = SeatGives::Until {
        at: ends_at,
        payment_missing: false,
    };
    assert_eq!(held(world, &acme, &ada).await.gives, until);
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe
            .cancel_later(now, &acme.subscription, false, true)
            .unwrap();
        w.stripe
            .set_default_card(now, &acme.customer, CardKind::AttachThenFail)
            .unwrap();
    });
    // A payment is missing.
    world.advance(DAY * 32);
    world.settle().await;
    let paying = company(world, owner, &acme.id).await.paying;
    assert_eq!(paying.standing, CompanyStanding::PastDue);
    let until = SeatGives::Until {
        at: paying.ends_at.unwrap(),
        payment_missing: true,
    };
    assert_eq!(held(world, &acme, &ada).await.gives, until);
    let day = dates::day(paying.ends_at.unwrap()).unwrap();
    assert_eq!(
        chain(world, &ada).await,
        [
            "Attention: A payment of Acme for its seats is missing. Its admins have been told. Nothing is asked of you."
                .to_owned(),
            format!("Attention: A payment is missing; access stays for now. It goes on if the company pays by {day}.")
        ]
    );
    assert!(acme.has_roles(&ada));
    // And stays so.
    world.advance(DAY * 30);
    world.settle().await;
    let paying = company(world, owner, &acme.id).await.paying;
    assert_eq!(paying.standing, CompanyStanding::Ended);
    assert!(paying.ends_at.is_some());
    assert_eq!(held(world, &acme, &ada).await.gives, SeatGives::Lapsed);
    assert_eq!(
        chain(world, &ada).await[0],
        "Ended: Acme does not pay for its seats now. Ask who looks after it, or choose a plan of your own."
    );
    assert!(!acme.has_roles(&ada));
}
on_both!(a_companys_life_as_both_sides_see_it);

async fn what_one_belongs_to(world: &World) {
    let acme = world.acme(3).await;
    let other = world.company("other", super::TEAM, 7).await;
    let ada = world.colleague("ada").await;
    acme.seat(&ada).await;
    acme.token().await;
    other.seat(&ada).await;
    let port = port(world);
    let nobody = world.colleague("nobody").await;
    let none = port.belongs(&nobody.user_id).await.unwrap();
    assert_eq!((none.companies.len(), none.seats.len()), (0, 0));
    let of_owner = port.belongs(&acme.owner.user_id).await.unwrap();
    assert_eq!(of_owner.seats, []);
    assert_eq!(of_owner.companies.len(), 1);
    let own = &of_owner.companies[0];
    assert_eq!((own.held, own.paid, own.role), (2, 3, CompanyRole::Owner));
    let of_ada = port.belongs(&ada.user_id).await.unwrap();
    assert_eq!(of_ada.companies, []);
    assert_eq!(of_ada.seats.len(), 2);
    // Fewer are paid at Stripe's dashboard than are held: told, and no seat is worth nothing yet.
    other.dashboard(1).await;
    let of_ada = port.belongs(&ada.user_id).await.unwrap();
    assert!(
        of_ada
            .seats
            .iter()
            .all(|seat| seat.gives == SeatGives::Access)
    );
    // Whoever looks after it and holds a seat sees the company.
    port.appoint(
        &acme.owner.user_id,
        &acme.id,
        &ada.user_id,
        CompanyRole::Admin,
    )
    .await
    .unwrap();
    let seen = company(world, &ada.user_id, &acme.id).await;
    assert_eq!(seen.role, CompanyRole::Admin);
    assert_eq!(
        seen.pools[0].own_seat,
        acme.seat_of(&ada).await.map(|(id, _)| id)
    );
    let gone = port.company(&nobody.user_id, &acme.id).await;
    assert_eq!(gone.unwrap_err(), CompanyError::NotFound);
    world.settle().await;
}
on_both!(what_one_belongs_to);

async fn an_own_subscription_beside_the_seat_is_told(world: &World) {
    let acme = world.acme(3).await;
    let mut ada = world.sign_in(crate::login::site::ADA).await;
    ada.subscribe("Member").await;
    let colleague = Colleague {
        user_id: ada.user_id.clone(),
        discord_id: ada.discord_id.clone(),
        email: String::new(),
    };
    acme.seat(&colleague).await;
    assert!(held(world, &acme, &colleague).await.own_runs);
    // One that ends by itself needs no offer to end it.
    let own: String = sqlx::query_scalar("SELECT id FROM subscriptions WHERE id <> $1")
        .bind(&acme.subscription)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_later(now, &own, true, false).unwrap();
    });
    world.settle().await;
    assert!(!held(world, &acme, &colleague).await.own_runs);
}
on_both!(an_own_subscription_beside_the_seat_is_told);
