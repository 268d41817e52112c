//! What a person is told whose card was refused on Stripe's page, when they are back on ours.

use serde::{Deserialize, Serialize};

/// Why a card was refused, from Stripe's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CardRefusal {
    Declined,
    InsufficientFunds,
    Expired,
    /// The bank asked for a confirmation and did not get it.
    NotAuthenticated,
    /// Number, expiry date or security code were wrong.
    WrongDetails,
}

impl CardRefusal {
    pub const ALL: [Self; 5] = [
        Self::Declined,
        Self::InsufficientFunds,
        Self::Expired,
        Self::NotAuthenticated,
        Self::WrongDetails,
    ];

    /// From `code` and `decline_code` of a payment's last error. What is not known is a decline.
    #[must_use]
    pub fn from_stripe(code: &str, decline_code: Option<&str>) -> Self {
        match (code, decline_code) {
            (_, Some("insufficient_funds")) => Self::InsufficientFunds,
            ("expired_card", _) | (_, Some("expired_card")) => Self::Expired,
            ("authentication_required" | "payment_intent_authentication_failure", _)
            | (_, Some("authentication_required")) => Self::NotAuthenticated,
            (
                "incorrect_cvc"
                | "invalid_cvc"
                | "incorrect_number"
                | "invalid_number"
                | "invalid_expiry_month"
                | "invalid_expiry_year"
                | "incorrect_zip",
                _,
            ) => Self::WrongDetails,
            _ => Self::Declined,
        }
    }

    /// The word in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::InsufficientFunds => "insufficient_funds",
            Self::Expired => "expired",
            Self::NotAuthenticated => "not_authenticated",
            Self::WrongDetails => "wrong_details",
        }
    }

    /// What happened, and what to do: a title and a text. That nothing was charged is in each.
    #[must_use]
    pub fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Declined => (
                "Your bank declined the card.",
                "You were not charged, and nothing has started. Your bank knows why; another card works at once.",
            ),
            Self::InsufficientFunds => (
                "There was not enough money on the card.",
                "You were not charged, and nothing has started. Choose the plan again with another card, or when \
                 there is.",
            ),
            Self::Expired => (
                "The card has expired.",
                "You were not charged, and nothing has started. Choose the plan again with a card that is valid.",
            ),
            Self::NotAuthenticated => (
                "Your bank did not get your confirmation.",
                "You were not charged, and nothing has started. Choose the plan again, and confirm the payment when \
                 your bank asks.",
            ),
            Self::WrongDetails => (
                "The card’s details were not right.",
                "You were not charged, and nothing has started. Choose the plan again, and look at number, date and \
                 security code.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CardRefusal;
    use std::collections::HashSet;

    #[test]
    fn stripes_words_lead_to_ours() {
        for (code, decline, refusal) in [
            (
                "card_declined",
                Some("generic_decline"),
                CardRefusal::Declined,
            ),
            (
                "card_declined",
                Some("insufficient_funds"),
                CardRefusal::InsufficientFunds,
            ),
            ("expired_card", Some("expired_card"), CardRefusal::Expired),
            (
                "payment_intent_authentication_failure",
                None,
                CardRefusal::NotAuthenticated,
            ),
            (
                "card_declined",
                Some("authentication_required"),
                CardRefusal::NotAuthenticated,
            ),
            (
                "incorrect_cvc",
                Some("incorrect_cvc"),
                CardRefusal::WrongDetails,
            ),
            ("something_new", None, CardRefusal::Declined),
        ] {
            assert_eq!(CardRefusal::from_stripe(code, decline), refusal, "{code}");
        }
    }

    #[test]
    fn each_has_words_of_its_own_and_says_that_nothing_was_charged() {
        let titles: HashSet<_> = CardRefusal::ALL.map(|refusal| refusal.told().0).into();
        assert_eq!(titles.len(), CardRefusal::ALL.len());
        for (title, text) in CardRefusal::ALL.map(CardRefusal::told) {
            assert!(text.starts_with("You were not charged") && !title.contains('!'));
        }
    }
}
