//! Starting a checkout.

use super::intents::{self, Choice, Settled};
use super::{Failure, customer};
use crate::account;
use crate::db::dirty::{self, Class, Lease, SubjectKind};
use crate::guards::LimitKind;
use crate::patience::lease;
use crate::plans::{self, promotion};
use crate::state::AppState;
use crate::stripe::StripeError;
use crate::stripe::objects::CheckoutSession;
use crate::sync::{payers, sync_payer};
use app::access::Status;
use app::checkout::{CheckoutError, CheckoutNext};
use app::money::Money;
use app::plans::{CodeError, Interval, PassLength};

/// A price one can choose, from our rows.
struct Offer {
    plan_id: String,
    amount: Money,
    /// None for a pass.
    every: Option<Interval>,
    pass: Option<PassLength>,
    trial_days: Option<i64>,
}

pub async fn start(
    state: &AppState,
    user_id: &str,
    price_id: &str,
    code: Option<&str>,
) -> Result<CheckoutNext, Failure> {
    state
        .limits
        .check(LimitKind::CheckoutUser, user_id, state.clock.wall_ms())
        .map_err(|_| CheckoutError::TooMany)?;
    if leaving(state, user_id).await? {
        return Err(CheckoutError::Leaving.into());
    }
    let offer = on_offer(state, price_id).await?;
    if code.is_some() && !state.config.checkout.promotion_codes {
        return Err(CheckoutError::Code(CodeError::NotTaken).into());
    }
    let now = state.clock.policy_ms();
    let payer_id = {
        let mut tx = state.db.begin().await?;
        let id = payers::of_user(&mut tx, &state.rng, user_id, now, "checkout").await?;
        tx.commit().await?;
        id
    };
    let held = lease::take(state, &payer_id).await?;
    let next = under_lease(state, &held, user_id, price_id, &offer, code).await;
    lease::give_back(state, &held).await;
    next
}

/// Whether the account is being deleted.
async fn leaving(state: &AppState, user_id: &str) -> Result<bool, Failure> {
    let mut conn = state.db.reader().acquire().await?;
    Ok(account::under_way(&mut conn, user_id).await?)
}

/// Whether the account at Discord had its trial with a payer it has no more.
async fn trial_spent(state: &AppState, user_id: &str) -> Result<bool, Failure> {
    match account::trial_spent(state, user_id).await {
        Ok(spent) => Ok(spent),
        Err(account::Failure::Db(error)) => Err(error.into()),
        Err(account::Failure::Seal(error)) => Err(error.into()),
        Err(_) => Err(CheckoutError::Unavailable.into()),
    }
}

type OfferRow = (
    String,
    String,
    Option<i64>,
    Option<String>,
    String,
    i64,
    String,
);

/// The price, if it is one a person can choose.
async fn on_offer(state: &AppState, price_id: &str) -> Result<Offer, Failure> {
    let row: Option<OfferRow> = sqlx::query_as(
        "SELECT plans.id, plans.audience, plans.trial_days, plans.pass_days, prices.period, \
         prices.unit_amount, prices.currency FROM prices JOIN plans ON plans.id = prices.plan_id \
         WHERE prices.id = $1 AND prices.active = 1 AND plans.active = 1",
    )
    .bind(price_id)
    .fetch_optional(state.db.reader())
    .await?;
    let Some((plan_id, audience, trial_days, pass_days, period, minor, currency)) = row else {
        return Err(CheckoutError::PriceGone.into());
    };
    if audience != "individual" {
        return Err(CheckoutError::CompanyPlan.into());
    }
    let (every, pass) = match period.as_str() {
        "month" => (Some(Interval::Month), None),
        "year" => (Some(Interval::Year), None),
        _ => {
            let length = pass_days.as_deref().and_then(PassLength::from_word);
            (None, Some(length.ok_or(CheckoutError::PriceGone)?))
        }
    };
    Ok(Offer {
        plan_id,
        amount: Money::new(minor, &currency),
        every,
        pass,
        trial_days: trial_days.filter(|_| pass.is_none()),
    })
}

