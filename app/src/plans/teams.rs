//! Plans for companies: a price for a seat, a number, and what they come to.

use super::{Interval, OfferedPlan};
use crate::company::new::{BEGIN, seat_price};
use crate::company::picker::SeatPicker;
use crate::page::{Icon, Mark};
use leptos::prelude::*;

#[component]
pub fn Teams(
    plans: Vec<OfferedPlan>,
    /// The page has a switch between month and year.
    switched: bool,
) -> impl IntoView {
    let cards = plans
        .into_iter()
        .enumerate()
        .map(|(at, plan)| card(at, plan, switched))
        .collect_view();
    view! {
        <section class="teams" aria-labelledby="teams-title">
            <div class="teams-head">
                <h2 id="teams-title">"For companies"</h2>
                <p>"The company pays once for all. Its people claim their seats by invites; a seat that is freed goes to somebody else."</p>
            </div>
            <ul class="team-list">{cards}</ul>
        </section>
    }
}

fn card(at: usize, plan: OfferedPlan, switched: bool) -> impl IntoView {
    let both =
        switched && plan.price(Interval::Month).is_some() && plan.price(Interval::Year).is_some();
    let offers = plan
        .prices
        .iter()
        .filter_map(|price| Some((price.interval, seat_price(&plan, &price.id)?)))
        .map(|(interval, price)| {
            let every = both.then(|| interval.as_str());
            let id = format!("seats-{at}-{}", interval.as_str());
            let label = format!("of {}, paid {}", plan.name, price.per);
            let amount = price.amount.display();
            let after = format!("a seat {}", price.per);
            let note = price.note.clone();
            view! {
                <div class="team-offer" data-every=every>
                    <p class="team-price"><strong>{amount}</strong>" "<span>{after}</span></p>
                    <p class="price-note">{note}</p>
                    <form class="buying" method="get" action="/company/new">
                        <SeatPicker id prices=vec![price] chosen=String::new() seats=BEGIN />
                        <button type="submit" class="button">
                            "Buy seats"<span class="unseen">" "{label}</span>
                        </button>
                    </form>
                </div>
            }
        })
        .collect_view();
    let OfferedPlan {
        name,
        description,
        features,
        ..
    } = plan;
    let features = (!features.is_empty()).then(|| {
        let lines = features.into_iter().map(|feature| {
            view! { <li><Icon mark=Mark::Check /><span>{feature}</span></li> }
        });
        view! {
            <ul class="includes" aria-label=format!("{name} includes")>{lines.collect_view()}</ul>
        }
    });
    view! {
        <li class="team">
            <div class="team-what">
                <h3>{name.clone()}</h3>
                <p class="plan-about">{description}</p>
                {features}
            </div>
            <div class="team-buy">{offers}</div>
        </li>
    }
}
