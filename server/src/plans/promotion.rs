//! Promotion codes: looked up at Stripe, who keeps them; nothing of them is ours.

use crate::guards::LimitKind;
use crate::state::AppState;
use crate::stripe::StripeError;
use crate::stripe::objects::Expandable;
use crate::stripe::promotions::{Coupon, PromotionCode};
use crate::sync::payers;
use app::money::Money;
use app::plans::promotion::{Lasts, Off};
use app::plans::{CodeError, Promotion};
use std::time::Duration;

/// A page waits no longer than this to say what a code does; the plans are ours already.
const PATIENCE: Duration = Duration::from_secs(3);
/// Stripe's codes are shorter; what is longer is not asked about.
const LONGEST: usize = 100;

/// A code that counts now, with Stripe's id of it.
pub struct Found {
    pub id: String,
    pub promotion: Promotion,
}

/// What the landing page says of a code in its address. Everybody can make it ask, so all askers
/// share one allowance; past it the page says that the code could not be checked.
pub async fn shown(
    state: &AppState,
    code: &str,
    user_id: Option<&str>,
) -> Result<Promotion, CodeError> {
    if !state.config.checkout.promotion_codes {
        return Err(CodeError::NotTaken);
    }
    state
        .limits
        .check(LimitKind::PromotionCode, "all", state.clock.wall_ms())
        .map_err(|_| CodeError::Unchecked)?;
    let customer = match user_id {
        Some(user_id) => customer(state, user_id).await,
        None => None,
    };
    match tokio::time::timeout(PATIENCE, find(state, code, customer.as_deref())).await {
        Ok(found) => found.map(|found| found.promotion),
        Err(_) => Err(CodeError::Unchecked),
    }
}

/// Whose codes may be taken, beside everybody's. A code of one's own that is not recognised costs
/// the price shown, not the price paid: checkout looks it up again.
async fn customer(state: &AppState, user_id: &str) -> Option<String> {
    let mut conn = state.db.reader().acquire().await.ok()?;
    let payer = payers::find_of_user(&mut conn, user_id).await.ok()??;
    let customers = payers::customers(&mut conn, &payer).await.ok()?;
    customers
        .into_iter()
        .find(|(_, deleted)| !deleted)
        .map(|(id, _)| id)
}

/// Looks a code up at Stripe, for that customer.
pub async fn find(
    state: &AppState,
    code: &str,
    customer_id: Option<&str>,
) -> Result<Found, CodeError> {
    let code = code.trim();
    if code.is_empty() || code.len() > LONGEST {
        return Err(CodeError::Unknown);
    }
    let codes = match state.stripe.promotion_codes(code).await {
        Ok(codes) => codes,
        // Stripe takes letters, digits and dashes; anything else is no code of anybody's.
        Err(StripeError::Refused { .. } | StripeError::Missing) => Vec::new(),
        Err(error) => {
            tracing::warn!(error = %error, "a promotion code could not be looked up");
            return Err(CodeError::Unchecked);
        }
    };
    let found = choose(codes, customer_id);
    if let Err(error) = &found {
        tracing::info!(problem = %error, "a promotion code was not taken");
    }
    found
}

fn choose(codes: Vec<PromotionCode>, customer_id: Option<&str>) -> Result<Found, CodeError> {
    if codes.is_empty() {
        return Err(CodeError::Unknown);
    }
    let (live, over): (Vec<_>, Vec<_>) = codes.into_iter().partition(|code| code.active);
    let mut elsewhere = false;
    for code in live {
        if code.customer_id().is_some_and(|of| Some(of) != customer_id) {
            elsewhere = true;
            continue;
        }
        let coupon = code.promotion.coupon.as_ref().and_then(Expandable::object);
        if let Some(coupon) = coupon
            && let Some(promotion) = read(&code, coupon)
        {
            return Ok(Found {
                id: code.id,
                promotion,
            });
        }
    }
    // Another person's code is told like one that is over for this one, were it theirs.
    Err(match (elsewhere, over.is_empty()) {
        (true, _) => CodeError::Elsewhere,
        (false, false) => CodeError::Over,
        (false, true) => CodeError::Unchecked,
    })
}

/// None for a coupon that says what we do not understand.
fn read(code: &PromotionCode, coupon: &Coupon) -> Option<Promotion> {
    let off = match (coupon.percent_off, coupon.amount_off) {
        (Some(percent), _) if (0.0..=100.0).contains(&percent) => {
            // Stripe gives at most two decimals.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let hundredths = (percent * 100.0).round() as u32;
            Off::Percent(hundredths)
        }
        (None, Some(amount)) => Off::Amount(Money::new(amount, coupon.currency.as_deref()?)),
        _ => return None,
    };
    let lasts = match (coupon.duration.as_str(), coupon.duration_in_months) {
        ("once", _) => Lasts::Once,
        ("repeating", Some(months)) => Lasts::Months(months),
        ("forever", _) => Lasts::Forever,
        _ => return None,
    };
    let restrictions = &code.restrictions;
    Some(Promotion {
        code: code.code.clone(),
        off,
        lasts,
        products: coupon
            .applies_to
            .as_ref()
            .map(|applies| applies.products.clone()),
        minimum: restrictions
            .minimum_amount
            .zip(restrictions.minimum_amount_currency.as_ref())
            .map(|(minor, currency)| Money::new(minor, currency)),
    })
}
