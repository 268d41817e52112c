//! How many requests a second Stripe is asked, all nodes together. A bucket is one number: the
//! moment up to which requests are spoken for. A request is let through when that moment is not
//! further ahead than its priority may borrow, and moves it on by its share of a second. People
//! may borrow most and a sweep next to nothing, so nobody who waits is queued behind a sweep.
//!
//! On SQLite, where there is one process, the numbers are in memory; on PostgreSQL they are rows
//! (`stripe_budget`), moved by one `UPDATE` on the database's clock.

use super::StripeError;
use super::priority::Priority;
use crate::clock::Clock;
use crate::db::{Db, DbError, Kind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

const SECOND_US: i64 = 1_000_000;

/// Requests a second. Stripe allows 100 in live mode and 25 in test mode, and 25 to any one
/// resource in either; background work asks mostly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub all: u32,
    pub background: u32,
}

impl Rate {
    #[must_use]
    pub fn of_mode(live: bool) -> Self {
        if live {
            Self {
                all: 80,
                background: 20,
            }
        } else {
            Self {
                all: 20,
                background: 16,
            }
        }
    }

    /// What the operator has agreed with Stripe; a fifth of it stays for people.
    #[must_use]
    pub fn agreed(all: u32) -> Self {
        Self {
            all,
            background: (all / 5 * 4).max(1),
        }
    }
}

/// One of the two numbers.
#[derive(Clone, Copy)]
enum Bucket {
    All,
    Background,
}

impl Bucket {
    fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Background => "background",
        }
    }

    fn per_second(self, rate: Rate) -> i64 {
        i64::from(match self {
            Self::All => rate.all,
            Self::Background => rate.background,
        })
        .max(1)
    }

    /// How far ahead of now a request may find the bucket, in µs.
    fn room_us(self, priority: Priority) -> i64 {
        match (self, priority) {
            (Self::All, Priority::Person) | (Self::Background, Priority::Event) => SECOND_US / 2,
            (Self::All, _) => SECOND_US / 4,
            (Self::Background, _) => SECOND_US / 20,
        }
    }
}

pub struct Budget {
    rate: Rate,
    clock: Arc<dyn Clock>,
    began: Instant,
    /// By bucket, µs since `began`.
    local: Mutex<[i64; 2]>,
    shared: Option<Db>,
}

impl Budget {
    #[must_use]
    pub fn new(rate: Rate, clock: Arc<dyn Clock>, db: Option<Db>) -> Self {
        Self {
            rate,
            began: clock.instant(),
            clock,
            local: Mutex::default(),
            shared: db.filter(|db| db.kind() == Kind::Postgres),
        }
    }

    /// Waits for a request's turn, until `deadline` at most.
    pub async fn take(&self, priority: Priority, deadline: Instant) -> Result<(), StripeError> {
        if priority != Priority::Person {
            self.from(Bucket::Background, priority, deadline).await?;
        }
        self.from(Bucket::All, priority, deadline).await
    }

    /// Stripe asked us to slow down: nobody goes for a second.
    pub async fn slow_down(&self) {
        if let Some(db) = &self.shared
            && let Err(error) = push(db, Bucket::All, SECOND_US).await
        {
            tracing::warn!(error = %error, "the shared budget could not be told to slow down");
        }
        let now = self.now_us();
        let mut local = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        local[0] = local[0].max(now) + SECOND_US;
    }

    async fn from(
        &self,
        bucket: Bucket,
        priority: Priority,
        deadline: Instant,
    ) -> Result<(), StripeError> {
        let cost = SECOND_US / bucket.per_second(self.rate);
        let room = bucket.room_us(priority);
        loop {
            let wait_us = match &self.shared {
                None => self.local(bucket, cost, room),
                Some(db) => match shared(db, bucket, cost, room).await {
                    Ok(wait_us) => wait_us,
                    Err(error) => {
                        // Better each node for itself than nobody.
                        tracing::warn!(error = %error, "the shared budget does not answer");
                        self.local(bucket, cost, room)
                    }
                },
            };
            let Some(wait_us) = wait_us else {
                return Ok(());
            };
            let wait = Duration::from_micros(wait_us.clamp(cost, SECOND_US).unsigned_abs());
            if self.clock.instant() + wait >= deadline {
                return Err(StripeError::RateLimited);
            }
            self.clock.sleep(wait).await;
        }
    }

    fn now_us(&self) -> i64 {
        i64::try_from((self.clock.instant() - self.began).as_micros()).unwrap_or(i64::MAX)
    }

    /// `None`: taken; otherwise how long to wait, µs.
    fn local(&self, bucket: Bucket, cost: i64, room: i64) -> Option<i64> {
        let now = self.now_us();
        let mut local = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = &mut local[bucket as usize];
        let ahead = *spent - now;
        if ahead > room {
            return Some(ahead - room);
        }
        *spent = (*spent).max(now) + cost;
        None
    }
}

const NOW: &str = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";

