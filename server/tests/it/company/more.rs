//! More seats: what was shown is what is charged, and they count when they are paid.

use super::{DAY, EACH, changes, charged, company, confirm, pool, preview, quantity, row};
use crate::on_both;
use crate::support::World;
use crate::support::acme::Acme;
use app::changes::Confirmed;
use app::company::{CompanyError, CompanyStanding};
use app::seats::SeatsPort;
use sandbox::faults::{Fault, FaultRule, Target};
use sandbox::stripe::CardKind;
use std::time::Duration;

async fn more_seats_cost_what_was_shown_and_count_at_once(world: &World) {
    let acme = world.acme(5).await;
    world.advance(DAY * 10);
    world.settle().await;
    let before = charged(world, &acme).await;
    let seen = preview(&acme, 9).await.unwrap();
    assert_eq!((seen.from, seen.to), (5, 9));
    // Two thirds of the period are left of four seats.
    assert!(
        (5_900..7_000).contains(&seen.today.minor),
        "{:?}",
        seen.today
    );
    let sum: i64 = seen.lines.iter().map(|line| line.amount.minor).sum();
    assert_eq!(sum, seen.today.minor, "{:?}", seen.lines);
    assert!(seen.lines[0].label.starts_with("4 more seats"));
    assert_eq!(seen.then.minor, 9 * EACH);
    assert_eq!(seen.credit, None);
    assert_eq!(seen.card.as_ref().unwrap().last4, "4242");
    let shown = company(world, &acme.owner.user_id, &acme.id).await;
    assert_eq!(Some(seen.from_at), shown.paying.renews_at);
    let port = acme.seats();
    let number = port.seen_number(&acme.owner.user_id, &acme.id, &seen.seen);
    assert_eq!(number.await, Some(9));
    // Looking changes nothing.
    assert_eq!(charged(world, &acme).await, before);
    assert_eq!(changes(world).await, []);
    // Time passes while it is read; the sum stays what was shown.
    world.advance(Duration::from_mins(2));
    assert_eq!(confirm(&acme, &seen.seen).await, Ok(Confirmed::Done));
    assert_eq!(pool(&acme).await, (9, None, 0), "no webhook was needed");
    // Sent twice, it is the same.
    assert_eq!(confirm(&acme, &seen.seen).await, Ok(Confirmed::Done));
    world.settle().await;
    assert_eq!(quantity(world, &acme).await, 9);
    assert_eq!(charged(world, &acme).await, before + seen.today.minor);
    assert_eq!(changes(world).await, [row("done")]);
    let told: String = sqlx::query_scalar(
        "SELECT detail FROM audit WHERE event = 'company' AND subject = $1 AND actor = $2",
    )
    .bind(&acme.id)
    .bind(format!("company:{}", acme.owner.user_id))
    .fetch_one(world.state.db.reader())
    .await
    .unwrap();
    assert!(told.starts_with("9 seats instead of 5"), "{told}");
}
on_both!(more_seats_cost_what_was_shown_and_count_at_once);

async fn five_clicks_at_once_are_one_change(world: &World) {
    let acme = world.acme(5).await;
    let before = charged(world, &acme).await;
    let seen = preview(&acme, 9).await.unwrap();
    let clicks = (0..5).map(|_| confirm(&acme, &seen.seen));
    for answer in futures::future::join_all(clicks).await {
        assert_eq!(answer, Ok(Confirmed::Done));
    }
    world.settle().await;
    assert_eq!(charged(world, &acme).await, before + seen.today.minor);
    assert_eq!(changes(world).await, [row("done")]);
}
on_both!(five_clicks_at_once_are_one_change);

async fn with_card(world: &World, acme: &Acme<'_>, kind: CardKind) {
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe
            .set_default_card(now, &acme.customer, kind)
            .unwrap();
    });
    world.settle().await;
    world.advance(Duration::from_secs(1));
}

