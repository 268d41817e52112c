//! Time, passed in. Everything else is forbidden to ask the machine (`clippy.toml`).

use futures::FutureExt;
use futures::future::BoxFuture;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// What time it is, twice, in UTC epoch milliseconds; and waiting.
pub trait Clock: Send + Sync + 'static {
    /// For signatures, sessions, leases on SQLite and time-outs.
    fn wall_ms(&self) -> i64;
    /// For access, timers and expiries.
    fn policy_ms(&self) -> i64;
    /// For deadlines: only ever moves on.
    fn instant(&self) -> Instant {
        Instant::now()
    }
    /// Waits that long by [`Self::instant`]. For pauses between tries of our own.
    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        tokio::time::sleep(time).boxed()
    }
}

/// The machine's clock. Its policy time is the same, unless it follows a sandbox.
#[derive(Debug, Default)]
pub struct SystemClock {
    policy_offset_ms: AtomicI64,
}

impl SystemClock {
    /// Sets the policy clock so that it reads `policy_ms` now.
    pub fn follow(&self, policy_ms: i64) {
        self.policy_offset_ms
            .store(policy_ms - self.wall_ms(), Ordering::Relaxed);
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    fn wall_ms(&self) -> i64 {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| {
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            })
    }

    fn policy_ms(&self) -> i64 {
        self.wall_ms() + self.policy_offset_ms.load(Ordering::Relaxed)
    }
}

/// Stands still until moved: tests.
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicI64,
    policy_ms: AtomicI64,
}

impl ManualClock {
    #[must_use]
    pub fn new(now_ms: i64) -> Self {
        Self {
            wall_ms: AtomicI64::new(now_ms),
            policy_ms: AtomicI64::new(now_ms),
        }
    }

    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.wall_ms.fetch_add(by, Ordering::Relaxed);
        self.policy_ms.fetch_add(by, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn wall_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::Relaxed)
    }

    fn policy_ms(&self) -> i64 {
        self.policy_ms.load(Ordering::Relaxed)
    }
}
