//! `/company/{id}/number`: another number of seats; with `?seats=`, what it would cost.

use super::forms::ConfirmNumber;
use super::{NumberPreview, SeatsPort};
use crate::company::doing::{Place, page_of};
use crate::company::headline::whole_day;
use crate::company::page::{company_id, for_admins, trouble};
use crate::company::picker::{SeatPicker, SeatPrice, counted, number};
use crate::company::{Company, CompanyError};
use crate::money::Money;
use crate::page::{BusyForms, Press, answer, community, hidden};
use crate::seats::Pool;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use std::sync::Arc;

#[component]
pub fn NumberPage() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let text = query.get("seats").filter(|text| !text.is_empty());
    let problem = query.get_str("problem").and_then(CompanyError::from_slug);
    let place = Place::within(&company_id(), "number");
    let here = match &text {
        Some(text) => place.with(&[("seats", text)]),
        None => place.with(&[]),
    };
    for_admins(&here, move |admins| async move {
        let port = use_context::<Arc<dyn SeatsPort>>().ok_or(CompanyError::Unavailable)?;
        let preview = match text.as_deref().map(number) {
            Some(Some(seats)) => Some(
                port.preview(&admins.viewer.user_id, &admins.company_id, seats)
                    .await,
            ),
            Some(None) => Some(Err(CompanyError::BadNumber)),
            None => None,
        };
        let company = admins.company().await?;
        let wanted = text.as_deref().and_then(number);
        let shown = match preview {
            Some(Ok(preview)) => view! { <Receipt company=company.clone() preview /> }.into_any(),
            // What was asked for cannot be: said above the form, which asks again.
            Some(Err(error)) => {
                answer::status(error.told().status);
                view! {
                    {trouble(error)}
                    <Choose company=company.clone() wanted />
                }
                .into_any()
            }
            None => view! { <Choose company=company.clone() wanted /> }.into_any(),
        };
        Ok(view! {
            <Title text=format!("Number of seats – {} – {}", company.name, community().name) />
            {problem.map(trouble)}
            {shown}
            <BusyForms />
        }
        .into_any())
    })
}

/// The form for a number, or why there is none.
#[component]
fn Choose(company: Company, wanted: Option<i64>) -> impl IntoView {
    let page = page_of(&company.id);
    let held: i64 = company.pools.iter().map(Pool::held).sum();
    let paying = company.paying;
    let seat = paying.seat.as_ref().map(|seat| SeatPrice {
        id: String::new(),
        name: seat.plan_name.clone(),
        amount: seat.amount.clone(),
        per: seat.interval.per().to_owned(),
        note: String::new(),
    });
    let matter = match (paying.may_change, seat) {
        (Ok(()), Some(seat)) => {
            let at = wanted.unwrap_or(paying.seats);
            view! {
                <p class="lede">
                    {format!("{} are paid, {held} are held. Nothing is changed before you have seen what it costs.", counted(paying.seats))}
                </p>
                <form class="buying" method="get" action=format!("{page}/number")>
                    <SeatPicker id="seats".to_owned() prices=vec![seat] chosen=String::new() seats=at />
                    <button type="submit" class="button">"See what it costs"</button>
                </form>
                <p class="small">"More seats are paid for the rest of the period and count once that is paid. Fewer leave a credit for later payments."</p>
            }
            .into_any()
        }
        (may, _) => {
            let told = may.err().unwrap_or(CompanyError::NotPaid).told();
            view! {
                <p class="lede">{told.title}" "{told.meaning}</p>
                <p>{told.next}</p>
            }
            .into_any()
        }
    };
    view! {
        <section class="entry lone">
            <p class="margin"><a href=page.clone()>{company.name}</a></p>
            <div class="matter">
                <h1>"Change the number of seats"</h1>
                {matter}
            </div>
        </section>
    }
}

/// What is said first, and the rest: "4 more seats: 31.20 € now." and "Then 180 € a month from
/// 3 March 2027."
fn sentence(preview: &NumberPreview) -> (String, String) {
    let apart = counted((preview.to - preview.from).abs());
    let (number, seats) = apart.split_once(' ').unwrap_or((&apart, "seats"));
    let way = if preview.to > preview.from {
        "more"
    } else {
        "fewer"
    };
    let today = if preview.today.minor > 0 {
        format!("{} now", preview.today.display())
    } else {
        "nothing now".to_owned()
    };
    let per = preview.seat.interval.per();
    let then = preview.then.display();
    let rest = match whole_day(preview.from_at) {
        Some(day) => format!("Then {then} {per}, from {day}."),
        None => format!("Then {then} {per}."),
    };
    (format!("{number} {way} {seats}: {today}."), rest)
}

