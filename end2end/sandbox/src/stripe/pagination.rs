//! `limit`, `starting_after`, `ending_before`, `created[…]` and the list object.

use serde_json::{Value, json};

use super::{
    errors::{Outcome, Refusal},
    forms::Params,
    table::{Row, Table},
};

/// Names every listing understands.
pub(super) const PAGING: [&str; 4] = ["limit", "starting_after", "ending_before", "created"];

/// Refuses parameters that are neither paging nor in `filters`.
pub(super) fn only_filters(p: &Params<'_>, filters: &[&str]) -> Outcome<()> {
    let known: Vec<&str> = PAGING.iter().chain(filters).copied().collect();
    p.only(&known)
}

/// Bounds on `created` in epoch seconds, both inclusive.
pub(super) fn created_bounds(p: &Params<'_>) -> Outcome<(i64, i64)> {
    let (mut low, mut high) = (i64::MIN, i64::MAX);
    match p.hash("created") {
        Ok(Some(range)) => {
            range.only(&["gt", "gte", "lt", "lte"])?;
            if let Some(at) = range.int("gt")? {
                low = low.max(at.saturating_add(1));
            }
            if let Some(at) = range.int("gte")? {
                low = low.max(at);
            }
            if let Some(at) = range.int("lt")? {
                high = high.min(at.saturating_sub(1));
            }
            if let Some(at) = range.int("lte")? {
                high = high.min(at);
            }
        }
        _ => {
            if let Some(at) = p.int("created")? {
                (low, high) = (at, at);
            }
        }
    }
    Ok((low, high))
}

pub(super) fn limit(p: &Params<'_>) -> Outcome<usize> {
    let limit = p.int("limit")?.unwrap_or(10);
    if !(1..=100).contains(&limit) {
        return Err(Refusal::param("limit", "Limit must be between 1 and 100."));
    }
    Ok(usize::try_from(limit).unwrap_or(10))
}

/// One page of `table`, newest first: rows of `owner` (or all) that pass `keep`.
pub(super) fn page<'t, T: Row>(
    table: &'t Table<T>,
    owner: Option<&str>,
    what: &str,
    p: &Params<'_>,
    keep: impl Fn(&T) -> bool,
) -> Outcome<(Vec<&'t T>, bool)> {
    let limit = limit(p)?;
    let (low, high) = created_bounds(p)?;
    let passes = |row: &&'t T| (low..=high).contains(&row.created()) && keep(row);
    let cursor = |name: &str| -> Outcome<Option<&str>> {
        match p.filled(name)? {
            Some(id) if !table.has(id) => Err(Refusal::no_such(what, id, name)),
            other => Ok(other),
        }
    };
    let (after, before) = (cursor("starting_after")?, cursor("ending_before")?);
    if after.is_some() && before.is_some() {
        return Err(Refusal::invalid(
            "You cannot parameterize both starting_after and ending_before.",
        ));
    }
    let mut rows: Vec<&'t T> = match before {
        Some(before) => table
            .newer(owner, before)
            .filter(passes)
            .take(limit + 1)
            .collect(),
        None => table
            .older(owner, after)
            .filter(passes)
            .take(limit + 1)
            .collect(),
    };
    let more = rows.len() > limit;
    rows.truncate(limit);
    if before.is_some() {
        rows.reverse();
    }
    Ok((rows, more))
}

/// The list object.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a list is made where it is answered"
)]
pub(super) fn list(data: Vec<Value>, has_more: bool, url: &str) -> Value {
    json!({ "object": "list", "data": data, "has_more": has_more, "url": url })
}
