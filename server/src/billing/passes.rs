//! The passes a dashboard shows.

use super::rows::Rows;
use app::billing::{PassLine, PassState};
use app::money::Money;
use sqlx::FromRow;

#[derive(FromRow)]
pub struct PassRow {
    pub id: String,
    pub plan_id: String,
    pub plan_name: Option<String>,
    pub state: String,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    pub starts_at: i64,
    pub ends_at: Option<i64>,
    pub read_at: i64,
}

impl PassRow {
    pub fn name(&self) -> String {
        self.plan_name.clone().unwrap_or_else(|| "Pass".to_owned())
    }

    pub fn price(&self) -> Option<Money> {
        Some(Money::new(self.amount?, self.currency.as_deref()?))
    }
}

fn state(rows: &Rows, pass: &PassRow, now: i64) -> PassState {
    let gives = rows
        .entitlements
        .iter()
        .any(|row| row.source_id == pass.id && row.state == "granted");
    match pass.state.as_str() {
        "waiting" => PassState::Waiting,
        "paid" if gives && pass.starts_at > now => PassState::Ahead,
        "paid" if gives => PassState::Running,
        "paid" if pass.ends_at.is_some_and(|end| end <= now) => PassState::Over,
        _ => PassState::Void,
    }
}

/// Newest first.
pub fn lines(rows: &Rows, now: i64) -> Vec<PassLine> {
    rows.passes
        .iter()
        .map(|pass| PassLine {
            plan_id: pass.plan_id.clone(),
            plan_name: pass.name(),
            paid: pass.price(),
            state: state(rows, pass, now),
            starts_at: pass.starts_at,
            ends_at: pass.ends_at,
        })
        .collect()
}

/// The pass that gives access longest, if one does: a later one of the same plan starts when the
/// one before it ends.
pub fn longest(rows: &Rows, now: i64) -> Option<&PassRow> {
    rows.passes
        .iter()
        .filter(|pass| {
            matches!(
                state(rows, pass, now),
                PassState::Running | PassState::Ahead
            )
        })
        .max_by_key(|pass| pass.ends_at.unwrap_or(i64::MAX))
}

/// The pass that ended last.
pub fn over(rows: &Rows, now: i64) -> Option<&PassRow> {
    rows.passes
        .iter()
        .filter(|pass| state(rows, pass, now) == PassState::Over)
        .max_by_key(|pass| pass.ends_at)
}

/// Whether a bank has yet to confirm a pass's payment.
pub fn waits(rows: &Rows) -> bool {
    rows.passes.iter().any(|pass| pass.state == "waiting")
}
