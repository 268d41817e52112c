//! The plans one could go to.

use super::{Choices, Direction, Offer, PlanPrice, Scheduled, words};
use crate::page::{Notice, Tone, answer, dates};
use crate::plans::Interval;
use leptos::prelude::*;

#[component]
pub fn Choose(choices: Choices) -> impl IntoView {
    let Choices {
        current,
        period_end,
        trialing,
        scheduled,
        offers,
    } = choices;
    let has = format!("You have {} at {}.", current.plan_name, current.display());
    let when = if trialing {
        "Your trial goes on whatever you choose; nothing is charged before it ends."
    } else {
        "Going up counts at once and is paid for the rest of the period. Going down counts when what you have paid for ends."
    };
    let groups = [Interval::Month, Interval::Year]
        .into_iter()
        .filter_map(|interval| {
            let offers: Vec<Offer> = offers
                .iter()
                .filter(|offer| offer.price.interval == interval)
                .cloned()
                .collect();
            (!offers.is_empty()).then(|| group(interval, &current, offers, period_end, trialing))
        })
        .collect_view();
    let none = offers
        .is_empty()
        .then(|| view! { <p>"There is no other plan on offer right now."</p> });
    view! {
        {scheduled.map(|scheduled| view! { <AlreadyScheduled from=current.clone() scheduled /> })}
        <section class="entry lone">
            <p class="margin"><a href="/billing">"Billing"</a></p>
            <div class="matter">
                <h1>"Change your plan"</h1>
                <p class="lede">{has}" Nothing is changed before you have seen what it costs."</p>
                <p>{when}</p>
                {none}
            </div>
        </section>
        {groups}
    }
}

/// Any change takes a scheduled one back; that is said before.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a component owns what it is given"
)]
#[component]
pub fn AlreadyScheduled(from: PlanPrice, scheduled: Scheduled) -> impl IntoView {
    let way = words::way(Some(&from), &scheduled.to);
    let title = match dates::day(scheduled.at) {
        Some(day) => format!("You are set to go {way} on {day}."),
        None => format!("You are set to go {way}."),
    };
    view! {
        <Notice
            tone=Tone::Waiting
            title
            text="Choosing something else takes that back and puts the new choice in its place."
        />
    }
}

fn group(
    interval: Interval,
    current: &PlanPrice,
    offers: Vec<Offer>,
    period_end: Option<i64>,
    trialing: bool,
) -> impl IntoView + use<> {
    let (id, label) = match interval {
        Interval::Month => ("monthly", "Paid monthly"),
        Interval::Year => ("yearly", "Paid yearly"),
    };
    let lines = offers.into_iter().map(|offer| {
        let Offer {
            price,
            features,
            direction,
        } = offer;
        let when = when(direction, period_end, trialing);
        let to = format!(
            "/billing/change?to={}",
            answer::query_value(&price.price_id)
        );
        let way = words::way(Some(current), &price);
        let features =
            (!features.is_empty()).then(|| view! { <p class="small">{features.join(" · ")}</p> });
        view! {
            <li class="choice">
                <div class="choice-text">
                    <h3>{price.plan_name.clone()}</h3>
                    <p class="choice-price">{price.display()}</p>
                    <p class="choice-when">{when}</p>
                    {features}
                </div>
                <a class="button quiet" href=to>
                    "See what it costs"
                    <span class="unseen">{format!(" to go {way}, {}", price.display())}</span>
                </a>
            </li>
        }
    });
    view! {
        <section class="entry" aria-labelledby=id>
            <h2 class="margin" id=id>{label}</h2>
            <div class="matter">
                <ul class="choices">{lines.collect_view()}</ul>
            </div>
        </section>
    }
}

/// When a choice counts, in a line.
fn when(direction: Direction, period_end: Option<i64>, trialing: bool) -> String {
    match (direction, period_end.and_then(dates::day)) {
        (Direction::Now, _) if trialing => "Counts at once; your trial goes on.".to_owned(),
        (Direction::Now, _) => "Counts at once.".to_owned(),
        (Direction::Later, Some(day)) => {
            format!("Counts from {day}, when what you have paid for ends.")
        }
        (Direction::Later, None) => "Counts when what you have paid for ends.".to_owned(),
    }
}
