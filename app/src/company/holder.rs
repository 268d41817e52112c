//! A seat, for whoever holds it: what it gives, whom to ask, and the way on when it ends.

use super::{HeldSeat, SeatGives, headline::whole_day};
use crate::billing::{StateWord, StationState};
use crate::page::{Press, community, dates, hidden};
use crate::seats::forms::LeaveSeat;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

/// The state of a seat as icon and word.
#[must_use]
pub fn state(gives: SeatGives) -> (StationState, &'static str) {
    match gives {
        SeatGives::Access => (StationState::Granted, "Gives access"),
        SeatGives::Until { .. } => (StationState::Attention, "Ends soon"),
        SeatGives::Suspended => (StationState::Attention, "Suspended"),
        SeatGives::Lapsed => (StationState::Ended, "Gives nothing"),
        SeatGives::Unclear => (StationState::Waiting, "Being checked"),
    }
}

/// The seat that gives most.
#[must_use]
pub fn best(seats: &[HeldSeat]) -> Option<&HeldSeat> {
    seats.iter().min_by_key(|seat| match seat.gives {
        SeatGives::Access => 0,
        SeatGives::Until { .. } => 1,
        SeatGives::Unclear => 2,
        SeatGives::Suspended => 3,
        SeatGives::Lapsed => 4,
    })
}

/// What is so, and what it means.
#[must_use]
pub fn sentence(seat: &HeldSeat) -> (String, String) {
    let HeldSeat { company, plan, .. } = seat;
    match seat.gives {
        SeatGives::Access => (
            format!("You’re in, by a seat of {company}."),
            format!("It gives you {plan}, and costs you nothing: {company} pays."),
        ),
        SeatGives::Until {
            at,
            payment_missing,
        } => {
            let day = whole_day(at).unwrap_or_else(|| "the end of the period".to_owned());
            let left = dates::left(at)
                .map(|left| format!(", {left}"))
                .unwrap_or_default();
            let why = if payment_missing {
                format!(
                    "A payment of {company} for its seats is missing. Once it is paid, yours goes on."
                )
            } else {
                format!(
                    "{company} has ended its subscription, and your seat ends with it. Nothing is charged to you."
                )
            };
            (format!("You’re in until {day}{left}."), why)
        }
        SeatGives::Suspended => (
            format!("Your seat at {company} is suspended."),
            format!(
                "{company} pays for fewer seats than are held. As soon as one is free, yours gives you {plan} again by \
                 itself."
            ),
        ),
        SeatGives::Lapsed => (
            format!("Your seat at {company} gives no access now."),
            format!(
                "{company} does not pay for its seats. When it does again, yours gives you {plan} again by itself."
            ),
        ),
        SeatGives::Unclear => (
            format!("Your seat at {company} is being checked."),
            "Until that is done your access stays as it is.".to_owned(),
        ),
    }
}

/// "Ask Ada, Grace or Linus about it."
#[must_use]
pub fn ask(names: &[String]) -> Option<String> {
    let (last, rest) = names.split_last()?;
    Some(if rest.is_empty() {
        format!("Ask {last} about it.")
    } else {
        format!("Ask {} or {last} about it.", rest.join(", "))
    })
}

/// Whether an own membership is offered: the seat ends, or gives nothing.
#[must_use]
pub fn offers_own(gives: SeatGives) -> bool {
    matches!(
        gives,
        SeatGives::Until { .. } | SeatGives::Suspended | SeatGives::Lapsed
    )
}

/// The page of a company for whoever holds a seat there.
#[component]
pub fn Holder(seat: HeldSeat) -> impl IntoView {
    let (mark, word) = state(seat.gives);
    let (title, text) = sentence(&seat);
    let offer = (offers_own(seat.gives) && !seat.own_runs).then(|| own_offer(seat.gives));
    let own = seat.own_runs.then(|| own_runs(seat.gives));
    let HeldSeat {
        seat_id,
        company_id,
        company,
        plan,
        since,
        ask: names,
        ..
    } = seat;
    view! {
        <Title text=format!("{company} – {}", community().name) />
        <section class="entry lone">
            <p class="margin"><StateWord state=mark word /></p>
            <div class="matter">
                <h1>{title}</h1>
                <p class="lede">{text}</p>
                {offer}
            </div>
        </section>
        {own}
        <section class="entry" aria-labelledby="seat">
            <h2 class="margin" id="seat">"Your seat"</h2>
            <div class="matter">
                <dl class="rows">
                    <div class="row"><dt>"Company"</dt><dd>{company}</dd></div>
                    <div class="row"><dt>"Gives"</dt><dd>{plan}</dd></div>
                    <div class="row"><dt>"Yours since"</dt><dd>{dates::day(since)}</dd></div>
                    <div class="row"><dt>"Whom to ask"</dt><dd>{names.join(", ")}</dd></div>
                </dl>
                <form class="portal" method="post" action=LeaveSeat::url()>
                    {hidden([("company", company_id), ("seat", seat_id)])}
                    <Press label="Give the seat back" busy="Giving it back…" class="quiet" />
                </form>
                <p class="small">"Its roles go, and the company can give it to somebody else. You are not charged."</p>
            </div>
        </section>
    }
}

