//! Starting a checkout.

use super::{Failure, customer, lease};
use crate::db::DbError;
use crate::db::dirty::{self, Class, Lease, SubjectKind};
use crate::guards::LimitKind;
use crate::state::AppState;
use crate::stripe::objects::CheckoutSession;
use crate::stripe::{NewCheckout, StripeError};
use crate::sync::{payers, sync_payer};
use app::access::Status;
use app::checkout::{CheckoutError, CheckoutNext};
use secrecy::{ExposeSecret, SecretString};

/// A session is open for less than Stripe's 24 hours, so that its idempotency key outlives it.
const OPEN_MS: i64 = 23 * 60 * 60 * 1000;

/// Most payments are through by then.
const FIRST_LOOK_MS: i64 = 10 * 60 * 1000;

/// An intent to pay, as its row keeps it.
#[derive(sqlx::FromRow)]
struct Intent {
    id: String,
    price_id: String,
    trial_days: Option<i64>,
    session_id: Option<String>,
    url_sealed: Option<String>,
    expires_at: i64,
}

pub async fn start(
    state: &AppState,
    user_id: &str,
    price_id: &str,
) -> Result<CheckoutNext, Failure> {
    state
        .limits
        .check(LimitKind::CheckoutUser, user_id, state.clock.wall_ms())
        .map_err(|_| CheckoutError::TooMany)?;
    let trial_days = on_offer(state, price_id).await?;
    let now = state.clock.policy_ms();
    let payer_id = {
        let mut tx = state.db.begin().await?;
        let id = payers::of_user(&mut tx, &state.rng, user_id, now, "checkout").await?;
        tx.commit().await?;
        id
    };
    let held = lease::take(state, &payer_id).await?;
    let next = under_lease(state, &held, user_id, price_id, trial_days).await;
    lease::give_back(state, &held).await;
    next
}

/// The plan's trial, if the price is one a person can choose.
async fn on_offer(state: &AppState, price_id: &str) -> Result<Option<i64>, Failure> {
    let row: Option<(String, Option<i64>)> = sqlx::query_as(
        "SELECT plans.audience, plans.trial_days FROM prices JOIN plans ON plans.id = prices.plan_id \
         WHERE prices.id = $1 AND prices.active = 1 AND plans.active = 1",
    )
    .bind(price_id)
    .fetch_optional(state.db.reader())
    .await?;
    match row {
        None => Err(CheckoutError::PriceGone.into()),
        Some((audience, _)) if audience != "individual" => Err(CheckoutError::CompanyPlan.into()),
        Some((_, trial_days)) => Ok(trial_days),
    }
}

async fn under_lease(
    state: &AppState,
    held: &Lease,
    user_id: &str,
    price_id: &str,
    trial_days: Option<i64>,
) -> Result<CheckoutNext, Failure> {
    let customer_id = customer::ensure(state, held, user_id).await?;
    if member(state, &held.id).await? {
        mark(state, held).await?;
        return Ok(CheckoutNext::AlreadyMember);
    }
    if let Some(intent) = open_intent(state, &held.id).await? {
        match settle(state, held, &customer_id, &intent, price_id).await? {
            Settled::Open(url) => return Ok(CheckoutNext::Pay { url }),
            Settled::Paid => {
                mark(state, held).await?;
                return Ok(CheckoutNext::AlreadyMember);
            }
            Settled::Over => {}
        }
    }
    let first = never_subscribed(state, &held.id).await?;
    let intent = new_intent(state, held, price_id, trial_days.filter(|_| first)).await?;
    let session = open(state, &held.id, &customer_id, &intent).await?;
    keep(state, held, &intent, &session).await?;
    let url = session.url.ok_or_else(|| StripeError::Unreadable {
        what: "a new checkout session without its address".to_owned(),
    })?;
    Ok(CheckoutNext::Pay { url })
}

