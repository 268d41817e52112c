//! What is ordered to go wrong, and buttons to order it.

use super::super::html::{button, each, escape};
use crate::World;

pub(super) fn section(world: &World) -> String {
    let on = orders(world);
    let told = if on.is_empty() {
        "<p class=\"empty\">Everything works.</p>".to_owned()
    } else {
        format!(
            "<ul>{}</ul>{}",
            each(&on, |order| format!(
                "<li data-fault>{}</li>",
                escape(order)
            )),
            button("faults/clear", "Make everything work again", &[])
        )
    };
    let open = if on.is_empty() { "" } else { " open" };
    format!(
        "<details id=\"trouble\"{open}><summary>Trouble ({})</summary>{told}\
         <div class=\"actions\">{}</div></details>",
        on.len(),
        buttons()
    )
}

fn buttons() -> String {
    let stripe = |label, fields: &[(&str, &str)]| {
        let mut all = vec![("target", "stripe")];
        all.extend_from_slice(fields);
        button("faults", label, &all)
    };
    let discord = |label, fields: &[(&str, &str)]| {
        let mut all = vec![("target", "discord")];
        all.extend_from_slice(fields);
        button("faults", label, &all)
    };
    let events = |label, fields: &[(&str, &str)]| {
        let mut all = vec![("target", "deliveries")];
        all.extend_from_slice(fields);
        button("faults", label, &all)
    };
    [
        stripe(
            "Stripe is down (503)",
            &[("kind", "answer"), ("status", "503")],
        ),
        stripe("Stripe says 429", &[("kind", "answer"), ("status", "429")]),
        stripe("Stripe is 3 s slow", &[("kind", "slow"), ("ms", "3000")]),
        stripe("Stripe never answers", &[("kind", "hang")]),
        discord(
            "Discord is down (503)",
            &[("kind", "answer"), ("status", "503")],
        ),
        discord("Discord says 429", &[("kind", "answer"), ("status", "429")]),
        discord("Discord never answers", &[("kind", "hang")]),
        events("Lose events", &[("drop", "100")]),
        events("Send events twice", &[("double", "100")]),
        events("Shuffle events", &[("shuffle", "true")]),
        events("Events 10 s late", &[("delay_ms", "10000")]),
    ]
    .concat()
}

/// Each in words.
fn orders(world: &World) -> Vec<String> {
    let mut orders = world.faults.in_words();
    orders.extend(
        world
            .discord
            .faults
            .waiting()
            .iter()
            .map(|fault| format!("discord: {} more {:?}", fault.times, fault.effect)),
    );
    let deliveries = world.stripe.delivery_faults();
    if deliveries.drop > 0 {
        orders.push(format!("{} of 100 events are lost", deliveries.drop));
    }
    if deliveries.double > 0 {
        orders.push(format!(
            "{} of 100 events are sent twice",
            deliveries.double
        ));
    }
    if deliveries.delay_ms > 0 {
        orders.push(format!("events are {} ms late", deliveries.delay_ms));
    }
    if deliveries.shuffle {
        orders.push("events come in any order".into());
    }
    orders.extend(
        world
            .mail
            .refused()
            .iter()
            .map(|part| format!("mail to {part} is refused")),
    );
    orders
}
