//! The one table of addresses.

use crate::account::{self, Accounts};
use crate::admin::Admin;
use crate::billing::Billing;
use crate::changes::Changes;
use crate::checkout::Checkout;
use crate::company::Companies;
use crate::config::MetricsAccess;
use crate::db::dirty;
use crate::guards::{self, ClientAddr, LimitKind};
use crate::incidents;
use crate::invites::Invites;
use crate::login;
use crate::mail::{self, Mails};
use crate::plans::Plans;
use crate::seats::Seats;
use crate::serve::{assets, posted};
use crate::state::AppState;
use crate::webhooks;
use app::account::AccountPort;
use app::admin::{AdminPort, is_desk};
use app::billing::BillingPort;
use app::changes::ChangesPort;
use app::checkout::CheckoutPort;
use app::company::CompanyPort;
use app::invites::InvitesPort;
use app::login::Viewer;
use app::mail::MailPort;
use app::page::{FormTargets, Now};
use app::plans::PlansPort;
use app::seats::SeatsPort;
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::ExtensionRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use leptos::prelude::provide_context;
use leptos_axum::{LeptosRoutes, generate_route_list};
use secrecy::ExposeSecret;
use std::net::SocketAddr;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use tower::ServiceExt as _;
use tower_http::compression::CompressionLayer;
use tower_http::trace::TraceLayer;

/// The largest form of ours.
const FORM_LIMIT: usize = 64 * 1024;

/// Everything that is served on the main address.
pub fn router(state: &AppState) -> Router {
    let provide = contexts(state);
    let missing = dressed(Router::new().fallback(missing_page), state);
    let pages = Router::new()
        .leptos_routes_with_context(state, generate_route_list(app::App), provide.clone(), {
            let options = state.leptos.clone();
            move || app::shell(options.clone())
        })
        .route("/api/{*function}", post(server_functions))
        .merge(posted::pages(state, post(page)))
        .layer(from_fn_with_state(state.clone(), limit_by_address))
        .merge(login::routes())
        .merge(mail::pages())
        .merge(account::pages())
        .layer(from_fn_with_state(state.clone(), desk_for_operators));
    let pages = dressed(pages, state);
    let table = Router::new()
        .merge(pages)
        .merge(mail::routes())
        .route(
            "/webhooks/stripe",
            post(webhooks::stripe).layer(DefaultBodyLimit::max(webhooks::MAX_BODY)),
        )
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(move |state: State<AppState>, request: Request| {
            files_or_missing(state, missing.clone(), request)
        })
        .with_state(state.clone());
    let table = Router::new()
        .fallback_service(table)
        .layer(map_response(nothing_allowed_where_nothing_is));
    // Only the template of an address is logged: a query can hold a session's id.
    let traced = table.layer(TraceLayer::new_for_http().make_span_with(
        |request: &Request| tracing::debug_span!("request", method = %request.method()),
    ));
    guards::guarded(traced, state)
}

/// What stands around every page, one that is missing included, so that nobody can tell a page
/// they may not see from one that is not there.
fn dressed(pages: Router<AppState>, state: &AppState) -> Router<AppState> {
    pages
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(state.clone(), login::load_viewer))
        .layer(login::session_layer(state))
}

/// Methods are told of an address that is there. axum adds them outside of the address's own
/// layers, so this stands around the whole table.
async fn nothing_allowed_where_nothing_is(mut answer: Response) -> Response {
    if answer.status() == StatusCode::NOT_FOUND {
        answer.headers_mut().remove(header::ALLOW);
    }
    answer
}

/// The desk is there for operators alone; its pages and functions guard themselves as well.
async fn desk_for_operators(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let operator = request
        .extensions()
        .get::<Viewer>()
        .is_some_and(|viewer| viewer.operator);
    if is_desk(request.uri().path()) && !operator {
        return missing_page(State(state), request).await;
    }
    next.run(request).await
}

/// What pages and server functions find in leptos' context.
fn contexts(state: &AppState) -> impl Fn() + Clone + Send + Sync + 'static + use<> {
    let plans: Arc<dyn PlansPort> = Arc::new(Plans(state.clone()));
    let checkout: Arc<dyn CheckoutPort> = Arc::new(Checkout(state.clone()));
    let billing: Arc<dyn BillingPort> = Arc::new(Billing(state.clone()));
    let admin: Arc<dyn AdminPort> = Arc::new(Admin(state.clone()));
    let mail: Arc<dyn MailPort> = Arc::new(Mails(state.clone()));
    let account: Arc<dyn AccountPort> = Arc::new(Accounts(state.clone()));
    let changes: Arc<dyn ChangesPort> = Arc::new(Changes(state.clone()));
    let companies: Arc<dyn CompanyPort> = Arc::new(Companies(state.clone()));
    let seats: Arc<dyn SeatsPort> = Arc::new(Seats(state.clone()));
    let invites: Arc<dyn InvitesPort> = Arc::new(Invites(state.clone()));
    let community = state.config.community.clone();
    let targets = form_targets(state);
    let assets = assets::addresses(state);
    let clock = state.clock.clone();
    move || {
        provide_context(Now(clock.policy_ms()));
        provide_context(plans.clone());
        provide_context(checkout.clone());
        provide_context(billing.clone());
        provide_context(admin.clone());
        provide_context(mail.clone());
        provide_context(account.clone());
        provide_context(changes.clone());
        provide_context(companies.clone());
        provide_context(seats.clone());
        provide_context(invites.clone());
        provide_context(community.clone());
        provide_context(targets.clone());
        provide_context(assets.clone());
    }
}

