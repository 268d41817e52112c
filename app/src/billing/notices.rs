//! What stands above the dashboard: something is asked of the reader, or has just come about.

use super::particulars::PortalButton;
use super::{Came, LastChange, Membership, Owed, PendingChange, WaitsFor};
use crate::changes::Scheduled;
use crate::page::{Icon, Mark, Notice, Tone, dates};
use leptos::prelude::*;

#[component]
pub fn MustJoin() -> impl IntoView {
    view! {
        <Notice
            tone=Tone::Attention
            title="One step is left: join the Discord server."
            text="You are not in it, and Discord lets us add you only when you agree once more."
        >
            <a class="button" href="/login?next=%2Fbilling&join=1">"Join the server"</a>
        </Notice>
    }
}

/// A payment is missing: one button gives another card, a link leads to the open invoice.
#[component]
pub fn Overdue(ended: bool, owed: Owed) -> impl IntoView {
    let text = if ended {
        "Once it is paid, your access comes back by itself. You are charged once, for what is open."
    } else {
        "Give another card, and the payment is tried again by itself. You are charged once, for what is open."
    };
    let title = if ended {
        "An invoice is still open."
    } else {
        "Your last payment did not go through."
    };
    view! {
        <Notice tone=Tone::Attention title text>
            <div class="pair">
                <PortalButton page="card" label="Update your card" class="" />
                {owed.invoice.map(|url| view! {
                    <a class="external" href=url rel="noopener noreferrer">
                        "Pay the open invoice"
                        <Icon mark=Mark::External />
                    </a>
                })}
            </div>
        </Notice>
    }
}

/// A change that was asked for and does not count yet.
#[component]
pub fn Pending(
    pending: PendingChange,
    /// The plan that is there now.
    #[prop(into)]
    plan: String,
) -> impl IntoView {
    let plan = Some(plan).filter(|plan| !plan.is_empty());
    let (title, text) = pending_words(&pending, plan.as_ref());
    let label = match pending.waits_for {
        WaitsFor::Bank => "Confirm at Stripe",
        _ => "Pay at Stripe",
    };
    let asked = pending.waits_for != WaitsFor::Answer;
    let tone = if asked {
        Tone::Attention
    } else {
        Tone::Waiting
    };
    let url = pending.pay_url.filter(|_| asked);
    match url {
        Some(url) => view! {
            <Notice tone title text>
                <a class="button" href=url rel="noopener noreferrer">{label}</a>
            </Notice>
        }
        .into_any(),
        None => view! { <Notice tone title text /> }.into_any(),
    }
}

fn pending_words(pending: &PendingChange, plan: Option<&String>) -> (String, String) {
    let to = pending.to.as_ref().map(|to| to.plan_name.as_str());
    if pending.waits_for == WaitsFor::Answer {
        let title = match to {
            Some(to) => format!("We are finding out whether your change to {to} counted."),
            None => "We are finding out whether your change counted.".to_owned(),
        };
        let text = "Stripe gave no clear answer. It is looked up by itself within a minute or two; please do not choose again. You cannot be charged twice.";
        return (title, text.to_owned());
    }
    let why = match pending.waits_for {
        WaitsFor::Bank => "Your bank asks you to confirm the payment.",
        WaitsFor::Funds => "Your bank says that the card has too little money for it.",
        WaitsFor::ExpiredCard => "Your card has expired.",
        WaitsFor::OtherCard => "Your card was declined.",
        WaitsFor::Answer | WaitsFor::Payment => "The payment did not go through.",
    };
    let do_it = match pending.waits_for {
        WaitsFor::Bank => "Confirm it at Stripe and the change counts at once",
        _ => "Pay at Stripe with another card and the change counts at once",
    };
    let by = pending
        .until
        .and_then(dates::moment)
        .map(|at| format!("; otherwise it lapses on {at}"))
        .unwrap_or_default();
    let stays = match plan {
        Some(plan) => format!("Nothing has changed: you have {plan} and were not charged."),
        None => "Nothing has changed, and you were not charged.".to_owned(),
    };
    let title = match to {
        Some(to) => format!("Your change to {to} is not paid yet."),
        None => "Your change is not paid yet.".to_owned(),
    };
    (title, format!("{why} {stays} {do_it}{by}."))
}

