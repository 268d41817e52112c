//! The pretend world at a glance, with its controls.
//!
//! For tests: a person is `[data-user="ID"]` with `data-in-server="true|false"`, and holds one
//! `[data-role="NAME"]` for each role; a subscription is `[data-subscription="ID"]` with
//! `data-status`; an event `[data-event="ID"]` with `data-type`; the clock `[data-now-ms]`.

mod events;
mod people;
mod stripe;
mod trouble;

use super::html::{button, document, escape, moment};
use crate::World;

pub(super) fn page(world: &mut World) -> String {
    let stripe_state = world.stripe.state_json();
    let now_ms = world.clock.now_ms();
    let name = escape(&world.discord.guild.name);
    let body = format!(
        "<main id=\"world\"><header><h1>{name}, a pretend world</h1>\
         <nav><a href=\"/mail\">Mailbox ({letters})</a><a href=\"/_sandbox/state\">State as JSON</a></nav></header>\
         {clock}{trouble}\
         <div class=\"columns\"><div>{people}</div><div>{stripe}</div></div>{events}\
         <h2>Begin again</h2><p class=\"quiet\">Everyone and everything as at the start.</p>{reset}</main>\
         <script src=\"/world.js\" defer></script>",
        letters = world.mail.messages().len(),
        clock = clock(now_ms),
        trouble = trouble::section(world),
        people = people::sections(&world.discord),
        stripe = stripe::sections(&stripe_state),
        events = events::section(&stripe_state, world.deliveries_paused),
        reset = button("reset", "Reset the world", &[]),
    );
    document("World", &body)
}

fn clock(now_ms: i64) -> String {
    let steps = [
        ("+1 hour", "advance_hours", "1"),
        ("+1 day", "advance_days", "1"),
        ("+1 week", "advance_days", "7"),
        ("+1 month", "advance_months", "1"),
    ]
    .map(|(label, name, value)| button("clock", label, &[(name, value)]))
    .concat();
    format!(
        "<section class=\"clock\" aria-label=\"Clock\" data-now-ms=\"{now_ms}\">\
         <strong>{}</strong>{steps}</section>",
        moment(now_ms)
    )
}

/// The class of what a status means for somebody's access or money.
fn meaning(status: &str) -> &'static str {
    match status {
        "active" | "trialing" | "paid" | "succeeded" | "complete" | "enabled" | "won" => "granted",
        "past_due"
        | "incomplete"
        | "open"
        | "failed"
        | "unpaid"
        | "needs_response"
        | "requires_action"
        | "requires_payment_method" => "attention",
        "canceled" | "incomplete_expired" | "void" | "uncollectible" | "expired" | "dropped"
        | "lost" | "deleted" | "disabled" => "ended",
        _ => "waiting",
    }
}

fn status(text: &str) -> String {
    format!(
        "<span class=\"state {}\">{}</span>",
        meaning(text),
        escape(&text.replace('_', " "))
    )
}
