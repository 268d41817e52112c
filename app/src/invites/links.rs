//! Links that are not for one address: an open one, one for a domain, and those for a group; and
//! the link that was just made.

use super::forms::{EndGroupLink, GroupLink as MakeGroupLink, OpenInvite};
use super::{CopyField, FreshLink, GroupLink};
use crate::company::{Company, FEWEST, MOST};
use crate::page::{Icon, Mark, Press, dates, hidden};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// Who may claim, where that is a domain or everybody.
fn anybody(domain: Option<&str>) -> String {
    match domain {
        Some(domain) => format!("anybody at {domain}"),
        None => "anybody".to_owned(),
    }
}

/// The link that was just made: shown once.
pub fn fresh(link: FreshLink) -> AnyView {
    let FreshLink {
        url,
        whom,
        expires_at,
    } = link;
    let until = dates::day(expires_at).unwrap_or_default();
    view! {
        <div class="notice" data-tone="granted" role="status">
            <Icon mark=Mark::Check />
            <div class="notice-text">
                <p class="notice-title">{format!("A link for {whom}, open until {until}.")}</p>
                <p>"It is shown here once: we keep no copy of it. Whoever has it can take a seat as it says."</p>
                <CopyField id="fresh-link".to_owned() label="Link".to_owned() value=url />
            </div>
        </div>
    }
    .into_any()
}

/// A link where no address is known: one seat for whoever claims it first.
pub fn open_link(company: &Company, plan_id: &str) -> AnyView {
    view! {
        <details class="more">
            <summary>"Or make a link for one seat"</summary>
            <form class="line" method="post" action=OpenInvite::url()>
                {hidden([("company", company.id.clone()), ("plan", plan_id.to_owned())])}
                <label class="field">
                    <span>"Only for addresses at this domain (may stay empty)"</span>
                    <input name="domain" placeholder="example.org" autocomplete="off" autocapitalize="none" spellcheck="false" />
                </label>
                <Press label="Make a link" busy="Making it…" class="quiet" />
            </form>
            <p class="small">"Whoever opens it first takes the seat. It holds one seat until then."</p>
        </details>
    }
    .into_any()
}

/// The links for a group, and a form for another.
pub fn group_links(company: &Company, links: Vec<GroupLink>) -> AnyView {
    let several = company.pools.len() > 1;
    let made = links
        .into_iter()
        .map(|link| line(company, link, several))
        .collect_view();
    let options = company
        .pools
        .iter()
        .filter(|pool| pool.open)
        .map(|pool| view! { <option value=pool.plan_id.clone()>{pool.plan.clone()}</option> })
        .collect_view();
    let first = company.pools.iter().find(|pool| pool.open);
    let Some(first) = first else {
        return ().into_any();
    };
    let plan = if several {
        view! {
            <label class="field short"><span>"Plan"</span><select name="plan">{options}</select></label>
        }
        .into_any()
    } else {
        hidden([("plan", first.plan_id.clone())]).into_any()
    };
    view! {
        <section class="entry" aria-labelledby="links">
            <h2 class="margin" id="links">"Links for a group"</h2>
            <div class="matter">
                <p>"One link for many: each person who opens it takes a free seat, until as many have as you say. It holds no seats."</p>
                <ul class="people">{made}</ul>
                <form class="line" method="post" action=MakeGroupLink::url()>
                    {hidden([("company", company.id.clone())])}
                    {plan}
                    <label class="field short">
                        <span>"At most"</span>
                        <input
                            name="most"
                            type="number"
                            inputmode="numeric"
                            min=FEWEST.to_string()
                            max=MOST.to_string()
                            required
                            value=first.free().max(1).to_string()
                            autocomplete="off"
                        />
                    </label>
                    <label class="field">
                        <span>"Only for addresses at this domain (may stay empty)"</span>
                        <input name="domain" placeholder="example.org" autocomplete="off" autocapitalize="none" spellcheck="false" />
                    </label>
                    <Press label="Make a group link" busy="Making it…" class="quiet" />
                </form>
            </div>
        </section>
    }
    .into_any()
}

fn line(company: &Company, link: GroupLink, several: bool) -> AnyView {
    let GroupLink {
        id,
        plan_id,
        most,
        claims,
        domain,
        created_at,
        expires_at,
    } = link;
    let plan = company
        .pools
        .iter()
        .find(|pool| several && pool.plan_id == plan_id)
        .map(|pool| format!("{}, ", pool.plan))
        .unwrap_or_default();
    let title = format!("{plan}for {}", anybody(domain.as_deref()));
    let day = |at| dates::day(at).unwrap_or_default();
    let below = format!(
        "{claims} of {most} have taken a seat. Made on {}, open until {}.",
        day(created_at),
        day(expires_at)
    );
    let mut title = title.chars();
    let title: String = title
        .next()
        .map(|first| first.to_uppercase().chain(title).collect())
        .unwrap_or_default();
    view! {
        <li class="held-by">
            <div><strong>{title.clone()}</strong><span class="below">{below}</span></div>
            <div class="does">
                <form method="post" action=EndGroupLink::url()>
                    {hidden([("company", company.id.clone()), ("link", id)])}
                    <Press label="End" busy="Ending it…" class="quiet small" about=title />
                </form>
            </div>
        </li>
    }
    .into_any()
}
