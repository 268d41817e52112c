//! Keeping, pausing, leaving.

use super::{
    DAY, changes, charged, confirm, dashboard, port, post, posts, preview, row, subscription,
    subscription_id,
};
use crate::login::site::ADA;
use crate::on_both;
use crate::support::World;
use app::billing::Standing;
use app::changes::{ChangeError, ChangesPort};
use std::time::Duration;

async fn a_planned_end_is_taken_back_whichever_way_it_was_set(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let id = subscription_id(world).await;
    let form = [("subscription", id.as_str())];
    for by_cancel_at in [true, false] {
        let now = world.state.clock.policy_ms();
        world.sandbox.with(|w| {
            w.stripe
                .cancel_later(now, &id, by_cancel_at, false)
                .unwrap();
        });
        world.settle().await;
        let board = dashboard(world, &ada).await;
        assert_eq!(board.standing, Standing::Ending);
        assert!(board.membership.unwrap().may.keep);
        assert!(ada.page("/billing").await.contains("Keep my membership"));
        let to = post(&mut ada, "/api/keep_membership", &form).await;
        assert_eq!(to, "/billing?changed=1", "{by_cancel_at}");
        world.settle().await;
        let row = subscription(world).await;
        assert!(row["cancel_at"].is_null() && row["cancel_at_period_end"] == false);
        assert_eq!(dashboard(world, &ada).await.standing, Standing::Active);
        assert!(
            ada.page("/billing?changed=1")
                .await
                .contains("Your membership goes on.")
        );
    }
    assert_eq!(
        changes(world).await,
        [row("keep", "done"), row("keep", "done")]
    );
    world.advance(DAY * 32);
    world.settle().await;
    assert_eq!(ada.membership().await.unwrap().1, "granted");
}
on_both!(a_planned_end_is_taken_back_whichever_way_it_was_set);

async fn a_pause_is_offered_says_what_becomes_of_access_and_ends_by_itself(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let roles = world.plan_roles("Member").await;
    let leaving = port(world).leaving(&ada.user_id).await.unwrap();
    let months: Vec<u32> = leaving.pauses.iter().map(|pause| pause.months).collect();
    assert_eq!(months, [1, 2, 3]);
    let page = ada.page("/billing/cancel").await;
    for text in [
        "Pause instead of leaving?",
        "your roles in Discord rest, and nothing is charged",
        "Go on to cancel at Stripe",
    ] {
        assert!(page.contains(text), "{text}");
    }
    let id = subscription_id(world).await;
    let form = |months: &'static str| [("subscription", id.clone()), ("months", months.to_owned())];
    let not_offered = form("7");
    let pairs: Vec<(&str, &str)> = not_offered.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let to = post(&mut ada, "/api/pause_membership", &pairs).await;
    assert_eq!(to, "/billing/cancel?change=pause-not-offered");
    let one = form("1");
    let pairs: Vec<(&str, &str)> = one.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let to = post(&mut ada, "/api/pause_membership", &pairs).await;
    assert_eq!(to, "/billing?changed=1");
    world.settle().await;
    let row_at_stripe = subscription(world).await;
    assert_eq!(row_at_stripe["pause_collection"]["behavior"], "void");
    let board = dashboard(world, &ada).await;
    assert_eq!(board.standing, Standing::Paused);
    let membership = board.membership.unwrap();
    assert!(membership.may.resume && !membership.may.change);
    let back = leaving.pauses[0].returns_at;
    assert!((back - membership.resumes_at.unwrap()) <= 3_600_000);
    let page = ada.page("/billing").await;
    assert!(page.contains("Paused until") && page.contains("Resume now"));
    assert!(ada.has_roles(&roles), "what is paid for stays open");

    // The paid period ends: nothing is charged, the roles rest.
    let before = charged(world, &ada).await;
    world.advance(DAY * 32);
    world.settle().await;
    assert_eq!(charged(world, &ada).await, before);
    assert!(!ada.has_roles(&roles));
    assert_eq!(dashboard(world, &ada).await.standing, Standing::Paused);
    // The day of return: charged and open again, without anybody doing anything.
    world.advance(DAY * 31);
    world.settle().await;
    assert_eq!(charged(world, &ada).await, before + 2_900);
    assert!(ada.has_roles(&roles));
    assert_eq!(dashboard(world, &ada).await.standing, Standing::Active);
}
on_both!(a_pause_is_offered_says_what_becomes_of_access_and_ends_by_itself);

