//! An intent to pay: written before Stripe is asked, and settled before another one is made.

use super::Failure;
use super::buyer::Buyer;
use crate::db::DbError;
use crate::db::dirty::{self, Class, Lease, SubjectKind};
use crate::state::AppState;
use crate::stripe::objects::CheckoutSession;
use crate::stripe::sessions::{Codes, Sold};
use crate::stripe::{NewCheckout, StripeError};
use app::plans::PassLength;
use secrecy::{ExposeSecret, SecretString};

/// A session is open for less than Stripe's 24 hours, so that its idempotency key outlives it.
const OPEN_MS: i64 = 23 * 60 * 60 * 1000;

/// Most payments are through by then.
const FIRST_LOOK_MS: i64 = 10 * 60 * 1000;

/// What a person chose to buy.
#[derive(Clone, Debug)]
pub struct Choice {
    pub price_id: String,
    pub plan_id: String,
    /// None for a subscription.
    pub pass: Option<PassLength>,
    pub trial_days: Option<i64>,
    /// Stripe's id of the promotion code to apply.
    pub promotion_id: Option<String>,
    /// Seats, for a company.
    pub seats: Option<i64>,
}

/// An intent to pay, as its row keeps it.
#[derive(sqlx::FromRow)]
pub struct Intent {
    pub id: String,
    pub price_id: String,
    plan_id: Option<String>,
    trial_days: Option<i64>,
    pass_days: Option<String>,
    pub promotion_id: Option<String>,
    quantity: Option<i64>,
    pub session_id: Option<String>,
    url_sealed: Option<String>,
    expires_at: i64,
}

/// The one checkout that may still be paid.
pub async fn pending(state: &AppState, payer_id: &str) -> Result<Option<Intent>, Failure> {
    Ok(sqlx::query_as(
        "SELECT checkouts.id, checkouts.price_id, prices.plan_id, checkouts.trial_days, checkouts.pass_days, \
         checkouts.promotion_id, checkouts.quantity, checkouts.session_id, checkouts.url_sealed, checkouts.expires_at \
         FROM checkouts LEFT JOIN prices ON prices.id = checkouts.price_id \
         WHERE checkouts.payer_id = $1 AND checkouts.state IN ('opening', 'open', 'returned') \
         ORDER BY checkouts.created_at DESC LIMIT 1",
    )
    .bind(payer_id)
    .fetch_optional(state.db.reader())
    .await?)
}

/// Ends the checkout that may still be paid, if there is one: nothing can be bought by it any more.
/// One that was paid counts.
pub async fn end_open(state: &AppState, held: &Lease) -> Result<(), Failure> {
    if let Some(intent) = pending(state, &held.id).await? {
        end(state, held, &intent, intent.session_id.as_deref()).await?;
    }
    Ok(())
}

/// What became of the checkout that was started before.
pub enum Settled {
    /// Still open, for the same choice.
    Open(String),
    Paid,
    /// Expired, ended here, or never came to be.
    Over,
}

/// Finds out what became of the checkout that was started before; one for another choice is
/// ended, so that no two can be paid.
pub async fn settle(
    state: &AppState,
    held: &Lease,
    buyer: &Buyer,
    customer_id: &str,
    intent: &Intent,
    choice: &Choice,
) -> Result<Settled, Failure> {
    let session = match &intent.session_id {
        Some(id) => state.stripe.checkout(id).await?,
        None => unheard(state, held, buyer, customer_id, intent).await?,
    };
    let status = session
        .as_ref()
        .and_then(|session| session.status.as_deref());
    let same = intent.price_id == choice.price_id
        && intent.promotion_id == choice.promotion_id
        && intent.quantity == choice.seats;
    match (status, session.as_ref()) {
        (Some("complete"), _) => Ok(Settled::Paid),
        (Some("open"), Some(session)) if same => match address(state, intent, session) {
            Some(url) => Ok(Settled::Open(url)),
            None => end(state, held, intent, Some(&session.id)).await,
        },
        (Some("open"), Some(session)) => end(state, held, intent, Some(&session.id)).await,
        _ => end(state, held, intent, None).await,
    }
}

