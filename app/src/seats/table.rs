//! The seats of a plan: who holds them, since when, and what can be done with each.

use super::forms::{FreeSeat, UndoSeat};
use super::{InviteMail, Pool, Seat, SeatPage, SeatQuery, SeatState};
use crate::billing::{StateWord, StationState};
use crate::company::doing::page_of;
use crate::company::forms::Appoint;
use crate::company::{Company, CompanyRole, said};
use crate::invites::forms::{InviteLink, ResendInvite};
use crate::page::{Press, answer, dates, hidden};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_router::params::ParamsMap;

impl SeatState {
    /// The state in a word, for a seat that was `was`.
    #[must_use]
    pub fn word(self, was: Option<Self>) -> &'static str {
        match (self, was) {
            (Self::Invited, _) => "Invited",
            (Self::Claimed, _) => "Claimed",
            (Self::Suspended, _) => "Suspended",
            (Self::Revoked, Some(Self::Invited)) => "Taken back",
            (Self::Revoked, _) => "Freed",
        }
    }

    #[must_use]
    pub fn meaning(self) -> StationState {
        match self {
            Self::Invited => StationState::Waiting,
            Self::Claimed => StationState::Granted,
            Self::Suspended => StationState::Attention,
            Self::Revoked => StationState::Ended,
        }
    }
}

impl Seat {
    /// Who holds it, or whom it waits for.
    #[must_use]
    pub fn whom(&self) -> String {
        match (&self.holder, &self.email, &self.domain) {
            (Some(holder), _, _) => holder.clone(),
            (None, Some(email), _) => email.clone(),
            (None, None, Some(domain)) => format!("Anybody at {domain}"),
            (None, None, None) => "Anybody with the link".to_owned(),
        }
    }
}

/// What the address asks the table for; `first` is the plan shown where none is named.
#[must_use]
pub fn asked(query: &ParamsMap, first: &str) -> SeatQuery {
    let page = query.get_str("page").and_then(|page| page.parse().ok());
    SeatQuery {
        plan_id: query
            .get("plan")
            .filter(|plan| !plan.is_empty())
            .unwrap_or_else(|| first.to_owned()),
        search: query.get_str("q").unwrap_or_default().trim().to_owned(),
        state: query.get_str("state").and_then(SeatState::from_word),
        page: page.filter(|page: &i64| *page >= 1).unwrap_or(1),
    }
}

/// The same as a query, on another page of the list.
#[must_use]
pub fn query_of(asked: &SeatQuery, several: bool, page: i64) -> String {
    let state = asked.state.map(SeatState::as_str).unwrap_or_default();
    let page = if page > 1 {
        page.to_string()
    } else {
        String::new()
    };
    let plan = if several { &*asked.plan_id } else { "" };
    [
        ("plan", plan),
        ("q", &asked.search),
        ("state", state),
        ("page", &page),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| format!("{name}={}", answer::query_value(value)))
    .collect::<Vec<_>>()
    .join("&")
}