async fn where_the_policy_keeps_access_a_pause_says_so_and_does_so(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let page = ada.page("/billing/cancel").await;
    assert!(
        page.contains("While it is paused nothing is charged, and everything stays open to you.")
    );
    assert!(!page.contains("your roles in Discord rest"));
    let id = subscription_id(world).await;
    let pause = [("subscription", id.as_str()), ("months", "1")];
    let to = post(&mut ada, "/api/pause_membership", &pause).await;
    assert_eq!(to, "/billing?changed=1");
    world.settle().await;
    // The paid period ends: nothing is charged, and nothing is taken.
    let before = charged(world, &ada).await;
    world.advance(DAY * 32);
    world.settle().await;
    assert_eq!(charged(world, &ada).await, before);
    assert_eq!(ada.membership().await.unwrap().1, "granted");
    assert!(ada.has_roles(&world.plan_roles("Member").await));
    assert_eq!(dashboard(world, &ada).await.standing, Standing::Paused);
}
on_both!(
    where_the_policy_keeps_access_a_pause_says_so_and_does_so,
    "PAUSE_ACCESS" = "keep"
);

async fn a_pause_is_resumed_now(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let down = preview(world, &ada, "Member", "month").await;
    confirm(&mut ada, &down.seen).await;
    let id = subscription_id(world).await;
    let pause = [("subscription", id.as_str()), ("months", "2")];
    assert_eq!(
        post(&mut ada, "/api/pause_membership", &pause).await,
        "/billing?changed=1"
    );
    assert_eq!(posts(world, "/release"), 1, "a schedule makes way");
    world.settle().await;
    let refused = port(world).choices(&ada.user_id).await;
    assert_eq!(refused.unwrap_err(), ChangeError::Paused);
    let form = [("subscription", id.as_str())];
    assert_eq!(
        post(&mut ada, "/api/resume_membership", &form).await,
        "/billing?changed=1"
    );
    world.settle().await;
    assert!(subscription(world).await["pause_collection"].is_null());
    assert_eq!(dashboard(world, &ada).await.standing, Standing::Active);
    assert!(ada.has_roles(&world.plan_roles("Patron").await));
    assert_eq!(
        changes(world).await,
        [
            row("later", "done"),
            row("pause", "done"),
            row("resume", "done")
        ]
    );
}
on_both!(a_pause_is_resumed_now);

async fn who_pays_by_the_year_is_not_offered_a_pause(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let up = preview(world, &ada, "Member", "year").await;
    confirm(&mut ada, &up.seen).await;
    world.settle().await;
    let leaving = port(world).leaving(&ada.user_id).await.unwrap();
    assert_eq!(leaving.pauses, []);
    let id = subscription_id(world).await;
    let refused = port(world).pause(&ada.user_id, &id, 1).await;
    assert_eq!(refused.unwrap_err(), ChangeError::PauseNotOffered);
    assert!(
        ada.page("/billing/cancel")
            .await
            .contains("Cancel your membership?")
    );
}
on_both!(who_pays_by_the_year_is_not_offered_a_pause);

async fn cancelling_leads_straight_to_stripes_page_and_is_seen_on_return(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Patron").await;
    let down = preview(world, &ada, "Member", "month").await;
    confirm(&mut ada, &down.seen).await;
    world.settle().await;
    assert!(
        ada.page("/billing/cancel")
            .await
            .contains("Your change to Member has to make way.")
    );
    let id = subscription_id(world).await;
    let form = [("subscription", id.as_str())];
    let answer = ada.browser.post_form("/api/cancel_at_stripe", &form).await;
    let url = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(url.contains("/portal/"), "{url}");
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let page = http.get(&url).send().await.unwrap().text().await.unwrap();
    assert!(
        page.contains("id=\"confirm-cancel\""),
        "straight to the page for it"
    );
    assert!(subscription(world).await["schedule"].is_null());
    let done = http
        .post(format!("{url}/cancel/{id}"))
        .send()
        .await
        .unwrap();
    let back = done.headers()["location"].to_str().unwrap();
    assert_eq!(back, format!("{}/billing?from=portal", world.base));
    // No event has arrived; the return reads.
    let page = ada.page("/billing?from=portal").await;
    assert!(page.contains("It does not renew."));
    let refused = port(world).leaving(&ada.user_id).await;
    assert_eq!(refused.unwrap_err(), ChangeError::Ending);
    world.settle().await;
    world.advance(Duration::from_mins(1));
    let to = post(&mut ada, "/api/cancel_at_stripe", &form).await;
    assert_eq!(to, "/billing?change=ending");
}
on_both!(cancelling_leads_straight_to_stripes_page_and_is_seen_on_return);
