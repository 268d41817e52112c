//! What a person is told when the dashboard or Stripe's portal did not open.

use super::BillingError;
use crate::page::Told;
use crate::stripe::Attempt;
use leptos::server_fn::{codec::JsonEncoding, error::FromServerFnError, error::ServerFnErrorErr};

impl BillingError {
    #[must_use]
    pub fn told(self) -> Told {
        match self {
            Self::NotSignedIn => Told {
                status: 401,
                title: "Sign in first.",
                meaning: "Billing is shown to the person it belongs to. Nothing was changed.",
                next: "Sign in with Discord.",
                action: Some(("Sign in with Discord", "/login?next=%2Fbilling")),
            },
            Self::NoCustomer => Told {
                status: 409,
                title: "There is nothing to manage yet.",
                meaning: "You have never paid here, so Stripe keeps no card and no invoice of yours.",
                next: "Choose a plan first.",
                action: Some(("See the plans", "/")),
            },
            Self::Stripe(trouble) => trouble.told(Attempt::Portal),
            Self::NotConfigured => Told {
                status: 502,
                title: "Stripe’s pages for members are not set up yet.",
                meaning: "Nothing was changed. Your membership and your card stay as they are.",
                next: "Tell the people who run this community: their customer portal at Stripe has to be set up once.",
                action: None,
            },
            Self::CustomerGone => Told {
                status: 410,
                title: "Stripe does not know you as a customer any more.",
                meaning: "Your card and your subscription were removed there; nothing more is charged to you.",
                next: "Choose a plan to begin anew. If you did not expect this, ask the people who run this community.",
                action: Some(("See the plans", "/")),
            },
            Self::TooMany => Told {
                status: 429,
                title: "That was a lot of tries in a short time.",
                meaning: "Nothing was changed.",
                next: "Wait a minute, then try again.",
                action: None,
            },
            Self::Unavailable => Told {
                status: 503,
                title: "We cannot reach our own records right now.",
                meaning: "Your membership and your roles in Discord stay as they are, and nothing is charged by this.",
                next: "Load the page again in a minute.",
                action: Some(("Load again", "/billing")),
            },
        }
    }
}

impl FromServerFnError for BillingError {
    type Encoder = JsonEncoding;

    /// Only a request that did not arrive, or an answer that cannot be read, comes by here.
    fn from_server_fn_error(_: ServerFnErrorErr) -> Self {
        Self::Unavailable
    }
}

#[cfg(test)]
mod tests {
    use super::BillingError;
    use std::collections::HashSet;

    #[test]
    fn every_error_has_words_of_its_own() {
        let titles: HashSet<_> = BillingError::all()
            .map(|error| error.told().title)
            .collect();
        assert_eq!(titles.len(), BillingError::all().count());
        for told in BillingError::all().map(BillingError::told) {
            assert!((400..600).contains(&told.status), "{told:?}");
            assert!(
                !told.meaning.is_empty() && !told.next.is_empty() && !told.title.contains('!'),
                "{told:?}"
            );
        }
    }

    #[test]
    fn slugs_lead_back() {
        for error in BillingError::all() {
            assert_eq!(BillingError::from_slug(error.slug()), Some(error));
        }
        assert_eq!(BillingError::from_slug("nonsense"), None);
    }
}
