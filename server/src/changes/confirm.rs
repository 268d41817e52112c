//! Doing what a preview showed.

use super::intent::{self, Intent};
use super::seen::{self, FRESH_MS, Seen};
use super::{Failure, offers, preview, subject, waits};
use crate::db::dirty::Lease;
use crate::state::AppState;
use crate::stripe::objects::Subscription;
use crate::stripe::{NewPrice, NextPrice, StripeError};
use crate::sync::truth::Read;
use app::access::Status;
use app::changes::{ChangeError, Confirmed, Direction, PlanPrice, rule};
use app::money::Money;

pub async fn confirm(state: &AppState, user_id: &str, sealed: &str) -> Result<Confirmed, Failure> {
    let seen = seen::open(state, user_id, sealed).ok_or(ChangeError::Outdated)?;
    let held = subject::begin(state, user_id).await?;
    let done = under_lease(state, &held, &seen).await;
    subject::give_back(state, &held).await;
    done
}

async fn under_lease(state: &AppState, held: &Lease, seen: &Seen) -> Result<Confirmed, Failure> {
    if let Some(known) = intent::known(state, &seen.id).await? {
        return Ok(known.told_again()?);
    }
    let open = {
        let mut conn = state.db.reader().acquire().await?;
        subject::open_change(&mut conn, &held.id).await?.is_some()
    };
    let truth = subject::fresh(state, held).await?;
    let read = subject::own(&truth, &seen.subscription).ok_or(ChangeError::NoMembership)?;
    if let Some(refused) = rule::refusal(&subject::situation(read, open)) {
        return Err(refused.into());
    }
    let to = offers::find(state, &seen.to)
        .await?
        .ok_or(ChangeError::PriceGone)?;
    let change = still_true(state, read, seen, &to)?;
    let again = preview::ask(state, &change, seen.direction).await?;
    if (again.total, again.amount_due) != (seen.total, seen.due) {
        return Err(ChangeError::Outdated.into());
    }
    intent::write(
        state,
        held,
        &Intent {
            id: &seen.id,
            subscription_id: &seen.subscription,
            kind: match seen.direction {
                Direction::Now => "now",
                Direction::Later => "later",
            },
            from_price_id: Some(&seen.from),
            price_id: Some(&seen.to),
            seats: None,
        },
    )
    .await?;
    let mut released = false;
    let asked = ask(state, read, &change, seen, &to, &mut released).await;
    if let Ok(Some(changed)) = &asked {
        waits::note(state, held, &seen.id, changed).await?;
    }
    let after = match intent::after(state, held, &seen.id, asked).await {
        Err(Failure::Stripe(error)) if released => {
            tracing::warn!(change = %seen.id, error = %error, "refused after the planned change was taken back");
            return Err(ChangeError::PlannedTakenBack.into());
        }
        after => after?,
    };
    Ok(after.told()?)
}

/// The change that was shown, if price, quantity, period and kind are still what they were.
fn still_true(
    state: &AppState,
    read: &Read,
    seen: &Seen,
    to: &PlanPrice,
) -> Result<NewPrice, Failure> {
    let outdated = Failure::Told(ChangeError::Outdated);
    let age = state.clock.policy_ms() - seen.at;
    if !(0..=FRESH_MS).contains(&age)
        || read.price_id.as_deref() != Some(&seen.from)
        || read.quantity != seen.quantity
        || read.facts.period_end != seen.period_end
    {
        return Err(outdated);
    }
    let (Some(amount), Some(currency), Some(interval), Some(item_id)) = (
        read.unit_amount,
        read.currency.as_deref(),
        subject::interval(read.period.as_deref()),
        read.planned.item_id.clone(),
    ) else {
        return Err(ChangeError::Unclear.into());
    };
    let from = PlanPrice {
        price_id: seen.from.clone(),
        plan_name: String::new(),
        amount: Money::new(amount, currency),
        interval,
    };
    let trialing = read.facts.status == Status::Trialing;
    if rule::direction(&from, to, trialing) != Some(seen.direction) {
        return Err(outdated);
    }
    Ok(NewPrice {
        subscription_id: seen.subscription.clone(),
        item_id,
        price_id: seen.to.clone(),
        quantity: seen.quantity,
        proration_date: seen.proration_date,
    })
}

/// `released` tells, whatever comes after it, that what was planned before has made way.
async fn ask(
    state: &AppState,
    read: &Read,
    change: &NewPrice,
    seen: &Seen,
    to: &PlanPrice,
    released: &mut bool,
) -> Result<Option<Subscription>, StripeError> {
    if let Some(schedule) = &read.planned.schedule_id {
        intent::release(state, schedule).await?;
        *released = true;
    }
    if seen.direction == Direction::Now {
        let changed = state.stripe.change_now(change, &seen.id).await?;
        return Ok(Some(changed));
    }
    let key = format!("{}-schedule", seen.id);
    let schedule = state.stripe.schedule(&change.subscription_id, &key).await?;
    let next = NextPrice {
        price_id: change.price_id.clone(),
        quantity: change.quantity,
        interval: to.interval.as_str(),
    };
    let key = format!("{}-phases", seen.id);
    let scheduled = state.stripe.schedule_price(&schedule, &next, &key).await;
    if let Err(error) = &scheduled
        && error.class() != crate::stripe::FailureClass::Retry
    {
        // An empty schedule would stand in the way of everything else.
        intent::release(state, &schedule.id).await?;
    }
    scheduled?;
    Ok(None)
}
