//! Which changes of ours cause a mail: what one transaction made of a person's entitlements.
//! A state that is found rather than made (a database that is new, a link that was rebuilt)
//! causes none.

use super::card;
use super::outbox::{Draft, enqueue};
use super::texts::{About, Card, EndsBy, Price, Welcome};
use crate::db::DbError;
use crate::db::dirty::Lease;
use crate::state::AppState;
use crate::stripe::objects::CardDetails;
use sqlx::{AnyConnection, FromRow};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How long before grace ends it is said once more, if it lasts longer than twice this.
const BEFORE_GRACE_ENDS_MS: i64 = 2 * DAY_MS;
/// How long before a trial ends, as with Stripe's `trial_will_end`.
const BEFORE_TRIAL_ENDS_MS: i64 = 3 * DAY_MS;
/// How long before a pass ends, if it lasts longer than twice this.
const BEFORE_PASS_ENDS_MS: i64 = 3 * DAY_MS;

/// An entitlement and the subscription it rests on.
#[derive(Clone, Debug, FromRow)]
pub(super) struct Row {
    pub source: String,
    pub source_id: String,
    pub plan_id: String,
    pub state: String,
    pub reason: String,
    pub until_at: Option<i64>,
    pub plan: String,
    pub unit_amount: Option<i64>,
    pub quantity: Option<i64>,
    pub currency: Option<String>,
    pub period: Option<String>,
    pub period_end: Option<i64>,
    pub trial_end: Option<i64>,
    pub unpaid_since: Option<i64>,
    /// How many checkouts begun here it can have come from.
    pub own_checkouts: i64,
}

impl Row {
    pub(super) fn gives(&self) -> bool {
        matches!(self.state.as_str(), "granted" | "grace")
    }

    fn trial(&self) -> Option<i64> {
        self.trial_end.filter(|_| self.reason == "trial")
    }

    fn price(&self) -> Option<Price> {
        Some(Price {
            minor: self.unit_amount?.saturating_mul(self.quantity.unwrap_or(1)),
            currency: self.currency.clone()?,
            period: self.period.clone(),
        })
    }
}

/// A mail that a change causes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cause {
    pub once_key: String,
    pub about: About,
    pub due_at: i64,
}

/// A person's entitlements before a transaction changes them; nothing when mail is off.
pub struct Before(Option<Vec<Row>>);

/// Reads them, first thing in the transaction.
pub async fn before(
    state: &AppState,
    conn: &mut AnyConnection,
    user_id: Option<&str>,
) -> Result<Before, DbError> {
    match user_id {
        Some(user_id) if state.mail.is_some() => Ok(Before(Some(rows(conn, user_id).await?))),
        _ => Ok(Before(None)),
    }
}

/// Enqueues what the transaction's changes cause, last thing in it. Answers when to look at the
/// payer again for a card that will not be good for its next charge.
pub async fn caused(
    state: &AppState,
    conn: &mut AnyConnection,
    lease: &Lease,
    user_id: Option<&str>,
    before: Before,
    card: Option<&CardDetails>,
) -> Result<Option<i64>, DbError> {
    let (Some(user_id), Some(before)) = (user_id, before.0) else {
        return Ok(None);
    };
    let now = state.clock.policy_ms();
    let after = rows(conn, user_id).await?;
    let mut causes: Vec<Cause> = after
        .iter()
        .flat_map(|row| of_row(&before, &after, row, now))
        .collect();
    let mut look = None;
    if let Some(card) = card {
        match card::expiring(card, &after, now) {
            card::Expiring::No => {}
            card::Expiring::LookAt(at) => look = Some(at),
            card::Expiring::Tell(about) => causes.push(of_card(state, &lease.id, about, now)?),
        }
    }
    for cause in &causes {
        let draft = Draft {
            user_id,
            once_key: &cause.once_key,
            about: &cause.about,
            due_at: cause.due_at,
        };
        enqueue(state, conn, &draft, &lease.trace, now).await?;
    }
    Ok(look)
}

async fn rows(conn: &mut AnyConnection, user_id: &str) -> Result<Vec<Row>, DbError> {
    // A checkout's session is open for 23 hours; Stripe's times are whole seconds.
    Ok(sqlx::query_as(
        "SELECT entitlements.source, entitlements.source_id, entitlements.plan_id, \
         entitlements.state, entitlements.reason, entitlements.until_at, \
         COALESCE(plans.name, 'Membership') AS plan, \
         COALESCE(subscriptions.unit_amount, passes.amount) AS unit_amount, \
         subscriptions.quantity, COALESCE(subscriptions.currency, passes.currency) AS currency, \
         subscriptions.period, \
         subscriptions.period_end, subscriptions.trial_end, subscriptions.unpaid_since, \
         (SELECT COUNT(*) FROM checkouts WHERE checkouts.payer_id = subscriptions.payer_id \
         AND checkouts.created_at <= subscriptions.created_at + 60000 \
         AND checkouts.created_at >= subscriptions.created_at - 90000000) \
         + (SELECT COUNT(*) FROM checkouts WHERE checkouts.session_id = passes.id) \
         AS own_checkouts \
         FROM entitlements LEFT JOIN plans ON plans.id = entitlements.plan_id \
         LEFT JOIN subscriptions ON subscriptions.id = entitlements.source_id \
         LEFT JOIN passes ON passes.id = entitlements.source_id \
         WHERE entitlements.user_id = $1 ORDER BY entitlements.source_id, entitlements.plan_id",
    )
    .bind(user_id)
    .fetch_all(conn)
    .await?)
}

