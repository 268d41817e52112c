//! Chance, passed in: one seeded generator behind a lock.

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use std::sync::{Arc, Mutex, PoisonError};

const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A shared generator. Cloning shares it.
#[derive(Clone)]
pub struct Rng(Arc<Mutex<StdRng>>);

impl Rng {
    /// Seeded by the operating system: the server.
    #[must_use]
    pub fn from_os() -> Self {
        Self(Arc::new(Mutex::new(StdRng::from_os_rng())))
    }

    /// Seeded by a number: tests.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    pub fn fill(&self, bytes: &mut [u8]) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(bytes);
    }

    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A new id: the prefix and 20 characters of base 32, 100 bits of chance.
    #[must_use]
    pub fn id(&self, prefix: &str) -> String {
        let bytes: [u8; 20] = self.bytes();
        let mut id = String::with_capacity(prefix.len() + bytes.len());
        id.push_str(prefix);
        id.extend(
            bytes
                .iter()
                .map(|b| char::from(BASE32[usize::from(b & 31)])),
        );
        id
    }

    /// A whole number from 0 up to, not including, `bound`; 0 when `bound` is not positive.
    #[must_use]
    pub fn below(&self, bound: i64) -> i64 {
        if bound <= 0 {
            return 0;
        }
        let n = u64::from_le_bytes(self.bytes());
        i64::try_from(n % bound.unsigned_abs()).unwrap_or(0)
    }
}
