//! Snowflakes and secrets, both a function of the seed and the time given.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Discord's first second, in UTC epoch milliseconds.
const EPOCH_MS: i64 = 1_420_070_400_000;
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

#[derive(Debug)]
pub(super) struct Ids {
    seed: u64,
    drawn: u64,
    last: u64,
}

impl Ids {
    /// `above` is the highest id already in use.
    pub(super) fn new(seed: u64, above: u64) -> Self {
        Self {
            seed,
            drawn: 0,
            last: above,
        }
    }

    /// An id of that moment (`(ms - 2015) << 22`), above every id given before.
    pub(super) fn snowflake(&mut self, now_ms: i64) -> u64 {
        let since = u64::try_from(now_ms - EPOCH_MS).unwrap_or(0);
        let candidate = (since << 22) | ((self.seed & 0x3ff) << 12);
        self.last = candidate.max(self.last + 1);
        self.last
    }

    /// Letters and digits nobody outside can guess, the same for the same seed.
    pub(super) fn secret(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length);
        while text.len() < length {
            self.drawn += 1;
            let mut hash = Sha256::new();
            hash.update(b"discord");
            hash.update(self.seed.to_be_bytes());
            hash.update(self.drawn.to_be_bytes());
            for byte in hash.finalize() {
                if text.len() < length {
                    text.push(char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
                }
            }
        }
        text
    }
}

/// When an id was made, in UTC epoch milliseconds.
pub(super) fn made_ms(id: u64) -> i64 {
    i64::try_from(id >> 22).unwrap_or(0) + EPOCH_MS
}

/// `2026-11-21T03:50:07.123000+00:00`, the way Discord writes a moment.
pub(super) fn iso(ms: i64) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}000+00:00",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}

/// Lower-case hexadecimal SHA-256, cut to `length` characters.
pub(super) fn digest(text: &str, length: usize) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex.truncate(length);
    hex
}
