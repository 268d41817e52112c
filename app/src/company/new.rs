//! `/company/new`: a company to be founded, or seats for one that pays nothing (`?for=`).

use super::forms::BuySeats;
use super::page::{guarded, here, problem};
use super::picker::{SeatPicker, SeatPrice, number};
use super::{CompanyError, LONGEST_NAME, Seen};
use crate::page::{BusyForms, Press, community, hidden};
use crate::plans::card::saving;
use crate::plans::{Audience, Interval, OfferedPlan, PlansPort};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use std::sync::Arc;

/// Seats a form begins with.
pub const BEGIN: i64 = 5;

/// The prices of the plans for companies.
#[must_use]
pub fn prices(plans: &[OfferedPlan]) -> Vec<SeatPrice> {
    plans
        .iter()
        .filter(|plan| plan.audience == Audience::Company)
        .flat_map(|plan| plan.prices.iter().map(|price| seat_price(plan, &price.id)))
        .flatten()
        .collect()
}

/// One price of a plan.
#[must_use]
pub fn seat_price(plan: &OfferedPlan, price_id: &str) -> Option<SeatPrice> {
    let price = plan.prices.iter().find(|price| price.id == price_id)?;
    let every = match price.interval {
        Interval::Month => "monthly",
        Interval::Year => "yearly",
    };
    let saved = plan
        .price(Interval::Month)
        .filter(|_| price.interval == Interval::Year)
        .and_then(|month| saving(&month.amount, &price.amount))
        .map(|saved| format!("Saves {} a seat.", saved.display()));
    let tax = price.tax.map(|tax| tax.sentence().to_owned());
    Some(SeatPrice {
        id: price.id.clone(),
        name: format!("{}, paid {every}", plan.name),
        amount: price.amount.clone(),
        per: price.interval.per().to_owned(),
        note: saved.into_iter().chain(tax).collect::<Vec<_>>().join(" "),
    })
}

/// For whom seats are bought.
enum Whom {
    /// One that is there: its name.
    Founded(String),
    /// One to be: what was written as its name.
    New(String),
}

#[component]
pub fn NewCompany() -> impl IntoView {
    let query = use_query_map().get_untracked();
    guarded(&here(), move |viewer, port| async move {
        let plans = use_context::<Arc<dyn PlansPort>>().ok_or(CompanyError::Unavailable)?;
        let offered = plans
            .offered()
            .await
            .map_err(|_| CompanyError::Unavailable)?;
        let given = |name| query.get(name).filter(|text| !text.is_empty());
        let (id, whom) = if let Some(id) = given("for") {
            match port.company(&viewer.user_id, &id).await? {
                Seen::Admin(company) if company.paying.standing.may_buy() => {
                    (id, Whom::Founded(company.name))
                }
                Seen::Admin(_) => return Err(CompanyError::PaysAlready),
                Seen::Holder(_) => return Err(CompanyError::NotFound),
            }
        } else {
            let id = given("id").unwrap_or_else(|| port.new_id());
            (id, Whom::New(given("name").unwrap_or_default()))
        };
        let seats = query.get_str("seats").and_then(number).unwrap_or(BEGIN);
        let chosen = query.get("price").unwrap_or_default();
        let prices = prices(&offered);
        let shown = if prices.is_empty() {
            nothing()
        } else {
            view! { <Buying id whom prices chosen seats /> }.into_any()
        };
        Ok(view! {
            <Title text=format!("Seats for a company – {}", community().name) />
            {problem(&query)}
            {shown}
            <BusyForms />
        }
        .into_any())
    })
}

fn nothing() -> AnyView {
    view! {
        <section class="entry lone">
            <p class="margin"><a href="/company">"Company"</a></p>
            <div class="matter">
                <h1>"There is no plan for companies on offer."</h1>
                <p class="lede">"No seats can be bought right now, and nothing is charged."</p>
                <p class="actions"><a class="button" href="/">"See the other plans"</a></p>
            </div>
        </section>
    }
    .into_any()
}

#[component]
fn Buying(
    id: String,
    whom: Whom,
    prices: Vec<SeatPrice>,
    chosen: String,
    seats: i64,
) -> impl IntoView {
    let (title, field) = match whom {
        Whom::Founded(name) => (
            format!("Seats for {name}"),
            hidden([("founded", "true".to_owned())]).into_any(),
        ),
        Whom::New(written) => (
            "Seats for your company".to_owned(),
            view! {
                <label class="field">
                    <span>"Its name, as it stands on invites"</span>
                    <input
                        name="name"
                        value=written
                        required
                        maxlength=LONGEST_NAME.to_string()
                        autocomplete="organization"
                    />
                </label>
            }
            .into_any(),
        ),
    };
    view! {
        <section class="entry lone">
            <p class="margin"><a href="/company">"Company"</a></p>
            <div class="matter">
                <h1>{title}</h1>
                <p class="lede">
                    "The company pays once for all, and its people claim their seats by invites. More or fewer seats are \
                     possible at any time."
                </p>
                <form class="buying" method="post" action=BuySeats::url()>
                    {hidden([("company", id)])}
                    {field}
                    <SeatPicker id="seats".to_owned() prices chosen seats />
                    <Press label="Go to payment" busy="Taking you to Stripe…" />
                </form>
                <p class="small">
                    "Stripe asks for the card, the invoice address and a tax id. Nothing is charged before you confirm there. \
                     You look after the company, and take a seat only if you want one."
                </p>
            </div>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::prices;
    use crate::money::Money;
    use crate::plans::{Audience, Interval, OfferedPlan, OfferedPrice};

    fn plan(audience: Audience) -> OfferedPlan {
        let price = |interval, minor| OfferedPrice {
            id: format!("price_{minor}"),
            interval,
            amount: Money::new(minor, "eur"),
            tax: None,
        };
        OfferedPlan {
            id: "prod_1".into(),
            name: "Team".into(),
            description: None,
            features: Vec::new(),
            badge: None,
            audience,
            trial_days: None,
            prices: vec![price(Interval::Month, 1200), price(Interval::Year, 12_000)],
            pass: None,
        }
    }

    #[test]
    fn only_plans_for_companies_have_seats() {
        assert!(prices(&[plan(Audience::Individual)]).is_empty());
        let found = prices(&[plan(Audience::Company)]);
        let said: Vec<_> = found
            .iter()
            .map(|price| format!("{}: {} {}", price.name, price.display(), price.note))
            .collect();
        assert_eq!(
            said.join("|").replace('\u{a0}', " "),
            "Team, paid monthly: 12 € a seat a month |Team, paid yearly: 120 € a seat a year Saves 24 € a seat."
        );
    }
}
