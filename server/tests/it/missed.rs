//! Events that no webhook brought, what backs off and what parks, and what brings it back.

use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::World;
use crate::support::logs::Logs;
use sandbox::ApiRequest;
use sandbox::faults::{Fault, FaultRule, Target};
use sandbox::stripe::DeliveryFaults;
use server::db::dirty::{self, Class, SubjectKind};
use server::stripe::{FailureClass, StripeError};
use server::webhooks;
use std::time::Duration;

/// A poll follows the last after this, whatever chance adds.
const NEXT_POLL: Duration = Duration::from_mins(6);

fn lose_events(world: &World) {
    world.sandbox.with(|w| {
        w.stripe.set_delivery_faults(DeliveryFaults {
            drop: 100,
            ..DeliveryFaults::default()
        });
    });
}

fn answer(status: u16) -> Fault {
    Fault::Answer {
        status,
        effect: false,
    }
}

fn order(world: &World, path: &str, fault: Fault) {
    world.sandbox.with(|w| {
        let rule = FaultRule::always(Target::Stripe, fault);
        w.faults.add(rule.at("GET", path));
    });
}

fn end_faults(world: &World) {
    world.sandbox.with(|w| w.faults.clear());
}

fn calls(world: &World, path: &str) -> usize {
    world
        .sandbox
        .with(|w| w.calls.iter().filter(|call| call.path == path).count())
}

/// The cursor begins now.
async fn begin(world: &World) {
    webhooks::start_cursor(&world.state).await.unwrap();
    world.work().await;
}

async fn poll(world: &World) {
    world.advance(NEXT_POLL);
    world.work().await;
}

async fn cursor(world: &World) -> (Option<i64>, i64) {
    sqlx::query_as("SELECT seen_until, polled_at FROM event_cursor")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap()
}

async fn subscription(world: &World) -> String {
    sqlx::query_scalar("SELECT id FROM subscriptions")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap()
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

async fn open_incidents(world: &World) -> Vec<(String, String)> {
    sqlx::query_as("SELECT kind, subject FROM incidents WHERE closed_at IS NULL ORDER BY kind")
        .fetch_all(world.state.db.reader())
        .await
        .unwrap()
}

async fn lost_events_are_found_and_the_second_poll_does_nothing(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let before = world.count("SELECT COUNT(*) FROM inbox").await;
    begin(world).await;
    assert_eq!(
        world.count("SELECT COUNT(*) FROM inbox").await,
        before,
        "what was before the first start is not read"
    );
    lose_events(world);
    let id = subscription(world).await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_now(now, &id).unwrap();
    });
    world.settle().await;
    assert_eq!(
        ada.membership().await,
        Some(("active".into(), "granted".into())),
        "nothing told of it"
    );
    poll(world).await;
    assert_eq!(
        ada.membership().await,
        Some(("canceled".into(), "denied".into()))
    );
    assert!(world.roles_of(ADA).is_empty());

    let stored = world.count("SELECT COUNT(*) FROM inbox").await;
    let generations = "SELECT CAST(SUM(generation) AS BIGINT) FROM dirty WHERE kind <> 'events'";
    let marked = world.count(generations).await;
    let reads = calls(world, "/v1/subscriptions");
    let (seen, polled) = cursor(world).await;
    poll(world).await;
    assert_eq!(world.count("SELECT COUNT(*) FROM inbox").await, stored);
    assert_eq!(world.count(generations).await, marked);
    assert_eq!(calls(world, "/v1/subscriptions"), reads);
    let (seen_again, polled_again) = cursor(world).await;
    assert_eq!(seen_again, seen, "no clock but Stripe's moves the cursor");
    assert!(polled_again > polled);
}
on_both!(lost_events_are_found_and_the_second_poll_does_nothing);

async fn an_event_brought_by_a_webhook_does_not_mark_again(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    begin(world).await;
    ada.subscribe("Member").await;
    let reads = calls(world, "/v1/subscriptions");
    poll(world).await;
    assert_eq!(calls(world, "/v1/subscriptions"), reads);
    assert_eq!(
        calls(world, "/v1/events"),
        3,
        "one request where the cursor begins, and one for each twenty types"
    );
}
on_both!(an_event_brought_by_a_webhook_does_not_mark_again);

