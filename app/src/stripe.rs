//! What can go wrong with Stripe, and what whoever waits is told of it. One list for everything
//! that is asked there; what else can go wrong with a checkout, the portal or a change is theirs.

use crate::page::Told;
use serde::{Deserialize, Serialize};

/// A failure of Stripe's, or of our way to it. Nothing that counts has happened there: where that
/// is not certain, whoever asked has an error of its own for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum StripeTrouble {
    /// No connection, or we do not ask for a moment because it is down.
    #[error("Stripe is unreachable")]
    Unreachable,
    /// No answer in time. Whatever came of it, trying again finds it by its key.
    #[error("Stripe did not answer in time")]
    TimedOut,
    /// Stripe answers with failures of its own.
    #[error("Stripe is failing")]
    Failing,
    /// Stripe takes no more requests from us for the moment.
    #[error("Stripe asks us to slow down")]
    Busy,
    /// Stripe does not take our key any more.
    #[error("Stripe refuses the key")]
    KeyRefused,
    /// Our key may not do this.
    #[error("the key lacks a right")]
    KeyLacksRight,
    /// The idempotency key was used for something else.
    #[error("the idempotency key was used for something else")]
    KeyReused,
    /// Refused for any other reason; a person has to look.
    #[error("Stripe refused what was asked")]
    Refused,
}

/// What Stripe was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    Checkout,
    Portal,
    Change,
    /// Whatever is asked for a company: seats, another number of them, its portal.
    Company,
}

impl Attempt {
    pub const ALL: [Self; 4] = [Self::Checkout, Self::Portal, Self::Change, Self::Company];

    /// What did not come of it, for money and access.
    fn untouched(self) -> &'static str {
        match self {
            Self::Checkout => "You were not charged, and nothing has started.",
            Self::Portal => "Nothing was changed. Your membership and your card stay as they are.",
            Self::Change => {
                "Nothing was changed and you were not charged. Your membership goes on as it was."
            }
            Self::Company => {
                "Nothing was changed and nothing was charged. The company’s seats stay as they are."
            }
        }
    }
}

impl StripeTrouble {
    pub const ALL: [Self; 8] = [
        Self::Unreachable,
        Self::TimedOut,
        Self::Failing,
        Self::Busy,
        Self::KeyRefused,
        Self::KeyLacksRight,
        Self::KeyReused,
        Self::Refused,
    ];

    /// The word in addresses and logs.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Unreachable => "stripe-unreachable",
            Self::TimedOut => "stripe-timed-out",
            Self::Failing => "stripe-failing",
            Self::Busy => "stripe-busy",
            Self::KeyRefused => "key-refused",
            Self::KeyLacksRight => "key-lacks-right",
            Self::KeyReused => "key-reused",
            Self::Refused => "stripe-refused",
        }
    }

    /// Whether it may pass by itself within moments; otherwise somebody has to mend something.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(
            self,
            Self::Unreachable | Self::TimedOut | Self::Failing | Self::Busy
        )
    }

    #[must_use]
    pub fn told(self, attempt: Attempt) -> Told {
        let (meaning, next) = match (self, attempt) {
            (Self::TimedOut, Attempt::Checkout) => (
                "You were not charged. If a payment page was opened, you have not seen it, and nothing is paid \
                 without you.",
                "Try again in a moment: you come to the same payment page, never to a second one.",
            ),
            _ => (attempt.untouched(), self.next()),
        };
        Told {
            status: self.status(),
            title: self.title(attempt),
            meaning,
            next,
            action: None,
        }
    }

    fn title(self, attempt: Attempt) -> &'static str {
        match (self, attempt) {
            (Self::Unreachable, _) => "Stripe cannot be reached.",
            (Self::TimedOut, _) => "Stripe did not answer in time.",
            (Self::Failing, _) => "Stripe has trouble of its own.",
            (Self::Busy, _) => "Stripe is busy and asks us to wait.",
            (Self::KeyRefused, _) => "Stripe does not let us in at the moment.",
            (Self::KeyLacksRight, _) => "We are not allowed to do this at Stripe.",
            (Self::KeyReused, _) => "Stripe took this for another request.",
            (Self::Refused, Attempt::Checkout) => "Stripe did not accept this checkout.",
            (Self::Refused, Attempt::Portal) => "Stripe did not open its pages for you.",
            (Self::Refused, Attempt::Change) => "Stripe did not accept this change.",
            (Self::Refused, Attempt::Company) => "Stripe did not accept this for the company.",
        }
    }

    fn next(self) -> &'static str {
        match self {
            Self::Unreachable | Self::TimedOut => {
                "Try again in a moment. Trying twice never charges twice."
            }
            Self::Failing => {
                "It mostly passes within minutes. Try again then; trying twice never charges twice."
            }
            Self::Busy => "Wait half a minute, then try again.",
            Self::KeyRefused => {
                "It is not your card: our own access to Stripe was refused. The people who run this community have \
                 to mend it; memberships that run are not affected."
            }
            Self::KeyLacksRight => {
                "It is not your card: our own key lacks a right. Tell the people who run this community; once they \
                 grant it, it works at once."
            }
            Self::KeyReused => "Choose again: a fresh request does not have that trouble.",
            Self::Refused => {
                "It is not your card, and trying again will hardly help. Tell the people who run this community; \
                 the time of day is enough for them to find it."
            }
        }
    }

    fn status(self) -> u16 {
        match self {
            Self::KeyReused => 409,
            Self::KeyRefused | Self::KeyLacksRight | Self::Refused => 502,
            _ => 503,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Attempt, StripeTrouble};
    use std::collections::HashSet;

    #[test]
    fn whatever_was_attempted_each_has_words_of_its_own() {
        for attempt in Attempt::ALL {
            let told = StripeTrouble::ALL.map(|trouble| trouble.told(attempt));
            let titles: HashSet<_> = told.iter().map(|told| told.title).collect();
            assert_eq!(titles.len(), told.len(), "{attempt:?}");
            for told in told {
                assert!((400..600).contains(&told.status), "{told:?}");
                assert!(!told.next.is_empty() && !told.title.contains('!'));
                let says = match attempt {
                    Attempt::Checkout | Attempt::Change => "not charged",
                    Attempt::Portal => "Nothing was changed",
                    Attempt::Company => "nothing was charged",
                };
                assert!(told.meaning.contains(says), "{told:?}");
            }
        }
    }
}