/// The table with its search, its pages and what can be done in each row.
pub fn table(company: &Company, query: &ParamsMap, asked: &SeatQuery, found: SeatPage) -> AnyView {
    let several = company.pools.len() > 1;
    let page = page_of(&company.id);
    let plain = asked.search.is_empty() && asked.state.is_none();
    let rows = Rows {
        company: company.id.clone(),
        at: query_of(asked, several, found.page),
        owner: company.role == CompanyRole::Owner,
    };
    let done = said::of_a_row(query, &company.id, &rows.at);
    let count = match (found.found, plain) {
        (1, true) => "1 seat".to_owned(),
        (count, true) => format!("{count} seats"),
        (1, false) => "1 seat fits".to_owned(),
        (count, false) => format!("{count} seats fit"),
    };
    let matter = if found.seats.is_empty() {
        let text = if plain {
            "Nobody has a seat yet. Invite people above, or take one yourself."
        } else {
            "No seat fits. Freed ones are shown by their state alone."
        };
        view! { <p class="small">{text}</p> }.into_any()
    } else {
        let lines = found
            .seats
            .into_iter()
            .map(|seat| rows.row(seat))
            .collect_view();
        view! {
            <table class="ledger seats">
                <thead>
                    <tr>
                        <th scope="col">"Who"</th>
                        <th scope="col">"State"</th>
                        <th scope="col">"Since"</th>
                        <th scope="col"><span class="unseen">"What you can do"</span></th>
                    </tr>
                </thead>
                <tbody>{lines}</tbody>
            </table>
        }
        .into_any()
    };
    let pages = (found.pages > 1).then(|| {
        let to = |at: i64, label: &'static str| {
            let query = query_of(asked, several, at);
            view! { <a class="button quiet small" href=format!("{page}?{query}#seats")>{label}</a> }
        };
        view! {
            <nav class="pager" aria-label="Pages of seats">
                {(found.page > 1).then(|| to(found.page - 1, "Newer"))}
                <span>{format!("Page {} of {}", found.page, found.pages)}</span>
                {(found.page < found.pages).then(|| to(found.page + 1, "Older"))}
            </nav>
        }
    });
    view! {
        <section class="entry" aria-labelledby="seats">
            <h2 class="margin" id="seats">"Seats"</h2>
            <div class="matter">
                {done}
                {several.then(|| plans(&company.pools, asked, &page))}
                {search(asked, several, &page)}
                <p class="small" role="status">{count}"."</p>
                {matter}
                {pages}
            </div>
        </section>
    }
    .into_any()
}

fn plans(pools: &[Pool], asked: &SeatQuery, page: &str) -> impl IntoView + use<> {
    let tabs = pools.iter().map(|pool| {
        let plan = answer::query_value(&pool.plan_id);
        let current = (pool.plan_id == asked.plan_id).then_some("page");
        let href = format!("{page}?plan={plan}#seats");
        view! { <li><a href=href aria-current=current>{pool.plan.clone()}</a></li> }
    });
    view! { <nav class="tabs" aria-label="Plans"><ul>{tabs.collect_view()}</ul></nav> }
}

fn search(asked: &SeatQuery, several: bool, page: &str) -> impl IntoView + use<> {
    let states = SeatState::ALL.map(|state| {
        let chosen = asked.state == Some(state);
        let word = match state {
            SeatState::Revoked => "Freed",
            state => state.word(None),
        };
        view! { <option value=state.as_str() selected=chosen>{word}</option> }
    });
    let plan = several.then(|| hidden([("plan", asked.plan_id.clone())]));
    view! {
        <form class="filter" method="get" action=format!("{page}#seats") role="search">
            {plan}
            <label>
                <span>"Name or e-mail address"</span>
                <input name="q" value=asked.search.clone() type="search" autocomplete="off" spellcheck="false" />
            </label>
            <label class="short">
                <span>"State"</span>
                <select name="state">
                    <option value="">"All that are held"</option>
                    {states.to_vec()}
                </select>
            </label>
            <button type="submit" class="button quiet small">"Search"</button>
        </form>
    }
}

/// What every row needs.
struct Rows {
    company: String,
    /// How the table stands, to come back to.
    at: String,
    owner: bool,
}

impl Rows {
    fn row(&self, seat: Seat) -> AnyView {
        let whom = seat.whom();
        let beside = seat.holder.is_some().then(|| seat.email.clone()).flatten();
        let role = seat.role.map(CompanyRole::word);
        let below = [beside, role.map(str::to_owned)].into_iter().flatten();
        let below = below.collect::<Vec<_>>().join(", ");
        let notes = notes(&seat).join(" ");
        let (state, word) = (seat.state.meaning(), seat.state.word(seat.was));
        let since = dates::day(seat.since);
        let doings = self.doings(seat, &whom);
        view! {
            <tr>
                <td data-label="Who">
                    <span><strong>{whom}</strong><span class="below">{below}</span></span>
                </td>
                <td data-label="State"><StateWord state word /></td>
                <td data-label="Since">
                    <span>{since}<span class="below">{notes}</span></span>
                </td>
                <td class="does">{doings}</td>
            </tr>
        }
        .into_any()
    }