async fn the_overlap_catches_an_event_that_appears_late_with_an_older_time(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    begin(world).await;
    lose_events(world);
    let id = subscription(world).await;
    let hidden = world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_now(now, &id).unwrap();
        let event = w.stripe.latest_event("customer.subscription.deleted");
        let event = event.unwrap();
        w.stripe.hide_event(&event, true);
        event
    });
    // A younger one moves the cursor past it.
    world.advance(Duration::from_mins(20));
    add_products(world, 1);
    poll(world).await;
    let (seen, _) = cursor(world).await;
    assert_eq!(
        ada.membership().await,
        Some(("active".into(), "granted".into()))
    );
    world.sandbox.with(|w| w.stripe.hide_event(&hidden, false));
    poll(world).await;
    assert_eq!(
        ada.membership().await,
        Some(("canceled".into(), "denied".into()))
    );
    assert_eq!(cursor(world).await.0, seen, "an older event moves nothing");
}
on_both!(the_overlap_catches_an_event_that_appears_late_with_an_older_time);

/// Products of somebody else, each with an event.
fn add_products(world: &World, count: usize) {
    let key = world.state.config.stripe.secret_key.clone();
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        for n in 0..count {
            let bearer = format!("Bearer {}", secrecy::ExposeSecret::expose_secret(&key));
            let made = w.stripe.request(
                now,
                &ApiRequest {
                    method: "POST".into(),
                    path: "/v1/products".into(),
                    headers: vec![("authorization".into(), bearer)],
                    body: format!("name=Other+{n}").into_bytes(),
                    ..ApiRequest::default()
                },
            );
            assert_eq!(made.status, 200);
        }
    });
}

async fn a_poll_that_breaks_off_does_not_advance(world: &World) {
    begin(world).await;
    let at_first = cursor(world).await;
    let new = |world: &World| {
        let db = world.state.db.clone();
        let since = at_first.0.unwrap() * 1000;
        async move {
            sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM inbox WHERE created_at > $1")
                .bind(since)
                .fetch_one(db.reader())
                .await
                .unwrap()
        }
    };
    world.advance(Duration::from_mins(1));
    lose_events(world);
    add_products(world, 150);
    // The second page of the types the products are among: the third request.
    world.sandbox.with(|w| {
        let mut rule = FaultRule::always(Target::Stripe, answer(503)).at("GET", "/v1/events");
        rule.skip = 2;
        w.faults.add(rule);
    });
    poll(world).await;
    assert_eq!(cursor(world).await, at_first);
    assert_eq!(new(world).await, 100);
    let pages = calls(world, "/v1/events");
    world.work().await;
    assert_eq!(calls(world, "/v1/events"), pages, "it backs off");

    end_faults(world);
    poll(world).await;
    assert_eq!(new(world).await, 150);
    assert!(cursor(world).await.0 > at_first.0);
}
on_both!(a_poll_that_breaks_off_does_not_advance);

async fn a_gap_longer_than_stripe_keeps_events_reads_everybody(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    begin(world).await;
    lose_events(world);
    let id = subscription(world).await;
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_now(now, &id).unwrap();
    });
    // A server that was away: nothing is worked off meanwhile.
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE dirty SET due_at = $1, rank_at = $1 WHERE kind = 'payer'")
        .bind(dirty::NEVER)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.advance(Duration::from_hours(24 * 32));
    world.work().await;
    assert_eq!(
        open_incidents(world).await,
        [("missed_events".into(), "Stripe".into())]
    );
    assert_eq!(
        ada.membership().await,
        Some(("canceled".into(), "denied".into()))
    );
    poll(world).await;
    assert_eq!(open_incidents(world).await, [], "everybody has been read");
}
on_both!(a_gap_longer_than_stripe_keeps_events_reads_everybody);

