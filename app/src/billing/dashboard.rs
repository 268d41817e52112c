//! The dashboard itself.

use super::notices::{Banned, MustJoin, Overdue, Pending};
use super::particulars::{Particulars, WayOn};
use super::why::{When, Why};
use super::{
    Away, Dashboard, InvoiceLine, Link, Membership, Standing, StateWord, Station, StationState,
    Stop,
    headline::{headline, meaning},
    passes::Passes,
};
use crate::page::{Icon, Mark, dates};
use leptos::prelude::*;

#[component]
pub fn DashboardView(dashboard: Dashboard) -> impl IntoView {
    let (sentence, rest) = parted(headline(&dashboard));
    let meaning = meaning(&dashboard);
    let rest = rest.map(|rest| view! { " " <span class="rest">{rest}</span> });
    let Dashboard {
        standing,
        membership,
        passes,
        card,
        invoices,
        invoices_known,
        has_portal,
        ..
    } = dashboard;
    let Dashboard {
        payment,
        access,
        discord,
        roles,
        why,
        must_join,
        away,
        read_at,
        pending,
        others,
        owed,
        ..
    } = dashboard;
    let current = membership.as_ref().and_then(Membership::current);
    let untouched = standing == Standing::None
        && [&payment, &access, &discord]
            .into_iter()
            .all(|station| station.state == StationState::Idle);
    let to_plans = match standing {
        Standing::None => Some("See the plans"),
        // An open invoice stands in the way of a new beginning; the banner says so.
        Standing::Ended if owed.is_none() => Some("Come back: see the plans"),
        _ => None,
    };
    let way_on = view! { <WayOn standing membership=membership.clone() waits=pending.is_some() /> };
    let read = read_at
        .map(|at| view! { <p class="read-at">"Read from Stripe on " <When at=Some(at) /></p> });
    let chain = (!untouched).then(|| {
        view! {
            <section class="entry" aria-labelledby="chain">
                <h2 class="margin" id="chain">"Where it stands"</h2>
                <div class="matter">
                    <ol class="chain">
                        <StationLink stop=Stop::Payment station=payment />
                        <StationLink stop=Stop::Membership station=access />
                        <StationLink stop=Stop::Discord station=discord />
                    </ol>
                    {read}
                </div>
            </section>
        }
        .into_any()
    });
    // A pass stands in its own list; Stripe's portal has nothing of it.
    let by_pass = membership
        .as_ref()
        .map_or(!passes.is_empty(), Membership::is_pass);
    let membership = membership.filter(|_| !by_pass);
    let has_portal = has_portal && (!by_pass || card.is_some() || !invoices.is_empty());
    let money = membership.is_some() || card.is_some() || has_portal;
    let particulars = money
        .then(|| view! { <Particulars standing membership card others has_portal /> }.into_any());
    let invoices =
        has_portal.then(|| view! { <Invoices invoices known=invoices_known /> }.into_any());
    let passes = (!passes.is_empty())
        .then(|| view! { <Passes passes running=standing == Standing::Pass /> }.into_any());
    let why = (!why.is_empty() || !roles.is_empty()).then(|| {
        view! {
            <section class="entry" aria-labelledby="why">
                <h2 class="margin" id="why">"Why"</h2>
                <div class="matter"><Why steps=why roles /></div>
            </section>
        }
        .into_any()
    });
    view! {
        {must_join.then(|| view! { <MustJoin away /> })}
        {(away == Away::Banned).then(|| view! { <Banned /> })}
        {owed.map(|owed| view! { <Overdue ended=standing != Standing::PastDue owed /> })}
        {pending.map(|pending| view! { <Pending pending current /> })}
        <section class="entry lone">
            <p class="margin"><StateWord state=standing.state() word=standing.word() /></p>
            <div class="matter">
                <h1>{sentence}{rest}</h1>
                {meaning.map(|text| view! { <p class="lede">{text}</p> })}
                {way_on}
                {to_plans.map(|label| view! { <p class="actions"><a class="button" href="/">{label}</a></p> })}
            </div>
        </section>
        {chain}
        {particulars}
        {passes}
        {invoices}
        {why}
    }
}

/// The first sentence, and what follows it.
fn parted(headline: String) -> (String, Option<String>) {
    match headline.split_once(". ") {
        Some((first, rest)) => (format!("{first}."), Some(rest.to_owned())),
        None => (headline, None),
    }
}

#[component]
fn StationLink(stop: Stop, station: Station) -> impl IntoView {
    view! {
        <Link stop state=station.state text=station.text word=station.word>
            <When at=station.at />
            {station.advice.map(|advice| view! { <p class="advice">{advice}</p> })}
        </Link>
    }
}

#[component]
fn Invoices(invoices: Vec<InvoiceLine>, known: bool) -> impl IntoView {
    let matter = if !invoices.is_empty() {
        let lines = invoices.into_iter().map(|line| {
            let (state, word) = invoice_word(&line.status);
            let number = line.number.unwrap_or_else(|| "Draft".to_owned());
            let link = line.url.map(|url| {
                view! {
                    <a href=url rel="noopener noreferrer">
                        "View"
                        <span class="unseen">{format!(" invoice {number} at Stripe")}</span>
                        <Icon mark=Mark::External />
                    </a>
                }
            });
            view! {
                <li class="invoice">
                    <span class="invoice-day">{dates::day(line.created_at)}</span>
                    <span class="invoice-number">{number.clone()}</span>
                    <StateWord state word />
                    <span class="amount">{line.total.display()}</span>
                    <span class="invoice-link">{link}</span>
                </li>
            }
        });
        view! { <ul class="invoices">{lines.collect_view()}</ul> }.into_any()
    } else if known {
        view! { <p>"No invoice yet. The first comes with the first payment."</p> }.into_any()
    } else {
        view! {
            <p>"Stripe could not be asked for your invoices just now. They are safe there; load the page again in a minute."</p>
        }
        .into_any()
    };
    view! {
        <section class="entry" aria-labelledby="invoices">
            <h2 class="margin" id="invoices">"Invoices"</h2>
            <div class="matter">{matter}</div>
        </section>
    }
}

/// Stripe's word for an invoice, in ours.
fn invoice_word(status: &str) -> (StationState, String) {
    match status {
        "paid" => (StationState::Granted, "Paid".to_owned()),
        "open" => (StationState::Attention, "Open".to_owned()),
        "draft" => (StationState::Waiting, "In preparation".to_owned()),
        "void" => (StationState::Idle, "Cancelled".to_owned()),
        "uncollectible" => (StationState::Ended, "Written off".to_owned()),
        other => (StationState::Idle, other.to_owned()),
    }
}
