//! What a person is told when nothing came of what they asked of their account.

use super::AccountError;
use crate::page::Told;
use leptos::server_fn::{codec::JsonEncoding, error::FromServerFnError, error::ServerFnErrorErr};

const AGAIN: Option<(&str, &str)> = Some(("Begin again", "/account/move"));

impl AccountError {
    pub const ALL: [Self; 16] = [
        Self::NotSignedIn,
        Self::NotConfirmed,
        Self::TooLate,
        Self::Deleting,
        Self::NothingToMove,
        Self::SameAccount,
        Self::OtherAccount,
        Self::NotFresh,
        Self::OtherPays,
        Self::OtherBanned,
        Self::Withheld,
        Self::OnceADay,
        Self::LastOwner,
        Self::Busy,
        Self::TooMany,
        Self::Unavailable,
    ];

    /// The word in `?problem=`.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::NotSignedIn => "sign-in",
            Self::NotConfirmed => "not-confirmed",
            Self::TooLate => "too-late",
            Self::Deleting => "deleting",
            Self::NothingToMove => "nothing-to-move",
            Self::SameAccount => "same-account",
            Self::OtherAccount => "other-account",
            Self::NotFresh => "not-fresh",
            Self::OtherPays => "other-pays",
            Self::OtherBanned => "other-banned",
            Self::Withheld => "withheld",
            Self::OnceADay => "once-a-day",
            Self::LastOwner => "last-owner",
            Self::Busy => "busy",
            Self::TooMany => "too-many",
            Self::Unavailable => "unavailable",
        }
    }

    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|problem| problem.slug() == slug)
    }

    #[must_use]
    pub fn told(self) -> Told {
        match self {
            Self::NotSignedIn
            | Self::NotConfirmed
            | Self::TooLate
            | Self::Deleting
            | Self::LastOwner
            | Self::Busy
            | Self::TooMany
            | Self::Unavailable => self.of_the_account(),
            _ => self.of_a_move(),
        }
    }

    fn of_the_account(self) -> Told {
        match self {
            Self::NotSignedIn => Told {
                status: 401,
                title: "Sign in first.",
                meaning: "An account is shown to the person it belongs to. Nothing was changed.",
                next: "Sign in with Discord.",
                action: Some(("Sign in with Discord", "/login?next=%2Faccount")),
            },
            Self::NotConfirmed => Told {
                status: 422,
                title: "The word was not typed.",
                meaning: "Nothing is deleted, and your membership stays as it is.",
                next: "Type “delete” into the field if you want your account gone.",
                action: None,
            },
            Self::TooLate => Told {
                status: 409,
                title: "There is no deletion to take back.",
                meaning: "It was taken back already, or it has begun: what has ended cannot be brought back.",
                next: "This page shows how things are now.",
                action: None,
            },
            Self::Deleting => Told {
                status: 409,
                title: "An account that is being deleted cannot be changed.",
                meaning: "Nothing was moved, and nothing was charged.",
                next: "Take the deletion back first, as long as it has not begun.",
                action: Some(("Your account", "/account")),
            },
            Self::LastOwner => Told {
                status: 409,
                title: "You are the only owner of a company.",
                meaning: "Nothing is deleted. A company that has seats or people needs somebody it belongs to.",
                next: "Make somebody else its owner first, or let its seats end.",
                action: Some(("Your company", "/company")),
            },
            Self::Busy => Told {
                status: 409,
                title: "Your membership is being worked on just now.",
                meaning: "Nothing was moved, and your access stays as it is.",
                next: "Wait a few seconds, then try again.",
                action: None,
            },
            Self::TooMany => Told {
                status: 429,
                title: "That was a lot of tries in a short time.",
                meaning: "The last one did nothing. Your membership stays as it is.",
                next: "Wait a minute, then try again.",
                action: None,
            },
            _ => Told {
                status: 503,
                title: "We cannot reach our own records right now.",
                meaning: "Your membership and your roles in Discord stay as they are.",
                next: "Load the page again in a minute.",
                action: None,
            },
        }
    }

    fn of_a_move(self) -> Told {
        match self {
            Self::NothingToMove => Told {
                status: 409,
                title: "You have nothing that could move.",
                meaning: "This account has no subscription and no pass.",
                next: "If your membership is with another Discord account, sign in with that one first.",
                action: None,
            },
            Self::SameAccount => Told {
                status: 409,
                title: "That was the same Discord account.",
                meaning: "Nothing was moved. Your membership stays where it is.",
                next: "On Discord’s page choose “Not you?” and sign in with the account it is to go to.",
                action: AGAIN,
            },
            Self::OtherAccount => Told {
                status: 409,
                title: "That was another Discord account than the one signed in here.",
                meaning: "Nothing was moved. Your membership stays where it is.",
                next: "First sign in with the account that has the membership, then with the one it is to go to.",
                action: AGAIN,
            },
            Self::NotFresh => Told {
                status: 409,
                title: "The two sign-ins are not fresh any more.",
                meaning: "Nothing was moved by this. They count for ten minutes, and for one move.",
                next: "Sign in with both accounts once more.",
                action: AGAIN,
            },
            Self::OtherPays => Told {
                status: 409,
                title: "The other account has billing of its own.",
                meaning: "Nothing was moved, and nothing was charged. Two memberships cannot become one.",
                next: "Choose an account that has never begun to pay here, or ask the people who run this community.",
                action: None,
            },
            Self::OtherBanned => Told {
                status: 403,
                title: "The other account is banned from the Discord server.",
                meaning: "Nothing was moved. Your membership stays where it is.",
                next: "Choose another account, or ask the people who run the server.",
                action: None,
            },
            Self::Withheld => Told {
                status: 403,
                title: "The people who run this community withhold access from one of the two accounts.",
                meaning: "Nothing was moved. Your membership and its payments stay as they are.",
                next: "Ask them about it.",
                action: None,
            },
            _ => Told {
                status: 429,
                title: "A membership moves once a day at most.",
                meaning: "Nothing was moved. Your membership stays where it is.",
                next: "Try again tomorrow. If you lost an account, the people who run this community can help sooner.",
                action: None,
            },
        }
    }
}

impl FromServerFnError for AccountError {
    type Encoder = JsonEncoding;

    /// Only a request that did not arrive, or an answer that cannot be read, comes by here.
    fn from_server_fn_error(_: ServerFnErrorErr) -> Self {
        Self::Unavailable
    }
}

#[cfg(test)]
mod tests {
    use super::AccountError;
    use std::collections::HashSet;

    #[test]
    fn every_problem_has_words_of_its_own() {
        let titles: HashSet<_> = AccountError::ALL
            .map(|error| error.told().title)
            .into_iter()
            .collect();
        assert_eq!(titles.len(), AccountError::ALL.len());
        for told in AccountError::ALL.map(AccountError::told) {
            assert!((400..600).contains(&told.status), "{told:?}");
            assert!(
                !told.meaning.is_empty() && !told.next.is_empty() && !told.title.contains('!'),
                "{told:?}"
            );
        }
    }

    #[test]
    fn slugs_lead_back() {
        for error in AccountError::ALL {
            assert_eq!(AccountError::from_slug(error.slug()), Some(error));
        }
        assert_eq!(AccountError::from_slug("nonsense"), None);
    }
}
