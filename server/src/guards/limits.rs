//! How often is too often, per address and per person, in memory.
//!
//! Each key keeps one number, the moment its allowance is full again (the generic cell rate
//! algorithm): a burst of the whole allowance, then one more whenever a share of the window has
//! passed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// What is limited, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// Sign-ins begun, by [`ClientAddr::limit_key`](super::ClientAddr::limit_key).
    LoginAddress,
    /// Ways back from Discord, by address.
    CallbackAddress,
    /// Checkouts and portal visits, by user id.
    CheckoutUser,
    /// The same, by address.
    CheckoutAddress,
    /// Previews of a change, and looks at Stripe on return from its portal, by user id.
    PreviewUser,
    /// Changes of a membership, by user id.
    ChangeUser,
    /// Promotion codes looked up for the landing page, all together.
    PromotionCode,
    /// Looks at why a checkout was left, by user id.
    LeftUser,
    /// Moves and deletions, by user id.
    AccountUser,
    /// Claims, by user id.
    ClaimUser,
    /// The same, by address.
    ClaimAddress,
    /// What is done with a company's people and seats, by user id.
    CompanyUser,
}

const WINDOW_MS: i64 = 60_000;
/// Keys per generation; there are two. An attacker with more addresses than this makes the
/// oldest keys forgotten, never the memory grow.
const GENERATION: usize = 10_000;
const LONGEST_KEY: usize = 64;

impl LimitKind {
    /// How many in a minute.
    fn allowance(self) -> i64 {
        match self {
            Self::LoginAddress | Self::PreviewUser => 20,
            Self::CheckoutUser | Self::ChangeUser => 6,
            Self::LeftUser | Self::AccountUser | Self::ClaimUser => 10,
            Self::ClaimAddress
            | Self::CallbackAddress
            | Self::CheckoutAddress
            | Self::PromotionCode => 30,
            Self::CompanyUser => 60,
        }
    }
}

/// Too often: whole seconds until the next try is allowed, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests; try again in {0} s")]
pub struct RetryAfterSeconds(pub u64);

type Keys = HashMap<(LimitKind, String), i64>;

#[derive(Debug, Default)]
pub struct Limits(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    recent: Keys,
    older: Keys,
    turned_at: i64,
}

impl Limits {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets whatever was counted, as a minute does; for tests that are several people.
    pub fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Generations::default();
    }

    /// Counts one request of `key` at `now_ms` of the wall clock; a refused one does not count.
    pub fn check(&self, kind: LimitKind, key: &str, now_ms: i64) -> Result<(), RetryAfterSeconds> {
        let share = WINDOW_MS / kind.allowance();
        let key = (kind, key.chars().take(LONGEST_KEY).collect::<String>());
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        generations.turn_if_due(now_ms);
        let full_at = generations
            .get(&key)
            .unwrap_or(now_ms)
            // A clock that was set back must not lock anybody out for longer than a window.
            .clamp(now_ms, now_ms + WINDOW_MS)
            + share;
        let over_ms = full_at - now_ms - share * kind.allowance();
        if over_ms > 0 {
            return Err(RetryAfterSeconds(over_ms.unsigned_abs().div_ceil(1_000)));
        }
        generations.recent.insert(key, full_at);
        Ok(())
    }
}

impl Generations {
    fn get(&self, key: &(LimitKind, String)) -> Option<i64> {
        self.recent
            .get(key)
            .or_else(|| self.older.get(key))
            .copied()
    }

    /// After a window nothing in the older generation can still count.
    fn turn_if_due(&mut self, now_ms: i64) {
        let age = now_ms - self.turned_at;
        if self.recent.len() >= GENERATION || !(0..WINDOW_MS).contains(&age) {
            self.older = std::mem::take(&mut self.recent);
            self.turned_at = now_ms;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    #[test]
    fn the_allowance_is_a_burst_and_then_a_share_at_a_time() {
        for (kind, allowance) in [
            (LimitKind::LoginAddress, 20),
            (LimitKind::CallbackAddress, 30),
            (LimitKind::CheckoutUser, 6),
            (LimitKind::CheckoutAddress, 30),
            (LimitKind::PreviewUser, 20),
            (LimitKind::ChangeUser, 6),
            (LimitKind::PromotionCode, 30),
            (LimitKind::LeftUser, 10),
        ] {
            let limits = Limits::new();
            for n in 0..allowance {
                limits
                    .check(kind, "a", NOW)
                    .unwrap_or_else(|_| panic!("{kind:?} {n}"));
            }
            let RetryAfterSeconds(wait) = limits.check(kind, "a", NOW).unwrap_err();
            let wait_ms = i64::try_from(wait).unwrap() * 1_000;
            assert!((WINDOW_MS / allowance..WINDOW_MS / allowance + 1_000).contains(&wait_ms));
            assert!(limits.check(kind, "a", NOW + wait_ms).is_ok());
            assert!(limits.check(kind, "a", NOW + wait_ms).is_err());
            assert!(limits.check(kind, "b", NOW).is_ok());
        }
    }

    #[test]
    fn kinds_do_not_share_keys() {
        let limits = Limits::new();
        for _ in 0..6 {
            limits.check(LimitKind::CheckoutUser, "k", NOW).unwrap();
        }
        assert!(limits.check(LimitKind::CheckoutUser, "k", NOW).is_err());
        assert!(limits.check(LimitKind::CheckoutAddress, "k", NOW).is_ok());
    }

    #[test]
    fn in_no_minute_is_more_than_a_burst_and_a_window_let_through() {
        let limits = Limits::new();
        let passed: Vec<i64> = (0..3_000)
            .map(|n| NOW + n * 100)
            .filter(|at| limits.check(LimitKind::CheckoutUser, "k", *at).is_ok())
            .collect();
        for start in &passed {
            let within = passed
                .iter()
                .filter(|at| (*start..start + WINDOW_MS).contains(at))
                .count();
            assert!(within <= 12, "{within}");
        }
        assert!((35..=36).contains(&passed.len()), "{}", passed.len());
    }

    #[test]
    fn keys_survive_a_turn_of_the_generations() {
        let limits = Limits::new();
        for _ in 0..6 {
            limits
                .check(LimitKind::CheckoutUser, "k", NOW + 59_999)
                .unwrap();
        }
        assert!(
            limits
                .check(LimitKind::CheckoutUser, "k", NOW + 60_001)
                .is_err()
        );
    }

    #[test]
    fn memory_is_bounded_however_many_addresses_come() {
        let limits = Limits::new();
        for n in 0..GENERATION * 5 {
            limits
                .check(LimitKind::LoginAddress, &n.to_string(), NOW)
                .unwrap();
        }
        let long = "x".repeat(100_000);
        limits.check(LimitKind::LoginAddress, &long, NOW).unwrap();
        let generations = limits.0.lock().unwrap();
        assert!(generations.recent.len() + generations.older.len() <= 2 * GENERATION);
        assert!(
            generations
                .recent
                .keys()
                .all(|(_, key)| key.len() <= LONGEST_KEY)
        );
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let limits = Limits::new();
        for _ in 0..6 {
            limits.check(LimitKind::CheckoutUser, "k", NOW).unwrap();
        }
        let earlier = NOW - 86_400_000;
        let wait = limits
            .check(LimitKind::CheckoutUser, "k", earlier)
            .map_or_else(|e| e.0, |()| 0);
        assert!(wait <= 60, "{wait}");
        assert!(
            limits
                .check(LimitKind::CheckoutUser, "k", earlier + 60_000)
                .is_ok()
        );
    }
}
