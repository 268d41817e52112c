//! Sync of one charge that was refunded or disputed: what became of the payment, for which period
//! it paid, and whose it is. A dispute names no customer, so the charge is a subject of its own.

use super::SyncError;
use crate::db::DbError;
use crate::db::dirty::{self, Lease, SubjectKind};
use crate::incidents;
use crate::state::AppState;
use crate::stripe::charges::{Dispute, InvoicePayment, Refund};
use crate::sync::payers;
use sqlx::AnyConnection;

/// While a bank decides, and nothing is heard.
const OPEN_DISPUTE_MS: i64 = 24 * 60 * 60 * 1000;

/// A charge as its row keeps it. Times are UTC epoch ms.
#[derive(Clone, Debug)]
struct Fate {
    customer_id: String,
    payment_intent: Option<String>,
    subscription_id: Option<String>,
    /// From and until when the invoice it paid covers.
    covers: Option<(i64, i64)>,
    refunded: bool,
    dispute: DisputeState,
    /// A word of Stripe's that we do not know; then what was known of disputes stays.
    unknown: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum DisputeState {
    None,
    Won,
    Lost,
    Open,
}

impl DisputeState {
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Open => "open",
        }
    }

    /// Stripe's `dispute.status`. An inquiry (`warning_…`) has not taken the money.
    fn from_stripe(word: &str) -> Option<Self> {
        match word {
            "warning_needs_response" | "warning_under_review" => Some(Self::None),
            "needs_response" | "under_review" => Some(Self::Open),
            "lost" => Some(Self::Lost),
            "won" | "prevented" | "warning_closed" => Some(Self::Won),
            _ => None,
        }
    }

    fn from_row(word: &str) -> Result<Self, DbError> {
        [Self::None, Self::Won, Self::Lost, Self::Open]
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| DbError::Impossible(format!("charges.dispute {word}")))
    }
}

/// The worst of the disputes, and a word that is not understood.
fn worst(disputes: &[Dispute]) -> (DisputeState, Option<String>) {
    let known = disputes
        .iter()
        .filter_map(|dispute| DisputeState::from_stripe(&dispute.status))
        .max()
        .unwrap_or(DisputeState::None);
    let unknown = disputes
        .iter()
        .find(|dispute| DisputeState::from_stripe(&dispute.status).is_none())
        .map(|dispute| dispute.status.clone());
    (known, unknown)
}

/// Whether refunds that did not fail give the whole amount back. A charge says that it was refunded
/// from the moment it was asked for; weeks later the bank may have sent the money back.
fn went_back_whole(amount: i64, refunds: &[Refund]) -> bool {
    let gone: i64 = refunds
        .iter()
        .filter(|refund| refund.counts())
        .map(|refund| refund.amount)
        .sum();
    refunds.is_empty() || gone >= amount
}

/// What the invoices cover together: the lines that cost something, or all where none does.
fn covers(paid: &[InvoicePayment]) -> Option<(i64, i64)> {
    let lines = || {
        paid.iter()
            .filter_map(|payment| payment.invoice.object())
            .flat_map(|invoice| &invoice.lines.data)
    };
    let costs = lines().any(|line| line.amount > 0);
    let periods = || {
        lines()
            .filter(|line| !costs || line.amount > 0)
            .map(|line| line.period)
    };
    let from = periods().map(|period| period.start).min()?;
    let until = periods().map(|period| period.end).max()?;
    Some((from.saturating_mul(1000), until.saturating_mul(1000)))
}

/// Reads the charge, its disputes and what it paid, and marks whose it is.
pub async fn sync_charge(state: &AppState, lease: &Lease) -> Result<(), SyncError> {
    let mut fate = read(state, lease).await?;
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, lease, state.clock.wall_ms()).await?;
    let mut next = None;
    if let Some(fate) = &mut fate {
        next = write(state, &mut tx, lease, fate, now).await?;
    } else {
        tracing::info!(charge = %lease.id, trace = %lease.trace, "a charge of no customer is not ours");
    }
    dirty::finish(&mut tx, lease, next, now).await?;
    tx.commit().await?;
    if fate.is_some() {
        state.work.notify_one();
    }
    Ok(())
}

