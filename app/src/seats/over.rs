//! `/company/{id}/over`: who would make way at the deadline, and the choice of others.

use super::forms::MakeWay;
use super::{Over, Pool, Seat, SeatPage, SeatQuery, SeatState, SeatsPort, table};
use crate::billing::StateWord;
use crate::company::doing::{Place, page_of};
use crate::company::page::{company_id, for_admins, trouble};
use crate::company::picker::counted;
use crate::company::{Company, CompanyError};
use crate::page::{BusyForms, Press, answer, community, dates, hidden};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use std::collections::HashSet;
use std::sync::Arc;

#[component]
pub fn OverPage() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let plan = query.get("plan").unwrap_or_default();
    let problem = query.get_str("problem").and_then(CompanyError::from_slug);
    let here = Place::within(&company_id(), "over").with(&[("plan", &plan)]);
    for_admins(&here, move |admins| async move {
        let port = use_context::<Arc<dyn SeatsPort>>().ok_or(CompanyError::Unavailable)?;
        let company = admins.company().await?;
        let pool = company
            .pools
            .iter()
            .find(|pool| pool.over.is_some() && (plan.is_empty() || pool.plan_id == plan))
            .and_then(|pool| Some((pool.clone(), pool.over?)));
        let shown = match pool {
            Some((pool, over)) => {
                let (user, id) = (&admins.viewer.user_id, &admins.company_id);
                let way = port.fallback(user, id, &pool.plan_id).await?;
                let asked = table::asked(&query, &pool.plan_id);
                let others = port.seats(user, id, &asked).await?;
                view! { <Choice company=company.clone() pool over way others asked /> }.into_any()
            }
            None => settled(&company),
        };
        Ok(view! {
            <Title text=format!("Who makes way – {} – {}", company.name, community().name) />
            {problem.map(trouble)}
            {shown}
            <BusyForms />
        }
        .into_any())
    })
}

/// No more seats are held than paid.
fn settled(company: &Company) -> AnyView {
    view! {
        <section class="entry lone">
            <p class="margin"><a href=page_of(&company.id)>{company.name.clone()}</a></p>
            <div class="matter">
                <h1>"Nobody has to make way."</h1>
                <p class="lede">"No more seats are held than are paid."</p>
                <p class="actions"><a class="button" href=page_of(&company.id)>"See the seats"</a></p>
            </div>
        </section>
    }
    .into_any()
}

#[component]
fn Choice(
    company: Company,
    pool: Pool,
    over: Over,
    /// Whose seats make way if nobody chooses.
    way: Vec<Seat>,
    /// A page of all seats.
    others: SeatPage,
    asked: SeatQuery,
) -> impl IntoView {
    let page = page_of(&company.id);
    let by = dates::moment(over.deadline).unwrap_or_default();
    let left = dates::left(over.deadline)
        .map(|left| format!(", {left}"))
        .unwrap_or_default();
    let title = match over.by {
        1 => "1 seat has to make way.".to_owned(),
        by => format!("{} have to make way.", counted(by)),
    };
    let known: HashSet<String> = way.iter().map(|seat| seat.id.clone()).collect();
    let fallback = way.into_iter().map(|seat| line(seat, true)).collect_view();
    let (more, pages, at) = (others.pages > 1, others.pages, others.page);
    let others: Vec<_> = others
        .seats
        .into_iter()
        .filter(|seat| matches!(seat.state, SeatState::Invited | SeatState::Claimed))
        .filter(|seat| !known.contains(&seat.id))
        .map(|seat| line(seat, false))
        .collect();
    let others = if others.is_empty() {
        view! { <p class="small">"Nobody else on this page."</p> }.into_any()
    } else {
        view! { <ul class="people">{others}</ul> }.into_any()
    };
    let plan = answer::query_value(&pool.plan_id);
    let finding = more.then(|| finding(&page, &plan, &asked, at, pages));
    view! {
        <section class="entry lone">
            <p class="margin"><a href=page.clone()>{company.name}</a></p>
            <div class="matter">
                <h1>{title}</h1>
                <p class="lede">
                    {format!(
                        "{} are paid, {} are held. On {by}{left}, those ticked below make way by themselves, unless \
                         you choose others or buy seats. They keep their place: as soon as a seat is free or paid again, they are back.",
                        counted(pool.paid), pool.held(),
                    )}
                </p>
                <p class="actions">
                    <a class="button quiet" href=format!("{page}/number?seats={}", pool.held())>
                        {format!("Pay for {} instead", counted(pool.held()))}
                    </a>
                </p>
            </div>
        </section>
        {finding}
        <section class="entry" aria-labelledby="way">
            <h2 class="margin" id="way">"Who makes way"</h2>
            <div class="matter">
                <form class="choosing" method="post" action=MakeWay::url()>
                    {hidden([("company", company.id), ("plan", pool.plan_id)])}
                    <ul class="people">{fallback}</ul>
                    <h3>"Everybody else"</h3>
                    {others}
                    <p class="small">{format!("Tick {} in all: what is ticked makes way now.", over.by)}</p>
                    <Press label="Let them make way now" busy="Settling it…" class="danger" />
                </form>
            </div>
        </section>
    }
}

/// Search and pages, where not everybody fits on one.
fn finding(
    page: &str,
    plan: &str,
    asked: &SeatQuery,
    at: i64,
    pages: i64,
) -> impl IntoView + use<> {
    let to = |number: i64, label: &'static str| {
        let search = answer::query_value(&asked.search);
        let href = format!("{page}/over?plan={plan}&q={search}&page={number}");
        view! { <a class="button quiet small" href=href>{label}</a> }
    };
    view! {
        <section class="entry" aria-labelledby="find">
            <h2 class="margin" id="find">"Find"</h2>
            <div class="matter">
                <form class="filter" method="get" action=format!("{page}/over") role="search">
                    {hidden([("plan", asked.plan_id.clone())])}
                    <label>
                        <span>"Name or e-mail address"</span>
                        <input name="q" value=asked.search.clone() type="search" autocomplete="off" spellcheck="false" />
                    </label>
                    <button type="submit" class="button quiet small">"Search"</button>
                </form>
                <nav class="pager" aria-label="Pages of seats">
                    {(at > 1).then(|| to(at - 1, "Newer"))}
                    <span>{format!("Page {at} of {pages}")}</span>
                    {(at < pages).then(|| to(at + 1, "Older"))}
                </nav>
            </div>
        </section>
    }
}

fn line(seat: Seat, ticked: bool) -> AnyView {
    let whom = seat.whom();
    let (state, word) = (seat.state.meaning(), seat.state.word(seat.was));
    let since = dates::day(seat.since).map(|day| format!("since {day}"));
    view! {
        <li>
            <label class="tick">
                <input type="checkbox" name="seats[]" value=seat.id checked=ticked autocomplete="off" />
                <span><strong>{whom}</strong><span class="below">{since}</span></span>
                <StateWord state word />
            </label>
        </li>
    }
    .into_any()
}
