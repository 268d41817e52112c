//! Rows into a page's view.

use super::passes::PassRow;
use super::rows::{EntitlementRow, Rows, SubscriptionRow, read};
use super::{doings, invoices, passes, stations, words};
use crate::db::DbError;
use crate::state::AppState;
use app::access::{Reason, Status};
use app::billing::{Dashboard, May, Membership, Owed, Standing};
use app::money::Money;
use app::plans::Interval;

pub async fn dashboard(state: &AppState, user_id: &str) -> Result<Dashboard, DbError> {
    let rows = {
        let mut conn = state.db.reader().acquire().await?;
        read(&mut conn, user_id).await?
    };
    let (card, invoices) = match &rows.payer {
        Some(payer) if rows.has_customer => (
            invoices::card(state, payer),
            invoices::recent(state, payer).await?,
        ),
        _ => (None, Some(Vec::new())),
    };
    let now = state.clock.policy_ms();
    let subscription = shown(&rows.subscriptions);
    let pass = passes::longest(&rows, now);
    let over = passes::over(&rows, now).filter(|_| subscription.is_none());
    let standing = match standing(&rows, subscription) {
        // What a subscription no longer gives, or never gave, a pass may give.
        Standing::None | Standing::Ended | Standing::Withdrawn if pass.is_some() => Standing::Pass,
        Standing::None | Standing::Ended | Standing::Withdrawn if passes::waits(&rows) => {
            Standing::Activating
        }
        Standing::None if over.is_some() => Standing::Ended,
        standing => standing,
    };
    let roles = stations::roles(&rows);
    let pending = doings::pending(&rows, subscription, invoices.as_deref());
    Ok(Dashboard {
        standing,
        membership: match pass {
            Some(pass) if standing == Standing::Pass => Some(by_pass(pass)),
            _ if over.is_some() => over.map(by_pass),
            _ => subscription.map(|subscription| {
                let may = doings::may(state, &rows, subscription, card.is_some());
                membership(&rows, subscription, standing, may)
            }),
        },
        passes: passes::lines(&rows, now),
        payment: match pass {
            Some(pass) if standing == Standing::Pass => stations::paid_once(pass),
            _ if over.is_some() => stations::pass_over(),
            _ => match subscription.filter(|_| standing == Standing::TrialOver) {
                Some(row) => stations::trial_over(row, card.is_some(), pending.is_some()),
                None => stations::by_company(&rows, standing)
                    .unwrap_or_else(|| stations::payment(subscription, standing)),
            },
        },
        pending,
        last_change: doings::last_change(&rows, state.clock.policy_ms()),
        others: doings::others(&rows, subscription),
        owed: subscription
            .filter(|subscription| doings::owes(subscription))
            .map(|_| Owed {
                invoice: doings::open_invoice(invoices.as_deref()),
            }),
        access: stations::access(&rows, standing),
        discord: stations::discord(&rows, &roles, standing),
        why: words::why(&rows, &roles),
        card,
        invoices_known: invoices.is_some(),
        invoices: invoices.unwrap_or_default(),
        has_portal: rows.has_customer,
        must_join: stations::must_join(&rows),
        away: stations::away(&rows),
        read_at: rows.payer.as_ref().and_then(|payer| payer.read_at),
        roles,
    })
}

/// The subscription the page is about: the newest that is not over, or else the newest.
fn shown(subscriptions: &[SubscriptionRow]) -> Option<&SubscriptionRow> {
    // Newest first already, and `min_by_key` keeps the first of equals.
    subscriptions
        .iter()
        .min_by_key(|row| crate::changes::rank(&row.status()))
}

