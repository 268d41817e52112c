//! The movable clock everything but signatures and deliveries follows.

/// UTC epoch milliseconds, either following the machine's clock from an offset or standing still.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's time plus this many milliseconds: the binary.
    Wall { offset_ms: i64 },
    /// Stands at this moment until moved: the simulation.
    Manual { now_ms: i64 },
}

impl Clock {
    /// The machine's time in UTC epoch milliseconds.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the sandbox reads the machine's clock"
    )]
    pub fn wall_ms() -> i64 {
        let ms = time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
        // The crate's last year, 9999, fits.
        i64::try_from(ms).unwrap_or(i64::MAX)
    }

    #[must_use]
    pub fn now_ms(&self) -> i64 {
        match self {
            Self::Wall { offset_ms } => Self::wall_ms() + offset_ms,
            Self::Manual { now_ms } => *now_ms,
        }
    }

    /// Moves to `to_ms`; a moment in the past changes nothing.
    pub fn advance_to(&mut self, to_ms: i64) {
        let by = to_ms - self.now_ms();
        if by > 0 {
            match self {
                Self::Wall { offset_ms } => *offset_ms += by,
                Self::Manual { now_ms } => *now_ms = to_ms,
            }
        }
    }
}
