//! The pages of companies: who may see them, and why not.

use super::list::Belonging;
use super::said::said;
use super::{Company, CompanyError, CompanyPort, Seen, holder::Holder, look, notices};
use crate::login::{self, Viewer};
use crate::page::{BusyForms, Lone, NotFound, Notice, Told, Tone, answer};
use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_params_map, use_query_map};
use std::sync::Arc;

/// `/company`
#[component]
pub fn CompanyList() -> impl IntoView {
    let query = use_query_map().get_untracked();
    guarded("/company", move |viewer, port| async move {
        let belongs = port.belongs(&viewer.user_id).await?;
        Ok(view! {
            {problem(&query)}
            {said(&query)}
            <Belonging belongs />
        }
        .into_any())
    })
}

/// `/company/{id}`: what it shows depends on who looks.
#[component]
pub fn CompanyPage() -> impl IntoView {
    let query = use_query_map().get_untracked();
    let id = company_id();
    guarded(&here(), move |viewer, port| async move {
        let back = notices::Back::of(&query);
        let read = if back.is_some() {
            port.returned(&viewer.user_id, &id).await
        } else {
            Ok(())
        };
        // A company that is not theirs is told like any other that is not there.
        if read == Err(CompanyError::NotFound) {
            return Err(CompanyError::NotFound);
        }
        match port.company(&viewer.user_id, &id).await? {
            Seen::Holder(seat) => Ok(view! {
                {problem(&query)}
                {said(&query)}
                <Holder seat />
                <BusyForms />
            }
            .into_any()),
            Seen::Admin(company) => {
                let above = view! {
                    {problem(&query)}
                    {said(&query)}
                    {read.err().map(|_| notices::unread())}
                };
                let above = above.into_any();
                look::admin(viewer, *company, &query, back, above).await
            }
        }
    })
}

/// The id in the address.
#[must_use]
pub fn company_id() -> String {
    use_params_map()
        .get_untracked()
        .get("id")
        .unwrap_or_default()
}

/// The address with its query, to come back to after signing in.
pub(super) fn here() -> String {
    let location = use_location();
    let (path, query) = (
        location.pathname.get_untracked(),
        location.search.get_untracked(),
    );
    match query.trim_start_matches('?') {
        "" => path,
        query => format!("{path}?{query}"),
    }
}

/// Why the last press did nothing.
pub(super) fn problem(query: &leptos_router::params::ParamsMap) -> Option<AnyView> {
    let problem = query.get_str("problem").and_then(CompanyError::from_slug)?;
    Some(trouble(problem))
}

/// A problem above a page that shows all the same.
#[must_use]
pub fn trouble(problem: CompanyError) -> AnyView {
    let told = problem.told();
    let text = format!("{} {}", told.meaning, told.next);
    view! { <Notice tone=Tone::Attention title=told.title text urgent=true /> }.into_any()
}

/// Shows a page to whoever is signed in; others are led to sign-in, and back to `here`.
pub(super) fn guarded<F, W>(here: &str, page: F) -> AnyView
where
    F: FnOnce(Viewer, Arc<dyn CompanyPort>) -> W + Send + 'static,
    W: Future<Output = Result<AnyView, CompanyError>> + Send + 'static,
{
    let Some(viewer) = login::viewer() else {
        answer::see_other(&format!("/login?next={}", answer::query_value(here)));
        return refused(CompanyError::NotSignedIn);
    };
    let port = use_context::<Arc<dyn CompanyPort>>();
    Suspend::new(async move {
        let Some(port) = port else {
            return refused(CompanyError::Unavailable);
        };
        page(viewer, port).await.unwrap_or_else(refused)
    })
    .into_any()
}

/// Who looks at a page of a company for its admins. The ports check it.
pub struct Admins {
    pub viewer: Viewer,
    pub company_id: String,
    port: Arc<dyn CompanyPort>,
}

impl Admins {
    /// The company, for an admin of it.
    ///
    /// # Errors
    /// Whoever only holds a seat is told what a stranger is: there is no such page.
    pub async fn company(&self) -> Result<Company, CompanyError> {
        match self
            .port
            .company(&self.viewer.user_id, &self.company_id)
            .await?
        {
            Seen::Admin(company) => Ok(*company),
            Seen::Holder(_) => Err(CompanyError::NotFound),
        }
    }
}

/// A page of the company in the address, for its admins.
pub fn for_admins<F, W>(here: &str, page: F) -> AnyView
where
    F: FnOnce(Admins) -> W + Send + 'static,
    W: Future<Output = Result<AnyView, CompanyError>> + Send + 'static,
{
    let company_id = company_id();
    guarded(here, move |viewer, port| {
        page(Admins {
            viewer,
            company_id,
            port,
        })
    })
}

/// A page that says only why there is nothing else on it; what is not theirs is not there.
pub fn refused(error: CompanyError) -> AnyView {
    if error == CompanyError::NotFound {
        return view! { <NotFound /> }.into_any();
    }
    let told: Told = error.told();
    let own = told.action.is_some_and(|(_, href)| href == "/company");
    let back = (!own).then_some(("Your companies", "/company"));
    view! { <Lone told margin="Company" back /> }.into_any()
}
