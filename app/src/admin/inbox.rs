//! `/admin/inbox`: the stored events, newest first.

use super::desk::{Empty, Head, Ledger, Stamp, Tab, Who, fields, shown};
use super::{ActForm, InboxAsked, InboxLine, InboxPage, actions::DeskReplay};
use crate::page::answer::query_value;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_router::hooks::use_query_map;
use std::fmt::Write as _;

const HEADS: &[Head] = &[
    Head::Text("Received"),
    Head::Text("Type and event"),
    Head::Text("Object"),
    Head::Text("Customer"),
    Head::Text("Outcome"),
    Head::Unseen("Action"),
];

/// Types an operator looks for; any other can be typed.
const TYPES: [&str; 14] = [
    "charge.dispute.created",
    "charge.refunded",
    "checkout.session.completed",
    "customer.deleted",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.trial_will_end",
    "customer.subscription.updated",
    "invoice.finalization_failed",
    "invoice.paid",
    "invoice.payment_failed",
    "price.updated",
    "product.updated",
];

#[component]
pub fn DeskInbox() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let given = |name: &str| {
        query
            .get_str(name)
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    };
    let asked = InboxAsked {
        kind: given("type"),
        customer: given("customer"),
        outcome: given("outcome"),
        before: given("before").as_deref().and_then(key),
    };
    shown(Tab::Inbox, |port| async move {
        let page = port.inbox(&asked).await?;
        Ok(view! { <List asked page /> }.into_any())
    })
}

/// `1700000000000.evt_1`, the place of a line.
fn key(text: &str) -> Option<(i64, String)> {
    let (at, id) = text.split_once('.')?;
    Some((at.parse().ok()?, id.to_owned()))
}

/// The address of this list.
fn address(asked: &InboxAsked, before: Option<&(i64, String)>) -> String {
    let mut parts = String::new();
    for (name, value) in [
        ("type", asked.kind.clone()),
        ("customer", asked.customer.clone()),
        ("outcome", asked.outcome.clone()),
        ("before", before.map(|(at, id)| format!("{at}.{id}"))),
    ] {
        if let Some(value) = value {
            let joint = if parts.is_empty() { '?' } else { '&' };
            let _ = write!(parts, "{joint}{name}={}", query_value(&value));
        }
    }
    format!("/admin/inbox{parts}")
}

#[component]
fn List(asked: InboxAsked, page: InboxPage) -> impl IntoView {
    let here = address(&asked, asked.before.as_ref());
    let newest = asked.before.is_some().then(|| {
        view! { <a class="button quiet small" href=address(&asked, None)>"Newest"</a> }
    });
    let older = page
        .lines
        .last()
        .filter(|_| page.more)
        .map(|last| address(&asked, Some(&last.key())))
        .map(|href| view! { <a class="button quiet small" href=href rel="next">"Older"</a> });
    let filtered = asked.kind.is_some() || asked.customer.is_some() || asked.outcome.is_some();
    let lines = if page.lines.is_empty() {
        let text = if filtered {
            "No event fits."
        } else {
            "No event has come yet. Stripe sends them to /webhooks/stripe."
        };
        view! { <Empty text /> }.into_any()
    } else {
        view! { <Table lines=page.lines here /> }.into_any()
    };
    view! {
        <Filter asked outcomes=page.outcomes />
        {lines}
        <p class="actions pages">{newest}{older}</p>
    }
}

#[component]
fn Filter(asked: InboxAsked, outcomes: Vec<String>) -> impl IntoView {
    let options = outcomes
        .into_iter()
        .map(|outcome| {
            let chosen = asked.outcome.as_deref() == Some(&outcome);
            view! { <option value=outcome.clone() selected=chosen>{outcome.clone()}</option> }
        })
        .collect_view();
    let types = TYPES
        .map(|one| view! { <option value=one></option> })
        .to_vec();
    let filtered = asked.kind.is_some() || asked.customer.is_some() || asked.outcome.is_some();
    view! {
        <form class="filter" method="get" action="/admin/inbox" role="search">
            <label>
                <span>"Type"</span>
                <input name="type" list="types" value=asked.kind.unwrap_or_default() autocomplete="off" spellcheck="false" />
            </label>
            <datalist id="types">{types}</datalist>
            <label>
                <span>"Customer"</span>
                <input name="customer" placeholder="cus_…" value=asked.customer.unwrap_or_default() autocomplete="off" spellcheck="false" />
            </label>
            <label>
                <span>"Outcome"</span>
                <select name="outcome">
                    <option value="">"any"</option>
                    {options}
                </select>
            </label>
            <button type="submit" class="button small">"Filter"</button>
            {filtered.then(|| view! { <a class="button quiet small" href="/admin/inbox">"All"</a> })}
        </form>
    }
}

#[component]
fn Table(lines: Vec<InboxLine>, here: String) -> impl IntoView {
    let rows = lines
        .into_iter()
        .map(|line| view! { <Line line here=here.clone() /> })
        .collect_view();
    view! {
        <Ledger heads=HEADS>{rows}</Ledger>
    }
}

#[component]
fn Line(line: InboxLine, here: String) -> impl IntoView {
    let customer = line.customer_id.clone().map(|id| {
        let href = format!("/admin/inbox?customer={}", query_value(&id));
        view! { <a href=href><code>{id}</code></a> }
    });
    // Usually moments; what came late says so.
    let late = line.received_at - line.created_at;
    let late = (late > 120_000).then(|| {
        view! { <span class="below">"made " <Stamp at=line.created_at /></span> }
    });
    let mode = if line.live { "live" } else { "test" };
    let state = (line.outcome == "wrong mode").then_some("attention");
    let act = (line.outcome == "marked").then(|| {
        view! {
            <ActForm
                action=DeskReplay::url().to_owned()
                fields=fields([("event_id", &line.id), ("back", &here)])
                label="Replay".to_owned()
                busy="Replaying…".to_owned()
                about=line.id.clone()
                class="quiet".to_owned()
            />
        }
    });
    view! {
        <tr id=line.id.clone()>
            <td data-label="Received"><Stamp at=line.received_at />{late}</td>
            <td data-label="Event">
                <strong>{line.kind}</strong>
                <span class="below"><code>{line.id.clone()}</code></span>
            </td>
            <td data-label="Object"><code>{line.object_id}</code></td>
            <td data-label="Customer" class="whole">
                {customer}
                <span class="below"><Who person=line.person /></span>
            </td>
            <td data-label="Outcome" class="whole" data-state=state>
                <span class="outcome">{line.outcome.clone()}</span>
                <span class="below">{mode}</span>
            </td>
            <td class="does">{act}</td>
        </tr>
    }
}

#[cfg(test)]
mod tests {
    use super::{InboxAsked, address, key};

    #[test]
    fn a_place_is_written_and_read_alike() {
        let at = (1_800_000_000_000, "evt_1.x".to_owned());
        let asked = InboxAsked {
            kind: Some("invoice.paid".to_owned()),
            outcome: Some("wrong mode".to_owned()),
            ..InboxAsked::default()
        };
        assert_eq!(
            address(&asked, Some(&at)),
            "/admin/inbox?type=invoice.paid&outcome=wrong%20mode&before=1800000000000.evt_1.x"
        );
        assert_eq!(key("1800000000000.evt_1.x"), Some(at));
        assert_eq!(address(&InboxAsked::default(), None), "/admin/inbox");
        for nonsense in ["", "evt_1", "x.evt_1"] {
            assert_eq!(key(nonsense), None);
        }
    }
}
