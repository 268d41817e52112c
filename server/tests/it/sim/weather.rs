//! What goes wrong on the wires.

use super::stage::Trouble;
use rand::Rng;
use rand::rngs::StdRng;
use sandbox::ApiResponse;
use sandbox::discord::Scope;
use sandbox::faults::Target;

/// How long an event may be missing from Stripe's list, in seconds; the cursor's overlap covers it.
const HIDDEN_S: u64 = 55 * 60;

/// Of a hundred exchanges, how many go wrong; and which events are slow to be listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    pub stripe: u32,
    pub discord: u32,
    /// One of so many events shows late in the list; 0 for none.
    pub slow_events: u64,
}

impl Weather {
    pub fn is_calm(&self) -> bool {
        self.stripe == 0 && self.discord == 0
    }

    /// The same without trouble; the list stays as slow as it is.
    pub fn calmed(&self) -> Self {
        Self {
            slow_events: self.slow_events,
            ..Self::default()
        }
    }

    pub fn trouble(&self, target: Target, chance: &mut StdRng) -> Option<Trouble> {
        let percent = match target {
            Target::Stripe => self.stripe,
            _ => self.discord,
        };
        if chance.random_range(0..100) >= percent {
            return None;
        }
        let status = |status| Trouble::Status {
            status,
            effect: false,
        };
        Some(match chance.random_range(0..10) {
            0 | 1 => Trouble::Unreachable,
            2 => Trouble::LostRequest,
            3 | 4 => Trouble::LostAnswer,
            5 => Trouble::LateRequest,
            6 if target == Target::Discord => Trouble::Limited {
                scope: [Scope::User, Scope::Global, Scope::Shared][chance.random_range(0..3)],
                ms: chance.random_range(1..40_000),
            },
            6 => status(429),
            7 => status(500),
            8 => Trouble::Status {
                status: 500,
                effect: true,
            },
            _ => status(503),
        })
    }

    /// Stripe's list of events is not complete at once: some show only after a while.
    pub fn hide_the_newest(&self, response: &mut ApiResponse, now_s: i64) {
        if self.slow_events == 0 || response.status != 200 {
            return;
        }
        let Ok(mut page) = serde_json::from_slice::<serde_json::Value>(&response.body) else {
            return;
        };
        let more = page["has_more"] == true;
        let Some(rows) = page["data"].as_array_mut() else {
            return;
        };
        let last = rows.last().cloned();
        rows.retain(|event| {
            let id = event["id"].as_str().unwrap_or_default();
            let created = event["created"].as_i64().unwrap_or(0);
            let mark = id
                .bytes()
                .fold(7_u64, |mark, byte| mark.wrapping_mul(31) + u64::from(byte));
            let slow = mark % self.slow_events == 0;
            let late = i64::try_from(mark / 7 % HIDDEN_S).unwrap_or(0);
            !slow || now_s >= created + late
        });
        // Whoever goes on to the next page needs where to start.
        if more && rows.is_empty() {
            rows.extend(last);
        }
        response.body = page.to_string().into_bytes();
    }
}
