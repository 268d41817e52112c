//! The server functions of companies. Each guards itself: its address is public.

use super::doing::{self, Place};
use super::{CompanyError, CompanyPort, CompanyRole, Purchase, picker};
use crate::page::answer;
use leptos::prelude::*;

/// Founds a company and leads to payment, or leads there for one that pays nothing: then `name` is
/// left out. `company` was made with the page, so that sending it twice founds one.
#[server(prefix = "/api", endpoint = "buy_seats")]
pub async fn buy_seats(
    company: String,
    #[server(default)] founded: bool,
    #[server(default)] name: String,
    #[server(default)] price: String,
    #[server(default)] seats: String,
) -> Result<(), CompanyError> {
    let bought = async {
        let (viewer, port) = doing::guard::<dyn CompanyPort>()?;
        let purchase = Purchase {
            company_id: company.clone(),
            name: (!founded).then(|| name.trim().to_owned()),
            price_id: price.clone(),
            seats: picker::number(&seats).ok_or(CompanyError::BadNumber)?,
        };
        port.buy(&viewer.user_id, &purchase).await
    };
    match bought.await {
        Ok(url) => {
            answer::see_other(&url);
            Ok(())
        }
        Err(error) if founded => {
            let more = [("for", &*company), ("price", &*price), ("seats", &*seats)];
            doing::refused(error, &Place::new_company(), &more)
        }
        // What was written is shown again, for the same company to be.
        Err(error) => {
            let more = [
                ("id", &*company),
                ("name", &*name),
                ("price", &*price),
                ("seats", &*seats),
            ];
            doing::refused(error, &Place::new_company(), &more)
        }
    }
}

#[server(prefix = "/api", endpoint = "rename_company")]
pub async fn rename_company(
    company: String,
    #[server(default)] name: String,
) -> Result<(), CompanyError> {
    let done = async {
        let (viewer, port) = doing::guard::<dyn CompanyPort>()?;
        port.rename(&viewer.user_id, &company, name.trim()).await
    };
    doing::told(done.await, &Place::company(&company), "renamed")
}

/// Leads to the company's page at Stripe: cards, invoices, tax id, cancelling.
#[server(prefix = "/api", endpoint = "company_portal")]
pub async fn company_portal(company: String) -> Result<(), CompanyError> {
    let opened = async {
        let (viewer, port) = doing::guard::<dyn CompanyPort>()?;
        port.portal(&viewer.user_id, &company).await
    };
    match opened.await {
        Ok(url) => {
            answer::see_other(&url);
            Ok(())
        }
        Err(error) => doing::refused(error, &Place::company(&company), &[]),
    }
}

/// Makes somebody an admin or an owner: `role` is the word of it.
#[server(prefix = "/api", endpoint = "appoint")]
pub async fn appoint(company: String, whom: String, role: String) -> Result<(), CompanyError> {
    let done = async {
        let (viewer, port) = doing::guard::<dyn CompanyPort>()?;
        // No page of ours sends another word.
        let role = CompanyRole::from_word(&role).ok_or(CompanyError::Stranger)?;
        port.appoint(&viewer.user_id, &company, &whom, role).await
    };
    let place = Place::company(&company).anchored("people");
    doing::told(done.await, &place, "appointed")
}

/// Takes somebody's role.
#[server(prefix = "/api", endpoint = "dismiss")]
pub async fn dismiss(company: String, whom: String) -> Result<(), CompanyError> {
    let done = async {
        let (viewer, port) = doing::guard::<dyn CompanyPort>()?;
        port.dismiss(&viewer.user_id, &company, &whom).await?;
        Ok(viewer.user_id == whom)
    };
    match done.await {
        // Whoever has left sees the company no more, but for a seat they hold.
        Ok(true) => {
            answer::see_other("/company?done=left");
            Ok(())
        }
        Ok(false) => {
            let place = Place::company(&company).anchored("people");
            doing::told(Ok(()), &place, "dismissed")
        }
        Err(error) => doing::refused(error, &Place::company(&company), &[]),
    }
}
