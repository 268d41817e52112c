//! Events that arrive while a transaction is under way share the next one: one commit, and one flush
//! to disk, for all of them. An event that finds nobody writing waits for nobody.

use super::envelope::Envelope;
use super::intake::{Outcome, store};
use crate::db::DbError;
use crate::state::AppState;
use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;

/// Events of one transaction: PostgreSQL does best with some dozens.
const AT_ONCE: usize = 64;

struct Waiting {
    envelope: Envelope,
    told: oneshot::Sender<Result<Outcome, DbError>>,
}

/// The events that wait for their transaction.
#[derive(Default)]
pub struct Batches {
    waiting: Mutex<Vec<Waiting>>,
    /// Whoever holds it writes for all who wait.
    turn: tokio::sync::Mutex<()>,
}

/// Stores a verified event; it is durable when this answers.
pub async fn receive(state: &AppState, envelope: &Envelope) -> Result<Outcome, DbError> {
    let (told, hear) = oneshot::channel();
    state.intake.waiting().push(Waiting {
        envelope: envelope.clone(),
        told,
    });
    // Not this request's own future: a sender that hangs up must not take the others with it.
    let writer = state.clone();
    tokio::spawn(async move {
        let _turn = writer.intake.turn.lock().await;
        let batch = writer.intake.take();
        write(&writer, batch).await;
    });
    hear.await
        .unwrap_or_else(|_| Err(DbError::Together("it was dropped".to_owned())))
}

impl Batches {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many wait for somebody else's transaction to end.
    #[must_use]
    pub fn waits(&self) -> usize {
        self.waiting().len()
    }

    /// The oldest of those who wait; none when an earlier turn wrote them all.
    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting();
        let some = waiting.len().min(AT_ONCE);
        waiting.drain(..some).collect()
    }
}

async fn write(state: &AppState, mut batch: Vec<Waiting>) {
    // Two processes lock the rows they mark in one order.
    batch.sort_by(|a, b| {
        let key = |one: &Waiting| (one.envelope.customer_id.clone(), one.envelope.id.clone());
        key(a).cmp(&key(b))
    });
    let together: Vec<&Envelope> = batch.iter().map(|one| &one.envelope).collect();
    match commit(state, &together).await {
        Ok(outcomes) => {
            let marked = outcomes.contains(&Outcome::Marked);
            for (one, outcome) in batch.into_iter().zip(outcomes) {
                one.told.send(Ok(outcome)).ok();
            }
            if marked {
                state.work.notify_one();
            }
        }
        // One event of many must not keep the others out; a database that is away keeps out all.
        Err(DbError::Sqlx(error)) if batch.len() > 1 && error.as_database_error().is_some() => {
            for one in batch {
                let outcome = commit(state, &[&one.envelope]).await;
                one.told.send(outcome.map(|found| found[0])).ok();
            }
            state.work.notify_one();
        }
        Err(error) => {
            let text = error.to_string();
            for one in batch {
                one.told.send(Err(DbError::Together(text.clone()))).ok();
            }
        }
    }
}

/// What became of each, in their order.
async fn commit(state: &AppState, events: &[&Envelope]) -> Result<Vec<Outcome>, DbError> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = state.db.begin().await?;
    let mut outcomes = Vec::with_capacity(events.len());
    for event in events {
        outcomes.push(store(&mut tx, state, event).await?);
    }
    tx.commit().await?;
    Ok(outcomes)
}
