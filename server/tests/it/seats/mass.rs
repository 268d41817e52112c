//! Many holders lose at once: by their company's own doing, or by what nobody can explain.

use crate::login::site::GRACE;
use crate::on_both;
use crate::support::World;
use crate::support::acme::{Acme, Colleague};
use std::time::Duration;

fn holders(acme: &Acme<'_>, people: &[Colleague]) -> usize {
    people.iter().filter(|one| acme.has_roles(one)).count()
}

async fn a_company_of_forty_that_ends_counts_once(world: &World) {
    let (acme, people) = world.full_acme(40).await;
    assert_eq!(holders(&acme, &people), 40);
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_now(now, &acme.subscription).unwrap();
    });
    world.settle().await;
    assert_eq!(holders(&acme, &people), 0, "proven once, for all of them");
    let counted = world.count("SELECT COUNT(*) FROM losses").await;
    assert_eq!(counted, 1);
}
on_both!(a_company_of_forty_that_ends_counts_once);

async fn a_company_whose_customer_nobody_knows_is_held(world: &World) {
    let (acme, people) = world.full_acme(40).await;
    world
        .sandbox
        .with(|w| w.stripe.forget_customer(&acme.customer, true));
    world.read_everybody().await;
    for _ in 0..3 {
        world.advance(Duration::from_mins(11));
        world.settle().await;
    }
    assert_eq!(
        holders(&acme, &people),
        40,
        "nobody loses by what nobody can explain"
    );
    world
        .sandbox
        .with(|w| w.stripe.forget_customer(&acme.customer, false));
    world.advance(Duration::from_mins(61));
    world.settle().await;
    let mut operator = world.sign_in(GRACE).await;
    let form = [("cause", "missing"), ("back", "/admin/brake")];
    operator.browser.post_form("/api/desk_lift", &form).await;
    world.settle().await;
    assert_eq!(holders(&acme, &people), 40);
    let held = world
        .count("SELECT COUNT(*) FROM grants WHERE state = 'held'")
        .await;
    assert_eq!(held, 0, "nothing is left of it");
}
on_both!(a_company_whose_customer_nobody_knows_is_held);