/// `None`: no customer's, so not ours.
async fn read(state: &AppState, lease: &Lease) -> Result<Option<Fate>, SyncError> {
    let Some(charge) = state.stripe.charge(&lease.id).await? else {
        return Ok(None);
    };
    let Some(customer_id) = charge.customer_id().map(str::to_owned) else {
        return Ok(None);
    };
    let disputes = state.stripe.disputes(&charge.id).await?;
    let refunded = charge.refunded && {
        let refunds = state.stripe.refunds(&charge.id).await?;
        went_back_whole(charge.amount, &refunds)
    };
    let (dispute, unknown) = worst(&disputes);
    let paid = match &charge.payment_intent {
        Some(intent) => state.stripe.invoices_paid_by(intent).await?,
        None => Vec::new(),
    };
    let subscription_id = paid
        .iter()
        .filter_map(|payment| payment.invoice.object())
        .find_map(|invoice| invoice.subscription_id())
        .map(str::to_owned);
    Ok(Some(Fate {
        customer_id,
        subscription_id,
        covers: covers(&paid),
        refunded,
        dispute,
        unknown,
        payment_intent: charge.payment_intent,
    }))
}

/// Answers when to look again.
async fn write(
    state: &AppState,
    conn: &mut AnyConnection,
    lease: &Lease,
    fate: &mut Fate,
    now: i64,
) -> Result<Option<i64>, DbError> {
    let before: Option<(i64, String)> =
        sqlx::query_as("SELECT refunded, dispute FROM charges WHERE id = $1")
            .bind(&lease.id)
            .fetch_optional(&mut *conn)
            .await?;
    if let (Some(_), Some((_, kept))) = (&fate.unknown, &before) {
        fate.dispute = fate.dispute.max(DisputeState::from_row(kept)?);
    }
    put(conn, &lease.id, fate, now).await?;
    let changed = before.is_none_or(|(refunded, dispute)| {
        refunded != i64::from(fate.refunded) || dispute != fate.dispute.as_str()
    });
    tracing::info!(charge = %lease.id, customer = %fate.customer_id, trace = %lease.trace,
        refunded = fate.refunded, dispute = fate.dispute.as_str(), changed, "charge synced");
    let payer = payers::of_customer(conn, &fate.customer_id).await?;
    let (kind, subject) = match &payer {
        Some(payer) => (SubjectKind::Payer, payer),
        // The row is kept: should the customer turn out to be ours, it counts.
        None => (SubjectKind::Customer, &fate.customer_id),
    };
    if changed {
        dirty::mark(conn, kind, subject, now, lease.class, &lease.trace).await?;
    }
    if payer.is_some() {
        report(state, conn, &lease.id, fate, changed, now).await?;
        drift(conn, &lease.id, fate.unknown.as_deref(), now).await?;
    }
    let ends = fate.covers.map(|(_, until)| until);
    Ok(match fate.dispute {
        DisputeState::Open => Some(now + OPEN_DISPUTE_MS),
        DisputeState::Lost => ends.filter(|end| *end > now),
        _ if fate.refunded => ends.filter(|end| *end > now),
        _ => None,
    })
}

