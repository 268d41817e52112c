//! What a person is told when nothing came of what they asked of a company or its seats.

use super::CompanyError;
use crate::page::Told;
use crate::stripe::{Attempt, StripeTrouble};
use leptos::server_fn::{codec::JsonEncoding, error::FromServerFnError, error::ServerFnErrorErr};

impl CompanyError {
    /// What is not Stripe's.
    const OWN: [Self; 33] = [
        Self::NotSignedIn,
        Self::NotFound,
        Self::OwnersOnly,
        Self::NameMissing,
        Self::BadNumber,
        Self::BadDomain,
        Self::PriceGone,
        Self::PaysAlready,
        Self::NotPaid,
        Self::Full,
        Self::Over,
        Self::BelowHeld,
        Self::SameNumber,
        Self::SeatMoved,
        Self::HasSeat,
        Self::TooManyStay,
        Self::LastOwner,
        Self::Stranger,
        Self::Lines,
        Self::FirstPayment,
        Self::PastDue,
        Self::Pending,
        Self::Paused,
        Self::Ending,
        Self::Outdated,
        Self::Declined,
        Self::Unclear,
        Self::Leaving,
        Self::TooMany,
        Self::Busy,
        Self::Unknown,
        Self::PortalNotConfigured,
        Self::Unavailable,
    ];

    pub fn all() -> impl Iterator<Item = Self> {
        let of_stripe = StripeTrouble::ALL.into_iter().map(Self::Stripe);
        Self::OWN.into_iter().chain(of_stripe)
    }

