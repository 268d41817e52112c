//! Why a link gives no seat: a page for each reason, with its own way on.

use super::InviteError;
use crate::page::Told;
use leptos::server_fn::{codec::JsonEncoding, error::FromServerFnError, error::ServerFnErrorErr};

impl InviteError {
    pub const ALL: [Self; 16] = [
        Self::NotSignedIn,
        Self::Unknown,
        Self::Used,
        Self::Expired,
        Self::Revoked,
        Self::Replaced,
        Self::OtherAddress,
        Self::OtherDomain,
        Self::Unverified,
        Self::UsedUp,
        Self::NoSeat,
        Self::AlreadyMember,
        Self::Lapsed,
        Self::Leaving,
        Self::TooMany,
        Self::Unavailable,
    ];

    /// The word in addresses and logs.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::NotSignedIn => "sign-in",
            Self::Unknown => "unknown",
            Self::Used => "used",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Replaced => "replaced",
            Self::OtherAddress => "other-address",
            Self::OtherDomain => "other-domain",
            Self::Unverified => "unverified",
            Self::UsedUp => "used-up",
            Self::NoSeat => "no-seat",
            Self::AlreadyMember => "already-member",
            Self::Lapsed => "lapsed",
            Self::Leaving => "leaving",
            Self::TooMany => "too-many",
            Self::Unavailable => "unavailable",
        }
    }

    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|problem| problem.slug() == slug)
    }

    /// Whether another account at Discord could claim by the same link.
    #[must_use]
    pub fn another_account_may(self) -> bool {
        matches!(
            self,
            Self::OtherAddress | Self::OtherDomain | Self::Unverified | Self::AlreadyMember
        )
    }

    #[must_use]
    pub fn told(self) -> Told {
        match self {
            Self::Unknown
            | Self::Used
            | Self::Expired
            | Self::Revoked
            | Self::Replaced
            | Self::UsedUp => self.of_the_link(),
            Self::NotSignedIn
            | Self::OtherAddress
            | Self::OtherDomain
            | Self::Unverified
            | Self::AlreadyMember
            | Self::Leaving => self.of_the_person(),
            Self::NoSeat | Self::Lapsed | Self::TooMany | Self::Unavailable => {
                self.of_the_company()
            }
        }
    }

    /// The link is not good any more, whoever follows it.
    fn of_the_link(self) -> Told {
        match self {
            Self::Used => Told {
                status: 410,
                title: "This invite was used already.",
                meaning: "It gave one seat, and somebody has taken it. You are not charged: a seat costs whoever \
                          takes it nothing.",
                next: "If that was you, your seat is below. If not, ask whoever invited you for another invite.",
                action: Some(("See your seats", "/company")),
            },
            Self::Expired => Told {
                status: 410,
                title: "This invite has expired.",
                meaning: "No seat was taken, and you are not charged.",
                next: "Ask whoever invited you to send it again. For them that is one press.",
                action: None,
            },
            Self::Revoked => Told {
                status: 410,
                title: "This invite was taken back.",
                meaning: "No seat was taken, and you are not charged. The company gave its seat to somebody else, or \
                          keeps it.",
                next: "If that surprises you, ask whoever invited you.",
                action: None,
            },
            Self::Replaced => Told {
                status: 410,
                title: "A newer link was made in place of this one.",
                meaning: "No seat was taken by this link, and you are not charged. Only the newest link counts.",
                next: "Open the newest mail about your seat. If there is none, ask whoever invited you for the new link.",
                action: None,
            },
            Self::UsedUp => Told {
                status: 410,
                title: "As many people as could have taken a seat by this link.",
                meaning: "No seat was taken, and you are not charged.",
                next: "Ask whoever gave you the link for an invite of your own.",
                action: None,
            },
            _ => Told {
                status: 404,
                title: "This link leads to no invite.",
                meaning: "No seat was taken, and you are not charged.",
                next: "See whether the whole link was copied. If it was, ask whoever sent it to you for a new one.",
                action: None,
            },
        }
    }

    /// The link is good, and not for whoever follows it.
    fn of_the_person(self) -> Told {
        match self {
            Self::NotSignedIn => Told {
                status: 401,
                title: "Sign in to take this seat.",
                meaning: "No seat was taken yet. A seat belongs to a Discord account, and costs it nothing.",
                next: "Sign in with Discord; you come back to the invite.",
                action: None,
            },
            Self::OtherAddress => Told {
                status: 403,
                title: "This invite is for another e-mail address.",
                meaning: "No seat was taken, and you are not charged. Discord says that your account has another \
                          address than the one that was invited.",
                next: "Sign in with the Discord account that has it, or ask to be invited at the address you use there.",
                action: None,
            },
            Self::OtherDomain => Told {
                status: 403,
                title: "This invite is for addresses of the company alone.",
                meaning: "No seat was taken, and you are not charged. The e-mail address of your Discord account is \
                          somewhere else.",
                next: "Sign in with a Discord account that has an address there, or ask for an invite to your own.",
                action: None,
            },
            Self::Unverified => Told {
                status: 403,
                title: "Discord has not confirmed your e-mail address.",
                meaning: "No seat was taken, and you are not charged. An address counts once Discord has confirmed it.",
                next: "In Discord open User Settings, My Account, and confirm the address from your inbox. Then sign \
                       in here once more.",
                action: None,
            },
            Self::AlreadyMember => Told {
                status: 409,
                title: "You have a seat there already.",
                meaning: "Nothing was taken or charged: one person holds one seat, and yours stays as it is.",
                next: "If the link is meant for a colleague, pass it on.",
                action: Some(("See your seat", "/company")),
            },
            _ => Told {
                status: 409,
                title: "Your account is being deleted.",
                meaning: "No seat was taken, and you are not charged.",
                next: "Take the deletion back first, as long as it has not begun; then open the link again.",
                action: Some(("Your account", "/account")),
            },
        }
    }

    /// The link is good, and there is nothing to be had by it now.
    fn of_the_company(self) -> Told {
        match self {
            Self::NoSeat => Told {
                status: 409,
                title: "No seat of the company is free.",
                meaning: "No seat was taken, and you are not charged. Others were quicker, or the company pays for \
                          fewer seats now.",
                next: "Ask whoever invited you to free a seat or buy another. The link is good then.",
                action: None,
            },
            Self::Lapsed => Told {
                status: 409,
                title: "The company does not pay for its seats at the moment.",
                meaning: "No seat was taken, and you are not charged.",
                next: "Tell whoever invited you. As soon as the company has paid, the link is good again.",
                action: None,
            },
            Self::TooMany => Told {
                status: 429,
                title: "That was a lot of tries in a short time.",
                meaning: "No seat was taken by the last one, and you are not charged. We wait a little so that nobody \
                          can guess a link.",
                next: "Wait a minute, then open the link again.",
                action: None,
            },
            _ => Told {
                status: 503,
                title: "We cannot reach our own records right now.",
                meaning: "You are not charged. If you have taken the seat a moment ago, it is yours.",
                next: "Open the link again in a minute.",
                action: None,
            },
        }
    }
}

