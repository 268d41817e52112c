//! One plan in the register of plans.

use super::{Interval, OfferedPlan, OfferedPrice};
use crate::checkout::start::StartCheckout;
use crate::money::Money;
use crate::page::{Icon, Mark, SendForm};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// What the reader has to do with this plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// May choose it.
    Free,
    /// Chose it before signing in.
    Wanted,
    /// Has it.
    Held,
    /// Has another one: a second subscription is never sold.
    Other,
}

#[component]
pub fn PlanCard(
    plan: OfferedPlan,
    stand: Stand,
    /// Its button is the one that stands out.
    main: bool,
) -> impl IntoView {
    let both = plan.prices.len() > 1;
    let prices = plan
        .prices
        .iter()
        .map(|price| {
            let every = both.then(|| price.interval.as_str());
            view! {
                <div class="offer" data-every=every>
                    <p class="price">
                        <strong>{price.amount.display()}</strong>
                        " "
                        <span>{price.interval.per()}</span>
                    </p>
                    <p class="price-note">{note(&plan, price, stand)}</p>
                    {offer_button(&plan, price, stand, main)}
                </div>
            }
        })
        .collect_view();
    let recommended = plan.badge.is_some();
    let OfferedPlan {
        name,
        description,
        features,
        badge,
        ..
    } = plan;
    let badge = match stand {
        Stand::Wanted => Some((Mark::Arrow, "Your choice".to_owned())),
        _ => badge.map(|badge| (Mark::Star, badge)),
    };
    let badge = badge.map(|(mark, badge)| {
        view! { <p class="badge"><Icon mark />{badge}</p> }
    });
    let stands = match stand {
        Stand::Held => Some(view! {
            <div class="held">
                <p class="state" data-state="granted"><Icon mark=Mark::Check />"Your plan"</p>
                <a class="button quiet" href="/billing">"See your billing"</a>
            </div>
        }),
        _ => None,
    };
    let features = (!features.is_empty()).then(|| {
        let lines = features.into_iter().map(|feature| {
            view! { <li><Icon mark=Mark::Check /><span>{feature}</span></li> }
        });
        view! {
            <ul class="includes" aria-label=format!("{name} includes")>{lines.collect_view()}</ul>
        }
    });
    view! {
        <li
            class="plan"
            class:recommended=recommended
            class:wanted=stand == Stand::Wanted
        >
            <div class="plan-head">
                <h3>{name}</h3>
                {badge}
            </div>
            <p class="plan-about">{description}</p>
            <div class="buy">
                {prices}
                {stands}
            </div>
            {features}
        </li>
    }
}

fn offer_button(
    plan: &OfferedPlan,
    price: &OfferedPrice,
    stand: Stand,
    main: bool,
) -> Option<impl IntoView + use<>> {
    let class = if main { "" } else { "quiet" };
    matches!(stand, Stand::Free | Stand::Wanted).then(|| {
        view! {
            <SendForm
                action=StartCheckout::url().to_owned()
                name="price_id".to_owned()
                value=price.id.clone()
                more=Vec::new()
                label=format!("Choose {} – {} {}", plan.name, price.amount.display(), price.interval.per())
                busy="Taking you to Stripe…".to_owned()
                class=class.to_owned()
            />
        }
    })
}

/// The line below a price: the trial, or what a year saves.
fn note(plan: &OfferedPlan, price: &OfferedPrice, stand: Stand) -> String {
    let trial = plan
        .trial_days
        .filter(|days| *days > 0 && matches!(stand, Stand::Free | Stand::Wanted))
        .map(|days| match days {
            1 => "First day free.".to_owned(),
            days => format!("First {days} days free."),
        });
    let saved = (price.interval == Interval::Year)
        .then(|| {
            plan.price(Interval::Month)
                .and_then(|month| saving(&month.amount, &price.amount))
        })
        .flatten()
        .map(|saved| format!("Saves {}.", saved.display()));
    [trial, saved]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}

/// What a year costs less than twelve months; none when it does not, or is not comparable.
#[must_use]
pub fn saving(month: &Money, year: &Money) -> Option<Money> {
    let twelve = month.minor.checked_mul(12)?;
    (month.currency == year.currency && twelve > year.minor).then(|| Money {
        minor: twelve - year.minor,
        currency: year.currency.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::saving;
    use crate::money::Money;

    #[test]
    fn a_year_saves_only_what_it_saves() {
        let month = Money::new(2900, "eur");
        assert_eq!(
            saving(&month, &Money::new(29000, "eur")),
            Some(Money::new(5800, "eur"))
        );
        assert_eq!(saving(&month, &Money::new(34800, "eur")), None);
        assert_eq!(saving(&month, &Money::new(40000, "eur")), None);
        assert_eq!(saving(&month, &Money::new(29000, "usd")), None);
        assert_eq!(saving(&Money::new(i64::MAX, "eur"), &month), None);
    }
}
