//! The return from Stripe: `/billing?session_id=`.

use super::page::{Asked, Refused, shown};
use super::{BillingError, BillingPort};
use crate::checkout::{
    Activating, CardRefusal, CheckoutError, CheckoutPort, Following, LOOKS, Progress,
};
use crate::login::Viewer;
use crate::page::{Notice, Tone, answer as http_answer, community};
use leptos::prelude::*;
use leptos_meta::Title;
use std::sync::Arc;

/// Reads Stripe then and there, and answers with the dashboard, the wait, or why neither.
pub(super) async fn answer(viewer: &Viewer, session_id: &str, asked: &Asked) -> AnyView {
    let Some(port) = use_context::<Arc<dyn CheckoutPort>>() else {
        return view! { <Refused told=CheckoutError::Unavailable.told() /> }.into_any();
    };
    match port.returned(&viewer.user_id, session_id).await {
        Ok(Progress::Open) => left(
            "This checkout was not finished.",
            port.refusal(&viewer.user_id, session_id).await,
        ),
        Ok(Progress::Expired) => left("The time for this checkout has run out.", None),
        Ok(Progress::Delayed) => {
            let said = view! {
                <Notice
                    tone=Tone::Waiting
                    title="Your payment is on its way."
                    text="Your bank takes some days to confirm it. What you bought starts by itself then, and you are \
                          not charged twice."
                />
            };
            shown(viewer, asked, Some(said.into_any())).await
        }
        Ok(Progress::Member) => {
            let session_id = session_id.to_owned();
            let said = view! {
                <Notice tone=Tone::Granted title="Payment received. You’re in.">
                    <Following session_id />
                </Notice>
            };
            shown(viewer, asked, Some(said.into_any())).await
        }
        Ok(Progress::InDiscord) => {
            let said = view! {
                <Notice
                    tone=Tone::Granted
                    title="Payment received. You’re in."
                    text="Your role is set in Discord, and the channels are open. There is nothing else to do."
                />
            };
            shown(viewer, asked, Some(said.into_any())).await
        }
        Ok(Progress::Attention) => {
            let said = view! {
                <Notice
                    tone=Tone::Granted
                    title="Payment received. Your membership runs."
                    text="Discord needs something before it opens; the chain below says what."
                />
            };
            shown(viewer, asked, Some(said.into_any())).await
        }
        // Stripe's silence is not the payer's fault: the wait goes on and says so in the end.
        Ok(Progress::Paying) => waiting(session_id, asked.looks),
        Err(error) if error.passes() && error != CheckoutError::Unavailable => {
            waiting(session_id, asked.looks)
        }
        Err(error) => view! { <Refused told=error.told() /> }.into_any(),
    }
}

/// The return from the portal: what was done there shows at once, or that it could not be read.
pub(super) async fn from_portal(viewer: &Viewer, asked: &Asked) -> AnyView {
    let read = match use_context::<Arc<dyn BillingPort>>() {
        Some(port) => port.returned_from_portal(&viewer.user_id).await,
        None => Err(BillingError::Unavailable),
    };
    let said = read.err().map(|_| {
        view! {
            <Notice
                tone=Tone::Waiting
                title="Stripe could not be asked just now."
                text="What you did there is safe with Stripe, and shows here by itself in a moment."
            />
        }
        .into_any()
    });
    shown(viewer, asked, said).await
}

/// "Activating…": with wasm the island looks, without it the page loads itself anew.
fn waiting(session_id: &str, looks: usize) -> AnyView {
    let here = format!(
        "/billing?session_id={}",
        http_answer::query_value(session_id)
    );
    let again = LOOKS
        .get(looks)
        .map(|seconds| format!("{seconds};url={here}&look={}", looks + 1));
    let tired = again.is_none();
    let session_id = session_id.to_owned();
    view! {
        <Title text=format!("Activating – {}", community().name) />
        {again.map(|content| view! {
            <noscript>
                <meta http-equiv="refresh" content=content />
            </noscript>
        })}
        <section class="entry lone">
            <p class="margin">"Checkout"</p>
            <div class="matter">
                <Activating session_id here tired />
            </div>
        </section>
    }
    .into_any()
}

/// The checkout was left, or its time is over: nothing was charged.
fn left(title: &'static str, refusal: Option<CardRefusal>) -> AnyView {
    let refusal = refusal.map(|refusal| {
        let (title, text) = refusal.told();
        view! { <Notice tone=Tone::Attention title=title text=text urgent=true /> }
    });
    view! {
        <Title text=format!("Not paid – {}", community().name) />
        {refusal}
        <section class="entry lone">
            <p class="margin">"Checkout"</p>
            <div class="matter">
                <h1>{title}</h1>
                <p class="lede">"You were not charged, and nothing has started."</p>
                <p>"The plans are where you left them. Choosing one leads to Stripe again."</p>
                <p class="actions">
                    <a class="button" href="/">"Back to the plans"</a>
                    <a class="button quiet" href="/billing">"Go to your billing"</a>
                </p>
            </div>
        </section>
    }
    .into_any()
}
