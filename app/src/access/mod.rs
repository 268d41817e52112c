//! Who has access, and why: one pure function. No I/O and no clock inside, so the same code
//! runs on the server, in the tests and in the browser.

mod decide;
#[cfg(test)]
mod tests;
mod unread;

pub use decide::{access, best};
pub use unread::{HOLD_MS, Unread, unread};

use serde::{Deserialize, Serialize};

/// A subscription's status as Stripe tells it. New words can appear at any time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    Trialing,
    Active,
    PastDue,
    Unpaid,
    Canceled,
    Incomplete,
    IncompleteExpired,
    Paused,
    /// A word we do not know.
    Unknown(String),
}

impl Status {
    #[must_use]
    pub fn from_stripe(word: &str) -> Self {
        match word {
            "trialing" => Self::Trialing,
            "active" => Self::Active,
            "past_due" => Self::PastDue,
            "unpaid" => Self::Unpaid,
            "canceled" => Self::Canceled,
            "incomplete" => Self::Incomplete,
            "incomplete_expired" => Self::IncompleteExpired,
            "paused" => Self::Paused,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// Stripe's word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Trialing => "trialing",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Unpaid => "unpaid",
            Self::Canceled => "canceled",
            Self::Incomplete => "incomplete",
            Self::IncompleteExpired => "incomplete_expired",
            Self::Paused => "paused",
            Self::Unknown(word) => word,
        }
    }

    /// Whether Stripe will never change it again.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }
}

/// What happened to the payment that covers the current period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PaymentFate {
    /// Nothing, or a dispute that was won.
    #[default]
    Kept,
    /// A dispute is open or lost.
    Disputed,
    /// Refunded in full.
    Refunded,
}

impl PaymentFate {
    /// The word rows use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Disputed => "disputed",
            Self::Refunded => "refunded",
        }
    }
}

/// What Stripe says of one subscription. Times are UTC epoch ms.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SubscriptionFacts {
    pub status: Status,
    pub period_start: Option<i64>,
    pub period_end: Option<i64>,
    pub cancel_at: Option<i64>,
    pub cancel_at_period_end: bool,
    pub trial_end: Option<i64>,
    /// `pause_collection` is set.
    pub collection_paused: bool,
    /// While it is paused: the end of the last period that was paid. Stripe begins new periods
    /// all the same, and leaves their invoices void, uncollectible or drafts.
    pub paid_until: Option<i64>,
    /// When the oldest unpaid invoice was finalised, or fell due.
    pub unpaid_since: Option<i64>,
    pub payment: PaymentFate,
}

impl SubscriptionFacts {
    /// When it is to end by somebody's wish: `cancel_at`, or the period's end.
    #[must_use]
    pub fn ends_at(&self) -> Option<i64> {
        match (self.cancel_at, self.cancel_at_period_end) {
            (Some(at), _) => Some(at),
            (None, true) => self.period_end,
            (None, false) => None,
        }
    }
}

/// What a one-time payment bought. Times are UTC epoch ms.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PassFacts {
    /// The session is `paid` or `no_payment_required`.
    pub paid: bool,
    /// None is for life.
    pub ends_at: Option<i64>,
    pub payment: PaymentFate,
}

/// A plan given or withheld by hand.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ExceptionFacts {
    pub gives: bool,
    pub expires_at: Option<i64>,
}

/// What an entitlement rests on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Facts {
    Subscription(SubscriptionFacts),
    Pass(PassFacts),
    Exception(ExceptionFacts),
}

/// What the operator decided. Days are whole days of 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub grace_days: u16,
    pub dispute_denies: bool,
    pub refund_denies: bool,
    /// A paused collection keeps access past the last paid period.
    pub pause_keeps: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            grace_days: 7,
            dispute_denies: true,
            refund_denies: false,
            pause_keeps: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Decision {
    Granted,
    /// Access stays until then although a payment is missing.
    Grace {
        until: i64,
    },
    Denied,
    /// We do not understand what Stripe says: keep what is, raise drift.
    Hold,
}