/// Stripe's hosted pages, or the stand-in's when another API base is set.
fn form_targets(state: &AppState) -> FormTargets {
    let config = &state.config;
    let mut targets = vec![config.discord.authorize_url.origin().ascii_serialization()];
    if config
        .stripe
        .api_base
        .as_str()
        .starts_with(crate::config::STRIPE_API)
    {
        targets.push("https://checkout.stripe.com".to_owned());
        targets.push("https://billing.stripe.com".to_owned());
    } else {
        targets.push(config.stripe.api_base.origin().ascii_serialization());
    }
    targets.extend(config.checkout_origins.iter().cloned());
    targets.sort();
    targets.dedup();
    FormTargets(targets)
}

async fn server_functions(State(state): State<AppState>, request: Request) -> Response {
    let known =
        leptos::server_fn::axum::server_fn_paths().any(|(path, _)| path == request.uri().path());
    if !known {
        return missing_page(State(state), request).await;
    }
    leptos_axum::handle_server_fns_with_context(contexts(&state), request)
        .await
        .into_response()
}

/// Server functions that reach Stripe at a person's wish.
const REACH_STRIPE: [&str; 11] = [
    "/api/start_checkout",
    "/api/open_portal",
    "/api/confirm_change",
    "/api/keep_membership",
    "/api/stay_on_plan",
    "/api/pause_membership",
    "/api/resume_membership",
    "/api/cancel_at_stripe",
    "/api/buy_seats",
    "/api/company_portal",
    "/api/confirm_number",
];

/// Server functions that reach Stripe count against the address too.
async fn limit_by_address(
    State(state): State<AppState>,
    client: ClientAddr,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let reaches_stripe = REACH_STRIPE.iter().any(|reach| path.starts_with(reach));
    if reaches_stripe
        && let Err(after) = state.limits.check(
            LimitKind::CheckoutAddress,
            &client.limit_key(),
            state.clock.wall_ms(),
        )
    {
        let headers = [(header::RETRY_AFTER, after.0.to_string())];
        let text =
            "Too many tries from your address. Please wait a minute. You were not charged.\n";
        return (StatusCode::TOO_MANY_REQUESTS, headers, text).into_response();
    }
    next.run(request).await
}

async fn files_or_missing(
    State(state): State<AppState>,
    missing: Router<AppState>,
    request: Request,
) -> Response {
    if let Some(asked) = assets::asked(&request)
        && let Some(file) = assets::serve(&state, asked).await
    {
        return file;
    }
    match missing.with_state::<()>(state).oneshot(request).await {
        Ok(answer) => answer,
    }
}

async fn missing_page(state: State<AppState>, request: Request) -> Response {
    let mut answer = page(state, request).await;
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer
}

/// The page at the request's address, whatever its method.
async fn page(State(state): State<AppState>, request: Request) -> Response {
    let provide = contexts(&state);
    let options = state.leptos.clone();
    let page =
        leptos_axum::render_app_async_with_context(provide, move || app::shell(options.clone()));
    page(request).await
}

/// Ready when the database answers and the outside is who it was.
async fn ready(State(state): State<AppState>) -> (StatusCode, &'static str) {
    let answered: Result<i64, _> = sqlx::query_scalar(
        "SELECT COUNT(*) FROM installation WHERE name IN ('stripe_mode', 'guild')",
    )
    .fetch_one(state.db.reader())
    .await;
    match answered {
        Ok(pins) if pins >= 2 => (StatusCode::OK, "ready\n"),
        Ok(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Stripe or Discord has not been reached yet\n",
        ),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database does not answer\n",
        ),
    }
}

async fn metrics(
    State(state): State<AppState>,
    peer: Result<ConnectInfo<SocketAddr>, ExtensionRejection>,
    headers: HeaderMap,
) -> Response {
    let allowed = match &state.config.metrics {
        MetricsAccess::Loopback => {
            // Behind a proxy on this machine everybody looks like loopback.
            peer.is_ok_and(|ConnectInfo(addr)| addr.ip().is_loopback())
                && !headers.contains_key("x-forwarded-for")
                && !headers.contains_key("forwarded")
        }
        MetricsAccess::Token(token) => headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .is_some_and(|given| {
                given
                    .as_bytes()
                    .ct_eq(token.expose_secret().as_bytes())
                    .into()
            }),
        MetricsAccess::Address(_) => false,
    };
    if allowed {
        figures(&state).await
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

/// The figures alone, for `METRICS_ADDR`.
pub fn metrics_router(state: &AppState) -> Router {
    let answer = |State(state): State<AppState>| async move { figures(&state).await };
    Router::new()
        .route("/metrics", get(answer))
        .with_state(state.clone())
}

async fn figures(state: &AppState) -> Response {
    let counted = async {
        let (due, parked) = dirty::backlog(&state.db, state.clock.policy_ms()).await?;
        let mut conn = state.db.reader().acquire().await?;
        let open = incidents::count_open(&mut conn).await?;
        Ok::<_, crate::db::DbError>(state.metrics.render(due, parked, open))
    };
    match counted.await {
        Ok(text) => {
            let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
            (kind, Body::from(text)).into_response()
        }
        Err(error) => {
            tracing::error!(error = %error, "the figures cannot be read");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
