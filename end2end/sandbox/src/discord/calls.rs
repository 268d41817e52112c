//! What was asked of the pretend Discord, and what it said.

use std::collections::VecDeque;

use serde::Serialize;

const KEPT: usize = 10_000;

/// One request and its outcome.
#[derive(Clone, Debug, Serialize)]
pub struct CallRecord {
    /// The movable clock, UTC epoch milliseconds.
    pub at_ms: i64,
    pub wall_ms: i64,
    pub method: String,
    /// With `{id}` for ids and tokens, e.g. `/guilds/{guild}/members/{id}/roles/{id}`.
    pub route: String,
    /// As asked, tokens of interactions left out.
    pub path: String,
    /// The HTTP status; 0 when no answer was given.
    pub status: u16,
    /// Discord's own error number, where the answer had one.
    pub code: Option<u64>,
    /// `X-Audit-Log-Reason`, decoded.
    pub reason: Option<String>,
    /// Whether a fault asked for decided the answer.
    pub fault: bool,
}

/// The last ten thousand calls, oldest first.
#[derive(Debug, Default)]
pub struct Calls {
    kept: VecDeque<CallRecord>,
    total: u64,
}

impl Calls {
    pub(super) fn push(&mut self, call: CallRecord) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(call);
        self.total += 1;
    }

    /// Those kept, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &CallRecord> {
        self.kept.iter()
    }

    /// How many were ever made.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many of those kept have this method and route.
    #[must_use]
    pub fn count(&self, method: &str, route: &str) -> usize {
        self.kept
            .iter()
            .filter(|call| call.method == method && call.route == route)
            .count()
    }

    pub fn clear(&mut self) {
        self.kept.clear();
    }
}
