//! `/admin/incidents`: what somebody has to look at, with what it means and what to do.

use super::advice::advice;
use super::desk::{Empty, Head, Ledger, Part, Stamp, Tab, Who, fields, shown};
use super::{ActForm, IncidentLine, Incidents, actions::DeskDismiss};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

const HEADS: &[Head] = &[
    Head::Text("Closed"),
    Head::Text("Opened"),
    Head::Text("Kind"),
    Head::Text("Of"),
    Head::Text("Detail"),
];

#[component]
pub fn DeskIncidents() -> impl IntoView {
    shown(Tab::Incidents, |port| async move {
        let incidents = port.incidents().await?;
        Ok(view! { <Lists incidents /> }.into_any())
    })
}

#[component]
fn Lists(incidents: Incidents) -> impl IntoView {
    let open = if incidents.open.is_empty() {
        view! { <Empty text="Nothing is open." /> }.into_any()
    } else {
        let lines = incidents
            .open
            .into_iter()
            .map(|line| view! { <Open line /> })
            .collect_view();
        view! { <ul class="incidents">{lines}</ul> }.into_any()
    };
    let closed = if incidents.closed.is_empty() {
        view! { <Empty text="None yet." /> }.into_any()
    } else {
        view! { <Closed lines=incidents.closed /> }.into_any()
    };
    view! {
        <Part id="open" title="Open">
            {open}
        </Part>
        <Part id="closed" title="Closed">
            {closed}
        </Part>
    }
}

#[component]
fn Open(line: IncidentLine) -> impl IntoView {
    let told = advice(&line.kind);
    let way = if told.closes_itself {
        view! { <p class="small">"Closes by itself once it is mended."</p> }.into_any()
    } else {
        view! {
            <ActForm
                action=DeskDismiss::url().to_owned()
                fields=fields([("kind", &line.kind), ("subject", &line.subject), ("back", "/admin/incidents")])
                label="Close".to_owned()
                busy="Closing…".to_owned()
                about=format!("{} {}", line.kind, line.subject)
                class="quiet".to_owned()
            />
        }
        .into_any()
    };
    view! {
        <li class="incident">
            <div class="incident-head">
                <h3>{told.title}</h3>
                <p class="small">
                    {line.kind.clone()} " · " <Stamp at=line.opened_at /> " · " <code>{line.subject.clone()}</code> " "
                    <Who person=line.person />
                </p>
            </div>
            <p class="incident-detail">{line.detail}</p>
            <p><strong>"What it means. "</strong>{told.meaning}</p>
            <p><strong>"What to do. "</strong>{told.todo}</p>
            {way}
        </li>
    }
}

#[component]
fn Closed(lines: Vec<IncidentLine>) -> impl IntoView {
    let rows = lines
        .into_iter()
        .map(|line| {
            view! {
                <tr>
                    <td data-label="Closed">{line.closed_at.map(|at| view! { <Stamp at /> })}</td>
                    <td data-label="Opened"><Stamp at=line.opened_at /></td>
                    <td data-label="Kind">{line.kind}</td>
                    <td data-label="Of">
                        <code>{line.subject}</code>
                        <span class="below"><Who person=line.person /></span>
                    </td>
                    <td data-label="Detail" class="wide">{line.detail}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Ledger heads=HEADS>{rows}</Ledger>
    }
}
