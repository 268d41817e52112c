//! What a person is told when the link in a mail does not work.

use super::{MailProblem, Trouble};
use crate::page::Told;
use leptos::server_fn::{codec::JsonEncoding, error::FromServerFnError, error::ServerFnErrorErr};

impl MailProblem {
    pub const ALL: [Self; 2] = [Self::BadLink, Self::Unavailable];

    #[must_use]
    pub fn told(self) -> Told {
        match self {
            Self::BadLink => Told {
                status: 404,
                title: "This link does not work.",
                meaning: "Nothing was changed. Your membership and your payments have nothing to do with it.",
                next: "Open the link in the newest mail you have from us: it may have been cut off, or be an old one.",
                action: None,
            },
            Self::Unavailable => Told {
                status: 503,
                title: "We cannot reach our own records right now.",
                meaning: "Nothing was changed. Your membership and your payments are not affected.",
                next: "Open the link again in a minute.",
                action: None,
            },
        }
    }
}

impl Trouble {
    /// Title and text of the dashboard's notice.
    #[must_use]
    pub fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::AddressRefused => (
                "We could not reach you by mail at the address Discord gave us.",
                "Your membership and your payments are not affected. Put the address right in Discord under \
                 User Settings, My Account, then sign out and in again here.",
            ),
            Self::Delayed => (
                "Mail to you is delayed.",
                "Our mail server does not answer, and we keep trying. Your membership and your payments are not \
                 affected: this page says what is so.",
            ),
        }
    }
}

impl FromServerFnError for MailProblem {
    type Encoder = JsonEncoding;

    /// Only a request that did not arrive, or an answer that cannot be read, comes by here.
    fn from_server_fn_error(_: ServerFnErrorErr) -> Self {
        Self::Unavailable
    }
}

#[cfg(test)]
mod tests {
    use super::MailProblem;

    #[test]
    fn every_problem_has_words_of_its_own() {
        let [bad, down] = MailProblem::ALL.map(MailProblem::told);
        assert_ne!(bad.title, down.title);
        for told in [bad, down] {
            assert!((400..600).contains(&told.status), "{told:?}");
            assert!(
                !told.meaning.is_empty() && !told.next.is_empty(),
                "{told:?}"
            );
        }
    }
}
