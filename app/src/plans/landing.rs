//! `/`: the plans, and the way in.

use super::{
    Audience, CodeError, Interval, OfferedPlan, PlansError, PlansPort, Promotion, Shop,
    card::{HasPass, PlanCard, Stand},
    teams::Teams,
};
use crate::billing::{BillingPort, PassLine, PassState, Standing};
use crate::checkout::{CheckoutError, CheckoutPort};
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
    /// Came back from a checkout that was left: its id.
    left: Option<String>,
    /// A promotion code.
    code: Option<String>,
}

#[component]
pub fn Landing() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let asked = Asked {
        yearly: query.get_str("interval") == Some("year"),
        wanted: query.get("plan"),
        problem: query.get_str("problem").and_then(CheckoutError::from_slug),
        left: query.get("left"),
        code: query.get("code").filter(|code| !code.trim().is_empty()),
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
    let left = asked.left.clone().map(|id| {
        let viewer = viewer.clone();
        Suspend::new(async move { left(viewer.as_ref(), &id).await })
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
                <li><Icon mark=Mark::Card /><div><strong>"You pay"</strong><p>"At Stripe, by month, by year or once."</p></div></li>
                <li><Icon mark=Mark::Member /><div><strong>"Your membership starts"</strong><p>"At once, by itself."</p></div></li>
                <li><Icon mark=Mark::Hash /><div><strong>"Discord opens"</strong><p>"You get your role, and see its channels."</p></div></li>
            </ol>
        </section>
        {plans}
    }
}

/// The person left the payment page; why, if it was their card.
async fn left(viewer: Option<&Viewer>, id: &str) -> AnyView {
    let port = use_context::<Arc<dyn CheckoutPort>>();
    let refusal = match (viewer, port) {
        (Some(viewer), Some(port)) => port.refusal(&viewer.user_id, id).await,
        _ => None,
    };
    match refusal {
        Some(refusal) => {
            let (title, text) = refusal.told();
            view! { <Notice tone=Tone::Attention title=title text=text urgent=true /> }.into_any()
        }
        None => view! {
            <Notice
                tone=Tone::Waiting
                title="You left the payment page."
                text="You were not charged, and nothing has started."
            />
        }
        .into_any(),
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
    let user_id = viewer.as_ref().map(|viewer| viewer.user_id.clone());
    let had = match viewer {
        Some(viewer) => had(&viewer).await,
        None => Had::default(),
    };
    match port.shop(asked.code.as_deref(), user_id.as_deref()).await {
        Ok(mut shop) => {
            let (plans, teams): (Vec<_>, Vec<_>) = std::mem::take(&mut shop.plans)
                .into_iter()
                .partition(|plan| plan.audience == Audience::Individual);
            shop.plans = plans;
            let switched = switched(&shop.plans);
            let teams = (!teams.is_empty()).then(|| view! { <Teams plans=teams switched /> });
            if shop.plans.is_empty() && teams.is_none() {
                return empty();
            }
            let offered = (!shop.plans.is_empty()).then(|| view! { <Offered shop had asked /> });
            view! {
                {offered}
                {teams}
            }
            .into_any()
        }
        Err(error) => unavailable(&error),
    }
}

/// What the reader has already.
#[derive(Clone, Default)]
struct Had {
    /// Name of the plan a subscription gives.
    plan: Option<String>,
    passes: Vec<PassLine>,
}

impl Had {
    fn pass(&self, plan: &OfferedPlan) -> HasPass {
        self.passes
            .iter()
            .filter(|pass| pass.plan_id == plan.id)
            .filter(|pass| matches!(pass.state, PassState::Running | PassState::Ahead))
            .map(|pass| pass.ends_at)
            .max_by_key(|end| end.unwrap_or(i64::MAX))
            .map_or(HasPass::None, |end| {
                end.map_or(HasPass::Life, HasPass::Until)
            })
    }
}

/// A dashboard that cannot be read costs the marks on the cards and nothing else: a checkout of
/// somebody who has a subscription leads to the dashboard anyway.
async fn had(viewer: &Viewer) -> Had {
    let Some(port) = use_context::<Arc<dyn BillingPort>>() else {
        return Had::default();
    };
    let Ok(dashboard) = port.dashboard(&viewer.user_id).await else {
        return Had::default();
    };
    let has = !matches!(
        dashboard.standing,
        Standing::None | Standing::Ended | Standing::Pass
    );
    Had {
        plan: dashboard
            .membership
            .filter(|_| has)
            .map(|membership| membership.plan_name),
        passes: dashboard.passes,
    }
}

/// Whether there is something to switch between month and year for.
fn switched(plans: &[OfferedPlan]) -> bool {
    let offers = |interval| plans.iter().any(|plan| plan.price(interval).is_some());
    offers(Interval::Month) && offers(Interval::Year)
}

/// What the code in the address does, or why it does nothing.
fn promotion_notice(promotion: &Result<Promotion, CodeError>) -> AnyView {
    match promotion {
        Ok(promotion) => {
            let title = format!("Code {}: {}.", promotion.code, promotion.worth());
            view! {
                <Notice
                    tone=Tone::Granted
                    title=title
                    text="The prices below are with it, where it counts. It goes with you to checkout."
                />
            }
            .into_any()
        }
        Err(error) => {
            let told = error.told();
            let text = format!("{} {}", told.meaning, told.next);
            view! { <Notice tone=Tone::Attention title=told.title text=text /> }.into_any()
        }
    }
}

#[component]
fn Offered(shop: Shop, had: Had, asked: Asked) -> impl IntoView {
    let Shop {
        plans,
        takes_codes,
        promotion,
    } = shop;
    let said = promotion.as_ref().map(promotion_notice);
    let promotion = promotion.and_then(Result::ok);
    let codes = (takes_codes && promotion.is_none()).then(|| {
        view! { <p class="small codes">"Promotion codes can be entered at checkout."</p> }
    });
    let switch = switched(&plans).then(|| {
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
    let has = had.plan.as_ref().map(|name| {
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
            let stand = match &had.plan {
                Some(name) if *name == plan.name => Stand::Held,
                Some(_) => Stand::Other,
                None if asked.wanted.as_ref() == Some(&plan.id) => Stand::Wanted,
                None => Stand::Free,
            };
            let main = stand == Stand::Wanted || (!chosen && plan.badge.is_some());
            let has_pass = had.pass(&plan);
            let promotion = promotion.clone();
            view! { <PlanCard plan stand has_pass promotion main /> }
        })
        .collect_view();
    view! {
        <section class="plans" id="plans" aria-labelledby="plans-title">
            <div class="plans-head">
                <h2 id="plans-title">"Plans"</h2>
                {has}
                {switch}
            </div>
            {said}
            <ul class="plan-list" data-count=count>{cards}</ul>
            {codes}
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
