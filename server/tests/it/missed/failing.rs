//! What backs off and what parks, and what brings it back.

use super::{answer, begin, calls, end_faults, lose_events, open_incidents, poll, subscription};
use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::World;
use crate::support::logs::Logs;
use sandbox::faults::{Fault, FaultRule, Target};
use server::db::dirty::{self, Class, SubjectKind};
use std::time::Duration;

fn order(world: &World, path: &str, fault: Fault) {
    world.sandbox.with(|w| {
        let rule = FaultRule::always(Target::Stripe, fault);
        w.faults.add(rule.at("GET", path));
    });
}

async fn payer(world: &World) -> String {
    sqlx::query_scalar("SELECT id FROM payers")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap()
}

/// (due, attempts, parked, cause) of the only payer.
async fn payer_row(world: &World) -> (i64, i64, i64, Option<String>) {
    sqlx::query_as("SELECT due_at, attempts, parked, cause FROM dirty WHERE kind = 'payer'")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap()
}

async fn mark(world: &World, id: &str, class: Class) {
    let now = world.state.clock.policy_ms();
    let mut tx = world.state.db.begin().await.unwrap();
    dirty::mark(&mut tx, SubjectKind::Payer, id, now, class, "test")
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn marks_that_keep_arriving_neither_undo_the_back_off_nor_are_lost(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let id = payer(world).await;
    order(world, "/v1/subscriptions", answer(503));
    mark(world, &id, Class::Event).await;
    let now = world.state.clock.policy_ms();
    let lease = dirty::claim(&world.state.db, &*world.state.clock, 1)
        .await
        .unwrap()
        .remove(0);
    // While it is read and after it failed, more is heard.
    mark(world, &id, Class::Event).await;
    let later = dirty::AfterFailure::RetryAt(now + 60_000);
    dirty::fail(&world.state.db, &lease, later, "test", None)
        .await
        .unwrap();
    assert_eq!(payer_row(world).await, (now + 60_000, 1, 0, None));
    mark(world, &id, Class::Event).await;
    let asked = calls(world, "/v1/subscriptions");
    world.work().await;
    assert_eq!(calls(world, "/v1/subscriptions"), asked, "it waits");
    // A person brings it forward.
    mark(world, &id, Class::Urgent).await;
    world.work().await;
    assert!(calls(world, "/v1/subscriptions") > asked);
    let (due_at, attempts, parked, cause) = payer_row(world).await;
    assert!(due_at > now && attempts == 2 && parked == 0);
    assert_eq!(cause.as_deref(), Some("stripe_down Stripe"));

    end_faults(world);
    world.advance(Duration::from_mins(16));
    world.settle().await;
    let (_, attempts, _, cause) = payer_row(world).await;
    assert_eq!((attempts, cause), (0, None));
}
on_both!(marks_that_keep_arriving_neither_undo_the_back_off_nor_are_lost);

async fn a_refused_key_parks_and_a_valid_one_brings_everybody_back(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    begin(world).await;
    let id = payer(world).await;
    order(world, "/v1/", answer(401));
    mark(world, &id, Class::Event).await;
    world.work().await;
    let (_, _, parked, _) = payer_row(world).await;
    assert_eq!(parked, 1);
    assert_eq!(
        open_incidents(world).await,
        [("stripe_key".into(), "STRIPE_SECRET_KEY".into())]
    );
    assert_eq!(
        ada.membership().await,
        Some(("active".into(), "granted".into())),
        "nobody's access changes"
    );
    // The cursor keeps asking, and that is all that asks.
    poll(world).await;
    let asked = world.sandbox.with(|w| w.calls.iter().count());
    poll(world).await;
    let more = world.sandbox.with(|w| w.calls.iter().count()) - asked;
    assert!((1..=2).contains(&more), "{more}");

    end_faults(world);
    let id = subscription(world).await;
    lose_events(world);
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_now(now, &id).unwrap();
    });
    world.advance(Duration::from_mins(16));
    world.work().await;
    assert_eq!(open_incidents(world).await, []);
    assert_eq!(
        ada.membership().await,
        Some(("canceled".into(), "denied".into()))
    );
}
on_both!(a_refused_key_parks_and_a_valid_one_brings_everybody_back);

async fn a_missing_right_is_tried_by_one_and_then_by_all(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let mut grace = world.sign_in(GRACE).await;
    grace.subscribe("Member").await;
    begin(world).await;
    let payers: Vec<String> = sqlx::query_scalar("SELECT id FROM payers")
        .fetch_all(world.state.db.reader())
        .await
        .unwrap();
    order(world, "/v1/subscriptions", answer(403));
    for id in &payers {
        mark(world, id, Class::Event).await;
    }
    world.work().await;
    assert_eq!(world.backlog().await, (0, 2));
    assert_eq!(
        open_incidents(world).await,
        [("stripe_right".into(), "/subscriptions".into())]
    );
    let asked = calls(world, "/v1/subscriptions");
    poll(world).await;
    assert_eq!(calls(world, "/v1/subscriptions"), asked + 1, "one tries");
    assert_eq!(world.backlog().await, (0, 2));

    end_faults(world);
    poll(world).await;
    assert_eq!(calls(world, "/v1/subscriptions"), asked + 3);
    assert_eq!(world.backlog().await, (0, 0));
    assert_eq!(open_incidents(world).await, []);
}
on_both!(a_missing_right_is_tried_by_one_and_then_by_all);

