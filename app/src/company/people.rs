//! Who looks after a company.

use super::forms::{Appoint, Dismiss};
use super::{Company, CompanyPerson, CompanyRole};
use crate::page::{Press, dates, hidden};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The people, and what an owner may do with them.
pub fn people(company: &Company) -> AnyView {
    let owner = company.role == CompanyRole::Owner;
    let owners = company
        .people
        .iter()
        .filter(|person| person.role == CompanyRole::Owner)
        .count();
    let lines = company
        .people
        .iter()
        .map(|person| line(&company.id, person, owner, owners))
        .collect_view();
    let how = if owner && owners == 1 {
        "Admins look after seats, invites and payments. To hand the company over, make somebody else an owner first; \
         then you can step down. Whoever holds a seat can be made an admin in the list of seats."
    } else if owner {
        "Admins look after seats, invites and payments; owners decide who does. Whoever holds a seat can be made an \
         admin in the list of seats."
    } else {
        "Admins look after seats, invites and payments. Owners decide who does."
    };
    view! {
        <section class="entry" aria-labelledby="people">
            <h2 class="margin" id="people">"Who looks after it"</h2>
            <div class="matter">
                <p>{how}</p>
                <ul class="people">{lines}</ul>
            </div>
        </section>
    }
    .into_any()
}

fn line(company: &str, person: &CompanyPerson, owner: bool, owners: usize) -> AnyView {
    let CompanyPerson {
        user_id,
        name,
        role,
        since,
        own,
    } = person.clone();
    let (about, last) = (name.clone(), role == CompanyRole::Owner && owners == 1);
    let to = |role: CompanyRole, label: &'static str, busy: &'static str| {
        view! {
            <form method="post" action=Appoint::url()>
                {hidden([
                    ("company", company.to_owned()),
                    ("whom", user_id.clone()),
                    ("role", role.as_str().to_owned()),
                ])}
                <Press label busy class="quiet small" about=about.clone() />
            </form>
        }
    };
    let raise = (owner && role == CompanyRole::Admin)
        .then(|| to(CompanyRole::Owner, "Make owner", "Making them owner…"));
    let lower = (owner && role == CompanyRole::Owner && !last).then(|| {
        let label = if own {
            "Step down to admin"
        } else {
            "Make admin"
        };
        to(CompanyRole::Admin, label, "Changing it…")
    });
    // The last owner stays; admins may go, and owners may take their role.
    let out = (!last && (own || (owner && role == CompanyRole::Admin))).then(|| {
        let (label, busy) = if own {
            ("Leave the company", "Leaving…")
        } else {
            ("Remove", "Removing…")
        };
        view! {
            <form method="post" action=Dismiss::url()>
                {hidden([("company", company.to_owned()), ("whom", user_id.clone())])}
                <Press label busy class="quiet small" about=about.clone() />
            </form>
        }
    });
    let since = dates::day(since).map(|day| format!("since {day}"));
    view! {
        <li class="held-by">
            <div>
                <strong>{name}</strong>
                {own.then_some(" (you)")}
                <span class="below">{role.word()}" "{since}</span>
            </div>
            <div class="does">{raise}{lower}{out}</div>
        </li>
    }
    .into_any()
}
