//! `/account/move`: a membership goes along to another Discord account of the same person.

use super::page::{holding, refused, trouble, with_account};
use super::{Account, AccountError, AccountPort, CONFIRM_MOVE, Move, Party};
use crate::login;
use crate::page::{Icon, Mark, SendForm, answer, community};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use std::sync::Arc;

/// `?step=new` after the first sign-in, `?ticket=` after the second.
#[component]
pub fn MovePage() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let problem = query.get_str("problem").and_then(AccountError::from_slug);
    if let Some(ticket) = query.get("ticket").filter(|ticket| !ticket.is_empty()) {
        return confirm(ticket);
    }
    let second = query.get_str("step") == Some("new");
    with_account("/account/move", move |viewer, account| {
        let Account {
            holdings, deletion, ..
        } = account;
        if deletion.is_some() {
            return refused(AccountError::Deleting);
        }
        if holdings.is_empty() {
            return refused(AccountError::NothingToMove);
        }
        let shown = if second {
            view! { <Second name=viewer.name /> }.into_any()
        } else {
            view! { <First name=viewer.name /> }.into_any()
        };
        view! {
            <Title text=format!("Move your membership – {}", community().name) />
            {problem.map(trouble)}
            {shown}
        }
        .into_any()
    })
}

#[component]
fn First(name: String) -> impl IntoView {
    view! {
        <section class="entry lone">
            <p class="margin">"Account"</p>
            <div class="matter">
                <h1>"Move your membership"</h1>
                <p class="lede">
                    "To another Discord account of yours. So that nobody else can do this, sign in with both: first with \
                    the account you have now, then with the new one."
                </p>
                <p>"Before anything moves you see what goes where, and confirm it."</p>
                <p class="actions">
                    <a class="button ink" href="/account/move/old" rel="external">
                        <Icon mark=Mark::Discord />
                        {format!("Sign in again as {name}")}
                    </a>
                    <a class="button quiet" href="/account">"Back"</a>
                </p>
            </div>
        </section>
    }
}

#[component]
fn Second(name: String) -> impl IntoView {
    view! {
        <section class="entry lone">
            <p class="margin">"Account"</p>
            <div class="matter">
                <h1>"Now the new account"</h1>
                <p class="lede">
                    {format!("{name} has signed in. On Discord’s next page choose “Not you?” and sign in with the account your membership is to go to.")}
                </p>
                <p>"Both sign-ins count for ten minutes."</p>
                <p class="actions">
                    <a class="button ink" href="/account/move/new" rel="external">
                        <Icon mark=Mark::Discord />
                        "Sign in with the new account"
                    </a>
                    <a class="button quiet" href="/account">"Stop here"</a>
                </p>
            </div>
        </section>
    }
}

fn confirm(ticket: String) -> AnyView {
    let Some(viewer) = login::viewer() else {
        answer::see_other("/login?next=%2Faccount%2Fmove");
        return refused(AccountError::NotSignedIn);
    };
    let port = use_context::<Arc<dyn AccountPort>>();
    Suspend::new(async move {
        let Some(port) = port else {
            return refused(AccountError::Unavailable);
        };
        match port.prepared(&viewer.user_id, &ticket).await {
            Ok(prepared) => view! { <Confirm ticket prepared /> }.into_any(),
            Err(error) => refused(error),
        }
    })
    .into_any()
}

/// What goes where, for the person and for the operator.
#[component]
pub fn WhatMoves(
    prepared: Move,
    /// Addresses are the person's own to see.
    #[prop(optional)]
    at_desk: bool,
) -> impl IntoView {
    let Move {
        from,
        to,
        holdings,
        had_trial,
        email,
    } = prepared;
    let lines = holdings
        .iter()
        .map(|one| view! { <li>{holding(one)}</li> })
        .collect_view();
    let mail = match email {
        Some(_) if at_desk => "A notice goes to the address on file.".to_owned(),
        Some(email) => format!("A notice goes to {email}, the address on file."),
        None => "There is no confirmed address on file, so no notice is sent.".to_owned(),
    };
    view! {
        <dl class="rows">
            <div class="row"><dt>"From"</dt><dd>{party(&from)}</dd></div>
            <div class="row"><dt>"To"</dt><dd>{party(&to)}</dd></div>
        </dl>
        <p>"What moves:"</p>
        <ul class="steps">
            {lines}
            <li>"Card, invoices and payments, which go on as they are. Nothing is charged."</li>
            {had_trial.then(|| view! { <li>"That the free trial was used: neither account gets another."</li> })}
        </ul>
        <p>
            {format!("The roles are taken from {} and given to {} within moments. {mail}", from.name, to.name)}
        </p>
    }
}

fn party(party: &Party) -> String {
    if party.stranger {
        format!(
            "Discord id {}, who has never signed in here",
            party.discord_user_id
        )
    } else {
        format!("{}, Discord id {}", party.name, party.discord_user_id)
    }
}

#[component]
fn Confirm(ticket: String, prepared: Move) -> impl IntoView {
    let label = format!("Move it to {}", prepared.to.name);
    view! {
        <Title text=format!("Move your membership – {}", community().name) />
        <section class="entry lone">
            <p class="margin">"Account"</p>
            <div class="matter">
                <h1>{format!("Move your membership to {}?", prepared.to.name)}</h1>
                <WhatMoves prepared />
                <p class="small">"A membership moves once a day at most."</p>
                <div class="actions">
                    <SendForm
                        action=CONFIRM_MOVE.to_owned()
                        name="ticket".to_owned()
                        value=ticket
                        more=Vec::new()
                        label
                        busy="Moving it…".to_owned()
                        class=String::new()
                    />
                    <a class="button quiet" href="/account">"Leave it where it is"</a>
                </div>
            </div>
        </section>
    }
}
