//! What stands above the dashboard: something is asked of the reader, or has just come about.

use super::particulars::PortalButton;
use super::{Away, Came, LastChange, Membership, Owed, PendingChange, WaitsFor};
use crate::changes::{PlanPrice, Scheduled, words};
use crate::page::{Icon, Mark, Notice, Tone, dates};
use leptos::prelude::*;

#[component]
pub fn MustJoin(away: Away) -> impl IntoView {
    let (title, text, label) = if away == Away::Left {
        (
            "You are no longer in the Discord server.",
            "Your membership goes on. Discord lets us add you again when you agree once more, and your roles come back by themselves.",
            "Join the server again",
        )
    } else {
        (
            "One step is left: join the Discord server.",
            "You are not in it, and Discord lets us add you only when you agree once more.",
            "Join the server",
        )
    };
    view! {
        <Notice tone=Tone::Attention title text>
            <a class="button" href="/login?next=%2Fbilling&join=1">{label}</a>
        </Notice>
    }
}

/// Only the server's moderators can do something about it.
#[component]
pub fn Banned() -> impl IntoView {
    view! {
        <Notice
            tone=Tone::Attention
            title="You are banned from the Discord server."
            text="We cannot add you while the ban lasts. Ask the people who run the server; once it is lifted, come back here and join again. Your membership has not ended by it: it goes on until you cancel it."
        />
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
#[expect(
    clippy::needless_pass_by_value,
    reason = "a component owns what it is given"
)]
#[component]
pub fn Pending(
    pending: PendingChange,
    /// What is there now.
    current: Option<PlanPrice>,
) -> impl IntoView {
    let (title, text) = pending_words(&pending, current.as_ref());
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

fn pending_words(pending: &PendingChange, current: Option<&PlanPrice>) -> (String, String) {
    if pending.goes_on {
        return first_period_words(pending);
    }
    let change = match &pending.to {
        Some(to) => format!("your change {}", words::way(current, to)),
        None => "your change".to_owned(),
    };
    if pending.waits_for == WaitsFor::Answer {
        let title = format!("We are finding out whether {change} counted.");
        let text = "Stripe gave no clear answer. It is looked up by itself within a minute or two; please do not choose again. You cannot be charged twice.";
        return (title, text.to_owned());
    }
    let why = why(pending.waits_for);
    let do_it = match pending.waits_for {
        WaitsFor::Bank => "Confirm it at Stripe and the change counts at once",
        _ => "Pay at Stripe with another card and the change counts at once",
    };
    let by = pending
        .until
        .and_then(dates::moment)
        .map(|at| format!("; otherwise it lapses on {at}"))
        .unwrap_or_default();
    let stays = match current {
        Some(current) => {
            let has = words::has(current, pending.to.as_ref());
            format!("Nothing has changed: {has} and were not charged.")
        }
        None => "Nothing has changed, and you were not charged.".to_owned(),
    };
    let title = format!("Y{} is not paid yet.", change.trim_start_matches('y'));
    (title, format!("{why} {stays} {do_it}{by}."))
}

/// The same for the first period after a trial.
fn first_period_words(pending: &PendingChange) -> (String, String) {
    if pending.waits_for == WaitsFor::Answer {
        return (
            "We are finding out whether your membership goes on.".to_owned(),
            "Stripe gave no clear answer. It is looked up by itself within a minute or two; please do not \
             press again. You cannot be charged twice."
                .to_owned(),
        );
    }
    let do_it = match pending.waits_for {
        WaitsFor::Bank => "Confirm it at Stripe, and your membership goes on at once.",
        _ => "Pay at Stripe with another card, and your membership goes on at once.",
    };
    (
        "Your first payment is not through yet.".to_owned(),
        format!("{} You were not charged. {do_it}", why(pending.waits_for)),
    )
}

fn why(waits_for: WaitsFor) -> &'static str {
    match waits_for {
        WaitsFor::Bank => "Your bank asks you to confirm the payment.",
        WaitsFor::Funds => "Your bank says that the card has too little money for it.",
        WaitsFor::ExpiredCard => "Your card has expired.",
        WaitsFor::OtherCard => "Your card was declined.",
        WaitsFor::Answer | WaitsFor::Payment => "The payment did not go through.",
    }
}

/// What has come of the newest change. `asked`: the reader was led here by it.
#[component]
pub fn Changed(
    last: Option<LastChange>,
    membership: Option<Membership>,
    asked: bool,
) -> impl IntoView {
    let current = membership.as_ref().and_then(Membership::current);
    let scheduled = membership.and_then(|membership| membership.scheduled);
    last.filter(|last| asked || last.came == Came::Lapsed)
        .map(|last| {
            let (tone, title, text) = changed_words(&last, current.as_ref(), scheduled.as_ref());
            view! { <Notice tone title text /> }
        })
}

