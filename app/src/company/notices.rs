//! What stands above a company's page: something is asked of its admins, or is under way.

use super::doing::page_of;
use super::forms::CompanyPortal;
use super::picker::counted;
use super::{Company, CompanyStanding, Paying};
use crate::checkout::LOOKS;
use crate::page::{Icon, Mark, Notice, Press, Tone, answer, community, dates, hidden};
use crate::seats::Pool;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use leptos_router::params::ParamsMap;

/// Where the reader comes back from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Back {
    /// Paid at Stripe; otherwise from its portal.
    paid: bool,
    /// Looks made so far.
    looks: usize,
}

impl Back {
    pub fn of(query: &ParamsMap) -> Option<Self> {
        let paid = query.get_str("session_id").is_some_and(|id| !id.is_empty());
        let looks = query.get_str("look").and_then(|look| look.parse().ok());
        (paid || query.get_str("from") == Some("portal")).then_some(Self {
            paid,
            looks: looks.unwrap_or(0),
        })
    }
}

/// Stripe could not be read on return from there.
pub fn unread() -> AnyView {
    view! {
        <Notice
            tone=Tone::Waiting
            title="Stripe could not be asked just now."
            text="What you did there is safe with Stripe, and shows here by itself in a moment."
        />
    }
    .into_any()
}

/// Everything that is asked of the admins, or is under way.
pub fn all(company: &Company, back: Option<Back>) -> AnyView {
    let paying = &company.paying;
    let came = back
        .filter(|back| back.paid)
        .and_then(|_| came_back(paying));
    let pools = company.pools.iter().map(|pool| {
        (
            over(&company.id, pool, company.pools.len() > 1),
            ceiling(pool),
        )
    });
    let pools = pools.collect_view();
    view! {
        {came}
        {overdue(&company.id, paying)}
        {pending(&company.id, paying)}
        {pools}
    }
    .into_any()
}

/// On return from paying, once it counts.
fn came_back(paying: &Paying) -> Option<AnyView> {
    match paying.standing {
        CompanyStanding::Active | CompanyStanding::Trial => {}
        _ => return None,
    }
    Some(
        view! {
            <Notice
                tone=Tone::Granted
                title="Payment received. The seats are there."
                text="Invite the people they are for, or take one yourself."
            />
        }
        .into_any(),
    )
}

/// While Stripe has not confirmed the first payment: the page looks again by itself, and says
/// honestly what to expect when that has taken long.
pub fn activating(company: &Company, back: Option<Back>) -> AnyView {
    let looks = back.map_or(LOOKS.len(), |back| back.looks);
    let page = page_of(&company.id);
    let again = LOOKS.get(looks).map(|seconds| {
        let look = looks + 1;
        format!("{seconds};url={page}?session_id=again&look={look}")
    });
    let (title, text) = if again.is_some() {
        (
            "Activating the seats…",
            "Stripe is confirming the payment. It is mostly a matter of seconds.",
        )
    } else {
        (
            "The first payment is not confirmed yet.",
            "Banks sometimes take a few minutes, rarely a day. You can close this page: the seats open by themselves, \
             and nothing is charged twice.",
        )
    };
    view! {
        <Title text=format!("{} – {}", company.name, community().name) />
        {again.map(|content| view! { <leptos_meta::Meta http_equiv="refresh" content=content /> })}
        <section class="entry lone">
            <p class="margin">{company.name.clone()}</p>
            <div class="matter">
                <h1>{title}</h1>
                <p class="lede" role="status">{text}</p>
                <p class="actions">
                    <a class="button" href=format!("{page}?session_id=again")>"Look again"</a>
                    <a class="button quiet" href="/company">"Your companies"</a>
                </p>
            </div>
        </section>
    }
    .into_any()
}