/// A membership of one's own leaves no gap: its roles are the same.
fn own_offer(gives: SeatGives) -> impl IntoView {
    let text = match gives {
        SeatGives::Until { .. } => {
            "With a membership of your own you stay in without a gap. Take it before that day: what you keep is never \
             taken in between."
        }
        _ => "With a membership of your own you are in again a moment after you have paid.",
    };
    view! {
        <p>{text}</p>
        <p class="actions"><a class="button" href="/">"See the plans for yourself"</a></p>
    }
}

/// A membership of one's own beside a seat: what to do with it depends on the seat.
fn own_runs(gives: SeatGives) -> AnyView {
    let (text, cancel) = match gives {
        SeatGives::Access => (
            "You also pay for a membership of your own. While you have the seat you can do without it: end it, and it \
             runs out with the period you have paid. Your roles stay.",
            true,
        ),
        _ => (
            "You also pay for a membership of your own. It goes on whatever becomes of the seat, and so do its roles.",
            false,
        ),
    };
    let actions = if cancel {
        view! { <a class="button" href="/billing/cancel">"End my own membership"</a> }.into_any()
    } else {
        view! { <a class="button quiet" href="/billing">"Your billing"</a> }.into_any()
    };
    view! {
        <section class="entry" aria-labelledby="own">
            <h2 class="margin" id="own">"Your own membership"</h2>
            <div class="matter">
                <p>{text}</p>
                <p class="actions">{actions}</p>
            </div>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3 March 2027.
    const DAY: i64 = 1_804_082_709_000;

    fn seat(gives: SeatGives) -> HeldSeat {
        HeldSeat {
            seat_id: "seat_1".into(),
            company_id: "com_1".into(),
            company: "Acme".into(),
            plan: "Team".into(),
            since: DAY,
            gives,
            ask: Vec::new(),
            own_runs: false,
        }
    }

    #[test]
    fn a_seat_says_what_it_gives_and_who_pays() {
        let owner = leptos::prelude::Owner::new();
        owner.set();
        leptos::prelude::provide_context(crate::page::Now(DAY - 5 * 24 * 60 * 60 * 1000));
        let said = |gives| {
            let (title, text) = sentence(&seat(gives));
            format!("{title} {text}").replace('\u{a0}', " ")
        };
        let until = |payment_missing| SeatGives::Until {
            at: DAY,
            payment_missing,
        };
        for (gives, expected) in [
            (
                SeatGives::Access,
                "You’re in, by a seat of Acme. It gives you Team, and costs you nothing: Acme pays.",
            ),
            (
                until(false),
                "You’re in until 3 March 2027, in 5 days. Acme has ended its subscription, and your seat ends with it. \
                 Nothing is charged to you.",
            ),
            (
                until(true),
                "You’re in until 3 March 2027, in 5 days. A payment of Acme for its seats is missing. Once it is paid, \
                 yours goes on.",
            ),
        ] {
            assert_eq!(said(gives), expected);
        }
        for gives in [until(true), SeatGives::Suspended, SeatGives::Lapsed] {
            assert!(offers_own(gives));
        }
        assert!(!offers_own(SeatGives::Access) && !offers_own(SeatGives::Unclear));
    }

    #[test]
    fn whom_to_ask_is_a_sentence() {
        let names =
            |names: &[&str]| ask(&names.iter().map(|&name| name.into()).collect::<Vec<_>>());
        assert_eq!(names(&[]), None);
        assert_eq!(names(&["Ada"]).as_deref(), Some("Ask Ada about it."));
        assert_eq!(
            names(&["Ada", "Grace", "Linus"]).as_deref(),
            Some("Ask Ada, Grace or Linus about it.")
        );
    }
}
