//! Who wants only what is essential. The link in a mail works without signing in: it carries a
//! keyed digest of whose it is, and can do nothing else. One click by RFC 8058.

use crate::db::DbError;
use crate::state::AppState;
use app::mail::{MailPort, MailProblem, Preference, Trouble};
use app::page::answer::query_value;
use async_trait::async_trait;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::routing::post;
use axum::{Form, Router};
use http::StatusCode;
use sqlx::AnyConnection;
use subtle::ConstantTimeEq;
use url::form_urlencoded;

const PURPOSE: &str = "mail/unsubscribe";
/// The address of page and of one click.
pub const PATH: &str = "/mail/unsubscribe";
const ONE_CLICK_LIMIT: usize = 4 * 1024;

/// The link of that person's mails.
pub(super) fn address(state: &AppState, user_id: &str) -> Result<String, DbError> {
    let token = token(state, user_id)?;
    Ok(state
        .config
        .own_url(&format!("{PATH}?token={}", query_value(&token))))
}

fn token(state: &AppState, user_id: &str) -> Result<String, DbError> {
    let digest = state
        .seal
        .digest(PURPOSE, user_id)
        .map_err(|error| DbError::Impossible(error.to_string()))?;
    Ok(format!("{user_id}.{digest}"))
}

/// Whose token it is, if it is ours.
fn owner(state: &AppState, given: &str) -> Result<Option<String>, DbError> {
    let Some((user_id, _)) = given.split_once('.') else {
        return Ok(None);
    };
    let expected = token(state, user_id)?;
    let ours = bool::from(expected.as_bytes().ct_eq(given.as_bytes()));
    Ok(ours.then(|| user_id.to_owned()))
}

/// The server's side of [`MailPort`].
pub struct Mails(pub AppState);

#[async_trait]
impl MailPort for Mails {
    async fn preference(&self, token: &str) -> Result<Preference, MailProblem> {
        let user_id = self.owner(token)?;
        let read = async {
            let mut conn = self.0.db.reader().acquire().await?;
            super::outbox::essential_only(&mut conn, &user_id).await
        };
        Ok(Preference {
            essential_only: read.await.map_err(|error| unavailable(&error))?,
        })
    }

    async fn prefer(&self, token: &str, essential_only: bool) -> Result<(), MailProblem> {
        let user_id = self.owner(token)?;
        prefer(&self.0, &user_id, essential_only)
            .await
            .map_err(|error| unavailable(&error))
    }

    async fn trouble(&self, user_id: &str) -> Result<Option<Trouble>, MailProblem> {
        super::trouble(&self.0, user_id)
            .await
            .map_err(|error| unavailable(&error))
    }
}

impl Mails {
    fn owner(&self, token: &str) -> Result<String, MailProblem> {
        owner(&self.0, token)
            .map_err(|error| unavailable(&error))?
            .ok_or(MailProblem::BadLink)
    }
}

fn unavailable(error: &DbError) -> MailProblem {
    tracing::error!(error = %error, "a mail preference cannot be read or written");
    MailProblem::Unavailable
}

async fn prefer(state: &AppState, user_id: &str, essential_only: bool) -> Result<(), DbError> {
    let mut tx = state.db.begin().await?;
    let known = put(&mut tx, state.clock.policy_ms(), user_id, essential_only).await?;
    tx.commit().await?;
    if known {
        tracing::info!(user = %user_id, essential_only, "a mail preference was changed");
    }
    Ok(())
}

/// Answers whether there is such a person (a database that was restored may not know them).
async fn put(
    conn: &mut AnyConnection,
    now: i64,
    user_id: &str,
    essential_only: bool,
) -> Result<bool, DbError> {
    let done = sqlx::query(
        "INSERT INTO mail_preferences (user_id, essential_only, changed_at) \
         SELECT id, CAST($1 AS BIGINT), CAST($2 AS BIGINT) FROM users WHERE id = $3 \
         ON CONFLICT (user_id) DO UPDATE SET essential_only = excluded.essential_only, \
         changed_at = excluded.changed_at",
    )
    .bind(i64::from(essential_only))
    .bind(now)
    .bind(user_id)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// `POST /mail/unsubscribe?token=`, as a mail program sends it: no cookie, no page, no question.
pub fn routes() -> Router<AppState> {
    Router::new().route(
        PATH,
        post(one_click).layer(DefaultBodyLimit::max(ONE_CLICK_LIMIT)),
    )
}

async fn one_click(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    Form(body): Form<Vec<(String, String)>>,
) -> (StatusCode, &'static str) {
    let asked = body
        .iter()
        .any(|(key, value)| key == "List-Unsubscribe" && value == "One-Click");
    if !asked {
        return (
            StatusCode::BAD_REQUEST,
            "Nothing was changed: this address takes List-Unsubscribe=One-Click.\n",
        );
    }
    let given = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(key, _)| key == "token")
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default();
    let done = match owner(&state, &given) {
        Ok(Some(user_id)) => prefer(&state, &user_id, true).await,
        Ok(None) => {
            tracing::info!("an unsubscribe link is not ours");
            return (
                StatusCode::NOT_FOUND,
                "Nothing was changed: this link is not ours.\n",
            );
        }
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => (
            StatusCode::OK,
            "You get only what is essential from now on.\n",
        ),
        Err(error) => {
            tracing::error!(error = %error, "a mail preference cannot be written");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "Please try again in a minute.\n",
            )
        }
    }
}
