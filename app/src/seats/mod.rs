//! Seats: how many are paid and held, who holds them, and what another number costs.

#[cfg(feature = "ssr")]
pub mod forms;
#[cfg(feature = "ssr")]
pub mod meter;
#[cfg(feature = "ssr")]
pub mod number;
#[cfg(feature = "ssr")]
pub mod over;
pub mod rule;
#[cfg(feature = "ssr")]
pub mod table;

use crate::billing::Card;
use crate::changes::{Confirmed, PlanPrice, ReceiptLine};
use crate::company::{CompanyError, CompanyRole};
use crate::money::Money;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// Rows of a page of seats.
pub const PAGE: i64 = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeatState {
    Invited,
    Claimed,
    Suspended,
    Revoked,
}

impl SeatState {
    pub const ALL: [Self; 4] = [Self::Invited, Self::Claimed, Self::Suspended, Self::Revoked];

    /// The word in rows and addresses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Claimed => "claimed",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }

    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// More seats are held than paid. Times are UTC epoch ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Over {
    pub by: i64,
    pub since: i64,
    /// From then on the newest make way by themselves.
    pub deadline: i64,
}

/// The seats of one plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    pub plan_id: String,
    pub plan: String,
    pub paid: i64,
    /// While fewer are being asked for at Stripe: no more than these are filled.
    pub ceiling: Option<i64>,
    pub claimed: i64,
    pub invited: i64,
    pub suspended: i64,
    pub over: Option<Over>,
    /// Whether its seats give anything now.
    pub open: bool,
    /// The seat of the one who looks.
    pub own_seat: Option<String>,
}

impl Pool {
    /// Invited and claimed both hold a seat.
    #[must_use]
    pub fn held(&self) -> i64 {
        self.claimed + self.invited
    }

    /// How many can be filled now.
    #[must_use]
    pub fn free(&self) -> i64 {
        if !self.open {
            return 0;
        }
        let most = self.ceiling.map_or(self.paid, |most| most.min(self.paid));
        (most - self.held()).max(0)
    }
}

/// What became of an invite's mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InviteMail {
    Waiting,
    Sent,
    /// The address does not take it.
    Refused,
    /// It could not be sent.
    Failed,
}

/// One seat in the table. Times are UTC epoch ms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    pub id: String,
    pub state: SeatState,
    /// Of a suspended or revoked one: what it was.
    pub was: Option<SeatState>,
    /// Who holds it, by their name at Discord.
    pub holder: Option<String>,
    pub holder_id: Option<String>,
    /// Whom the invite is for.
    pub email: Option<String>,
    pub domain: Option<String>,
    pub since: i64,
    /// Of an invite.
    pub expires_at: Option<i64>,
    pub mail: Option<InviteMail>,
    /// The holder also looks after the company.
    pub role: Option<CompanyRole>,
    /// A revoked one that can still be given back.
    pub undo: bool,
}

/// What the table is to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatQuery {
    pub plan_id: String,
    /// Part of a name or address.
    pub search: String,
    /// None is all but the revoked.
    pub state: Option<SeatState>,
    /// From 1.
    pub page: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatPage {
    pub seats: Vec<Seat>,
    pub page: i64,
    pub pages: i64,
    pub found: i64,
}

/// What another number of seats would cost, as Stripe reckons it; nothing has happened yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberPreview {
    pub seat: PlanPrice,
    pub from: i64,
    pub to: i64,
    /// Charged now.
    pub today: Money,
    /// How today's sum comes about; empty where nothing is charged.
    pub lines: Vec<ReceiptLine>,
    /// What is paid from the next renewal on, per period.
    pub then: Money,
    /// From when, UTC epoch ms.
    pub from_at: i64,
    /// What is kept as credit at Stripe, if fewer seats cost less than nothing.
    pub credit: Option<Money>,
    pub trialing: bool,
    pub card: Option<Card>,
    /// What was shown, sealed; handed back when it is confirmed.
    pub seen: String,
}

/// What the pages need of the server. Every function takes who asks, and of which company.
#[async_trait]
pub trait SeatsPort: Send + Sync {
    async fn seats(
        &self,
        user_id: &str,
        company_id: &str,
        query: &SeatQuery,
    ) -> Result<SeatPage, CompanyError>;

    /// An admin takes a seat.
    async fn take(
        &self,
        user_id: &str,
        company_id: &str,
        plan_id: &str,
    ) -> Result<(), CompanyError>;

    /// Frees a claimed or suspended seat, or takes an invite back. Safe to send twice.
    async fn free(
        &self,
        user_id: &str,
        company_id: &str,
        seat_id: &str,
    ) -> Result<(), CompanyError>;

    /// Gives a seat back that was freed a moment ago, if one is free.
    async fn undo(
        &self,
        user_id: &str,
        company_id: &str,
        seat_id: &str,
    ) -> Result<(), CompanyError>;

    /// A holder gives their own seat back.
    async fn leave(&self, user_id: &str, seat_id: &str) -> Result<(), CompanyError>;

    /// Of a pool that is over: whose seats would make way at the deadline.
    async fn fallback(
        &self,
        user_id: &str,
        company_id: &str,
        plan_id: &str,
    ) -> Result<Vec<Seat>, CompanyError>;

    /// Of a pool that is over: these seats (ids) make way now.
    async fn suspend(
        &self,
        user_id: &str,
        company_id: &str,
        plan_id: &str,
        seats: &[String],
    ) -> Result<(), CompanyError>;

    /// What `seats` of the plan would cost instead of those it has. Changes nothing.
    async fn preview(
        &self,
        user_id: &str,
        company_id: &str,
        seats: i64,
    ) -> Result<NumberPreview, CompanyError>;

    /// Does what the sealed preview showed, or says why not. Safe to send twice.
    async fn confirm(
        &self,
        user_id: &str,
        company_id: &str,
        seen: &str,
    ) -> Result<Confirmed, CompanyError>;

    /// The number a sealed preview was about, so that a fresh one can be shown.
    async fn seen_number(&self, user_id: &str, company_id: &str, seen: &str) -> Option<i64>;
}
