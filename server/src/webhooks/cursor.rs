//! Missed events: our own cursor over Stripe's list of them. Each poll reads what was created
//! since an hour before the newest event of the last complete poll, every page, whatever was
//! delivered, and hands each event to the same intake as a webhook.
//!
//! The cursor is a moment of Stripe's own clock, the newest `created` seen, so that a difference
//! between the clocks cannot make a hole; it moves only after a whole poll.

use super::envelope::Envelope;
use super::intake::{Outcome, store};
use crate::db::DbError;
use crate::db::dirty::{self, Class, Lease, SubjectKind};
use crate::db::rearm;
use crate::incidents;
use crate::state::AppState;
use crate::stripe::StripeError;
use crate::stripe::events::{Asked, SUBSCRIBED, TYPES_AT_ONCE};
use crate::sync::{health, unheard};
use sqlx::AssertSqlSafe;
use std::collections::HashSet;

/// The one subject of its kind.
pub const SUBJECT: &str = "all";
/// Events can appear in the list later than their `created` says.
const OVERLAP_S: i64 = 60 * 60;
/// Stripe keeps events that long.
const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// A poll follows the last after this, and a fifth of it by chance.
const EVERY_MS: i64 = 5 * 60 * 1000;
/// But each page read makes the next poll wait that long, so that polling stays a small part of
/// what Stripe is asked, the overlap of a wave of renewals included.
const PER_PAGE_MS: i64 = 30 * 1000;
/// Events a page, and at most so many rows a transaction.
const PAGE: i64 = 100;
/// The incident of a gap that events cannot fill.
const GAP: &str = "missed_events";

#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    #[error(transparent)]
    Stripe(#[from] StripeError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for EventsError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// After an outage: does not wait for its turn. Where it was never started, it stays so.
pub async fn poll_soon(state: &AppState) -> Result<(), DbError> {
    let begun: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM event_cursor")
        .fetch_one(state.db.reader())
        .await?;
    if begun > 0 {
        start(state).await
    } else {
        Ok(())
    }
}

/// Marks the cursor, at the start of a server.
pub async fn start(state: &AppState) -> Result<(), DbError> {
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    dirty::mark(
        &mut tx,
        SubjectKind::Events,
        SUBJECT,
        now,
        Class::Event,
        "start",
    )
    .await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}

/// One poll, from its beginning to its end.
struct Poll<'a> {
    state: &'a AppState,
    lease: &'a Lease,
    /// Policy clock.
    began: i64,
    /// Created then or later, in Stripe's seconds.
    from: Option<i64>,
    newest: Option<i64>,
    pages: i64,
    /// Events no webhook had brought.
    found: u64,
}

/// Reads the events since the last complete poll. A failure leaves the cursor where it was; what
/// was stored until then is not stored again.
pub async fn sync_events(state: &AppState, lease: &Lease) -> Result<(), EventsError> {
    let began = state.clock.policy_ms();
    let cursor: Option<(Option<i64>, i64)> =
        sqlx::query_as("SELECT seen_until, polled_at FROM event_cursor WHERE name = $1")
            .bind(SUBJECT)
            .fetch_optional(state.db.reader())
            .await?;
    let mut poll = Poll {
        state,
        lease,
        began,
        from: None,
        newest: None,
        pages: 0,
        found: 0,
    };
    match cursor {
        // What happened before the first start is read with the payers themselves.
        None => poll.newest = poll.newest_at_stripe().await?,
        Some((seen_until, polled_at)) => {
            poll.newest = seen_until;
            poll.from = seen_until.map(|seen| seen - OVERLAP_S);
            for types in SUBSCRIBED.chunks(TYPES_AT_ONCE) {
                poll.every_page(types).await?;
            }
            if began - polled_at > KEPT_MS - OVERLAP_S * 1000 {
                poll.read_everybody(polled_at).await?;
            }
        }
    }
    poll.finish().await?;
    health::stripe_answers(state).await?;
    Ok(())
}

