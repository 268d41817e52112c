//! Doing what a preview showed.

use super::preview::change;
use super::seen::{self, Seen};
use super::subject::{self, Held};
use crate::changes::intent::{self, Intent, Seats};
use crate::changes::subject as changed;
use crate::changes::{self, waits};
use crate::company::Failure;
use crate::company::guard::{self, Admin};
use crate::company::told::of_change;
use crate::db::dirty::{self, Lease};
use crate::guards::LimitKind;
use crate::patience::lease;
use crate::state::AppState;
use crate::stripe::objects::Subscription;
use crate::stripe::{NewPrice, StripeError};
use crate::sync::truth::Read;
use app::access::Status;
use app::changes::{Confirmed, PlanPrice, rule};
use app::company::CompanyError;
use app::money::Money;

pub async fn confirm(
    state: &AppState,
    user_id: &str,
    company_id: &str,
    sealed: &str,
) -> Result<Confirmed, Failure> {
    let admin = guarded(state, user_id, company_id).await?;
    let seen = seen::open(state, user_id, company_id, sealed).ok_or(CompanyError::Outdated)?;
    state
        .limits
        .check(LimitKind::ChangeUser, user_id, state.clock.wall_ms())
        .map_err(|_| CompanyError::TooMany)?;
    let held = lease::take(state, &admin.payer_id).await?;
    let done = under_lease(state, &held, &admin, &seen).await;
    lease::give_back(state, &held).await;
    done
}

async fn guarded(state: &AppState, user_id: &str, company_id: &str) -> Result<Admin, Failure> {
    let mut conn = state.db.reader().acquire().await?;
    guard::admin(&mut conn, user_id, company_id).await
}

async fn under_lease(
    state: &AppState,
    lease: &Lease,
    admin: &Admin,
    seen: &Seen,
) -> Result<Confirmed, Failure> {
    // Since it was looked at before the lease, they may have been dismissed.
    guarded(state, &admin.user_id, &admin.company_id).await?;
    // Sent twice: the first one's outcome is the second one's.
    if let Some(known) = intent::known(state, &seen.id).await? {
        return Ok(known.told_again().map_err(of_change)?);
    }
    if seen.is_fewer() {
        // Told before anything is asked of Stripe.
        early(state, admin, seen).await?;
    }
    let open = {
        let mut conn = state.db.reader().acquire().await?;
        changed::open_change(&mut conn, &lease.id).await?.is_some()
    };
    let truth = changed::fresh(state, lease).await?;
    let read = changed::own(&truth, &seen.subscription).ok_or(CompanyError::NotPaid)?;
    if let Some(refused) = rule::refusal(&changed::situation(read, open)) {
        return Err(of_change(refused).into());
    }
    let held = still_true(state, read, seen)?;
    let change = change(&held, seen.to, seen.proration_date);
    let again = state.stripe.preview_now(&change).await?;
    if (again.total, again.amount_due) != (seen.total, seen.due) {
        return Err(CompanyError::Outdated.into());
    }
    dirty::renew(&state.db, lease, state.clock.wall_ms()).await?;
    begin(state, lease, admin, seen, &held).await?;
    let asked = ask(state, read, &change, &seen.id).await;
    if let Ok(subscription) = &asked {
        waits::note(state, lease, &seen.id, subscription).await?;
    }
    let outcome = intent::after(state, lease, &seen.id, asked).await?;
    Ok(outcome.told().map_err(of_change)?)
}

async fn early(state: &AppState, admin: &Admin, seen: &Seen) -> Result<(), Failure> {
    let held = subject::held(state, admin).await?;
    if held.id != seen.subscription {
        return Err(CompanyError::Outdated.into());
    }
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    subject::fits(&mut tx, &admin.company_id, &held, seen.to, now).await?;
    tx.commit().await?;
    Ok(())
}

/// The subscription that was shown, if price, number, period and state are still what they were.
fn still_true(state: &AppState, read: &Read, seen: &Seen) -> Result<Held, Failure> {
    let trialing = read.facts.status == Status::Trialing;
    let age = state.clock.policy_ms() - seen.at;
    if !(0..=changes::FRESH_MS).contains(&age)
        || read.price_id.as_deref() != Some(&seen.price)
        || read.quantity != seen.from
        || read.facts.period_end != seen.period_end
        || trialing != seen.trialing
    {
        return Err(CompanyError::Outdated.into());
    }
    let (Some(amount), Some(currency), Some(interval)) = (
        read.unit_amount,
        read.currency.as_deref(),
        changed::interval(read.period.as_deref()),
    ) else {
        return Err(CompanyError::Unclear.into());
    };
    let (Some(item_id), Some(plan_id)) = (read.planned.item_id.clone(), read.product_id.clone())
    else {
        return Err(CompanyError::Unclear.into());
    };
    Ok(Held {
        id: read.id.clone(),
        item_id,
        plan_id,
        seat: PlanPrice {
            price_id: seen.price.clone(),
            plan_name: String::new(),
            amount: Money::new(amount, currency),
            interval,
        },
        seats: read.quantity,
        trialing,
        period_end: read.facts.period_end,
        trial_end: read.facts.trial_end,
    })
}

/// Writes the intent. Fewer seats are held back from here on: counted and capped under the pool's
/// lock, in the same transaction.
async fn begin(
    state: &AppState,
    lease: &Lease,
    admin: &Admin,
    seen: &Seen,
    held: &Held,
) -> Result<(), Failure> {
    let intent = Intent {
        id: &seen.id,
        subscription_id: &seen.subscription,
        kind: changes::SEATS,
        from_price_id: None,
        price_id: Some(&seen.price),
        seats: Some(Seats {
            company_id: &admin.company_id,
            from: seen.from,
            to: seen.to,
            made_by: &admin.user_id,
        }),
    };
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    if seen.is_fewer() {
        let most = subject::fits(&mut tx, &admin.company_id, held, seen.to, now).await?;
        sqlx::query("UPDATE seat_pools SET ceiling = $1 WHERE company_id = $2 AND plan_id = $3")
            .bind(most)
            .bind(&admin.company_id)
            .bind(&held.plan_id)
            .execute(&mut *tx)
            .await?;
    }
    intent::put(state, &mut tx, lease, &intent).await?;
    tx.commit().await?;
    intent::asked_for(lease, &intent);
    Ok(())
}

async fn ask(
    state: &AppState,
    read: &Read,
    change: &NewPrice,
    key: &str,
) -> Result<Subscription, StripeError> {
    if let Some(schedule) = &read.planned.schedule_id {
        // Whatever else was planned with it makes way, as for a member's change.
        intent::release(state, schedule).await?;
    }
    state.stripe.change_now(change, key).await
}