/// What became of one entitlement.
fn of_row(before: &[Row], after: &[Row], row: &Row, now: i64) -> Vec<Cause> {
    let mut causes = Vec::new();
    if !row.gives() {
        return causes;
    }
    let old: Vec<&Row> = before
        .iter()
        .filter(|old| old.source_id == row.source_id)
        .collect();
    // It never gave anything before, and was begun here.
    let new = row.own_checkouts > 0
        && old.iter().all(|old| {
            old.state == "denied"
                && matches!(old.reason.as_str(), "first_payment_missing" | "not_paid")
        });
    let was = old
        .iter()
        .find(|old| old.plan_id == row.plan_id && old.state != "denied");
    // Whoever has something already is no newcomer.
    if new && row.state == "granted" && !before.iter().any(Row::gives) {
        causes.push(welcome(row, now));
    }
    if new || was.is_some() {
        causes.extend(trial(row, was.copied(), now));
        causes.extend(pass(row, was.copied(), now));
    }
    if let Some(was) = was {
        causes.extend(unpaid(row, was, now));
        causes.extend(cancelled(after, row, was, now));
    }
    causes
}

fn welcome(row: &Row, now: i64) -> Cause {
    Cause {
        once_key: format!("welcome:{}", row.source_id),
        about: About::Welcome(Welcome {
            source_id: row.source_id.clone(),
            plan: row.plan.clone(),
            price: row.price(),
            renews_at: row.period_end,
            trial_ends_at: row.trial().filter(|_| row.until_at.is_none()),
            ends_at: row.until_at,
        }),
        due_at: now,
    }
}

fn trial(row: &Row, was: Option<&Row>, now: i64) -> Option<Cause> {
    let at = row.trial()?;
    let due_at = at - BEFORE_TRIAL_ENDS_MS;
    // One that is to end with the trial has its own mail.
    if row.until_at.is_some() || due_at <= now || was.and_then(Row::trial) == Some(at) {
        return None;
    }
    Some(Cause {
        once_key: format!("trial:{}:{at}", row.source_id),
        about: About::TrialEnding {
            source_id: row.source_id.clone(),
            plan: row.plan.clone(),
            price: row.price(),
            at,
        },
        due_at,
    })
}

fn pass(row: &Row, was: Option<&Row>, now: i64) -> Option<Cause> {
    let until = row.until_at.filter(|_| row.source == "pass")?;
    let told = was.is_some_and(|was| was.until_at == Some(until));
    if told || until - now <= 2 * BEFORE_PASS_ENDS_MS {
        return None;
    }
    Some(ends(
        row,
        until,
        EndsBy::PassOver,
        until - BEFORE_PASS_ENDS_MS,
    ))
}

/// A payment is missing: said at once, and once more before the time to settle it is over. A
/// second failure of the same invoice changes nothing.
fn unpaid(row: &Row, was: &Row, now: i64) -> Vec<Cause> {
    let Some(until) = row.until_at.filter(|_| row.state == "grace") else {
        return Vec::new();
    };
    if was.state == "grace" && was.unpaid_since == row.unpaid_since {
        return Vec::new();
    }
    let since = row.unpaid_since.unwrap_or(until);
    let mut causes = vec![Cause {
        once_key: format!("payment_failed:{}:{since}", row.source_id),
        about: About::PaymentFailed {
            source_id: row.source_id.clone(),
            plan: row.plan.clone(),
            price: row.price(),
            until,
        },
        due_at: now,
    }];
    if until - now > 2 * BEFORE_GRACE_ENDS_MS {
        let due_at = until - BEFORE_GRACE_ENDS_MS;
        causes.push(ends(row, until, EndsBy::PaymentMissing, due_at));
    }
    causes
}

/// It is to end, and was not, or on another day; and nothing else gives the same plan for longer.
fn cancelled(after: &[Row], row: &Row, was: &Row, now: i64) -> Option<Cause> {
    let until = row.until_at?;
    let ending = row.source == "subscription" && row.state == "granted" && until > now;
    let goes_on = after.iter().any(|other| {
        other.source_id != row.source_id
            && other.plan_id == row.plan_id
            && other.gives()
            && other.until_at.is_none_or(|other| other > until)
    });
    if !ending || goes_on || (was.state == "granted" && was.until_at == Some(until)) {
        return None;
    }
    Some(ends(row, until, EndsBy::Cancelled, now))
}

fn ends(row: &Row, until: i64, by: EndsBy, due_at: i64) -> Cause {
    let why = match by {
        EndsBy::Cancelled => "cancelled",
        EndsBy::PaymentMissing => "unpaid",
        EndsBy::PassOver => "pass",
    };
    Cause {
        once_key: format!("ends:{}:{until}:{why}", row.source_id),
        about: About::Ending {
            source_id: row.source_id.clone(),
            plan: row.plan.clone(),
            until,
            by,
        },
        due_at,
    }
}

/// Once for this card; of the card itself nothing is in the key.
fn of_card(state: &AppState, payer_id: &str, card: Card, now: i64) -> Result<Cause, DbError> {
    let text = format!(
        "{payer_id} {} {} {}/{}",
        card.brand, card.last4, card.month, card.year
    );
    let digest = state
        .seal
        .digest("mails/card", &text)
        .map_err(|error| DbError::Impossible(format!("a card's digest: {error}")))?;
    Ok(Cause {
        once_key: format!("card:{payer_id}:{digest}"),
        about: About::CardExpiring(card),
        due_at: now,
    })
}

#[cfg(test)]
mod tests;
