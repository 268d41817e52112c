//! Who is looking: the session's user, as the pages want to know them.

use app::login::Viewer;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use tower_sessions::Session;

use super::{LoginError, sessions};
use crate::state::AppState;

#[derive(sqlx::FromRow)]
struct UserRow {
    discord_user_id: String,
    name: String,
    avatar_url: Option<String>,
}

/// Middleware: puts the [`Viewer`] into the request's extensions when somebody who still exists
/// is signed in. What they are shown is kept in no cache. Wants
/// [`session_layer`](super::session_layer) around it.
pub async fn load_viewer(
    State(state): State<AppState>,
    session: Session,
    mut request: Request,
    next: Next,
) -> Response {
    // Nobody may hand one in.
    request.extensions_mut().remove::<Viewer>();
    let viewer = match of_visit(&state, &session).await {
        Ok(viewer) => viewer,
        Err(error) => return error.into_response(),
    };
    let Some(viewer) = viewer else {
        return next.run(request).await;
    };
    request.extensions_mut().insert(viewer);
    let mut response = next.run(request).await;
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("private, no-store"));
    response
}

async fn of_visit(state: &AppState, session: &Session) -> Result<Option<Viewer>, LoginError> {
    let viewer = of_session(state, session).await?;
    if viewer.is_some() {
        sessions::visited(session, state.clock.wall_ms()).await?;
    }
    Ok(viewer)
}

/// The person signed in, if they still exist.
pub(super) async fn of_session(
    state: &AppState,
    session: &Session,
) -> Result<Option<Viewer>, LoginError> {
    let Some(user_id) = sessions::user_id(session).await? else {
        return Ok(None);
    };
    let row: Option<UserRow> =
        sqlx::query_as("SELECT discord_user_id, name, avatar_url FROM users WHERE id = $1")
            .bind(&user_id)
            .fetch_optional(state.db.reader())
            .await?;
    Ok(row.map(|row| Viewer {
        operator: state
            .config
            .operator_discord_ids
            .contains(&row.discord_user_id),
        user_id,
        discord_user_id: row.discord_user_id,
        name: row.name,
        avatar_url: row.avatar_url,
    }))
}
