//! Changes of a membership: another plan, an end taken back, a pause, leaving.
//!
//! Everything that changes runs under the payer's lease and reads Stripe before it decides. The
//! intent is written before Stripe is asked; a lost answer is found out by reading, never by
//! asking for something else.

mod confirm;
mod go_on;
pub(crate) mod intent;
mod leave;
mod offers;
mod planned;
mod preview;
mod seen;
mod settle;
pub(crate) mod subject;
mod undo;
pub(crate) mod waits;

pub use confirm::confirm;
pub use go_on::{NO_CARD, go_on};
pub use leave::pause;
pub use planned::{Planned, keep as keep_planned};
pub use preview::preview;
pub use settle::{SEATS, settle};
pub use subject::{open_change, price, rank};
pub use undo::undo;

pub(crate) use preview::card;
pub(crate) use seen::FRESH_MS;

use crate::patience::{self, Problem, patiently};
use crate::state::AppState;
use crate::stripe::StripeError;
use app::changes::{ChangeError, ChangesPort, Choices, Confirmed, Leaving, Preview, Undo};
use app::stripe::StripeTrouble;
use async_trait::async_trait;

/// The server's side of [`ChangesPort`].
pub struct Changes(pub AppState);

/// Any failure of a change, before it is told to the person.
pub type Failure = patience::Failure<ChangeError>;

/// What a person who waited long enough is told, where nothing is changed by it.
const LATE: ChangeError = ChangeError::Stripe(StripeTrouble::TimedOut);

impl Problem for ChangeError {
    const BUSY: Self = Self::Pending;
    const UNAVAILABLE: Self = Self::Unavailable;
    const UNKNOWN: Self = Self::Unknown;

    fn of_stripe(error: &StripeError) -> Option<Self> {
        match error {
            StripeError::Card { .. } => Some(Self::Declined),
            // The one parameter of ours that can go stale is the price.
            StripeError::Refused { param, .. } if param.contains("price") => Some(Self::PriceGone),
            _ => None,
        }
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
impl ChangesPort for Changes {
    async fn choices(&self, user_id: &str) -> Result<Choices, ChangeError> {
        let (state, user_id) = (self.0.clone(), user_id.to_owned());
        patiently("choices", LATE, async move {
            offers::choices(&state, &user_id).await
        })
        .await
    }

    async fn preview(&self, user_id: &str, price_id: &str) -> Result<Preview, ChangeError> {
        let (state, user_id, price_id) = (self.0.clone(), user_id.to_owned(), price_id.to_owned());
        patiently("preview", LATE, async move {
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
            go_on(&state, &user_id, &subscription_id, amount).await
        })
        .await
    }

    async fn leaving(&self, user_id: &str) -> Result<Leaving, ChangeError> {
        let (state, user_id) = (self.0.clone(), user_id.to_owned());
        patiently("leaving", LATE, async move {
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
        patiently("cancel", LATE, async move {
            leave::cancel_at_stripe(&state, &user_id, &subscription_id).await
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;
    use crate::stripe::StripeError;
    use app::changes::ChangeError;
    use app::stripe::StripeTrouble;

    #[test]
    fn what_is_the_persons_is_not_told_as_trouble_with_stripe() {
        let refused = |param: &str| StripeError::Refused {
            code: String::new(),
            param: param.to_owned(),
        };
        let declined = StripeError::Card {
            code: "card_declined".to_owned(),
        };
        let trouble = ChangeError::Stripe(StripeTrouble::Refused);
        for (error, expected) in [
            (declined, ChangeError::Declined),
            (refused("items[0][price]"), ChangeError::PriceGone),
            (refused("customer"), trouble),
        ] {
            assert_eq!(Failure::Stripe(error).told(), expected);
        }
    }

    #[test]
    fn once_asked_only_a_certain_answer_is_told_as_certain() {
        for error in [
            StripeError::TimedOut,
            StripeError::Failing { status: 500 },
            StripeError::RateLimited,
            StripeError::Unreachable,
            // Stripe said yes, in words we cannot read.
            StripeError::Unreadable {
                what: "/subscriptions at line 1 column 1".to_owned(),
            },
        ] {
            assert_eq!(Failure::asked(error).told(), ChangeError::Unknown);
        }
        let key = Failure::asked(StripeError::KeyRefused);
        let refused = ChangeError::Stripe(StripeTrouble::KeyRefused);
        assert_eq!(key.told(), refused);
    }
}
