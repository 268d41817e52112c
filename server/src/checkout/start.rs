//! Starting a checkout of one's own.

use super::buyer::Buyer;
use super::sell::{self, Order};
use super::{Failure, offer};
use crate::guards::LimitKind;
use crate::patience::lease;
use crate::state::AppState;
use crate::sync::payers;
use app::checkout::{CheckoutError, CheckoutNext};
use app::plans::CodeError;

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
    if sell::leaving(state, user_id).await? {
        return Err(CheckoutError::Leaving.into());
    }
    let buyer = Buyer::person(user_id);
    let order = Order {
        offer: offer::find(state, price_id, &buyer).await?,
        buyer,
        code: code.map(str::to_owned),
        seats: None,
    };
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
    let next = sell::sell(state, &held, &order).await;
    lease::give_back(state, &held).await;
    next
}
