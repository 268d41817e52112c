//! The page of whoever is about to leave: a pause first, where one is offered.

use super::forms::{CancelAtStripe, PauseMembership};
use super::{Leaving, PauseOffer, words};
use crate::page::{Icon, Mark, Notice, SendForm, Tone, dates};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

#[component]
pub fn Leave(leaving: Leaving) -> impl IntoView {
    let Leaving {
        subscription_id,
        plan,
        period_end,
        pauses,
        pause_keeps,
        scheduled,
    } = leaving;
    let until = period_end.and_then(dates::day);
    let stays = match &until {
        Some(day) => format!(
            "If you cancel, {} stays open until {day}, and nothing more is charged.",
            plan.plan_name
        ),
        None => "If you cancel, nothing more is charged.".to_owned(),
    };
    let how = match &until {
        Some(_) => {
            "Cancelling happens on Stripe’s page and counts at the end of what you have paid for. Until then you can \
             take it back here."
        }
        None => "Cancelling happens on Stripe’s page.",
    };
    let scheduled = scheduled.map(|scheduled| {
        let way = words::way(Some(&plan), &scheduled.to);
        let title = format!("Your change {way} has to make way.");
        view! {
            <Notice tone=Tone::Waiting title text="Going on to pause or to cancel takes it back." />
        }
    });
    let title = if pauses.is_empty() {
        "Cancel your membership?"
    } else {
        "Pause instead of leaving?"
    };
    let pauses = (!pauses.is_empty()).then(
        || view! { <Pauses pauses subscription_id=subscription_id.clone() until pause_keeps /> },
    );
    view! {
        {scheduled}
        <section class="entry lone">
            <p class="margin"><a href="/billing">"Billing"</a></p>
            <div class="matter">
                <h1>{title}</h1>
                <p class="lede">{stays}</p>
            </div>
        </section>
        {pauses}
        <section class="entry" aria-labelledby="cancel">
            <h2 class="margin" id="cancel">"Cancel"</h2>
            <div class="matter">
                <p>{how}</p>
                <div class="portal">
                    <SendForm
                        action=CancelAtStripe::url().to_owned()
                        name="subscription".to_owned()
                        value=subscription_id
                        more=Vec::new()
                        label="Go on to cancel at Stripe".to_owned()
                        busy="Taking you to Stripe…".to_owned()
                        class="quiet".to_owned()
                    />
                    <a class="button quiet" href="/billing">"Stay a member"</a>
                </div>
            </div>
        </section>
    }
}

#[component]
fn Pauses(
    pauses: Vec<PauseOffer>,
    subscription_id: String,
    until: Option<String>,
    pause_keeps: bool,
) -> impl IntoView {
    let access = match (pause_keeps, until) {
        (true, _) => {
            "While it is paused nothing is charged, and everything stays open to you.".to_owned()
        }
        (false, Some(day)) => format!(
            "You stay in until {day}. Then your roles in Discord rest, and nothing is charged. On the day of return payments start again and your roles come back by themselves."
        ),
        (false, None) => "While it is paused nothing is charged and your roles in Discord rest. On the day of return both come back by themselves.".to_owned(),
    };
    let offers = pauses.into_iter().enumerate().map(|(nth, offer)| {
        // One button stands out.
        let class = if nth == 0 { "" } else { "quiet" };
        let months = match offer.months {
            1 => "1 month".to_owned(),
            months => format!("{months} months"),
        };
        let back = dates::day(offer.returns_at).unwrap_or_default();
        view! {
            <li class="choice">
                <div class="choice-text">
                    <h3>{format!("Pause for {months}")}</h3>
                    <p class="choice-when">{format!("Back on {back}.")}</p>
                </div>
                <SendForm
                    action=PauseMembership::url().to_owned()
                    name="subscription".to_owned()
                    value=subscription_id.clone()
                    more=vec![("months".to_owned(), offer.months.to_string())]
                    label=format!("Pause until {back}")
                    busy="Asking Stripe…".to_owned()
                    class=class.to_owned()
                />
            </li>
        }
    });
    view! {
        <section class="entry" aria-labelledby="pause">
            <h2 class="margin" id="pause">"Pause"</h2>
            <div class="matter">
                <p class="means"><Icon mark=Mark::Clock /><span>{access}</span></p>
                <ul class="choices">{offers.collect_view()}</ul>
            </div>
        </section>
    }
}