/// Stripe was asked and never heard: the same key brings what it made, if anything.
async fn unheard(
    state: &AppState,
    held: &Lease,
    buyer: &Buyer,
    customer_id: &str,
    intent: &Intent,
) -> Result<Option<CheckoutSession>, Failure> {
    if intent.expires_at <= state.clock.policy_ms() {
        return Ok(None);
    }
    match open(state, &held.id, buyer, customer_id, intent).await {
        Ok(session) => {
            keep(state, held, intent, &session).await?;
            Ok(Some(session))
        }
        Err(Failure::Stripe(
            error @ (StripeError::KeyReused | StripeError::Refused { .. } | StripeError::Missing),
        )) => {
            // Nobody has seen an address of it, so nobody pays it; a new one has a key of its own.
            tracing::warn!(checkout = %intent.id, error = %error, "an unheard checkout is given up; the next one is opened anew");
            Ok(None)
        }
        Err(error) => Err(error),
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
    give_up(state, held, intent).await?;
    Ok(Settled::Over)
}

/// The intent is over: nothing can be paid by it any more.
pub async fn give_up(state: &AppState, held: &Lease, intent: &Intent) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, held, state.clock.wall_ms()).await?;
    sqlx::query("UPDATE checkouts SET state = 'over', url_sealed = NULL WHERE id = $1")
        .bind(&intent.id)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Writes the intent before Stripe is asked, so that a lost answer can be asked for again.
pub async fn create(state: &AppState, held: &Lease, choice: &Choice) -> Result<Intent, DbError> {
    let now = state.clock.policy_ms();
    let intent = Intent {
        id: state.rng.id("chk_"),
        price_id: choice.price_id.clone(),
        plan_id: Some(choice.plan_id.clone()),
        trial_days: choice.trial_days,
        pass_days: choice.pass.map(PassLength::word),
        promotion_id: choice.promotion_id.clone(),
        quantity: choice.seats,
        session_id: None,
        url_sealed: None,
        expires_at: now + OPEN_MS,
    };
    let mut tx = state.db.begin().await?;
    dirty::check_fence(&state.db, &mut tx, held, state.clock.wall_ms()).await?;
    sqlx::query(
        "INSERT INTO checkouts (id, payer_id, price_id, trial_days, pass_days, promotion_id, quantity, state, \
         created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'opening', $8, $9)",
    )
    .bind(&intent.id)
    .bind(&held.id)
    .bind(&intent.price_id)
    .bind(intent.trial_days)
    .bind(&intent.pass_days)
    .bind(&intent.promotion_id)
    .bind(intent.quantity)
    .bind(now)
    .bind(intent.expires_at)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(intent)
}

/// Opens the intent's session at Stripe, or finds the one that its key opened before.
pub async fn open(
    state: &AppState,
    payer_id: &str,
    buyer: &Buyer,
    customer_id: &str,
    intent: &Intent,
) -> Result<CheckoutSession, Failure> {
    let settings = state.config.checkout;
    let sold = match (&intent.pass_days, &intent.plan_id) {
        (None, _) => Sold::Subscription {
            trial_days: intent.trial_days.and_then(|days| u32::try_from(days).ok()),
        },
        (Some(days), Some(plan_id)) => Sold::Pass {
            plan_id: plan_id.clone(),
            length: PassLength::from_word(days)
                .ok_or_else(|| DbError::Impossible(format!("checkouts.pass_days {days}")))?,
        },
        (Some(_), None) => return Err(StripeError::Missing.into()),
    };
    let new = NewCheckout {
        customer_id: customer_id.to_owned(),
        payer_id: payer_id.to_owned(),
        checkout_id: intent.id.clone(),
        price_id: intent.price_id.clone(),
        sold,
        seats: intent.quantity.and_then(|seats| u64::try_from(seats).ok()),
        codes: match &intent.promotion_id {
            Some(id) => Codes::Applied(id.clone()),
            None if settings.promotion_codes => Codes::Typed,
            None => Codes::None,
        },
        automatic_tax: settings.automatic_tax,
        success_url: buyer.success_url(&state.config),
        cancel_url: buyer.cancel_url(&state.config, &intent.id),
        expires_at: intent.expires_at / 1000,
    };
    Ok(state.stripe.create_checkout(&new, &intent.id).await?)
}

pub async fn keep(
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