/// A year of Patron.
async fn yearly(world: &World, discord_id: &str) -> String {
    let mut person = world.sign_in(discord_id).await;
    let price = crate::changes::price(world, "Patron", "year").await;
    let checkout = person.start_checkout(&price).await;
    person.pay(&checkout, "4242424242424242").await;
    world.settle().await;
    let customer = person.customer().await;
    world
        .sandbox
        .with(|w| w.stripe.latest_charge(&customer).unwrap())
}

/// (reason, is there a role) of both.
async fn given(world: &World) -> Vec<(String, bool)> {
    let mut given = Vec::new();
    for discord_id in [ADA, GRACE] {
        let reason: String = sqlx::query_scalar(
            "SELECT entitlements.reason FROM entitlements JOIN users ON users.id = entitlements.user_id \
             WHERE users.discord_user_id = $1",
        )
        .bind(discord_id)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
        given.push((reason, !world.roles_of(discord_id).is_empty()));
    }
    given
}

async fn what_went_back_in_a_gap_is_found_among_the_charges(world: &World) {
    let refunded = yearly(world, ADA).await;
    let disputed = yearly(world, GRACE).await;
    begin(world).await;
    lose_events(world);
    let month = Duration::from_hours(24 * 32);
    let paid = [("paid".to_owned(), true), ("paid".to_owned(), true)];
    let (refund, dispute) = world.sandbox.with(|w| {
        let refund = w.stripe.refund_charge(&refunded, None).unwrap();
        let dispute = w.stripe.open_dispute(&disputed, "fraudulent").unwrap();
        (refund, dispute)
    });
    assert_eq!(given(world).await, paid);
    world.advance(month);
    world.work().await;
    assert_eq!(
        given(world).await,
        [("refunded".into(), false), ("disputed".into(), false)]
    );
    assert_eq!(calls(world, "/v1/charges"), 2, "one list each");
    poll(world).await;
    assert_eq!(calls(world, "/v1/charges"), 2, "and no more");
    let kinds: Vec<String> = open_incidents(world)
        .await
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(kinds, ["dispute", "refund"], "everybody has been read");

    // The next gap takes both back: what was known is looked at as well.
    world.sandbox.with(|w| {
        w.stripe.fail_refund(&refund).unwrap();
        w.stripe.close_dispute(&dispute, true).unwrap();
    });
    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE dirty SET due_at = $1, rank_at = $1 WHERE kind = 'charge'")
        .bind(dirty::NEVER)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.advance(month);
    world.work().await;
    assert_eq!(given(world).await, paid);
    poll(world).await;
    assert_eq!(open_incidents(world).await, []);
}
on_both!(
    what_went_back_in_a_gap_is_found_among_the_charges,
    "ON_REFUND" = "deny"
);

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
    let mut grace = world.sign_in(crate::login::site::GRACE).await;
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

/// A signed post of an event that is not for us, and one that somebody else signed.
async fn posted(world: &World, n: usize, secret: &str) -> u16 {
    let body = format!(
        r#"{{"id":"evt_posted{n}","object":"event","type":"topup.created","created":1,"livemode":false,"data":{{"object":{{"id":"tu_1"}}}}}}"#
    );
    let now = sandbox::clock::Clock::wall_ms() / 1000;
    let signature = sandbox::stripe::sign(&body, secret, now);
    let sent = reqwest::Client::new()
        .post(format!("{}/webhooks/stripe", world.base))
        .header("stripe-signature", signature)
        .body(body);
    sent.send().await.unwrap().status().as_u16()
}

async fn a_wrong_webhook_secret_is_seen_by_the_operator(world: &World) {
    let good = crate::support::WEBHOOK_SECRET;
    assert_eq!(posted(world, 0, good).await, 200);
    let logs = Logs::capture();
    for n in 1..=4 {
        assert_eq!(posted(world, n, "whsec_other").await, 400);
    }
    assert_eq!(open_incidents(world).await, [], "four may be a stranger's");
    for n in 5..=20 {
        assert_eq!(posted(world, n, "whsec_other").await, 400);
    }
    assert_eq!(
        open_incidents(world).await,
        [("webhook_secret".into(), "STRIPE_WEBHOOK_SECRETS".into())]
    );
    let told = logs
        .text()
        .matches("webhooks arrive with signatures")
        .count();
    assert_eq!(told, 1);
    assert_eq!(posted(world, 21, good).await, 200);
    assert_eq!(open_incidents(world).await, []);
}
on_both!(a_wrong_webhook_secret_is_seen_by_the_operator);

