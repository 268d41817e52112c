//! When a failed reading is tried again.

use crate::rng::Rng;

const FIRST_MS: i64 = 1_000;
/// Backing off never parks, and never waits longer than this.
const LONGEST_MS: i64 = 15 * 60 * 1000;

/// Milliseconds to wait after that many failures in a row, half of them by chance; never less
/// than `asked_ms`, which the other side asked for.
#[must_use]
pub fn delay_ms(failures: i64, asked_ms: Option<i64>, rng: &Rng) -> i64 {
    let doubled = FIRST_MS << failures.clamp(0, 20);
    let base = doubled.min(LONGEST_MS);
    let chosen = base / 2 + rng.below(base / 2 + 1);
    chosen.max(asked_ms.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_quarter_of_an_hour_and_obey_what_was_asked() {
        let rng = Rng::seeded(3);
        for failures in 0..100 {
            let delay = delay_ms(failures, None, &rng);
            assert!((500..=LONGEST_MS).contains(&delay), "{failures}: {delay}");
        }
        assert!(delay_ms(30, None, &rng) >= LONGEST_MS / 2);
        assert!(delay_ms(0, Some(40_000), &rng) >= 40_000);
    }
}
