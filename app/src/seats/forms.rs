//! The server functions of seats. Each guards itself: its address is public. `at` is how the table
//! of seats stood, to which a browser is led back.

use super::SeatsPort;
use crate::changes::Confirmed;
use crate::company::CompanyError;
use crate::company::doing::{self, Place};
use crate::page::answer;
use crate::stripe::StripeTrouble;
use leptos::prelude::*;

/// An admin takes a seat.
#[server(prefix = "/api", endpoint = "take_seat")]
pub async fn take_seat(company: String, plan: String) -> Result<(), CompanyError> {
    let done = async {
        let (viewer, port) = doing::guard::<dyn SeatsPort>()?;
        port.take(&viewer.user_id, &company, &plan).await
    };
    doing::told(done.await, &Place::company(&company), "taken")
}

/// Frees a seat, or takes an invite back; the page that says so offers to undo it.
#[server(prefix = "/api", endpoint = "free_seat")]
pub async fn free_seat(
    company: String,
    seat: String,
    #[server(default)] at: String,
) -> Result<(), CompanyError> {
    let done = async {
        let (viewer, port) = doing::guard::<dyn SeatsPort>()?;
        port.free(&viewer.user_id, &company, &seat).await
    };
    let place = Place::table(&company, &at);
    match done.await {
        Ok(()) => {
            let said = [("done", "freed"), ("undo", &*seat)];
            answer::see_other(&place.with(&said));
            Ok(())
        }
        Err(error) => doing::refused(error, &place, &[]),
    }
}

/// Gives a seat back that was freed a moment ago.
#[server(prefix = "/api", endpoint = "undo_seat")]
pub async fn undo_seat(
    company: String,
    seat: String,
    #[server(default)] at: String,
) -> Result<(), CompanyError> {
    let done = async {
        let (viewer, port) = doing::guard::<dyn SeatsPort>()?;
        port.undo(&viewer.user_id, &company, &seat).await
    };
    doing::told(done.await, &Place::table(&company, &at), "undone")
}

/// A holder gives their own seat back.
#[server(prefix = "/api", endpoint = "leave_seat")]
pub async fn leave_seat(company: String, seat: String) -> Result<(), CompanyError> {
    let done = async {
        let (viewer, port) = doing::guard::<dyn SeatsPort>()?;
        port.leave(&viewer.user_id, &seat).await
    };
    match done.await {
        Ok(()) => doing::told(Ok(()), &Place::list(), "given-back"),
        Err(error) => doing::refused(error, &Place::company(&company), &[]),
    }
}

/// These make way, of a plan of which more seats are held than paid.
#[server(prefix = "/api", endpoint = "make_way")]
pub async fn make_way(
    company: String,
    plan: String,
    #[server(default)] seats: Vec<String>,
) -> Result<(), CompanyError> {
    let done = async {
        let (viewer, port) = doing::guard::<dyn SeatsPort>()?;
        port.suspend(&viewer.user_id, &company, &plan, &seats).await
    };
    match done.await {
        Ok(()) => doing::told(Ok(()), &Place::company(&company), "made-way"),
        Err(error) => doing::refused(error, &Place::within(&company, "over"), &[("plan", &*plan)]),
    }
}

/// Does what a sealed preview showed. An outdated one leads to a fresh one; nothing is charged.
#[server(prefix = "/api", endpoint = "confirm_number")]
pub async fn confirm_number(company: String, seen: String) -> Result<(), CompanyError> {
    let (viewer, port) = match doing::guard::<dyn SeatsPort>() {
        Ok(found) => found,
        Err(error) => return doing::refused(error, &Place::within(&company, "number"), &[]),
    };
    match port.confirm(&viewer.user_id, &company, &seen).await {
        Ok(Confirmed::Done) => doing::told(Ok(()), &Place::company(&company), "number"),
        // The company's own page says what it waits for.
        Ok(Confirmed::Waiting) => {
            answer::see_other(&Place::company(&company).with(&[]));
            Ok(())
        }
        Err(error @ (CompanyError::Outdated | CompanyError::Stripe(StripeTrouble::KeyReused))) => {
            let number = port.seen_number(&viewer.user_id, &company, &seen).await;
            let number = number.map(|number| number.to_string());
            let more: Vec<(&str, &str)> = number.iter().map(|one| ("seats", &**one)).collect();
            doing::refused(error, &Place::within(&company, "number"), &more)
        }
        Err(
            error @ (CompanyError::BelowHeld | CompanyError::SameNumber | CompanyError::TooMany),
        ) => doing::refused(error, &Place::within(&company, "number"), &[]),
        Err(error) => doing::refused(error, &Place::company(&company), &[]),
    }
}
