//! Selling, under the payer's lease: one customer, one open session, never a second subscription.

use super::buyer::Buyer;
use super::intents::{self, Choice, Settled};
use super::offer::Offer;
use super::past::{self, Past};
use super::{Failure, customer};
use crate::account;
use crate::db::dirty::{self, Class, Lease, SubjectKind};
use crate::plans::{self, promotion};
use crate::state::AppState;
use crate::stripe::StripeError;
use crate::stripe::objects::CheckoutSession;
use crate::sync::sync_payer;
use app::checkout::{CheckoutError, CheckoutNext};
use app::plans::CodeError;

/// What is asked for.
pub struct Order {
    pub buyer: Buyer,
    pub offer: Offer,
    /// A promotion code to apply.
    pub code: Option<String>,
    /// Seats, for a company.
    pub seats: Option<i64>,
}

/// Whether the account is being deleted.
pub async fn leaving(state: &AppState, user_id: &str) -> Result<bool, Failure> {
    let mut conn = state.db.reader().acquire().await?;
    Ok(account::under_way(&mut conn, user_id).await?)
}

pub async fn sell(state: &AppState, held: &Lease, order: &Order) -> Result<CheckoutNext, Failure> {
    let (buyer, offer) = (&order.buyer, &order.offer);
    // Since it was looked at before the lease, a deletion may have begun.
    if leaving(state, &buyer.user_id).await? {
        return Err(CheckoutError::Leaving.into());
    }
    let customer_id = customer::ensure(state, held, buyer).await?;
    // A pass stacks; a second subscription is never sold.
    let past = match offer.pass {
        Some(_) => Past::Begun,
        None => past::past(state, &held.id).await?,
    };
    if past == Past::Running {
        tracing::info!(payer = %held.id, price = %offer.price_id, "nothing is sold: there is a subscription already");
        sync_payer(state, held).await?;
        return Ok(CheckoutNext::AlreadyMember);
    }
    let promotion_id = match &order.code {
        Some(code) => Some(applied(state, code, offer, &customer_id).await?),
        None => None,
    };
    let first = past::is_first(state, &held.id, buyer, past).await?;
    let choice = Choice {
        price_id: offer.price_id.clone(),
        plan_id: offer.plan_id.clone(),
        pass: offer.pass,
        trial_days: offer.trial_days.filter(|_| first),
        promotion_id,
        seats: order.seats,
    };
    if let Some(intent) = intents::pending(state, &held.id).await? {
        match intents::settle(state, held, buyer, &customer_id, &intent, &choice).await? {
            Settled::Open(url) => return Ok(CheckoutNext::Pay { url }),
            Settled::Paid => {
                // The dashboard the person is led to is to show what was just seen: whoever wants
                // a second one then buys it knowingly.
                tracing::info!(payer = %held.id, checkout = %intent.id, "nothing is sold: what was begun before is paid");
                sync_payer(state, held).await?;
                return Ok(CheckoutNext::AlreadyPaid);
            }
            Settled::Over => {}
        }
    }
    if offer.pass.is_some() && past::for_life(state, &held.id, &offer.plan_id).await? {
        return Err(CheckoutError::ForLife.into());
    }
    let session = opened(state, held, buyer, &customer_id, &choice).await?;
    let url = session.url.ok_or_else(|| StripeError::Unreadable {
        what: "a new checkout session without its address".to_owned(),
    })?;
    Ok(CheckoutNext::Pay { url })
}