async fn a_period_end_without_news_is_read_by_the_timer(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let period = "SELECT period_end FROM subscriptions";
    let first = world.count(period).await;
    lose_events(world);
    let now = world.state.clock.policy_ms();
    let to_end = u64::try_from(first - now).unwrap();
    world.advance(Duration::from_millis(to_end) + Duration::from_mins(119));
    world.work().await;
    assert_eq!(
        world.count(period).await,
        first,
        "the invoice may be a draft"
    );
    world.advance(Duration::from_mins(62));
    world.work().await;
    assert!(world.count(period).await > first);
    assert_eq!(
        ada.membership().await,
        Some(("active".into(), "granted".into()))
    );
    let (due_at, ..) = payer_row(world).await;
    assert!(
        due_at > world.count(period).await,
        "and once more after the next"
    );
}
on_both!(a_period_end_without_news_is_read_by_the_timer);

fn requests(world: &World) -> usize {
    world.sandbox.with(|w| w.calls.iter().count())
}

async fn stripe_down_is_told_and_not_hammered_and_everything_comes_back(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    begin(world).await;
    let logs = Logs::capture();
    // Broken off in the middle: whether it came through is unknown.
    order(world, "/v1/", Fault::Cut { effect: false });
    mark(world, &payer(world).await, Class::Event).await;
    poll(world).await;
    assert_eq!(
        open_incidents(world).await,
        [("stripe_down".into(), "Stripe".into())]
    );
    assert!(
        logs.text()
            .contains("Stripe is down; background work waits")
    );
    assert!(logs.text().contains("Stripe did not answer in time"));
    // Nobody's moment has come, and then the circuit lets one try at a time.
    let asked = requests(world);
    world.work().await;
    assert_eq!(requests(world), asked);
    for _ in 0..3 {
        world.advance(Duration::from_secs(20));
        world.work().await;
    }
    let more = requests(world) - asked;
    assert!(more <= 3, "{more}");
    assert_eq!(
        ada.membership().await,
        Some(("active".into(), "granted".into()))
    );

    end_faults(world);
    lose_events(world);
    let id = subscription(world).await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_now(now, &id).unwrap();
    });
    // A person's call is the first to find it well again; everything follows, the cursor too.
    assert!(world.state.stripe.account().await.is_ok());
    world.work().await;
    assert_eq!(open_incidents(world).await, []);
    assert_eq!(
        ada.membership().await,
        Some(("canceled".into(), "denied".into()))
    );
    assert_eq!(world.backlog().await, (0, 0));
}
on_both!(stripe_down_is_told_and_not_hammered_and_everything_comes_back);

async fn what_passes_backs_off_and_never_parks(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let id = payer(world).await;
    for (fault, line) in [
        (answer(429), "Stripe asks us to slow down"),
        (answer(409), "Stripe is busy with the same object"),
        (answer(500), "Stripe is failing (status 500)"),
        (
            Fault::Cut { effect: false },
            "Stripe did not answer in time",
        ),
    ] {
        let logs = Logs::capture();
        order(world, "/v1/subscriptions", fault);
        mark(world, &id, Class::Urgent).await;
        world.work().await;
        let (due_at, attempts, parked, _) = payer_row(world).await;
        assert!(due_at > world.state.clock.policy_ms(), "{line}");
        assert_eq!((attempts, parked), (1, 0), "{line}");
        let text = logs.text();
        assert!(
            text.contains("sync failed; it comes again") && text.contains(line),
            "{text}"
        );
        end_faults(world);
        world.advance(Duration::from_mins(16));
        world.settle().await;
        assert_eq!(payer_row(world).await.1, 0, "{line}");
        assert_eq!(
            ada.membership().await,
            Some(("active".into(), "granted".into()))
        );
    }
}
on_both!(what_passes_backs_off_and_never_parks);

async fn what_needs_a_person_parks_alone_and_a_retry_closes_it(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let id = payer(world).await;
    let logs = Logs::capture();
    order(world, "/v1/subscriptions", answer(400));
    mark(world, &id, Class::Event).await;
    world.work().await;
    let (due_at, _, parked, cause) = payer_row(world).await;
    assert_eq!((due_at, parked, cause), (dirty::NEVER, 1, None));
    assert!(logs.text().contains("sync needs a person; parked"));
    assert_eq!(
        open_incidents(world).await,
        [("parked".into(), format!("payer {id}"))]
    );
    end_faults(world);
    mark(world, &id, Class::Urgent).await;
    world.work().await;
    assert_eq!(open_incidents(world).await, []);
}
on_both!(what_needs_a_person_parks_alone_and_a_retry_closes_it);
