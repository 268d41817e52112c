//! `/`: the plans, and the way in.

use super::{
    Audience, Interval, OfferedPlan, PlansError, PlansPort,
    card::{PlanCard, Stand},
};
use crate::billing::{BillingPort, Standing};
use crate::checkout::CheckoutError;
use crate::login::{self, Viewer};
use crate::page::{Icon, Mark, Notice, Tagline, Tone, answer, community};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use std::sync::Arc;

const LEDE: &str = "One membership opens the members’ channels on Discord a moment after you have paid, and keeps \
                    them open for as long as it runs.";

/// What the address asks for.
struct Asked {
    yearly: bool,
    /// Stripe's product id of the plan chosen before signing in.
    wanted: Option<String>,
    problem: Option<CheckoutError>,
    /// Came back from a checkout that was left.
    left: bool,
}

#[component]
pub fn Landing() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let asked = Asked {
        yearly: query.get_str("interval") == Some("year"),
        wanted: query.get("plan"),
        problem: query.get_str("problem").and_then(CheckoutError::from_slug),
        left: query.get_str("left").is_some(),
    };
    let viewer = login::viewer();
    let house = community();
    let problem = asked.problem.map(|problem| {
        let told = problem.told();
        let text = format!("{} {}", told.meaning, told.next);
        view! {
            <Notice tone=Tone::Attention title=told.title text=text urgent=true>
                {told.action.map(|(label, href)| view! { <a class="button quiet" href=href>{label}</a> })}
            </Notice>
        }
    });
    let left = asked.left.then(|| {
        view! {
            <Notice
                tone=Tone::Waiting
                title="You left the payment page."
                text="You were not charged, and nothing has started."
            />
        }
    });
    let tagline = use_context::<Tagline>().map_or_else(|| LEDE.to_owned(), |tagline| tagline.0);
    let plans = Suspend::new({
        let viewer = viewer.clone();
        async move { plans(viewer, asked).await }
    });
    view! {
        <Title text=house.name.clone() />
        {problem}
        {left}
        <section class="hero">
            <div class="hero-text">
                <h1>{house.name}</h1>
                <p class="lede">{tagline}</p>
                {way_in(viewer)}
            </div>
            <ol class="how" aria-label="How it goes">
                <li><Icon mark=Mark::Card /><div><strong>"You pay"</strong><p>"At Stripe, monthly or yearly."</p></div></li>
                <li><Icon mark=Mark::Member /><div><strong>"Your membership starts"</strong><p>"At once, by itself."</p></div></li>
                <li><Icon mark=Mark::Hash /><div><strong>"Discord opens"</strong><p>"You get your role, and see its channels."</p></div></li>
            </ol>
        </section>
        {plans}
    }
}

fn way_in(viewer: Option<Viewer>) -> AnyView {
    match viewer {
        None => view! {
            <p class="actions">
                <a class="button ink large" href="/login?next=%2F"><Icon mark=Mark::Discord />"Sign in with Discord"</a>
            </p>
            <p class="small">"Or choose a plan first: signing in is part of the way."</p>
        }
        .into_any(),
        Some(viewer) => view! {
            <p class="small">{format!("Signed in as {}. What you choose belongs to this Discord account.", viewer.name)}</p>
        }
        .into_any(),
    }
}

async fn plans(viewer: Option<Viewer>, asked: Asked) -> AnyView {
    let Some(port) = use_context::<Arc<dyn PlansPort>>() else {
        return unavailable(&PlansError::Unavailable);
    };
    let held = match viewer {
        Some(viewer) => held(&viewer).await,
        None => None,
    };
    match port.offered().await {
        Ok(plans) => {
            let plans: Vec<_> = plans
                .into_iter()
                .filter(|plan| plan.audience == Audience::Individual)
                .collect();
            if plans.is_empty() {
                empty()
            } else {
                view! { <Offered plans held asked /> }.into_any()
            }
        }
        Err(error) => unavailable(&error),
    }
}

/// Name of the plan the person has now. A dashboard that cannot be read costs the mark on the
/// card and nothing else: a checkout of somebody who has one leads to the dashboard anyway.
async fn held(viewer: &Viewer) -> Option<String> {
    let port = use_context::<Arc<dyn BillingPort>>()?;
    let dashboard = port.dashboard(&viewer.user_id).await.ok()?;
    let has = !matches!(dashboard.standing, Standing::None | Standing::Ended);
    dashboard
        .membership
        .filter(|_| has)
        .map(|membership| membership.plan_name)
}

#[component]
fn Offered(plans: Vec<OfferedPlan>, held: Option<String>, asked: Asked) -> impl IntoView {
    let offers = |interval| plans.iter().any(|plan| plan.price(interval).is_some());
    let switch = (offers(Interval::Month) && offers(Interval::Year)).then(|| {
        view! {
            <fieldset class="switch">
                <legend class="unseen">"How often you pay"</legend>
                <label>
                    <input type="radio" name="every" value="month" id="every-month" autocomplete="off" checked=!asked.yearly />
                    <span>"Monthly"</span>
                </label>
                <label>
                    <input type="radio" name="every" value="year" id="every-year" autocomplete="off" checked=asked.yearly />
                    <span>"Yearly"</span>
                </label>
            </fieldset>
        }
    });
    let count = plans.len().to_string();
    let has = held.as_ref().map(|name| {
        view! {
            <p class="has">
                {format!("You have {name}. ")}
                <a href="/billing">"Your billing"</a>
                " says until when, and is where you cancel it."
            </p>
        }
    });
    let chosen = plans
        .iter()
        .any(|plan| asked.wanted.as_ref() == Some(&plan.id));
    let cards = plans
        .into_iter()
        .map(|plan| {
            let stand = match &held {
                Some(name) if *name == plan.name => Stand::Held,
                Some(_) => Stand::Other,
                None if asked.wanted.as_ref() == Some(&plan.id) => Stand::Wanted,
                None => Stand::Free,
            };
            let main = stand == Stand::Wanted || (!chosen && plan.badge.is_some());
            view! { <PlanCard plan stand main /> }
        })
        .collect_view();
    view! {
        <section class="plans" id="plans" aria-labelledby="plans-title">
            <div class="plans-head">
                <h2 id="plans-title">"Plans"</h2>
                {has}
                {switch}
            </div>
            <ul class="plan-list" data-count=count>{cards}</ul>
        </section>
    }
}

fn empty() -> AnyView {
    view! {
        <section class="plans blank" aria-labelledby="plans-title">
            <h2 id="plans-title">"No plan is on offer yet."</h2>
            <p>"The people who run this are still setting it up. Nothing can be bought, and nothing is charged."</p>
        </section>
    }
    .into_any()
}

fn unavailable(error: &PlansError) -> AnyView {
    let told = error.told();
    answer::status(told.status);
    view! {
        <section class="plans blank" aria-labelledby="plans-title">
            <h2 id="plans-title">{told.title}</h2>
            <p>{told.meaning} " " {told.next}</p>
            {told.action.map(|(label, href)| view! { <p class="actions"><a class="button quiet" href=href>{label}</a></p> })}
        </section>
    }
    .into_any()
}
