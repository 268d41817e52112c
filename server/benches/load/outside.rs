//! The wire to a sandbox in the same process, which counts what is asked of whom.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use sandbox::clock::Clock as SandboxClock;
use sandbox::shell::SharedWorld;
use sandbox::{ApiRequest, Served};
use server::wire::{Answer, Lost, Request, Wire};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// Requests since the last [`Counts::clear`].
#[derive(Default)]
pub struct Counts {
    /// Reads of Stripe by the customer they name.
    by_customer: Mutex<HashMap<String, u64>>,
    /// Reads of Stripe that name none: plans, pages of events.
    pub others: AtomicU64,
    /// Calls to Discord by the member they name.
    by_member: Mutex<HashMap<String, u64>>,
    /// When Stripe last answered, and when a role was first asked for since.
    last_answer: Mutex<Option<Instant>>,
    first_role: Mutex<Option<Instant>>,
    /// How long Stripe takes to answer, ms.
    pub stripe_ms: AtomicU64,
}

impl Counts {
    pub fn clear(&self) {
        lock(&self.by_customer).clear();
        lock(&self.by_member).clear();
        self.others.store(0, Ordering::Relaxed);
        *lock(&self.last_answer) = None;
        *lock(&self.first_role) = None;
    }

    /// From Stripe's last answer to the first role that was asked for, ms.
    pub fn stripe_to_role_ms(&self) -> Option<f64> {
        let asked = (*lock(&self.first_role))?;
        let answered = (*lock(&self.last_answer))?;
        Some(asked.saturating_duration_since(answered).as_secs_f64() * 1_000.0)
    }

    /// Reads of these customers, all together, and of the one that was read most.
    pub fn reads_of(&self, customers: &[String]) -> (u64, u64) {
        let counted = lock(&self.by_customer);
        let each = customers
            .iter()
            .map(|customer| counted.get(customer).copied().unwrap_or(0));
        each.fold((0, 0), |(all, most), count| (all + count, most.max(count)))
    }

    /// Calls to Discord about these people; the bot looks at itself every ten minutes.
    pub fn calls_about<'a>(&self, people: impl Iterator<Item = &'a str>) -> u64 {
        let counted = lock(&self.by_member);
        people
            .map(|member| counted.get(member).copied().unwrap_or(0))
            .sum()
    }

    fn stripe(&self, url: &str) {
        match id_after(url, "cus_") {
            Some(customer) => *lock(&self.by_customer).entry(customer).or_default() += 1,
            None => {
                self.others.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn discord(&self, url: &str) {
        let member = url
            .split_once("/members/")
            .map(|(_, rest)| rest.split(['/', '?']).next().unwrap_or(rest).to_owned());
        // What names no member is the guild itself, looked at every ten minutes.
        if let Some(member) = member {
            *lock(&self.by_member).entry(member).or_default() += 1;
        }
        if url.contains("/roles/") {
            lock(&self.first_role).get_or_insert_with(Instant::now);
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The id that begins with `prefix` in an address.
fn id_after(url: &str, prefix: &str) -> Option<String> {
    let from = url.find(prefix)?;
    let id: String = url
        .get(from..)?
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    Some(id)
}

pub struct InProcess {
    pub world: SharedWorld,
    pub counts: Arc<Counts>,
    pub discord: bool,
}

#[async_trait]
impl Wire for InProcess {
    async fn exchange(&self, request: Request, within: Duration) -> Result<Answer, Lost> {
        if self.discord {
            self.counts.discord(&request.url);
        } else {
            self.counts.stripe(&request.url);
            let late = self.counts.stripe_ms.load(Ordering::Relaxed);
            if late > 0 {
                tokio::time::sleep(Duration::from_millis(late)).await;
            }
        }
        let url = Url::parse(&request.url).map_err(|_| Lost::Unreachable)?;
        let asked = ApiRequest {
            method: request.method.to_string(),
            path: url.path().to_owned(),
            query: url.query().unwrap_or_default().to_owned(),
            headers: request
                .headers
                .iter()
                .map(|(name, value)| {
                    let value = value.to_str().unwrap_or_default();
                    (name.as_str().to_owned(), value.to_owned())
                })
                .collect(),
            body: request.body.unwrap_or_default().into_bytes(),
        };
        let served = lock(&self.world).serve(SandboxClock::wall_ms(), &asked);
        if !self.discord {
            *lock(&self.counts.last_answer) = Some(Instant::now());
        }
        match served {
            Some(Served::Answer { response, after_ms }) => {
                if after_ms > 0 {
                    tokio::time::sleep(Duration::from_millis(after_ms).min(within)).await;
                }
                let mut headers = HeaderMap::new();
                for (name, value) in response.headers {
                    if let (Ok(name), Ok(value)) = (
                        HeaderName::try_from(name.as_str()),
                        HeaderValue::try_from(value.as_str()),
                    ) {
                        headers.append(name, value);
                    }
                }
                Ok(Answer {
                    status: response.status,
                    headers,
                    body: Bytes::from(response.body),
                })
            }
            Some(Served::Never | Served::Cut) => Err(Lost::TimedOut),
            None => Err(Lost::Unreachable),
        }
    }
}
