//! The document every page stands in, and the list of pages.

use super::{Assets, Community, FormTargets, NotFound, accent, answer, community, csp};
use super::{
    frame::{Footer, Header},
    icon::Sprite,
};
use crate::{account, admin, billing, changes, company, invites, login, mail, plans, seats};
use http::header;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::{MetaTags, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{Route, Router, Routes},
    path,
};

/// The whole document, from `<!DOCTYPE html>`. Sets the Content-Security-Policy of the answer
/// and that it must not be stored.
#[must_use]
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape leptos_axum hands it over in"
)]
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let house = community();
    let nonce = use_nonce();
    if let Some(nonce) = &nonce {
        let targets = use_context::<FormTargets>().unwrap_or_default();
        let policy = csp::policy(nonce, house.logo.as_deref(), &targets.0);
        answer::set_header(header::CONTENT_SECURITY_POLICY, &policy);
    }
    answer::set_header(header::CACHE_CONTROL, "no-store");
    let assets = use_context::<Assets>().unwrap_or_default();
    let accent = accent_rule(&house);
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <meta name="theme-color" content="#fbfaf8" media="(prefers-color-scheme: light)" />
                <meta name="theme-color" content="#12141a" media="(prefers-color-scheme: dark)" />
                <link rel="preload" href=assets.font.clone() r#as="font" r#type="font/woff2" crossorigin="anonymous" />
                <link rel="stylesheet" href=assets.css.clone() />
                <link rel="icon" href=assets.favicon.clone() r#type="image/svg+xml" />
                <style nonce=nonce.clone() inner_html=accent></style>
                <Scripts assets />
                <AutoReload options=options.clone() />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// Variables only, so that the sheet decides where the community's colour goes.
fn accent_rule(house: &Community) -> String {
    let pick = |wanted: &str, otherwise: &str| {
        if accent::is_css_colour(wanted) {
            wanted.to_owned()
        } else {
            otherwise.to_owned()
        }
    };
    let light = pick(&house.accent_light, accent::FALLBACK.light);
    let dark = pick(&house.accent_dark, accent::FALLBACK.dark);
    format!(":root{{--accent-light:{light};--accent-dark:{dark}}}")
}

/// Loads the wasm where there is an island to wake, and wakes it; islands do not nest here. The
/// root element then has `data-awake`. leptos' own `HydrationScripts` loads it on every page,
/// and preloads the module without the nonce, which `strict-dynamic` refuses.
#[component]
fn Scripts(assets: Assets) -> impl IntoView {
    // Resources outside of islands are the server's own and are not sent along.
    if let Some(context) = Owner::current_shared_context() {
        context.set_is_hydrating(false);
    }
    let nonce = use_nonce();
    let script = format!(
        "{}({:?},{:?});",
        include_str!("wake.js").trim().trim_end_matches(';'),
        assets.js,
        assets.wasm
    );
    view! {
        <script type="module" nonce=nonce inner_html=script></script>
    }
}

/// Every page within header and footer.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Sprite />
        <a class="skip" href="#main">"Skip to the page"</a>
        <Router>
            <Header />
            <main id="main" tabindex="-1">
                <Routes fallback=NotFound>
                    <Route path=path!("/") view=plans::landing::Landing ssr=SsrMode::Async />
                    <Route path=path!("/billing") view=billing::page::Billing ssr=SsrMode::Async />
                    <Route path=path!("/billing/change") view=changes::page::Change ssr=SsrMode::Async />
                    <Route path=path!("/billing/cancel") view=changes::page::Cancel ssr=SsrMode::Async />
                    <Route path=path!("/account") view=account::page::AccountPage ssr=SsrMode::Async />
                    <Route path=path!("/account/move") view=account::moving::MovePage ssr=SsrMode::Async />
                    <Route path=path!("/account/delete") view=account::delete::DeletePage ssr=SsrMode::Async />
                    <Route path=path!("/company") view=company::page::CompanyList ssr=SsrMode::Async />
                    <Route path=path!("/company/new") view=company::new::NewCompany ssr=SsrMode::Async />
                    <Route path=path!("/company/:id") view=company::page::CompanyPage ssr=SsrMode::Async />
                    <Route path=path!("/company/:id/invite") view=invites::write::InvitePage ssr=SsrMode::Async />
                    <Route path=path!("/company/:id/number") view=seats::number::NumberPage ssr=SsrMode::Async />
                    <Route path=path!("/company/:id/over") view=seats::over::OverPage ssr=SsrMode::Async />
                    <Route path=path!("/invite/:token") view=invites::page::InviteLink ssr=SsrMode::Async />
                    <Route path=path!("/mail/unsubscribe") view=mail::page::Unsubscribe ssr=SsrMode::Async />
                    <Route path=path!("/admin") view=admin::overview::DeskOverview ssr=SsrMode::Async />
                    <Route path=path!("/admin/inbox") view=admin::inbox::DeskInbox ssr=SsrMode::Async />
                    <Route path=path!("/admin/work") view=admin::work::DeskWork ssr=SsrMode::Async />
                    <Route path=path!("/admin/incidents") view=admin::incidents::DeskIncidents ssr=SsrMode::Async />
                    <Route path=path!("/admin/roles") view=admin::roles::DeskRoles ssr=SsrMode::Async />
                    <Route path=path!("/admin/brake") view=admin::brake::DeskBrake ssr=SsrMode::Async />
                    <Route path=path!("/admin/move") view=admin::moving::MoveDesk ssr=SsrMode::Async />
                    <Route path=path!("/admin/people") view=admin::people::DeskPeople ssr=SsrMode::Async />
                    <Route path=path!("/login/problem") view=login::problem::Problem ssr=SsrMode::Async />
                </Routes>
            </main>
            <Footer />
        </Router>
    }
}
