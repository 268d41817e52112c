//! Companies: founding one, who looks after it, what it pays.

pub mod guard;

use crate::patience::{self, Problem};
use crate::state::AppState;
use crate::stripe::StripeError;
use app::company::CompanyError;
use app::stripe::StripeTrouble;

/// The server's side of [`app::company::CompanyPort`].
pub struct Companies(pub AppState);

/// Any failure of what was asked of a company or its seats, before it is told to the person.
pub type Failure = patience::Failure<CompanyError>;

impl Problem for CompanyError {
    const BUSY: Self = Self::Busy;
    const UNAVAILABLE: Self = Self::Unavailable;
    const UNKNOWN: Self = Self::Unknown;

    fn of_stripe(error: &StripeError) -> Option<Self> {
        match error {
            StripeError::Card { .. } => Some(Self::Declined),
            StripeError::Locked => Some(Self::Busy),
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