    /// The word in `?problem=` of the page the person is led to, and in logs.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::NotSignedIn => "sign-in",
            Self::NotFound => "not-found",
            Self::OwnersOnly => "owners-only",
            Self::NameMissing => "name-missing",
            Self::BadNumber => "bad-number",
            Self::BadDomain => "bad-domain",
            Self::PriceGone => "price-gone",
            Self::PaysAlready => "pays-already",
            Self::NotPaid => "not-paid",
            Self::Full => "full",
            Self::Over => "over",
            Self::BelowHeld => "below-held",
            Self::SameNumber => "same-number",
            Self::SeatMoved => "seat-moved",
            Self::HasSeat => "has-seat",
            Self::TooManyStay => "too-many-stay",
            Self::LastOwner => "last-owner",
            Self::Stranger => "stranger",
            Self::Lines => "lines",
            Self::FirstPayment => "first-payment",
            Self::PastDue => "past-due",
            Self::Pending => "pending",
            Self::Paused => "paused",
            Self::Ending => "ending",
            Self::Outdated => "outdated",
            Self::Declined => "declined",
            Self::Unclear => "unclear",
            Self::Leaving => "leaving",
            Self::TooMany => "too-many",
            Self::Busy => "busy",
            Self::Unknown => "unknown",
            Self::PortalNotConfigured => "portal-not-configured",
            Self::Stripe(trouble) => trouble.slug(),
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
            | Self::NotFound
            | Self::OwnersOnly
            | Self::LastOwner
            | Self::Stranger
            | Self::Leaving => self.of_the_people(),
            Self::Full
            | Self::Over
            | Self::BelowHeld
            | Self::SeatMoved
            | Self::HasSeat
            | Self::TooManyStay
            | Self::Lines => self.of_the_seats(),
            Self::PaysAlready
            | Self::NotPaid
            | Self::FirstPayment
            | Self::PastDue
            | Self::Pending
            | Self::Paused
            | Self::Ending
            | Self::Unclear => self.of_what_is_paid(),
            Self::NameMissing
            | Self::BadNumber
            | Self::BadDomain
            | Self::PriceGone
            | Self::SameNumber
            | Self::Outdated
            | Self::Declined
            | Self::TooMany => self.of_the_request(),
            Self::Stripe(trouble) => trouble.told(Attempt::Company),
            Self::Busy | Self::Unknown | Self::PortalNotConfigured | Self::Unavailable => {
                self.of_the_outside()
            }
        }
    }

    /// Who asks, and for whom.
    fn of_the_people(self) -> Told {
        match self {
            Self::NotSignedIn => Told {
                status: 401,
                title: "Sign in first.",
                meaning: "A company and its seats are shown to the people who belong to it. Nothing was changed.",
                next: "Sign in with Discord.",
                action: Some(("Sign in with Discord", "/login?next=%2Fcompany")),
            },
            Self::OwnersOnly => Told {
                status: 403,
                title: "Only an owner of the company may do this.",
                meaning: "Nothing was changed. Seats, and what is paid for them, stay as they are.",
                next: "Ask one of the owners; this page names them.",
                action: None,
            },
            Self::LastOwner => Told {
                status: 409,
                title: "A company needs an owner.",
                meaning: "Nothing was changed: without one nobody could decide over its seats and payments.",
                next: "Make somebody else an owner first.",
                action: None,
            },
            Self::Stranger => Told {
                status: 409,
                title: "This person is not with the company.",
                meaning: "Nothing was changed. Whoever looks after its seats holds one, or did before.",
                next: "Invite them first; once they have their seat, make them an admin.",
                action: None,
            },
            Self::Leaving => Told {
                status: 409,
                title: "Your account is being deleted.",
                meaning: "Nothing was changed and nothing was charged. An account that is going takes no seats along.",
                next: "Take the deletion back first, as long as it has not begun.",
                action: Some(("Your account", "/account")),
            },
            // Not there and not theirs: the page that is missing anyway.
            _ => Told {
                status: 404,
                title: "There is no such company of yours.",
                meaning: "Nothing was changed. Your own seats and your money are not affected.",
                next: "Your companies and seats are on one page.",
                action: Some(("Your companies", "/company")),
            },
        }
    }

    /// The seats do not allow it.
    fn of_the_seats(self) -> Told {
        match self {
            Self::Full => Told {
                status: 409,
                title: "No seat is free.",
                meaning: "Nobody was invited and nothing was charged. Invited people hold a seat too.",
                next: "Free a seat or take an invite back, or buy more seats.",
                action: None,
            },
            Self::Over => Told {
                status: 409,
                title: "More seats are held than paid.",
                meaning: "Nobody was invited and nothing was charged. First the seats that are held have to fit.",
                next: "Choose who makes way, or buy as many seats as are held.",
                action: None,
            },
            Self::BelowHeld => Told {
                status: 409,
                title: "That is fewer seats than are held.",
                meaning: "Nothing was changed and nothing was charged. Nobody loses a seat by a number alone.",
                next: "Free seats or take invites back first, until no more are held than you want to pay for.",
                action: None,
            },
            Self::HasSeat => Told {
                status: 409,
                title: "This person has a seat already.",
                meaning: "Nothing was changed: one person takes one seat of a plan.",
                next: "The list of seats shows it.",
                action: None,
            },
            Self::TooManyStay => Told {
                status: 409,
                title: "More would stay than there are paid seats.",
                meaning: "Nothing was changed: everybody keeps their seat for now.",
                next: "Choose as many to make way as the page asks for.",
                action: None,
            },
            Self::Lines => Told {
                status: 422,
                title: "Some lines cannot be invited.",
                meaning: "Nobody was invited and no seat was taken: it is all of the list or none of it.",
                next: "Mend the lines that are named, then send the list again.",
                action: None,
            },
            _ => Told {
                status: 409,
                title: "This seat is not what it was.",
                meaning: "No seat was changed by this. It was claimed, freed or invited anew while the page was open.",
                next: "This page shows how the seats are now.",
                action: None,
            },
        }
    }

    /// What the company pays does not allow it.
    fn of_what_is_paid(self) -> Told {
        match self {
            Self::PaysAlready => Told {
                status: 409,
                title: "This company pays for its seats already.",
                meaning: "Nothing was charged, and no second subscription was started.",
                next: "To have more or fewer seats, change their number.",
                action: None,
            },
            Self::NotPaid => Told {
                status: 409,
                title: "This company does not pay for seats now.",
                meaning: "Nothing was changed and nothing was charged.",
                next: "Buy seats to begin, or to begin anew.",
                action: None,
            },
            Self::FirstPayment => Told {
                status: 409,
                title: "The first payment is not confirmed yet.",
                meaning: "Nothing was changed. Seats open when Stripe has confirmed it.",
                next: "Wait until it is through; mostly that takes seconds.",
                action: None,
            },
            Self::PastDue => Told {
                status: 409,
                title: "A payment is missing, so the number of seats cannot be changed.",
                meaning: "Nothing was changed and nothing was charged by this. Seats stay as the page says.",
                next: "Settle the open payment first; then change the number.",
                action: None,
            },
            Self::Pending => Told {
                status: 409,
                title: "Another change of seats is still under way.",
                meaning: "Nothing was added to it, and nothing was charged by this.",
                next: "Wait until it is through or has lapsed, then choose again.",
                action: None,
            },
            Self::Paused => Told {
                status: 409,
                title: "The company’s subscription is paused.",
                meaning: "Nothing was changed and nothing was charged. While it is paused its number of seats stays.",
                next: "Resume it first; the people who run this community can do that at Stripe.",
                action: None,
            },
            Self::Ending => Told {
                status: 409,
                title: "The company’s subscription is set to end.",
                meaning: "Nothing was changed and nothing was charged. Until it ends its seats stay as they are.",
                next: "Renew it on your page at Stripe first; then change the number.",
                action: None,
            },
            _ => Told {
                status: 409,
                title: "The company’s subscription is being looked at.",
                meaning: "Nothing was changed and nothing was charged. Seats stay as they are. Stripe says something \
                          of it that we do not know.",
                next: "Come back later.",
                action: None,
            },
        }
    }

    /// What was asked for cannot be.
    fn of_the_request(self) -> Told {
        match self {
            Self::NameMissing => Told {
                status: 422,
                title: "The company has no name yet.",
                meaning: "Nothing was changed and nothing was charged.",
                next: "Write its name, up to 80 characters; it stands on the invites for its seats.",
                action: None,
            },
            Self::BadNumber => Told {
                status: 422,
                title: "That is not a number of seats we can sell.",
                meaning: "Nothing was changed and nothing was charged.",
                next: "Choose a whole number from 1 to 10,000.",
                action: None,
            },
            Self::BadDomain => Told {
                status: 422,
                title: "That is not a domain.",
                meaning: "No link was made, and no seat was taken.",
                next: "Write what stands behind the @ of your addresses, such as example.org, or nothing.",
                action: None,
            },
            Self::PriceGone => Told {
                status: 410,
                title: "This price is no longer on offer.",
                meaning: "Nothing was charged, and no seat was bought. The plans changed while the page was open.",
                next: "Choose from the plans as they are now.",
                action: None,
            },
            Self::SameNumber => Told {
                status: 409,
                title: "That is the number of seats there is.",
                meaning: "Nothing was changed and nothing was charged.",
                next: "Choose another number, or leave it as it is.",
                action: None,
            },
            Self::Outdated => Told {
                status: 409,
                title: "What you were shown is not true any more.",
                meaning: "Nothing was changed and nothing was charged. The seats moved meanwhile, or the page was \
                          open for long.",
                next: "Below is what it would cost now. Look at it once more before you confirm.",
                action: None,
            },
            Self::Declined => Told {
                status: 402,
                title: "The company’s card was refused.",
                meaning: "Nothing was charged, and the number of seats is what it was.",
                next: "Give another card at Stripe, then choose the number again.",
                action: None,
            },
            _ => Told {
                status: 429,
                title: "That was a lot of tries in a short time.",
                meaning: "The last one did nothing: no seat was changed and nothing was charged by it.",
                next: "Wait a minute, then try again.",
                action: None,
            },
        }
    }

    /// What is not known, not set up, or not to be read.
    fn of_the_outside(self) -> Told {
        match self {
            Self::Busy => Told {
                status: 409,
                title: "This company is being worked on just now.",
                meaning: "Nothing was changed and nothing was charged by this.",
                next: "Wait a few seconds, then try again.",
                action: None,
            },
            Self::Unknown => Told {
                status: 503,
                title: "Stripe gave no clear answer, so we do not know yet whether the change counted.",
                meaning: "It is looked up by itself within a minute or two. The company cannot be charged twice by it.",
                next: "Please do not choose again; look at this page in two minutes.",
                action: None,
            },
            Self::PortalNotConfigured => Told {
                status: 502,
                title: "Stripe’s pages for members are not set up yet.",
                meaning: "Nothing was changed. Seats and card stay as they are.",
                next: "Tell the people who run this community: their customer portal at Stripe has to be set up once.",
                action: None,
            },
            _ => Told {
                status: 503,
                title: "We cannot reach our own records right now.",
                meaning: "Seats and access stay as they are, and nothing is charged by this.",
                next: "Load the page again in a minute.",
                action: None,
            },
        }
    }
}

