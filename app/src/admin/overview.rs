//! `/admin`: the figures, and what was done at the desk.

use super::desk::{Empty, Head, Ledger, Part, Stamp, Tab, shown};
use super::{AuditLine, Overview};
use leptos::prelude::*;

const HEADS: &[Head] = &[
    Head::Text("When"),
    Head::Text("Who"),
    Head::Text("What"),
    Head::Text("Of"),
    Head::Text("Detail"),
    Head::Text("Cause"),
];

#[component]
pub fn DeskOverview() -> impl IntoView {
    shown(Tab::Overview, |port| async move {
        let overview = port.overview().await?;
        Ok(view! { <Figures overview /> }.into_any())
    })
}

#[component]
fn Figures(overview: Overview) -> impl IntoView {
    let Overview {
        counts,
        received,
        by_hour,
        refused,
        oldest_wait_ms,
        people,
        lately,
    } = overview;
    let all: i64 = received.iter().map(|(_, count)| count).sum();
    let outcomes = received
        .into_iter()
        .map(|(outcome, count)| view! { <Figure value=count label=outcome /> })
        .collect_view();
    let refused = i64::try_from(refused).unwrap_or(i64::MAX);
    let people = people
        .into_iter()
        .map(|(state, count)| view! { <Figure value=count label=state /> })
        .collect_view();
    let waited = oldest_wait_ms
        .filter(|wait| *wait > 0)
        .map(|wait| format!("oldest {}", lasting(wait)));
    view! {
        <Part id="asks" title="Waits for you">
            <dl class="figures">
                <Figure value=counts.parked label="parked" href="/admin/work" alarm=true />
                <Figure value=counts.incidents label=plural(counts.incidents, "open incident", "open incidents") href="/admin/incidents" alarm=true />
                <Figure value=counts.waiting label=plural(counts.waiting, "role to answer", "roles to answer") href="/admin/roles" alarm=true />
            </dl>
        </Part>
        <Part id="work" title="Work">
            <dl class="figures">
                <Figure value=counts.due label="due now" note=waited />
                <Figure value=counts.failing label="backing off" href="/admin/work" />
            </dl>
        </Part>
        <Part id="people" title="People with a plan">
            <dl class="figures">{people}</dl>
        </Part>
        <Part id="webhooks" title="Webhooks, the last 24 hours">
            <dl class="figures">
                <Figure value=all label="stored" href="/admin/inbox" />
                {outcomes}
                <Figure
                    value=refused
                    label="refused since the start"
                    alarm=true
                    note=(refused > 0).then(|| "does STRIPE_WEBHOOK_SECRETS hold this endpoint’s secret?".to_owned())
                />
            </dl>
            <Hours by_hour />
        </Part>
        <Part id="lately" title="Done at the desk">
            <Acts lines=lately />
        </Part>
    }
}

fn plural(count: i64, one: &'static str, more: &'static str) -> &'static str {
    if count == 1 { one } else { more }
}

/// One number with its name. An alarming one is coloured, and says so, unless it is zero.
#[component]
fn Figure(
    value: i64,
    #[prop(into)] label: String,
    #[prop(optional)] href: Option<&'static str>,
    #[prop(optional)] alarm: bool,
    #[prop(optional_no_strip)] note: Option<String>,
) -> impl IntoView {
    let state = (alarm && value > 0).then_some("attention");
    let number = match href {
        Some(href) => view! { <a href=href>{value}</a> }.into_any(),
        None => value.into_any(),
    };
    view! {
        <div class="figure" data-state=state>
            <dt>{label}</dt>
            <dd>{number}</dd>
            {note.map(|note| view! { <dd class="note">{note}</dd> })}
        </div>
    }
}

/// Twenty-four bars, labelled at both ends and at the highest.
#[component]
fn Hours(by_hour: Vec<i64>) -> impl IntoView {
    const WIDE: i64 = 10;
    const HIGH: i64 = 48;
    let most = by_hour.iter().copied().max().unwrap_or(0);
    (most > 0).then(|| {
        let width = i64::try_from(by_hour.len()).unwrap_or(24) * WIDE;
        let bars = by_hour
            .iter()
            .zip(0_i64..)
            .map(|(count, at)| {
                // A single event is still seen.
                let tall = (count * HIGH / most).max(i64::from(*count > 0));
                view! { <rect x=at * WIDE y=HIGH - tall width=WIDE - 2 height=tall /> }
            })
            .collect_view();
        view! {
            <figure class="hours">
                <svg viewBox=format!("0 0 {width} {HIGH}") preserveAspectRatio="none" aria-hidden="true">{bars}</svg>
                <figcaption>
                    <span>"24 hours ago"</span>
                    <span>{format!("most in an hour: {most}")}</span>
                    <span>"now"</span>
                </figcaption>
            </figure>
        }
    })
}

#[component]
fn Acts(lines: Vec<AuditLine>) -> impl IntoView {
    if lines.is_empty() {
        return view! { <Empty text="Nothing yet." /> }.into_any();
    }
    view! { <AuditTable lines /> }.into_any()
}

/// Lines of the audit, as they are kept.
#[component]
pub(super) fn AuditTable(lines: Vec<AuditLine>) -> impl IntoView {
    let rows = lines
        .into_iter()
        .map(|line| {
            view! {
                <tr>
                    <td data-label="When"><Stamp at=line.at /></td>
                    <td data-label="Who">{line.actor}</td>
                    <td data-label="What">{line.event}</td>
                    <td data-label="Of"><code>{line.subject}</code></td>
                    <td data-label="Detail" class="wide">{line.detail}</td>
                    <td data-label="Cause"><code>{line.trace}</code></td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Ledger heads=HEADS>{rows}</Ledger>
    }
}

/// A length of time in one unit, rounded down.
fn lasting(ms: i64) -> String {
    match ms / 1000 {
        s if s < 120 => format!("{s} s"),
        s if s < 7200 => format!("{} min", s / 60),
        s if s < 172_800 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::lasting;

    #[test]
    fn lengths_in_one_unit() {
        for (ms, said) in [
            (1_000, "1 s"),
            (119_999, "119 s"),
            (120_000, "2 min"),
            (7_200_000, "2 h"),
            (172_800_000, "2 days"),
        ] {
            assert_eq!(lasting(ms), said);
        }
    }
}
