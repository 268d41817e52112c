//! `/company/{id}` for its admins.

use super::doing::page_of;
use super::headline::{headline, meaning, taken};
use super::notices::{self, Back};
use super::{Company, CompanyError, CompanyStanding, particulars, people};
use crate::billing::StateWord;
use crate::invites::{InvitesPort, links, write};
use crate::login::Viewer;
use crate::page::{BusyForms, Press, answer, community, hidden};
use crate::seats::forms::TakeSeat;
use crate::seats::meter::Meter;
use crate::seats::{Pool, SeatsPort, table};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use leptos_router::params::ParamsMap;
use std::sync::Arc;

/// The whole screen; `above` is what came of the last press.
pub async fn admin(
    viewer: Viewer,
    company: Company,
    query: &ParamsMap,
    back: Option<Back>,
    above: AnyView,
) -> Result<AnyView, CompanyError> {
    if company.paying.standing == CompanyStanding::Activating {
        return Ok(view! { {above} {notices::activating(&company, back)} }.into_any());
    }
    let lower = match company.pools.first() {
        Some(first) => seats(&viewer, &company, query, &first.plan_id).await?,
        None => ().into_any(),
    };
    let fresh = fresh(&viewer, &company.id, query).await;
    let asked = notices::all(&company, back);
    let (mark, word) = (
        company.paying.standing.state(),
        company.paying.standing.word(),
    );
    let (first, rest) = headline(&company.paying, &company.pools);
    let rest = rest.map(|rest| view! { <span class="rest">" "{rest}</span> });
    let several = company.pools.len() > 1;
    let meters = company
        .pools
        .iter()
        .map(|pool| {
            let counted = first == taken(pool.held(), pool.paid);
            view! { <Meter pool=pool.clone() named=several said=!counted /> }
        })
        .collect_view();
    let billing = particulars::billing(&company);
    Ok(view! {
        <Title text=format!("{} – {}", company.name, community().name) />
        {above}
        {fresh}
        {asked}
        <section class="entry lone">
            <p class="margin">
                <span class="whose">{company.name.clone()}</span>
                <StateWord state=mark word />
            </p>
            <div class="matter">
                <h1>{first}{rest}</h1>
                {meaning(company.paying.standing).map(|text| view! { <p class="lede">{text}</p> })}
                {meters}
                {way_on(&company)}
            </div>
        </section>
        {lower}
        {billing}
        {people::people(&company)}
        {particulars::naming(&company)}
        <BusyForms />
    }
    .into_any())
}

/// The buttons below the sentence.
fn way_on(company: &Company) -> AnyView {
    let page = page_of(&company.id);
    if company.paying.standing.may_buy() && company.paying.owed.is_none() {
        let href = format!("/company/new?for={}", answer::query_value(&company.id));
        return view! { <p class="actions"><a class="button" href=href>"Buy seats"</a></p> }
            .into_any();
    }
    let change = company.paying.may_change.is_ok().then(|| {
        view! { <a class="button quiet" href=format!("{page}/number")>"Change the number of seats"</a> }
    });
    let takes = company
        .pools
        .iter()
        .filter(|pool| pool.own_seat.is_none() && pool.free() > 0)
        .map(|pool| take(company, pool))
        .collect_view();
    view! { <div class="actions">{change}{takes}</div> }.into_any()
}

/// An admin takes a seat by a button; nobody has one by founding.
fn take(company: &Company, pool: &Pool) -> impl IntoView + use<> {
    let label = if company.pools.len() > 1 {
        format!("Take a seat of {} yourself", pool.plan)
    } else {
        "Take a seat yourself".to_owned()
    };
    view! {
        <form method="post" action=TakeSeat::url()>
            {hidden([("company", company.id.clone()), ("plan", pool.plan_id.clone())])}
            <Press label busy="Taking it…" class="quiet" />
        </form>
    }
}

/// Invites, the table, and the links for a group.
async fn seats(
    viewer: &Viewer,
    company: &Company,
    query: &ParamsMap,
    first: &str,
) -> Result<AnyView, CompanyError> {
    let seats = use_context::<Arc<dyn SeatsPort>>().ok_or(CompanyError::Unavailable)?;
    let invites = use_context::<Arc<dyn InvitesPort>>().ok_or(CompanyError::Unavailable)?;
    let asked = table::asked(query, first);
    let found = seats.seats(&viewer.user_id, &company.id, &asked).await?;
    let links = invites.group_links(&viewer.user_id, &company.id).await?;
    let rooms = write::rooms(&company.pools);
    let open = rooms.first().map(|room| room.plan_id.clone());
    let invite = open.map(|plan| {
        view! {
            <section class="entry" aria-labelledby="invite">
                <h2 class="margin" id="invite">"Invite"</h2>
                <div class="matter">
                    <write::Invites company_id=company.id.clone() rooms />
                    {links::open_link(company, &plan)}
                </div>
            </section>
        }
    });
    Ok(view! {
        {invite}
        {table::table(company, query, &asked, found)}
        {links::group_links(company, links)}
    }
    .into_any())
}

/// A link that was just made, from its sealed form in the address.
async fn fresh(viewer: &Viewer, company_id: &str, query: &ParamsMap) -> Option<AnyView> {
    let sealed = query.get_str("fresh")?;
    let port = use_context::<Arc<dyn InvitesPort>>()?;
    let link = port.fresh(&viewer.user_id, company_id, sealed).await?;
    Some(links::fresh(link))
}
