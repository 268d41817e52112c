//! The desk's server functions. Each guards itself: its address is public. Nothing of them is in
//! the wasm.

use super::{AdminError, AdminPort, DESK, Done};
use crate::login::{self, Viewer};
use crate::page::answer;
use leptos::prelude::*;
use std::sync::Arc;

/// Handles a stored event again.
#[server(prefix = "/api", endpoint = "desk_replay")]
pub async fn desk_replay(event_id: String, back: String) -> Result<(), AdminError> {
    let (operator, port) = operator()?;
    let done = port.replay(&operator.discord_user_id, &event_id).await;
    tell(done, &back)
}

/// Tries a subject again that failed.
#[server(prefix = "/api", endpoint = "desk_retry")]
pub async fn desk_retry(kind: String, id: String, back: String) -> Result<(), AdminError> {
    let (operator, port) = operator()?;
    let done = port.retry(&operator.discord_user_id, &kind, &id).await;
    tell(done, &back)
}

/// Tries every parked subject of a kind again.
#[server(prefix = "/api", endpoint = "desk_retry_all")]
pub async fn desk_retry_all(kind: String, back: String) -> Result<(), AdminError> {
    let (operator, port) = operator()?;
    let done = port.retry_all(&operator.discord_user_id, &kind).await;
    tell(done, &back)
}

/// Closes an incident.
#[server(prefix = "/api", endpoint = "desk_dismiss")]
pub async fn desk_dismiss(kind: String, subject: String, back: String) -> Result<(), AdminError> {
    let (operator, port) = operator()?;
    let done = port
        .dismiss(&operator.discord_user_id, &kind, &subject)
        .await;
    tell(done, &back)
}

/// Says yes or no to a role that joins or leaves a plan.
#[server(prefix = "/api", endpoint = "desk_answer_role")]
pub async fn desk_answer_role(
    plan_id: String,
    role_id: String,
    /// The rights the page showed.
    #[server(default)]
    rights: String,
    yes: bool,
    back: String,
) -> Result<(), AdminError> {
    let (operator, port) = operator()?;
    let done = port
        .answer_role(&operator.discord_user_id, &plan_id, &role_id, &rights, yes)
        .await;
    tell(done, &back)
}

/// Says yes to a role's dangerous rights, or takes it back.
#[server(prefix = "/api", endpoint = "desk_allow_role")]
pub async fn desk_allow_role(
    role_id: String,
    #[server(default)] rights: String,
    yes: bool,
    back: String,
) -> Result<(), AdminError> {
    let (operator, port) = operator()?;
    let done = port
        .allow_role(&operator.discord_user_id, &role_id, &rights, yes)
        .await;
    tell(done, &back)
}

/// The operator of this request and the desk's port, or 404.
pub(super) fn operator() -> Result<(Viewer, Arc<dyn AdminPort>), AdminError> {
    let viewer = login::viewer().filter(|viewer| viewer.operator);
    match (viewer, use_context::<Arc<dyn AdminPort>>()) {
        (Some(viewer), Some(port)) => Ok((viewer, port)),
        (Some(_), None) => Err(AdminError::Unavailable),
        (None, _) => {
            answer::status(AdminError::NotHere.told().status);
            Err(AdminError::NotHere)
        }
    }
}

/// Leads a browser back to the page it came from with a word of what was done; a script gets
/// the typed error.
pub(super) fn tell(done: Result<Done, AdminError>, back: &str) -> Result<(), AdminError> {
    let back = own_page(back);
    match done {
        Ok(done) => answer::see_other(&with(back, "done", done.slug())),
        Err(error) if !answer::wants_html() => {
            answer::status(error.told().status);
            return Err(error);
        }
        Err(error) => answer::see_other(&with(back, "problem", error.slug())),
    }
    Ok(())
}

/// A page of the desk, whatever the form says.
fn own_page(back: &str) -> &str {
    let below = back.strip_prefix(DESK).is_some_and(|rest| {
        rest.is_empty() || rest.starts_with('/') && !rest.starts_with("//") || rest.starts_with('?')
    });
    let plain = back
        .bytes()
        .all(|b| b.is_ascii_graphic() && b != b'\\' && b != b'#');
    if below && plain { back } else { DESK }
}

fn with(address: &str, name: &str, value: &str) -> String {
    let joint = if address.contains('?') { '&' } else { '?' };
    format!("{address}{joint}{name}={value}")
}

#[cfg(test)]
mod tests {
    use super::{own_page, with};

    #[test]
    fn a_form_leads_back_to_the_desk_alone() {
        for back in ["/admin", "/admin/inbox?kind=invoice.paid", "/admin?x=1"] {
            assert_eq!(own_page(back), back);
        }
        for back in [
            "",
            "/",
            "/billing",
            "/administrator",
            "//evil.example",
            "/admin//evil",
            "https://evil.example/admin",
            "/admin/\r\nset-cookie: a=b",
            "/admin/\\evil",
            "/admin/#x",
        ] {
            assert_eq!(own_page(back), "/admin", "{back:?}");
        }
        assert_eq!(with("/admin?a=1", "done", "x"), "/admin?a=1&done=x");
        assert_eq!(with("/admin", "done", "x"), "/admin?done=x");
    }
}
