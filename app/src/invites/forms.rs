//! The server functions of invites. Each guards itself: its address is public. A link that was just
//! made goes on sealed (`?fresh=`). Inviting a list and claiming are posted to the pages themselves.

use super::{InvitesPort, NewGroupLink, lines};
use crate::company::doing::{self, Place};
use crate::company::{CompanyError, picker};
use crate::page::answer;
use leptos::prelude::*;

/// A seat for whoever has the link, or whoever of them has an address at `domain`.
#[server(prefix = "/api", endpoint = "open_invite")]
pub async fn open_invite(
    company: String,
    plan: String,
    #[server(default)] domain: String,
) -> Result<(), CompanyError> {
    let made = async {
        let (viewer, port) = doing::guard::<dyn InvitesPort>()?;
        let domain = domain_of(&domain)?;
        port.open_invite(&viewer.user_id, &company, &plan, domain.as_deref())
            .await
    };
    shown_once(made.await, &Place::company(&company))
}

/// Sends an invite again, with a new link.
#[server(prefix = "/api", endpoint = "resend_invite")]
pub async fn resend_invite(
    company: String,
    seat: String,
    #[server(default)] at: String,
) -> Result<(), CompanyError> {
    let done = async {
        let (viewer, port) = doing::guard::<dyn InvitesPort>()?;
        port.resend(&viewer.user_id, &company, &seat).await
    };
    let place = Place::table(&company, &at);
    doing::told(done.await, &place, "resent")
}

/// A new link for an invite, to be copied.
#[server(prefix = "/api", endpoint = "invite_link")]
pub async fn invite_link(
    company: String,
    seat: String,
    #[server(default)] at: String,
) -> Result<(), CompanyError> {
    let made = async {
        let (viewer, port) = doing::guard::<dyn InvitesPort>()?;
        port.link(&viewer.user_id, &company, &seat).await
    };
    shown_once(made.await, &Place::table(&company, &at).anchored(""))
}

/// A link for a group.
#[server(prefix = "/api", endpoint = "group_link")]
pub async fn group_link(
    company: String,
    plan: String,
    #[server(default)] most: String,
    #[server(default)] domain: String,
) -> Result<(), CompanyError> {
    let made = async {
        let (viewer, port) = doing::guard::<dyn InvitesPort>()?;
        let new = NewGroupLink {
            plan_id: plan,
            most: picker::number(&most).ok_or(CompanyError::BadNumber)?,
            domain: domain_of(&domain)?,
        };
        port.group_link(&viewer.user_id, &company, &new).await
    };
    shown_once(made.await, &Place::company(&company))
}

#[server(prefix = "/api", endpoint = "end_group_link")]
pub async fn end_group_link(company: String, link: String) -> Result<(), CompanyError> {
    let done = async {
        let (viewer, port) = doing::guard::<dyn InvitesPort>()?;
        port.end_group_link(&viewer.user_id, &company, &link).await
    };
    let place = Place::company(&company).anchored("links");
    doing::told(done.await, &place, "link-ended")
}

/// A domain as typed; none where none was.
fn domain_of(text: &str) -> Result<Option<String>, CompanyError> {
    match text.trim() {
        "" => Ok(None),
        text => lines::domain(text).map(Some).ok_or(CompanyError::BadDomain),
    }
}

/// The page shows a sealed link, which stays readable for ten minutes.
fn shown_once(made: Result<String, CompanyError>, place: &Place) -> Result<(), CompanyError> {
    match made {
        Ok(sealed) => {
            answer::see_other(&place.with(&[("fresh", &*sealed)]));
            Ok(())
        }
        Err(error) => doing::refused(error, place, &[]),
    }
}
