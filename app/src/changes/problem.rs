//! What a person is told when a change did not happen, or is not known yet.

use super::ChangeError;
use crate::page::Told;
use crate::stripe::{Attempt, StripeTrouble};
use leptos::server_fn::{codec::JsonEncoding, error::FromServerFnError, error::ServerFnErrorErr};

impl ChangeError {
    /// What is not Stripe's.
    const OWN: [Self; 20] = [
        Self::NotSignedIn,
        Self::NoMembership,
        Self::FirstPayment,
        Self::PastDue,
        Self::Pending,
        Self::Paused,
        Self::Ending,
        Self::NothingToUndo,
        Self::SamePlan,
        Self::PriceGone,
        Self::Outdated,
        Self::PauseNotOffered,
        Self::TooMany,
        Self::Declined,
        Self::NoCard,
        Self::PlannedTakenBack,
        Self::Unclear,
        Self::Unknown,
        Self::PortalNotConfigured,
        Self::Unavailable,
    ];

    pub fn all() -> impl Iterator<Item = Self> {
        let of_stripe = StripeTrouble::ALL.into_iter().map(Self::Stripe);
        Self::OWN.into_iter().chain(of_stripe)
    }

    /// The word in `?change=` of the page the person is led to.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::NotSignedIn => "sign-in",
            Self::NoMembership => "no-membership",
            Self::FirstPayment => "first-payment",
            Self::PastDue => "past-due",
            Self::Pending => "pending",
            Self::Paused => "paused",
            Self::Ending => "ending",
            Self::NothingToUndo => "nothing-to-undo",
            Self::SamePlan => "same-plan",
            Self::PriceGone => "price-gone",
            Self::Outdated => "outdated",
            Self::PauseNotOffered => "pause-not-offered",
            Self::TooMany => "too-many",
            Self::Declined => "declined",
            Self::NoCard => "no-card",
            Self::PlannedTakenBack => "planned-taken-back",
            Self::Unclear => "unclear",
            Self::Unknown => "unknown",
            Self::Stripe(trouble) => trouble.slug(),
            Self::PortalNotConfigured => "portal-not-configured",
            Self::Unavailable => "unavailable",
        }
    }

    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::all().find(|problem| problem.slug() == slug)
    }

    #[must_use]
    pub fn told(self) -> Told {
        match self {
            Self::NotSignedIn
            | Self::NoMembership
            | Self::FirstPayment
            | Self::PastDue
            | Self::Pending
            | Self::Paused
            | Self::Ending
            | Self::Unclear => self.of_the_membership(),
            Self::NothingToUndo
            | Self::SamePlan
            | Self::PriceGone
            | Self::Outdated
            | Self::PauseNotOffered
            | Self::TooMany
            | Self::Declined
            | Self::NoCard
            | Self::PlannedTakenBack => self.of_the_request(),
            Self::Stripe(trouble) => trouble.told(Attempt::Change),
            Self::Unknown | Self::PortalNotConfigured | Self::Unavailable => self.of_the_outside(),
        }
    }

    /// Its state does not allow a change.
    fn of_the_membership(self) -> Told {
        match self {
            Self::NotSignedIn => Told {
                status: 401,
                title: "Sign in first.",
                meaning: "Nothing was changed or charged. A membership is changed by the person it belongs to.",
                next: "Sign in with Discord, then choose again.",
                action: Some(("Sign in with Discord", "/login?next=%2Fbilling%2Fchange")),
            },
            Self::FirstPayment => Told {
                status: 409,
                title: "Your first payment is not confirmed yet.",
                meaning: "Nothing was changed. A membership can be changed once it has begun.",
                next: "Wait until the first payment is through, then choose again.",
                action: Some(("Go to your billing", "/billing")),
            },
            Self::PastDue => Told {
                status: 409,
                title: "A payment is missing, so the plan cannot be changed.",
                meaning: "Nothing was changed and nothing was charged by this. Your access stays as your billing says.",
                next: "Settle the open payment first; then every plan is open to you again.",
                action: Some(("Settle the open payment", "/billing")),
            },
            Self::Pending => Told {
                status: 409,
                title: "Another change is still under way.",
                meaning: "Nothing was added to it, and you were not charged by this.",
                next: "Your billing says what it waits for. When it is through, or has lapsed, choose again.",
                action: Some(("Go to your billing", "/billing")),
            },
            Self::Paused => Told {
                status: 409,
                title: "Your membership is paused.",
                meaning: "Nothing was changed and nothing was charged. While it is paused its plan stays as it is.",
                next: "Resume it first; then choose again.",
                action: Some(("Go to your billing", "/billing")),
            },
            Self::Ending => Told {
                status: 409,
                title: "Your membership is set to end.",
                meaning: "Nothing was changed and nothing was charged. Until it ends everything stays open.",
                next: "Choose “Keep my membership” first; then its plan can be changed.",
                action: Some(("Go to your billing", "/billing")),
            },
            Self::Unclear => Told {
                status: 409,
                title: "Your membership is being looked at.",
                meaning: "Nothing was changed and nothing was charged. Stripe says something of it that we do not know.",
                next: "Come back later: until then your access stays as it is.",
                action: Some(("Go to your billing", "/billing")),
            },
            _ => Told {
                status: 409,
                title: "You have no membership to change.",
                meaning: "Nothing was changed and nothing was charged.",
                next: "Choose a plan to begin.",
                action: Some(("See the plans", "/")),
            },
        }
    }

    /// What was asked for cannot be.
    fn of_the_request(self) -> Told {
        match self {
            Self::NothingToUndo => Told {
                status: 409,
                title: "There is nothing to take back any more.",
                meaning: "Nothing was changed and nothing was charged. It was taken back already, or its day has come.",
                next: "This page shows how things are now.",
                action: None,
            },
            Self::SamePlan => Told {
                status: 409,
                title: "That is the plan you have.",
                meaning: "Nothing was changed and nothing was charged.",
                next: "Choose another one, or stay where you are.",
                action: None,
            },
            Self::PriceGone => Told {
                status: 410,
                title: "This price is no longer on offer.",
                meaning: "Nothing was changed and you were not charged. The plans changed while the page was open.",
                next: "Choose from the plans below; they are the current ones.",
                action: None,
            },
            Self::Outdated => Told {
                status: 409,
                title: "What you were shown is not true any more.",
                meaning: "Nothing was changed and you were not charged. Your membership moved meanwhile, or the page \
                          was open for long.",
                next: "Below is what it would cost now. Look at it once more before you confirm.",
                action: None,
            },
            Self::PauseNotOffered => Told {
                status: 409,
                title: "This pause is not offered.",
                meaning: "Nothing was changed. Your membership goes on as it was.",
                next: "Choose one of the pauses on this page, if there are any.",
                action: None,
            },
            Self::Declined => Told {
                status: 402,
                title: "Your card was refused.",
                meaning: "You were not charged, and your plan is the one you had.",
                next: "Give another card at Stripe, then choose the plan again.",
                action: Some(("Go to your billing", "/billing")),
            },
            Self::NoCard => Told {
                status: 409,
                title: "There is no card to charge.",
                meaning: "You were not charged, and your membership rests as before.",
                next: "Add a card first; then your membership can go on.",
                action: None,
            },
            Self::PlannedTakenBack => Told {
                status: 502,
                title: "Stripe refused the change, and the one you had planned is taken back.",
                meaning: "You were not charged, and your plan is the one you have now. It goes on after this period.",
                next: "Choose again below: the change you want, or the one you had planned.",
                action: None,
            },
            _ => Told {
                status: 429,
                title: "That was a lot of changes in a short time.",
                meaning: "The last one was not made, and you were not charged for it.",
                next: "Wait a minute, then choose again.",
                action: None,
            },
        }
    }

    /// What is not known, not set up, or not to be read.
    fn of_the_outside(self) -> Told {
        match self {
            Self::Unknown => Told {
                status: 503,
                title: "Stripe gave no clear answer, so we do not know yet whether the change counted.",
                meaning: "It is looked up by itself within a minute or two. You cannot be charged twice by it.",
                next: "Please do not choose again; look at your billing in two minutes.",
                action: Some(("Go to your billing", "/billing")),
            },
            Self::PortalNotConfigured => Told {
                status: 502,
                title: "Stripe’s pages for members are not set up yet.",
                meaning: "Nothing was changed. Your membership and your card stay as they are.",
                next: "Tell the people who run this community: their customer portal at Stripe has to be set up once.",
                action: None,
            },
            _ => Told {
                status: 503,
                title: "We cannot reach our own records right now.",
                meaning: "Your membership and your roles in Discord stay as they are. You cannot be charged twice by \
                          this.",
                next: "Load the page again in a minute.",
                action: Some(("Go to your billing", "/billing")),
            },
        }
    }
}

