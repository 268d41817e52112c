//! Stripe's published test cards and bank accounts, and how each behaves.

use super::records::Decline;

/// A test card, or a bank account that is debited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardKind {
    Visa,
    Mastercard,
    Amex,
    Declined,
    InsufficientFunds,
    Expired,
    WrongCvc,
    ProcessingError,
    /// Asks for 3-D Secure until it has been set up once; renewals then pass.
    AuthenticateOnce,
    /// Asks for 3-D Secure at every payment, renewals included.
    AuthenticateAlways,
    /// Attaches, and every charge fails.
    AttachThenFail,
    /// Asks for 3-D Secure and then has no money.
    AuthenticateThenFail,
    /// Pays, and the payment is disputed as fraudulent at once.
    Disputed,
    /// SEPA debit: whether it pays is known days later. It does.
    BankDebit,
    /// SEPA debit that the bank turns down days later.
    BankDebitFails,
}

struct Card {
    kind: CardKind,
    name: &'static str,
    number: &'static str,
    token: &'static str,
}

const fn card(
    kind: CardKind,
    name: &'static str,
    number: &'static str,
    token: &'static str,
) -> Card {
    Card {
        kind,
        name,
        number,
        token,
    }
}

const CARDS: [Card; 15] = [
    card(CardKind::Visa, "visa", "4242424242424242", "pm_card_visa"),
    card(
        CardKind::Mastercard,
        "mastercard",
        "5555555555554444",
        "pm_card_mastercard",
    ),
    card(CardKind::Amex, "amex", "378282246310005", "pm_card_amex"),
    card(
        CardKind::Declined,
        "declined",
        "4000000000000002",
        "pm_card_visa_chargeDeclined",
    ),
    card(
        CardKind::InsufficientFunds,
        "insufficient_funds",
        "4000000000009995",
        "pm_card_visa_chargeDeclinedInsufficientFunds",
    ),
    card(
        CardKind::Expired,
        "expired",
        "4000000000000069",
        "pm_card_chargeDeclinedExpiredCard",
    ),
    card(
        CardKind::WrongCvc,
        "incorrect_cvc",
        "4000000000000127",
        "pm_card_chargeDeclinedIncorrectCvc",
    ),
    card(
        CardKind::ProcessingError,
        "processing_error",
        "4000000000000119",
        "pm_card_chargeDeclinedProcessingError",
    ),
    card(
        CardKind::AuthenticateOnce,
        "authenticate_once",
        "4000002500003155",
        "pm_card_authenticationRequiredOnSetup",
    ),
    card(
        CardKind::AuthenticateAlways,
        "authenticate_always",
        "4000002760003184",
        "pm_card_authenticationRequired",
    ),
    card(
        CardKind::AttachThenFail,
        "attach_then_fail",
        "4000000000000341",
        "pm_card_chargeCustomerFail",
    ),
    card(
        CardKind::AuthenticateThenFail,
        "authenticate_then_fail",
        "4000008260003178",
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
    ),
    card(
        CardKind::Disputed,
        "disputed",
        "4000000000000259",
        "pm_card_createDispute",
    ),
    // Stripe's test accounts; they have no ready-made tokens.
    card(
        CardKind::BankDebit,
        "bank_debit",
        "DE89370400440532013000",
        "",
    ),
    card(
        CardKind::BankDebitFails,
        "bank_debit_fails",
        "DE62370400440532013001",
        "",
    ),
];

/// What a card answers to a charge.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Paid,
    Declined(Decline),
    /// A person has to authenticate first.
    Authenticate,
    /// The bank answers in days.
    Later,
}

/// Why a typed card cannot even be tried.
pub(super) const BAD_NUMBER: &str = "Your card number is invalid.";
pub(super) const UNKNOWN_NUMBER: &str = "Your card was declined. Your request was in test mode, but used a non test card. For a list of valid test cards, visit: https://stripe.com/docs/testing.";
pub(super) const BAD_EXPIRY: &str = "Your card's expiration date is incomplete or in the past.";
pub(super) const BAD_IBAN: &str = "Your IBAN is invalid.";
pub(super) const BAD_CVC: &str = "Your card's security code is incomplete.";
pub(super) const NOT_AUTHENTICATED: &str = "We are unable to authenticate your payment method. Please choose a different payment method and try again.";

