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
use crate::company::{HeldSeat, holder, list::held};
use crate::page::{Icon, Mark, dates};
use leptos::prelude::*;

#[expect(
    clippy::needless_pass_by_value,
    reason = "a component owns what it is given"
)]
#[component]
pub fn DashboardView(
    dashboard: Dashboard,
    /// Seats of companies that the reader holds.
    seats: Vec<HeldSeat>,
) -> impl IntoView {
    let head = Head::of(&dashboard, &seats);
    let rest = head
        .rest
        .map(|rest| view! { " " <span class="rest">{rest}</span> });
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
            <p class="margin"><StateWord state=head.state word=head.word /></p>
            <div class="matter">
                <h1>{head.sentence}{rest}</h1>
                {head.meaning.map(|text| view! { <p class="lede">{text}</p> })}
                {way_on}
                {head.to_plans.map(|label| view! { <p class="actions"><a class="button" href="/">{label}</a></p> })}
            </div>
        </section>
        {held(&seats)}
        {chain}
        {particulars}
        {passes}
        {invoices}
        {why}
    }
}

/// What stands at the top.
struct Head {
    state: StationState,
    word: &'static str,
    sentence: String,
    rest: Option<String>,
    meaning: Option<String>,
    /// Label of the way to the plans.
    to_plans: Option<&'static str>,
}

impl Head {
    /// Somebody who has nothing of their own, and a seat, has that.
    fn of(dashboard: &Dashboard, seats: &[HeldSeat]) -> Self {
        let standing = dashboard.standing;
        if matches!(standing, Standing::None | Standing::Ended)
            && let Some(seat) = holder::best(seats)
        {
            let (state, word) = holder::state(seat.gives);
            let (sentence, meaning) = holder::sentence(seat);
            return Self {
                state,
                word,
                sentence,
                rest: None,
                meaning: Some(meaning),
                to_plans: holder::offers_own(seat.gives).then_some("See the plans for yourself"),
            };
        }
        let (sentence, rest) = parted(headline(dashboard));
        Self {
            state: standing.state(),
            word: standing.word(),
            sentence,
            rest,
            meaning: meaning(dashboard).map(str::to_owned),
            to_plans: match standing {
                Standing::None => Some("See the plans"),
                // An open invoice stands in the way of a new beginning; the banner says so.
                Standing::Ended if dashboard.owed.is_none() => Some("Come back: see the plans"),
                _ => None,
            },
        }
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
pub fn Invoices(invoices: Vec<InvoiceLine>, known: bool) -> impl IntoView {
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
