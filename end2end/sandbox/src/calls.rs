//! What was asked of Stripe, newest last.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::{ApiRequest, Served, faults::Fault};

const KEPT: usize = 10_000;

/// One request and what came of it.
#[derive(Clone, Debug)]
pub struct Call {
    /// UTC epoch milliseconds of the movable clock.
    pub at_ms: i64,
    pub method: String,
    pub path: String,
    pub query: String,
    /// `None` when no answer was sent.
    pub status: Option<u16>,
    pub idempotency_key: Option<String>,
    pub api_version: Option<String>,
    pub fault: Option<Fault>,
}

impl Call {
    #[must_use]
    pub fn of(at_ms: i64, request: &ApiRequest, served: &Served, fault: Option<Fault>) -> Self {
        let owned = |name| request.header(name).map(str::to_owned);
        Self {
            at_ms,
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            status: match served {
                Served::Answer { response, .. } => Some(response.status),
                Served::Never | Served::Cut => None,
            },
            idempotency_key: owned("idempotency-key"),
            api_version: owned("stripe-version"),
            fault,
        }
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "at_ms": self.at_ms,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "status": self.status,
            "idempotency_key": self.idempotency_key,
            "api_version": self.api_version,
            "fault": self.fault.map(Fault::to_json),
        })
    }
}

/// The last ten thousand calls and the number of all.
#[derive(Debug, Default)]
pub struct CallLog {
    kept: VecDeque<Call>,
    total: u64,
}

impl CallLog {
    pub fn push(&mut self, call: Call) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(call);
        self.total += 1;
    }

    /// How many were made since the start or the last clearing, forgotten ones included.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Call> {
        self.kept.iter()
    }

    /// How many kept calls have this method and this part in their path.
    #[must_use]
    pub fn count(&self, method: &str, path: &str) -> usize {
        self.iter()
            .filter(|call| call.method == method && call.path.contains(path))
            .count()
    }

    pub fn clear(&mut self) {
        self.kept.clear();
        self.total = 0;
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        self.iter().map(Call::to_json).collect()
    }
}