impl FromServerFnError for CompanyError {
    type Encoder = JsonEncoding;

    /// Only a request that did not arrive, or an answer that cannot be read, comes by here.
    fn from_server_fn_error(_: ServerFnErrorErr) -> Self {
        Self::Unavailable
    }
}

#[cfg(test)]
mod tests {
    use super::CompanyError;
    use std::collections::HashSet;

    #[test]
    fn every_error_has_words_of_its_own_that_speak_of_money_seats_or_access() {
        let titles: HashSet<_> = CompanyError::all()
            .map(|error| error.told().title)
            .collect();
        assert_eq!(titles.len(), CompanyError::all().count());
        for told in CompanyError::all().map(CompanyError::told) {
            assert!((400..600).contains(&told.status), "{told:?}");
            let texts = [told.title, told.meaning, told.next];
            assert!(
                texts
                    .iter()
                    .all(|text| !text.is_empty() && !text.contains('!')),
                "{told:?}"
            );
            let speaks = ["charged", "seat", "access", "Seats", "money"]
                .iter()
                .any(|word| told.meaning.contains(word));
            assert!(speaks, "{told:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_never_told_as_not_charged() {
        for error in [CompanyError::Unknown, CompanyError::Unavailable] {
            let meaning = error.told().meaning;
            assert!(!meaning.contains("nothing was charged"), "{error:?}");
            assert!(!meaning.contains("Nothing was changed"), "{error:?}");
        }
    }

    #[test]
    fn slugs_lead_back() {
        for error in CompanyError::all() {
            assert_eq!(CompanyError::from_slug(error.slug()), Some(error));
        }
        assert_eq!(CompanyError::from_slug("nonsense"), None);
    }

    #[test]
    fn the_texts_hold_the_limits() {
        let name = super::super::LONGEST_NAME.to_string();
        assert!(CompanyError::NameMissing.told().next.contains(&name));
        assert_eq!((super::super::FEWEST, super::super::MOST), (1, 10_000));
    }
}
