//! Plan, price, next date, card, and what can be done about them.

use super::portal::OpenPortal;
use super::{Card, Membership, OtherLine, Standing};
use crate::changes::forms::{GoOn, KeepMembership, ResumeMembership, StayOnPlan};
use crate::changes::{Scheduled, words};
use crate::money::Money;
use crate::page::{SendForm, dates};
use crate::plans::Interval;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

#[component]
pub fn Particulars(
    standing: Standing,
    membership: Option<Membership>,
    card: Option<Card>,
    others: Vec<OtherLine>,
    has_portal: bool,
) -> impl IntoView {
    let rows = membership.clone().map(|membership| {
        let price = price(membership.price.as_ref(), membership.interval);
        let (label, date) = next_date(standing, &membership);
        let back = membership.resumes_at.and_then(dates::day);
        let then = membership.scheduled.as_ref().and_then(from_then_on);
        view! {
            <Row label="Plan">{membership.plan_name.clone()}</Row>
            {price.map(|price| view! { <Row label="Price">{price}</Row> })}
            {date.map(|date| view! { <Row label>{date}</Row> })}
            {then.map(|then| view! { <Row label="From then on">{then}</Row> })}
            {back.map(|back| view! { <Row label="Payments resume">{back}</Row> })}
        }
    });
    let has_card = card.is_some();
    let card = card.map(|card| {
        let text = format!(
            "{} ending in {}, valid until {:02}/{}",
            card.brand, card.last4, card.exp_month, card.exp_year
        );
        view! { <Row label="Paid with">{text}</Row> }
    });
    let others = others
        .into_iter()
        .map(|other| view! { <Row label="Also running">{beside(&other)}</Row> })
        .collect_view();
    view! {
        <section class="entry" aria-labelledby="particulars">
            <h2 class="margin" id="particulars">"Membership"</h2>
            <div class="matter">
                <dl class="rows">{rows}{others}{card}</dl>
                <Doings standing membership has_portal has_card />
            </div>
        </section>
    }
}

fn price(price: Option<&Money>, interval: Option<Interval>) -> Option<String> {
    let price = price?;
    Some(match interval {
        Some(interval) => format!("{} {}", price.display(), interval.per()),
        None => format!("{} once", price.display()),
    })
}

/// "Member, 9 € a month"
fn from_then_on(scheduled: &Scheduled) -> Option<String> {
    dates::day(scheduled.at)?;
    let to = &scheduled.to;
    Some(format!("{}, {}", to.plan_name, to.display()))
}

/// Takes a scheduled change back.
fn stay(membership: &Membership) -> Option<String> {
    let scheduled = membership.scheduled.as_ref()?;
    Some(match membership.current() {
        Some(current) => words::stay(&current, &scheduled.to),
        None => format!("Stay on {}", membership.plan_name),
    })
}

/// Another subscription, in a line: each is charged for itself.
fn beside(other: &OtherLine) -> String {
    let mut parts = vec![other.plan_name.clone()];
    parts.extend(price(other.price.as_ref(), other.interval));
    if let Some(day) = other.until.and_then(dates::day) {
        parts.push(match (other.status.as_str(), other.ends) {
            ("past_due" | "unpaid", _) => "payment missing".to_owned(),
            (_, true) => format!("ends on {day}"),
            ("trialing", _) => format!("trial until {day}"),
            _ => format!("renews on {day}"),
        });
    }
    parts.join(", ")
}

#[component]
fn Row(#[prop(into)] label: String, children: Children) -> impl IntoView {
    view! {
        <div class="row">
            <dt>{label}</dt>
            <dd>{children()}</dd>
        </div>
    }
}

/// The date that matters in this standing.
fn next_date(standing: Standing, membership: &Membership) -> (&'static str, Option<String>) {
    let (label, at) = match standing {
        Standing::Trial => (
            "Trial ends",
            membership.trial_ends_at.or(membership.renews_at),
        ),
        Standing::PastDue => ("Access until", membership.grace_until),
        Standing::Ending | Standing::Paused | Standing::Pass => {
            ("Access until", membership.ends_at)
        }
        Standing::Ended => ("Ended", membership.ends_at),
        Standing::Active if membership.renews_at.is_none() => ("Access until", membership.ends_at),
        _ => ("Next payment", membership.renews_at),
    };
    (label, at.and_then(dates::day))
}

