//! Logs and figures. Ids and types of events are logged, payloads are not.

use crate::db::dirty::SubjectKind;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging to standard error: `RUST_LOG` filters, or else `default`; `json` chooses the
/// form.
pub fn init(json: bool, default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let filter = without_payloads(filter);
    let registry = tracing_subscriber::registry().with(filter);
    let started = if json {
        registry
            .with(
                tracing_subscriber::fmt::layer()
                    .json()
                    .with_writer(std::io::stderr),
            )
            .try_init()
    } else {
        registry
            .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr))
            .try_init()
    };
    if started.is_err() {
        tracing::debug!("logging was started before");
    }
}

/// serenity writes events that it cannot read into its warnings, names and addresses included.
fn without_payloads(filter: EnvFilter) -> EnvFilter {
    match "serenity=error".parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    }
}

/// Counters, by name and label. Labels come from closed sets of ours, never from a request.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<BTreeMap<(&'static str, &'static str, &'static str), u64>>);

impl Metrics {
    fn count(&self, name: &'static str, label: &'static str, value: &'static str) {
        *self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry((name, label, value))
            .or_default() += 1;
    }

    pub fn webhook(&self, outcome: &'static str) {
        self.count("rollcall_webhooks_total", "outcome", outcome);
    }

    /// How many webhooks had that outcome since this process started.
    #[must_use]
    pub fn webhooks(&self, outcome: &'static str) -> u64 {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&("rollcall_webhooks_total", "outcome", outcome))
            .copied()
            .unwrap_or_default()
    }

    /// Stripe's circuit: `opened`, `closed`.
    pub fn circuit(&self, change: &'static str) {
        self.count("rollcall_stripe_circuit_total", "change", change);
    }

    pub fn synced(&self, kind: SubjectKind, done: bool) {
        let name = if done {
            "rollcall_syncs_total"
        } else {
            "rollcall_sync_failures_total"
        };
        self.count(name, "kind", kind.as_str());
    }

    /// Prometheus' text format, with gauges read just now: subjects due, subjects parked, open
    /// incidents.
    #[must_use]
    pub fn render(&self, due: i64, parked: i64, incidents: i64) -> String {
        let mut out = String::new();
        let mut last = "";
        for ((name, label, value), count) in &*self.0.lock().unwrap_or_else(PoisonError::into_inner)
        {
            if *name != last {
                let _ = writeln!(out, "# TYPE {name} counter");
                last = name;
            }
            let _ = writeln!(out, "{name}{{{label}=\"{value}\"}} {count}");
        }
        for (name, value) in [
            ("rollcall_dirty_due", due),
            ("rollcall_dirty_parked", parked),
            ("rollcall_incidents_open", incidents),
        ] {
            let _ = writeln!(out, "# TYPE {name} gauge\n{name} {value}");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_in_prometheus_form() {
        let metrics = Metrics::default();
        metrics.webhook("marked");
        metrics.webhook("marked");
        metrics.webhook("refused");
        metrics.synced(SubjectKind::Payer, true);
        let text = metrics.render(1, 2, 3);
        assert!(text.contains("rollcall_webhooks_total{outcome=\"marked\"} 2\n"));
        assert!(text.contains("rollcall_syncs_total{kind=\"payer\"} 1\n"));
        assert!(text.contains("rollcall_dirty_parked 2\n"));
        assert_eq!(text.matches("# TYPE rollcall_webhooks_total").count(), 1);
    }
}
