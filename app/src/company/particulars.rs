//! What a company pays, and its way to Stripe.

use super::doing::page_of;
use super::forms::RenameCompany;
use super::notices::portal;
use super::picker::counted;
use super::{Company, CompanyStanding, LONGEST_NAME, Paying};
use crate::billing::Invoices;
use crate::page::{Press, dates, hidden};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// Price, next date, card, and what can be done about them; empty before anything was paid.
pub fn billing(company: &Company) -> Option<AnyView> {
    let paying = &company.paying;
    let seat = paying.seat.as_ref()?;
    let row = |label: &'static str, text: Option<String>| {
        text.map(|text| view! { <div class="row"><dt>{label}</dt><dd>{text}</dd></div> })
    };
    let (next, at) = next_date(paying);
    let card = paying.card.as_ref().map(|card| {
        format!(
            "{} ending in {}, expires {:02}/{}",
            card.brand, card.last4, card.exp_month, card.exp_year
        )
    });
    let price = format!("{} a seat {}", seat.amount.display(), seat.interval.per());
    let sum = paying.sum.as_ref().map(|sum| {
        format!(
            "{}: {} {}",
            counted(paying.seats),
            sum.display(),
            seat.interval.per()
        )
    });
    let over = paying.standing == CompanyStanding::Ended;
    let why = paying.may_change.err().filter(|_| !over).map(|error| {
        let told = error.told();
        view! { <p class="small">{format!("{} {}", told.title, told.next)}</p> }
    });
    let change = paying.may_change.is_ok().then(|| {
        let number = format!("{}/number", page_of(&company.id));
        view! { <a class="button quiet" href=number>"Change the number of seats"</a> }
    });
    let label = if over {
        "Card and invoices at Stripe"
    } else {
        "Card, tax id and cancelling at Stripe"
    };
    let invoices = paying.invoices.clone();
    Some(
        view! {
            <section class="entry" aria-labelledby="billing">
                <h2 class="margin" id="billing">"Billing"</h2>
                <div class="matter">
                    <dl class="rows">
                        {row("Plan", Some(seat.plan_name.clone()))}
                        {row("Price", Some(price))}
                        {row("Seats", sum.filter(|_| !over))}
                        {row(next, at)}
                        {row("Card", card)}
                    </dl>
                    <div class="portal">{change}{portal(&company.id, label, "quiet")}</div>
                    {why}
                </div>
            </section>
            <Invoices invoices known=true />
        }
        .into_any(),
    )
}

/// The date that matters in this standing.
fn next_date(paying: &Paying) -> (&'static str, Option<String>) {
    let (label, at) = match paying.standing {
        CompanyStanding::Trial => ("Trial ends", paying.renews_at),
        CompanyStanding::PastDue | CompanyStanding::Ending | CompanyStanding::Paused => {
            ("Access until", paying.ends_at)
        }
        CompanyStanding::Ended => ("Ended", paying.ends_at),
        _ => ("Next payment", paying.renews_at),
    };
    (label, at.and_then(dates::day))
}

/// The company's name.
pub fn naming(company: &Company) -> AnyView {
    view! {
        <section class="entry" aria-labelledby="name">
            <h2 class="margin" id="name">"Name"</h2>
            <div class="matter">
                <form class="line" method="post" action=RenameCompany::url()>
                    {hidden([("company", company.id.clone())])}
                    <label class="field">
                        <span>"The company’s name, as it stands on invites"</span>
                        <input name="name" value=company.name.clone() required maxlength=LONGEST_NAME.to_string() autocomplete="organization" />
                    </label>
                    <Press label="Rename" busy="Renaming…" class="quiet" />
                </form>
            </div>
        </section>
    }
    .into_any()
}
