//! Invites: seats that wait for somebody, and the links by which they are claimed.

mod claim;
mod invite;
mod links;
mod tokens;

pub use claim::claim;
pub use invite::{invite, mailed};
pub use links::{fresh, group_link, open_invite};

use crate::company::Failure;
use crate::patience::patiently;
use crate::state::AppState;
use app::company::CompanyError;
use app::invites::{
    Claimed, FreshLink, GroupLink, Invite, InviteError, InvitesPort, NewGroupLink, Sent,
};
use async_trait::async_trait;

/// The server's side of [`InvitesPort`].
pub struct Invites(pub AppState);

/// Runs what was asked to its end.
async fn done<T: Send + 'static>(
    what: &'static str,
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, CompanyError> {
    patiently(what, CompanyError::Unavailable, work).await
}

#[async_trait]
impl InvitesPort for Invites {
    async fn invite(
        &self,
        user_id: &str,
        company_id: &str,
        plan_id: &str,
        list: &str,
    ) -> Result<Sent, CompanyError> {
        let (state, user, company) = (self.0.clone(), user_id.to_owned(), company_id.to_owned());
        let (plan, list) = (plan_id.to_owned(), list.to_owned());
        done("invite", async move {
            invite::invite(&state, &user, &company, &plan, &list).await
        })
        .await
    }

    async fn open_invite(
        &self,
        user_id: &str,
        company_id: &str,
        plan_id: &str,
        domain: Option<&str>,
    ) -> Result<String, CompanyError> {
        let (state, user, company) = (self.0.clone(), user_id.to_owned(), company_id.to_owned());
        let (plan, domain) = (plan_id.to_owned(), domain.map(str::to_owned));
        done("invite by a link", async move {
            links::open_invite(&state, &user, &company, &plan, domain.as_deref()).await
        })
        .await
    }

    async fn resend(
        &self,
        user_id: &str,
        company_id: &str,
        seat_id: &str,
    ) -> Result<(), CompanyError> {
        let (state, user, company) = (self.0.clone(), user_id.to_owned(), company_id.to_owned());
        let seat = seat_id.to_owned();
        done("invite anew", async move {
            links::resend(&state, &user, &company, &seat).await
        })
        .await
    }

    async fn link(
        &self,
        user_id: &str,
        company_id: &str,
        seat_id: &str,
    ) -> Result<String, CompanyError> {
        let (state, user, company) = (self.0.clone(), user_id.to_owned(), company_id.to_owned());
        let seat = seat_id.to_owned();
        done("make a link", async move {
            links::link(&state, &user, &company, &seat).await
        })
        .await
    }

    async fn fresh(&self, user_id: &str, company_id: &str, sealed: &str) -> Option<FreshLink> {
        links::fresh(&self.0, user_id, company_id, sealed)
    }

    async fn group_links(
        &self,
        user_id: &str,
        company_id: &str,
    ) -> Result<Vec<GroupLink>, CompanyError> {
        let (state, user, company) = (self.0.clone(), user_id.to_owned(), company_id.to_owned());
        done("group links", async move {
            links::group_links(&state, &user, &company).await
        })
        .await
    }

    async fn group_link(
        &self,
        user_id: &str,
        company_id: &str,
        new: &NewGroupLink,
    ) -> Result<String, CompanyError> {
        let (state, user, company) = (self.0.clone(), user_id.to_owned(), company_id.to_owned());
        let new = new.clone();
        done("make a group link", async move {
            links::group_link(&state, &user, &company, &new).await
        })
        .await
    }

    async fn end_group_link(
        &self,
        user_id: &str,
        company_id: &str,
        id: &str,
    ) -> Result<(), CompanyError> {
        let (state, user, company) = (self.0.clone(), user_id.to_owned(), company_id.to_owned());
        let id = id.to_owned();
        done("end a group link", async move {
            links::end_group_link(&state, &user, &company, &id).await
        })
        .await
    }

    async fn look(&self, token: &str, user_id: Option<&str>) -> Result<Invite, InviteError> {
        claim::look(&self.0, token, user_id)
            .await
            .map_err(|failure| failure.told("look at an invite"))
    }

    async fn claim(&self, user_id: &str, token: &str) -> Result<Claimed, InviteError> {
        claim::claim(&self.0, user_id, token)
            .await
            .map_err(|failure| failure.told("claim a seat"))
    }
}
