//! Works off what is dirty: claims, reads, writes; failures go where their class says.

use super::backoff::delay_ms;
use super::charge::sync_charge;
use super::customer::sync_customer;
use super::health::{self, Cause};
use super::payer::{SyncError, sync_payer};
use crate::account::{self, DeletionError};
use crate::db::DbError;
use crate::db::dirty::{self, AfterFailure, Class, Lease, SubjectKind, Whose};
use crate::discord;
use crate::incidents;
use crate::mail::{self, SendError};
use crate::plans::{PlansSyncError, sync_plans};
use crate::reconcile;
use crate::roles::{self, RolesError};
use crate::state::AppState;
use crate::stripe::{self, Priority, StripeError};
use crate::tell::{self, MessageError};
use crate::webhooks::{EventsError, sync_events};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use std::time::Duration;
use tracing::Instrument;

/// Subjects worked on at once whose truth is at Stripe, and as many whose truth is at Discord:
/// each waits for limits of its own. The budget of requests is the transport's.
const AT_ONCE: usize = 8;
/// Besides these, kept for what a person waits for: a wave of renewals is older than whoever pays
/// in the midst of it, and age would let it go first.
const FOR_PEOPLE: usize = 2;
/// How soon, and how late at most, the guild is asked again when it fails as a whole.
const GUILD_SOONEST_MS: i64 = 5_000;
const GUILD_LATEST_MS: i64 = 60_000;
/// How often timers are looked at when nothing is marked.
const TICK: Duration = Duration::from_millis(500);

/// Works until the task is dropped.
pub async fn run(state: AppState) {
    loop {
        let heard = state.work.notified();
        match drain(&state).await {
            Ok(_) => {}
            Err(error) => tracing::error!(error = %error, "the worker cannot read what is dirty"),
        }
        // Woken by a mark, or by the tick for what falls due.
        let _ = tokio::time::timeout(TICK, heard).await;
    }
}

/// Works off everything due now, including what that work marks, and what is marked or falls due
/// meanwhile. Answers how many subjects.
pub async fn drain(state: &AppState) -> Result<usize, DbError> {
    let mut done = 0;
    let mut running = FuturesUnordered::new();
    let mut lanes = Lanes::default();
    watch(state).await;
    loop {
        // This look is the answer to every mark before it.
        state.work.notified().now_or_never();
        for (lane, lease) in lanes.claim(state).await? {
            lanes.enter(lane);
            let state = state.clone();
            let work = tokio::spawn(async move { work_on(&state, lease).await });
            running.push(async move { (lane, work.await) });
        }
        // Who is worked on may wait in line for long; whoever is marked meanwhile does not.
        let ended = tokio::select! {
            ended = running.next() => ended,
            () = state.work.notified() => continue,
            () = tokio::time::sleep(TICK) => continue,
        };
        let Some((lane, worked)) = ended else {
            return Ok(done);
        };
        lanes.leave(lane);
        done += 1;
        match worked {
            Ok(()) => watch(state).await,
            // Its lease runs out by itself and the subject comes again.
            Err(panicked) => {
                tracing::error!(error = %panicked, "a worker task stopped");
            }
        }
    }
}

/// How many are worked on, by what they wait for.
#[derive(Default)]
struct Lanes([usize; 3]);

#[derive(Clone, Copy)]
enum Lane {
    Users,
    Others,
    People,
}

impl Lanes {
    fn enter(&mut self, lane: Lane) {
        self.0[lane as usize] += 1;
    }

    fn leave(&mut self, lane: Lane) {
        self.0[lane as usize] -= 1;
    }

    fn room(&self, lane: Lane, most: usize) -> i64 {
        i64::try_from(most.saturating_sub(self.0[lane as usize])).unwrap_or(0)
    }

    /// Claims as many as there is room for.
    async fn claim(&self, state: &AppState) -> Result<Vec<(Lane, Lease)>, DbError> {
        let (db, clock) = (&state.db, &*state.clock);
        let mut claimed = Vec::new();
        let people = self.room(Lane::People, FOR_PEOPLE);
        if people > 0 {
            let leases = dirty::claim_urgent(db, clock, people).await?;
            claimed.extend(leases.into_iter().map(|lease| (Lane::People, lease)));
        }
        for (lane, whose) in [(Lane::Users, Whose::Users), (Lane::Others, Whose::Others)] {
            let room = self.room(lane, AT_ONCE);
            if room > 0 {
                let leases = dirty::claim_of(db, clock, whose, room).await?;
                claimed.extend(leases.into_iter().map(|lease| (lane, lease)));
            }
        }
        Ok(claimed)
    }
}

/// Tells the operator when Stripe goes down and when it is back.
async fn watch(state: &AppState) {
    if let Err(error) = health::watch(state).await {
        tracing::error!(error = %error, "what is known of Stripe's health could not be written");
    }
}

