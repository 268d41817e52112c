//! Events, newest first, and what became of their deliveries.

use serde_json::Value;

use super::{
    super::html::{button, each, escape, moment_s},
    status,
    stripe::{list, text},
};

const SHOWN: usize = 40;

pub(super) fn section(state: &Value, paused: bool) -> String {
    let events = list(state, "events");
    let mut newest: Vec<&Value> = events.iter().collect();
    newest.sort_by_key(|event| std::cmp::Reverse(event["created"].as_i64().unwrap_or(0)));
    let rows = each(newest.into_iter().take(SHOWN), row);
    let table = if rows.is_empty() {
        "<p class=\"empty\">Nothing has happened yet.</p>".to_owned()
    } else {
        format!(
            "<div class=\"scroll\"><table><thead><tr><th>When</th><th>Event</th><th>Deliveries</th>\
             <th></th></tr></thead><tbody>{rows}</tbody></table></div>"
        )
    };
    let flow = if paused {
        format!(
            "<p><span class=\"state attention\">Deliveries are paused.</span></p>{}",
            button("deliveries/resume", "Let them go on", &[])
        )
    } else {
        button("deliveries/pause", "Pause deliveries", &[])
    };
    let retry = button(
        "deliveries/flush",
        "Retry the failed ones now",
        &[("retries", "true")],
    );
    format!(
        "<h2>Events ({total})</h2><div class=\"actions\">{flow}{retry}</div>{table}",
        total = state["events_total"].as_u64().unwrap_or(0),
    )
}

fn row(event: &Value) -> String {
    let id = text(event, "id");
    let deliveries = list(event, "deliveries");
    let told = if deliveries.is_empty() {
        "<small>no endpoint</small>".to_owned()
    } else {
        each(deliveries, delivery)
    };
    format!(
        "<tr data-event=\"{id}\" data-type=\"{kind}\"><td class=\"number\">{when}</td>\
         <td>{kind}<br><span class=\"id\">{id}</span></td><td>{told}</td><td>{again}</td></tr>",
        id = escape(id),
        kind = escape(text(event, "type")),
        when = moment_s(event["created"].as_i64().unwrap_or(0)),
        again = button("deliveries/resend", "Resend", &[("event", id)]),
    )
}

fn delivery(delivery: &Value) -> String {
    let attempts = list(delivery, "attempts");
    let last = match attempts.last().map(|attempt| attempt["status"].as_u64()) {
        Some(Some(status)) => status.to_string(),
        Some(None) => "no answer".to_owned(),
        None => String::new(),
    };
    let times = if attempts.len() > 1 {
        format!(", {} attempts", attempts.len())
    } else {
        String::new()
    };
    format!(
        "<div>{} <small>{last}{times}</small></div>",
        status(text(delivery, "state"))
    )
}
