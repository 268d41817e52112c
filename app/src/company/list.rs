//! `/company`: the companies one looks after, and the seats one holds.

use super::doing::page_of;
use super::{Belongs, CompanyRole, HeldSeat, OwnCompany, headline::taken, holder};
use crate::billing::StateWord;
use crate::page::community;
use crate::seats::meter::Bar;
use leptos::prelude::*;
use leptos_meta::Title;

impl CompanyRole {
    /// "Owner", "Admin"
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Admin => "Admin",
            Self::Owner => "Owner",
        }
    }
}

#[component]
pub fn Belonging(belongs: Belongs) -> impl IntoView {
    let Belongs { companies, seats } = belongs;
    let head = match (companies.is_empty(), seats.is_empty()) {
        (true, true) => (
            "You belong to no company yet.",
            "A company pays for seats, and its people claim them by invites. If you were invited, open the link of \
             the mail.",
        ),
        (true, false) => (
            "You have a seat.",
            "It is paid for you, and costs you nothing.",
        ),
        (false, _) => (
            "Your companies",
            "You look after their seats: who has one, and how many are paid.",
        ),
    };
    let first = companies.is_empty();
    let own = (!first).then(|| {
        let lines = companies.into_iter().map(company).collect_view();
        view! { <ul class="choices">{lines}</ul> }
    });
    let below = held(&seats);
    let class = if first { "button" } else { "button quiet" };
    let label = if first {
        "Buy seats for a company"
    } else {
        "Found another company"
    };
    view! {
        <Title text=format!("Company – {}", community().name) />
        <section class="entry lone">
            <p class="margin">"Company"</p>
            <div class="matter">
                <h1>{head.0}</h1>
                <p class="lede">{head.1}</p>
                {own}
                <p class="actions"><a class=class href="/company/new">{label}</a></p>
            </div>
        </section>
        {below}
    }
}

fn company(company: OwnCompany) -> impl IntoView {
    let OwnCompany {
        id,
        name,
        role,
        held,
        paid,
    } = company;
    let seats = if paid == 0 && held == 0 {
        "No seats yet.".to_owned()
    } else {
        taken(held, paid)
    };
    view! {
        <li class="choice">
            <div>
                <h2 class="choice-name"><a href=page_of(&id)>{name}</a></h2>
                <p class="choice-when">{role.word()}". "{seats}</p>
            </div>
            {(paid > 0).then(|| view! { <Bar claimed=held invited=0 paid /> })}
        </li>
    }
}

/// The seats one holds; nothing where there are none.
pub fn held(seats: &[HeldSeat]) -> Option<AnyView> {
    if seats.is_empty() {
        return None;
    }
    let lines = seats.iter().map(seat).collect_view();
    Some(
        view! {
            <section class="entry" aria-labelledby="held">
                <h2 class="margin" id="held">"Your seats"</h2>
                <div class="matter"><ul class="choices">{lines}</ul></div>
            </section>
        }
        .into_any(),
    )
}

fn seat(seat: &HeldSeat) -> impl IntoView + use<> {
    let (state, word) = holder::state(seat.gives);
    let (title, text) = holder::sentence(seat);
    let ask = holder::ask(&seat.ask);
    view! {
        <li class="choice">
            <div>
                <h3><a href=page_of(&seat.company_id)>{seat.company.clone()}</a></h3>
                <p class="choice-when">{title}" "{text}</p>
                {ask.map(|ask| view! { <p class="small">{ask}</p> })}
            </div>
            <StateWord state word />
        </li>
    }
}