/// Opens a new session. A customer deleted at Stripe since we last read it gets a successor, once.
async fn opened(
    state: &AppState,
    held: &Lease,
    buyer: &Buyer,
    customer_id: &str,
    choice: &Choice,
) -> Result<CheckoutSession, Failure> {
    let mut customer_id = customer_id.to_owned();
    for last in [false, true] {
        let intent = intents::create(state, held, choice).await?;
        match intents::open(state, &held.id, buyer, &customer_id, &intent).await {
            Ok(session) => {
                intents::keep(state, held, &intent, &session).await?;
                return Ok(session);
            }
            Err(Failure::Stripe(error)) => {
                let refused = refusal(&error, choice);
                if refused.is_some() || error == StripeError::Missing {
                    // Stripe has opened nothing, and will not by this key.
                    intents::give_up(state, held, &intent).await?;
                }
                if let Some(told) = refused {
                    tracing::warn!(checkout = %intent.id, price = %choice.price_id, error = %error, problem = told.slug(), "Stripe does not sell it like that");
                    look_at_plans(state, &intent.id).await?;
                    return Err(told.into());
                }
                if error != StripeError::Missing {
                    return Err(error.into());
                }
                if last || !customer::is_gone(state, held, &customer_id).await? {
                    return Err(missing(choice).into());
                }
                tracing::warn!(customer = %customer_id, "a customer is gone at Stripe; the payer gets a new one");
                customer_id = customer::ensure(state, held, buyer).await?;
            }
            Err(other) => return Err(other),
        }
    }
    Err(StripeError::Missing.into())
}

/// What Stripe does not know, when it is not the customer: the code, or else the price.
fn missing(choice: &Choice) -> CheckoutError {
    if choice.promotion_id.is_some() {
        CheckoutError::Code(CodeError::Over)
    } else {
        CheckoutError::PriceGone
    }
}

/// What Stripe's refusal of a session is to the person, where it is more than a refusal: a price
/// that was archived since we read the catalogue, or a code that is over or for something else.
/// Stripe names the parameter (<https://docs.stripe.com/api/errors>).
fn refusal(error: &StripeError, choice: &Choice) -> Option<CheckoutError> {
    let StripeError::Refused { code, param } = error else {
        return None;
    };
    if param.starts_with("line_items") && param.contains("price") {
        return Some(CheckoutError::PriceGone);
    }
    let of_code = param.starts_with("discounts")
        || code.starts_with("coupon")
        || code.starts_with("promotion_code");
    (of_code && choice.promotion_id.is_some()).then(|| {
        // Expired, used up and withdrawn are looked up before; what is left is a restriction.
        CheckoutError::Code(if code.contains("expired") || code.contains("inactive") {
            CodeError::Over
        } else {
            CodeError::Elsewhere
        })
    })
}

/// The page the person is led back to is to show what is really on offer.
async fn look_at_plans(state: &AppState, trace: &str) -> Result<(), Failure> {
    let now = state.clock.policy_ms();
    let mut tx = state.db.begin().await?;
    dirty::mark(
        &mut tx,
        SubjectKind::Plans,
        plans::SUBJECT,
        now,
        Class::Urgent,
        trace,
    )
    .await?;
    tx.commit().await?;
    state.work.notify_one();
    Ok(())
}

/// Stripe's id of the code, if it counts for this price and customer.
async fn applied(
    state: &AppState,
    code: &str,
    offer: &Offer,
    customer_id: &str,
) -> Result<String, Failure> {
    let found = promotion::find(state, code, Some(customer_id))
        .await
        .map_err(CheckoutError::Code)?;
    if found
        .promotion
        .on(&offer.plan_id, &offer.amount, offer.every)
        .is_none()
    {
        tracing::info!(price = %offer.price_id, promotion = %found.id, "a promotion code does nothing for this price");
        return Err(CheckoutError::Code(CodeError::Elsewhere).into());
    }
    Ok(found.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_by_the_parameter_stripe_names() {
        let choice = Choice {
            price_id: "price_1".into(),
            plan_id: "prod_1".into(),
            pass: None,
            trial_days: None,
            promotion_id: Some("promo_1".into()),
            seats: None,
        };
        let over = Some(CheckoutError::Code(CodeError::Over));
        let elsewhere = Some(CheckoutError::Code(CodeError::Elsewhere));
        let code_param = "discounts[0][promotion_code]";
        for (code, param, told) in [
            ("", "line_items[0][price]", Some(CheckoutError::PriceGone)),
            ("coupon_expired", "", over),
            ("promotion_code_expired", code_param, over),
            ("", code_param, elsewhere),
            ("parameter_unknown", "mode", None),
        ] {
            let error = StripeError::Refused {
                code: code.to_owned(),
                param: param.to_owned(),
            };
            assert_eq!(refusal(&error, &choice), told, "{code} {param}");
        }
        assert_eq!(refusal(&StripeError::TimedOut, &choice), None);
    }
}