/// The buttons, the one that matters first.
#[component]
fn Doings(
    standing: Standing,
    membership: Option<Membership>,
    has_portal: bool,
    has_card: bool,
) -> impl IntoView {
    let may = membership.as_ref().map(|m| m.may).unwrap_or_default();
    let stay = membership
        .as_ref()
        .and_then(|membership| Some((membership.id.clone(), stay(membership)?)))
        .map(|(id, label)| form(StayOnPlan::url(), id, label));
    let change = may
        .change
        .then(|| view! { <a class="button quiet" href="/billing/change">"Change your plan"</a> });
    let over = matches!(standing, Standing::None | Standing::Ended | Standing::Pass);
    // The way on after a trial without a card stands at the top.
    let asked = standing == Standing::TrialOver && !has_card;
    let card = (has_portal && !asked).then(|| {
        let (page, label) = match (over, has_card) {
            (true, _) => ("home", "See your cards and invoices"),
            (false, true) => ("card", "Change the card"),
            (false, false) => ("card", "Add a card"),
        };
        view! { <PortalButton page label class="quiet" /> }
    });
    let cancel = may.cancel.then(|| {
        let label = if may.pause {
            "Pause or cancel"
        } else {
            "Cancel"
        };
        view! { <a class="button quiet" href="/billing/cancel">{label}</a> }
    });
    view! {
        <div class="portal">{stay}{change}{card}{cancel}</div>
        {(has_portal && !asked).then(|| {
            let text = if over {
                "Cards and invoices are on your page at Stripe, which leads back here."
            } else {
                "Cards and cancelling are on your page at Stripe, which leads back here."
            };
            view! { <p class="small">{text}</p> }
        })}
    }
}

fn form(action: &str, subscription: String, label: String) -> impl IntoView + use<> {
    view! {
        <SendForm
            action=action.to_owned()
            name="subscription".to_owned()
            value=subscription
            more=Vec::new()
            label
            busy="Asking Stripe…".to_owned()
            class=String::new()
        />
    }
}

/// The one button below the sentence that says it all, if something can be done about it there.
#[component]
pub fn WayOn(
    standing: Standing,
    membership: Option<Membership>,
    /// Something else is asked for already.
    waits: bool,
) -> impl IntoView {
    let may = membership.as_ref().map(|m| m.may).unwrap_or_default();
    let button = match membership {
        Some(membership) if may.keep => {
            let label = "Keep my membership".to_owned();
            form(KeepMembership::url(), membership.id, label).into_any()
        }
        Some(membership) if may.resume => form(
            ResumeMembership::url(),
            membership.id,
            "Resume now".to_owned(),
        )
        .into_any(),
        Some(membership) if may.go_on => go_on(membership).into_any(),
        _ if standing == Standing::TrialOver && !waits => {
            view! { <PortalButton page="card" label="Add a card" class="" /> }.into_any()
        }
        _ => return None,
    };
    Some(view! { <div class="actions">{button}</div> })
}

/// Goes on after a trial; what the button says is what is charged.
fn go_on(membership: Membership) -> impl IntoView {
    let Membership { id, price, .. } = membership;
    price.map(|price| {
        view! {
            <SendForm
                action=GoOn::url().to_owned()
                name="subscription".to_owned()
                value=id
                more=vec![("amount".to_owned(), price.minor.to_string())]
                label=format!("Go on and pay {}", price.display())
                busy="Asking Stripe…".to_owned()
                class=String::new()
            />
        }
    })
}

/// Whose portal it is, the session says.
#[component]
pub fn PortalButton(page: &'static str, label: &'static str, class: &'static str) -> impl IntoView {
    view! {
        <SendForm
            action=OpenPortal::url().to_owned()
            name="page".to_owned()
            value=page.to_owned()
            more=Vec::new()
            label=label.to_owned()
            busy="Taking you to Stripe…".to_owned()
            class=class.to_owned()
        />
    }
}
