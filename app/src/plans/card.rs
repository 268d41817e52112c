//! One plan in the register of plans.

use super::promotion::Reduced;
use super::{Interval, OfferedPass, OfferedPlan, OfferedPrice, Promotion};
use crate::checkout::start::StartCheckout;
use crate::money::Money;
use crate::page::{Icon, Mark, SendForm, dates};
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

/// What the reader's passes mean for this plan. A pass stacks, so it is sold all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HasPass {
    None,
    /// Until then, UTC epoch ms: another one starts that day.
    Until(i64),
    Life,
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a component owns what it is given"
)]
#[component]
pub fn PlanCard(
    plan: OfferedPlan,
    stand: Stand,
    has_pass: HasPass,
    /// The code in the address, if it counts.
    promotion: Option<Promotion>,
    /// Its button is the one that stands out.
    main: bool,
) -> impl IntoView {
    let both = plan.prices.len() > 1;
    let prices = plan
        .prices
        .iter()
        .map(|price| {
            let every = both.then(|| price.interval.as_str());
            let reduced = promotion
                .as_ref()
                .and_then(|code| code.on(&plan.id, &price.amount, Some(price.interval)));
            let note = note(&plan, price, stand);
            view! {
                <div class="offer" data-every=every>
                    {amount(&price.amount, reduced.as_ref(), price.interval.per())}
                    <p class="price-note">{note}</p>
                    {offer_button(&plan, price, reduced.as_ref(), promotion.as_ref(), stand, main)}
                </div>
            }
        })
        .collect_view();
    let pass = plan
        .pass
        .as_ref()
        .map(|pass| pass_offer(&plan, pass, has_pass, promotion.as_ref(), main));
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
                {pass}
            </div>
            {features}
        </li>
    }
}

/// The price, or what it was and what the code makes of it.
fn amount(price: &Money, reduced: Option<&Reduced>, after: &str) -> impl IntoView + use<> {
    let after = after.to_owned();
    match reduced {
        None => view! {
            <p class="price">
                <strong>{price.display()}</strong>
                " "
                <span>{after}</span>
            </p>
        }
        .into_any(),
        Some(reduced) => {
            let while_it_lasts = (!reduced.while_it_lasts.is_empty())
                .then(|| view! { " " <span class="lasts">{reduced.while_it_lasts.clone()}</span> });
            view! {
                <p class="price reduced">
                    <span class="unseen">"Instead of "</span>
                    <s>{price.display()}</s>
                    " "
                    <strong>{reduced.amount.display()}</strong>
                    " "
                    <span>{after}</span>
                    {while_it_lasts}
                </p>
            }
            .into_any()
        }
    }
}

fn offer_button(
    plan: &OfferedPlan,
    price: &OfferedPrice,
    reduced: Option<&Reduced>,
    promotion: Option<&Promotion>,
    stand: Stand,
    main: bool,
) -> Option<impl IntoView + use<>> {
    let amount = reduced.map_or(&price.amount, |reduced| &reduced.amount);
    let label = format!(
        "Choose {} – {} {}",
        plan.name,
        amount.display(),
        price.interval.per()
    );
    let code = reduced.and(promotion);
    matches!(stand, Stand::Free | Stand::Wanted).then(|| buy(&price.id, label, code, main))
}

fn buy(
    price_id: &str,
    label: String,
    promotion: Option<&Promotion>,
    main: bool,
) -> impl IntoView + use<> {
    let class = if main { "" } else { "quiet" };
    let more = promotion
        .map(|promotion| ("code".to_owned(), promotion.code.clone()))
        .into_iter()
        .collect::<Vec<_>>();
    view! {
        <SendForm
            action=StartCheckout::url().to_owned()
            name="price_id".to_owned()
            value=price_id.to_owned()
            more
            label
            busy="Taking you to Stripe…".to_owned()
            class=class.to_owned()
        />
    }
}

/// The one-time price: beside the others or instead of them.
fn pass_offer(
    plan: &OfferedPlan,
    pass: &OfferedPass,
    has: HasPass,
    promotion: Option<&Promotion>,
    main: bool,
) -> impl IntoView + use<> {
    let reduced = promotion.and_then(|code| code.on(&plan.id, &pass.amount, None));
    let paid = reduced
        .as_ref()
        .map_or(&pass.amount, |reduced| &reduced.amount);
    let until = match has {
        HasPass::Until(at) => dates::day(at).map(|day| {
            let text = format!("You have it until {day}; another one starts when it ends.");
            view! { <p class="after">{text}</p> }
        }),
        HasPass::None | HasPass::Life => None,
    };
    let note = [
        Some("It does not renew.".to_owned()),
        pass.tax.map(|tax| tax.sentence().to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(" ");
    let verb = if matches!(has, HasPass::Until(_)) {
        "Extend"
    } else {
        "Get"
    };
    let label = format!("{verb} {} – {} once", plan.name, paid.display());
    let code = reduced.as_ref().and(promotion);
    let button = if has == HasPass::Life {
        view! {
            <p class="state" data-state="granted"><Icon mark=Mark::Check />"Yours, for life"</p>
        }
        .into_any()
    } else {
        buy(&pass.price_id, label, code, main).into_any()
    };
    view! {
        <div class="offer pass">
            {amount(&pass.amount, reduced.as_ref(), &pass.length.after_amount())}
            <p class="price-note">{note}</p>
            {button}
            {until}
        </div>
    }
}

/// The line below a price: the trial, what a year saves, and tax.
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
    let tax = price.tax.map(|tax| tax.sentence().to_owned());
    [trial, saved, tax]
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
