//! Changes of a running subscription: the objects, and (below) the calls.

use super::objects::{Expandable, Price};
use serde::Deserialize;

/// `pause_collection`: nothing is collected until `resumes_at` (Unix seconds), if there is one.
#[derive(Clone, Debug, Deserialize)]
pub struct PauseCollection {
    /// `keep_as_draft`, `mark_uncollectible`, `void`.
    #[serde(default)]
    pub behavior: Option<String>,
    #[serde(default)]
    pub resumes_at: Option<i64>,
}

/// A change that counts once its invoice is paid, until it expires (Unix seconds).
#[derive(Clone, Deserialize)]
pub struct PendingUpdate {
    pub expires_at: i64,
    #[serde(default)]
    pub subscription_items: Option<Vec<PlannedItem>>,
}

/// An item of a phase or of a pending update.
#[derive(Clone, Deserialize)]
pub struct PlannedItem {
    pub price: Expandable<Price>,
    #[serde(default)]
    pub quantity: Option<i64>,
}

impl PlannedItem {
    #[must_use]
    pub fn price_id(&self) -> &str {
        match &self.price {
            Expandable::Id(id) => id,
            Expandable::Object(price) => &price.id,
        }
    }
}

/// A subscription schedule. Times are Unix seconds.
#[derive(Clone, Deserialize)]
pub struct Schedule {
    pub id: String,
    /// `not_started`, `active`, `completed`, `released`, `canceled`.
    pub status: String,
    #[serde(default)]
    pub phases: Vec<Phase>,
    #[serde(default)]
    pub current_phase: Option<CurrentPhase>,
}

#[derive(Clone, Deserialize)]
pub struct CurrentPhase {
    pub start_date: i64,
}

#[derive(Clone, Deserialize)]
pub struct Phase {
    pub start_date: i64,
    pub end_date: i64,
    #[serde(default)]
    pub items: Vec<PlannedItem>,
}

impl Schedule {
    /// The phase that follows the running one.
    #[must_use]
    pub fn next_phase(&self) -> Option<&Phase> {
        if !matches!(self.status.as_str(), "active" | "not_started") {
            return None;
        }
        let running = self.current_phase.as_ref().map(|phase| phase.start_date);
        self.phases
            .iter()
            .filter(|phase| running.is_none_or(|start| phase.start_date > start))
            .min_by_key(|phase| phase.start_date)
    }
}
