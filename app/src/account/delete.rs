//! `/account/delete`: what deleting an account does, and the form that asks for it.

use super::forms::DeleteAccount;
use super::page::{Going, trouble, with_account};
use super::{Account, AccountError, CONFIRMATION, Holding, HoldingKind, TypedForm};
use crate::page::{community, dates};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

#[component]
pub fn DeletePage() -> impl IntoView {
    let problem = use_query_map()
        .get_untracked()
        .get_str("problem")
        .and_then(AccountError::from_slug);
    with_account("/account/delete", move |_, account| {
        let shown = match account.deletion {
            Some(deletion) => view! {
                <h1 class="unseen">"Your account is being deleted"</h1>
                <Going deletion />
            }
            .into_any(),
            None => view! { <Ask account /> }.into_any(),
        };
        view! {
            <Title text=format!("Delete your account – {}", community().name) />
            {problem.map(trouble)}
            {shown}
        }
        .into_any()
    })
}

fn ends(holding: &Holding) -> String {
    let plan = &holding.plan;
    match holding.kind {
        HoldingKind::Subscription => format!(
            "Your subscription to {plan} ends at once. Nothing more is charged, and what is paid is not given back."
        ),
        HoldingKind::Pass { until: None } => {
            format!("Your pass for {plan}, good for life, is given up and not paid back.")
        }
        HoldingKind::Pass { until: Some(until) } => match dates::day(until) {
            Some(day) => {
                format!("Your pass for {plan}, good until {day}, is given up and not paid back.")
            }
            None => format!("Your pass for {plan} is given up and not paid back."),
        },
    }
}

#[component]
fn Ask(account: Account) -> impl IntoView {
    let lines = account
        .holdings
        .iter()
        .map(|holding| view! { <li>{ends(holding)}</li> })
        .collect_view();
    let house = community().name;
    view! {
        <section class="entry lone">
            <p class="margin">"Account"</p>
            <div class="matter">
                <h1>"Delete your account?"</h1>
                <p class="lede">
                    {format!("This ends what you have at {house} and erases what is known of you here. Your account at Discord is not touched.")}
                </p>
            </div>
        </section>
        <section class="entry" aria-labelledby="happens">
            <h2 class="margin" id="happens">"What happens"</h2>
            <div class="matter">
                <ol class="steps">
                    <li>"For an hour nothing happens, and you can take it back here."</li>
                    {lines}
                    <li>"Your roles are taken in the Discord server. We wait until Discord confirms that they are gone."</li>
                    <li>"Your name, picture, e-mail address, sign-ins, card and our mail to you are erased."</li>
                </ol>
            </div>
        </section>
        <section class="entry" aria-labelledby="stays">
            <h2 class="margin" id="stays">"What stays"</h2>
            <div class="matter">
                <ul class="steps">
                    <li>"Payments and invoices at Stripe and their numbers here, because the law asks for them."</li>
                    <li>"When and why access changed, under a number that leads to nobody."</li>
                    <li>
                        "If you had a free trial, a digest of your Discord id, which only tells that it was used. You can \
                        come back at any time; a second trial there is not."
                    </li>
                </ul>
            </div>
        </section>
        <section class="entry" aria-labelledby="confirm">
            <h2 class="margin" id="confirm">"Confirm"</h2>
            <div class="matter">
                <TypedForm
                    action=DeleteAccount::url().to_owned()
                    more=Vec::new()
                    field="typed".to_owned()
                    ask=format!("Type “{CONFIRMATION}” to confirm")
                    label="Delete my account".to_owned()
                    busy="Asking for it…".to_owned()
                />
                <p class="actions">
                    <a class="button quiet" href="/account">"Keep my account"</a>
                </p>
            </div>
        </section>
    }
}