async fn the_inbox_forgets_what_is_past_its_time(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    begin(world).await;
    let all = world.count("SELECT COUNT(*) FROM inbox").await;
    let day: i64 = 24 * 60 * 60 * 1000;
    let age = |days: i64, id_like: &'static str| async move {
        let mut tx = world.state.db.begin().await.unwrap();
        sqlx::query("UPDATE inbox SET received_at = received_at - $1 WHERE type LIKE $2")
            .bind(days * day)
            .bind(id_like)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    };
    age(89, "%").await;
    assert_eq!(webhooks::tidy(&world.state).await.unwrap(), 0);
    age(2, "invoice.%").await;
    let gone = webhooks::tidy(&world.state).await.unwrap();
    assert!(gone > 0);
    let left = world.count("SELECT COUNT(*) FROM inbox").await;
    assert_eq!(left, all - i64::try_from(gone).unwrap());
    assert_eq!(webhooks::tidy(&world.state).await.unwrap(), 0);
    assert!(world.count("SELECT COUNT(*) FROM audit").await > 0);
}
on_both!(the_inbox_forgets_what_is_past_its_time);

/// Every value of every text column, with where it stands.
async fn all_texts(world: &World) -> Vec<(String, String)> {
    let tables =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'";
    let tables: Vec<String> = sqlx::query_scalar(tables)
        .fetch_all(world.state.db.reader())
        .await
        .unwrap();
    assert!(tables.len() > 12);
    let mut all = Vec::new();
    for table in tables {
        let columns = format!("SELECT name FROM pragma_table_info('{table}') WHERE type = 'TEXT'");
        let columns: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(columns))
            .fetch_all(world.state.db.reader())
            .await
            .unwrap();
        for column in columns {
            let values = format!("SELECT {column} FROM {table} WHERE {column} IS NOT NULL");
            let values: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(values))
                .fetch_all(world.state.db.reader())
                .await
                .unwrap();
            let place = format!("{table}.{column}");
            all.extend(values.into_iter().map(|value| (place.clone(), value)));
        }
    }
    all
}

#[tokio::test]
async fn no_card_address_or_e_mail_of_an_event_is_at_rest() {
    let world = World::start(crate::support::Kind::Sqlite).await;
    let logs = Logs::capture();
    let mut ada = world.sign_in(ADA).await;
    begin(&world).await;
    ada.subscribe("Patron").await;
    // At Stripe the person has another address than at Discord, and a card.
    let customer = ada.customer().await;
    let key = world.state.config.stripe.secret_key.clone();
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        let bearer = format!("Bearer {}", secrecy::ExposeSecret::expose_secret(&key));
        let form =
            "email=private%40elsewhere.example&address[line1]=12+Analytical+Row&name=Augusta+King";
        let changed = w.stripe.request(
            now,
            &ApiRequest {
                method: "POST".into(),
                path: format!("/v1/customers/{customer}"),
                headers: vec![("authorization".into(), bearer)],
                body: form.into(),
                ..ApiRequest::default()
            },
        );
        assert_eq!(changed.status, 200);
    });
    world.settle().await;
    lose_events(&world);
    world.advance(Duration::from_hours(24 * 31 + 4));
    world.work().await;
    poll(&world).await;
    ada.page("/billing").await;
    let texts = all_texts(&world).await;
    assert!(texts.iter().any(|(place, _)| place == "inbox.id"));
    for word in [
        "elsewhere.example",
        "Analytical",
        "Augusta",
        "424242424242",
        "last4",
        "\"4242\"",
        "visa",
        "exp_month",
        "hosted_invoice_url",
    ] {
        let found: Vec<_> = texts
            .iter()
            .filter(|(_, text)| text.contains(word))
            .collect();
        assert!(found.is_empty(), "{word}: {found:?}");
        assert!(!logs.text().contains(word), "{word} is in the log");
    }
    poll(&world).await;
    world.finish().await;
}

