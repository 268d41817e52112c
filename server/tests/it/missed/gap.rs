//! Longer than Stripe keeps events nothing was read: everybody is read again.

use super::{begin, calls, lose_events, open_incidents, poll, subscription};
use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::World;
use server::db::dirty;
use std::time::Duration;

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
