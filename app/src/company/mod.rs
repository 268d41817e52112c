//! Companies: founding one, who looks after it, what it pays.

#[cfg(feature = "ssr")]
pub mod doing;
#[cfg(feature = "ssr")]
pub mod forms;
#[cfg(feature = "ssr")]
pub mod headline;
#[cfg(feature = "ssr")]
pub mod holder;
#[cfg(feature = "ssr")]
pub mod list;
#[cfg(feature = "ssr")]
mod look;
pub mod name;
#[cfg(feature = "ssr")]
pub mod new;
#[cfg(feature = "ssr")]
mod notices;
#[cfg(feature = "ssr")]
pub mod page;
#[cfg(feature = "ssr")]
mod particulars;
#[cfg(feature = "ssr")]
mod people;
pub mod picker;
pub mod problem;
#[cfg(feature = "ssr")]
pub mod said;

use crate::billing::{Card, InvoiceLine};
use crate::changes::PlanPrice;
use crate::money::Money;
use crate::seats::Pool;
use crate::stripe::StripeTrouble;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// The fewest and the most seats that are sold at once.
pub const FEWEST: i64 = 1;
pub const MOST: i64 = 10_000;
/// The longest name of a company, in characters.
pub const LONGEST_NAME: usize = 80;

/// Why nothing came of what was asked of a company or its seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum CompanyError {
    #[error("nobody is signed in")]
    NotSignedIn,
    /// Not there, or not the asker's: told alike.
    #[error("there is no such company")]
    NotFound,
    /// An admin asked for what is the owner's.
    #[error("only an owner may do this")]
    OwnersOnly,
    #[error("the company has no name")]
    NameMissing,
    #[error("that is not a number of seats")]
    BadNumber,
    /// Of those whose addresses may claim.
    #[error("that is not a domain")]
    BadDomain,
    /// Archived, or not a plan for companies.
    #[error("the price is not on offer")]
    PriceGone,
    /// It has a subscription that is not over.
    #[error("the company pays already")]
    PaysAlready,
    /// It has no subscription that gives seats.
    #[error("the company does not pay for seats")]
    NotPaid,
    /// All paid seats are held.
    #[error("no seat is free")]
    Full,
    /// More seats are held than paid.
    #[error("more seats are held than paid")]
    Over,
    /// Fewer seats were asked for than are held.
    #[error("fewer than are held")]
    BelowHeld,
    #[error("that is the number it has")]
    SameNumber,
    /// The seat is not what it was when the page was made.
    #[error("the seat changed meanwhile")]
    SeatMoved,
    #[error("the person has a seat already")]
    HasSeat,
    /// More were chosen to stay than are paid, or none of them is there.
    #[error("too many are to stay")]
    TooManyStay,
    #[error("a company needs an owner")]
    LastOwner,
    /// Whoever is made admin holds a seat first.
    #[error("the person is not with this company")]
    Stranger,
    /// Lines of a list of invites are wrong: none of them was sent.
    #[error("some lines cannot be invited")]
    Lines,
    #[error("the first payment is not confirmed")]
    FirstPayment,
    #[error("a payment is missing")]
    PastDue,
    #[error("another change is pending")]
    Pending,
    #[error("collection is paused")]
    Paused,
    #[error("the subscription is ending")]
    Ending,
    /// What was shown is not true any more.
    #[error("what was shown is outdated")]
    Outdated,
    #[error("the card was refused")]
    Declined,
    #[error("the subscription is unclear")]
    Unclear,
    /// The asker's account is being deleted.
    #[error("the account is being deleted")]
    Leaving,
    #[error("too many tries; wait a minute")]
    TooMany,
    #[error("another request is being worked on")]
    Busy,
    /// Asked of Stripe, and not answered: looked up again by itself.
    #[error("what the request did is unknown")]
    Unknown,
    #[error("the portal is not configured")]
    PortalNotConfigured,
    #[error(transparent)]
    Stripe(#[from] StripeTrouble),
    #[error("our own database did not answer")]
    Unavailable,
}

/// What somebody may do with a company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompanyRole {
    /// Seats, invites and what is paid.
    Admin,
    /// The same, and who else may.
    Owner,
}

impl CompanyRole {
    /// The word in rows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "admin" => Some(Self::Admin),
            "owner" => Some(Self::Owner),
            _ => None,
        }
    }
}

/// How the company stands with Stripe; decides the sentence of its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompanyStanding {
    /// Founded, and never paid.
    NotPaid,
    /// Stripe has not confirmed the first payment yet.
    Activating,
    Active,
    Trial,
    /// Paid until `ends_at`.
    Ending,
    /// A payment is missing; seats stay until `ends_at`.
    PastDue,
    Paused,
    /// Nothing is paid any more: seats give nothing.
    Ended,
    /// The payment for it is disputed, or went back.
    Withdrawn,
    /// Stripe says something we do not know: things stay as they are.
    Unclear,
}

