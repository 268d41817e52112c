//! What the brake, the freeze and observing hold back, as the desk shows it.

/// Why somebody loses a role, as the brake counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossCause {
    /// Their subscription or pass ended, and Stripe said so.
    Ended,
    /// Stripe does not know their customer.
    Missing,
    /// The plan no longer gives the role.
    Mapping,
    /// A look at everybody found that they have what nothing gives them.
    Reconcile,
}

impl LossCause {
    pub const ALL: [Self; 4] = [Self::Ended, Self::Missing, Self::Mapping, Self::Reconcile];

    /// The word in rows and forms.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Missing => "missing",
            Self::Mapping => "mapping",
            Self::Reconcile => "reconcile",
        }
    }

    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.word() == word)
    }

    /// What is counted: "12 …".
    #[must_use]
    pub fn counted(self) -> &'static str {
        match self {
            Self::Ended => "payers’ memberships ended",
            Self::Missing => "people’s customers are unknown to Stripe",
            Self::Mapping => "people would lose a role that left their plan",
            Self::Reconcile => "people were found with a role that nothing gives them",
        }
    }

    /// What is said of somebody whom it holds.
    #[must_use]
    pub fn held(self) -> &'static str {
        match self {
            Self::Ended => "many memberships ended within an hour; the brake holds it",
            Self::Missing => "Stripe does not know many customers; the brake holds it",
            Self::Mapping => "the role left a plan of many people; the brake holds it",
            Self::Reconcile => "a look at everybody found many; the brake holds it",
        }
    }
}

/// A switch that is on: who put it there, and when (UTC epoch ms).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switched {
    pub by: String,
    pub at: i64,
}

/// A brake that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    pub cause: LossCause,
    pub since: i64,
    /// How many people it holds.
    pub people: i64,
}

/// Grants that are held, or that Discord refused, of one role and for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRole {
    pub role_id: String,
    pub role_name: Option<String>,
    /// It is to be taken; otherwise to be given.
    pub take: bool,
    /// Discord refused it, with this code if it gave one.
    pub refused: bool,
    pub code: Option<i64>,
    /// Why, and what to do.
    pub detail: String,
    pub people: i64,
    /// Some of them: our id and name.
    pub some: Vec<(String, String)>,
}

/// Whether everybody who buys a plan gets what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanHealth {
    pub name: String,
    pub on_offer: bool,
    /// Why its newest metadata was not taken over.
    pub problem: Option<String>,
    /// Names of its roles, each with what keeps it from being granted.
    pub roles: Vec<(String, Option<String>)>,
}

/// The last look at everybody in the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    pub began_at: i64,
    pub ended_at: Option<i64>,
    pub members: i64,
    pub wrong: i64,
    pub others: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrakePage {
    pub observing: Option<Switched>,
    pub frozen: Option<Switched>,
    pub pulled: Vec<Pulled>,
    /// The ones that most people wait for first.
    pub held: Vec<HeldRole>,
    pub plans: Vec<PlanHealth>,
    pub swept: Option<Sweep>,
}
