//! The two fresh sign-ins by which a membership moves to another account: first the one signed in
//! here shows once more who they are, then the one it goes to. One browser begins and ends both.

use super::discord::Person;
use super::pending::Purpose;
use super::{LoginError, account, go, sessions, to_discord, viewer};
use crate::account as accounts;
use crate::guards::{ClientAddr, LimitKind};
use crate::state::AppState;
use app::account::{AccountError, CONFIRM_MOVE};
use app::login::Viewer;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use tower_sessions::Session;

const MOVE: &str = "/account/move";

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/account/move/old", get(old))
        .route("/account/move/new", get(new))
        .route(CONFIRM_MOVE, post(confirm))
}

fn problem(error: AccountError) -> Response {
    go(&format!("{MOVE}?problem={}", error.slug()))
}

async fn old(
    State(state): State<AppState>,
    client: ClientAddr,
    session: Session,
) -> Result<Response, LoginError> {
    begin(&state, &client, &session, Purpose::Again).await
}

async fn new(
    State(state): State<AppState>,
    client: ClientAddr,
    session: Session,
) -> Result<Response, LoginError> {
    if !fresh(&state, &session).await? {
        return Ok(problem(AccountError::NotFresh));
    }
    begin(&state, &client, &session, Purpose::Other).await
}

async fn begin(
    state: &AppState,
    client: &ClientAddr,
    session: &Session,
    purpose: Purpose,
) -> Result<Response, LoginError> {
    if viewer::of_session(state, session).await?.is_none() {
        return Ok(go("/login?next=%2Faccount%2Fmove"));
    }
    let now = state.clock.wall_ms();
    state
        .limits
        .check(LimitKind::LoginAddress, &client.limit_key(), now)?;
    let browser = sessions::of_browser(session, &state.rng, true, now).await?;
    to_discord(state, &browser, purpose, true, MOVE.to_owned()).await
}

async fn fresh(state: &AppState, session: &Session) -> Result<bool, LoginError> {
    let at = sessions::proved_at(session).await?;
    Ok(at.is_some_and(|at| at > state.clock.wall_ms() - accounts::FRESH_MS))
}

/// From Discord, the first time.
pub(super) async fn came_back(
    state: &AppState,
    session: &Session,
    person: &Person,
) -> Result<Response, LoginError> {
    let Some(viewer) = viewer::of_session(state, session).await? else {
        return Ok(go("/login?next=%2Faccount%2Fmove"));
    };
    if viewer.discord_user_id != person.discord_user_id {
        return Ok(problem(AccountError::OtherAccount));
    }
    sessions::proved(session, state.clock.wall_ms()).await?;
    Ok(go("/account/move?step=new"))
}

/// From Discord, the second time: whoever came is known here from now on, and nothing has moved.
pub(super) async fn other_came(
    state: &AppState,
    session: &Session,
    person: &Person,
) -> Result<Response, LoginError> {
    let Some(viewer) = viewer::of_session(state, session).await? else {
        return Ok(go("/login?next=%2Faccount%2Fmove"));
    };
    if !fresh(state, session).await? {
        return Ok(problem(AccountError::NotFresh));
    }
    if viewer.discord_user_id == person.discord_user_id {
        return Ok(problem(AccountError::SameAccount));
    }
    let other = account::signed_in(state, person).await?;
    state.work.notify_one();
    Ok(
        match accounts::prepare(state, &viewer.user_id, &other).await {
            Ok(ticket) => go(&format!("{MOVE}?ticket={ticket}")),
            Err(failure) => problem(failure.told("prepare move")),
        },
    )
}

#[derive(Deserialize)]
struct Confirmed {
    #[serde(default)]
    ticket: String,
}

/// `POST /account/move/confirm`: moves what was shown, and goes on as the account it moved to. A
/// browser is led to a page; a script gets the status and the typed error.
async fn confirm(
    State(state): State<AppState>,
    session: Session,
    headers: HeaderMap,
    viewer: Option<axum::Extension<Viewer>>,
    Form(form): Form<Confirmed>,
) -> Result<Response, LoginError> {
    let done = match viewer {
        None => Err(AccountError::NotSignedIn),
        Some(axum::Extension(viewer)) => moved(&state, viewer, form.ticket).await,
    };
    let html = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    match done {
        Ok(to) => {
            sessions::sign_in(&session, &to, state.clock.wall_ms()).await?;
            Ok(go("/account?moved=1"))
        }
        Err(error) if !html => {
            let status = StatusCode::from_u16(error.told().status)
                .unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            let headers = [(header::CACHE_CONTROL, "no-store")];
            Ok((status, headers, Json(error)).into_response())
        }
        Err(AccountError::NotSignedIn) => Ok(go("/login?next=%2Faccount%2Fmove")),
        Err(error) => Ok(problem(error)),
    }
}

/// Runs to its end even when the browser goes away; answers whose it is now.
async fn moved(state: &AppState, viewer: Viewer, ticket: String) -> Result<String, AccountError> {
    let state = state.clone();
    let work = tokio::spawn(async move {
        accounts::confirm(&state, &viewer.user_id, &ticket)
            .await
            .map_err(|failure| failure.told("move"))
    });
    match work.await {
        Ok(done) => done,
        Err(stopped) => {
            tracing::error!(error = %stopped, "a move stopped");
            Err(AccountError::Unavailable)
        }
    }
}
