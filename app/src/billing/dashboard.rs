//! The dashboard itself.

use super::portal::OpenPortal;
use super::why::{When, Why};
use super::{
    Card, Dashboard, InvoiceLine, Link, Membership, Standing, StateWord, Station, StationState,
    Stop,
    headline::{headline, meaning},
    passes::Passes,
};
use crate::page::{Icon, Mark, Notice, SendForm, Tone, dates};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

#[component]
pub fn DashboardView(dashboard: Dashboard) -> impl IntoView {
    let (sentence, rest) = parted(headline(&dashboard));
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
        read_at,
        ..
    } = dashboard;
    let untouched = standing == Standing::None
        && [&payment, &access, &discord]
            .into_iter()
            .all(|station| station.state == StationState::Idle);
    let to_plans = match standing {
        Standing::None => Some("See the plans"),
        Standing::Ended => Some("Come back: see the plans"),
        _ => None,
    };
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
    let money = membership.is_some() || card.is_some() || has_portal;
    let particulars =
        money.then(|| view! { <Particulars standing membership card has_portal /> }.into_any());
    let invoices =
        has_portal.then(|| view! { <Invoices invoices known=invoices_known /> }.into_any());
    let passes = (!passes.is_empty()).then(|| view! { <Passes passes /> }.into_any());
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
        {must_join.then(|| view! { <MustJoin /> })}
        {(standing == Standing::PastDue && has_portal).then(|| view! { <Overdue /> })}
        <section class="entry lone">
            <p class="margin"><StateWord state=standing.state() word=standing.word() /></p>
            <div class="matter">
                <h1>{sentence}{rest}</h1>
                {meaning(standing).map(|text| view! { <p class="lede">{text}</p> })}
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
fn MustJoin() -> impl IntoView {
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

#[component]
fn Overdue() -> impl IntoView {
    view! {
        <Notice
            tone=Tone::Attention
            title="Your last payment did not go through."
            text="Pay it at Stripe, or give another card. You are charged once, for what is open."
        >
            <PortalButton label="Pay at Stripe" class="" />
        </Notice>
    }
}

#[component]
fn StationLink(stop: Stop, station: Station) -> impl IntoView {
    view! {
        <Link stop state=station.state text=station.text>
            <When at=station.at />
            {station.advice.map(|advice| view! { <p class="advice">{advice}</p> })}
        </Link>
    }
}

/// Plan, price, next date, card, and the way to Stripe's portal.
#[component]
fn Particulars(
    standing: Standing,
    membership: Option<Membership>,
    card: Option<Card>,
    has_portal: bool,
) -> impl IntoView {
    let rows = membership.map(|membership| {
        let price = membership
            .price
            .as_ref()
            .map(|price| match membership.interval {
                Some(interval) => format!("{} {}", price.display(), interval.per()),
                None => format!("{} once", price.display()),
            });
        let (label, date) = next_date(standing, &membership);
        view! {
            <Row label="Plan">{membership.plan_name}</Row>
            {price.map(|price| view! { <Row label="Price">{price}</Row> })}
            {date.map(|date| view! { <Row label>{date}</Row> })}
        }
    });
    let card = card.map(|card| {
        let text = format!(
            "{} ending in {}, valid until {:02}/{}",
            card.brand, card.last4, card.exp_month, card.exp_year
        );
        view! { <Row label="Paid with">{text}</Row> }
    });
    let portal = has_portal.then(|| {
        let label = match standing {
            Standing::Ending => "Keep it, or change the card",
            Standing::None | Standing::Ended | Standing::Pass => "See your cards and invoices",
            _ => "Change the card, or cancel",
        };
        view! {
            <div class="portal">
                <PortalButton label class="quiet" />
                <p class="small">"Opens your page at Stripe, and leads back here."</p>
            </div>
        }
    });
    view! {
        <section class="entry" aria-labelledby="particulars">
            <h2 class="margin" id="particulars">"Membership"</h2>
            <div class="matter">
                <dl class="rows">{rows}{card}</dl>
                {portal}
            </div>
        </section>
    }
}

#[component]
fn Row(label: &'static str, children: Children) -> impl IntoView {
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

/// One hidden field is not needed: whose portal it is, the session says.
#[component]
fn PortalButton(label: &'static str, class: &'static str) -> impl IntoView {
    view! {
        <SendForm
            action=OpenPortal::url().to_owned()
            name=String::new()
            value=String::new()
            more=Vec::new()
            label=label.to_owned()
            busy="Taking you to Stripe…".to_owned()
            class=class.to_owned()
        />
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
