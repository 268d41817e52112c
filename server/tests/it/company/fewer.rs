//! Fewer seats: never fewer than are held, and none is filled meanwhile that may be paid no more.

use super::{DAY, EACH, calls, changes, charged, company, confirm, pool, preview, quantity, row};
use crate::on_both;
use crate::support::World;
use crate::support::acme::Acme;
use app::changes::Confirmed;
use app::company::CompanyError;
use app::invites::InvitesPort;
use app::seats::SeatsPort;
use sandbox::faults::{Fault, FaultRule, Target};
use std::time::Duration;

fn strike(world: &World, method: &str, path: &str, status: u16, effect: bool) {
    let fault = Fault::Answer { status, effect };
    let rule = FaultRule::always(Target::Stripe, fault).at(method, path);
    world.sandbox.with(|w| w.faults.add(rule));
}

fn mend(world: &World) {
    world.sandbox.with(|w| w.faults.clear());
}

/// The owner takes a seat, which needs nobody else.
async fn take(acme: &Acme<'_>) -> Result<(), CompanyError> {
    let port = acme.seats();
    port.take(&acme.owner.user_id, &acme.id, &acme.plan).await
}

/// A seat for anybody with a link.
async fn invite(acme: &Acme<'_>) -> Result<(), CompanyError> {
    let port = acme.invites();
    let sealed = port.open_invite(&acme.owner.user_id, &acme.id, &acme.plan, None);
    sealed.await.map(|_| ())
}

/// Frees every seat and takes every invite back.
async fn empty(acme: &Acme<'_>) {
    let (port, owner) = (acme.seats(), &acme.owner.user_id);
    let page = port.seats(owner, &acme.id, &acme.everything()).await;
    for seat in page.unwrap().seats {
        port.free(owner, &acme.id, &seat.id).await.unwrap();
    }
}

async fn fewer_seats_become_credit_as_was_shown(world: &World) {
    let acme = world.acme(9).await;
    world.advance(DAY * 10);
    world.settle().await;
    let before = charged(world, &acme).await;
    let seen = preview(&acme, 6).await.unwrap();
    assert_eq!((seen.today.minor, seen.lines.len()), (0, 0));
    let credit = seen.credit.clone().unwrap().minor;
    assert!((4_400..5_300).contains(&credit), "{credit}");
    assert_eq!(seen.then.minor, 6 * EACH);
    assert_eq!(confirm(&acme, &seen.seen).await, Ok(Confirmed::Done));
    assert_eq!(pool(&acme).await, (6, None, 0));
    assert_eq!(confirm(&acme, &seen.seen).await, Ok(Confirmed::Done));
    world.settle().await;
    assert_eq!(quantity(world, &acme).await, 6);
    assert_eq!(charged(world, &acme).await, before);
    let path = format!("/customers/{}", acme.customer);
    let customer = super::at_stripe(world, &path).await;
    assert_eq!(customer["balance"], -credit);
    assert_eq!(changes(world).await, [row("done")]);
}
on_both!(fewer_seats_become_credit_as_was_shown);

async fn fewer_than_are_held_is_refused_without_a_word_to_stripe(world: &World) {
    let acme = world.acme(5).await;
    let ada = world.colleague("ada").await;
    acme.seat(&ada).await;
    acme.token().await;
    assert_eq!(pool(&acme).await, (5, None, 2), "one claimed, one invited");
    let asked = calls(world);
    assert_eq!(preview(&acme, 1).await, Err(CompanyError::BelowHeld));
    assert_eq!(calls(world), asked);
    // As many as are held is right; filled in the meantime, it is not.
    let seen = preview(&acme, 2).await.unwrap();
    take(&acme).await.unwrap();
    let asked = calls(world);
    assert_eq!(
        confirm(&acme, &seen.seen).await,
        Err(CompanyError::BelowHeld)
    );
    assert_eq!(calls(world), asked);
    assert_eq!(changes(world).await, []);
    assert_eq!(pool(&acme).await, (5, None, 3));
    // What is held fits exactly.
    let seen = preview(&acme, 3).await.unwrap();
    assert_eq!(confirm(&acme, &seen.seen).await, Ok(Confirmed::Done));
    assert_eq!(pool(&acme).await, (3, None, 3));
    assert!(acme.has_roles(&ada));
    world.settle().await;
}
on_both!(fewer_than_are_held_is_refused_without_a_word_to_stripe);

async fn an_invite_that_expired_holds_no_number(world: &World) {
    let acme = world.acme(5).await;
    acme.token().await;
    acme.token().await;
    assert_eq!(preview(&acme, 1).await, Err(CompanyError::BelowHeld));
    // Past their time, and nobody has looked since.
    world.advance(DAY * 8);
    let seen = preview(&acme, 1).await.unwrap();
    assert_eq!(confirm(&acme, &seen.seen).await, Ok(Confirmed::Done));
    assert_eq!(pool(&acme).await, (1, None, 0));
    world.settle().await;
}
on_both!(an_invite_that_expired_holds_no_number);

