//! How many seats, of which plan, and what they come to: within a plain form.

use super::{FEWEST, MOST};
use crate::money::{Money, group};
use leptos::html::Input;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos::web_sys::HtmlInputElement;
use serde::{Deserialize, Serialize};

/// A price of a seat that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatPrice {
    /// Stripe's price id; empty where the form does not ask for one.
    pub id: String,
    /// "Team, paid monthly"
    pub name: String,
    /// Of one seat.
    pub amount: Money,
    /// "a month"
    pub per: String,
    /// Tax, and what a year saves.
    pub note: String,
}

impl SeatPrice {
    /// "12 € a seat a month"
    #[must_use]
    pub fn display(&self) -> String {
        format!("{} a seat {}", self.amount.display(), self.per)
    }

    /// "5 seats: 60 € a month." True whatever the fields say, for it names its number.
    #[must_use]
    pub fn total(&self, seats: i64) -> Option<String> {
        let minor = self.amount.minor.checked_mul(seats)?;
        let sum = Money::new(minor, &self.amount.currency).display();
        Some(format!("{}: {sum} {}.", counted(seats), self.per))
    }
}

/// "1 seat", "1,200 seats"
#[must_use]
pub fn counted(seats: i64) -> String {
    match seats {
        1 => "1 seat".to_owned(),
        seats => format!("{} seats", group(seats.unsigned_abs())),
    }
}

/// A number of seats as typed; none for what is not one that is sold.
#[must_use]
pub fn number(text: &str) -> Option<i64> {
    let number = text.trim().parse().ok()?;
    (FEWEST..=MOST).contains(&number).then_some(number)
}

/// Fields `price` and `seats` of the form it stands in. Without wasm the number is typed, and the
/// sum stays that of the number the page came with.
#[expect(
    clippy::needless_pass_by_value,
    reason = "an island owns what it is given"
)]
#[island]
pub fn SeatPicker(
    /// Of the number's field; other ids are made of it.
    id: String,
    /// One or more.
    prices: Vec<SeatPrice>,
    /// Id of the price chosen before.
    chosen: String,
    seats: i64,
) -> impl IntoView {
    let several = prices.len() > 1;
    let first = prices
        .iter()
        .position(|price| price.id == chosen)
        .unwrap_or(0);
    let choice = RwSignal::new(first);
    let text = RwSignal::new(seats.to_string());
    let field = NodeRef::<Input>::new();
    let step = move |by: i64| {
        let now = text.with_untracked(|text| number(text)).unwrap_or(FEWEST);
        let stepped = (now + by).clamp(FEWEST, MOST).to_string();
        if let Some(field) = field.get_untracked() {
            field.set_value(&stepped);
        }
        text.set(stepped);
    };
    // The field is the truth: what was typed or chosen before this woke, or brought back by the
    // browser, is what will be paid for.
    let ids: Vec<String> = prices.iter().map(|price| price.id.clone()).collect();
    Effect::new(move |_| {
        let Some(field) = field.get() else { return };
        text.set(field.value());
        let picked = picked(&field).and_then(|picked| ids.iter().position(|id| *id == picked));
        if let Some(at) = picked {
            choice.set(at);
        }
    });
    let fields = prices.clone().into_iter().enumerate().map(|(at, price)| {
        let shown = price.display();
        let SeatPrice { id, name, note, .. } = price;
        if !several {
            return (!id.is_empty())
                .then(|| view! { <input type="hidden" name="price" value=id /> })
                .into_any();
        }
        view! {
            <label class="pick">
                <input
                    type="radio"
                    name="price"
                    value=id
                    checked=at == first
                    on:change=move |_| choice.set(at)
                />
                <span class="pick-name">{name}</span>
                <span class="pick-price">{shown}</span>
                <span class="pick-note">{note}</span>
            </label>
        }
        .into_any()
    });
    let fields = fields.collect_view();
    let fields = if several {
        view! {
            <fieldset class="picks">
                <legend>"Plan"</legend>
                {fields}
            </fieldset>
        }
        .into_any()
    } else {
        fields.into_any()
    };
    let total = move || {
        let price = prices.get(choice.get());
        text.with(|text| number(text))
            .and_then(|seats| price?.total(seats))
            .unwrap_or_else(|| "Choose from 1 to 10,000 seats.".to_owned())
    };
    view! {
        {fields}
        <div class="stepping">
            <label for=id.clone()>"Seats"</label>
            <div class="stepper">
                <button type="button" class="step" aria-label="One seat fewer" on:click=move |_| step(-1)>
                    "−"
                </button>
                <input
                    id=id
                    name="seats"
                    type="number"
                    inputmode="numeric"
                    min=FEWEST.to_string()
                    max=MOST.to_string()
                    step="1"
                    required
                    autocomplete="off"
                    value=seats.to_string()
                    node_ref=field
                    on:input=move |event| text.set(event_target_value(&event))
                />
                <button type="button" class="step" aria-label="One seat more" on:click=move |_| step(1)>
                    "+"
                </button>
            </div>
            <p class="total" aria-live="polite">{total}</p>
        </div>
    }
}

/// Id of the price that is chosen in the form of that field.
fn picked(field: &HtmlInputElement) -> Option<String> {
    let form = field.closest("form").ok()??;
    let radio = form.query_selector("input[name=price]:checked").ok()??;
    Some(radio.dyn_into::<HtmlInputElement>().ok()?.value())
}

#[cfg(test)]
mod tests {
    use super::{SeatPrice, counted, number};
    use crate::money::Money;

    fn price(minor: i64) -> SeatPrice {
        SeatPrice {
            id: "price_1".into(),
            name: "Team".into(),
            amount: Money::new(minor, "eur"),
            per: "a month".into(),
            note: String::new(),
        }
    }

    #[test]
    fn what_seats_come_to_is_said_with_their_number() {
        let said = |minor, seats| {
            price(minor)
                .total(seats)
                .map(|text| text.replace('\u{a0}', " "))
        };
        assert_eq!(said(1200, 5).as_deref(), Some("5 seats: 60 € a month."));
        assert_eq!(said(1250, 1).as_deref(), Some("1 seat: 12.50 € a month."));
        assert_eq!(
            said(1200, 5000).as_deref(),
            Some("5,000 seats: 60,000 € a month.")
        );
        assert_eq!(said(i64::MAX, 2), None);
        assert_eq!(
            price(1200).display().replace('\u{a0}', " "),
            "12 € a seat a month"
        );
        assert_eq!(counted(0), "0 seats");
    }

    #[test]
    fn only_a_number_that_is_sold_is_one() {
        for (text, expected) in [
            ("1", Some(1)),
            (" 10000 ", Some(10_000)),
            ("10001", None),
            ("0", None),
            ("-1", None),
            ("1.5", None),
            ("", None),
            ("1e3", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }
}
