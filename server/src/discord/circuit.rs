//! What stops everything (the token refused, the bot out of the server, our address blocked) is
//! asked once in a while, and not once for every member.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{DiscordError, FailureClass};

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_mins(1);
/// How long whoever asks while it is open has before another may.
const PROBE: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Circuit(Mutex<Option<Open>>);

#[derive(Debug)]
struct Open {
    error: DiscordError,
    until: Instant,
    wait: Duration,
    /// Somebody asks on behalf of all.
    probing: bool,
}

impl Circuit {
    /// Lets a call go; while it is open one at a time, with longer and longer pauses.
    pub fn pass(&self, now: Instant) -> Result<(), DiscordError> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match open.as_mut() {
            Some(open) if now < open.until => Err(open.error.clone()),
            Some(open) => {
                open.until = now + PROBE;
                open.probing = true;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Why nothing goes while it is open; leaves the one who may try to others.
    pub fn shut(&self) -> Option<DiscordError> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().map(|open| open.error.clone())
    }

    /// What a call brought. What says nothing of Discord's mind, such as a time-out, leaves it as
    /// it is, but for the next one who asks.
    pub fn heard(&self, error: Option<&DiscordError>, now: Instant) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match error.map(|error| (error, error.class())) {
            // One of several that were under way when it opened.
            Some((_, FailureClass::StopAll)) if open.as_ref().is_some_and(|open| !open.probing) => {
            }
            Some((error, FailureClass::StopAll)) => {
                let wait = open
                    .as_ref()
                    .map_or(FIRST, |open| (open.wait * 2).min(LONGEST));
                *open = Some(Open {
                    error: error.clone(),
                    until: now + wait,
                    wait,
                    probing: false,
                });
            }
            Some((_, FailureClass::Retry { .. })) => {
                if let Some(open) = open.as_mut() {
                    open.until = now + open.wait;
                    open.probing = false;
                }
            }
            _ => *open = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_asks_at_a_time_and_an_answer_closes_it() {
        let circuit = Circuit::default();
        let now = Instant::now();
        assert!(circuit.pass(now).is_ok());
        circuit.heard(Some(&DiscordError::Unauthorized), now);
        assert_eq!(circuit.pass(now), Err(DiscordError::Unauthorized));
        circuit.heard(Some(&DiscordError::Unauthorized), now);
        let probe = now + FIRST;
        assert!(circuit.pass(probe).is_ok());
        assert!(circuit.pass(probe).is_err(), "one is asking");
        circuit.heard(Some(&DiscordError::Unauthorized), probe);
        assert!(circuit.pass(probe + FIRST).is_err(), "twice as long");
        let again = probe + 2 * FIRST;
        assert!(circuit.pass(again).is_ok());
        circuit.heard(Some(&DiscordError::UnknownRole), again);
        assert!(circuit.pass(again).is_ok() && circuit.pass(again).is_ok());
    }

    #[test]
    fn it_never_waits_longer_than_a_minute() {
        let circuit = Circuit::default();
        let mut now = Instant::now();
        for _ in 0..20 {
            circuit.heard(Some(&DiscordError::Blocked), now);
            now += LONGEST;
            assert!(circuit.pass(now).is_ok());
        }
    }
}
