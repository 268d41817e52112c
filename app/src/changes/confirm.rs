//! What a change means, in plain words, before anything happens.

use super::choose::AlreadyScheduled;
use super::forms::ConfirmChange;
use super::{Direction, Preview};
use crate::money::Money;
use crate::page::{SendForm, dates};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

#[component]
pub fn Confirm(preview: Preview) -> impl IntoView {
    let (first, rest) = sentence(&preview);
    let explained = explanation(&preview);
    let label = label(&preview);
    let Preview {
        from,
        to,
        lines,
        today,
        first: first_payment,
        card,
        scheduled,
        seen,
        from_at,
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
                    <dt>"Today"</dt>
                    <dd>{today.display()}</dd>
                </div>
            </dl>
        }
    });
    let first_payment = first_payment.and_then(|amount| {
        let day = dates::day(from_at)?;
        Some(format!(
            "The payment on {day} will be {}, with tax, discounts and credit as they stand today.",
            amount.display()
        ))
    });
    let paid_with = card
        .filter(|_| today.minor > 0)
        .map(|card| format!("Charged to {} ending in {}.", card.brand, card.last4));
    view! {
        {scheduled.map(|scheduled| view! { <AlreadyScheduled scheduled /> })}
        <section class="entry lone">
            <p class="margin">{format!("{} to {}", from.plan_name, to.plan_name)}</p>
            <div class="matter">
                <h1>{first}<span class="rest">" "{rest}</span></h1>
                <p class="lede">{explained}</p>
                {receipt}
                {first_payment.map(|text| view! { <p class="small">{text}</p> })}
                <div class="portal">
                    <SendForm
                        action=ConfirmChange::url().to_owned()
                        name="seen".to_owned()
                        value=seen
                        more=Vec::new()
                        label
                        busy="Asking Stripe…".to_owned()
                        class=String::new()
                    />
                    <a class="button quiet" href="/billing/change">"Back to the plans"</a>
                </div>
                {paid_with.map(|text| view! { <p class="small">{text}" Nothing has happened yet."</p> })}
            </div>
        </section>
    }
}

fn whole_day(ms: i64) -> String {
    dates::day(ms).map_or_else(
        || "the next renewal".to_owned(),
        |day| day.replace(' ', "\u{a0}"),
    )
}

/// "Today: 31.20 €." and "Then 59 € a month from 3 March 2027."
fn sentence(preview: &Preview) -> (String, String) {
    let price = preview.to.display();
    let day = whole_day(preview.from_at);
    if preview.today.minor > 0 {
        let today = format!("Today: {}.", preview.today.display());
        (today, format!("Then {price} from {day}."))
    } else {
        let today = "Nothing today.".to_owned();
        (today, format!("From {day}: {price}."))
    }
}

/// What it means for access, and where the sum comes from.
fn explanation(preview: &Preview) -> String {
    let (from, to) = (&preview.from.plan_name, &preview.to.plan_name);
    let kept = preview
        .credit
        .as_ref()
        .map(Money::display)
        .map(|credit| format!(" {credit} stay with Stripe as your credit for later payments."))
        .unwrap_or_default();
    match preview.direction {
        Direction::Later => format!(
            "Until then everything stays open, and you can take it back. After that you have {to} instead of {from}."
        ),
        Direction::Now if preview.trialing => {
            format!(
                "Your trial goes on. {to} opens at once, and your first payment is at its price.{kept}"
            )
        }
        Direction::Now if preview.today.minor > 0 => {
            format!(
                "{to} opens as soon as this is paid. What you have not used of {from} is taken off.{kept}"
            )
        }
        Direction::Now => {
            format!("{to} opens at once, and what you have paid for {from} counts.{kept}")
        }
    }
}

fn label(preview: &Preview) -> String {
    let to = &preview.to.plan_name;
    if preview.today.minor > 0 {
        format!("Pay {} and go to {to}", preview.today.display())
    } else if preview.direction == Direction::Later {
        format!("Go to {to} on {}", whole_day(preview.from_at))
    } else {
        format!("Go to {to} now")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::PlanPrice;
    use crate::plans::Interval;

    /// 3 March 2027.
    const DAY: i64 = 1_804_082_709_000;

    fn price(name: &str, minor: i64) -> PlanPrice {
        PlanPrice {
            price_id: name.to_owned(),
            plan_name: name.to_owned(),
            amount: Money::new(minor, "eur"),
            interval: Interval::Month,
        }
    }

    fn preview(direction: Direction, today: i64) -> Preview {
        Preview {
            from: price("Member", 2900),
            to: price("Patron", 5900),
            direction,
            trialing: false,
            today: Money::new(today, "eur"),
            lines: Vec::new(),
            from_at: DAY,
            first: None,
            credit: None,
            card: None,
            scheduled: None,
            seen: String::new(),
        }
    }

    fn said(preview: &Preview) -> String {
        let (first, rest) = sentence(preview);
        format!("{first} {rest}").replace('\u{a0}', " ")
    }

    #[test]
    fn what_it_costs_is_said_in_plain_words() {
        let up = preview(Direction::Now, 3120);
        assert_eq!(
            said(&up),
            "Today: 31.20 €. Then 59 € a month from 3 March 2027."
        );
        assert_eq!(
            label(&up).replace('\u{a0}', " "),
            "Pay 31.20 € and go to Patron"
        );
        assert!(explanation(&up).contains("as soon as this is paid"));

        let mut down = preview(Direction::Later, 0);
        std::mem::swap(&mut down.from, &mut down.to);
        assert_eq!(
            said(&down),
            "Nothing today. From 3 March 2027: 29 € a month."
        );
        assert!(explanation(&down).starts_with("Until then everything stays open"));
        assert_eq!(
            label(&down).replace('\u{a0}', " "),
            "Go to Member on 3 March 2027"
        );
    }

    #[test]
    fn a_trial_and_a_credit_are_told() {
        let mut trial = preview(Direction::Now, 0);
        trial.trialing = true;
        assert!(explanation(&trial).starts_with("Your trial goes on."));
        let mut credit = preview(Direction::Now, 0);
        credit.credit = Some(Money::new(450, "eur"));
        let text = explanation(&credit).replace('\u{a0}', " ");
        assert!(text.contains("4.50 € stay with Stripe"), "{text}");
    }
}
