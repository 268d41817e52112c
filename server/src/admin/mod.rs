//! The desk: figures, inbox, work, incidents, what needs a yes, and people, for operators.

mod brake;
mod inbox;
mod incidents;
mod moving;
mod overview;
mod people;
mod roles;
mod work;

pub use inbox::listing;

use crate::audit;
use crate::db::DbError;
use crate::state::AppState;
use app::admin::{
    AdminError, AdminPort, BrakePage, Counts, Done, InboxAsked, InboxPage, Incidents, LossCause,
    MoveShown, Overview, PersonFound, Roles, Work,
};
use async_trait::async_trait;
use sqlx::AnyConnection;

/// The server's side of [`AdminPort`].
pub struct Admin(pub AppState);

/// Why an act at the desk did not happen.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// What it was for is gone, or is not what the page showed.
    #[error("it changed meanwhile")]
    Changed,
    #[error("the event is of the wrong mode")]
    WrongMode,
    #[error("a reason is needed")]
    NoReason,
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for DeskError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<DeskError> for AdminError {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Changed => Self::Changed,
            DeskError::WrongMode => Self::WrongMode,
            DeskError::NoReason => Self::NoReason,
            DeskError::Db(error) => unavailable(&error),
        }
    }
}

fn unavailable(error: &DbError) -> AdminError {
    tracing::error!(error = %error, "the desk cannot read or write");
    AdminError::Unavailable
}

/// One thing an operator did.
struct Act<'a> {
    operator: &'a str,
    /// Whose story it belongs to.
    user_id: Option<&'a str>,
    event: &'a str,
    subject: &'a str,
    detail: &'a str,
    trace: &'a str,
}

impl Act<'_> {
    /// Writes it into the audit, in the transaction that does it.
    async fn record(&self, conn: &mut AnyConnection, now: i64) -> Result<(), DbError> {
        let actor = actor(self.operator);
        tracing::info!(operator = %self.operator, event = %self.event, subject = %self.subject, "an operator acted");
        let entry = audit::Entry {
            user_id: self.user_id,
            at: now,
            actor: &actor,
            event: self.event,
            subject: self.subject,
            detail: self.detail,
            trace: self.trace,
        };
        audit::record(conn, &entry).await
    }
}

/// An operator as the audit names them.
fn actor(operator: &str) -> String {
    format!("operator:{operator}")
}

#[async_trait]
impl AdminPort for Admin {
    async fn counts(&self) -> Result<Counts, AdminError> {
        overview::counts(&self.0).await.map_err(|e| unavailable(&e))
    }

    async fn overview(&self) -> Result<Overview, AdminError> {
        overview::overview(&self.0)
            .await
            .map_err(|e| unavailable(&e))
    }

    async fn inbox(&self, asked: &InboxAsked) -> Result<InboxPage, AdminError> {
        inbox::page(&self.0, asked)
            .await
            .map_err(|e| unavailable(&e))
    }

    async fn work(&self) -> Result<Work, AdminError> {
        work::work(&self.0).await.map_err(|e| unavailable(&e))
    }

    async fn incidents(&self) -> Result<Incidents, AdminError> {
        incidents::lists(&self.0).await.map_err(|e| unavailable(&e))
    }

    async fn roles(&self) -> Result<Roles, AdminError> {
        roles::roles(&self.0).await.map_err(|e| unavailable(&e))
    }

    async fn brake(&self) -> Result<BrakePage, AdminError> {
        brake::page(&self.0).await.map_err(|e| unavailable(&e))
    }

    async fn freeze(&self, operator: &str, on: bool) -> Result<Done, AdminError> {
        Ok(brake::freeze(&self.0, operator, on).await?)
    }

    async fn lift_brake(&self, operator: &str, cause: LossCause) -> Result<Done, AdminError> {
        Ok(brake::lift(&self.0, operator, cause).await?)
    }

    async fn stop_observing(&self, operator: &str) -> Result<Done, AdminError> {
        Ok(brake::go(&self.0, operator).await?)
    }

    async fn people(&self, search: &str) -> Result<Vec<PersonFound>, AdminError> {
        people::search(&self.0, search)
            .await
            .map_err(|e| unavailable(&e))
    }

    async fn move_shown(&self, from: &str, to: &str) -> Result<MoveShown, AdminError> {
        Ok(moving::shown(&self.0, from, to).await?)
    }

    async fn move_membership(
        &self,
        operator: &str,
        from: &str,
        to: &str,
        reason: &str,
    ) -> Result<Done, AdminError> {
        Ok(moving::carry_out(&self.0, operator, from, to, reason).await?)
    }

    async fn replay(&self, operator: &str, event_id: &str) -> Result<Done, AdminError> {
        Ok(inbox::replay(&self.0, operator, event_id).await?)
    }

    async fn retry(&self, operator: &str, kind: &str, id: &str) -> Result<Done, AdminError> {
        Ok(work::retry(&self.0, operator, kind, id).await?)
    }

    async fn retry_all(&self, operator: &str, kind: &str) -> Result<Done, AdminError> {
        Ok(work::retry_all(&self.0, operator, kind).await?)
    }

    async fn dismiss(&self, operator: &str, kind: &str, subject: &str) -> Result<Done, AdminError> {
        Ok(incidents::dismiss(&self.0, operator, kind, subject).await?)
    }

    async fn answer_role(
        &self,
        operator: &str,
        plan_id: &str,
        role_id: &str,
        seen: &str,
        yes: bool,
    ) -> Result<Done, AdminError> {
        let answer = roles::Answer {
            operator,
            role_id,
            seen,
            yes,
        };
        Ok(roles::answer(&self.0, plan_id, &answer).await?)
    }

    async fn allow_role(
        &self,
        operator: &str,
        role_id: &str,
        seen: &str,
        yes: bool,
    ) -> Result<Done, AdminError> {
        let answer = roles::Answer {
            operator,
            role_id,
            seen,
            yes,
        };
        Ok(roles::allow(&self.0, &answer).await?)
    }
}
