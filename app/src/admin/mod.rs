//! The desk: what an operator sees and does. To anybody else its addresses lead nowhere.

mod act;
#[cfg(feature = "ssr")]
pub mod actions;
pub mod advice;
#[cfg(feature = "ssr")]
pub mod brake;
#[cfg(feature = "ssr")]
pub mod brake_actions;
#[cfg(feature = "ssr")]
mod desk;
#[cfg(feature = "ssr")]
pub mod inbox;
#[cfg(feature = "ssr")]
pub mod incidents;
mod losses;
#[cfg(feature = "ssr")]
pub mod moving;
#[cfg(feature = "ssr")]
pub mod overview;
#[cfg(feature = "ssr")]
pub mod people;
pub mod problem;
#[cfg(feature = "ssr")]
pub mod roles;
#[cfg(feature = "ssr")]
pub mod work;

pub use act::ActForm;
pub use losses::{BrakePage, HeldRole, LossCause, PlanHealth, Pulled, Sweep, Switched};
pub use problem::Done;

use crate::account::{AccountError, Move};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// Where the desk is; everything below it is the desk's too.
pub const DESK: &str = "/admin";
/// How the addresses of its server functions begin.
pub const DESK_FUNCTIONS: &str = "/api/desk_";

/// Whether an address is the desk's, be there a page or not.
#[must_use]
pub fn is_desk(path: &str) -> bool {
    path.strip_prefix(DESK)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        || path.starts_with(DESK_FUNCTIONS)
}

/// Why a page of the desk is not shown, or a button of it did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum AdminError {
    /// Nobody is signed in, or somebody who is no operator: told as an address that leads nowhere.
    #[error("there is nothing at this address")]
    NotHere,
    /// What the button was for is gone, or is not what the page showed any more.
    #[error("this changed meanwhile")]
    Changed,
    /// No reason was given.
    #[error("a reason is needed")]
    NoReason,
    /// The event is from Stripe's other mode.
    #[error("an event of the wrong mode is never handled")]
    WrongMode,
    #[error("our own database did not answer")]
    Unavailable,
}

/// What waits, on every page of the desk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Subjects due now.
    pub due: i64,
    /// Subjects that failed and come again by themselves.
    pub failing: i64,
    /// Subjects that stand still until a person acts.
    pub parked: i64,
    /// Open incidents.
    pub incidents: i64,
    /// Roles that wait for the operator's yes.
    pub waiting: i64,
    /// Brakes that hold, and observing.
    pub held: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    pub counts: Counts,
    /// Stored webhooks of the last 24 hours by outcome.
    pub received: Vec<(String, i64)>,
    /// The same by hour, oldest first, 24 of them.
    pub by_hour: Vec<i64>,
    /// Webhooks that were refused since this process started: the signature does not fit, or the
    /// body is no event.
    pub refused: u64,
    /// How long the oldest due subject has waited, ms.
    pub oldest_wait_ms: Option<i64>,
    /// People by what they are given: `granted`, `grace`, `hold`.
    pub people: Vec<(String, i64)>,
    /// What was done at the desk, newest first.
    pub lately: Vec<AuditLine>,
}

/// What the inbox is asked for. Empty fields do not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InboxAsked {
    /// Stripe's type, such as `invoice.paid`.
    pub kind: Option<String>,
    pub customer: Option<String>,
    pub outcome: Option<String>,
    /// Older than this line: [`InboxLine::key`].
    pub before: Option<(i64, String)>,
}

/// One stored event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxLine {
    pub id: String,
    pub kind: String,
    /// When Stripe made it, and when it came here; UTC epoch ms.
    pub created_at: i64,
    pub received_at: i64,
    pub live: bool,
    pub object_id: Option<String>,
    pub customer_id: Option<String>,
    /// Whose customer it is, where we know: our id of the user, and their name.
    pub person: Option<(String, String)>,
    pub outcome: String,
}

impl InboxLine {
    /// Its place in the order.
    #[must_use]
    pub fn key(&self) -> (i64, String) {
        (self.received_at, self.id.clone())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxPage {
    /// Newest first.
    pub lines: Vec<InboxLine>,
    /// There are older ones.
    pub more: bool,
    /// Every outcome there is, to choose from.
    pub outcomes: Vec<String>,
}

/// A subject whose reading failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkLine {
    /// `payer`, `user`, `customer`, …
    pub kind: String,
    pub id: String,
    /// Our id of the user it is about, and their name.
    pub person: Option<(String, String)>,
    pub attempts: i64,
    pub error: String,
    /// When it comes again by itself, on the policy clock.
    pub again_at: Option<i64>,
    pub trace: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// At most [`SHOWN`] of each.
    pub parked: Vec<WorkLine>,
    pub failing: Vec<WorkLine>,
    /// How many of each kind are parked, all of them.
    pub parked_kinds: Vec<(String, i64)>,
    /// How many come again by themselves.
    pub failing_total: i64,
}

/// Lines of a list without pages.
pub const SHOWN: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentLine {
    pub kind: String,
    pub subject: String,
    pub detail: String,
    pub opened_at: i64,
    pub closed_at: Option<i64>,
    pub person: Option<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incidents {
    /// Newest first, at most [`SHOWN`] of each.
    pub open: Vec<IncidentLine>,
    pub closed: Vec<IncidentLine>,
}

/// What happened to a role in a plan's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleChange {
    Joining,
    Leaving,
}

/// A role that joins or leaves a plan and waits for the operator's yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingRole {
    pub plan_id: String,
    pub plan_name: String,
    pub role_id: String,
    /// None: the server has no such role, as far as we know.
    pub role_name: Option<String>,
    pub change: RoleChange,
    /// How many people the yes touches.
    pub people: i64,
    /// Dangerous rights it carries, by name.
    pub rights: Vec<String>,
}