impl FromServerFnError for InviteError {
    type Encoder = JsonEncoding;

    /// Only a request that did not arrive, or an answer that cannot be read, comes by here.
    fn from_server_fn_error(_: ServerFnErrorErr) -> Self {
        Self::Unavailable
    }
}

#[cfg(test)]
mod tests {
    use super::InviteError;
    use std::collections::HashSet;

    #[test]
    fn every_refusal_has_words_and_a_way_on_of_its_own() {
        let told = InviteError::ALL.map(InviteError::told);
        let titles: HashSet<_> = told.iter().map(|told| told.title).collect();
        let nexts: HashSet<_> = told.iter().map(|told| told.next).collect();
        assert_eq!((titles.len(), nexts.len()), (told.len(), told.len()));
        for told in told {
            assert!((400..600).contains(&told.status), "{told:?}");
            let texts = [told.title, told.meaning, told.next];
            assert!(texts.iter().all(|text| !text.contains('!')), "{told:?}");
            let speaks = ["charged", "costs"];
            assert!(
                speaks.iter().any(|word| told.meaning.contains(word)),
                "{told:?}"
            );
        }
    }

    #[test]
    fn what_is_not_known_is_not_told_as_not_taken() {
        let meaning = InviteError::Unavailable.told().meaning;
        assert!(!meaning.contains("No seat was taken"));
    }

    #[test]
    fn slugs_lead_back() {
        for error in InviteError::ALL {
            assert_eq!(InviteError::from_slug(error.slug()), Some(error));
        }
        assert_eq!(InviteError::from_slug("nonsense"), None);
    }
}