/// What has come of the newest change. `asked`: the reader was led here by it.
#[component]
pub fn Changed(
    last: Option<LastChange>,
    membership: Option<Membership>,
    asked: bool,
) -> impl IntoView {
    let (plan, scheduled) = membership.map_or((None, None), |membership| {
        (Some(membership.plan_name), membership.scheduled)
    });
    last.filter(|last| asked || last.came == Came::Lapsed)
        .map(|last| {
            let (tone, title, text) = changed_words(&last, plan.as_ref(), scheduled.as_ref());
            view! { <Notice tone title text /> }
        })
}

fn changed_words(
    last: &LastChange,
    plan: Option<&String>,
    scheduled: Option<&Scheduled>,
) -> (Tone, String, String) {
    let has = plan.map_or("your plan", String::as_str);
    let to = last.to.as_ref().map_or(has, |to| to.plan_name.as_str());
    let day = |at: Option<i64>| at.and_then(dates::day);
    let (tone, title, text) = match last.came {
        Came::Upgraded => (
            Tone::Granted,
            format!("You have {to} now."),
            "Its roles and channels come by themselves in a moment.".to_owned(),
        ),
        Came::Scheduled => (
            Tone::Granted,
            match day(scheduled.map(|scheduled| scheduled.at)) {
                Some(day) => format!("You go to {to} on {day}."),
                None => format!("Your change to {to} is set."),
            },
            "Until then everything stays open, and you can take it back below. Nothing was charged."
                .to_owned(),
        ),
        Came::Stayed => (
            Tone::Granted,
            format!("You stay on {has}."),
            "The change is taken back. Nothing was charged.".to_owned(),
        ),
        Came::Kept => (
            Tone::Granted,
            "Your membership goes on.".to_owned(),
            "It renews as before. Nothing was charged today.".to_owned(),
        ),
        Came::Paused => (
            Tone::Granted,
            "Your membership is paused.".to_owned(),
            "Nothing is charged until the day of return. You can resume it any time below."
                .to_owned(),
        ),
        Came::Resumed => (
            Tone::Granted,
            "Your membership runs again.".to_owned(),
            "The next payment is as shown below. Nothing was charged today.".to_owned(),
        ),
        Came::Lapsed => (
            Tone::Attention,
            match day(Some(last.at)) {
                Some(day) => format!("Your change to {to} lapsed on {day}."),
                None => format!("Your change to {to} lapsed."),
            },
            format!("It was not paid in time, or never reached Stripe. You were not charged for it, and you have {has} as before."),
        ),
    };
    (tone, title, text)
}

#[cfg(test)]
mod tests {
    use super::pending_words;
    use crate::billing::{PendingChange, WaitsFor};
    use std::collections::HashSet;

    #[test]
    fn each_wait_says_why_in_its_own_words_and_what_it_means_for_money() {
        let waits = [
            WaitsFor::Answer,
            WaitsFor::Bank,
            WaitsFor::Funds,
            WaitsFor::ExpiredCard,
            WaitsFor::OtherCard,
            WaitsFor::Payment,
        ];
        let texts: HashSet<String> = waits
            .into_iter()
            .map(|waits_for| {
                let pending = PendingChange {
                    to: None,
                    waits_for,
                    until: Some(1_804_082_709_000),
                    pay_url: None,
                };
                let (title, text) = pending_words(&pending, Some(&"Member".to_owned()));
                let unknown = waits_for == WaitsFor::Answer;
                assert_eq!(text.contains("not charged"), !unknown, "{text}");
                assert_eq!(text.contains("3 March 2027, 14:05 UTC"), !unknown, "{text}");
                assert!(title.ends_with('.'));
                text
            })
            .collect();
        assert_eq!(texts.len(), waits.len());
    }
}
