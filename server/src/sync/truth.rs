//! What Stripe says of one payer, read completely before anything is written.

use super::SyncError;
use crate::changes::Planned;
use crate::db::dirty::{self, Lease};
use crate::state::AppState;
use crate::stripe::StripeError;
use crate::stripe::objects::{CardDetails, Invoice, PaymentMethod, Subscription};
use app::access::{PaymentFate, Status, SubscriptionFacts};

/// A subscription as our rows keep it. Times are UTC epoch ms.
pub struct Read {
    pub id: String,
    pub customer_id: String,
    pub product_id: Option<String>,
    pub price_id: Option<String>,
    pub quantity: i64,
    pub unit_amount: Option<i64>,
    pub currency: Option<String>,
    pub period: Option<String>,
    pub ended_at: Option<i64>,
    pub created_at: i64,
    pub facts: SubscriptionFacts,
    pub planned: Planned,
    /// Why its newest invoice cannot be finalised, in Stripe's word.
    pub invoice_problem: Option<String>,
    /// Why it is paused, in Stripe's word.
    pub paused_because: Option<String>,
    /// It is paused, and the invoice it was resumed by is not paid.
    pub resuming: bool,
    /// There is a card that its next invoice would be charged to.
    pub has_card: bool,
}

/// Stripe's longest page.
const RECENT: u8 = 100;

/// Everything one reading found.
pub struct Truth {
    pub subscriptions: Vec<Read>,
    /// Customers that were deleted at Stripe.
    pub gone_customers: Vec<String>,
    /// Customers Stripe does not know (404), though nobody said they were deleted.
    pub unknown_customers: Vec<String>,
    /// The card of the subscription that counts most.
    pub card: Option<CardDetails>,
}

fn ms(seconds: i64) -> i64 {
    seconds.saturating_mul(1000)
}

