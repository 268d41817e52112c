//! Changes of a membership: another plan, an end taken back, a pause, leaving.
//!
//! Everything that changes runs under the payer's lease and reads Stripe before it decides. The
//! intent is written before Stripe is asked; a lost answer is found out by reading, never by
//! asking for something else.

mod confirm;
mod go_on;
mod intent;
mod leave;
mod offers;
mod planned;
mod preview;
mod seen;
mod settle;
mod subject;
mod undo;

pub use confirm::confirm;
pub use go_on::NO_CARD;
pub use leave::pause;
pub use planned::{Planned, keep as keep_planned};
pub use preview::preview;
pub use settle::settle;
pub use subject::{open_change, price, rank};
pub use undo::undo;

use crate::checkout;
use crate::db::DbError;
use crate::seal::SealError;
use crate::state::AppState;
use crate::stripe::{FailureClass, StripeError};
use crate::sync::SyncError;
use app::changes::{ChangeError, ChangesPort, Choices, Confirmed, Leaving, Preview, Undo};
use async_trait::async_trait;
use std::time::Duration;

/// A person waits: past this they are told, while the work goes on to a whole end behind.
const PATIENCE: Duration = Duration::from_secs(9);

/// The server's side of [`ChangesPort`].
pub struct Changes(pub AppState);

/// Any failure, before it is told to the person.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Told(#[from] ChangeError),
    /// Nothing was asked for yet, or it was refused for certain.
    #[error(transparent)]
    Stripe(#[from] StripeError),
    /// Asked, and what came of it is not known.
    #[error("the outcome is not known: {0}")]
    Unknown(StripeError),
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

impl From<checkout::Failure> for Failure {
    fn from(failure: checkout::Failure) -> Self {
        match failure {
            checkout::Failure::Stripe(error) => Self::Stripe(error),
            checkout::Failure::Db(error) => Self::Db(error),
            checkout::Failure::Seal(error) => Self::Seal(error),
            _ => Self::Busy,
        }
    }
}

impl Failure {
    /// What becomes of an answer to a request that changes something.
    fn asked(error: StripeError) -> Self {
        match error.class() {
            FailureClass::Retry => Self::Unknown(error),
            FailureClass::Absent | FailureClass::NeedsPerson => Self::Stripe(error),
        }
    }

    pub(crate) fn told(&self) -> ChangeError {
        match self {
            Self::Told(error) => *error,
            Self::Busy => ChangeError::Pending,
            Self::Unknown(_) => ChangeError::Unknown,
            Self::Stripe(error) => told(error),
            Self::Db(_) | Self::Seal(_) => ChangeError::Unavailable,
        }
    }
}

/// Stripe's certain answers, in words for the person: nothing was changed.
fn told(error: &StripeError) -> ChangeError {
    match error {
        StripeError::Unreachable | StripeError::NotAsked | StripeError::TimedOut => {
            ChangeError::StripeUnreachable
        }
        StripeError::RateLimited | StripeError::Locked => ChangeError::StripeBusy,
        StripeError::KeyRefused => ChangeError::KeyRefused,
        StripeError::KeyLacksRight { .. } => ChangeError::KeyLacksRight,
        StripeError::KeyReused => ChangeError::KeyReused,
        StripeError::Card { .. } => ChangeError::Declined,
        // The one parameter of ours that can go stale is the price.
        StripeError::Refused { param, .. } if param.contains("price") => ChangeError::PriceGone,
        // What else passes by itself is Stripe's own trouble.
        error if error.class() == FailureClass::Retry => ChangeError::StripeFailing,
        _ => ChangeError::StripeRefused,
    }
}

/// Runs to its end even when the person is told first, so that no lease stays behind and nothing
/// is half done. `late` is what they are told then.
async fn patiently<T: Send + 'static>(
    what: &'static str,
    late: ChangeError,
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, ChangeError> {
    let work = tokio::spawn(work);
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(Ok(done))) => Ok(done),
        Ok(Ok(Err(failure))) => {
            let told = failure.told();
            match &failure {
                Failure::Told(_) => tracing::info!(what, told = told.slug(), "a change is refused"),
                other => {
                    tracing::warn!(what, told = told.slug(), error = %other, "a change failed");
                }
            }
            Err(told)
        }
        Ok(Err(stopped)) => {
            tracing::error!(what, error = %stopped, "a change stopped");
            Err(ChangeError::Unavailable)
        }
        Err(_) => {
            tracing::warn!(what, told = late.slug(), "a change takes long");
            Err(late)
        }
    }
}

#[async_trait]
impl ChangesPort for Changes {
    async fn choices(&self, user_id: &str) -> Result<Choices, ChangeError> {
        let (state, user_id) = (self.0.clone(), user_id.to_owned());
        let late = ChangeError::StripeUnreachable;
        patiently("choices", late, async move {
            offers::choices(&state, &user_id).await
        })
        .await
    }

