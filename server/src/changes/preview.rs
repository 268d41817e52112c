//! What a change would cost, asked from Stripe; nothing happens.

use super::seen::{self, Seen};
use super::subject::{self, Held};
use super::{Failure, offers};
use crate::guards::LimitKind;
use crate::state::AppState;
use crate::stripe::NewPrice;
use crate::stripe::previews::PreviewInvoice;
use app::billing::Card;
use app::changes::{ChangeError, Direction, PlanPrice, Preview, ReceiptLine, rule, words};
use app::money::Money;

pub async fn preview(state: &AppState, user_id: &str, price_id: &str) -> Result<Preview, Failure> {
    state
        .limits
        .check(LimitKind::PreviewUser, user_id, state.clock.wall_ms())
        .map_err(|_| ChangeError::TooMany)?;
    let held = subject::held(state, user_id).await?;
    if let Some(refused) = rule::refusal(&held.situation()) {
        return Err(refused.into());
    }
    let to = offers::target(state, &held, price_id).await?;
    let direction =
        rule::direction(&held.price, &to, held.trialing()).ok_or(ChangeError::PriceGone)?;
    let now = state.clock.policy_ms();
    let change = NewPrice {
        subscription_id: held.id.clone(),
        item_id: held.item_id.clone().ok_or(ChangeError::Unclear)?,
        price_id: to.price_id.clone(),
        quantity: held.quantity,
        proration_date: now / 1000,
    };
    let invoice = ask(state, &change, direction).await?;
    let seen = Seen {
        id: state.rng.id("chg_"),
        subscription: held.id.clone(),
        from: held.price.price_id.clone(),
        to: to.price_id.clone(),
        quantity: held.quantity,
        period_end: held.period_end,
        direction,
        proration_date: change.proration_date,
        total: invoice.total,
        due: invoice.amount_due,
        at: now,
    };
    let seen = seen::seal(state, user_id, &seen)?;
    let card = card(state, &held.payer_id).await?;
    // Without the day it counts from, nothing can be said of it.
    Ok(shown(&invoice, held, to, direction, card, seen).ok_or(ChangeError::Unclear)?)
}

pub async fn ask(
    state: &AppState,
    change: &NewPrice,
    direction: Direction,
) -> Result<PreviewInvoice, Failure> {
    Ok(match direction {
        Direction::Now => state.stripe.preview_now(change).await?,
        Direction::Later => state.stripe.preview_later(change).await?,
    })
}

pub async fn card(state: &AppState, payer_id: &str) -> Result<Option<Card>, Failure> {
    let sealed: Option<Option<String>> =
        sqlx::query_scalar("SELECT card_sealed FROM payers WHERE id = $1")
            .bind(payer_id)
            .fetch_optional(state.db.reader())
            .await?;
    Ok(sealed
        .flatten()
        .and_then(|sealed| crate::billing::card(state, payer_id, &sealed)))
}

fn shown(
    invoice: &PreviewInvoice,
    held: Held,
    to: PlanPrice,
    direction: Direction,
    card: Option<Card>,
    seen: String,
) -> Option<Preview> {
    let money = |minor: i64| Money::new(minor, &invoice.currency);
    let trialing = held.trialing();
    // In a trial, and at a period's end, what Stripe shows is the next invoice.
    let at_once = direction == Direction::Now && !trialing;
    let today = if at_once { invoice.amount_due } else { 0 };
    let next_end = invoice
        .lines
        .data
        .iter()
        .filter(|line| line.price_id() == Some(&to.price_id))
        .map(|line| line.period.end.saturating_mul(1000))
        .max();
    let from_at = if at_once {
        next_end.or(held.period_end)
    } else if trialing {
        held.trial_end.or(held.period_end)
    } else {
        held.period_end
    };
    let price = to.amount.minor.saturating_mul(held.quantity);
    Some(Preview {
        today: money(today),
        lines: if at_once && today > 0 {
            receipt(invoice, &held.price, &to)
        } else {
            Vec::new()
        },
        from_at: from_at?,
        first: (!at_once && invoice.amount_due != price).then(|| money(invoice.amount_due)),
        credit: (at_once && invoice.total < 0).then(|| money(-invoice.total)),
        scheduled: held.scheduled,
        from: held.price,
        to,
        direction,
        trialing,
        card,
        seen,
    })
}

/// How today's sum comes about: what is new, what is given back, and the rest Stripe reckons in.
fn receipt(invoice: &PreviewInvoice, from: &PlanPrice, to: &PlanPrice) -> Vec<ReceiptLine> {
    let sum = |wanted: fn(i64) -> bool| -> i64 {
        let lines = invoice.lines.data.iter();
        lines.map(|line| line.amount).filter(|a| wanted(*a)).sum()
    };
    let of = |amounts: &Option<Vec<crate::stripe::previews::Amount>>| -> i64 {
        amounts.iter().flatten().map(|one| one.amount).sum()
    };
    let rest = if from.interval == to.interval {
        format!("{} for the rest of the period", to.plan_name)
    } else {
        format!("{} for a whole {}", to.plan_name, to.interval.as_str())
    };
    [
        (rest, sum(|amount| amount > 0)),
        (words::not_used(from, to), sum(|amount| amount < 0)),
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
