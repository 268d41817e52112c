//! The page's switch.

use super::MailProblem;
use leptos::prelude::*;

/// Sets what whoever the token belongs to gets: `essential_only` is `yes` or `no`. No sign-in:
/// the token is the leave. A browser is led back to the page, a script gets the typed error.
#[server(prefix = "/api", endpoint = "prefer_mail")]
pub async fn prefer_mail(token: String, essential_only: String) -> Result<(), MailProblem> {
    use crate::page::answer;

    let done = changing::prefer(&token, essential_only == "yes").await;
    if answer::wants_html() {
        // The page reads the preference again and says what is so, or why it cannot.
        let token = answer::query_value(&token);
        answer::see_other(&format!("/mail/unsubscribe?token={token}"));
        return Ok(());
    }
    if let Err(problem) = done {
        answer::status(problem.told().status);
    }
    done
}

#[cfg(feature = "ssr")]
mod changing {
    use crate::mail::{MailPort, MailProblem};
    use leptos::prelude::use_context;
    use std::sync::Arc;

    pub async fn prefer(token: &str, essential_only: bool) -> Result<(), MailProblem> {
        let port = use_context::<Arc<dyn MailPort>>().ok_or(MailProblem::Unavailable)?;
        port.prefer(token, essential_only).await
    }
}