    async fn preview(&self, user_id: &str, price_id: &str) -> Result<Preview, ChangeError> {
        let (state, user_id, price_id) = (self.0.clone(), user_id.to_owned(), price_id.to_owned());
        let late = ChangeError::StripeUnreachable;
        patiently("preview", late, async move {
            preview::preview(&state, &user_id, &price_id).await
        })
        .await
    }

    async fn confirm(&self, user_id: &str, seen: &str) -> Result<Confirmed, ChangeError> {
        let (state, user_id, seen) = (self.0.clone(), user_id.to_owned(), seen.to_owned());
        patiently("confirm", ChangeError::Unknown, async move {
            confirm::confirm(&state, &user_id, &seen).await
        })
        .await
    }

    async fn seen_price(&self, user_id: &str, seen: &str) -> Option<String> {
        seen::open(&self.0, user_id, seen).map(|seen| seen.to)
    }

    async fn undo(
        &self,
        user_id: &str,
        subscription_id: &str,
        what: Undo,
    ) -> Result<(), ChangeError> {
        let (state, user_id) = (self.0.clone(), user_id.to_owned());
        let subscription_id = subscription_id.to_owned();
        patiently("undo", ChangeError::Unknown, async move {
            undo::undo(&state, &user_id, &subscription_id, what).await
        })
        .await
    }

    async fn go_on(
        &self,
        user_id: &str,
        subscription_id: &str,
        amount: i64,
    ) -> Result<Confirmed, ChangeError> {
        let (state, user_id) = (self.0.clone(), user_id.to_owned());
        let subscription_id = subscription_id.to_owned();
        patiently("go on", ChangeError::Unknown, async move {
            go_on::go_on(&state, &user_id, &subscription_id, amount).await
        })
        .await
    }

    async fn leaving(&self, user_id: &str) -> Result<Leaving, ChangeError> {
        let (state, user_id) = (self.0.clone(), user_id.to_owned());
        let late = ChangeError::StripeUnreachable;
        patiently("leaving", late, async move {
            leave::leaving(&state, &user_id).await
        })
        .await
    }

    async fn pause(
        &self,
        user_id: &str,
        subscription_id: &str,
        months: u32,
    ) -> Result<(), ChangeError> {
        let (state, user_id) = (self.0.clone(), user_id.to_owned());
        let subscription_id = subscription_id.to_owned();
        patiently("pause", ChangeError::Unknown, async move {
            leave::pause(&state, &user_id, &subscription_id, months).await
        })
        .await
    }

    async fn cancel_at_stripe(
        &self,
        user_id: &str,
        subscription_id: &str,
    ) -> Result<String, ChangeError> {
        let (state, user_id) = (self.0.clone(), user_id.to_owned());
        let subscription_id = subscription_id.to_owned();
        let late = ChangeError::StripeUnreachable;
        patiently("cancel", late, async move {
            leave::cancel_at_stripe(&state, &user_id, &subscription_id).await
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, told};
    use crate::stripe::StripeError;
    use app::changes::ChangeError;

    #[test]
    fn each_of_stripes_answers_has_its_own_words() {
        let refused = |param: &str| StripeError::Refused {
            code: String::new(),
            param: param.to_owned(),
        };
        for (error, expected) in [
            (StripeError::Unreachable, ChangeError::StripeUnreachable),
            (StripeError::TimedOut, ChangeError::StripeUnreachable),
            (
                StripeError::Failing { status: 503 },
                ChangeError::StripeFailing,
            ),
            (StripeError::RateLimited, ChangeError::StripeBusy),
            (StripeError::Locked, ChangeError::StripeBusy),
            (StripeError::KeyRefused, ChangeError::KeyRefused),
            (
                StripeError::KeyLacksRight {
                    path: "/x".to_owned(),
                },
                ChangeError::KeyLacksRight,
            ),
            (StripeError::KeyReused, ChangeError::KeyReused),
            (
                StripeError::Card {
                    code: "card_declined".to_owned(),
                },
                ChangeError::Declined,
            ),
            (refused("items[0][price]"), ChangeError::PriceGone),
            (refused("customer"), ChangeError::StripeRefused),
        ] {
            assert_eq!(told(&error), expected, "{error:?}");
        }
    }

    #[test]
    fn once_asked_only_a_certain_answer_is_told_as_certain() {
        for error in [
            StripeError::TimedOut,
            StripeError::Failing { status: 500 },
            StripeError::RateLimited,
            StripeError::Unreachable,
        ] {
            assert_eq!(Failure::asked(error).told(), ChangeError::Unknown);
        }
        let key = Failure::asked(StripeError::KeyRefused);
        assert_eq!(key.told(), ChangeError::KeyRefused);
    }
}
