//! The server functions of changes. Each guards itself: its address is public.
//!
//! Errors lead a browser back to a page that tells them (`?change=`), and are typed for a script.

use super::ChangeError;
use leptos::prelude::*;

/// Does what a sealed preview showed. Outdated ones lead to a fresh preview; nothing is charged.
#[server(prefix = "/api", endpoint = "confirm_change")]
pub async fn confirm_change(seen: String) -> Result<(), ChangeError> {
    use super::Confirmed;
    use crate::page::answer;
    use crate::stripe::StripeTrouble;

    let (viewer, port) = match doing::guard() {
        Ok(found) => found,
        Err(error) => return doing::refused(error, "/billing/change"),
    };
    match port.confirm(&viewer.user_id, &seen).await {
        Ok(Confirmed::Done) => answer::see_other("/billing?changed=1"),
        Ok(Confirmed::Waiting) => answer::see_other("/billing"),
        Err(error @ (ChangeError::Outdated | ChangeError::Stripe(StripeTrouble::KeyReused))) => {
            let back = match port.seen_price(&viewer.user_id, &seen).await {
                Some(price) => format!("/billing/change?to={}", answer::query_value(&price)),
                None => "/billing/change".to_owned(),
            };
            return doing::refused(error, &back);
        }
        Err(error) => {
            let back = match error {
                ChangeError::PriceGone | ChangeError::SamePlan | ChangeError::TooMany => {
                    "/billing/change"
                }
                _ => "/billing",
            };
            return doing::refused(error, back);
        }
    }
    Ok(())
}

/// "Keep my membership": takes a planned end back.
#[server(prefix = "/api", endpoint = "keep_membership")]
pub async fn keep_membership(subscription: String) -> Result<(), ChangeError> {
    doing::undo(&subscription, super::Undo::End).await
}

/// "Stay on …": takes a scheduled change back.
#[server(prefix = "/api", endpoint = "stay_on_plan")]
pub async fn stay_on_plan(subscription: String) -> Result<(), ChangeError> {
    doing::undo(&subscription, super::Undo::Schedule).await
}

/// Ends a pause now.
#[server(prefix = "/api", endpoint = "resume_membership")]
pub async fn resume_membership(subscription: String) -> Result<(), ChangeError> {
    doing::undo(&subscription, super::Undo::Pause).await
}

/// Goes on after a trial that ended without a card. `amount` is what the button said, in minor units.
#[server(prefix = "/api", endpoint = "go_on")]
pub async fn go_on(subscription: String, amount: i64) -> Result<(), ChangeError> {
    use super::Confirmed;
    use crate::page::answer;

    let (viewer, port) = match doing::guard() {
        Ok(found) => found,
        Err(error) => return doing::refused(error, "/billing"),
    };
    match port.go_on(&viewer.user_id, &subscription, amount).await {
        Ok(Confirmed::Done) => answer::see_other("/billing?changed=1"),
        Ok(Confirmed::Waiting) => answer::see_other("/billing"),
        Err(error) => return doing::refused(error, "/billing"),
    }
    Ok(())
}

/// Pauses instead of leaving.
#[server(prefix = "/api", endpoint = "pause_membership")]
pub async fn pause_membership(subscription: String, months: u32) -> Result<(), ChangeError> {
    use crate::page::answer;

    let (viewer, port) = match doing::guard() {
        Ok(found) => found,
        Err(error) => return doing::refused(error, "/billing/cancel"),
    };
    match port.pause(&viewer.user_id, &subscription, months).await {
        Ok(()) => answer::see_other("/billing?changed=1"),
        Err(error @ (ChangeError::PauseNotOffered | ChangeError::TooMany)) => {
            return doing::refused(error, "/billing/cancel");
        }
        Err(error) => return doing::refused(error, "/billing"),
    }
    Ok(())
}

/// Leads to Stripe's own page for cancelling.
#[server(prefix = "/api", endpoint = "cancel_at_stripe")]
pub async fn cancel_at_stripe(subscription: String) -> Result<(), ChangeError> {
    use crate::page::answer;

    let (viewer, port) = match doing::guard() {
        Ok(found) => found,
        Err(error) => return doing::refused(error, "/billing/cancel"),
    };
    match port.cancel_at_stripe(&viewer.user_id, &subscription).await {
        Ok(url) => answer::see_other(&url),
        Err(error) => return doing::refused(error, "/billing"),
    }
    Ok(())
}

#[cfg(feature = "ssr")]
mod doing {
    use crate::changes::{ChangeError, ChangesPort, Undo};
    use crate::login;
    use crate::page::answer;
    use leptos::prelude::use_context;
    use std::sync::Arc;

    pub fn guard() -> Result<(login::Viewer, Arc<dyn ChangesPort>), ChangeError> {
        let viewer = login::viewer().ok_or(ChangeError::NotSignedIn)?;
        let port = use_context::<Arc<dyn ChangesPort>>().ok_or(ChangeError::Unavailable)?;
        Ok((viewer, port))
    }

    /// A browser is led to `page`, which tells the error; a script gets it typed.
    pub fn refused(error: ChangeError, page: &str) -> Result<(), ChangeError> {
        if !answer::wants_html() {
            answer::status(error.told().status);
            return Err(error);
        }
        if error == ChangeError::NotSignedIn {
            answer::see_other(&format!("/login?next={}", answer::query_value(page)));
        } else {
            let joint = if page.contains('?') { '&' } else { '?' };
            answer::see_other(&format!("{page}{joint}change={}", error.slug()));
        }
        Ok(())
    }

    pub async fn undo(subscription: &str, what: Undo) -> Result<(), ChangeError> {
        let (viewer, port) = match guard() {
            Ok(found) => found,
            Err(error) => return refused(error, "/billing"),
        };
        match port.undo(&viewer.user_id, subscription, what).await {
            Ok(()) => {
                answer::see_other("/billing?changed=1");
                Ok(())
            }
            Err(error) => refused(error, "/billing"),
        }
    }
}
