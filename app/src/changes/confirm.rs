//! What a change means, in plain words, before anything happens.

use super::choose::AlreadyScheduled;
use super::forms::ConfirmChange;
use super::{Direction, PlanPrice, Preview, words};
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
        {scheduled.map(|scheduled| view! { <AlreadyScheduled from=from.clone() scheduled /> })}
        <section class="entry lone">
            <p class="margin">{margin(&from, &to)}</p>
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

/// "Member to Patron", "Patron, from monthly to yearly".
fn margin(from: &PlanPrice, to: &PlanPrice) -> String {
    let way = words::way(Some(from), to);
    let joint = if words::same_plan(from, to) { "," } else { "" };
    format!("{}{joint} {way}", from.plan_name)
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
    let today = if preview.today.minor > 0 {
        format!("Today: {}.", preview.today.display())
    } else {
        "Nothing today.".to_owned()
    };
    (today, format!("Then {price} from {day}."))
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
    if words::same_plan(&preview.from, &preview.to) {
        return within_the_plan(preview, &kept);
    }
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

/// The same for a change that leaves plan and roles as they are.
fn within_the_plan(preview: &Preview, kept: &str) -> String {
    let (plan, price) = (&preview.to.plan_name, preview.to.display());
    let every = preview.from.interval.as_str();
    match preview.direction {
        Direction::Later => format!(
            "Until then nothing changes, and you can take it back. After that {plan} goes on at {price}."
        ),
        Direction::Now if preview.trialing => {
            format!(
                "Your trial goes on. {plan} stays as it is, and your first payment is {price}.{kept}"
            )
        }
        Direction::Now => {
            format!(
                "{plan} stays as it is, and so do your roles. What you have not used of the {every} is taken off.{kept}"
            )
        }
    }
}

fn label(preview: &Preview) -> String {
    let way = words::short_way(&preview.from, &preview.to);
    if preview.today.minor > 0 {
        format!("Pay {} and go {way}", preview.today.display())
    } else if preview.direction == Direction::Later {
        format!("Go {way} on {}", whole_day(preview.from_at))
    } else {
        format!("Go {way} now")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::words::tests::price;
    use crate::plans::Interval::{Month, Year};

    /// 3 March 2027.
    const DAY: i64 = 1_804_082_709_000;

    fn preview(direction: Direction, today: i64) -> Preview {
        Preview {
            from: price("Member", 2900, Month),
            to: price("Patron", 5900, Month),
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
            "Nothing today. Then 29 € a month from 3 March 2027."
        );
        assert!(explanation(&down).starts_with("Until then everything stays open"));
        assert_eq!(
            label(&down).replace('\u{a0}', " "),
            "Go to Member on 3 March 2027"
        );
    }

    #[test]
    fn within_one_plan_the_interval_says_what_changes() {
        let mut up = preview(Direction::Now, 71_100);
        up.from = price("Patron", 7900, Month);
        up.to = price("Patron", 79_000, Year);
        assert_eq!(margin(&up.from, &up.to), "Patron, from monthly to yearly");
        assert_eq!(
            said(&up),
            "Today: 711 €. Then 790 € a year from 3 March 2027."
        );
        assert_eq!(label(&up).replace('\u{a0}', " "), "Pay 711 € and go yearly");
        assert!(explanation(&up).contains("not used of the month is taken off"));

        let mut down = preview(Direction::Later, 0);
        (down.from, down.to) = (up.to.clone(), up.from.clone());
        assert_eq!(
            label(&down).replace('\u{a0}', " "),
            "Go monthly on 3 March 2027"
        );
        assert_eq!(
            explanation(&down).replace('\u{a0}', " "),
            "Until then nothing changes, and you can take it back. After that Patron goes on at 79 € a month."
        );

        up.today = Money::new(0, "eur");
        up.trialing = true;
        assert_eq!(label(&up), "Go yearly now");
        assert!(explanation(&up).starts_with("Your trial goes on. Patron stays as it is"));
        assert_eq!(
            margin(&price("Member", 2900, Month), &up.to),
            "Member to Patron"
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