impl Poll<'_> {
    async fn newest_at_stripe(&self) -> Result<Option<i64>, StripeError> {
        let newest = self
            .state
            .stripe
            .events(Asked {
                types: &[],
                from: None,
                after: None,
                limit: 1,
            })
            .await?;
        Ok(newest
            .data
            .first()
            .and_then(|event| event.get("created")?.as_i64()))
    }

    async fn every_page(&mut self, types: &[&str]) -> Result<(), EventsError> {
        let mut after: Option<String> = None;
        loop {
            let page = self
                .state
                .stripe
                .events(Asked {
                    types,
                    from: self.from,
                    after: after.as_deref(),
                    limit: PAGE,
                })
                .await?;
            self.pages += 1;
            let last = page.data.last().and_then(|event| event.get("id")?.as_str());
            let last = last.map(str::to_owned);
            let mut events: Vec<Envelope> = page.data.into_iter().filter_map(readable).collect();
            // Whoever stores several locks the rows they mark in one order.
            events.sort_by(|a, b| (&a.customer_id, &a.id).cmp(&(&b.customer_id, &b.id)));
            self.keep(&events).await?;
            match last {
                Some(last) if page.has_more => after = Some(last),
                _ => return Ok(()),
            }
        }
    }

    /// Stores what is new in one transaction, which also renews the lease.
    async fn keep(&mut self, events: &[Envelope]) -> Result<(), DbError> {
        let state = self.state;
        let known = self.known(events).await?;
        let mut tx = state.db.begin().await?;
        dirty::check_fence(&state.db, &mut tx, self.lease, state.clock.wall_ms()).await?;
        let mut marked = false;
        for event in events {
            self.newest = self.newest.max(Some(event.created));
            if known.contains(&event.id) {
                continue;
            }
            let outcome = store(&mut tx, state, event).await?;
            if outcome != Outcome::AlreadyStored {
                self.found += 1;
                state.metrics.webhook("found by the cursor");
                tracing::info!(trace = %event.id, r#type = %event.r#type, outcome = outcome.as_str(), "an event was found by the cursor");
            }
            marked |= outcome == Outcome::Marked;
        }
        tx.commit().await?;
        if marked {
            state.work.notify_one();
        }
        Ok(())
    }

    /// Most events came by webhook: one look tells them from the others.
    async fn known(&self, events: &[Envelope]) -> Result<HashSet<String>, DbError> {
        if events.is_empty() {
            return Ok(HashSet::new());
        }
        let places: Vec<String> = (1..=events.len()).map(|n| format!("${n}")).collect();
        let sql = format!("SELECT id FROM inbox WHERE id IN ({})", places.join(", "));
        let mut query = sqlx::query_scalar(AssertSqlSafe(sql));
        for event in events {
            query = query.bind(&event.id);
        }
        let known: Vec<String> = query.fetch_all(self.state.db.reader()).await?;
        Ok(known.into_iter().collect())
    }

    /// Longer than Stripe keeps events nothing was read: what happened meanwhile no event tells.
    async fn read_everybody(&self, polled_at: i64) -> Result<(), DbError> {
        let db = &self.state.db;
        // Refunds and disputes are seen by listing charges; the payers' syncs do that.
        unheard::hint_every(db).await?;
        let mut marked = 0;
        for kind in [SubjectKind::Plans, SubjectKind::Payer] {
            marked += rearm::mark_every(db, kind.as_str(), self.began, &self.lease.trace).await?;
        }
        let days = (self.began - polled_at) / (24 * 60 * 60 * 1000);
        let detail = format!(
            "No events were read for {days} days, and Stripe keeps them for 30: every payer is read again, their charges included. \
             This closes by itself when all have been."
        );
        tracing::error!(
            days,
            marked,
            "events were missed for longer than Stripe keeps them; everybody is read again"
        );
        let mut tx = db.begin().await?;
        incidents::open(&mut tx, GAP, "Stripe", &detail, self.began).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn finish(self) -> Result<(), DbError> {
        let state = self.state;
        let now = state.clock.policy_ms();
        let wait = (EVERY_MS + state.rng.below(EVERY_MS / 5)).max(self.pages * PER_PAGE_MS);
        let mut tx = state.db.begin().await?;
        dirty::check_fence(&state.db, &mut tx, self.lease, state.clock.wall_ms()).await?;
        sqlx::query(
            "INSERT INTO event_cursor (name, seen_until, polled_at) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET seen_until = excluded.seen_until, polled_at = excluded.polled_at",
        )
        .bind(SUBJECT)
        .bind(self.newest)
        .bind(self.began)
        .execute(&mut *tx)
        .await?;
        let gap: Option<i64> = sqlx::query_scalar(
            "SELECT opened_at FROM incidents WHERE kind = $1 AND closed_at IS NULL",
        )
        .bind(GAP)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(opened_at) = gap
            && opened_at < self.began
            && rearm::still_due(&mut tx, SubjectKind::Payer.as_str(), opened_at).await? == 0
            && unheard::left(&mut tx).await? == 0
            && rearm::still_due(&mut tx, SubjectKind::Charge.as_str(), self.began).await? == 0
        {
            incidents::close(&mut tx, GAP, "Stripe", now).await?;
        }
        dirty::finish(&mut tx, self.lease, Some(now + wait), now).await?;
        tx.commit().await?;
        if self.found > 0 {
            tracing::warn!(found = self.found, pages = self.pages, trace = %self.lease.trace, "events were found that no webhook had brought");
        } else {
            tracing::debug!(pages = self.pages, "events polled");
        }
        Ok(())
    }
}

/// One that cannot be read must not stop the others for good; its subject is read by its timer.
fn readable(event: serde_json::Value) -> Option<Envelope> {
    match Envelope::from_value(event) {
        Ok(envelope) => Some(envelope),
        Err(error) => {
            tracing::error!(error = %error, "an event of Stripe's list cannot be read");
            None
        }
    }
}
