//! Paying: one customer per payer, one open checkout, never a second subscription; passes stack.

mod customer;
mod intents;
pub(crate) mod lease;
mod left;
mod progress;
mod returned;
mod start;

use crate::db::DbError;
use crate::seal::SealError;
use crate::state::AppState;
use crate::stripe::StripeError;
use crate::sync::SyncError;
use app::checkout::{CardRefusal, CheckoutError, CheckoutNext, CheckoutPort, Progress};
use async_trait::async_trait;
use std::time::Duration;

pub use returned::returned;
pub use start::start;

/// A person waits: past this they are told, while the work goes on to a whole end behind.
const PATIENCE: Duration = Duration::from_secs(9);

/// The server's side of [`CheckoutPort`].
pub struct Checkout(pub AppState);

/// Any failure of a checkout, before it is told to the person.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Told(#[from] CheckoutError),
    #[error(transparent)]
    Stripe(#[from] StripeError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Another worker kept the lease all the while.
    #[error("the payer is busy")]
    Busy,
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<SyncError> for Failure {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Stripe(error) | SyncError::Unread { error, .. } => Self::Stripe(error),
            SyncError::Db(error) => Self::Db(error),
            SyncError::Seal(error) => Self::Seal(error),
        }
    }
}

impl Failure {
    fn told(&self) -> CheckoutError {
        match self {
            Self::Told(error) => *error,
            Self::Busy => CheckoutError::UnderWay,
            Self::Stripe(error) => of_stripe(error),
            Self::Db(_) | Self::Seal(_) => CheckoutError::Unavailable,
        }
    }
}

/// Each failure of Stripe's has words of its own for the person.
fn of_stripe(error: &StripeError) -> CheckoutError {
    match error {
        StripeError::Unreachable | StripeError::NotAsked => CheckoutError::StripeUnreachable,
        StripeError::TimedOut => CheckoutError::StripeTimedOut,
        StripeError::Failing { .. } => CheckoutError::StripeFailing,
        StripeError::RateLimited => CheckoutError::StripeBusy,
        StripeError::Locked => CheckoutError::UnderWay,
        StripeError::KeyRefused => CheckoutError::KeyRefused,
        StripeError::KeyLacksRight { .. } => CheckoutError::KeyLacksRight,
        StripeError::KeyReused => CheckoutError::KeyReused,
        StripeError::Missing
        | StripeError::Card { .. }
        | StripeError::Refused { .. }
        | StripeError::Unreadable { .. } => CheckoutError::StripeRefused,
    }
}

/// The log line of what a person was told: what they asked for is not worth one.
fn log(failure: &Failure, told: CheckoutError) {
    if matches!(failure, Failure::Told(_)) {
        tracing::info!(problem = told.slug(), "a checkout step was refused");
    } else if told.passes() {
        tracing::warn!(error = %failure, problem = told.slug(), "a checkout step failed");
    } else {
        tracing::error!(error = %failure, problem = told.slug(), "a checkout step failed; somebody has to look");
    }
}

/// Runs to its end even when the person is told to try again first, so that no lease stays
/// behind and nothing is half done.
async fn patiently<T: Send + 'static>(
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, CheckoutError> {
    let work = tokio::spawn(work);
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(Ok(done))) => Ok(done),
        Ok(Ok(Err(failure))) => {
            let told = failure.told();
            log(&failure, told);
            Err(told)
        }
        Ok(Err(stopped)) => {
            tracing::error!(error = %stopped, "a checkout step stopped");
            Err(CheckoutError::Unavailable)
        }
        Err(_) => {
            let told = CheckoutError::StripeTimedOut;
            tracing::warn!(
                problem = told.slug(),
                "a checkout step takes too long; it goes on"
            );
            Err(told)
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
        patiently(work).await
    }

    async fn refusal(&self, user_id: &str, id: &str) -> Option<CardRefusal> {
        left::refusal(&self.0, user_id, id).await
    }

    async fn returned(&self, user_id: &str, session_id: &str) -> Result<Progress, CheckoutError> {
        let (state, user_id, session_id) =
            (self.0.clone(), user_id.to_owned(), session_id.to_owned());
        patiently(async move { returned::returned(&state, &user_id, &session_id).await }).await
    }

    async fn progress(&self, user_id: &str, session_id: &str) -> Result<Progress, CheckoutError> {
        let (state, user_id, session_id) =
            (self.0.clone(), user_id.to_owned(), session_id.to_owned());
        patiently(async move {
            let own = returned::own_checkout(&state, &user_id, &session_id).await?;
            Ok(progress::progress(&state, &user_id, &own.bought).await?)
        })
        .await
    }
}