    /// One form a row; each button says where it posts.
    fn doings(&self, seat: Seat, whom: &str) -> AnyView {
        let press = |label: &'static str, busy: &'static str, to: &'static str| {
            view! { <Press label busy class="quiet small" about=whom.to_owned() to /> }.into_any()
        };
        let mut buttons = Vec::new();
        match seat.state {
            SeatState::Invited => {
                if seat.email.is_some() {
                    buttons.push(press("Resend", "Sending it…", ResendInvite::url()));
                }
                buttons.push(press("New link", "Making it…", InviteLink::url()));
                buttons.push(press("Take back", "Taking it back…", FreeSeat::url()));
            }
            SeatState::Suspended if seat.was == Some(SeatState::Invited) => {
                buttons.push(press("Take back", "Taking it back…", FreeSeat::url()));
            }
            SeatState::Claimed | SeatState::Suspended => {
                buttons.push(press("Free", "Freeing it…", FreeSeat::url()));
            }
            SeatState::Revoked if seat.undo => {
                buttons.push(press("Give back", "Giving it back…", UndoSeat::url()));
            }
            SeatState::Revoked => {}
        }
        let appoint = (self.owner && seat.state == SeatState::Claimed && seat.role.is_none())
            .then_some(seat.holder_id)
            .flatten()
            .map(|holder| self.appoint(holder, whom));
        if buttons.is_empty() {
            return ().into_any();
        }
        let fields = [
            ("company", self.company.clone()),
            ("seat", seat.id),
            ("at", self.at.clone()),
        ];
        view! {
            <div class="doings">
                {appoint}
                <form method="post" action=FreeSeat::url()>{hidden(fields)}{buttons}</form>
            </div>
        }
        .into_any()
    }

    fn appoint(&self, holder: String, whom: &str) -> impl IntoView + use<> {
        let fields = [
            ("company", self.company.clone()),
            ("whom", holder),
            ("role", CompanyRole::Admin.as_str().to_owned()),
        ];
        view! {
            <form method="post" action=Appoint::url()>
                {hidden(fields)}
                <Press label="Make admin" busy="Making them admin…" class="quiet small" about=whom.to_owned() />
            </form>
        }
    }
}

/// What an invite still has to say.
fn notes(seat: &Seat) -> Vec<String> {
    let expires = seat
        .expires_at
        .filter(|_| seat.state == SeatState::Invited)
        .and_then(dates::day)
        .map(|day| format!("Open until {day}."));
    let mail = match seat.mail {
        _ if seat.state != SeatState::Invited => None,
        Some(InviteMail::Waiting) => Some("The mail is on its way."),
        Some(InviteMail::Refused) => Some("The address does not take mail."),
        Some(InviteMail::Failed) => Some("The mail could not be sent."),
        Some(InviteMail::Sent) | None => None,
    };
    expires.into_iter().chain(mail.map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::{SeatQuery, SeatState, asked, query_of};
    use leptos_router::params::ParamsMap;

    #[test]
    fn the_address_holds_how_the_table_stands() {
        let mut query = ParamsMap::new();
        assert_eq!(
            asked(&query, "prod_1"),
            SeatQuery {
                plan_id: "prod_1".into(),
                search: String::new(),
                state: None,
                page: 1
            }
        );
        for (name, value) in [
            ("q", " a&b "),
            ("state", "claimed"),
            ("page", "3"),
            ("plan", "prod_2"),
        ] {
            query.insert(name, value.to_owned());
        }
        let found = asked(&query, "prod_1");
        assert_eq!((found.page, found.state), (3, Some(SeatState::Claimed)));
        assert_eq!(
            query_of(&found, true, 2),
            "plan=prod_2&q=a%26b&state=claimed&page=2"
        );
        assert_eq!(query_of(&found, false, 1), "q=a%26b&state=claimed");
        query.insert("page", "-4".to_owned());
        query.insert("state", "nonsense".to_owned());
        assert_eq!(asked(&query, "prod_1").page, 1);
    }
}
