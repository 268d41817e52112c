//! What is planned, pending and possible: the changing side of the dashboard.

use super::rows::{ChangeRow, Rows, SubscriptionRow};
use crate::state::AppState;
use app::access::Status;
use app::billing::{Came, InvoiceLine, LastChange, May, OtherLine, PendingChange, WaitsFor};
use app::changes::{Scheduled, Situation, rule};
use app::money::Money;
use app::plans::Interval;

/// A change that did not come to be is told for a week.
const LAPSED_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// One that was made, to whoever is led here by it.
const MADE_MS: i64 = 10 * 60 * 1000;

pub fn scheduled(rows: &Rows, subscription: &SubscriptionRow) -> Option<Scheduled> {
    let to = rows.prices.get(subscription.next_price_id.as_ref()?)?;
    Some(Scheduled {
        subscription_id: subscription.id.clone(),
        to: to.clone(),
        at: subscription.next_at?,
    })
}

fn is_open(change: &ChangeRow) -> bool {
    matches!(change.state.as_str(), "asked" | "waiting")
}

pub fn may(state: &AppState, rows: &Rows, subscription: &SubscriptionRow, has_card: bool) -> May {
    let paused = subscription.collection_paused == 1;
    let ends = subscription.ends_at().is_some();
    let over = subscription.status().is_final();
    let situation = Situation {
        status: subscription.status(),
        collection_paused: paused,
        ends,
        pending: subscription.pending_until.is_some() || rows.change.as_ref().is_some_and(is_open),
    };
    let free = rule::refusal(&situation).is_none();
    let begun = !over && subscription.status() != Status::Incomplete;
    May {
        change: free,
        cancel: begun && !ends,
        pause: free
            && subscription.status() == Status::Active
            && subscription.period.as_deref() == Some("month")
            && !state.config.pause_offer_months.is_empty(),
        keep: !over && ends,
        resume: !over && paused,
        go_on: has_card && subscription.trial_over() && !situation.pending,
    }
}

/// The change that waits, as our row and Stripe's pending update tell it together.
pub fn pending(
    rows: &Rows,
    subscription: Option<&SubscriptionRow>,
    invoices: Option<&[InvoiceLine]>,
) -> Option<PendingChange> {
    let subscription = subscription?;
    let change = rows.change.as_ref().filter(|change| is_open(change));
    let price = |id: Option<&String>| id.and_then(|id| rows.prices.get(id)).cloned();
    if let Some(until) = subscription.pending_until {
        return Some(PendingChange {
            goes_on: false,
            to: price(subscription.pending_price_id.as_ref()),
            waits_for: waits_for(change.and_then(|change| change.reason.as_deref())),
            until: Some(until),
            pay_url: open_invoice(invoices),
        });
    }
    let goes_on = change.is_some_and(|change| change.kind == "go_on");
    if goes_on && change.is_some_and(|change| change.state == "waiting") {
        return Some(PendingChange {
            goes_on,
            to: None,
            waits_for: waits_for(change.and_then(|change| change.reason.as_deref())),
            until: None,
            pay_url: open_invoice(invoices),
        });
    }
    let change = change.filter(|change| change.state == "asked")?;
    Some(PendingChange {
        goes_on,
        to: price(change.price_id.as_ref()),
        waits_for: WaitsFor::Answer,
        until: None,
        pay_url: None,
    })
}

/// Stripe's code, in what it means for the person.
fn waits_for(reason: Option<&str>) -> WaitsFor {
    match reason {
        Some("authentication_required" | "payment_intent_authentication_failure") => WaitsFor::Bank,
        Some("insufficient_funds") => WaitsFor::Funds,
        Some("expired_card") => WaitsFor::ExpiredCard,
        Some(_) => WaitsFor::OtherCard,
        None => WaitsFor::Payment,
    }
}

pub fn last_change(rows: &Rows, now: i64) -> Option<LastChange> {
    let change = rows.change.as_ref()?;
    let at = change.settled_at?;
    let came = match (change.state.as_str(), change.kind.as_str()) {
        ("done", "now") => Came::Upgraded,
        ("done", "later") => Came::Scheduled,
        ("done", "stay") => Came::Stayed,
        ("done", "keep") => Came::Kept,
        ("done", "pause") => Came::Paused,
        ("done", "resume") => Came::Resumed,
        ("done", "go_on") => Came::WentOn,
        ("lapsed", "now" | "later") => Came::Lapsed,
        _ => return None,
    };
    let told_for = if came == Came::Lapsed {
        LAPSED_MS
    } else {
        MADE_MS
    };
    let price = |id: &Option<String>| rows.prices.get(id.as_ref()?).cloned();
    (now - at < told_for).then(|| LastChange {
        came,
        from: price(&change.from_price_id),
        to: price(&change.price_id),
        at,
    })
}

/// Other subscriptions that still run: each is charged for itself.
pub fn others(rows: &Rows, shown: Option<&SubscriptionRow>) -> Vec<OtherLine> {
    let runs = |row: &&SubscriptionRow| {
        !row.status().is_final()
            && row.status() != Status::Incomplete
            && shown.is_some_and(|shown| shown.id != row.id)
    };
    rows.subscriptions
        .iter()
        .filter(runs)
        .map(|row| OtherLine {
            plan_name: row
                .plan_name
                .clone()
                .unwrap_or_else(|| "Another subscription".to_owned()),
            price: match (row.unit_amount, &row.currency) {
                (Some(minor), Some(currency)) => Some(Money::new(minor, currency)),
                _ => None,
            },
            interval: match row.period.as_deref() {
                Some("month") => Some(Interval::Month),
                Some("year") => Some(Interval::Year),
                _ => None,
            },
            status: row.status.clone(),
            until: row.ends_at().or(row.period_end),
            ends: row.ends_at().is_some(),
        })
        .collect()
}

pub fn owes(subscription: &SubscriptionRow) -> bool {
    matches!(subscription.status(), Status::PastDue | Status::Unpaid)
}

/// Stripe's page of the oldest open invoice.
pub fn open_invoice(invoices: Option<&[InvoiceLine]>) -> Option<String> {
    invoices?
        .iter()
        .rev()
        .find(|line| line.status == "open")?
        .url
        .clone()
}

#[cfg(test)]
mod tests {
    use super::waits_for;
    use app::billing::WaitsFor;

    #[test]
    fn stripes_codes_become_what_they_mean() {
        for (code, expected) in [
            (Some("authentication_required"), WaitsFor::Bank),
            (
                Some("payment_intent_authentication_failure"),
                WaitsFor::Bank,
            ),
            (Some("insufficient_funds"), WaitsFor::Funds),
            (Some("expired_card"), WaitsFor::ExpiredCard),
            (Some("generic_decline"), WaitsFor::OtherCard),
            (Some("a_new_code"), WaitsFor::OtherCard),
            (None, WaitsFor::Payment),
        ] {
            assert_eq!(waits_for(code), expected, "{code:?}");
        }
    }
}