async fn put(
    conn: &mut AnyConnection,
    charge_id: &str,
    fate: &Fate,
    now: i64,
) -> Result<(), DbError> {
    sqlx::query(
        "INSERT INTO charges (id, customer_id, payment_intent, subscription_id, covers_from, \
         covers_until, refunded, dispute, read_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (id) DO UPDATE SET customer_id = excluded.customer_id, \
         payment_intent = excluded.payment_intent, subscription_id = excluded.subscription_id, \
         covers_from = excluded.covers_from, covers_until = excluded.covers_until, \
         refunded = excluded.refunded, dispute = excluded.dispute, read_at = excluded.read_at",
    )
    .bind(charge_id)
    .bind(&fate.customer_id)
    .bind(&fate.payment_intent)
    .bind(&fate.subscription_id)
    .bind(fate.covers.map(|(from, _)| from))
    .bind(fate.covers.map(|(_, until)| until))
    .bind(i64::from(fate.refunded))
    .bind(fate.dispute.as_str())
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// The operator sees money that went back, until it is won or the time it paid for is over. What
/// was closed by hand stays closed unless something changed.
async fn report(
    state: &AppState,
    conn: &mut AnyConnection,
    charge_id: &str,
    fate: &Fate,
    changed: bool,
    now: i64,
) -> Result<(), DbError> {
    let running = fate.covers.is_none_or(|(_, until)| until > now);
    let policy = state.config.policy;
    let disputed = match fate.dispute {
        DisputeState::Open => Some("A bank disputes this payment: answer it at Stripe."),
        DisputeState::Lost if running => Some("The dispute of this payment was lost."),
        _ => None,
    };
    let disputed = disputed.map(|text| (text, policy.dispute_denies));
    let refunded = (fate.refunded && running)
        .then_some(("This payment was refunded in full.", policy.refund_denies));
    for (kind, told) in [("dispute", disputed), ("refund", refunded)] {
        let Some((text, denies)) = told else {
            incidents::close(conn, kind, charge_id, now).await?;
            continue;
        };
        if changed || !incidents::known(conn, kind, charge_id).await? {
            let access = if denies {
                "Access for what it paid is withdrawn."
            } else {
                "Access stays, by policy."
            };
            let detail = format!("{text} {access} Customer {}.", fate.customer_id);
            incidents::open(conn, kind, charge_id, &detail, now).await?;
            tracing::warn!(charge = %charge_id, customer = %fate.customer_id, kind, "a payment went back");
        }
    }
    Ok(())
}

/// Open while Stripe says something of the dispute that we do not know.
async fn drift(
    conn: &mut AnyConnection,
    charge_id: &str,
    unknown: Option<&str>,
    now: i64,
) -> Result<(), DbError> {
    match unknown {
        None => incidents::close(conn, "drift", charge_id, now).await,
        Some(word) => {
            let detail = format!(
                "Stripe says “{word}” of a dispute of this payment, which is not known here: what was known stays."
            );
            tracing::error!(charge = %charge_id, status = %word, "a dispute's status is not known");
            incidents::open(conn, "drift", charge_id, &detail, now).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dispute(status: &str) -> Dispute {
        Dispute {
            id: "dp_1".into(),
            status: status.into(),
        }
    }

    #[test]
    fn the_worst_dispute_counts_and_an_inquiry_has_taken_nothing() {
        for (statuses, expected) in [
            (vec![], DisputeState::None),
            (vec!["warning_needs_response"], DisputeState::None),
            (vec!["needs_response"], DisputeState::Open),
            (vec!["under_review"], DisputeState::Open),
            (vec!["won"], DisputeState::Won),
            (vec!["won", "lost"], DisputeState::Lost),
            (vec!["lost", "needs_response"], DisputeState::Open),
        ] {
            let disputes: Vec<Dispute> = statuses.iter().map(|word| dispute(word)).collect();
            assert_eq!(worst(&disputes), (expected, None), "{statuses:?}");
        }
        let unknown = [dispute("something_new"), dispute("lost")];
        let word = Some("something_new".to_owned());
        assert_eq!(worst(&unknown), (DisputeState::Lost, word));
    }

    #[test]
    fn a_refund_that_failed_gave_nothing_back() {
        let refund = |amount, status: &str| Refund {
            id: "re_1".into(),
            amount,
            status: Some(status.into()),
        };
        for (refunds, whole) in [
            (vec![refund(2_900, "succeeded")], true),
            (vec![refund(2_900, "pending")], true),
            (vec![refund(2_900, "failed")], false),
            (vec![refund(2_900, "canceled")], false),
            (
                vec![refund(900, "succeeded"), refund(2_000, "failed")],
                false,
            ),
            (
                vec![refund(2_900, "failed"), refund(2_900, "succeeded")],
                true,
            ),
            // Only the charge says so.
            (vec![], true),
        ] {
            assert_eq!(went_back_whole(2_900, &refunds), whole, "{refunds:?}");
        }
    }

    #[test]
    fn an_invoice_covers_what_its_lines_cost() {
        let paid = |lines: &[(i64, i64, i64)]| -> Vec<InvoicePayment> {
            let lines: Vec<serde_json::Value> = lines
                .iter()
                .map(|(amount, start, end)| {
                    serde_json::json!({"amount": amount, "period": {"start": start, "end": end}})
                })
                .collect();
            serde_json::from_value(serde_json::json!([
                {"id": "inpay_1", "invoice": {"id": "in_1", "lines": {"data": lines}}}
            ]))
            .unwrap()
        };
        assert_eq!(covers(&paid(&[(900, 10, 20)])), Some((10_000, 20_000)));
        // The credit for what was not used is no cover.
        let changed = paid(&[(-400, 5, 10), (900, 10, 40)]);
        assert_eq!(covers(&changed), Some((10_000, 40_000)));
        assert_eq!(covers(&paid(&[(0, 10, 20)])), Some((10_000, 20_000)));
        assert_eq!(covers(&[]), None);
    }
}