async fn what_is_not_paid_does_not_count(world: &World) {
    let acme = world.acme(5).await;
    let before = charged(world, &acme).await;
    for kind in [CardKind::AttachThenFail, CardKind::AuthenticateAlways] {
        with_card(world, &acme, kind).await;
        let seen = preview(&acme, 9).await.unwrap();
        assert_eq!(
            confirm(&acme, &seen.seen).await,
            Ok(Confirmed::Waiting),
            "{kind:?}"
        );
        world.settle().await;
        assert_eq!(confirm(&acme, &seen.seen).await, Ok(Confirmed::Waiting));
        assert_eq!(pool(&acme).await, (5, None, 0), "{kind:?}");
        assert_eq!(quantity(world, &acme).await, 5);
        assert_eq!(charged(world, &acme).await, before);
        let paying = company(world, &acme.owner.user_id, &acme.id).await.paying;
        assert_eq!((paying.seats, paying.pending_seats), (5, Some(9)));
        assert!(paying.owed.unwrap().contains("/invoice/"));
        assert_eq!(paying.standing, CompanyStanding::Active);
        assert_eq!(paying.may_change, Err(CompanyError::Pending));
        // While it waits nothing else is changed.
        assert_eq!(preview(&acme, 4).await, Err(CompanyError::Pending));
        // It lapses by itself.
        world.advance(DAY);
        world.settle().await;
        assert_eq!(pool(&acme).await, (5, None, 0), "{kind:?}");
        let paying = company(world, &acme.owner.user_id, &acme.id).await.paying;
        assert_eq!((paying.pending_seats, paying.owed), (None, None));
        assert_eq!(paying.may_change, Ok(()));
        assert_eq!(
            confirm(&acme, &seen.seen).await,
            Err(CompanyError::Outdated)
        );
        world.state.limits.forget();
    }
    assert_eq!(changes(world).await, [row("lapsed"), row("lapsed")]);
    assert_eq!(charged(world, &acme).await, before);
}
on_both!(what_is_not_paid_does_not_count);

async fn paid_at_the_bank_it_counts(world: &World) {
    let acme = world.acme(5).await;
    with_card(world, &acme, CardKind::AuthenticateAlways).await;
    let before = charged(world, &acme).await;
    let seen = preview(&acme, 9).await.unwrap();
    assert_eq!(confirm(&acme, &seen.seen).await, Ok(Confirmed::Waiting));
    world.settle().await;
    let paying = company(world, &acme.owner.user_id, &acme.id).await.paying;
    let http = reqwest::Client::new();
    let form = [
        ("card_number", "4242424242424242"),
        ("exp", "12/34"),
        ("cvc", "123"),
    ];
    let paid = http.post(paying.owed.unwrap()).form(&form).send().await;
    assert!(paid.unwrap().status().is_success());
    world.settle().await;
    assert_eq!(pool(&acme).await, (9, None, 0));
    assert_eq!(charged(world, &acme).await, before + seen.today.minor);
    assert_eq!(changes(world).await, [row("done")]);
    assert_eq!(confirm(&acme, &seen.seen).await, Ok(Confirmed::Done));
}
on_both!(paid_at_the_bank_it_counts);

async fn in_a_trial_the_number_changes_for_nothing(world: &World) {
    let acme = world.acme(5).await;
    let end = world.state.clock.policy_ms() / 1000 + 20 * 24 * 60 * 60;
    let trial = [("trial_end", end.to_string())];
    let trial: Vec<(&str, &str)> = trial.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let path = format!("/v1/subscriptions/{}", acme.subscription);
    world.at_stripe(&path, &trial).await;
    world.settle().await;
    let before = charged(world, &acme).await;
    let seen = preview(&acme, 8).await.unwrap();
    assert!(seen.trialing);
    assert_eq!(
        (seen.today.minor, seen.lines.len(), seen.credit),
        (0, 0, None)
    );
    assert_eq!(seen.from_at, end * 1000);
    assert_eq!(confirm(&acme, &seen.seen).await, Ok(Confirmed::Done));
    world.settle().await;
    assert_eq!(pool(&acme).await, (8, None, 0));
    assert_eq!(charged(world, &acme).await, before);
}
on_both!(in_a_trial_the_number_changes_for_nothing);

async fn what_was_shown_is_done_or_nothing_is(world: &World) {
    let acme = world.acme(5).await;
    let other = world.company("other", super::TEAM, 3).await;
    let before = charged(world, &acme).await;
    assert_eq!(preview(&acme, 5).await, Err(CompanyError::SameNumber));
    for seats in [0, -3, app::company::MOST + 1] {
        assert_eq!(preview(&acme, seats).await, Err(CompanyError::BadNumber));
    }
    let seen = preview(&acme, 9).await.unwrap();
    // Another company's, another person's, or nobody's.
    let foreign = preview(&other, 9).await.unwrap();
    for sealed in [foreign.seen.as_str(), "", "x", &seen.seen[1..]] {
        assert_eq!(confirm(&acme, sealed).await, Err(CompanyError::Outdated));
    }
    world.state.limits.forget();
    // Somebody changed the number at Stripe meanwhile.
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.set_quantity(now, &acme.subscription, 6).unwrap();
    });
    assert_eq!(
        confirm(&acme, &seen.seen).await,
        Err(CompanyError::Outdated)
    );
    world.settle().await;
    assert_eq!(quantity(world, &acme).await, 6);
    // Shown too long ago.
    let seen = preview(&acme, 9).await.unwrap();
    world.advance(Duration::from_mins(11));
    assert_eq!(
        confirm(&acme, &seen.seen).await,
        Err(CompanyError::Outdated)
    );
    assert_eq!(changes(world).await, []);
    assert_eq!(charged(world, &acme).await, before);
    world.settle().await;
}
on_both!(what_was_shown_is_done_or_nothing_is);

