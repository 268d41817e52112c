//! The server functions of an account. Each guards itself: its address is public.
//!
//! Errors lead a browser back to a page that tells them (`?problem=`), and are typed for a script.

use super::AccountError;
use leptos::prelude::*;

/// Asks for the account to be deleted, confirmed by what was typed.
#[server(prefix = "/api", endpoint = "delete_account")]
pub async fn delete_account(#[server(default)] typed: String) -> Result<(), AccountError> {
    let (viewer, port) = match doing::guard() {
        Ok(found) => found,
        Err(error) => return doing::refused(error, "/account/delete"),
    };
    let done = port.delete(&viewer.user_id, &typed).await;
    doing::told(done, "/account", "/account/delete")
}

/// Takes a deletion back that has not begun.
#[server(prefix = "/api", endpoint = "keep_account")]
pub async fn keep_account() -> Result<(), AccountError> {
    let (viewer, port) = match doing::guard() {
        Ok(found) => found,
        Err(error) => return doing::refused(error, "/account"),
    };
    let done = port.keep(&viewer.user_id).await;
    doing::told(done, "/account?kept=1", "/account")
}

#[cfg(feature = "ssr")]
mod doing {
    use crate::account::{AccountError, AccountPort};
    use crate::login;
    use crate::page::answer;
    use leptos::prelude::use_context;
    use std::sync::Arc;

    pub fn guard() -> Result<(login::Viewer, Arc<dyn AccountPort>), AccountError> {
        let viewer = login::viewer().ok_or(AccountError::NotSignedIn)?;
        let port = use_context::<Arc<dyn AccountPort>>().ok_or(AccountError::Unavailable)?;
        Ok((viewer, port))
    }

    pub fn told(done: Result<(), AccountError>, to: &str, back: &str) -> Result<(), AccountError> {
        match done {
            Ok(()) => {
                answer::see_other(to);
                Ok(())
            }
            Err(error) => refused(error, back),
        }
    }

    /// A browser is led to `page`, which tells the error; a script gets it typed.
    pub fn refused(error: AccountError, page: &str) -> Result<(), AccountError> {
        if !answer::wants_html() {
            answer::status(error.told().status);
            return Err(error);
        }
        if error == AccountError::NotSignedIn {
            answer::see_other(&format!("/login?next={}", answer::query_value(page)));
        } else {
            answer::see_other(&format!("{page}?problem={}", error.slug()));
        }
        Ok(())
    }
}