/// What it means for seats, and where the sum comes from.
fn explanation(preview: &NumberPreview) -> String {
    let kept = preview
        .credit
        .as_ref()
        .map(Money::display)
        .map(|credit| {
            format!(" {credit} stay with Stripe as the company’s credit for later payments.")
        })
        .unwrap_or_default();
    if preview.trialing {
        return format!("The trial goes on; the number counts at once.{kept}");
    }
    if preview.to > preview.from {
        format!("The seats count as soon as this is paid, for the rest of the period.{kept}")
    } else {
        format!(
            "From now on no more than {} are filled. Nobody who holds one loses it.{kept}",
            counted(preview.to)
        )
    }
}

fn label(preview: &NumberPreview) -> String {
    let to = counted(preview.to);
    if preview.today.minor > 0 {
        format!("Pay {} and have {to}", preview.today.display())
    } else {
        format!("Have {to} from now on")
    }
}

#[component]
fn Receipt(company: Company, preview: NumberPreview) -> impl IntoView {
    let (first, rest) = sentence(&preview);
    let explained = explanation(&preview);
    let label = label(&preview);
    let page = page_of(&company.id);
    let NumberPreview {
        from,
        to,
        today,
        lines,
        card,
        seen,
        ..
    } = preview;
    let receipt = (!lines.is_empty()).then(|| {
        let rows = lines.into_iter().map(|line| {
            view! {
                <div class="row">
                    <dt>{line.label}</dt>
                    <dd>{line.amount.display()}</dd>
                </div>
            }
        });
        view! {
            <dl class="rows receipt">
                {rows.collect_view()}
                <div class="row sum">
                    <dt>"Now"</dt>
                    <dd>{today.display()}</dd>
                </div>
            </dl>
        }
    });
    let paid_with = card
        .filter(|_| today.minor > 0)
        .map(|card| format!("Charged to {} ending in {}. ", card.brand, card.last4));
    view! {
        <section class="entry lone">
            <p class="margin">
                <a href=page.clone()>{company.name}</a>
                <span class="below">{format!("From {from} to {}", counted(to))}</span>
            </p>
            <div class="matter">
                <h1>{first}<span class="rest">" "{rest}</span></h1>
                <p class="lede">{explained}</p>
                {receipt}
                <form class="portal" method="post" action=ConfirmNumber::url()>
                    {hidden([("company", company.id), ("seen", seen)])}
                    <Press label busy="Asking Stripe…" />
                    <a class="button quiet" href=format!("{page}/number?")>"Choose another number"</a>
                </form>
                <p class="small">{paid_with}"Nothing has happened yet."</p>
            </div>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::words::tests::price;
    use crate::plans::Interval;

    fn preview(from: i64, to: i64, today: i64) -> NumberPreview {
        NumberPreview {
            seat: price("Team", 1200, Interval::Month),
            from,
            to,
            today: Money::new(today, "eur"),
            lines: Vec::new(),
            then: Money::new(1200 * to, "eur"),
            // 3 March 2027.
            from_at: 1_804_082_709_000,
            credit: None,
            trialing: false,
            card: None,
            seen: String::new(),
        }
    }

    fn said(preview: &NumberPreview) -> String {
        let (first, rest) = sentence(preview);
        format!("{first} {rest}").replace('\u{a0}', " ")
    }

    #[test]
    fn what_it_costs_is_said_in_plain_words() {
        let up = preview(11, 15, 3120);
        assert_eq!(
            said(&up),
            "4 more seats: 31.20 € now. Then 180 € a month, from 3 March 2027."
        );
        assert_eq!(
            label(&up).replace('\u{a0}', " "),
            "Pay 31.20 € and have 15 seats"
        );
        assert!(explanation(&up).contains("as soon as this is paid"));
        let one = preview(5, 6, 900);
        assert!(said(&one).starts_with("1 more seat: 9 € now."));
    }

    #[test]
    fn fewer_say_what_is_kept() {
        let mut down = preview(15, 11, 0);
        down.credit = Some(Money::new(2400, "eur"));
        assert_eq!(
            said(&down),
            "4 fewer seats: nothing now. Then 132 € a month, from 3 March 2027."
        );
        let text = explanation(&down).replace('\u{a0}', " ");
        assert!(text.contains("no more than 11 seats"), "{text}");
        assert!(text.contains("24 € stay with Stripe"), "{text}");
        assert_eq!(label(&down), "Have 11 seats from now on");
        down.trialing = true;
        assert!(explanation(&down).starts_with("The trial goes on"));
    }
}
