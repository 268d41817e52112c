//! What our rows have to say, computed from what Stripe holds and the policy alone. Written from
//! the design's table; nothing of the server's or the app's code is used here.

use super::cast::Catalogue;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const GRACE_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// A subscription as our row is to show it. Times are epoch ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub person: usize,
    pub customer: String,
    pub product: String,
    pub price: String,
    pub status: String,
    pub quantity: i64,
    pub period_end: i64,
    pub cancel_at: Option<i64>,
    pub cancel_at_period_end: bool,
    pub ended_at: Option<i64>,
    pub trial_end: Option<i64>,
    pub paused: bool,
    /// The price a schedule leads to, and when.
    pub next: Option<(String, i64)>,
    /// The price of an update that waits for its payment.
    pub pending: Option<String>,
}

/// (state, until): why somebody is to have a plan.
pub type Given = (&'static str, Option<i64>);

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Expected {
    pub rows: BTreeMap<String, Row>,
    /// By person, plan and source; what is denied is left out.
    pub given: BTreeMap<(usize, String, String), Given>,
    /// What each of the company's subscriptions gives: plan, seats, state and end.
    pub company: Vec<(String, i64, Given)>,
    /// Roles that Rollcall is to have given, by person.
    pub roles: BTreeMap<usize, BTreeSet<String>>,
}

pub struct Books<'a> {
    /// Every subscription, invoice, … of Stripe, as its API shows them.
    pub subscriptions: &'a [Value],
    pub invoices: &'a [Value],
    pub payments: &'a [Value],
    pub charges: &'a [Value],
    pub disputes: &'a [Value],
    /// Complete Checkout Sessions.
    pub sessions: &'a [Value],
    pub owners: &'a BTreeMap<String, usize>,
    pub catalogue: &'a Catalogue,
    pub company_plans: &'a BTreeSet<String>,
    pub now_ms: i64,
}

impl Books<'_> {
    /// Every subscription with its invoices, in a few words.
    pub fn shown(&self) -> String {
        let mut shown = String::new();
        for subscription in self.subscriptions {
            let item = &subscription["items"]["data"][0];
            let _ = write!(
                shown,
                "\n      {} of {} {} {} {}..{} paused {} cancel_at {} / {}",
                subscription["id"],
                subscription["customer"],
                subscription["status"],
                item["price"]["id"],
                item["current_period_start"],
                item["current_period_end"],
                subscription["pause_collection"],
                subscription["cancel_at"],
                subscription["cancel_at_period_end"],
            );
            for invoice in of(self, subscription) {
                let _ = write!(
                    shown,
                    "\n          {} {} {} {} finalised {}:",
                    invoice["id"],
                    invoice["billing_reason"],
                    invoice["status"],
                    invoice["total"],
                    invoice["status_transitions"]["finalized_at"],
                );
                for line in invoice["lines"]["data"].as_array().into_iter().flatten() {
                    let period = &line["period"];
                    let _ = write!(
                        shown,
                        " {} for {}..{}",
                        line["amount"], period["start"], period["end"]
                    );
                }
            }
        }
        shown
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn ms(value: &Value) -> Option<i64> {
    value.as_i64().map(|seconds| seconds * 1000)
}

pub fn expected(books: &Books<'_>) -> Expected {
    let mut expected = Expected::default();
    for subscription in books.subscriptions {
        let customer = text(&subscription["customer"]);
        // A customer that names none of our people is not ours.
        let Some(&person) = books.owners.get(&customer) else {
            continue;
        };
        let id = text(&subscription["id"]);
        let item = &subscription["items"]["data"][0];
        let product = text(&item["price"]["product"]);
        if person == super::company::OWNER {
            if let Some(given) = given(books, subscription)
                && books.company_plans.contains(&product)
            {
                let seats = item["quantity"].as_i64().unwrap_or(1);
                expected.company.push((product.clone(), seats, given));
            }
        } else if let Some(given) = given(books, subscription)
            && let Some(roles) = books.catalogue.roles.get(&product)
        {
            let of_person = expected.roles.entry(person).or_default();
            of_person.extend(roles.iter().cloned());
            expected
                .given
                .insert((person, product.clone(), id.clone()), given);
        }
        let row = Row {
            person,
            customer,
            product,
            price: text(&item["price"]["id"]),
            status: text(&subscription["status"]),
            quantity: item["quantity"].as_i64().unwrap_or(1),
            period_end: ms(&item["current_period_end"]).unwrap_or(0),
            cancel_at: ms(&subscription["cancel_at"]),
            cancel_at_period_end: subscription["cancel_at_period_end"] == true,
            ended_at: ms(&subscription["ended_at"]),
            trial_end: ms(&subscription["trial_end"]),
            paused: !subscription["pause_collection"].is_null(),
            next: next(subscription),
            pending: subscription["pending_update"]["subscription_items"][0]["price"]["id"]
                .as_str()
                .map(str::to_owned),
        };
        expected.rows.insert(id, row);
    }
    super::passes::expect(books, &mut expected);
    expected
}

/// The phase of a subscription's schedule that comes after the running one, if it changes the price.
fn next(subscription: &Value) -> Option<(String, i64)> {
    let schedule = &subscription["schedule"];
    let running_until = schedule["current_phase"]["end_date"].as_i64()?;
    let phases = schedule["phases"].as_array()?;
    let phase = phases
        .iter()
        .find(|phase| phase["start_date"].as_i64() >= Some(running_until))?;
    let price = text(&phase["items"][0]["price"]);
    let now = text(&subscription["items"]["data"][0]["price"]["id"]);
    (price != now).then_some((price, ms(&phase["start_date"])?))
}

/// The table of the access policy.
fn given(books: &Books<'_>, subscription: &Value) -> Option<Given> {
    let end = ms(&subscription["items"]["data"][0]["current_period_end"]);
    let wish = ms(&subscription["cancel_at"])
        .or(end.filter(|_| subscription["cancel_at_period_end"] == true));
    let status = subscription["status"].as_str()?;
    if matches!(status, "trialing" | "active" | "past_due") && disputed(books, subscription) {
        return None;
    }
    match status {
        "active" if !subscription["pause_collection"].is_null() => {
            let paid_until = paid_until(books, subscription)?;
            let until = wish.map_or(paid_until, |wish| wish.min(paid_until));
            (books.now_ms < paid_until).then_some(("granted", Some(until)))
        }
        "trialing" | "active" => Some(("granted", wish)),
        "past_due" => {
            let since = oldest_unpaid(books, subscription).or(ms(
                &subscription["items"]["data"][0]["current_period_start"],
            ))?;
            let until = since + GRACE_MS;
            (books.now_ms < until).then_some(("grace", Some(until)))
        }
        "unpaid" | "canceled" | "incomplete" | "incomplete_expired" | "paused" => None,
        other => panic!("the oracle does not know the status {other}"),
    }
}

fn of<'a>(books: &'a Books<'_>, subscription: &'a Value) -> impl Iterator<Item = &'a Value> {
    books.invoices.iter().filter(|invoice| {
        invoice["parent"]["subscription_details"]["subscription"] == subscription["id"]
    })
}

