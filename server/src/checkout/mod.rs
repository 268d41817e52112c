//! Paying: one customer per payer, one open checkout, never a second subscription.

mod customer;
pub(crate) mod lease;
mod progress;
mod returned;
mod start;

use crate::db::DbError;
use crate::seal::SealError;
use crate::state::AppState;
use crate::stripe::{FailureClass, StripeError};
use crate::sync::SyncError;
use app::checkout::{CheckoutError, CheckoutNext, CheckoutPort, Progress};
use async_trait::async_trait;
use std::time::Duration;

pub use progress::progress;
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
            Self::Busy => CheckoutError::StripeUnreachable,
            Self::Stripe(error) => match error.class() {
                FailureClass::Retry => CheckoutError::StripeUnreachable,
                FailureClass::Absent | FailureClass::NeedsPerson => CheckoutError::StripeRefused,
            },
            Self::Db(_) | Self::Seal(_) => CheckoutError::Unavailable,
        }
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
            if !matches!(failure, Failure::Told(_)) {
                tracing::warn!(error = %failure, "a checkout step failed");
            }
            Err(failure.told())
        }
        Ok(Err(stopped)) => {
            tracing::error!(error = %stopped, "a checkout step stopped");
            Err(CheckoutError::Unavailable)
        }
        Err(_) => Err(CheckoutError::StripeUnreachable),
    }
}

#[async_trait]
impl CheckoutPort for Checkout {
    async fn start(&self, user_id: &str, price_id: &str) -> Result<CheckoutNext, CheckoutError> {
        let (state, user_id, price_id) = (self.0.clone(), user_id.to_owned(), price_id.to_owned());
        patiently(async move { start::start(&state, &user_id, &price_id).await }).await
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
            returned::own_checkout(&state, &user_id, &session_id).await?;
            Ok(progress(&state, &user_id).await?)
        })
        .await
    }
}
