//! What paying, Stripe's portal and changes cannot do, in a company's words.

use super::Failure;
use crate::patience::{self, Problem};
use crate::stripe::StripeError;
use app::billing::BillingError;
use app::changes::ChangeError;
use app::checkout::CheckoutError;
use app::company::CompanyError;
use app::stripe::StripeTrouble;

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

pub fn of_change(error: ChangeError) -> CompanyError {
    match error {
        ChangeError::NotSignedIn => CompanyError::NotSignedIn,
        ChangeError::NoMembership | ChangeError::NothingToUndo => CompanyError::NotPaid,
        ChangeError::FirstPayment => CompanyError::FirstPayment,
        ChangeError::PastDue => CompanyError::PastDue,
        ChangeError::Pending => CompanyError::Pending,
        ChangeError::Paused | ChangeError::PauseNotOffered => CompanyError::Paused,
        ChangeError::Ending => CompanyError::Ending,
        ChangeError::SamePlan => CompanyError::SameNumber,
        ChangeError::PriceGone => CompanyError::PriceGone,
        ChangeError::Outdated | ChangeError::PlannedTakenBack => CompanyError::Outdated,
        ChangeError::TooMany => CompanyError::TooMany,
        ChangeError::Declined | ChangeError::NoCard => CompanyError::Declined,
        ChangeError::Unclear => CompanyError::Unclear,
        ChangeError::Unknown => CompanyError::Unknown,
        ChangeError::Stripe(trouble) => CompanyError::Stripe(trouble),
        ChangeError::PortalNotConfigured => CompanyError::PortalNotConfigured,
        ChangeError::Unavailable => CompanyError::Unavailable,
    }
}

pub fn of_checkout(error: CheckoutError) -> CompanyError {
    match error {
        CheckoutError::NotSignedIn => CompanyError::NotSignedIn,
        CheckoutError::PriceGone
        | CheckoutError::CompanyPlan
        | CheckoutError::ForLife
        | CheckoutError::Code(_) => CompanyError::PriceGone,
        CheckoutError::Leaving => CompanyError::Leaving,
        CheckoutError::Stripe(trouble) => CompanyError::Stripe(trouble),
        CheckoutError::UnderWay => CompanyError::Busy,
        CheckoutError::TooMany => CompanyError::TooMany,
        CheckoutError::NotYours => CompanyError::NotFound,
        CheckoutError::Unavailable => CompanyError::Unavailable,
    }
}

pub fn of_billing(error: BillingError) -> CompanyError {
    match error {
        BillingError::NotSignedIn => CompanyError::NotSignedIn,
        BillingError::NoCustomer | BillingError::CustomerGone => CompanyError::NotPaid,
        BillingError::Stripe(trouble) => CompanyError::Stripe(trouble),
        BillingError::NotConfigured => CompanyError::PortalNotConfigured,
        BillingError::TooMany => CompanyError::TooMany,
        BillingError::Unavailable => CompanyError::Unavailable,
    }
}

impl From<patience::Failure<ChangeError>> for Failure {
    fn from(failure: patience::Failure<ChangeError>) -> Self {
        failure.map(of_change)
    }
}

impl From<patience::Failure<CheckoutError>> for Failure {
    fn from(failure: patience::Failure<CheckoutError>) -> Self {
        failure.map(of_checkout)
    }
}

impl From<patience::Failure<BillingError>> for Failure {
    fn from(failure: patience::Failure<BillingError>) -> Self {
        failure.map(of_billing)
    }
}
