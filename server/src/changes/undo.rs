//! Taking back: a planned end, a scheduled change, a pause.

use super::intent::{self, Intent};
use super::{Failure, subject};
use crate::db::dirty::Lease;
use crate::state::AppState;
use crate::stripe::{PlannedEnd, StripeError};
use crate::sync::truth::Read;
use app::changes::{ChangeError, Undo};

pub async fn undo(
    state: &AppState,
    user_id: &str,
    subscription_id: &str,
    what: Undo,
) -> Result<(), Failure> {
    let held = subject::begin(state, user_id).await?;
    let done = under_lease(state, &held, subscription_id, what).await;
    subject::give_back(state, &held).await;
    done
}

async fn under_lease(
    state: &AppState,
    held: &Lease,
    subscription_id: &str,
    what: Undo,
) -> Result<(), Failure> {
    let truth = subject::fresh(state, held).await?;
    let read = subject::own(&truth, subscription_id)
        .filter(|read| !read.facts.status.is_final())
        .filter(|read| is_there(read, what));
    let Some(read) = read else {
        // The dashboard is to show what was just seen.
        crate::sync::sync_payer(state, held).await?;
        return Err(ChangeError::NothingToUndo.into());
    };
    let id = state.rng.id("chg_");
    let kind = match what {
        Undo::End => "keep",
        Undo::Schedule => "stay",
        Undo::Pause => "resume",
    };
    let intent = Intent {
        id: &id,
        subscription_id,
        kind,
        from_price_id: None,
        price_id: None,
        seats: None,
    };
    intent::write(state, held, &intent).await?;
    let asked = ask(state, read, what, &id).await;
    intent::after(state, held, &id, asked).await?;
    Ok(())
}

fn is_there(read: &Read, what: Undo) -> bool {
    match what {
        Undo::End => read.facts.ends_at().is_some(),
        Undo::Schedule => read.planned.next_at.is_some(),
        Undo::Pause => read.facts.collection_paused,
    }
}

async fn ask(state: &AppState, read: &Read, what: Undo, id: &str) -> Result<(), StripeError> {
    if let Some(schedule) = &read.planned.schedule_id
        && what != Undo::Pause
    {
        intent::release(state, schedule).await?;
    }
    match what {
        Undo::Schedule => Ok(()),
        Undo::Pause => state.stripe.resume(&read.id, id).await,
        // Setting either also sets the other's field: what was asked for is what is taken back.
        Undo::End => {
            let end = if read.facts.cancel_at_period_end {
                PlannedEnd::CancelAtPeriodEnd
            } else {
                PlannedEnd::CancelAt
            };
            state.stripe.keep(&read.id, end, id).await
        }
    }
}
