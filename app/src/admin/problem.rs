//! What an operator is told after a button was pressed.

use super::AdminError;
use crate::page::Told;
use leptos::server_fn::{codec::JsonEncoding, error::FromServerFnError, error::ServerFnErrorErr};

impl AdminError {
    pub const ALL: [Self; 5] = [
        Self::NotHere,
        Self::Changed,
        Self::NoReason,
        Self::WrongMode,
        Self::Unavailable,
    ];

    /// The word in `?problem=` of the desk's pages.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::NotHere => "not-here",
            Self::Changed => "changed",
            Self::NoReason => "no-reason",
            Self::WrongMode => "wrong-mode",
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
            Self::NotHere => Told {
                status: 404,
                title: "There is no page at this address.",
                meaning: "Your membership and your money are not affected.",
                next: "The link may be old, or a letter of it is missing.",
                action: None,
            },
            Self::Changed => Told {
                status: 409,
                title: "This changed while the page was open.",
                meaning: "Nothing was done.",
                next: "Look at it as it is now, then decide again.",
                action: None,
            },
            Self::NoReason => Told {
                status: 422,
                title: "A reason is needed.",
                meaning: "Nothing was done.",
                next: "Write in a few words why, for whoever reads the audit later.",
                action: None,
            },
            Self::WrongMode => Told {
                status: 409,
                title: "This event is from Stripe’s other mode.",
                meaning: "Nothing was done: test events never change live access, nor the other way.",
                next: "Mend the webhook endpoint at Stripe that sends here.",
                action: None,
            },
            Self::Unavailable => Told {
                status: 503,
                title: "Our own records cannot be read right now.",
                meaning: "Memberships and roles stay as they are. Nothing was done.",
                next: "Load the page again in a minute. The log says what the database answered.",
                action: None,
            },
        }
    }
}

impl FromServerFnError for AdminError {
    type Encoder = JsonEncoding;

    /// Only a request that did not arrive, or a form of other fields, comes by here.
    fn from_server_fn_error(_: ServerFnErrorErr) -> Self {
        Self::Unavailable
    }
}

/// What a button did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    Replayed,
    /// The event was handled again, and it is nobody's.
    NotForUs,
    Retried,
    RetriedAll,
    Dismissed,
    Approved,
    Declined,
    Allowed,
    Withdrawn,
    Frozen,
    Thawed,
    Lifted,
    Going,
    Moved,
}

impl Done {
    pub const ALL: [Self; 14] = [
        Self::Replayed,
        Self::NotForUs,
        Self::Retried,
        Self::RetriedAll,
        Self::Dismissed,
        Self::Approved,
        Self::Declined,
        Self::Allowed,
        Self::Withdrawn,
        Self::Frozen,
        Self::Thawed,
        Self::Lifted,
        Self::Going,
        Self::Moved,
    ];

    /// The word in `?done=`.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Replayed => "replayed",
            Self::NotForUs => "not-for-us",
            Self::Retried => "retried",
            Self::RetriedAll => "retried-all",
            Self::Dismissed => "dismissed",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Allowed => "allowed",
            Self::Withdrawn => "withdrawn",
            Self::Frozen => "frozen",
            Self::Thawed => "thawed",
            Self::Lifted => "lifted",
            Self::Going => "going",
            Self::Moved => "moved",
        }
    }

    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|done| done.slug() == slug)
    }

    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Replayed => "Marked. Whoever the event is about is read from Stripe again now.",
            Self::NotForUs => "Nothing to do: events of this type are about nobody here.",
            Self::Retried => "Marked. It is tried again now.",
            Self::RetriedAll => "Marked, all of them. They are tried again one after the other.",
            Self::Dismissed => "Closed. It opens again when it happens again.",
            Self::Approved => "Done. Everybody it touches is looked at now.",
            Self::Declined => "Declined. Roles stay as they are.",
            Self::Allowed => {
                "Allowed, for exactly these rights. Everybody who waits for the role gets it now."
            }
            Self::Withdrawn => "Taken back. Nobody else gets the role; who has it keeps it.",
            Self::Frozen => "Frozen. Nobody loses a role until you let removals go on.",
            Self::Thawed => "Removals go on. What was held is looked at again now.",
            Self::Lifted => "Lifted. What the brake held goes on now.",
            Self::Moved => {
                "Moved. Its roles go from the one to the other now, and both are told by mail."
            }
            Self::Going => "Roles are given and taken from now on. Everybody is looked at now.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AdminError, Done};
    use std::collections::HashSet;

    #[test]
    fn every_outcome_has_words_of_its_own() {
        let sentences: HashSet<_> = Done::ALL.map(Done::sentence).into_iter().collect();
        assert_eq!(sentences.len(), Done::ALL.len());
        for done in Done::ALL {
            assert_eq!(Done::from_slug(done.slug()), Some(done));
        }
        let titles: HashSet<_> = AdminError::ALL
            .map(|error| error.told().title)
            .into_iter()
            .collect();
        assert_eq!(titles.len(), AdminError::ALL.len());
        for error in AdminError::ALL {
            assert_eq!(AdminError::from_slug(error.slug()), Some(error));
            let told = error.told();
            assert!((400..600).contains(&told.status) && !told.next.is_empty());
        }
        assert_eq!(Done::from_slug("nonsense"), None);
    }
}
