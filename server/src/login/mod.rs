//! Sign-in with Discord: OAuth2 with state and PKCE, sessions in our database, sign-out.

mod account;
mod again;
mod cookie;
mod discord;
mod next;
mod pending;
mod sessions;
mod viewer;

use app::login::LoginProblem;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};
use tower_sessions::Session;
use url::form_urlencoded;

use crate::db::DbError;
use crate::guards::{ClientAddr, LimitKind, RetryAfterSeconds};
use crate::seal::SealError;
use crate::state::AppState;

pub use cookie::{cookie_name, session_layer};
pub use next::own_path;
use pending::Purpose;
pub use sessions::{DbSessions, delete_expired};
pub use viewer::load_viewer;

/// Where one lands when no address was wanted.
const HOME: &str = "/";

/// `GET /login?next=&join=1&another=1`, `GET /auth/callback`, `POST /logout`. Wants [`session_layer`]
/// around it.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/login", get(begin))
        .route("/auth/callback", get(callback))
        .route("/logout", post(logout))
        .merge(again::routes())
}

/// Why a request of sign-in has no good end.
#[derive(Debug, thiserror::Error)]
enum LoginError {
    /// One with a page of its own; `next` is what was wanted, if that is known.
    #[error("{problem}")]
    Problem {
        problem: LoginProblem,
        next: Option<String>,
    },
    #[error(transparent)]
    TooMany(#[from] RetryAfterSeconds),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Session(#[from] tower_sessions::session::Error),
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl From<sqlx::Error> for LoginError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<LoginProblem> for LoginError {
    fn from(problem: LoginProblem) -> Self {
        Self::Problem {
            problem,
            next: None,
        }
    }
}

impl IntoResponse for LoginError {
    fn into_response(self) -> Response {
        match self {
            Self::Problem { problem, next } => problem_page(problem, next.as_deref()),
            Self::TooMany(RetryAfterSeconds(seconds)) => {
                let mut response = problem_page(LoginProblem::TooMany, None);
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                response
            }
            Self::Db(_) | Self::Session(_) | Self::Seal(_) => {
                tracing::error!(error = %self, "a sign-in failed on our side");
                out_of_order()
            }
        }
    }
}

/// Nothing to be done without our own database.
fn out_of_order() -> Response {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::RETRY_AFTER, "10"),
        ],
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Out of order</title></head><body><main><h1>Something \
         is out of order on our side.</h1><p>Nothing was changed and you were not charged. Please \
         try again in a minute.</p><p><a href=\"/\">Back to the start</a></p></main></body></html>",
    )
        .into_response()
}

fn problem_page(problem: LoginProblem, next: Option<&str>) -> Response {
    tracing::info!(reason = problem.slug(), "no sign-in");
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("reason", problem.slug());
    if let Some(next) = next.filter(|next| *next != HOME) {
        query.append_pair("next", next);
    }
    go(&format!("/login/problem?{}", query.finish()))
}

/// 303, kept in no cache.
fn go(to: &str) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Redirect::to(to)).into_response()
}

/// The first field of that name.
fn field(query: Option<&str>, name: &str) -> Option<String> {
    form_urlencoded::parse(query?.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

async fn begin(
    State(state): State<AppState>,
    client: ClientAddr,
    session: Session,
    RawQuery(query): RawQuery,
) -> Result<Response, LoginError> {
    let query = query.as_deref();
    let next = field(query, "next")
        .and_then(|next| own_path(&next))
        .unwrap_or_else(|| HOME.to_owned());
    let signed_in = viewer::of_session(&state, &session).await?.is_some();
    let wants = |what: &str| field(query, what).as_deref() == Some("1");
    let another = wants("another");
    if signed_in && !another && !wants("join") {
        return Ok(go(&next));
    }
    let now = state.clock.wall_ms();
    state
        .limits
        .check(LimitKind::LoginAddress, &client.limit_key(), now)?;
    let browser = sessions::of_browser(&session, &state.rng, signed_in, now).await?;
    to_discord(&state, &browser, Purpose::SignIn, another, next).await
}

/// Keeps a sign-in that begins, and leads to Discord's consent page; with `asks`, also whoever has
/// consented before.
async fn to_discord(
    state: &AppState,
    browser: &str,
    purpose: Purpose,
    asks: bool,
    next: String,
) -> Result<Response, LoginError> {
    let asked = discord::ask(state, asks);
    let begun = pending::Pending {
        verifier: asked.verifier,
        next,
        purpose,
    };
    pending::keep(state, browser, &asked.state, &begun).await?;
    Ok(go(asked.url.as_str()))
}

async fn callback(
    State(state): State<AppState>,
    client: ClientAddr,
    session: Session,
    RawQuery(query): RawQuery,
) -> Result<Response, LoginError> {
    let query = query.as_deref();
    let now = state.clock.wall_ms();
    state
        .limits
        .check(LimitKind::CallbackAddress, &client.limit_key(), now)?;
    let pending = match (field(query, "state"), sessions::browser(&session).await?) {
        (Some(asked), Some(browser)) => pending::take(&state, &browser, &asked).await?,
        _ => None,
    };
    if let Some(error) = field(query, "error") {
        return Err(LoginError::Problem {
            problem: discord::refusal(&error),
            next: pending.map(|pending| pending.next),
        });
    }
    let (Some(pending), Some(code)) = (pending, field(query, "code")) else {
        return Err(LoginProblem::State.into());
    };
    let pending::Pending {
        verifier,
        next,
        purpose,
    } = pending;
    let person = match discord::person(&state, code, verifier).await {
        Ok(person) => person,
        Err(problem) => {
            return Err(LoginError::Problem {
                problem,
                next: Some(next),
            });
        }
    };
    match purpose {
        Purpose::SignIn => {}
        Purpose::Again => return again::came_back(&state, &session, &person).await,
        Purpose::Other => return again::other_came(&state, &session, &person).await,
    }
    let user_id = account::signed_in(&state, &person).await?;
    state.work.notify_one();
    sessions::sign_in(&session, &user_id, now).await?;
    tracing::info!(user = %user_id, "signed in");
    Ok(go(&next))
}

async fn logout(State(state): State<AppState>, session: Session) -> Result<Response, LoginError> {
    session.flush().await?;
    let mut response = go(HOME);
    response
        .headers_mut()
        .append(header::SET_COOKIE, cookie::removal(state.config.https()));
    Ok(response)
}