async fn under_lease(
    state: &AppState,
    held: &Lease,
    user_id: &str,
    price_id: &str,
    offer: &Offer,
    code: Option<&str>,
) -> Result<CheckoutNext, Failure> {
    // Since it was looked at before the lease, a deletion may have begun.
    if leaving(state, user_id).await? {
        return Err(CheckoutError::Leaving.into());
    }
    let customer_id = customer::ensure(state, held, user_id).await?;
    // A pass stacks; a second subscription is never sold.
    let past = match offer.pass {
        Some(_) => Past::Begun,
        None => past(state, &held.id).await?,
    };
    if past == Past::Running {
        tracing::info!(payer = %held.id, price = %price_id, "nothing is sold: there is a subscription already");
        sync_payer(state, held).await?;
        return Ok(CheckoutNext::AlreadyMember);
    }
    let promotion_id = match code {
        Some(code) => Some(applied(state, code, price_id, offer, &customer_id).await?),
        None => None,
    };
    let first = past == Past::Never
        && never_began(state, &held.id).await?
        && !trial_spent(state, user_id).await?;
    let choice = Choice {
        price_id: price_id.to_owned(),
        plan_id: offer.plan_id.clone(),
        pass: offer.pass,
        trial_days: offer.trial_days.filter(|_| first),
        promotion_id,
    };
    if let Some(intent) = intents::pending(state, &held.id).await? {
        match intents::settle(state, held, &customer_id, &intent, &choice).await? {
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
    if offer.pass.is_some() && for_life(state, &held.id, &offer.plan_id).await? {
        return Err(CheckoutError::ForLife.into());
    }
    let session = opened(state, held, user_id, &customer_id, &choice).await?;
    let url = session.url.ok_or_else(|| StripeError::Unreadable {
        what: "a new checkout session without its address".to_owned(),
    })?;
    Ok(CheckoutNext::Pay { url })
}

/// Opens a new session. A customer deleted at Stripe since we last read it gets a successor, once.
async fn opened(
    state: &AppState,
    held: &Lease,
    user_id: &str,
    customer_id: &str,
    choice: &Choice,
) -> Result<CheckoutSession, Failure> {
    let mut customer_id = customer_id.to_owned();
    for last in [false, true] {
        let intent = intents::create(state, held, choice).await?;
        match intents::open(state, &held.id, &customer_id, &intent).await {
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
                customer_id = customer::ensure(state, held, user_id).await?;
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
    price_id: &str,
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
        tracing::info!(price = %price_id, promotion = %found.id, "a promotion code does nothing for this price");
        return Err(CheckoutError::Code(CodeError::Elsewhere).into());
    }
    Ok(found.id)
}

/// What Stripe's subscriptions of a payer say of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Past {
    /// None ever began: what expired before its first payment used no trial up.
    Never,
    Begun,
    /// One is not over. One whose first payment is under way counts: a second one must not start
    /// beside it.
    Running,
}

/// Asks for all of the payer's customers.
async fn past(state: &AppState, payer_id: &str) -> Result<Past, Failure> {
    let customers = {
        let mut conn = state.db.reader().acquire().await?;
        payers::customers(&mut conn, payer_id).await?
    };
    let mut past = Past::Never;
    for (customer, _) in customers.iter().filter(|(_, deleted)| !deleted) {
        let subscriptions = match state.stripe.subscriptions(customer).await {
            Err(StripeError::Missing) => continue,
            read => read?,
        };
        for subscription in subscriptions {
            match Status::from_stripe(&subscription.status) {
                Status::IncompleteExpired => {}
                status if status.is_final() => past = Past::Begun,
                _ => return Ok(Past::Running),
            }
        }
    }
    Ok(past)
}

/// Whether the plan is the person's for good, so that another pass of it adds nothing.
async fn for_life(state: &AppState, payer_id: &str, plan_id: &str) -> Result<bool, Failure> {
    let count: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM passes JOIN entitlements ON entitlements.source = 'pass' \
         AND entitlements.source_id = passes.id AND entitlements.state = 'granted' \
         WHERE passes.payer_id = $1 AND passes.plan_id = $2 AND passes.ends_at IS NULL",
    )
    .bind(payer_id)
    .bind(plan_id)
    .fetch_one(state.db.reader())
    .await?;
    Ok(count > 0)
}

/// The same from our rows, which outlive a customer that was deleted at Stripe.
async fn never_began(state: &AppState, payer_id: &str) -> Result<bool, Failure> {
    let count: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM subscriptions WHERE payer_id = $1 \
         AND status NOT IN ('incomplete', 'incomplete_expired')",
    )
    .bind(payer_id)
    .fetch_one(state.db.reader())
    .await?;
    Ok(count == 0)
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
