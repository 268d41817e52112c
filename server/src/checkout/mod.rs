//! Paying: one customer per payer, one open checkout, never a second subscription; passes stack.

mod buyer;
mod customer;
mod intents;
mod left;
mod offer;
mod past;
mod progress;
mod returned;
mod sell;
mod start;

use crate::patience::{self, Problem, patiently};
use crate::state::AppState;
use crate::stripe::StripeError;
use app::checkout::{CardRefusal, CheckoutError, CheckoutNext, CheckoutPort, Progress};
use app::stripe::StripeTrouble;
use async_trait::async_trait;

pub use buyer::{Buyer, Company};
pub use intents::end_open;
pub use offer::find as offer;
pub use returned::{read_back, returned};
pub use sell::{Order, leaving, sell};
pub use start::start;

/// The server's side of [`CheckoutPort`].
pub struct Checkout(pub AppState);

/// Any failure of a checkout, before it is told to the person.
pub type Failure = patience::Failure<CheckoutError>;

/// What a person who waited long enough is told.
const LATE: CheckoutError = CheckoutError::Stripe(StripeTrouble::TimedOut);

impl Problem for CheckoutError {
    const BUSY: Self = Self::UnderWay;
    const UNAVAILABLE: Self = Self::Unavailable;
    // Nobody has seen the address of a session that was lost, and its key finds it again.
    const UNKNOWN: Self = LATE;

    fn of_stripe(error: &StripeError) -> Option<Self> {
        (*error == StripeError::Locked).then_some(Self::UnderWay)
    }

    fn slug(self) -> &'static str {
        self.slug()
    }

    fn trouble(self) -> Option<StripeTrouble> {
        match self {
            Self::Stripe(trouble) => Some(trouble),
            _ => None,
        }
    }
}

#[async_trait]
impl CheckoutPort for Checkout {
    async fn start(
        &self,
        user_id: &str,
        price_id: &str,
        code: Option<&str>,
    ) -> Result<CheckoutNext, CheckoutError> {
        let (state, user_id, price_id) = (self.0.clone(), user_id.to_owned(), price_id.to_owned());
        let code = code.map(str::to_owned);
        let work = async move { start::start(&state, &user_id, &price_id, code.as_deref()).await };
        patiently("checkout", LATE, work).await
    }

    async fn refusal(&self, user_id: &str, id: &str) -> Option<CardRefusal> {
        left::refusal(&self.0, user_id, id).await
    }

    async fn returned(&self, user_id: &str, session_id: &str) -> Result<Progress, CheckoutError> {
        let (state, user_id, session_id) =
            (self.0.clone(), user_id.to_owned(), session_id.to_owned());
        patiently("return", LATE, async move {
            returned::returned(&state, &user_id, &session_id).await
        })
        .await
    }

    async fn progress(&self, user_id: &str, session_id: &str) -> Result<Progress, CheckoutError> {
        let (state, user_id, session_id) =
            (self.0.clone(), user_id.to_owned(), session_id.to_owned());
        patiently("progress", LATE, async move {
            let own = returned::own_checkout(&state, &user_id, &session_id).await?;
            Ok(progress::progress(&state, &user_id, &own.bought).await?)
        })
        .await
    }
}
