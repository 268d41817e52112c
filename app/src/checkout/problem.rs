//! What a person is told when a checkout did not start or a return was not accepted.

use super::CheckoutError;
use crate::page::Told;
use leptos::server_fn::{codec::JsonEncoding, error::FromServerFnError, error::ServerFnErrorErr};

impl CheckoutError {
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one table")]
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
                action: None,
            },
            Self::ForLife => Told {
                status: 409,
                title: "You have this for life.",
                meaning: "You were not charged again: there is nothing left to add to it.",
                next: "Your billing says what you have.",
                action: Some(("Go to your billing", "/billing")),
            },
            Self::Code(error) => error.told(),
            Self::StripeUnreachable => Told {
                status: 503,
                title: "Stripe cannot be reached.",
                meaning: "You were not charged, and nothing has started.",
                next: "Try again in a moment. Trying twice never charges twice.",
                action: None,
            },
            Self::StripeTimedOut => Told {
                status: 503,
                title: "Stripe did not answer in time.",
                meaning: "You were not charged. If a payment page was opened, you have not seen it, and nothing is \
                          paid without you.",
                next: "Try again in a moment: you come to the same payment page, never to a second one.",
                action: None,
            },
            Self::StripeFailing => Told {
                status: 503,
                title: "Stripe has trouble of its own.",
                meaning: "You were not charged, and nothing has started.",
                next: "It mostly passes within minutes. Try again then; trying twice never charges twice.",
                action: None,
            },
            Self::StripeBusy => Told {
                status: 503,
                title: "Many people are paying at this moment.",
                meaning: "You were not charged. Stripe takes only so many of our requests a second.",
                next: "Try again in half a minute.",
                action: None,
            },
            Self::UnderWay => Told {
                status: 409,
                title: "Another try of yours is still under way.",
                meaning: "You were not charged twice: one try at a time is worked on.",
                next: "Wait a few seconds, then choose the plan again. You come to the same payment page.",
                action: None,
            },
            Self::KeyRefused => Told {
                status: 502,
                title: "Payments are closed for the moment.",
                meaning: "You were not charged. This community’s connection to Stripe has to be renewed by those who \
                          run it; memberships that run are not affected.",
                next: "Tell them, if you like, and come back later today.",
                action: None,
            },
            Self::KeyLacksRight => Told {
                status: 502,
                title: "Payments are not fully set up here.",
                meaning: "You were not charged. Stripe does not let this community open payment pages yet.",
                next: "Tell the people who run it; they can allow it at Stripe, and then it works at once.",
                action: None,
            },
            Self::KeyReused => Told {
                status: 409,
                title: "This checkout got mixed up with an older one.",
                meaning: "You were not charged. Stripe noticed that the two do not agree, and opened neither.",
                next: "Choose the plan again: a fresh payment page is opened.",
                action: None,
            },
            Self::StripeRefused => Told {
                status: 502,
                title: "Stripe did not accept this checkout.",
                meaning: "You were not charged. It is not your card: the payment page was never opened.",
                next: "Trying again will hardly help. Tell the people who run this community; the time of day is \
                       enough for them to find it.",
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
        let told = CheckoutError::ALL.map(CheckoutError::told);
        let titles: HashSet<_> = told.iter().map(|told| told.title).collect();
        assert_eq!(titles.len(), CheckoutError::ALL.len());
        for (error, told) in CheckoutError::ALL.into_iter().zip(told) {
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
        for error in CheckoutError::ALL {
            assert_eq!(CheckoutError::from_slug(error.slug()), Some(error));
        }
        assert_eq!(CheckoutError::from_slug(""), None);
    }
}
