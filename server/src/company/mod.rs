//! Companies: founding one, who looks after it, what it pays.

mod buy;
pub mod guard;
mod held;
pub(crate) mod paying;
mod people;
mod portal;
mod story;
pub(crate) mod told;
mod view;

pub use buy::buy;
pub use story::{Step, tell};

use crate::patience::{self, patiently};
use crate::state::AppState;
use app::company::{Belongs, CompanyError, CompanyPort, CompanyRole, Purchase, Seen};
use app::stripe::StripeTrouble;
use async_trait::async_trait;

/// The server's side of [`CompanyPort`].
pub struct Companies(pub AppState);

/// Any failure of what was asked of a company or its seats, before it is told to the person.
pub type Failure = patience::Failure<CompanyError>;

/// What a person who waited long enough is told, where nothing is changed by it.
pub const LATE: CompanyError = CompanyError::Stripe(StripeTrouble::TimedOut);

#[async_trait]
impl CompanyPort for Companies {
    async fn belongs(&self, user_id: &str) -> Result<Belongs, CompanyError> {
        let (state, user_id) = (self.0.clone(), user_id.to_owned());
        patiently("companies", CompanyError::Unavailable, async move {
            view::belongs(&state, &user_id).await
        })
        .await
    }

    fn new_id(&self) -> String {
        self.0.rng.id(buy::PREFIX)
    }

    async fn buy(&self, user_id: &str, purchase: &Purchase) -> Result<String, CompanyError> {
        let (state, user_id) = (self.0.clone(), user_id.to_owned());
        let purchase = purchase.clone();
        patiently("buy seats", LATE, async move {
            buy::buy(&state, &user_id, &purchase).await
        })
        .await
    }

    async fn company(&self, user_id: &str, company_id: &str) -> Result<Seen, CompanyError> {
        let (state, user_id) = (self.0.clone(), user_id.to_owned());
        let company_id = company_id.to_owned();
        patiently("company", CompanyError::Unavailable, async move {
            view::company(&state, &user_id, &company_id).await
        })
        .await
    }

    async fn returned(&self, user_id: &str, company_id: &str) -> Result<(), CompanyError> {
        portal::returned(&self.0, user_id, company_id).await
    }

    async fn portal(&self, user_id: &str, company_id: &str) -> Result<String, CompanyError> {
        let (state, user_id) = (self.0.clone(), user_id.to_owned());
        let company_id = company_id.to_owned();
        patiently("company portal", LATE, async move {
            portal::portal(&state, &user_id, &company_id).await
        })
        .await
    }

    async fn rename(
        &self,
        user_id: &str,
        company_id: &str,
        name: &str,
    ) -> Result<(), CompanyError> {
        let (state, user_id) = (self.0.clone(), user_id.to_owned());
        let (company_id, name) = (company_id.to_owned(), name.to_owned());
        patiently("rename", CompanyError::Unavailable, async move {
            people::rename(&state, &user_id, &company_id, &name).await
        })
        .await
    }

    async fn appoint(
        &self,
        user_id: &str,
        company_id: &str,
        whom: &str,
        role: CompanyRole,
    ) -> Result<(), CompanyError> {
        let (state, user_id) = (self.0.clone(), user_id.to_owned());
        let (company_id, whom) = (company_id.to_owned(), whom.to_owned());
        patiently("appoint", CompanyError::Unavailable, async move {
            people::appoint(&state, &user_id, &company_id, &whom, role).await
        })
        .await
    }

    async fn dismiss(
        &self,
        user_id: &str,
        company_id: &str,
        whom: &str,
    ) -> Result<(), CompanyError> {
        let (state, user_id) = (self.0.clone(), user_id.to_owned());
        let (company_id, whom) = (company_id.to_owned(), whom.to_owned());
        patiently("dismiss", CompanyError::Unavailable, async move {
            people::dismiss(&state, &user_id, &company_id, &whom).await
        })
        .await
    }
}
