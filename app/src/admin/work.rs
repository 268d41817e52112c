//! `/admin/work`: what stands still, and what comes again by itself.

use super::desk::{Empty, Head, Ledger, Part, Stamp, Tab, Who, fields, shown};
use super::{
    ActForm, SHOWN, Work, WorkLine,
    actions::{DeskRetry, DeskRetryAll},
};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

const HEADS: &[Head] = &[
    Head::Text("Subject"),
    Head::Text("Person"),
    Head::Text("Error"),
    Head::Number("Tries"),
    Head::Text("Again"),
    Head::Text("Cause"),
    Head::Unseen("Action"),
];

#[component]
pub fn DeskWork() -> impl IntoView {
    shown(Tab::Work, |port| async move {
        let work = port.work().await?;
        Ok(view! { <Lists work /> }.into_any())
    })
}

#[component]
fn Lists(work: Work) -> impl IntoView {
    let Work {
        parked,
        failing,
        parked_kinds,
        failing_total,
    } = work;
    let all: i64 = parked_kinds.iter().map(|(_, count)| count).sum();
    let by_kind = parked_kinds
        .into_iter()
        .map(|(kind, count)| {
            view! {
                <ActForm
                    action=DeskRetryAll::url().to_owned()
                    fields=fields([("kind", &kind), ("back", "/admin/work")])
                    label=format!("Retry all: {kind} ({count})")
                    busy="Marking…".to_owned()
                    about=String::new()
                    class="quiet".to_owned()
                />
            }
        })
        .collect_view();
    let parked = if parked.is_empty() {
        view! { <Empty text="Nothing is parked. What only needs time is tried again by itself." /> }
            .into_any()
    } else {
        view! {
            <div class="actions">{by_kind}</div>
            <Table lines=parked />
            <Rest total=all />
        }
        .into_any()
    };
    let failing = if failing.is_empty() {
        view! { <Empty text="Nothing is backing off." /> }.into_any()
    } else {
        view! {
            <Table lines=failing />
            <Rest total=failing_total />
        }
        .into_any()
    };
    view! {
        <Part id="parked" title="Parked: needs a person">
            {parked}
        </Part>
        <Part id="failing" title="Backing off: comes again by itself">
            {failing}
        </Part>
    }
}

/// Says that a list goes on.
#[component]
fn Rest(total: i64) -> impl IntoView {
    let shown = i64::try_from(SHOWN).unwrap_or(i64::MAX);
    (total > shown).then(|| {
        view! { <p class="small">{format!("{shown} of {total} are shown.")}</p> }
    })
}

#[component]
fn Table(lines: Vec<WorkLine>) -> impl IntoView {
    let rows = lines
        .into_iter()
        .map(|line| {
            let again = match line.again_at {
                Some(at) => view! { <Stamp at /> }.into_any(),
                None => view! { <span data-state="attention" class="outcome">"when marked"</span> }
                    .into_any(),
            };
            view! {
                <tr>
                    <td data-label="Subject">
                        <strong>{line.kind.clone()}</strong>
                        <span class="below"><code>{line.id.clone()}</code></span>
                    </td>
                    <td data-label="Person"><Who person=line.person /></td>
                    <td data-label="Error" class="wide">{line.error}</td>
                    <td data-label="Tries" class="number">{line.attempts}</td>
                    <td data-label="Again">{again}</td>
                    <td data-label="Cause"><code>{line.trace}</code></td>
                    <td class="does">
                        <ActForm
                            action=DeskRetry::url().to_owned()
                            fields=fields([("kind", &line.kind), ("id", &line.id), ("back", "/admin/work")])
                            label="Retry".to_owned()
                            busy="Marking…".to_owned()
                            about=format!("{} {}", line.kind, line.id)
                            class="quiet".to_owned()
                        />
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Ledger heads=HEADS>{rows}</Ledger>
    }
}