/// Reads every linked customer. Nothing is decided on a half-read truth: the first failure ends it.
pub async fn read(
    state: &AppState,
    lease: &Lease,
    customers: &[(String, bool)],
) -> Result<Truth, SyncError> {
    let mut truth = Truth {
        subscriptions: Vec::new(),
        gone_customers: Vec::new(),
        unknown_customers: Vec::new(),
        card: None,
    };
    for (nth, (customer_id, deleted)) in customers.iter().enumerate() {
        if *deleted {
            continue;
        }
        if nth > 0 {
            // The lease has to outlive the reading of them all.
            dirty::renew(&state.db, lease, state.clock.wall_ms()).await?;
        }
        let subscriptions = match state.stripe.subscriptions(customer_id).await {
            Ok(subscriptions) => subscriptions,
            Err(StripeError::Missing) => {
                truth.unknown_customers.push(customer_id.clone());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        // What they had ended with them, and is kept as it ended.
        let gone = match subscriptions.first() {
            None => match state.stripe.customer(customer_id).await? {
                None => {
                    truth.unknown_customers.push(customer_id.clone());
                    continue;
                }
                // Where nothing is listed only the customer tells whether it was deleted.
                Some(customer) => customer.deleted,
            },
            Some(first) => first.customer.object().is_some_and(|owner| owner.deleted),
        };
        if gone {
            truth.gone_customers.push(customer_id.clone());
        }
        let owing = subscriptions
            .iter()
            .any(|subscription| matches!(subscription.status.as_str(), "past_due" | "unpaid"));
        let open = if owing {
            state.stripe.open_invoices(customer_id).await?
        } else {
            Vec::new()
        };
        let recent = if subscriptions.iter().any(paused_and_unclear) {
            state.stripe.recent_invoices(customer_id, RECENT).await?
        } else {
            Vec::new()
        };
        for subscription in subscriptions {
            if truth.card.is_none() || !Status::from_stripe(&subscription.status).is_final() {
                truth.card = card(&subscription).or(truth.card);
            }
            truth
                .subscriptions
                .push(convert(customer_id, &subscription, &open, &recent));
        }
    }
    Ok(truth)
}

/// What the next invoice is charged to: the subscription's own, or else the customer's.
fn method(subscription: &Subscription) -> Option<&PaymentMethod> {
    let own = subscription.default_payment_method.as_ref();
    let of_customer = || {
        let customer = subscription.customer.object()?;
        let settings = customer.invoice_settings.as_ref()?;
        settings.default_payment_method.as_ref()
    };
    own.or_else(of_customer)?.object()
}

fn card(subscription: &Subscription) -> Option<CardDetails> {
    method(subscription)?.card.clone()
}

fn resuming(subscription: &Subscription) -> bool {
    let newest = subscription
        .latest_invoice
        .as_ref()
        .and_then(|invoice| invoice.object());
    subscription.status == "paused"
        && newest.is_some_and(|invoice| invoice.status.as_deref() == Some("open"))
}

/// Stripe keeps such an invoice a draft, and the subscription as it was.
fn invoice_problem(subscription: &Subscription) -> Option<String> {
    let newest = subscription.latest_invoice.as_ref()?.object()?;
    let error = newest.last_finalization_error.as_ref()?;
    (newest.status.as_deref() == Some("draft"))
        .then(|| error.code.clone().unwrap_or_else(|| "unknown".to_owned()))
}

/// The end of the last paid period. Periods go on while collection is paused; the invoice of such
/// a period is void, uncollectible or stays a draft, and its period is not paid for. The newest
/// invoice may be of a change that was never paid: then one before it tells.
fn paid_until(subscription: &Subscription, recent: &[Invoice]) -> Option<i64> {
    let item = subscription.items.data.first()?;
    let end = item.current_period_end?;
    let newest = subscription.latest_invoice.as_ref()?.object()?;
    let paid = newest.is_paid()
        || recent.iter().any(|invoice| {
            invoice.subscription_id() == Some(&subscription.id)
                && invoice.is_paid()
                && invoice.reaches(end)
        });
    let until = if paid {
        Some(end)
    } else {
        item.current_period_start
    };
    until.map(ms)
}

/// Only a paused subscription whose newest invoice is not paid asks for the ones before it.
fn paused_and_unclear(subscription: &Subscription) -> bool {
    let newest = subscription
        .latest_invoice
        .as_ref()
        .and_then(|invoice| invoice.object());
    subscription.pause_collection.is_some() && newest.is_some_and(|invoice| !invoice.is_paid())
}

fn convert(
    customer_id: &str,
    subscription: &Subscription,
    open: &[Invoice],
    recent: &[Invoice],
) -> Read {
    let item = subscription.items.data.first();
    let price = item.map(|item| &item.price);
    let unpaid_since = open
        .iter()
        .filter(|invoice| invoice.subscription_id() == Some(&subscription.id))
        .filter_map(|invoice| invoice.due_date.or(invoice.status_transitions.finalized_at))
        .min();
    Read {
        id: subscription.id.clone(),
        customer_id: customer_id.to_owned(),
        product_id: price.map(|price| price.product_id().to_owned()),
        price_id: price.map(|price| price.id.clone()),
        quantity: item.and_then(|item| item.quantity).unwrap_or(1),
        unit_amount: price.and_then(|price| price.unit_amount),
        currency: price.map(|price| price.currency.clone()),
        period: price
            .and_then(|price| price.recurring.as_ref())
            .map(|recurring| recurring.interval.clone()),
        ended_at: subscription.ended_at.map(ms),
        created_at: ms(subscription.created),
        planned: Planned::of(subscription),
        invoice_problem: invoice_problem(subscription),
        paused_because: subscription.paused_because().map(str::to_owned),
        resuming: resuming(subscription),
        has_card: method(subscription).is_some(),
        facts: SubscriptionFacts {
            status: Status::from_stripe(&subscription.status),
            period_start: item.and_then(|item| item.current_period_start).map(ms),
            period_end: item.and_then(|item| item.current_period_end).map(ms),
            cancel_at: subscription.cancel_at.map(ms),
            cancel_at_period_end: subscription.cancel_at_period_end,
            trial_end: subscription.trial_end.map(ms),
            collection_paused: subscription.pause_collection.is_some(),
            paid_until: paid_until(subscription, recent),
            unpaid_since: unpaid_since.map(ms),
            payment: PaymentFate::Kept,
        },
    }
}