/// What became of a failed subject.
struct Failed {
    after: AfterFailure,
    error: String,
    /// What others fail of too.
    cause: Option<Cause>,
}

/// Works on one claimed subject, to whatever end, and gives its lease back.
pub async fn work_on(state: &AppState, lease: Lease) {
    let span = tracing::info_span!("sync", kind = lease.kind.as_str(), subject = %lease.id, trace = %lease.trace);
    let priority = Priority::from(lease.class);
    let work = async {
        let outcome = match lease.kind {
            SubjectKind::Payer => sync_payer(state, &lease)
                .await
                .map_err(|e| of_sync(state, &lease, e)),
            SubjectKind::Customer => sync_customer(state, &lease)
                .await
                .map_err(|e| of_sync(state, &lease, e)),
            SubjectKind::Charge => sync_charge(state, &lease)
                .await
                .map_err(|e| of_sync(state, &lease, e)),
            SubjectKind::Plans => sync_plans(state, &lease).await.map_err(|e| match e {
                PlansSyncError::Stripe(e) => of_stripe(state, &lease, &e),
                PlansSyncError::Db(e) => of_db(state, &lease, &e),
            }),
            SubjectKind::User => roles::sync_user(state, &lease)
                .await
                .map_err(|e| of_roles(state, &lease, e)),
            SubjectKind::Guild => roles::sync_guild(state, &lease)
                .await
                .map_err(|e| of_roles(state, &lease, e)),
            SubjectKind::Sweep => reconcile::sync_sweep(state, &lease)
                .await
                .map_err(|e| of_roles(state, &lease, e)),
            SubjectKind::Events => sync_events(state, &lease).await.map_err(|e| match e {
                EventsError::Stripe(e) => of_events(state, &lease, &e),
                EventsError::Db(e) => of_db(state, &lease, &e),
            }),
            SubjectKind::Mail => mail::sync_mail(state, &lease).await.map_err(|e| match e {
                SendError::Smtp(e) => again(state, &lease, None, &e.to_string()),
                SendError::Db(e) => of_db(state, &lease, &e),
            }),
            SubjectKind::Message => tell::sync_message(state, &lease)
                .await
                .map_err(|e| of_message(state, &lease, &e)),
            SubjectKind::Relabel => account::sync_relabel(state, &lease)
                .await
                .map_err(|e| of_sync(state, &lease, e)),
            SubjectKind::Holders => mail::sync_holders(state, &lease)
                .await
                .map_err(|e| of_db(state, &lease, &e)),
            SubjectKind::Deletion => {
                account::sync_deletion(state, &lease)
                    .await
                    .map_err(|e| match e {
                        DeletionError::Stripe(e) => of_stripe(state, &lease, &e),
                        DeletionError::Db(e) => of_db(state, &lease, &e),
                        DeletionError::Seal(e) => parked(&e.to_string()),
                    })
            }
            // Never due: whoever holds the connection has the lease.
            SubjectKind::Gateway => dirty::release(&state.db, &lease)
                .await
                .map_err(|e| of_db(state, &lease, &e)),
        };
        state.metrics.synced(lease.kind, outcome.is_ok());
        match outcome {
            Err(failed) => give_back(state, &lease, failed).await,
            Ok(()) => {
                if let Err(error) = health::succeeded(state, &lease).await {
                    tracing::error!(error = %error, "what failed alike could not be brought back");
                }
            }
        }
        state.released.notify_waiters();
    };
    priority.during(work).instrument(span).await;
}

async fn give_back(state: &AppState, lease: &Lease, failed: Failed) {
    match failed.after {
        AfterFailure::RetryAt(at) => {
            tracing::warn!(error = %failed.error, retry_at = at, attempts = lease.attempts + 1, "sync failed; it comes again");
        }
        AfterFailure::Park => {
            tracing::error!(error = %failed.error, "sync needs a person; parked");
        }
    }
    if let Err(error) = report(state, lease, &failed).await {
        tracing::error!(error = %error, "the incident could not be written");
    }
    let cause = failed.cause.as_ref().map(Cause::word);
    let cause = cause.as_deref();
    match dirty::fail(&state.db, lease, failed.after, &failed.error, cause).await {
        Ok(()) | Err(DbError::Fenced) => {}
        Err(error) => {
            tracing::error!(error = %error, "a lease could not be given back; it runs out by itself");
        }
    }
}

/// Opens the incident: one for what many fail of alike, one of its own for a subject that parks.
async fn report(state: &AppState, lease: &Lease, failed: &Failed) -> Result<(), DbError> {
    let told = failed.cause.as_ref().and_then(Cause::detail);
    let (kind, subject, detail) = match (&failed.cause, &told) {
        (Some(cause), Some(detail)) => (cause.kind, cause.subject.clone(), detail.as_str()),
        _ if failed.after == AfterFailure::Park => {
            (incidents::PARKED, lease.to_string(), failed.error.as_str())
        }
        _ => return Ok(()),
    };
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    incidents::open(&mut tx, kind, &subject, detail, now).await?;
    if failed.cause.as_ref().is_some_and(Cause::is_discords) && lease.kind != SubjectKind::Guild {
        let guild = roles::GUILD_SUBJECT;
        let at = now + GUILD_SOONEST_MS;
        dirty::mark(
            &mut tx,
            SubjectKind::Guild,
            guild,
            at,
            Class::Event,
            &lease.trace,
        )
        .await?;
    }
    tx.commit().await?;
    Ok(())
}

