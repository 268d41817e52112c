//! `/mail/unsubscribe?token=`: what mail one gets, and a switch. Looking changes nothing, for
//! programs follow links too.

use super::prefer::PreferMail;
use super::{MailPort, MailProblem, Preference, Trouble};
use crate::page::{Lone, Notice, SendForm, Tone, community};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use std::sync::Arc;

#[component]
pub fn Unsubscribe() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let token = query.get("token").unwrap_or_default();
    Suspend::new(async move {
        let read = match use_context::<Arc<dyn MailPort>>() {
            Some(port) => port.preference(&token).await,
            None => Err(MailProblem::Unavailable),
        };
        match read {
            Ok(preference) => view! { <Switch token preference /> }.into_any(),
            Err(problem) => view! { <Refused problem /> }.into_any(),
        }
    })
}

/// The dashboard's notice for somebody whose mail is not with them.
pub async fn trouble(user_id: &str) -> Option<AnyView> {
    let port = use_context::<Arc<dyn MailPort>>()?;
    // The dashboard stands without it.
    let trouble = port.trouble(user_id).await.ok().flatten()?;
    let (title, text) = trouble.told();
    let tone = match trouble {
        Trouble::AddressRefused => Tone::Attention,
        Trouble::Delayed => Tone::Waiting,
    };
    Some(view! { <Notice tone title=title text=text /> }.into_any())
}

#[component]
fn Switch(token: String, preference: Preference) -> impl IntoView {
    let name = community().name;
    let (title, text, to, label) = if preference.essential_only {
        (
            "You get only what is essential.",
            "We write when a payment fails, when a free trial is about to end, and when your access \
             ends. Nothing else.",
            "no",
            "Send me everything again",
        )
    } else {
        (
            "You get all of our mail.",
            "That is a welcome, word before your card expires, and what is essential: a payment that \
             failed, a free trial about to end, access that ends.",
            "yes",
            "Send me only what is essential",
        )
    };
    view! {
        <Title text=format!("Mail – {name}") />
        <section class="entry lone">
            <p class="margin">"Mail"</p>
            <div class="matter">
                <h1>{title}</h1>
                <p class="lede">{text}</p>
                <p>"Your membership and your payments stay as they are either way."</p>
                <div class="actions">
                    <SendForm
                        action=PreferMail::url().to_owned()
                        name="token".to_owned()
                        value=token
                        more=vec![("essential_only".to_owned(), to.to_owned())]
                        label=label.to_owned()
                        busy="Changing it…".to_owned()
                        class=String::new()
                    />
                    <a class="button quiet" href="/billing">"Your membership"</a>
                </div>
            </div>
        </section>
    }
}

#[component]
fn Refused(problem: MailProblem) -> impl IntoView {
    let back = Some(("Your membership", "/billing"));
    view! { <Lone told=problem.told() margin="Mail" back /> }
}
