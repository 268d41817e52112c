//! The way to Stripe's portal: cards, invoices, cancelling.

use super::BillingError;
use leptos::prelude::*;

/// Opens a session of Stripe's portal for whoever is signed in and leads there; with `page=card`
/// straight to another card. Errors lead a browser back to the dashboard (`?problem=`), and are
/// typed for a script.
#[server(prefix = "/api", endpoint = "open_portal")]
pub async fn open_portal(#[server(default)] page: String) -> Result<(), BillingError> {
    use super::PortalPage;
    use crate::page::answer;

    let page = match page.as_str() {
        "card" => PortalPage::Card,
        _ => PortalPage::Home,
    };
    match opening::portal(page).await {
        Ok(url) => answer::see_other(&url),
        Err(error) if !answer::wants_html() => {
            answer::status(error.told().status);
            return Err(error);
        }
        Err(BillingError::NotSignedIn) => answer::see_other("/login?next=%2Fbilling"),
        Err(error) => answer::see_other(&format!("/billing?problem={}", error.slug())),
    }
    Ok(())
}

#[cfg(feature = "ssr")]
mod opening {
    use crate::billing::{BillingError, BillingPort, PortalPage};
    use crate::login;
    use leptos::prelude::use_context;
    use std::sync::Arc;

    pub async fn portal(page: PortalPage) -> Result<String, BillingError> {
        let viewer = login::viewer().ok_or(BillingError::NotSignedIn)?;
        let port = use_context::<Arc<dyn BillingPort>>().ok_or(BillingError::Unavailable)?;
        port.portal(&viewer.user_id, page).await
    }
}
