//! No statement about companies walks over a table: every one that a round of everything sends is
//! explained.

use crate::support::{Kind, World};
use app::invites::{InvitesPort, NewGroupLink};
use app::seats::{SeatQuery, SeatState, SeatsPort};
use sqlx::{AssertSqlSafe, Row};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

/// The text of every statement, as the database's driver tells it.
#[derive(Clone, Default)]
struct Statements(Arc<Mutex<BTreeSet<String>>>);

#[derive(Default)]
struct Statement {
    summary: String,
    whole: String,
}

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.trim().clone_into(&mut self.whole),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != "sqlx::query" {
            return;
        }
        let mut statement = Statement::default();
        event.record(&mut statement);
        let text = if statement.whole.is_empty() {
            statement.summary
        } else {
            statement.whole
        };
        let kinds = ["SELECT", "INSERT", "UPDATE", "DELETE"];
        if kinds.iter().any(|kind| text.starts_with(kind)) {
            self.0.lock().unwrap().insert(text);
        }
    }
}

/// Everything that is done with seats, once.
async fn everything(world: &World) {
    let acme = world.acme(5).await;
    let owner = acme.owner.user_id.clone();
    let people = world.colleagues("p", 3).await;
    for person in &people {
        acme.seat(person).await;
    }
    let (seats, invites) = (acme.seats(), acme.invites());
    let list = "ada@acme.test";
    invites
        .invite(&owner, &acme.id, &acme.plan, list)
        .await
        .unwrap();
    for state in [None, Some(SeatState::Claimed), Some(SeatState::Revoked)] {
        for search in ["", "p1"] {
            let query = SeatQuery {
                state,
                search: search.to_owned(),
                ..acme.everything()
            };
            let page = seats.seats(&owner, &acme.id, &query).await.unwrap();
            if let Some(seat) = page.seats.iter().find(|seat| seat.email.is_some()) {
                invites.resend(&owner, &acme.id, &seat.id).await.unwrap();
                invites.link(&owner, &acme.id, &seat.id).await.unwrap();
            }
        }
    }
    let new = NewGroupLink {
        plan_id: acme.plan.clone(),
        most: 2,
        domain: None,
    };
    let fresh = invites.group_link(&owner, &acme.id, &new).await.unwrap();
    let group = acme.token_of(&fresh).await;
    invites
        .look(&group, Some(&people[0].user_id))
        .await
        .unwrap();
    seats.take(&owner, &acme.id, &acme.plan).await.unwrap();
    world.settle().await;
    let seat = acme.free(&people[0]).await;
    seats.undo(&owner, &acme.id, &seat).await.unwrap();
    acme.dashboard(2).await;
    seats.fallback(&owner, &acme.id, &acme.plan).await.unwrap();
    seats
        .suspend(&owner, &acme.id, &acme.plan, &[seat])
        .await
        .unwrap();
    world.advance(Duration::from_hours(80));
    world.settle().await;
    acme.dashboard(4).await;
    for link in invites.group_links(&owner, &acme.id).await.unwrap() {
        invites
            .end_group_link(&owner, &acme.id, &link.id)
            .await
            .unwrap();
    }
    world.advance(Duration::from_hours(24 * 9));
    world.settle().await;
}

#[tokio::test]
async fn every_statement_reads_an_index() {
    // SQLite's driver tells of its statements on a thread of its own; the text is the same.
    let statements = Statements::default();
    let told = {
        let world = World::start(Kind::Postgres).await;
        // With one subscriber alone, what is told on other threads decides whether it hears.
        let _spare = tracing::Dispatch::new(tracing_subscriber::registry());
        let subscriber = tracing_subscriber::registry().with(statements.clone());
        let guard = tracing::subscriber::set_default(subscriber);
        everything(&world).await;
        drop(guard);
        world.finish().await;
        statements.0.lock().unwrap().clone()
    };
    let own = ["seats", "seat_pools", "invites", "compan"];
    let told: Vec<&String> = told
        .iter()
        .filter(|sql| own.iter().any(|table| sql.contains(table)))
        .collect();
    assert!(told.len() > 40, "{} statements were heard", told.len());
    let world = World::start(Kind::Sqlite).await;
    let mut walks = Vec::new();
    for sql in told {
        let explained = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
            .fetch_all(world.state.db.reader())
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        for row in explained {
            let line: String = row.get("detail");
            let small = ["SCAN CONSTANT", "SCAN (", "SCAN who"];
            if line.starts_with("SCAN") && !small.iter().any(|known| line.starts_with(known)) {
                walks.push(format!("{line}\n    {sql}"));
            }
        }
    }
    assert!(walks.is_empty(), "{}", walks.join("\n"));
    world.finish().await;
}