impl FromServerFnError for ChangeError {
    type Encoder = JsonEncoding;

    /// Only a request that did not arrive, or an answer that cannot be read, comes by here.
    fn from_server_fn_error(_: ServerFnErrorErr) -> Self {
        Self::Unavailable
    }
}

#[cfg(test)]
mod tests {
    use super::ChangeError;
    use std::collections::HashSet;

    #[test]
    fn every_error_has_words_of_its_own_that_speak_of_money_or_access() {
        let titles: HashSet<_> = ChangeError::all().map(|error| error.told().title).collect();
        assert_eq!(titles.len(), ChangeError::all().count());
        for told in ChangeError::all().map(ChangeError::told) {
            assert!((400..600).contains(&told.status), "{told:?}");
            assert!(
                !told.next.is_empty() && !told.title.contains('!'),
                "{told:?}"
            );
            let speaks = ["charged", "membership", "access"]
                .iter()
                .any(|word| told.meaning.contains(word));
            assert!(speaks, "{told:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_never_told_as_not_charged() {
        for error in [ChangeError::Unknown, ChangeError::Unavailable] {
            assert!(!error.told().meaning.contains("not charged"), "{error:?}");
        }
    }

    #[test]
    fn slugs_lead_back() {
        for error in ChangeError::all() {
            assert_eq!(ChangeError::from_slug(error.slug()), Some(error));
        }
        assert_eq!(ChangeError::from_slug(""), None);
    }
}