fn standing(rows: &Rows, subscription: Option<&SubscriptionRow>) -> Standing {
    if rows.returned && subscription.is_none_or(|row| row.status().is_final()) {
        return Standing::Activating;
    }
    let Some(subscription) = subscription else {
        return Standing::None;
    };
    let entitlement = rows.entitlements.iter().find(|entitlement| {
        entitlement.source_id == subscription.id && entitlement.reason != Reason::Replaced.as_str()
    });
    let taken_back = entitlement.is_some_and(|entitlement| {
        let reason = Reason::from_word(&entitlement.reason);
        entitlement.state == "denied" && matches!(reason, Some(Reason::Disputed | Reason::Refunded))
    });
    if taken_back {
        return Standing::Withdrawn;
    }
    match (subscription.status(), entitlement.map(|e| e.state.as_str())) {
        (Status::Unknown(_), _) | (_, Some("hold")) => Standing::Unclear,
        (Status::Trialing, _) => Standing::Trial,
        (Status::Active, _) if subscription.collection_paused == 1 => Standing::Paused,
        (Status::Active, _) if subscription.ends_at().is_some() => Standing::Ending,
        (Status::Active, _) => Standing::Active,
        (Status::PastDue, Some("grace" | "granted")) => Standing::PastDue,
        (Status::PastDue | Status::Unpaid | Status::Canceled, _) => Standing::Ended,
        (Status::Paused, _) if subscription.trial_over() => Standing::TrialOver,
        (Status::Paused, _) => Standing::Paused,
        (Status::Incomplete, _) => Standing::Activating,
        (Status::IncompleteExpired, _) => Standing::None,
    }
}

fn by_pass(pass: &PassRow) -> Membership {
    Membership {
        plan_name: pass.name(),
        price: pass.price(),
        interval: None,
        renews_at: None,
        ends_at: pass.ends_at,
        trial_ends_at: None,
        grace_until: None,
        id: String::new(),
        resumes_at: None,
        scheduled: None,
        may: May::default(),
    }
}

fn denied_at(rows: &Rows, subscription: &SubscriptionRow) -> Option<i64> {
    rows.entitlements
        .iter()
        .find(|entitlement| {
            entitlement.source_id == subscription.id && entitlement.state == "denied"
        })
        .map(|entitlement| entitlement.changed_at)
}

fn membership(
    rows: &Rows,
    subscription: &SubscriptionRow,
    standing: Standing,
    may: May,
) -> Membership {
    let of_it = |entitlement: &&EntitlementRow| entitlement.source_id == subscription.id;
    let rests_later = rows
        .entitlements
        .iter()
        .filter(of_it)
        .any(|entitlement| entitlement.reason == Reason::PausedPaidUp.as_str());
    let grace_until = rows
        .entitlements
        .iter()
        .find(|entitlement| {
            entitlement.source_id == subscription.id && entitlement.state == "grace"
        })
        .and_then(|entitlement| entitlement.until_at);
    let ends_at = match standing {
        // Without a word of Stripe's it ended when access did: the period may go on unpaid.
        Standing::Ended => subscription
            .ended_at
            .or_else(|| denied_at(rows, subscription)),
        Standing::Paused if rests_later => subscription.period_end,
        _ => subscription.ends_at(),
    };
    Membership {
        plan_name: subscription
            .plan_name
            .clone()
            .unwrap_or_else(|| "Membership".to_owned()),
        price: match (subscription.unit_amount, &subscription.currency) {
            (Some(minor), Some(currency)) => Some(Money::new(minor, currency)),
            _ => None,
        },
        interval: match subscription.period.as_deref() {
            Some("month") => Some(Interval::Month),
            Some("year") => Some(Interval::Year),
            _ => None,
        },
        renews_at: match standing {
            Standing::Active => subscription.period_end,
            Standing::Trial if subscription.ends_at().is_none() => {
                subscription.trial_end.or(subscription.period_end)
            }
            _ => None,
        },
        ends_at,
        trial_ends_at: if standing == Standing::Trial {
            subscription.trial_end
        } else {
            None
        },
        grace_until,
        id: subscription.id.clone(),
        resumes_at: subscription
            .resumes_at
            .filter(|_| standing == Standing::Paused),
        scheduled: doings::scheduled(rows, subscription),
        may,
    }
}
