//! `/billing`: the dashboard, and the return from Stripe.

use super::{BillingError, BillingPort, dashboard::DashboardView, notices::Changed, returned};
use crate::changes::{ChangeError, page::Trouble};
use crate::company::{CompanyPort, HeldSeat};
use crate::login::{self, Viewer};
use crate::mail;
use crate::page::{Lone, Notice, Told, Tone, answer, community};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_query_map};
use std::sync::Arc;

/// What the address asks for.
pub(super) struct Asked {
    /// On return from Stripe.
    pub session_id: Option<String>,
    /// Looks made so far without wasm.
    pub looks: usize,
    pub problem: Option<BillingError>,
    /// Why a change did not happen.
    pub refused: Option<ChangeError>,
    /// On return from Stripe's portal.
    pub from_portal: bool,
    /// Led here by a change that was made.
    pub changed: bool,
    /// Led here by a checkout that was not needed.
    pub already: Option<Already>,
}

/// Why a checkout was not begun.
#[derive(Clone, Copy)]
pub(super) enum Already {
    Member,
    Paid,
}

impl Already {
    fn from_word(word: &str) -> Option<Self> {
        match word {
            "member" => Some(Self::Member),
            "paid" => Some(Self::Paid),
            _ => None,
        }
    }

    fn told(self) -> AnyView {
        let (title, text) = match self {
            Self::Member => (
                "There is a membership of yours already.",
                "Nothing was charged by this, and no second one was started. To have another plan, change the one you \
                 have.",
            ),
            Self::Paid => (
                "What you began before is paid.",
                "Nothing was charged again, and nothing else was started. What you have is below.",
            ),
        };
        view! { <Notice tone=Tone::Waiting title=title text=text /> }.into_any()
    }
}

/// Nobody signed in is led to sign-in, and back to the same address.
#[component]
pub fn Billing() -> impl IntoView {
    let Some(viewer) = login::viewer() else {
        let location = use_location();
        let query = location.search.get_untracked();
        let query = query.trim_start_matches('?');
        let here = if query.is_empty() {
            "/billing".to_owned()
        } else {
            format!("/billing?{query}")
        };
        answer::see_other(&format!("/login?next={}", answer::query_value(&here)));
        return view! { <Refused told=BillingError::NotSignedIn.told() /> }.into_any();
    };
    let query = use_query_map().get_untracked();
    let asked = Asked {
        session_id: query.get("session_id").filter(|id| !id.is_empty()),
        looks: query
            .get_str("look")
            .and_then(|look| look.parse().ok())
            .unwrap_or(0),
        problem: query.get_str("problem").and_then(BillingError::from_slug),
        refused: query.get_str("change").and_then(ChangeError::from_slug),
        from_portal: query.get_str("from") == Some("portal"),
        changed: query.get_str("changed").is_some(),
        already: query.get_str("already").and_then(Already::from_word),
    };
    Suspend::new(async move {
        match &asked.session_id {
            Some(session_id) => returned::answer(&viewer, session_id, &asked).await,
            None if asked.from_portal => returned::from_portal(&viewer, &asked).await,
            None => shown(&viewer, &asked, None).await,
        }
    })
    .into_any()
}

/// The dashboard, or why it cannot be shown. `came_back` is what is said on return from Stripe.
pub(super) async fn shown(viewer: &Viewer, asked: &Asked, came_back: Option<AnyView>) -> AnyView {
    let Some(port) = use_context::<Arc<dyn BillingPort>>() else {
        return view! { <Refused told=BillingError::Unavailable.told() /> }.into_any();
    };
    match port.dashboard(&viewer.user_id).await {
        Ok(dashboard) => {
            let problem = asked.problem.map(|problem| {
                let told = problem.told();
                let text = format!("{} {}", told.meaning, told.next);
                view! { <Notice tone=Tone::Attention title=told.title text=text urgent=true /> }
            });
            let mail = mail::page::trouble(&viewer.user_id).await;
            let seats = seats(&viewer.user_id).await;
            view! {
                <Title text=format!("Billing – {}", community().name) />
                {problem}
                {mail}
                {asked.refused.map(|problem| view! { <Trouble problem /> })}
                {came_back}
                {asked.already.map(Already::told)}
                <Changed
                    last=dashboard.last_change.clone()
                    membership=dashboard.membership.clone()
                    asked=asked.changed
                />
                <DashboardView dashboard seats />
            }
            .into_any()
        }
        Err(error) => view! { <Refused told=error.told() /> }.into_any(),
    }
}

/// The seats of companies that somebody holds. The dashboard stands without them.
async fn seats(user_id: &str) -> Vec<HeldSeat> {
    match use_context::<Arc<dyn CompanyPort>>() {
        Some(port) => port.belongs(user_id).await.unwrap_or_default().seats,
        None => Vec::new(),
    }
}

/// A page that says only why there is nothing else on it.
#[component]
pub(super) fn Refused(told: Told) -> impl IntoView {
    view! { <Lone told margin="Billing" back=Some(("Back to the plans", "/")) /> }
}