/// A role of a plan that carries dangerous rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DangerousRole {
    pub role_id: String,
    pub role_name: String,
    /// The plans that give it.
    pub plans: Vec<String>,
    pub rights: Vec<String>,
    /// How many people are to have it.
    pub people: i64,
    /// Who said yes to exactly these rights or more, and when.
    pub allowed: Option<(String, i64)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles {
    pub waiting: Vec<WaitingRole>,
    pub dangerous: Vec<DangerousRole>,
}

/// One line of the story of access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    pub at: i64,
    pub actor: String,
    pub event: String,
    pub subject: String,
    pub detail: String,
    pub trace: String,
}

/// Somebody a search found, with what happened to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonFound {
    pub user_id: String,
    pub discord_id: String,
    pub name: String,
    /// What Discord last said; none before it was asked.
    pub in_guild: Option<bool>,
    /// 0: never here.
    pub signed_in_at: i64,
    /// What becomes of an account that its owner wants gone.
    pub deletion: Option<&'static str>,
    pub customers: Vec<String>,
    /// Newest first, at most [`SHOWN`]; empty when several people were found.
    pub lines: Vec<AuditLine>,
}

/// What a membership's move would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MoveShown {
    Can(Box<Move>),
    Refused(AccountError),
    /// It is not an id as Discord has them.
    NoSuchId,
}

/// What the desk needs of the server. The caller has made sure that an operator asks;
/// `operator` is their id at Discord, for the audit.
#[async_trait]
pub trait AdminPort: Send + Sync {
    async fn counts(&self) -> Result<Counts, AdminError>;

    async fn overview(&self) -> Result<Overview, AdminError>;

    async fn inbox(&self, asked: &InboxAsked) -> Result<InboxPage, AdminError>;

    async fn work(&self) -> Result<Work, AdminError>;

    async fn incidents(&self) -> Result<Incidents, AdminError>;

    async fn roles(&self) -> Result<Roles, AdminError>;

    /// The switches, what they and Discord hold back, and whether plans can be granted.
    async fn brake(&self) -> Result<BrakePage, AdminError>;

    /// Holds every removal, or lets them go on.
    async fn freeze(&self, operator: &str, on: bool) -> Result<Done, AdminError>;

    /// Lets losses of a cause go on that its brake holds.
    async fn lift_brake(&self, operator: &str, cause: LossCause) -> Result<Done, AdminError>;

    /// Ends observing: from now on roles are given and taken.
    async fn stop_observing(&self, operator: &str) -> Result<Done, AdminError>;

    /// By our id, an id at Discord, a Stripe customer, or the whole name whatever its case.
    async fn people(&self, search: &str) -> Result<Vec<PersonFound>, AdminError>;

    /// What moving somebody's membership to an account at Discord would do; changes nothing.
    async fn move_shown(&self, from: &str, to: &str) -> Result<MoveShown, AdminError>;

    /// Moves it. `from` is our id of the user, `to` an id at Discord.
    async fn move_membership(
        &self,
        operator: &str,
        from: &str,
        to: &str,
        reason: &str,
    ) -> Result<Done, AdminError>;

    /// Marks whose truth a stored event hinted at.
    async fn replay(&self, operator: &str, event_id: &str) -> Result<Done, AdminError>;

    /// Marks a subject that failed, parked or not.
    async fn retry(&self, operator: &str, kind: &str, id: &str) -> Result<Done, AdminError>;

    /// Marks every parked subject of a kind.
    async fn retry_all(&self, operator: &str, kind: &str) -> Result<Done, AdminError>;

    /// Closes an incident that nothing else would close.
    async fn dismiss(&self, operator: &str, kind: &str, subject: &str) -> Result<Done, AdminError>;

    /// Answers a role that joins or leaves a plan. `seen` are the rights the page showed: a yes
    /// counts for them alone.
    async fn answer_role(
        &self,
        operator: &str,
        plan_id: &str,
        role_id: &str,
        seen: &str,
        yes: bool,
    ) -> Result<Done, AdminError>;

    /// Says yes to the dangerous rights of a role, or takes it back.
    async fn allow_role(
        &self,
        operator: &str,
        role_id: &str,
        seen: &str,
        yes: bool,
    ) -> Result<Done, AdminError>;
}

#[cfg(test)]
mod tests {
    use super::is_desk;

    #[test]
    fn the_desk_is_its_address_and_what_is_below() {
        for path in [
            "/admin",
            "/admin/",
            "/admin/inbox",
            "/admin/nothing",
            "/api/desk_replay",
        ] {
            assert!(is_desk(path), "{path}");
        }
        for path in [
            "/",
            "/administrator",
            "/billing",
            "/api/start_checkout",
            "/x/admin",
        ] {
            assert!(!is_desk(path), "{path}");
        }
    }
}
