//! Ids that look like Stripe's, drawn from the seed.

use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A stream of ids; two streams of different `lane` never disturb each other.
#[derive(Debug)]
pub(super) struct Ids {
    rng: StdRng,
}

impl Ids {
    pub fn new(seed: u64, lane: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed ^ lane.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        }
    }

    /// `prefix` and `length` random letters and digits.
    pub fn plain(&mut self, prefix: &str, length: usize) -> String {
        let mut id = String::with_capacity(prefix.len() + length);
        id.push_str(prefix);
        for _ in 0..length {
            id.push(char::from(
                ALPHABET[self.rng.random_range(0..ALPHABET.len())],
            ));
        }
        id
    }

    /// The short form, as in `cus_QXg1o8vcGmoR32`.
    pub fn short(&mut self, prefix: &str) -> String {
        self.plain(prefix, 14)
    }

    /// The long form, as in `sub_1Pgc6rB7WZ01zgkWNy0Cn5nw`.
    pub fn long(&mut self, prefix: &str) -> String {
        self.plain(&format!("{prefix}1"), 23)
    }

    /// Eight capital letters and digits, as an invoice prefix.
    pub fn prefix(&mut self) -> String {
        self.plain("", 8).to_ascii_uppercase()
    }

    /// True in `percent` of 100 draws.
    pub fn chance(&mut self, percent: u8) -> bool {
        percent > 0 && self.rng.random_range(0..100) < percent
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        items.shuffle(&mut self.rng);
    }
}