async fn while_it_is_unknown_no_more_are_filled(world: &World) {
    let acme = world.acme(3).await;
    take(&acme).await.unwrap();
    let path = format!("/v1/subscriptions/{}", acme.subscription);
    for landed in [false, true] {
        let seen = preview(&acme, 1).await.unwrap();
        strike(world, "POST", &path, 500, landed);
        // The reading before is let through; what came of it cannot be read.
        let fault = Fault::Answer {
            status: 500,
            effect: false,
        };
        let after = FaultRule {
            skip: 1,
            ..FaultRule::always(Target::Stripe, fault).at("GET", "/v1/subscriptions")
        };
        world.sandbox.with(|w| w.faults.add(after));
        assert_eq!(
            confirm(&acme, &seen.seen).await,
            Err(CompanyError::Unknown),
            "{landed}"
        );
        assert_eq!(pool(&acme).await, (3, Some(1), 1), "{landed}");
        // Two seats are paid for as far as anybody knows, and none of them is filled.
        assert_eq!(invite(&acme).await, Err(CompanyError::Full), "{landed}");
        mend(world);
        world.settle().await;
        if !landed {
            // It can still land.
            assert_eq!(pool(&acme).await, (3, Some(1), 1));
        }
        world.advance(Duration::from_mins(2));
        world.settle().await;
        if landed {
            assert_eq!(pool(&acme).await, (1, None, 1));
            assert_eq!(quantity(world, &acme).await, 1);
        } else {
            assert_eq!(pool(&acme).await, (3, None, 1));
            assert_eq!(quantity(world, &acme).await, 3);
        }
        world.state.limits.forget();
    }
    assert_eq!(changes(world).await, [row("done"), row("lapsed")]);
}
on_both!(while_it_is_unknown_no_more_are_filled);

async fn a_refusal_holds_nothing_back(world: &World) {
    let acme = world.acme(3).await;
    let seen = preview(&acme, 1).await.unwrap();
    let path = format!("/v1/subscriptions/{}", acme.subscription);
    strike(world, "POST", &path, 400, false);
    let refused = confirm(&acme, &seen.seen).await.unwrap_err();
    assert!(matches!(refused, CompanyError::Stripe(_)), "{refused:?}");
    mend(world);
    assert_eq!(pool(&acme).await, (3, None, 0));
    assert_eq!(changes(world).await, [row("refused")]);
    let paying = company(world, &acme.owner.user_id, &acme.id).await.paying;
    assert_eq!(paying.may_change, Ok(()));
    world.settle().await;
}
on_both!(a_refusal_holds_nothing_back);

async fn a_schedule_makes_way_first(world: &World) {
    let acme = world.acme(3).await;
    let made = world
        .at_stripe(
            "/v1/subscription_schedules",
            &[("from_subscription", acme.subscription.as_str())],
        )
        .await;
    world.settle().await;
    let seen = preview(&acme, 2).await.unwrap();
    assert_eq!(confirm(&acme, &seen.seen).await, Ok(Confirmed::Done));
    let path = format!("/subscription_schedules/{}", made["id"].as_str().unwrap());
    let schedule = super::at_stripe(world, &path).await;
    assert_eq!(schedule["status"], "released");
    assert_eq!(pool(&acme).await, (2, None, 0));
    world.settle().await;
}
on_both!(a_schedule_makes_way_first);

async fn filling_and_lowering_race_for_the_last_seat(world: &World) {
    let acme = world.acme(2).await;
    for round in 0..6 {
        let held = pool(&acme).await;
        assert_eq!(held, (2, None, 0), "{round}");
        let seen = preview(&acme, 1).await.unwrap();
        // Two seats are asked for while one is given up.
        let (lowered, taken, invited) =
            futures::join!(confirm(&acme, &seen.seen), take(&acme), invite(&acme),);
        world.settle().await;
        let (paid, ceiling, held) = pool(&acme).await;
        assert!(held <= paid, "{round}: {held} of {paid}");
        assert_eq!(ceiling, None);
        let filled = i64::from(taken.is_ok()) + i64::from(invited.is_ok());
        assert_eq!(held, filled, "{round}");
        match lowered {
            Ok(Confirmed::Done) => assert_eq!(paid, 1),
            Err(CompanyError::BelowHeld) => assert_eq!((paid, held), (2, 2)),
            other => panic!("{round}: {other:?}"),
        }
        // Everything as it was.
        empty(&acme).await;
        world.state.limits.forget();
        acme.dashboard(2).await;
        world.advance(Duration::from_mins(1));
    }
}
on_both!(filling_and_lowering_race_for_the_last_seat);