fn changed_words(
    last: &LastChange,
    current: Option<&PlanPrice>,
    scheduled: Option<&Scheduled>,
) -> (Tone, String, String) {
    let from = last.from.as_ref().or(current);
    let way = last
        .to
        .as_ref()
        .map_or_else(String::new, |to| format!(" {}", words::way(from, to)));
    let day = |at: Option<i64>| at.and_then(dates::day);
    let (tone, title, text) = match last.came {
        Came::Upgraded => {
            let (title, text) = upgraded(from, last.to.as_ref());
            (Tone::Granted, title, text)
        }
        Came::Scheduled => (
            Tone::Granted,
            match day(scheduled.map(|scheduled| scheduled.at)) {
                Some(day) => format!("You go{way} on {day}."),
                None => format!("Your change{way} is set."),
            },
            "Until then everything stays open, and you can take it back below. Nothing was charged."
                .to_owned(),
        ),
        Came::Stayed => (
            Tone::Granted,
            match current {
                Some(has) => format!("You stay on {}, paid {}.", has.plan_name, words::paid(has.interval)),
                None => "You stay on your plan.".to_owned(),
            },
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
        Came::WentOn => (
            Tone::Granted,
            "Your membership goes on.".to_owned(),
            "The first period is paid. Your roles come back by themselves in a moment.".to_owned(),
        ),
        Came::Lapsed => (
            Tone::Attention,
            match day(Some(last.at)) {
                Some(day) => format!("Your change{way} lapsed on {day}."),
                None => format!("Your change{way} lapsed."),
            },
            match current {
                Some(current) => format!(
                    "It was not paid in time, or never reached Stripe. You were not charged for it, and {} as before.",
                    words::has(current, last.to.as_ref())
                ),
                None => "It was not paid in time, or never reached Stripe. You were not charged for it.".to_owned(),
            },
        ),
    };
    (tone, title, text)
}

/// A change that counts: another plan has its roles, another price of the same leaves them.
fn upgraded(from: Option<&PlanPrice>, to: Option<&PlanPrice>) -> (String, String) {
    let Some(to) = to else {
        return ("Your change counts now.".to_owned(), String::new());
    };
    if from.is_some_and(|from| words::same_plan(from, to)) {
        return (
            format!("You pay {} for {} now.", to.display(), to.plan_name),
            "Your roles and channels stay as they are.".to_owned(),
        );
    }
    (
        format!("You have {} now.", to.plan_name),
        "Its roles and channels come by themselves in a moment.".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::{changed_words, pending_words};
    use crate::billing::{Came, LastChange, PendingChange, WaitsFor};
    use crate::changes::{PlanPrice, Scheduled, words::tests::price};
    use crate::plans::Interval::{Month, Year};
    use std::collections::HashSet;

    /// 3 March 2027.
    const DAY: i64 = 1_804_082_709_000;

    #[test]
    fn a_change_within_one_plan_names_the_interval() {
        let (month, year) = (price("Patron", 7900, Month), price("Patron", 79_000, Year));
        let title = |came, from: &PlanPrice, to: Option<&PlanPrice>, current: &PlanPrice| {
            let last = LastChange {
                came,
                from: Some(from.clone()),
                to: to.cloned(),
                at: DAY,
            };
            let scheduled = to.map(|to| Scheduled {
                subscription_id: String::new(),
                to: to.clone(),
                at: DAY,
            });
            let (_, title, text) = changed_words(&last, Some(current), scheduled.as_ref());
            format!("{title} {text}").replace('\u{a0}', " ")
        };
        for (said, begins) in [
            (
                title(Came::Upgraded, &month, Some(&year), &year),
                "You pay 790 € a year for Patron now. Your roles and channels stay as they are.",
            ),
            (
                title(Came::Scheduled, &year, Some(&month), &year),
                "You go from yearly to monthly on 3 March 2027.",
            ),
            (
                title(Came::Stayed, &year, None, &year),
                "You stay on Patron, paid yearly.",
            ),
            (
                title(Came::Lapsed, &month, Some(&year), &month),
                "Your change from monthly to yearly lapsed on 3 March 2027.",
            ),
            (
                title(
                    Came::Upgraded,
                    &price("Member", 2900, Month),
                    Some(&year),
                    &year,
                ),
                "You have Patron now.",
            ),
        ] {
            assert!(said.starts_with(begins), "{said}");
        }
        let lapsed = title(Came::Lapsed, &month, Some(&year), &month);
        assert!(
            lapsed.ends_with("and you pay monthly as before."),
            "{lapsed}"
        );
    }

    #[test]
    fn a_wait_within_one_plan_names_the_interval() {
        let current = price("Patron", 7900, Month);
        for (waits_for, expected) in [
            (
                WaitsFor::Answer,
                "We are finding out whether your change from monthly to yearly counted.",
            ),
            (
                WaitsFor::Bank,
                "Your change from monthly to yearly is not paid yet.",
            ),
        ] {
            let pending = PendingChange {
                goes_on: false,
                to: Some(price("Patron", 79_000, Year)),
                waits_for,
                until: None,
                pay_url: None,
            };
            let (title, text) = pending_words(&pending, Some(&current));
            assert_eq!(title, expected);
            let unknown = waits_for == WaitsFor::Answer;
            assert_eq!(
                text.contains("you pay monthly and were not charged"),
                !unknown
            );
        }
    }

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
                    goes_on: false,
                    to: None,
                    waits_for,
                    until: Some(DAY),
                    pay_url: None,
                };
                let (title, text) = pending_words(&pending, Some(&price("Member", 2900, Month)));
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
