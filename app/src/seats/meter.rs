//! Seats as a meter with its number.

use super::Pool;
use crate::company::headline::taken;
use leptos::prelude::*;

/// Width of the drawing.
const WIDE: i64 = 1_000;
/// With no more than these each seat is a mark of its own.
const SINGLY: i64 = 40;
/// Between two marks.
const GAP: i64 = 5;

/// What is paid as a bar, filled by what is held; beyond it what is held and not paid.
#[component]
pub fn Bar(claimed: i64, invited: i64, paid: i64) -> impl IntoView {
    let parts = parts(claimed, invited, paid)
        .into_iter()
        .map(|(class, from, wide)| {
            view! { <rect class=class x=from.to_string() y="0" width=wide.to_string() height="14" /> }
        })
        .collect_view();
    view! {
        <svg class="bar" viewBox="0 0 1000 14" preserveAspectRatio="none" aria-hidden="true">{parts}</svg>
    }
}

/// Class, start and width of each mark.
fn parts(claimed: i64, invited: i64, paid: i64) -> Vec<(&'static str, i64, i64)> {
    let held = claimed + invited;
    let all = paid.max(held).max(1);
    let class = |seat: i64| match seat {
        seat if seat >= paid && seat < held => "beyond",
        seat if seat < claimed => "claimed",
        seat if seat < held => "invited",
        _ => "free",
    };
    if all <= SINGLY {
        return (0..all)
            .map(|seat| {
                let from = seat * WIDE / all;
                let to = (seat + 1) * WIDE / all;
                let gap = if seat + 1 == all { 0 } else { GAP };
                (class(seat), from, to - from - gap)
            })
            .collect();
    }
    let ends = [claimed.min(paid), held.min(paid), paid.min(all), all];
    let mut from = 0;
    let mut parts = Vec::new();
    for end in ends {
        if end > from {
            let (start, stop) = (from * WIDE / all, end * WIDE / all);
            parts.push((class(from), start, stop - start));
            from = end;
        }
    }
    parts
}

/// The seats of a plan: the bar, and each number with its word.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a component owns what it is given"
)]
#[component]
pub fn Meter(
    pool: Pool,
    /// Its plan is named: there are several.
    named: bool,
    /// The number is said: no headline says it already.
    said: bool,
) -> impl IntoView {
    let said = said.then(|| view! { <p class="meter-said">{taken(pool.held(), pool.paid)}</p> });
    let free = pool.free();
    let figure = |class: &'static str, count: i64, word: &'static str| {
        view! {
            <div class="count-of" data-kind=class>
                <dt>{word}</dt>
                <dd>{count}</dd>
            </div>
        }
    };
    let suspended = (pool.suspended > 0).then(|| figure("suspended", pool.suspended, "Suspended"));
    let name = named.then(|| view! { <h2>{pool.plan.clone()}</h2> });
    let Pool {
        claimed,
        invited,
        paid,
        ..
    } = pool;
    view! {
        <div class="meter">
            {name}
            {said}
            <Bar claimed invited paid />
            <dl class="counts">
                {figure("claimed", claimed, "Claimed")}
                {figure("invited", invited, "Invited")}
                {figure("free", free, "Free")}
                {suspended}
            </dl>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::{WIDE, parts};

    #[test]
    fn few_seats_are_drawn_one_by_one() {
        let drawn = parts(2, 1, 5);
        let classes: Vec<_> = drawn.iter().map(|(class, ..)| *class).collect();
        assert_eq!(classes, ["claimed", "claimed", "invited", "free", "free"]);
        let over: Vec<_> = parts(3, 1, 2).iter().map(|(class, ..)| *class).collect();
        assert_eq!(over, ["claimed", "claimed", "beyond", "beyond"]);
        assert_eq!(parts(0, 0, 0), [("free", 0, WIDE)]);
    }

    #[test]
    fn many_are_drawn_as_lengths_that_fill_the_bar() {
        for (claimed, invited, paid) in [(100, 50, 200), (0, 0, 5_000), (150, 0, 100), (0, 90, 80)]
        {
            let drawn = parts(claimed, invited, paid);
            assert_eq!(drawn.iter().map(|(_, _, wide)| wide).sum::<i64>(), WIDE);
            let mut at = 0;
            for (_, from, wide) in drawn {
                assert_eq!(from, at);
                at += wide;
            }
        }
        let classes: Vec<_> = parts(60, 60, 100)
            .iter()
            .map(|(class, ..)| *class)
            .collect();
        assert_eq!(classes, ["claimed", "invited", "beyond"]);
    }
}