/// Whether Stripe has a subscription of any of the payer's customers that is not over. One whose
/// first payment is under way counts: a second one must not start beside it.
async fn member(state: &AppState, payer_id: &str) -> Result<bool, Failure> {
    let customers = {
        let mut conn = state.db.reader().acquire().await?;
        payers::customers(&mut conn, payer_id).await?
    };
    for (customer, _) in customers.iter().filter(|(_, deleted)| !deleted) {
        let subscriptions = match state.stripe.subscriptions(customer).await {
            Err(StripeError::Missing) => continue,
            read => read?,
        };
        let running = |status: &str| !Status::from_stripe(status).is_final();
        if subscriptions
            .iter()
            .any(|subscription| running(&subscription.status))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The dashboard the person is led to is to show what was just seen.
async fn mark(state: &AppState, held: &Lease) -> Result<(), Failure> {
    match sync_payer(state, held).await {
        Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn never_subscribed(state: &AppState, payer_id: &str) -> Result<bool, Failure> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM subscriptions WHERE payer_id = $1")
        .bind(payer_id)
        .fetch_one(state.db.reader())
        .await?;
    Ok(count == 0)
}

async fn open_intent(state: &AppState, payer_id: &str) -> Result<Option<Intent>, Failure> {
    Ok(sqlx::query_as(
        "SELECT id, price_id, trial_days, session_id, url_sealed, expires_at FROM checkouts \
         WHERE payer_id = $1 AND state IN ('opening', 'open', 'returned') ORDER BY created_at DESC LIMIT 1",
    )
    .bind(payer_id)
    .fetch_optional(state.db.reader())
    .await?)
}

enum Settled {
    /// Still open, for the same price.
    Open(String),
    Paid,
    /// Expired, ended here, or never came to be.
    Over,
}

/// Finds out what became of the checkout that was started before.
async fn settle(
    state: &AppState,
    held: &Lease,
    customer_id: &str,
    intent: &Intent,
    price_id: &str,
) -> Result<Settled, Failure> {
    let session = match &intent.session_id {
        Some(id) => state.stripe.checkout(id).await?,
        // Stripe was asked and never heard: the same key brings what it made, if anything.
        None if intent.expires_at > state.clock.policy_ms() => {
            match open(state, &held.id, customer_id, intent).await {
                Ok(session) => {
                    keep(state, held, intent, &session).await?;
                    Some(session)
                }
                Err(Failure::Stripe(
                    StripeError::KeyReused | StripeError::Refused { .. } | StripeError::Missing,
                )) => None,
                Err(error) => return Err(error),
            }
        }
        None => None,
    };
    let status = session
        .as_ref()
        .and_then(|session| session.status.as_deref());
    match (status, session.as_ref()) {
        (Some("complete"), _) => Ok(Settled::Paid),
        (Some("open"), Some(session)) if intent.price_id == price_id => {
            match address(state, intent, session) {
                Some(url) => Ok(Settled::Open(url)),
                None => end(state, held, intent, Some(&session.id)).await,
            }
        }
        (Some("open"), Some(session)) => end(state, held, intent, Some(&session.id)).await,
        _ => end(state, held, intent, None).await,
    }
}

fn address(state: &AppState, intent: &Intent, session: &CheckoutSession) -> Option<String> {
    session.url.clone().or_else(|| {
        let sealed = intent.url_sealed.as_ref()?;
        let opened = state.seal.open(&place(&intent.id), sealed).ok()?;
        Some(opened.expose_secret().to_owned())
    })
}

fn place(intent_id: &str) -> String {
    format!("checkouts/{intent_id}/url")
}

/// Ends an open session at Stripe before another is opened; one that was paid meanwhile counts.
async fn end(
    state: &AppState,
    held: &Lease,
    intent: &Intent,
    session_id: Option<&str>,
) -> Result<Settled, Failure> {
    if let Some(id) = session_id
        && let Err(error) = state.stripe.expire_checkout(id).await
    {
        let session = state.stripe.checkout(id).await?;
        match session.and_then(|session| session.status).as_deref() {
            Some("complete") => return Ok(Settled::Paid),
            Some("open") => return Err(error.into()),
            _ => {}
        }
    }
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, held, state.clock.wall_ms()).await?;
    sqlx::query("UPDATE checkouts SET state = 'over', url_sealed = NULL WHERE id = $1")
        .bind(&intent.id)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(Settled::Over)
}

/// Writes the intent before Stripe is asked, so that a lost answer can be asked for again.
async fn new_intent(
    state: &AppState,
    held: &Lease,
    price_id: &str,
    trial_days: Option<i64>,
) -> Result<Intent, DbError> {
    let now = state.clock.policy_ms();
    let intent = Intent {
        id: state.rng.id("chk_"),
        price_id: price_id.to_owned(),
        trial_days,
        session_id: None,
        url_sealed: None,
        expires_at: now + OPEN_MS,
    };
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, held, state.clock.wall_ms()).await?;
    sqlx::query(
        "INSERT INTO checkouts (id, payer_id, price_id, trial_days, state, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, 'opening', $5, $6)",
    )
    .bind(&intent.id)
    .bind(&held.id)
    .bind(&intent.price_id)
    .bind(intent.trial_days)
    .bind(now)
    .bind(intent.expires_at)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(intent)
}

async fn open(
    state: &AppState,
    payer_id: &str,
    customer_id: &str,
    intent: &Intent,
) -> Result<CheckoutSession, Failure> {
    let new = NewCheckout {
        customer_id: customer_id.to_owned(),
        payer_id: payer_id.to_owned(),
        checkout_id: intent.id.clone(),
        price_id: intent.price_id.clone(),
        trial_days: intent.trial_days.and_then(|days| u32::try_from(days).ok()),
        success_url: state
            .config
            .own_url("/billing?session_id={CHECKOUT_SESSION_ID}"),
        cancel_url: state.config.own_url("/?left=1"),
        expires_at: intent.expires_at / 1000,
    };
    Ok(state.stripe.create_checkout(&new, &intent.id).await?)
}

async fn keep(
    state: &AppState,
    held: &Lease,
    intent: &Intent,
    session: &CheckoutSession,
) -> Result<(), Failure> {
    let sealed = match &session.url {
        Some(url) => Some(
            state
                .seal
                .seal(&place(&intent.id), &SecretString::from(url.clone()))?,
        ),
        None => None,
    };
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, held, state.clock.wall_ms()).await?;
    sqlx::query(
        "UPDATE checkouts SET session_id = $1, url_sealed = $2, state = 'open', expires_at = $3 WHERE id = $4",
    )
    .bind(&session.id)
    .bind(sealed)
    .bind(session.expires_at.saturating_mul(1000))
    .bind(&intent.id)
    .execute(&mut *tx)
    .await?;
    // Should neither the person nor an event come back, a look at Stripe tells what became of it.
    let look = state.clock.policy_ms() + FIRST_LOOK_MS;
    dirty::mark(
        &mut tx,
        SubjectKind::Payer,
        &held.id,
        look,
        Class::Bulk,
        &intent.id,
    )
    .await?;
    tx.commit().await?;
    Ok(())
}