async fn shared(db: &Db, bucket: Bucket, cost: i64, room: i64) -> Result<Option<i64>, DbError> {
    let take = format!(
        "UPDATE stripe_budget SET spent_until = GREATEST(spent_until, {NOW}) + $1 \
         WHERE name = $2 AND spent_until <= {NOW} + $3"
    );
    let mut tx = db.begin().await?;
    let taken = sqlx::query(sqlx::AssertSqlSafe(take))
        .bind(cost)
        .bind(bucket.name())
        .bind(room)
        .execute(&mut *tx)
        .await?;
    if taken.rows_affected() == 1 {
        tx.commit().await?;
        return Ok(None);
    }
    let ahead = format!("SELECT spent_until - {NOW} FROM stripe_budget WHERE name = $1");
    let ahead: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(ahead))
        .bind(bucket.name())
        .fetch_one(&mut *tx)
        .await?;
    Ok(Some(ahead - room))
}

async fn push(db: &Db, bucket: Bucket, by: i64) -> Result<(), DbError> {
    let push = format!(
        "UPDATE stripe_budget SET spent_until = GREATEST(spent_until, {NOW}) + $1 WHERE name = $2"
    );
    let mut tx = db.begin().await?;
    sqlx::query(sqlx::AssertSqlSafe(push))
        .bind(by)
        .bind(bucket.name())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use futures::future::BoxFuture;
    use std::sync::atomic::{AtomicU64, Ordering};

    const RATE: Rate = Rate {
        all: 20,
        background: 16,
    };

    /// Waiting moves it, and nothing else does.
    struct Moved {
        began: Instant,
        us: AtomicU64,
    }

    impl Moved {
        fn wait(&self, time: Duration) {
            let us = u64::try_from(time.as_micros()).unwrap();
            self.us.fetch_add(us, Ordering::Relaxed);
        }
    }

    impl Clock for Moved {
        fn wall_ms(&self) -> i64 {
            0
        }

        fn policy_ms(&self) -> i64 {
            0
        }

        fn instant(&self) -> Instant {
            self.began + Duration::from_micros(self.us.load(Ordering::Relaxed))
        }

        fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
            self.wait(time);
            std::future::ready(()).boxed()
        }
    }

    fn budget() -> (Budget, Arc<Moved>) {
        let clock = Arc::new(Moved {
            began: Instant::now(),
            us: AtomicU64::new(0),
        });
        (Budget::new(RATE, clock.clone(), None), clock)
    }

    /// Seconds that so many requests, one after the other, take.
    async fn seconds(budget: &Budget, priority: Priority, count: u32) -> f64 {
        let from = budget.clock.instant();
        for _ in 0..count {
            let patience = budget.clock.instant() + Duration::from_mins(1);
            budget.take(priority, patience).await.unwrap();
        }
        (budget.clock.instant() - from).as_secs_f64()
    }

    #[tokio::test]
    async fn no_more_than_the_rate_and_a_short_burst() {
        for (priority, rate, burst) in [
            (Priority::Person, 20.0, 0.5),
            (Priority::Event, 16.0, 0.5),
            (Priority::Bulk, 16.0, 0.05),
        ] {
            let took = seconds(&budget().0, priority, 200).await;
            let least = 200.0 / rate - burst - 0.15;
            assert!(
                (least..=200.0 / rate + 0.2).contains(&took),
                "{priority:?} {took}"
            );
        }
    }

    /// A request of background work: which bucket it waits for.
    fn step(budget: &Budget, priority: Priority, at: &mut Bucket) -> bool {
        loop {
            let cost = SECOND_US / at.per_second(RATE);
            if budget.local(*at, cost, at.room_us(priority)).is_some() {
                return false;
            }
            match at {
                Bucket::Background => *at = Bucket::All,
                Bucket::All => {
                    *at = Bucket::Background;
                    return true;
                }
            }
        }
    }

    #[tokio::test]
    async fn a_person_does_not_wait_for_a_sweep_nor_an_event() {
        let (budget, clock) = budget();
        let (mut sweep, mut event) = (Bucket::Background, Bucket::Background);
        let (mut swept, mut events, mut people) = (0, 0, 0);
        for millisecond in 0..10_000 {
            // Events for five seconds, and a sweep all the while, whose turn comes first.
            swept += i32::from(step(&budget, Priority::Bulk, &mut sweep));
            if millisecond < 5_000 {
                events += i32::from(step(&budget, Priority::Event, &mut event));
            }
            if millisecond % 500 == 499 {
                people += i32::from(step(&budget, Priority::Person, &mut Bucket::All));
            }
            clock.wait(Duration::from_millis(1));
        }
        assert_eq!(people, 20, "each of them at once");
        assert!(events >= 75, "{events}");
        assert!((60..=90).contains(&swept), "{swept}");
        assert!(swept + events <= 170, "{swept} {events}");
    }

    #[tokio::test]
    async fn after_a_429_nobody_goes_for_a_moment_and_a_deadline_ends_the_wait() {
        let (budget, clock) = budget();
        budget.slow_down().await;
        assert!(seconds(&budget, Priority::Person, 1).await >= 0.5);
        budget.slow_down().await;
        let soon = clock.instant() + Duration::from_millis(100);
        assert_eq!(
            budget.take(Priority::Bulk, soon).await,
            Err(StripeError::RateLimited)
        );
    }
}