async fn what_does_not_stand_firm_is_not_changed(world: &World) {
    let acme = world.acme(5).await;
    let now = |w: &sandbox::World| w.clock.now_ms();
    // It ends.
    let early = preview(&acme, 9).await.unwrap();
    world.sandbox.with(|w| {
        let now = now(w);
        w.stripe
            .cancel_later(now, &acme.subscription, true, false)
            .unwrap();
    });
    assert_eq!(confirm(&acme, &early.seen).await, Err(CompanyError::Ending));
    world.settle().await;
    assert_eq!(preview(&acme, 9).await, Err(CompanyError::Ending));
    assert_eq!(preview(&acme, 4).await, Err(CompanyError::Ending));
    world.sandbox.with(|w| {
        let now = now(w);
        w.stripe
            .cancel_later(now, &acme.subscription, true, true)
            .unwrap();
    });
    world.settle().await;
    // Its collection rests.
    let early = preview(&acme, 9).await.unwrap();
    let path = format!("/v1/subscriptions/{}", acme.subscription);
    world
        .at_stripe(&path, &[("pause_collection[behavior]", "void")])
        .await;
    assert_eq!(confirm(&acme, &early.seen).await, Err(CompanyError::Paused));
    world.settle().await;
    assert_eq!(preview(&acme, 9).await, Err(CompanyError::Paused));
    world.at_stripe(&path, &[("pause_collection", "")]).await;
    world.settle().await;
    world.state.limits.forget();
    // A payment is missing.
    with_card(world, &acme, CardKind::AttachThenFail).await;
    world.advance(DAY * 32);
    world.settle().await;
    assert_eq!(preview(&acme, 9).await, Err(CompanyError::PastDue));
    assert_eq!(preview(&acme, 4).await, Err(CompanyError::PastDue));
    let paying = company(world, &acme.owner.user_id, &acme.id).await.paying;
    assert_eq!(paying.standing, CompanyStanding::PastDue);
    assert_eq!(paying.may_change, Err(CompanyError::PastDue));
    assert!(paying.owed.unwrap().contains("/invoice/"));
    assert!(paying.ends_at.is_some());
    assert_eq!(changes(world).await, []);
}
on_both!(what_does_not_stand_firm_is_not_changed);

async fn an_answer_that_never_comes_is_found_by_reading(world: &World) {
    let acme = world.acme(5).await;
    let before = charged(world, &acme).await;
    let path = format!("/v1/subscriptions/{}", acme.subscription);
    let strike = |effect: bool| {
        let fault = Fault::Answer {
            status: 500,
            effect,
        };
        let rule = FaultRule::always(Target::Stripe, fault).at("POST", &path);
        world.sandbox.with(|w| w.faults.add(rule));
    };
    // It did not land: nothing counts, and after a minute that is certain.
    let seen = preview(&acme, 9).await.unwrap();
    strike(false);
    assert_eq!(confirm(&acme, &seen.seen).await, Err(CompanyError::Unknown));
    world.sandbox.with(|w| w.faults.clear());
    assert_eq!(confirm(&acme, &seen.seen).await, Err(CompanyError::Unknown));
    assert_eq!(preview(&acme, 9).await, Err(CompanyError::Pending));
    world.settle().await;
    assert_eq!(changes(world).await, [row("asked")]);
    world.advance(Duration::from_mins(2));
    world.settle().await;
    assert_eq!(changes(world).await, [row("lapsed")]);
    assert_eq!(charged(world, &acme).await, before);
    // It landed, unheard: it counts, once.
    let seen = preview(&acme, 9).await.unwrap();
    strike(true);
    assert_eq!(confirm(&acme, &seen.seen).await, Ok(Confirmed::Done));
    world.sandbox.with(|w| w.faults.clear());
    world.settle().await;
    assert_eq!(pool(&acme).await, (9, None, 0));
    assert_eq!(charged(world, &acme).await, before + seen.today.minor);
}
on_both!(an_answer_that_never_comes_is_found_by_reading);