impl CardKind {
    fn card(self) -> &'static Card {
        CARDS
            .iter()
            .find(|card| card.kind == self)
            .unwrap_or(&CARDS[0])
    }

    /// The kind of the world page and the control API: `visa`, `declined`, `authenticate_always`, …
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        CARDS
            .iter()
            .find(|card| card.name == name)
            .map(|card| card.kind)
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        self.card().name
    }

    #[must_use]
    pub fn number(self) -> &'static str {
        self.card().number
    }

    /// Every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        CARDS.iter().map(|card| card.kind)
    }

    pub(super) fn from_number(number: &str) -> Option<Self> {
        CARDS
            .iter()
            .find(|card| card.number == number)
            .map(|card| card.kind)
    }

    /// Stripe's ready-made payment methods, `pm_card_visa` and so on.
    pub(super) fn from_token(token: &str) -> Option<Self> {
        CARDS
            .iter()
            .find(|card| card.token == token && !token.is_empty())
            .map(|card| card.kind)
    }

    pub(super) fn brand(self) -> &'static str {
        match self {
            Self::Mastercard => "mastercard",
            Self::Amex => "amex",
            _ => "visa",
        }
    }

    pub(super) fn last4(self) -> &'static str {
        let number = self.card().number;
        &number[number.len() - 4..]
    }

    /// A bank account, whose payments are known days later.
    pub(super) fn is_debit(self) -> bool {
        matches!(self, Self::BankDebit | Self::BankDebitFails)
    }

    /// What the bank says of a debit at last.
    pub(super) fn debited(self) -> Result<(), Decline> {
        match self {
            Self::BankDebitFails => Err(Decline {
                code: "insufficient_funds",
                decline_code: None,
                message: "The customer's account has insufficient funds to cover this payment.",
            }),
            _ => Ok(()),
        }
    }

    /// May the card be saved to a customer? Cards that decline at the bank's check do not attach.
    pub(super) fn attaches(self) -> Result<(), Decline> {
        match self {
            Self::Declined
            | Self::InsufficientFunds
            | Self::Expired
            | Self::WrongCvc
            | Self::ProcessingError => match self.charge(true, true) {
                Answer::Declined(decline) => Err(decline),
                Answer::Paid | Answer::Authenticate | Answer::Later => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Must a person authenticate when the card is entered?
    pub(super) fn asks_at_setup(self) -> bool {
        matches!(
            self,
            Self::AuthenticateOnce | Self::AuthenticateAlways | Self::AuthenticateThenFail
        )
    }

    /// The answer to a charge: `authenticated` now by the person, or `set_up` by an earlier authentication.
    pub(super) fn charge(self, authenticated: bool, set_up: bool) -> Answer {
        let decline = |code, decline_code, message| {
            Answer::Declined(Decline {
                code,
                decline_code,
                message,
            })
        };
        let funds = || {
            decline(
                "card_declined",
                Some("insufficient_funds"),
                "Your card has insufficient funds.",
            )
        };
        match self {
            Self::Visa | Self::Mastercard | Self::Amex | Self::Disputed => Answer::Paid,
            Self::BankDebit | Self::BankDebitFails => Answer::Later,
            Self::Declined | Self::AttachThenFail => decline(
                "card_declined",
                Some("generic_decline"),
                "Your card was declined.",
            ),
            Self::InsufficientFunds => funds(),
            Self::Expired => decline("expired_card", None, "Your card has expired."),
            Self::WrongCvc => decline(
                "incorrect_cvc",
                None,
                "Your card's security code is incorrect.",
            ),
            Self::ProcessingError => decline(
                "processing_error",
                None,
                "An error occurred while processing your card. Try again in a little bit.",
            ),
            Self::AuthenticateOnce if authenticated || set_up => Answer::Paid,
            Self::AuthenticateAlways if authenticated => Answer::Paid,
            Self::AuthenticateThenFail if authenticated || set_up => funds(),
            Self::AuthenticateOnce | Self::AuthenticateAlways | Self::AuthenticateThenFail => {
                Answer::Authenticate
            }
        }
    }
}

/// A card as typed into a hosted page.
#[derive(Clone, Copy, Debug)]
pub(super) struct TypedCard {
    pub kind: CardKind,
    pub exp_month: i64,
    pub exp_year: i64,
}

/// Reads number, `MM / YY` and security code; `today` is (year, month).
pub(super) fn read(
    number: &str,
    exp: &str,
    cvc: &str,
    today: (i64, i64),
) -> Result<TypedCard, &'static str> {
    let digits: String = number
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .collect();
    if digits.len() < 13 || !digits.bytes().all(|byte| byte.is_ascii_digit()) || !luhn(&digits) {
        return Err(BAD_NUMBER);
    }
    let exp: String = exp.chars().filter(|c| !c.is_whitespace()).collect();
    let (month, year) = exp
        .split_once(['/', '-'])
        .or_else(|| exp.split_at_checked(2))
        .ok_or(BAD_EXPIRY)?;
    let month: i64 = month.parse().map_err(|_| BAD_EXPIRY)?;
    let year: i64 = year.parse().map_err(|_| BAD_EXPIRY)?;
    let year = if year < 100 { 2000 + year } else { year };
    if !(1..=12).contains(&month) || (year, month) < today || year > today.0 + 50 {
        return Err(BAD_EXPIRY);
    }
    if !(3..=4).contains(&cvc.trim().len()) || !cvc.trim().bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(BAD_CVC);
    }
    let kind = CardKind::from_number(&digits).ok_or(UNKNOWN_NUMBER)?;
    Ok(TypedCard {
        kind,
        exp_month: month,
        exp_year: year,
    })
}

