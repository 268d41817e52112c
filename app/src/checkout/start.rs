//! The server functions of a checkout. Each guards itself: its address is public.

use super::{CheckoutError, Progress};
use leptos::prelude::*;

/// Starts a checkout of the price, with a promotion code if there is one, and leads to Stripe, to the dashboard when there is a
/// membership already, or to sign-in with the choice remembered. Errors lead a browser back to
/// the plans (`?problem=`), and are typed for a script.
#[server(prefix = "/api", endpoint = "start_checkout")]
pub async fn start_checkout(price_id: String, code: Option<String>) -> Result<(), CheckoutError> {
    use super::CheckoutNext;
    use crate::page::answer;

    let code = code.filter(|code| !code.trim().is_empty());
    match starting::start(&price_id, code.as_deref()).await {
        Ok(CheckoutNext::Pay { url }) => answer::see_other(&url),
        Ok(CheckoutNext::AlreadyMember) => answer::see_other("/billing?already=member"),
        Ok(CheckoutNext::AlreadyPaid) => answer::see_other("/billing?already=paid"),
        Err(error) if !answer::wants_html() => {
            answer::status(error.told().status);
            return Err(error);
        }
        Err(CheckoutError::NotSignedIn) => {
            answer::see_other(&starting::sign_in(&price_id, code.as_deref()).await);
        }
        Err(error) => answer::see_other(&format!("/?problem={}", error.slug())),
    }
    Ok(())
}

/// How far the return from `session_id` has come. Our own rows answer first; while they know of
/// no payment, Stripe is read again under the payer's lease.
#[server(prefix = "/api", endpoint = "checkout_progress")]
pub async fn checkout_progress(session_id: String) -> Result<Progress, CheckoutError> {
    let progress = starting::progress(&session_id).await;
    if let Err(error) = &progress {
        crate::page::answer::status(error.told().status);
    }
    progress
}

#[cfg(feature = "ssr")]
mod starting {
    use crate::checkout::{CheckoutError, CheckoutNext, CheckoutPort, Progress};
    use crate::login;
    use crate::page::answer;
    use crate::plans::PlansPort;
    use leptos::prelude::use_context;
    use std::sync::Arc;

    fn guard() -> Result<(login::Viewer, Arc<dyn CheckoutPort>), CheckoutError> {
        let viewer = login::viewer().ok_or(CheckoutError::NotSignedIn)?;
        let port = use_context::<Arc<dyn CheckoutPort>>().ok_or(CheckoutError::Unavailable)?;
        Ok((viewer, port))
    }

    pub async fn start(price_id: &str, code: Option<&str>) -> Result<CheckoutNext, CheckoutError> {
        let (viewer, port) = guard()?;
        port.start(&viewer.user_id, price_id, code).await
    }

    pub async fn progress(session_id: &str) -> Result<Progress, CheckoutError> {
        let (viewer, port) = guard()?;
        match port.progress(&viewer.user_id, session_id).await? {
            Progress::Paying | Progress::Open | Progress::Expired => {
                port.returned(&viewer.user_id, session_id).await
            }
            further => Ok(further),
        }
    }

    /// Sign-in that lands on the plans with the wanted one marked, and the code still there.
    pub async fn sign_in(price_id: &str, code: Option<&str>) -> String {
        let mut wanted = Vec::new();
        // Plans that cannot be read now cost the mark, not the sign-in.
        if let Some(port) = use_context::<Arc<dyn PlansPort>>()
            && let Ok(plans) = port.offered().await
            && let Some(plan) = plans.iter().find(|plan| plan.has_price(price_id))
        {
            wanted.push(format!("plan={}", answer::query_value(&plan.id)));
            if let Some(price) = plan.prices.iter().find(|price| price.id == price_id) {
                wanted.push(format!("interval={}", price.interval.as_str()));
            }
        }
        if let Some(code) = code {
            wanted.push(format!("code={}", answer::query_value(code)));
        }
        let next = if wanted.is_empty() {
            "/".to_owned()
        } else {
            format!("/?{}", wanted.join("&"))
        };
        format!("/login?next={}", answer::query_value(&next))
    }
}