/// Why, closed and typed; the pages have a sentence for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    Paid,
    Trial,
    Ending,
    PaymentMissing,
    GraceOver,
    Unpaid,
    Ended,
    Replaced,
    FirstPaymentMissing,
    Paused,
    PausedPaidUp,
    Disputed,
    Refunded,
    NotPaid,
    PassRunning,
    PassOver,
    Given,
    Withheld,
    ExceptionOver,
    UnknownStatus,
    Moved,
    Deleted,
    SeatSuspended,
    SeatEnded,
}

impl Reason {
    pub const ALL: [Self; 24] = [
        Self::Paid,
        Self::Trial,
        Self::Ending,
        Self::PaymentMissing,
        Self::GraceOver,
        Self::Unpaid,
        Self::Ended,
        Self::Replaced,
        Self::FirstPaymentMissing,
        Self::Paused,
        Self::PausedPaidUp,
        Self::Disputed,
        Self::Refunded,
        Self::NotPaid,
        Self::PassRunning,
        Self::PassOver,
        Self::Given,
        Self::Withheld,
        Self::ExceptionOver,
        Self::UnknownStatus,
        Self::Moved,
        Self::Deleted,
        Self::SeatSuspended,
        Self::SeatEnded,
    ];

    /// The word rows and logs use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Trial => "trial",
            Self::Ending => "ending",
            Self::PaymentMissing => "payment_missing",
            Self::GraceOver => "grace_over",
            Self::Unpaid => "unpaid",
            Self::Ended => "ended",
            Self::Replaced => "replaced",
            Self::FirstPaymentMissing => "first_payment_missing",
            Self::Paused => "paused",
            Self::PausedPaidUp => "paused_paid_up",
            Self::Disputed => "disputed",
            Self::Refunded => "refunded",
            Self::NotPaid => "not_paid",
            Self::PassRunning => "pass_running",
            Self::PassOver => "pass_over",
            Self::Given => "given",
            Self::Withheld => "withheld",
            Self::ExceptionOver => "exception_over",
            Self::UnknownStatus => "unknown_status",
            Self::Moved => "moved",
            Self::Deleted => "deleted",
            Self::SeatSuspended => "seat_suspended",
            Self::SeatEnded => "seat_ended",
        }
    }

    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// A sentence for people.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Paid => "The membership is paid.",
            Self::Trial => "The free trial is running.",
            Self::Ending => "It is paid until it ends.",
            Self::PaymentMissing => "A payment is missing; access stays for now.",
            Self::GraceOver => "A payment is missing and the time to settle it is over.",
            Self::Unpaid => "Its invoices were not paid.",
            Self::Ended => "The subscription has ended.",
            Self::Replaced => "The subscription now gives another plan.",
            Self::FirstPaymentMissing => "The first payment has not gone through.",
            Self::Paused => "The subscription is paused.",
            Self::PausedPaidUp => "It is paused, and paid until the period ends.",
            Self::Disputed => "The payment for it is disputed at the bank.",
            Self::Refunded => "The payment for it was refunded.",
            Self::NotPaid => "The pass has not been paid.",
            Self::PassRunning => "The pass is paid and running.",
            Self::PassOver => "The pass has ended.",
            Self::Given => "The operator gave it.",
            Self::Withheld => "The operator withheld it.",
            Self::ExceptionOver => "The operator's exception has ended.",
            Self::UnknownStatus => "Stripe says something we do not know, so nothing changes.",
            Self::Moved => "The membership was moved to another Discord account.",
            Self::Deleted => "The account is being deleted.",
            Self::SeatSuspended => "The company pays for fewer seats than are held.",
            Self::SeatEnded => "The seat was given back or taken.",
        }
    }
}

/// The answer: what, why, and when time alone could change it (UTC epoch ms).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Access {
    pub decision: Decision,
    pub reason: Reason,
    pub look_again: Option<i64>,
}
