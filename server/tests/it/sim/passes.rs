//! What the oracle says of passes: written from the design's table, as the rest of it.

use super::oracle::{Books, Expected};
use serde_json::Value;
use std::collections::BTreeMap;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

struct Paid<'a> {
    id: &'a str,
    at_ms: i64,
    /// None: for life.
    days: Option<i64>,
}

/// Each pass that is paid, and whose money stayed, gives its plan from when it was paid, or from
/// where the one before it ends, for its days.
pub fn expect(books: &Books<'_>, expected: &mut Expected) {
    let mut bought: BTreeMap<(usize, &str), Vec<Paid<'_>>> = BTreeMap::new();
    for session in books.sessions {
        let owner = session["customer"]
            .as_str()
            .and_then(|id| books.owners.get(id));
        let metadata = &session["metadata"];
        let (Some(&person), Some(plan), "payment", Some("paid" | "no_payment_required")) = (
            owner,
            metadata["rollcall_plan"].as_str(),
            session["mode"].as_str().unwrap_or_default(),
            session["payment_status"].as_str(),
        ) else {
            continue;
        };
        if disputed(books, &session["payment_intent"]) {
            continue;
        }
        bought.entry((person, plan)).or_default().push(Paid {
            id: session["id"].as_str().unwrap(),
            at_ms: paid_at(books, session) * 1000,
            days: metadata["rollcall_pass_days"]
                .as_str()
                .unwrap()
                .parse()
                .ok(),
        });
    }
    for ((person, plan), mut passes) in bought {
        let Some(roles) = books.catalogue.roles.get(plan) else {
            continue;
        };
        passes.sort_by_key(|pass| (pass.at_ms, pass.id));
        let mut free_from = i64::MIN;
        for pass in passes {
            let end = pass
                .days
                .map(|days| pass.at_ms.max(free_from) + days * DAY_MS);
            free_from = end.unwrap_or(free_from);
            if end.is_some_and(|end| end <= books.now_ms) {
                continue;
            }
            let of_person = expected.roles.entry(person).or_default();
            of_person.extend(roles.iter().cloned());
            let key = (person, plan.to_owned(), pass.id.to_owned());
            expected.given.insert(key, ("granted", end));
        }
    }
}

/// When the money was asked for that came; what cost nothing, when it was chosen.
fn paid_at(books: &Books<'_>, session: &Value) -> i64 {
    books
        .charges
        .iter()
        .filter(|charge| {
            charge["payment_intent"] == session["payment_intent"] && charge["status"] == "succeeded"
        })
        .filter_map(|charge| charge["created"].as_i64())
        .max()
        .or(session["created"].as_i64())
        .unwrap()
}

fn disputed(books: &Books<'_>, intent: &Value) -> bool {
    books.disputes.iter().any(|dispute| {
        matches!(
            dispute["status"].as_str(),
            Some("needs_response" | "under_review" | "lost")
        ) && books
            .charges
            .iter()
            .any(|charge| charge["id"] == dispute["charge"] && charge["payment_intent"] == *intent)
    })
}