fn again(state: &AppState, lease: &Lease, asked_ms: Option<i64>, error: &str) -> Failed {
    Failed {
        after: AfterFailure::RetryAt(
            state.clock.policy_ms() + delay_ms(lease.attempts, asked_ms, &state.rng),
        ),
        error: error.to_owned(),
        cause: None,
    }
}

fn parked(error: &str) -> Failed {
    Failed {
        after: AfterFailure::Park,
        error: error.to_owned(),
        cause: None,
    }
}

fn of_db(state: &AppState, lease: &Lease, error: &DbError) -> Failed {
    if error.is_transient() {
        again(state, lease, None, &error.to_string())
    } else {
        parked(&error.to_string())
    }
}

fn of_stripe(state: &AppState, lease: &Lease, error: &StripeError) -> Failed {
    let failed = match error.class() {
        stripe::FailureClass::Retry => again(state, lease, None, &error.to_string()),
        stripe::FailureClass::Absent | stripe::FailureClass::NeedsPerson => {
            parked(&error.to_string())
        }
    };
    Failed {
        cause: Cause::of(error),
        ..failed
    }
}

/// The cursor never parks for a key or a right: its next poll is how their mending is noticed. Nor
/// when Stripe forgot the event its list goes on from.
fn of_events(state: &AppState, lease: &Lease, error: &StripeError) -> Failed {
    match error {
        StripeError::KeyRefused | StripeError::KeyLacksRight { .. } | StripeError::Missing => {
            Failed {
                cause: Cause::of(error),
                ..again(state, lease, Some(60_000), &error.to_string())
            }
        }
        _ => of_stripe(state, lease, error),
    }
}

fn of_sync(state: &AppState, lease: &Lease, error: SyncError) -> Failed {
    match error {
        SyncError::Stripe(error) => of_stripe(state, lease, &error),
        SyncError::Unread { error, again_at } => {
            let failed = of_stripe(state, lease, &error);
            match (failed.after, &failed.cause) {
                // A key or a right that is missing must not keep for good what time has ended.
                (AfterFailure::Park, Some(_)) => Failed {
                    after: AfterFailure::RetryAt(again_at),
                    ..failed
                },
                _ => failed,
            }
        }
        SyncError::Db(error) => of_db(state, lease, &error),
        SyncError::Seal(error) => parked(&error.to_string()),
    }
}

fn of_roles(state: &AppState, lease: &Lease, error: RolesError) -> Failed {
    match error {
        RolesError::Discord(error) => {
            let told = error.to_string();
            let after = match error.class() {
                // It said exactly when; how often it did says nothing of the next time.
                discord::FailureClass::Retry { after_ms } if !error.is_trouble() => {
                    let wait = after_ms.unwrap_or(0) + state.rng.below(250);
                    AfterFailure::RetryAt(state.clock.policy_ms() + wait)
                }
                discord::FailureClass::Retry { after_ms } => {
                    again(state, lease, after_ms, &told).after
                }
                // The whole guild fails: no member's outcome is recorded from it. The guild itself
                // is asked again soon, and brings the others back.
                discord::FailureClass::StopAll if lease.kind == SubjectKind::Guild => {
                    let wait = delay_ms(lease.attempts, Some(GUILD_SOONEST_MS), &state.rng);
                    AfterFailure::RetryAt(state.clock.policy_ms() + wait.min(GUILD_LATEST_MS))
                }
                discord::FailureClass::StopAll => {
                    again(state, lease, Some(GUILD_LATEST_MS), &told).after
                }
                discord::FailureClass::Absent | discord::FailureClass::NeedsPerson => {
                    AfterFailure::Park
                }
            };
            Failed {
                after,
                error: told,
                cause: Cause::of_discord(&error),
            }
        }
        RolesError::Db(error) => of_db(state, lease, &error),
    }
}

/// A message waits for whatever stands in its way, and opens nothing of its own: it is about what is
/// open already.
fn of_message(state: &AppState, lease: &Lease, error: &MessageError) -> Failed {
    match error {
        MessageError::Discord(error) => {
            let asked_ms = match error.class() {
                discord::FailureClass::Retry { after_ms } => after_ms,
                _ => Some(GUILD_LATEST_MS),
            };
            again(state, lease, asked_ms, &error.to_string())
        }
        MessageError::Db(error) => of_db(state, lease, error),
    }
}
