//! What another number of seats would cost, asked from Stripe; nothing happens.

use super::seen::{self, Seen};
use super::subject::{self, Held};
use crate::changes;
use crate::company::Failure;
use crate::company::guard;
use crate::guards::LimitKind;
use crate::state::AppState;
use crate::stripe::NewPrice;
use crate::stripe::previews::{Amount, PreviewInvoice};
use app::billing::Card;
use app::changes::ReceiptLine;
use app::company::{CompanyError, FEWEST, MOST};
use app::money::Money;
use app::seats::NumberPreview;

pub async fn preview(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    seats: i64,
) -> Result<NumberPreview, Failure> {
    let admin = {
        let mut conn = state.db.reader().acquire().await?;
        guard::admin(&mut conn, user_id, company_id).await?
    };
    state
        .limits
        .check(LimitKind::PreviewUser, user_id, state.clock.wall_ms())
        .map_err(|_| CompanyError::TooMany)?;
    if !(FEWEST..=MOST).contains(&seats) {
        return Err(CompanyError::BadNumber.into());
    }
    let held = subject::held(state, &admin).await?;
    if seats == held.seats {
        return Err(CompanyError::SameNumber.into());
    }
    let now = state.clock.policy_ms();
    if seats < held.seats {
        let mut tx = state.db.begin().await?;
        subject::fits(&mut tx, company_id, &held, seats, now).await?;
        tx.commit().await?;
    }
    let change = change(&held, seats, now / 1000);
    let at_once = state.stripe.preview_now(&change).await?;
    let next = if held.trialing {
        at_once.clone()
    } else {
        state.stripe.preview_later(&change).await?
    };
    let seen = Seen {
        id: state.rng.id("chg_"),
        subscription: held.id.clone(),
        price: held.seat.price_id.clone(),
        from: held.seats,
        to: seats,
        period_end: held.period_end,
        trialing: held.trialing,
        proration_date: change.proration_date,
        total: at_once.total,
        due: at_once.amount_due,
        at: now,
    };
    let seen = seen::seal(state, user_id, company_id, &seen)?;
    let card = changes::card(state, &admin.payer_id).await?;
    // Without the day of the next renewal nothing can be said of it.
    Ok(shown(&at_once, &next, held, seats, card, seen).ok_or(CompanyError::Unclear)?)
}

/// Another quantity of the same price.
pub fn change(held: &Held, seats: i64, proration_date: i64) -> NewPrice {
    NewPrice {
        subscription_id: held.id.clone(),
        item_id: held.item_id.clone(),
        price_id: held.seat.price_id.clone(),
        quantity: seats,
        proration_date,
    }
}

fn shown(
    at_once: &PreviewInvoice,
    next: &PreviewInvoice,
    held: Held,
    to: i64,
    card: Option<Card>,
    seen: String,
) -> Option<NumberPreview> {
    let money = |minor: i64| Money::new(minor, &at_once.currency);
    // In a trial, what Stripe shows is the next invoice.
    let today = if held.trialing { 0 } else { at_once.amount_due };
    let from_at = if held.trialing {
        held.trial_end.or(held.period_end)
    } else {
        held.period_end
    };
    // With tax and discounts, unless something else is on that invoice too.
    let only_seats = next
        .lines
        .data
        .iter()
        .all(|line| line.price_id() == Some(&held.seat.price_id));
    let then = if only_seats {
        next.total
    } else {
        held.seat.amount.minor.saturating_mul(to)
    };
    Some(NumberPreview {
        from: held.seats,
        to,
        today: money(today),
        lines: if today > 0 {
            receipt(at_once, &held.seat.price_id, to - held.seats)
        } else {
            Vec::new()
        },
        then: money(then),
        from_at: from_at?,
        credit: (!held.trialing && at_once.total < 0).then(|| money(-at_once.total)),
        trialing: held.trialing,
        seat: held.seat,
        card,
        seen,
    })
}

/// How today's sum comes about. Stripe gives the old number back and takes the new one: what is
/// said is the difference.
fn receipt(invoice: &PreviewInvoice, price_id: &str, more: i64) -> Vec<ReceiptLine> {
    let sum = |ours: bool| -> i64 {
        let lines = invoice.lines.data.iter();
        lines
            .filter(|line| (line.price_id() == Some(price_id)) == ours)
            .map(|line| line.amount)
            .sum()
    };
    let of = |amounts: &Option<Vec<Amount>>| -> i64 {
        amounts.iter().flatten().map(|one| one.amount).sum()
    };
    let seats = if more == 1 { "seat" } else { "seats" };
    [
        (
            format!("{more} more {seats} for the rest of the period"),
            sum(true),
        ),
        ("Other items".to_owned(), sum(false)),
        ("Discount".to_owned(), -of(&invoice.total_discount_amounts)),
        ("Tax".to_owned(), of(&invoice.total_taxes)),
        (
            "Credit with Stripe".to_owned(),
            invoice.amount_due - invoice.total.max(0),
        ),
    ]
    .into_iter()
    .filter(|(_, amount)| *amount != 0)
    .map(|(label, amount)| ReceiptLine {
        label,
        amount: Money::new(amount, &invoice.currency),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::receipt;
    use crate::stripe::previews::PreviewInvoice;
    use serde_json::json;

    #[test]
    fn the_receipt_tells_the_difference_and_adds_up() {
        let line = |amount: i64, price: &str| {
            json!({ "amount": amount, "period": { "start": 1, "end": 2 },
                "pricing": { "price_details": { "price": price } } })
        };
        let invoice: PreviewInvoice = serde_json::from_value(json!({
            "currency": "eur", "total": 4500, "amount_due": 4000,
            "total_discount_amounts": [{ "amount": 500 }], "total_taxes": [{ "amount": 700 }],
            "lines": { "data": [line(-5000, "p"), line(9000, "p"), line(300, "other")], "has_more": false },
        }))
        .unwrap();
        let told: Vec<(String, i64)> = receipt(&invoice, "p", 4)
            .into_iter()
            .map(|line| (line.label, line.amount.minor))
            .collect();
        let expected = [
            ("4 more seats for the rest of the period", 4000),
            ("Other items", 300),
            ("Discount", -500),
            ("Tax", 700),
            ("Credit with Stripe", -500),
        ];
        let expected: Vec<(String, i64)> = expected
            .into_iter()
            .map(|(label, amount)| (label.to_owned(), amount))
            .collect();
        assert_eq!(told, expected);
        let sum: i64 = told.iter().map(|(_, amount)| amount).sum();
        assert_eq!(sum, invoice.amount_due);
    }
}
