//! `/company/{id}/invite`: the box for a list of people, and what was wrong with the last one.

use super::check::{InviteBox, Room};
use super::{InvitesPort, MOST_AT_ONCE, Sent, lines::LineProblem};
use crate::company::doing::{Place, page_of};
use crate::company::page::{self, Admins};
use crate::company::{Company, CompanyError};
use crate::page::{BusyForms, Notice, Posted, Told, Tone, answer, community, posted};
use crate::seats::Pool;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use std::sync::Arc;

/// Lines of a refused list that are named on the page.
const NAMED: usize = 100;

/// What was written, and why nothing came of it.
#[derive(Default)]
struct Refused {
    plan: String,
    list: String,
    problems: Vec<LineProblem>,
    told: Option<Told>,
}

/// Invites whom the form names, or shows it again with what has to be mended.
#[component]
pub fn InvitePage() -> impl IntoView {
    let company = page::company_id();
    let here = Place::within(&company, "invite");
    let problem = use_query_map()
        .get_untracked()
        .get_str("problem")
        .and_then(CompanyError::from_slug);
    page::for_admins(&here.with(&[]), move |admins| async move {
        let refused = match posted() {
            Some(posted) => match invite(&admins, &posted).await? {
                Ok(count) => {
                    let count = count.to_string();
                    let place = Place::company(&admins.company_id);
                    answer::see_other(&place.with(&[("done", "invited"), ("n", &count)]));
                    return Ok(().into_any());
                }
                Err(refused) => refused,
            },
            None => Refused {
                told: problem.map(CompanyError::told),
                ..Refused::default()
            },
        };
        let company = admins.company().await?;
        Ok(view! { <Shown company refused /> }.into_any())
    })
}

/// How many were invited, or what is to be shown instead.
async fn invite(admins: &Admins, posted: &Posted) -> Result<Result<usize, Refused>, CompanyError> {
    if !matches!(posted, Posted::Fields(_)) {
        return Ok(Err(Refused {
            told: Some(too_long()),
            ..Refused::default()
        }));
    }
    let field = |name| posted.get(name).unwrap_or_default().to_owned();
    let (plan, list) = (field("plan"), field("list"));
    let port = use_context::<Arc<dyn InvitesPort>>().ok_or(CompanyError::Unavailable)?;
    let sent = port
        .invite(&admins.viewer.user_id, &admins.company_id, &plan, &list)
        .await;
    let (told, problems) = match sent {
        Ok(Sent::All(count)) if count > 0 => return Ok(Ok(count)),
        Ok(Sent::All(_)) => (CompanyError::Lines.told(), Vec::new()),
        Ok(Sent::None(problems)) => (CompanyError::Lines.told(), problems),
        Err(error @ (CompanyError::NotFound | CompanyError::NotSignedIn)) => return Err(error),
        Err(error) => (error.told(), Vec::new()),
    };
    answer::status(told.status);
    Ok(Err(Refused {
        plan,
        list,
        problems,
        told: Some(told),
    }))
}

fn too_long() -> Told {
    let told = Told {
        status: 413,
        title: "The list is too long to be read.",
        meaning: "Nobody was invited and no seat was taken.",
        next: "Send no more than 1,000 people at once.",
        action: None,
    };
    answer::status(told.status);
    told
}

/// Plans with seats; the one with most room first.
#[must_use]
pub fn rooms(pools: &[Pool]) -> Vec<Room> {
    let mut rooms: Vec<Room> = pools
        .iter()
        .filter(|pool| pool.open)
        .map(|pool| Room {
            plan_id: pool.plan_id.clone(),
            plan: pool.plan.clone(),
            free: pool.free(),
        })
        .collect();
    rooms.sort_by_key(|room| std::cmp::Reverse(room.free));
    rooms
}

/// The box, wherever it stands.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a component owns what it is given"
)]
#[component]
pub fn Invites(
    company_id: String,
    rooms: Vec<Room>,
    #[prop(optional, into)] chosen: String,
    #[prop(optional, into)] list: String,
    #[prop(optional)] problems: Vec<LineProblem>,
) -> impl IntoView {
    let action = format!("{}/invite", page_of(&company_id));
    view! { <InviteBox action rooms chosen list problems /> }
}

#[component]
fn Shown(company: Company, refused: Refused) -> impl IntoView {
    let Refused {
        plan,
        list,
        mut problems,
        told,
    } = refused;
    let notice = told.map(|told| {
        let text = format!("{} {}", told.meaning, told.next);
        view! { <Notice tone=Tone::Attention title=told.title text urgent=true /> }
    });
    let more = problems.len().saturating_sub(NAMED);
    problems.truncate(NAMED);
    let rest =
        (more > 0).then(|| view! { <p class="small">{format!("And {more} more lines.")}</p> });
    let rooms = rooms(&company.pools);
    let matter = if rooms.is_empty() {
        view! {
            <p class="lede">"There is no seat to give: nothing is paid now."</p>
        }
        .into_any()
    } else {
        view! {
            <p class="lede">
                {format!("Each gets a mail with a link of their own, and holds a seat until then. Up to {} at once; \
                          if one line is wrong, nobody is invited.", crate::money::group(MOST_AT_ONCE as u64))}
            </p>
            <Invites company_id=company.id.clone() rooms chosen=plan list problems />
            {rest}
        }
        .into_any()
    };
    view! {
        <Title text=format!("Invite – {} – {}", company.name, community().name) />
        {notice}
        <section class="entry lone">
            <p class="margin"><a href=page_of(&company.id)>{company.name.clone()}</a></p>
            <div class="matter">
                <h1>"Invite people"</h1>
                {matter}
            </div>
        </section>
        <BusyForms />
    }
}