/// What a company pays for, as its admins see it. Times are UTC epoch ms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paying {
    pub standing: CompanyStanding,
    /// Price of one seat; none while nothing was ever paid.
    pub seat: Option<PlanPrice>,
    /// Seats of the subscription.
    pub seats: i64,
    /// Price times seats.
    pub sum: Option<Money>,
    pub renews_at: Option<i64>,
    /// When access ends or ended.
    pub ends_at: Option<i64>,
    /// Stripe's page of the oldest open invoice, while a payment is missing or more seats wait for
    /// theirs.
    pub owed: Option<String>,
    /// More seats that wait for their payment: how many there are then.
    pub pending_seats: Option<i64>,
    /// Whether the number of seats can be changed now; otherwise why not.
    pub may_change: Result<(), CompanyError>,
    pub card: Option<Card>,
    pub invoices: Vec<InvoiceLine>,
}

/// Somebody who looks after a company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanyPerson {
    pub user_id: String,
    pub name: String,
    pub role: CompanyRole,
    /// UTC epoch ms.
    pub since: i64,
    /// The one who looks.
    pub own: bool,
}

/// A company as its admins see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Company {
    pub id: String,
    pub name: String,
    pub role: CompanyRole,
    pub paying: Paying,
    /// A pool per plan that it pays for or has seats of; the fullest first. Empty until it paid.
    pub pools: Vec<Pool>,
    pub people: Vec<CompanyPerson>,
}

/// A seat, as whoever holds it sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldSeat {
    pub seat_id: String,
    pub company_id: String,
    pub company: String,
    pub plan: String,
    /// UTC epoch ms.
    pub since: i64,
    pub gives: SeatGives,
    /// Names of whom to ask, owners first.
    pub ask: Vec<String>,
    /// An own subscription runs beside it, and renews.
    pub own_runs: bool,
}

/// What a held seat does. Times are UTC epoch ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeatGives {
    Access,
    /// Access until then: the company stops paying, or has a payment missing.
    Until {
        at: i64,
        payment_missing: bool,
    },
    /// Nothing: the company pays for fewer seats than are held.
    Suspended,
    /// Nothing: the company does not pay.
    Lapsed,
    /// Things stay as they are.
    Unclear,
}

/// What a page of one company shows: it depends on who looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seen {
    Admin(Box<Company>),
    Holder(HeldSeat),
}

/// A company in the list of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnCompany {
    pub id: String,
    pub name: String,
    pub role: CompanyRole,
    /// Held (invited and claimed) and paid seats, all plans together.
    pub held: i64,
    pub paid: i64,
}

/// The companies one belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Belongs {
    pub companies: Vec<OwnCompany>,
    pub seats: Vec<HeldSeat>,
}

/// A company to be founded, or seats to be bought for one that does not pay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// Made with the form, so that sending it twice founds one company; `com_…`.
    pub company_id: String,
    /// None where the company is there already.
    pub name: Option<String>,
    /// Stripe's price id.
    pub price_id: String,
    pub seats: i64,
}

/// What the pages need of the server. Every function takes who asks.
#[async_trait]
pub trait CompanyPort: Send + Sync {
    async fn belongs(&self, user_id: &str) -> Result<Belongs, CompanyError>;

    /// An id for a company that is about to be founded.
    fn new_id(&self) -> String;

    /// Founds the company if it is new, and leads to Stripe: the address to go to. Safe to send
    /// twice.
    async fn buy(&self, user_id: &str, purchase: &Purchase) -> Result<String, CompanyError>;

    /// A company as whoever asks may see it.
    async fn company(&self, user_id: &str, company_id: &str) -> Result<Seen, CompanyError>;

    /// Reads Stripe for whoever comes back from paying there; too slow, and what is known counts.
    async fn returned(&self, user_id: &str, company_id: &str) -> Result<(), CompanyError>;

    /// The address of Stripe's portal: cards, invoices, tax id, cancelling.
    async fn portal(&self, user_id: &str, company_id: &str) -> Result<String, CompanyError>;

    async fn rename(&self, user_id: &str, company_id: &str, name: &str)
    -> Result<(), CompanyError>;

    /// Makes somebody with a seat an admin, an admin an owner, or an owner an admin.
    async fn appoint(
        &self,
        user_id: &str,
        company_id: &str,
        whom: &str,
        role: CompanyRole,
    ) -> Result<(), CompanyError>;

    /// Takes somebody's role, one's own too; their seat stays.
    async fn dismiss(
        &self,
        user_id: &str,
        company_id: &str,
        whom: &str,
    ) -> Result<(), CompanyError>;
}
