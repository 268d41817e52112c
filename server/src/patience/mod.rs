//! What is done while a person waits. It runs to its end even when they are told first, so that no
//! lease stays behind and nothing is half done; a failure is told in the words of what they asked
//! for, and logged once.

pub mod lease;

use crate::db::DbError;
use crate::seal::SealError;
use crate::stripe::StripeError;
use crate::sync::SyncError;
use app::stripe::StripeTrouble;
use lease::LeaseError;
use std::time::Duration;

/// Past this a person is told, while the work goes on to a whole end behind.
const PATIENCE: Duration = Duration::from_secs(9);

/// How a feature tells its failures to the person who asked.
pub trait Problem: std::error::Error + Copy + From<StripeTrouble> + Send + Sync + 'static {
    /// Another request of the same person is being worked on.
    const BUSY: Self;
    /// Our own database did not answer.
    const UNAVAILABLE: Self;
    /// Stripe was asked to change something, and what came of it is not known.
    const UNKNOWN: Self;

    /// What Stripe's refusal is to the person, where it is more than trouble with Stripe.
    fn of_stripe(error: &StripeError) -> Option<Self>;

    /// The word in addresses and logs.
    fn slug(self) -> &'static str;

    /// The trouble with Stripe, where it is that.
    fn trouble(self) -> Option<StripeTrouble>;
}

/// Any failure of what a person asked for, before it is told to them.
#[derive(Debug, thiserror::Error)]
pub enum Failure<P: Problem> {
    #[error(transparent)]
    Told(P),
    /// Nothing was asked for yet, or it was refused for certain.
    #[error(transparent)]
    Stripe(StripeError),
    /// Asked, and what came of it is not known.
    #[error("the outcome is not known: {0}")]
    Unknown(StripeError),
    #[error(transparent)]
    Db(DbError),
    #[error(transparent)]
    Seal(SealError),
    /// Another worker kept the lease all the while.
    #[error("the payer is busy")]
    Busy,
}

impl<P: Problem> From<P> for Failure<P> {
    fn from(problem: P) -> Self {
        Self::Told(problem)
    }
}

impl<P: Problem> From<StripeError> for Failure<P> {
    fn from(error: StripeError) -> Self {
        Self::Stripe(error)
    }
}

impl<P: Problem> From<DbError> for Failure<P> {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl<P: Problem> From<sqlx::Error> for Failure<P> {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl<P: Problem> From<SealError> for Failure<P> {
    fn from(error: SealError) -> Self {
        Self::Seal(error)
    }
}

impl<P: Problem> From<LeaseError> for Failure<P> {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Busy => Self::Busy,
            LeaseError::Db(error) => Self::Db(error),
        }
    }
}

impl<P: Problem> From<SyncError> for Failure<P> {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Stripe(error) | SyncError::Unread { error, .. } => Self::Stripe(error),
            SyncError::Db(error) => Self::Db(error),
            SyncError::Seal(error) => Self::Seal(error),
        }
    }
}

impl<P: Problem> Failure<P> {
    /// What becomes of an answer to a request that changes something.
    pub fn asked(error: StripeError) -> Self {
        if error.may_have_landed() {
            Self::Unknown(error)
        } else {
            Self::Stripe(error)
        }
    }

    /// The same, in the words of another request that this was a part of.
    pub fn map<Q: Problem>(self, words: impl FnOnce(P) -> Q) -> Failure<Q> {
        match self {
            Self::Told(problem) => Failure::Told(words(problem)),
            Self::Stripe(error) => Failure::Stripe(error),
            Self::Unknown(error) => Failure::Unknown(error),
            Self::Db(error) => Failure::Db(error),
            Self::Seal(error) => Failure::Seal(error),
            Self::Busy => Failure::Busy,
        }
    }

    #[must_use]
    pub fn told(&self) -> P {
        match self {
            Self::Told(problem) => *problem,
            Self::Busy => P::BUSY,
            Self::Unknown(_) => P::UNKNOWN,
            Self::Stripe(error) => P::of_stripe(error).unwrap_or_else(|| error.trouble().into()),
            Self::Db(_) | Self::Seal(_) => P::UNAVAILABLE,
        }
    }

    /// What a person asked for in vain is not worth more than a line; what somebody has to mend is.
    fn log(&self, what: &'static str, told: P) {
        let problem = told.slug();
        let mend = told.trouble().is_some_and(|trouble| !trouble.passes());
        match self {
            Self::Told(_) => tracing::info!(what, problem, "a person's request was refused"),
            error if mend => {
                tracing::error!(what, problem, error = %error, "a person's request failed; somebody has to look");
            }
            error => tracing::warn!(what, problem, error = %error, "a person's request failed"),
        }
    }
}

/// Does `what` a person waits for; `late` is what they are told when it takes too long.
pub async fn patiently<T: Send + 'static, P: Problem>(
    what: &'static str,
    late: P,
    work: impl Future<Output = Result<T, Failure<P>>> + Send + 'static,
) -> Result<T, P> {
    within(PATIENCE, what, late, work).await
}

/// The same with another patience.
pub async fn within<T: Send + 'static, P: Problem>(
    patience: Duration,
    what: &'static str,
    late: P,
    work: impl Future<Output = Result<T, Failure<P>>> + Send + 'static,
) -> Result<T, P> {
    let work = tokio::spawn(work);
    match tokio::time::timeout(patience, work).await {
        Ok(Ok(Ok(done))) => Ok(done),
        Ok(Ok(Err(failure))) => {
            let told = failure.told();
            failure.log(what, told);
            Err(told)
        }
        Ok(Err(stopped)) => {
            tracing::error!(what, error = %stopped, "a person's request stopped");
            Err(P::UNAVAILABLE)
        }
        Err(_) => {
            tracing::warn!(
                what,
                problem = late.slug(),
                "a person's request takes too long; it goes on"
            );
            Err(late)
        }
    }
}