/// Reads an IBAN.
pub(super) fn read_iban(iban: &str) -> Result<TypedCard, &'static str> {
    let iban: String = iban.chars().filter(|c| !c.is_whitespace()).collect();
    CardKind::from_number(&iban)
        .filter(|kind| kind.is_debit())
        .map(|kind| TypedCard {
            kind,
            exp_month: 0,
            exp_year: 0,
        })
        .ok_or(BAD_IBAN)
}

fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            match (place % 2, digit * 2) {
                (0, _) => digit,
                (_, double) if double > 9 => double - 9,
                (_, double) => double,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_card_is_read_and_others_are_not() {
        for card in CARDS.iter().filter(|card| !card.kind.is_debit()) {
            let typed = read(card.number, "12 / 34", "1234", (2026, 11)).expect(card.name);
            assert_eq!(typed.kind, card.kind);
            assert_eq!((typed.exp_month, typed.exp_year), (12, 2034));
        }
        let read = |number, exp, cvc| read(number, exp, cvc, (2026, 11)).map(|typed| typed.kind);
        assert_eq!(read("4242 4242 4242 4241", "12/34", "123"), Err(BAD_NUMBER));
        assert_eq!(
            read("4111 1111 1111 1111", "12/34", "123"),
            Err(UNKNOWN_NUMBER)
        );
        assert_eq!(read("4242424242424242", "10/26", "123"), Err(BAD_EXPIRY));
        assert_eq!(read("4242424242424242", "13/30", "123"), Err(BAD_EXPIRY));
        assert_eq!(read("4242424242424242", "", "123"), Err(BAD_EXPIRY));
        assert_eq!(read("4242424242424242", "1130", "12"), Err(BAD_CVC));
        assert_eq!(
            read("4242-4242-4242-4242", "1126", "123"),
            Ok(CardKind::Visa)
        );
        let iban = |text| read_iban(text).map(|typed| typed.kind);
        assert_eq!(iban("DE89 3704 0044 0532 0130 00"), Ok(CardKind::BankDebit));
        assert_eq!(iban("DE00 3704 0044 0532 0130 00"), Err(BAD_IBAN));
        assert_eq!(iban("4242424242424242"), Err(BAD_IBAN));
        assert_eq!(CardKind::from_token(""), None);
    }
}
