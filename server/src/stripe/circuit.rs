//! Stops hammering a Stripe that is down. After five failed tries in a row, whoever made them, it
//! opens for 5 s, and each time that a probe fails for twice as long, up to a minute. While it is
//! open background work is refused at once. A person's call may go all the same, as the probe,
//! one at a time; once the time is over anybody's may. Any answer of Stripe's closes it.

use super::priority::Priority;
use super::{StripeClient, StripeError};
use crate::clock::Clock;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Failures in a row, of the kinds that say Stripe is down.
const OPENS_AFTER: u32 = 5;
const FIRST_MS: i64 = 5_000;
const LONGEST_MS: i64 = 60_000;

/// Timed by the policy clock, like the back-off of whoever it refuses.
pub struct Circuit {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    failures: u32,
    open: Option<Open>,
    changed: Option<Change>,
}

#[derive(Clone, Copy)]
struct Open {
    until: i64,
    wait: i64,
    probing: bool,
}

/// What happened to it, told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Policy clock.
    Opened {
        since: i64,
    },
    Closed,
}

/// What the door says of the circuit behind it.
pub trait CircuitApi: Send + Sync {
    /// The latest change, if nobody has been told of it yet.
    fn circuit_change(&self) -> Option<Change>;
    fn circuit_is_open(&self) -> bool;
}

impl CircuitApi for StripeClient {
    fn circuit_change(&self) -> Option<Change> {
        self.transport.circuit.take_change()
    }

    fn circuit_is_open(&self) -> bool {
        self.transport.circuit.is_open()
    }
}

/// The right to one try. Dropped without a word, a probe counts as not made.
pub struct Pass<'a> {
    circuit: &'a Circuit,
    probe: bool,
}

impl Circuit {
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            inner: Mutex::default(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn admit(&self, priority: Priority) -> Result<Pass<'_>, StripeError> {
        let now = self.clock.policy_ms();
        let mut inner = self.inner();
        let probe = match &mut inner.open {
            None => false,
            Some(open) if open.probing => return Err(StripeError::NotAsked),
            Some(open) if now < open.until && priority != Priority::Person => {
                return Err(StripeError::NotAsked);
            }
            Some(open) => {
                open.probing = true;
                true
            }
        };
        Ok(Pass {
            circuit: self,
            probe,
        })
    }

    #[must_use]
    pub fn is_open(&self) -> bool {
        self.inner().open.is_some()
    }

    /// The latest change, if nobody has been told of it yet.
    pub fn take_change(&self) -> Option<Change> {
        self.inner().changed.take()
    }
}

impl Pass<'_> {
    /// Stripe answered, whatever it said.
    pub fn answered(self) {
        let mut inner = self.circuit.inner();
        inner.failures = 0;
        if inner.open.take().is_some() {
            inner.changed = Some(Change::Closed);
        }
    }

    /// Nothing came, or a 5xx.
    pub fn failed(self) {
        let now = self.circuit.clock.policy_ms();
        let mut inner = self.circuit.inner();
        inner.failures += 1;
        let failures = inner.failures;
        match &mut inner.open {
            Some(open) if self.probe => {
                open.wait = (open.wait * 2).min(LONGEST_MS);
                open.until = now + open.wait;
            }
            None if failures >= OPENS_AFTER => {
                inner.open = Some(Open {
                    until: now + FIRST_MS,
                    wait: FIRST_MS,
                    probing: false,
                });
                inner.changed = Some(Change::Opened { since: now });
            }
            // Too few yet, or begun before it opened.
            _ => {}
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.probe
            && let Some(open) = &mut self.circuit.inner().open
        {
            open.probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use std::time::Duration;

    fn circuit() -> (Circuit, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(1_000_000));
        (Circuit::new(clock.clone()), clock)
    }

    fn open(circuit: &Circuit) {
        for _ in 0..OPENS_AFTER {
            circuit.admit(Priority::Event).unwrap().failed();
        }
    }

    fn admits(circuit: &Circuit, priority: Priority) -> bool {
        circuit.admit(priority).is_ok()
    }

    #[test]
    fn it_opens_after_failures_in_a_row_alone() {
        let (circuit, _) = circuit();
        for _ in 0..OPENS_AFTER - 1 {
            circuit.admit(Priority::Event).unwrap().failed();
        }
        circuit.admit(Priority::Bulk).unwrap().answered();
        for _ in 0..OPENS_AFTER - 1 {
            circuit.admit(Priority::Event).unwrap().failed();
        }
        assert!(admits(&circuit, Priority::Bulk) && circuit.take_change().is_none());
        circuit.admit(Priority::Event).unwrap().failed();
        assert!(!admits(&circuit, Priority::Bulk) && !admits(&circuit, Priority::Event));
        assert_eq!(
            circuit.take_change(),
            Some(Change::Opened { since: 1_000_000 })
        );
        assert_eq!(circuit.take_change(), None, "told once");
    }

    #[test]
    fn a_person_is_the_probe_and_one_at_a_time() {
        let (circuit, _) = circuit();
        open(&circuit);
        let probe = circuit.admit(Priority::Person).unwrap();
        assert!(!admits(&circuit, Priority::Person), "another probes");
        drop(probe);
        let probe = circuit.admit(Priority::Person).unwrap();
        probe.failed();
        assert!(!admits(&circuit, Priority::Event));
        circuit.admit(Priority::Person).unwrap().answered();
        assert!(admits(&circuit, Priority::Bulk));
        assert_eq!(circuit.take_change(), Some(Change::Closed));
    }

    #[test]
    fn background_work_probes_when_the_time_is_over_and_it_grows() {
        let (circuit, clock) = circuit();
        open(&circuit);
        for wait in [5, 10, 20, 40, 60, 60] {
            clock.advance(Duration::from_millis(wait * 1000 - 1));
            assert!(!admits(&circuit, Priority::Event), "{wait}");
            clock.advance(Duration::from_millis(1));
            circuit.admit(Priority::Event).unwrap().failed();
        }
        clock.advance(Duration::from_mins(1));
        circuit.admit(Priority::Bulk).unwrap().answered();
        assert!(!circuit.is_open());
    }
}