/// A payment is missing: another card at Stripe, or the open invoice.
fn overdue(company: &str, paying: &Paying) -> Option<AnyView> {
    let over = match paying.standing {
        CompanyStanding::PastDue => false,
        CompanyStanding::Ended if paying.owed.is_some() => true,
        _ => return None,
    };
    let (title, text) = if over {
        (
            "An invoice is still open.",
            "Once it is paid, the seats come back by themselves. You are charged once, for what is open.",
        )
    } else {
        (
            "The last payment did not go through.",
            "Give another card, and it is tried again by itself. You are charged once, for what is open.",
        )
    };
    let invoice = paying
        .owed
        .clone()
        .map(|url| external(url, "Pay the open invoice"));
    let card = portal(company, "Update the card", "");
    Some(
        view! {
            <Notice tone=Tone::Attention title text>
                <div class="pair">
                    {card}
                    {invoice}
                </div>
            </Notice>
        }
        .into_any(),
    )
}

/// More seats were asked for, and are not paid yet.
fn pending(company: &str, paying: &Paying) -> Option<AnyView> {
    let wanted = paying.pending_seats?;
    let has = counted(paying.seats);
    let title = format!("{} are asked for and not paid yet.", counted(wanted));
    let text = format!(
        "The payment did not go through, or the bank wants it confirmed. Until then there are {has}, and nothing more \
         is charged. It lapses by itself if it is not paid within a day."
    );
    let way = match paying.owed.clone() {
        Some(url) => {
            view! { <a class="button" href=url rel="noopener noreferrer">"Pay at Stripe"</a> }
                .into_any()
        }
        None => portal(company, "Pay at Stripe", "").into_any(),
    };
    Some(view! { <Notice tone=Tone::Attention title text>{way}</Notice> }.into_any())
}

/// More seats are held than paid: there is a deadline, and a choice.
fn over(company: &str, pool: &Pool, named: bool) -> Option<AnyView> {
    let over = pool.over?;
    let of = if named {
        format!(" of {}", pool.plan)
    } else {
        String::new()
    };
    let title = match over.by {
        1 => format!("1 seat more{of} is held than paid."),
        by => format!("{} more{of} are held than paid.", counted(by)),
    };
    let by = dates::moment(over.deadline).unwrap_or_default();
    let left = dates::left(over.deadline)
        .map(|left| format!(" ({left})"))
        .unwrap_or_default();
    let text = format!(
        "Everybody keeps access until {by}{left}. Then the newest make way by themselves: pending invites first, then \
         the newest claims. You can choose yourself, or buy the seats."
    );
    let plan = answer::query_value(&pool.plan_id);
    let page = page_of(company);
    Some(
        view! {
            <Notice tone=Tone::Attention title text>
                <div class="pair">
                    <a class="button" href=format!("{page}/over?plan={plan}")>"Choose who makes way"</a>
                    <a class="button quiet" href=format!("{page}/number")>"Buy seats"</a>
                </div>
            </Notice>
        }
        .into_any(),
    )
}

/// Fewer seats are being asked for at Stripe.
fn ceiling(pool: &Pool) -> Option<AnyView> {
    let most = pool.ceiling.filter(|most| *most < pool.paid)?;
    let title = format!(
        "Fewer seats are being asked for at Stripe: {most} of {}.",
        pool.plan
    );
    Some(
        view! {
            <Notice
                tone=Tone::Waiting
                title
                text="Until Stripe has answered no more than these are filled. It is looked up by itself; nothing is charged twice."
            />
        }
        .into_any(),
    )
}

/// Opens the company's page at Stripe.
pub fn portal(company: &str, label: &'static str, class: &'static str) -> impl IntoView + use<> {
    view! {
        <form method="post" action=CompanyPortal::url()>
            {hidden([("company", company.to_owned())])}
            <Press label busy="Taking you to Stripe…" class />
        </form>
    }
}

fn external(url: String, label: &'static str) -> impl IntoView {
    view! {
        <a class="external" href=url rel="noopener noreferrer">
            {label}
            <Icon mark=Mark::External />
        </a>
    }
}
