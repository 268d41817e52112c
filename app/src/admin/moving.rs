//! `/admin/move`: a membership goes to another account at Discord for somebody who lost the one
//! they had. What happens is shown first; a reason is asked for, and they are told by mail.

use super::actions::{operator, tell};
use super::desk::{Tab, fields, shown};
use super::{AdminError, MoveShown};
use crate::account::TypedForm;
use crate::account::moving::WhatMoves;
use crate::page::answer::query_value;
use crate::page::{Notice, Tone};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_router::hooks::use_query_map;

/// Moves somebody's membership to the account at Discord with that id.
#[server(prefix = "/api", endpoint = "desk_move")]
pub async fn desk_move(
    /// Our id of the user.
    from: String,
    /// An id at Discord.
    to: String,
    #[server(default)] reason: String,
    back: String,
) -> Result<(), AdminError> {
    let (operator, port) = operator()?;
    let done = port
        .move_membership(&operator.discord_user_id, &from, &to, &reason)
        .await;
    let back = match done {
        Ok(_) => format!("/admin/people?q={}", query_value(&to)),
        Err(_) => back,
    };
    tell(done, &back)
}

fn address(from: &str, to: &str) -> String {
    format!(
        "/admin/move?from={}&to={}",
        query_value(from),
        query_value(to)
    )
}

#[component]
pub fn MoveDesk() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let asked = |name: &str| query.get_str(name).unwrap_or_default().trim().to_owned();
    let (from, to) = (asked("from"), asked("to"));
    shown(Tab::People, |port| async move {
        let found = port.move_shown(&from, &to).await?;
        Ok(view! { <Page from to found /> }.into_any())
    })
}

#[component]
fn Page(from: String, to: String, found: MoveShown) -> impl IntoView {
    let back = format!("/admin/people?q={}", query_value(&from));
    let matter = match found {
        MoveShown::NoSuchId => view! {
            <Notice
                tone=Tone::Attention
                title="That is no id at Discord."
                text="It is a number of 17 to 20 figures: in Discord, right-click the person and choose “Copy User ID”."
            />
        }
        .into_any(),
        MoveShown::Refused(error) => {
            let told = error.told();
            view! { <Notice tone=Tone::Attention title=told.title text=told.meaning /> }.into_any()
        }
        MoveShown::Can(prepared) => {
            let label = format!("Move it to {}", prepared.to.name);
            let here = address(&from, &to);
            view! {
                <WhatMoves prepared=*prepared at_desk=true />
                <p class="small">
                    "The reason and your name stand in the audit of both. Make sure that both accounts are the same person’s: \
                    ask for something only they know, such as the last figures of the card."
                </p>
                <TypedForm
                    action=DeskMove::url().to_owned()
                    more=fields([("from", &from), ("to", &to), ("back", &here)])
                    field="reason".to_owned()
                    ask="Reason".to_owned()
                    label
                    busy="Moving it…".to_owned()
                />
            }
            .into_any()
        }
    };
    view! {
        <section class="matter" aria-labelledby="move">
            <h2 id="move">"Move a membership"</h2>
            {matter}
            <p class="small"><a href=back>"Back to the person"</a></p>
        </section>
    }
}
