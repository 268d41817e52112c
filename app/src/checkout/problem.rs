//! What a person is told when a checkout did not start or a return was not accepted.

use super::CheckoutError;
use crate::page::Told;
use crate::stripe::Attempt;
use leptos::server_fn::{codec::JsonEncoding, error::FromServerFnError, error::ServerFnErrorErr};

impl CheckoutError {
    #[must_use]
    pub fn told(self) -> Told {
        match self {
            Self::NotSignedIn => Told {
                status: 401,
                title: "Sign in first.",
                meaning: "You were not charged. A membership belongs to a Discord account, so we have to know yours.",
                next: "Sign in with Discord, then choose the plan again.",
                action: Some(("Sign in with Discord", "/login?next=%2F")),
            },
            Self::PriceGone => Told {
                status: 410,
                title: "This price is no longer on offer.",
                meaning: "You were not charged. The plans changed while the page was open.",
                next: "Choose from the plans below; they are the current ones.",
                action: None,
            },
            Self::CompanyPlan => Told {
                status: 409,
                title: "This plan is for companies.",
                meaning: "You were not charged. A company pays for seats, which people then take.",
                next: "For yourself, choose one of the plans below.",
                action: Some(("Buy seats for a company", "/company/new")),
            },
            Self::ForLife => Told {
                status: 409,
                title: "You have this for life.",
                meaning: "You were not charged again: there is nothing left to add to it.",
                next: "Your billing says what you have.",
                action: Some(("Go to your billing", "/billing")),
            },
            Self::Leaving => Told {
                status: 409,
                title: "Your account is being deleted.",
                meaning: "You were not charged: nothing is sold to an account that is about to be gone.",
                next: "As long as nothing has ended you can keep it; afterwards you can begin anew.",
                action: Some(("Your account", "/account")),
            },
            Self::Code(error) => error.told(),
            Self::Stripe(trouble) => trouble.told(Attempt::Checkout),
            Self::UnderWay => Told {
                status: 409,
                title: "Another try of yours is still under way.",
                meaning: "You were not charged twice: one try at a time is worked on.",
                next: "Wait a few seconds, then choose the plan again. You come to the same payment page.",
                action: None,
            },
            Self::TooMany => Told {
                status: 429,
                title: "That was a lot of tries in a short time.",
                meaning: "You were not charged for any of them.",
                next: "Wait a minute, then choose your plan again.",
                action: None,
            },
            Self::NotYours => Told {
                status: 404,
                title: "This checkout is not yours, or does not exist.",
                meaning: "Nothing was changed. If you have just paid with another Discord account signed in, the \
                          membership belongs to that one.",
                next: "Look at your billing for what this account has.",
                action: Some(("Go to your billing", "/billing")),
            },
            Self::Unavailable => Told {
                status: 503,
                title: "We cannot reach our own records right now.",
                meaning: "If you have paid, the payment is safe at Stripe and counts as soon as we are back. \
                          Nothing is charged twice.",
                next: "Load the page again in a minute.",
                action: None,
            },
        }
    }
}

impl FromServerFnError for CheckoutError {
    type Encoder = JsonEncoding;

    /// Only a request that did not arrive, or an answer that cannot be read, comes by here.
    fn from_server_fn_error(_: ServerFnErrorErr) -> Self {
        Self::Unavailable
    }
}

#[cfg(test)]
mod tests {
    use super::CheckoutError;
    use std::collections::HashSet;

    #[test]
    fn every_error_says_what_it_means_for_money_in_words_of_its_own() {
        let titles: HashSet<_> = CheckoutError::all()
            .map(|error| error.told().title)
            .collect();
        assert_eq!(titles.len(), CheckoutError::all().count());
        for error in CheckoutError::all() {
            let told = error.told();
            assert!((400..600).contains(&told.status), "{told:?}");
            assert!(
                !told.next.is_empty() && !told.title.contains('!'),
                "{told:?}"
            );
            // On the way to Stripe the first question is money; the two others are met after it.
            let before_stripe =
                !matches!(error, CheckoutError::NotYours | CheckoutError::Unavailable);
            assert_eq!(
                told.meaning.contains("not charged"),
                before_stripe,
                "{told:?}"
            );
        }
    }

    #[test]
    fn slugs_lead_back() {
        for error in CheckoutError::all() {
            assert_eq!(CheckoutError::from_slug(error.slug()), Some(error));
        }
        assert_eq!(CheckoutError::from_slug(""), None);
    }
}