/// When the oldest invoice that is open was finalised, or fell due.
fn oldest_unpaid(books: &Books<'_>, subscription: &Value) -> Option<i64> {
    of(books, subscription)
        .filter(|invoice| invoice["status"] == "open")
        .filter_map(|invoice| {
            ms(&invoice["due_date"]).or(ms(&invoice["status_transitions"]["finalized_at"]))
        })
        .min()
}

/// The end of the last period that was paid for: the running one's, if an invoice that reaches to
/// its end was paid, and otherwise the end of the one before.
fn paid_until(books: &Books<'_>, subscription: &Value) -> Option<i64> {
    let period = &subscription["items"]["data"][0];
    let end = &period["current_period_end"];
    let paid = of(books, subscription)
        .filter(|invoice| invoice["status"] == "paid")
        .flat_map(|invoice| invoice["lines"]["data"].as_array().into_iter().flatten())
        .any(|line| line["period"]["end"] == *end && line["amount"].as_i64() >= Some(0));
    ms(if paid {
        end
    } else {
        &period["current_period_start"]
    })
}

/// Whether a payment that covers a part of the running period is disputed, or was and was lost.
/// A full refund changes nothing by default.
fn disputed(books: &Books<'_>, subscription: &Value) -> bool {
    let period = &subscription["items"]["data"][0];
    let (start, end) = (
        period["current_period_start"].as_i64(),
        period["current_period_end"].as_i64(),
    );
    let covering = of(books, subscription).filter(|invoice| {
        let lines = invoice["lines"]["data"].as_array().into_iter().flatten();
        lines
            .filter(|line| line["amount"].as_i64() > Some(0))
            .any(|line| {
                line["period"]["end"].as_i64() > start && line["period"]["start"].as_i64() < end
            })
    });
    let intents: Vec<&Value> = covering
        .flat_map(|invoice| {
            let id = &invoice["id"];
            books
                .payments
                .iter()
                .filter(move |payment| payment["invoice"] == *id)
        })
        .map(|payment| &payment["payment"]["payment_intent"])
        .collect();
    books.disputes.iter().any(|dispute| {
        matches!(
            dispute["status"].as_str(),
            Some("needs_response" | "under_review" | "lost")
        ) && books.charges.iter().any(|charge| {
            charge["id"] == dispute["charge"] && intents.contains(&&charge["payment_intent"])
        })
    })
}
