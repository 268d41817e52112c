//! The inbox: listed, filtered, replayed.

use super::{acts, desk, press};
use crate::login::site::{ADA, GRACE};
use crate::on_both;
use crate::support::{Kind, World};
use app::admin::{AdminPort, InboxAsked};
use server::admin::listing;
use sqlx::{AssertSqlSafe, Row};
use std::collections::BTreeSet;

async fn the_inbox_is_listed_by_pages_and_filtered(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let customer = ada.customer().await;
    let mut tx = world.state.db.begin().await.unwrap();
    // Two at the same moment, so that the id decides; older than everything that came.
    for at in 0..130_i64 {
        sqlx::query(
            "INSERT INTO inbox (id, type, created_at, livemode, object_id, customer_id, received_at, outcome, trace) \
             VALUES ($1, $2, 1, 0, 'x_1', 'cus_other', $3, 'not for us', $1)",
        )
        .bind(format!("evt_old_{at:03}"))
        .bind(if at % 2 == 0 { "old.even" } else { "old.odd" })
        .bind(1_000 + at / 2)
        .execute(&mut *tx)
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    let desk = desk(world);
    let mut asked = InboxAsked::default();
    let mut ids = Vec::new();
    loop {
        let page = desk.inbox(&asked).await.unwrap();
        assert!(page.lines.len() <= 50);
        ids.extend(page.lines.iter().map(|line| line.id.clone()));
        if !page.more {
            break;
        }
        asked.before = page.lines.last().map(app::admin::InboxLine::key);
    }
    let all = world.count("SELECT COUNT(*) FROM inbox").await;
    assert_eq!(i64::try_from(ids.len()).unwrap(), all, "every event once");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    let old: Vec<&String> = ids.iter().filter(|id| id.starts_with("evt_old")).collect();
    assert!(old.is_sorted_by(|a, b| a > b), "newest first");

    let of = async |asked: InboxAsked| desk.inbox(&asked).await.unwrap().lines;
    let odd = of(InboxAsked {
        kind: Some("old.odd".into()),
        ..InboxAsked::default()
    })
    .await;
    assert_eq!(odd.len(), 50);
    assert!(odd.iter().all(|line| line.kind == "old.odd"));
    let hers = of(InboxAsked {
        customer: Some(customer.clone()),
        outcome: Some("marked".into()),
        ..InboxAsked::default()
    })
    .await;
    assert!(!hers.is_empty());
    for line in &hers {
        assert_eq!(line.customer_id.as_ref(), Some(&customer));
        assert_eq!(line.person.as_ref().unwrap().0, ada.user_id);
    }
    let mut grace = world.sign_in(GRACE).await;
    let page = grace
        .page(&format!(
            "/admin/inbox?customer={customer}&type=invoice.paid"
        ))
        .await;
    assert!(page.contains("invoice.paid") && page.contains("Replay") && !page.contains("evt_old"));
    let page = grace.page("/admin/inbox?type=nonsense%3Cb%3E").await;
    assert!(page.contains("No event fits.") && !page.contains("<b>"));
}
on_both!(the_inbox_is_listed_by_pages_and_filtered);

/// The plan of a statement on SQLite, a line each.
async fn plan(world: &World, sql: &str, asked: &InboxAsked, texts: &[String]) -> String {
    let mut query = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).bind(50_i64);
    for text in texts {
        query = query.bind(text);
    }
    if let Some((at, id)) = &asked.before {
        query = query.bind(*at).bind(id);
    }
    let rows = query.fetch_all(world.state.db.reader()).await.unwrap();
    let lines: Vec<String> = rows
        .iter()
        .map(|row| row.get::<String, _>("detail"))
        .collect();
    lines.join("\n")
}

#[tokio::test]
async fn a_page_of_ten_thousand_events_reads_an_index_in_its_order() {
    let world = World::start(Kind::Sqlite).await;
    let mut tx = world.state.db.begin().await.unwrap();
    for at in 0..10_000_i64 {
        sqlx::query(
            "INSERT INTO inbox (id, type, created_at, livemode, object_id, customer_id, received_at, outcome, trace) \
             VALUES ($1, $2, $3, 0, $1, $4, $3, $5, $1)",
        )
        .bind(format!("evt_{at:05}"))
        .bind(format!("type.{}", at % 7))
        .bind(1_000_000 + at)
        .bind(format!("cus_{}", at % 900))
        .bind(if at % 50 == 0 { "wrong mode" } else { "marked" })
        .execute(&mut *tx)
        .await
        .unwrap();
    }
    sqlx::query("ANALYZE").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let text = |text: &str| Some(text.to_owned());
    for (kind, customer, outcome, index) in [
        (None, None, None, "inbox_newest"),
        (text("type.3"), None, None, "inbox_type"),
        (None, text("cus_7"), None, "inbox_customer"),
        (None, None, text("wrong mode"), "inbox_outcome"),
        (text("type.3"), text("cus_7"), text("marked"), "inbox_"),
    ] {
        for before in [None, Some((1_005_000, "evt_05000".to_owned()))] {
            let asked = InboxAsked {
                kind: kind.clone(),
                customer: customer.clone(),
                outcome: outcome.clone(),
                before,
            };
            let (sql, texts) = listing(&asked);
            let plan = plan(&world, &sql, &asked, &texts).await;
            assert!(
                plan.contains(&format!("USING INDEX {index}")),
                "{asked:?}\n{plan}"
            );
            // The fifty of the page may be put in order again; the ten thousand may not.
            let inner = plan
                .lines()
                .take_while(|line| !line.contains("SCAN page"))
                .collect::<Vec<_>>();
            assert!(
                inner.iter().all(|line| !line.contains("TEMP B-TREE")),
                "{asked:?}\n{plan}"
            );
        }
    }
    world.finish().await;
}

async fn a_replayed_event_is_handled_again(world: &World) {
    let mut ada = world.sign_in(ADA).await;
    ada.subscribe("Member").await;
    let mut grace = world.sign_in(GRACE).await;
    let event: String =
        sqlx::query_scalar("SELECT id FROM inbox WHERE type = 'invoice.paid' LIMIT 1")
            .fetch_one(world.state.db.reader())
            .await
            .unwrap();
    // Something Stripe knows and no event told.
    let subscription: String = sqlx::query_scalar("SELECT id FROM subscriptions")
        .fetch_one(world.state.db.reader())
        .await
        .unwrap();
    world.sandbox.with(|w| {
        let now = w.clock.now_ms();
        w.stripe.cancel_now(now, &subscription).unwrap();
    });
    world.work().await;
    assert_eq!(ada.membership().await.unwrap().1, "granted");
    let to = press(&mut grace, "desk_replay", &[("event_id", &event)]).await;
    assert_eq!(to, "/admin/work?done=replayed");
    world.work().await;
    assert_eq!(ada.membership().await.unwrap().1, "denied");
    assert_eq!(acts(world).await, [("replay".into(), event.clone())].into());
    world.settle().await;
    // It is a part of her story.
    let found = desk(world).people(ADA).await.unwrap();
    assert_eq!(found[0].user_id, ada.user_id);
    assert!(
        found[0]
            .lines
            .iter()
            .any(|line| line.event == "replay" && line.subject == event)
    );

    let mut tx = world.state.db.begin().await.unwrap();
    sqlx::query("UPDATE inbox SET outcome = 'wrong mode', livemode = 1 WHERE id = $1")
        .bind(&event)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let to = press(&mut grace, "desk_replay", &[("event_id", &event)]).await;
    assert_eq!(to, "/admin/work?problem=wrong-mode");
}
on_both!(a_replayed_event_is_handled_again);
