//! Leaving: a pause first, where the operator offers one, and Stripe's page for cancelling.

use super::intent::{self, Intent};
use super::{Failure, subject};
use crate::billing::{BACK, open_portal};
use crate::db::dirty::Lease;
use crate::state::AppState;
use crate::stripe::PortalFlow;
use app::access::Status;
use app::changes::{ChangeError, Leaving, PauseOffer, rule};
use app::plans::Interval;
use time::{Month, OffsetDateTime};

/// Payments begin this long before the day of return turns, so that the renewal of that moment is
/// collected for certain.
const BEFORE_MS: i64 = 60 * 60 * 1000;

pub async fn leaving(state: &AppState, user_id: &str) -> Result<Leaving, Failure> {
    let held = subject::held(state, user_id).await?;
    if held.status.is_final() {
        return Err(ChangeError::NoMembership.into());
    }
    if held.ends {
        return Err(ChangeError::Ending.into());
    }
    // Only what is paid month by month can rest without giving time away.
    let may_pause = rule::refusal(&held.situation()).is_none()
        && held.status == Status::Active
        && held.price.interval == Interval::Month;
    let pauses = held
        .period_end
        .filter(|_| may_pause)
        .map(|end| offered(state, end))
        .unwrap_or_default();
    Ok(Leaving {
        subscription_id: held.id,
        plan: held.price,
        // What Stripe paused is not open, whatever its last period was.
        period_end: held.period_end.filter(|_| held.status != Status::Paused),
        pauses,
        pause_keeps: state.config.policy.pause_keeps,
        scheduled: held.scheduled,
    })
}

fn offered(state: &AppState, period_end: i64) -> Vec<PauseOffer> {
    let months = state.config.pause_offer_months.iter();
    months
        .filter_map(|months| {
            Some(PauseOffer {
                months: *months,
                returns_at: months_later(period_end, *months)?,
            })
        })
        .collect()
}

/// The same day of a later month, or that month's last. UTC epoch ms.
fn months_later(ms: i64, months: u32) -> Option<i64> {
    let at = OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000)).ok()?;
    let count = i64::from(at.year()) * 12 + i64::from(u8::from(at.month())) - 1 + i64::from(months);
    let year = i32::try_from(count.div_euclid(12)).ok()?;
    let month = Month::try_from(u8::try_from(count.rem_euclid(12) + 1).ok()?).ok()?;
    let day = at.day().min(month.length(year));
    let date = time::Date::from_calendar_date(year, month, day).ok()?;
    Some(at.replace_date(date).unix_timestamp() * 1000)
}

pub async fn pause(
    state: &AppState,
    user_id: &str,
    subscription_id: &str,
    months: u32,
) -> Result<(), Failure> {
    if !state.config.pause_offer_months.contains(&months) {
        return Err(ChangeError::PauseNotOffered.into());
    }
    let held = subject::begin(state, user_id).await?;
    let done = pause_held(state, &held, subscription_id, months).await;
    subject::give_back(state, &held).await;
    done
}

async fn pause_held(
    state: &AppState,
    held: &Lease,
    subscription_id: &str,
    months: u32,
) -> Result<(), Failure> {
    let open = {
        let mut conn = state.db.reader().acquire().await?;
        subject::open_change(&mut conn, &held.id).await?.is_some()
    };
    let truth = subject::fresh(state, held).await?;
    let read = subject::own(&truth, subscription_id).ok_or(ChangeError::NoMembership)?;
    if let Some(refused) = rule::refusal(&subject::situation(read, open)) {
        return Err(refused.into());
    }
    let monthly = read.period.as_deref() == Some("month");
    let resumes_at = read
        .facts
        .period_end
        .filter(|_| monthly && read.facts.status == Status::Active)
        .and_then(|end| months_later(end, months))
        .ok_or(ChangeError::PauseNotOffered)?;
    let id = state.rng.id("chg_");
    let intent = Intent {
        id: &id,
        subscription_id,
        kind: "pause",
        from_price_id: None,
        price_id: None,
        seats: None,
    };
    intent::write(state, held, &intent).await?;
    let asked = async {
        if let Some(schedule) = &read.planned.schedule_id {
            intent::release(state, schedule).await?;
        }
        let resumes_at = (resumes_at - BEFORE_MS) / 1000;
        state.stripe.pause(subscription_id, resumes_at, &id).await
    }
    .await;
    intent::after(state, held, &id, asked).await?;
    Ok(())
}

pub async fn cancel_at_stripe(
    state: &AppState,
    user_id: &str,
    subscription_id: &str,
) -> Result<String, Failure> {
    let held = subject::begin(state, user_id).await?;
    let url = cancel_held(state, &held, subscription_id).await;
    subject::give_back(state, &held).await;
    url
}

async fn cancel_held(
    state: &AppState,
    held: &Lease,
    subscription_id: &str,
) -> Result<String, Failure> {
    let truth = subject::fresh(state, held).await?;
    let read = subject::own(&truth, subscription_id)
        .filter(|read| !read.facts.status.is_final())
        .ok_or(ChangeError::NoMembership)?;
    if read.facts.ends_at().is_some() {
        crate::sync::sync_payer(state, held).await?;
        return Err(ChangeError::Ending.into());
    }
    let flow = PortalFlow::Cancel {
        subscription_id: subscription_id.to_owned(),
    };
    if let Some(schedule) = &read.planned.schedule_id {
        intent::release(state, schedule)
            .await
            .map_err(Failure::asked)?;
    }
    let url = open_portal(state, &read.customer_id, BACK, Some(flow)).await;
    if read.planned.schedule_id.is_some() {
        crate::sync::sync_payer(state, held).await?;
    }
    url.map_err(|refused| match refused {
        crate::billing::Refused::NotConfigured => ChangeError::PortalNotConfigured.into(),
        crate::billing::Refused::Stripe(error) => Failure::Stripe(error),
        crate::billing::Refused::Db(error) => Failure::Db(error),
    })
}

#[cfg(test)]
mod tests {
    use super::months_later;

    /// Midnight UTC of a day.
    fn day(year: i32, month: u8, day: u8) -> i64 {
        let month = time::Month::try_from(month).unwrap();
        let date = time::Date::from_calendar_date(year, month, day).unwrap();
        date.midnight().assume_utc().unix_timestamp() * 1000
    }

    #[test]
    fn months_keep_their_day_where_they_can() {
        for (from, months, to) in [
            ((2027, 3, 3), 1, (2027, 4, 3)),
            ((2027, 3, 3), 3, (2027, 6, 3)),
            ((2026, 12, 31), 1, (2027, 1, 31)),
            ((2027, 1, 31), 1, (2027, 2, 28)),
            ((2027, 11, 30), 3, (2028, 2, 29)),
        ] {
            let (y, m, d) = from;
            let expected = day(to.0, to.1, to.2);
            assert_eq!(
                months_later(day(y, m, d), months),
                Some(expected),
                "{from:?}"
            );
        }
    }
}
