//! What failed and what somebody has to look at.

use super::{acts, desk, press};
use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::{Person, World};
use app::admin::{AdminPort, Counts};
use sandbox::faults::{Fault, FaultRule, Target};

async fn parked_work_is_shown_and_tried_again(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let mut grace = world.sign_in(GRACE).await;
    let break_stripe = |status| {
        world.sandbox.with(|w| {
            w.faults.add(FaultRule::always(
                Target::Stripe,
                Fault::Answer {
                    status,
                    effect: false,
                },
            ));
        });
    };
    let mend = || world.sandbox.with(|w| w.faults.clear());
    let payer: String = sqlx::query_scalar("SELECT id FROM payers WHERE user_id = $1")
        .bind(&ada.user_id)
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    let event: String =
        sqlx::query_scalar("SELECT id FROM inbox WHERE type = 'invoice.paid' LIMIT 1")
            .fetch_one(world.state.db.reader())
            .await
            .unwrap();
    break_stripe(401);
    press(&mut grace, "desk_replay", &[("event_id", &event)]).await;
    world.work().await;
    let counts = desk(world).counts().await.unwrap();
    assert_eq!((counts.parked, counts.failing), (1, 0));
    let work = desk(world).work().await.unwrap();
    assert_eq!(
        (work.parked[0].kind.as_str(), &work.parked[0].id),
        ("payer", &payer)
    );
    assert_eq!(work.parked[0].person.as_ref().unwrap().0, ada.user_id);
    assert!(!work.parked[0].error.is_empty());
    let page = grace.page("/admin/work").await;
    assert!(page.contains(&payer) && page.contains("Retry"));
    let page = grace.page("/admin/incidents").await;
    assert!(page.contains("What to do."));

    mend();
    let subject = [("kind", "payer"), ("id", payer.as_str())];
    let to = press(&mut grace, "desk_retry", &subject).await;
    assert_eq!(to, "/admin/work?done=retried");
    world.settle().await;
    assert_eq!(desk(world).counts().await.unwrap().parked, 0);
    let to = press(&mut grace, "desk_retry", &subject).await;
    assert_eq!(
        to, "/admin/work?problem=changed",
        "there is nothing to try again"
    );

    // All of a kind at once.
    break_stripe(401);
    press(&mut grace, "desk_replay", &[("event_id", &event)]).await;
    world.work().await;
    assert_eq!(desk(world).counts().await.unwrap().parked, 1);
    mend();
    let to = press(&mut grace, "desk_retry_all", &[("kind", "payer")]).await;
    assert_eq!(to, "/admin/work?done=retried-all");
    world.settle().await;

    // What passes by itself is shown with when it comes again, and can be tried now.
    break_stripe(500);
    press(&mut grace, "desk_replay", &[("event_id", &event)]).await;
    world.work().await;
    let work = desk(world).work().await.unwrap();
    assert_eq!(work.failing.len(), 1);
    assert!(work.failing[0].again_at.unwrap() > 0);
    mend();
    let to = press(&mut grace, "desk_retry", &subject).await;
    assert_eq!(to, "/admin/work?done=retried");
    world.settle().await;
    assert_eq!(
        desk(world).counts().await.unwrap(),
        Counts {
            incidents: desk(world).counts().await.unwrap().incidents,
            ..Counts::default()
        }
    );
    let events: Vec<String> = acts(world)
        .await
        .into_iter()
        .map(|(event, _)| event)
        .collect();
    for event in ["replay", "retry", "retry all"] {
        assert!(events.iter().any(|done| done == event), "{event}");
    }
    close_parked(world, &mut grace).await;
}
on_both!(parked_work_is_shown_and_tried_again);

/// Closes what is open about parked work, where nothing else does.
async fn close_parked(world: &World, grace: &mut Person<'_>) {
    for line in desk(world).incidents().await.unwrap().open {
        assert_eq!(line.kind, "parked");
        let form = [("kind", "parked"), ("subject", line.subject.as_str())];
        let to = press(grace, "desk_dismiss", &form).await;
        assert_eq!(to, "/admin/work?done=dismissed");
    }
}

async fn an_incident_is_told_with_advice_and_closed_once(world: &World) {
    let mut grace = world.sign_in(GRACE).await;
    let now = world.state.clock.policy_ms();
    let mut tx = world.state.db.begin().await.unwrap();
    for kind in ["join refused", "role refused"] {
        let subject = &grace.user_id;
        server::incidents::open(&mut tx, kind, subject, "the words of the day", now)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    let page = grace.page("/admin/incidents").await;
    assert!(page.contains("the words of the day") && page.contains("send them an invite"));
    assert_eq!(desk(world).counts().await.unwrap().incidents, 2);
    let user = grace.user_id.clone();
    let join = [("kind", "join refused"), ("subject", user.as_str())];
    let to = press(&mut grace, "desk_dismiss", &join).await;
    assert_eq!(to, "/admin/work?done=dismissed");
    let to = press(&mut grace, "desk_dismiss", &join).await;
    assert_eq!(to, "/admin/work?problem=changed");
    // What closes when it is mended is not hidden by hand.
    let role = [("kind", "role refused"), ("subject", user.as_str())];
    let to = press(&mut grace, "desk_dismiss", &role).await;
    assert_eq!(to, "/admin/work?problem=changed");
    let lists = desk(world).incidents().await.unwrap();
    assert_eq!((lists.open.len(), lists.closed.len()), (1, 1));
    assert_eq!(lists.open[0].person.as_ref().unwrap().0, user);
    let mut tx = world.state.db.begin().await.unwrap();
    server::incidents::close(&mut tx, "role refused", &user, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}
on_both!(an_incident_is_told_with_advice_and_closed_once);