#[tokio::test]
async fn two_nodes_share_one_budget() {
    let world = World::start(crate::support::Kind::Postgres).await;
    let mut variables = crate::login::site::environment(&world.sandbox, &world.base);
    variables.insert(
        "DATABASE_URL".into(),
        world.state.config.database_url.clone(),
    );
    variables.insert("STRIPE_RATE".into(), "10".into());
    let mut nodes = Vec::new();
    for seed in 0..2 {
        let config = server::config::Config::read(|name| variables.get(name).cloned()).unwrap();
        let clock = std::sync::Arc::new(server::clock::SystemClock::default());
        let rng = server::rng::Rng::seeded(seed);
        nodes.push(server::serve::build(config, clock, rng).await.unwrap());
    }
    let began = tokio::time::Instant::now();
    let ask = |node: server::state::AppState| async move {
        for _ in 0..12 {
            node.stripe.account().await.unwrap();
        }
    };
    tokio::join!(ask(nodes[0].clone()), ask(nodes[1].clone()));
    let took = began.elapsed().as_secs_f64();
    // 24 at ten a second, less what may be borrowed: either alone would be through in 0.7 s.
    assert!(took >= 1.6, "{took}");
    for node in nodes {
        node.db.close().await;
    }
    world.finish().await;
}

async fn an_idempotency_clash_is_told_and_needs_a_person(world: &World) {
    let logs = Logs::capture();
    let new = |name: &str| server::stripe::NewCustomer {
        payer_id: "pay_1".into(),
        discord_user_id: ADA.into(),
        name: name.into(),
        email: None,
    };
    let stripe = &world.state.stripe;
    let first = stripe.create_customer(&new("Ada"), "one-key").await;
    let again = stripe.create_customer(&new("Ada"), "one-key").await;
    assert_eq!(
        first.unwrap().id,
        again.unwrap().id,
        "the same key, one customer"
    );
    let clash = stripe.create_customer(&new("Augusta"), "one-key").await;
    let clash = clash.unwrap_err();
    assert_eq!(clash, StripeError::KeyReused);
    assert_eq!(clash.class(), FailureClass::NeedsPerson);
    let text = logs.text();
    let line = text
        .lines()
        .find(|line| line.contains("stripe request failed"))
        .unwrap();
    assert!(
        line.contains("an idempotency key was used for something else")
            && line.contains("request_id=\"req_")
            && line.contains("tries=1"),
        "{line}"
    );
    // Answers that are well have theirs in the log too.
    assert!(text.contains("stripe answered path=/customers status=200 request_id=\"req_"));
}
on_both!(an_idempotency_clash_is_told_and_needs_a_person);

#[tokio::test]
async fn nobody_listening_is_unreachable_and_nothing_happened() {
    let world = World::start(crate::support::Kind::Sqlite).await;
    let logs = Logs::capture();
    let mut variables = crate::login::site::environment(&world.sandbox, &world.base);
    let url = &world.state.config.database_url;
    variables.insert("DATABASE_URL".into(), url.clone());
    // The discard port of this machine: nobody is there.
    variables.insert("STRIPE_API_BASE".into(), "http://127.0.0.1:9".into());
    let config = server::config::Config::read(|name| variables.get(name).cloned()).unwrap();
    let clock = world.state.clock.clone();
    let rng = server::rng::Rng::seeded(1);
    let state = server::serve::build(config, clock, rng).await.unwrap();
    let asked = state.stripe.account().await;
    assert_eq!(asked.unwrap_err(), StripeError::Unreachable);
    assert!(logs.text().contains("error=Stripe is unreachable"));
    state.db.close().await;
    world.finish().await;
}
